//! Disturbed deliveries: every call of every port fails in every way, once and for a while; then at random.
//!
//! Whatever fails, what is left in the end is what an undisturbed run leaves.

use processing::Decide;

use super::picture::Picture;
use super::world::Course;
use super::{Suite, poison};
use crate::report::CheckReport;
use crate::{Fault, FaultPlan, KafkaRecord, PortCall, Reading};

/// Calls that fail in a row: more than the engine tries again within an invocation.
const OUTAGE_CALLS: usize = 12;
/// Seeds that are tried under each reading.
const SEEDS: u64 = 12;
/// How many calls of a thousand go wrong at random.
const FAULTS_PER_MILLE: u64 = 150;
/// The call after which nothing goes wrong at random any more, so that a run ends.
const RANDOM_CALLS: usize = 60;
pub(super) async fn check<H: Decide, F: Fn() -> H>(suite: &Suite<F>, report: &mut CheckReport) {
    let mut records = suite.records();
    records.extend(poison_in_front(suite));
    let undisturbed = suite
        .deliver(records.clone(), Course::one_by_one())
        .await
        .picture;
    for reading in Reading::ALL {
        let disturbed = Disturbed {
            suite,
            reading,
            records: &records,
            undisturbed: &undisturbed,
        };
        disturbed.every_call(report).await;
        disturbed.at_random(report).await;
    }
}

/// Poison among the samples, so that dead letters are sent as well.
fn poison_in_front<H: Decide, F: Fn() -> H>(suite: &Suite<F>) -> Option<KafkaRecord> {
    let (_, value) = poison::values(suite).pop()?;
    Some(poison::record(
        suite,
        value.as_deref(),
        Some(poison::POISON_KEY.into()),
    ))
}

/// What all disturbed runs under one reading share.
struct Disturbed<'a, F> {
    suite: &'a Suite<F>,
    reading: Reading,
    records: &'a [KafkaRecord],
    undisturbed: &'a Picture,
}

impl<H: Decide, F: Fn() -> H> Disturbed<'_, F> {
    async fn every_call(&self, report: &mut CheckReport) {
        let reading = self.reading;
        for (number, call) in (1..).zip(self.calls().await) {
            let faults = Fault::ALL
                .into_iter()
                .filter(|fault| call.port.fault(*fault) == *fault);
            for (fault, calls) in faults.flat_map(|fault| [(fault, 1), (fault, OUTAGE_CALLS)]) {
                let port = call.port;
                let sentence = format!(
                    "nothing is lost or repeated when call {number} ({port:?}) and what follows it, \
                     {calls} in all, meet {fault:?} ({reading:?})"
                );
                let faults = FaultPlan::during(number..=number + calls - 1, fault);
                report.note(
                    sentence,
                    self.run(Course {
                        faults,
                        ..self.course()
                    })
                    .await,
                );
            }
        }
    }

    async fn at_random(&self, report: &mut CheckReport) {
        let reading = self.reading;
        for seed in 0..SEEDS {
            let sentence = format!("nothing is lost or repeated under seed {seed} ({reading:?})");
            let batch_records_max = usize::try_from(seed % 4).unwrap_or(0) * 2 + 1;
            let faults = FaultPlan::random(seed, FAULTS_PER_MILLE, RANDOM_CALLS);
            let course = Course {
                faults,
                batch_records_max,
                copies: 1,
                ..self.course()
            };
            report.note(sentence, self.run(course).await);
        }
    }

    fn course(&self) -> Course {
        Course::batch(self.reading)
    }

    /// The calls of a run in which nothing goes wrong.
    async fn calls(&self) -> Vec<PortCall> {
        let course = self.course();
        let faults = course.faults.clone();
        self.suite.deliver(self.records.to_vec(), course).await;
        faults.calls()
    }

    async fn run(&self, course: Course) -> Result<(), String> {
        let outcomes = self.suite.deliver(self.records.to_vec(), course).await;
        outcomes.equals::<H>(self.undisturbed, self.records)
    }
}
