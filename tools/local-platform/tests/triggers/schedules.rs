//! Functions that are invoked every so many seconds.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Bytes;
use local_platform::stream::InvokeFunction;
use local_platform::{Invocation, InvokeError, Schedule, ScheduleError};
use tokio::sync::Semaphore;

use super::{Arc, Duration, PATIENCE, TestFunction, Value, failed, succeeded};

/// A function that runs until it is let go, and counts how many of it run at once.
#[derive(Clone)]
struct Slow {
    inner: TestFunction,
    may_end: Arc<Semaphore>,
    running: Arc<AtomicUsize>,
    running_max: Arc<AtomicUsize>,
}

impl InvokeFunction for Slow {
    async fn invoke(&self, payload: Bytes) -> Result<Invocation, InvokeError> {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.running_max.fetch_max(running, Ordering::SeqCst);
        self.may_end.acquire().await.unwrap().forget();
        self.running.fetch_sub(1, Ordering::SeqCst);
        self.inner.invoke(payload).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_comes_while_the_last_one_runs_is_left_out() {
    let slow = Slow {
        inner: TestFunction::new(|_, _| succeeded(&Value::Null)),
        may_end: Arc::new(Semaphore::new(0)),
        running: Arc::default(),
        running_max: Arc::default(),
    };
    let period = Duration::from_secs(10);
    let schedule = Schedule::start("sweep", period, slow.clone()).unwrap();
    tokio::time::sleep(Duration::from_secs(45)).await;
    assert_eq!(slow.running.load(Ordering::SeqCst), 1);
    slow.may_end.add_permits(100);
    tokio::time::sleep(Duration::from_secs(30)).await;
    // The turn of second 10 ended at 45; those of 50, 60 and 70 followed at their own times.
    assert_eq!(schedule.metrics().invocations, 4);
    assert_eq!(slow.running_max.load(Ordering::SeqCst), 1);
    schedule.shutdown(PATIENCE).await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_turn_is_counted_and_the_next_one_comes_at_its_time() {
    let function = TestFunction::new(|number, _| match number {
        1 => failed(),
        _ => succeeded(&Value::Null),
    });
    let period = Duration::from_mins(1);
    let schedule = Schedule::start("sweep", period, function.clone()).unwrap();
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(function.events().len(), 0);
    tokio::time::sleep(Duration::from_secs(62)).await;
    let metrics = schedule.metrics();
    assert_eq!((metrics.invocations, metrics.invocations_failed), (2, 1));
    let events = function.events();
    assert_eq!(events[0]["detail-type"], "Scheduled Event");
    assert_eq!(events[0]["source"], "aws.events");
    assert_ne!(events[0]["id"], events[1]["id"]);
    schedule.shutdown(PATIENCE).await;
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(function.events().len(), 2);
}

#[tokio::test]
async fn a_period_out_of_range_is_refused() {
    for period in [Duration::ZERO, Duration::from_secs(86_401)] {
        let refused = Schedule::start("sweep", period, TestFunction::finishing());
        assert_eq!(refused.unwrap_err(), ScheduleError::Period { period });
    }
}
