//! The producer: interleaved keys, events sent twice, ids used twice, legacy records and poison.

use serde_json::{Value, json};
use testkit::KafkaRecord;

use crate::broker::{Broker, Kind, Partition, Place, Produced};
use crate::faults::Fault;
use crate::functions::orders::{LINES_MAX, LINES_TOO_MANY, PRODUCTS};
use crate::functions::{Function, PANIC_AMOUNT, REFUSED_AMOUNT};
use crate::sim::Sim;

/// Users there are; the first share an account with the next, and so on.
const USERS: u64 = 4;

/// What a schedule's producer does.
#[derive(Clone)]
pub(crate) struct Producer {
    pub(crate) sim: Sim,
    pub(crate) broker: Broker,
    pub(crate) function: Function,
    pub(crate) records: u64,
    /// How long it waits between records, at most.
    pub(crate) pause_ms_max: u64,
    /// Nothing but charges that add to an account.
    pub(crate) plain: bool,
}

impl Producer {
    pub(crate) async fn run(self) {
        for number in 0..self.records {
            if self.function == Function::Activities && self.sim.chance(3) {
                self.sim.count(Fault::TopicMadeAgain);
                self.make_again().await;
            }
            self.produce(number);
            let pause = self.sim.below(self.pause_ms_max + 1);
            self.sim.sleep_ms(pause).await;
        }
        self.broker.topic().producer_done = true;
    }

    /// The topic's partitions start over; what is written from then on is newer than all before.
    async fn make_again(&self) {
        self.sim.sleep_ms(1).await;
        self.sim.note(|| "the topic is made again");
        let mut topic = self.broker.topic();
        topic.partitions.iter_mut().for_each(Partition::make_again);
    }

    fn produce(&self, number: u64) {
        let draft = self.draft(number);
        let now_ms = self.sim.now_ms();
        let mut topic = self.broker.topic();
        let count = topic.partitions.len();
        let index = draft.user.parse::<usize>().unwrap() % count;
        let partition = &mut topic.partitions[index];
        let place = Place {
            partition: i32::try_from(index).unwrap(),
            epoch: partition.epoch,
            offset: partition.next_offset,
        };
        partition.next_offset += 1;
        let mut record = KafkaRecord::new(self.function.topic(), place.partition, place.offset)
            .key(self.key(&draft.user));
        record.timestamp_ms = Some(now_ms);
        record.value = draft.value(self.function, place.epoch);
        if draft.id_in_header
            && let Some(id) = &draft.event_id
        {
            record = record.header("event_id", id.as_bytes());
        }
        let Draft {
            kind,
            user,
            amount,
            event_id,
            malformed,
            ..
        } = draft;
        self.sim.note(|| {
            format!(
                "produced {place} user {user} {kind:?} {event_id:?} {amount}{}",
                if malformed { " malformed" } else { "" }
            )
        });
        partition.log.push(Produced {
            place,
            record,
            malformed,
            kind,
            user,
            amount,
            event_id,
        });
    }

    fn key(&self, user: &str) -> String {
        match self.function {
            Function::Ledger | Function::ParkingLedger => format!("user:{user}"),
            Function::Coupons | Function::Orders | Function::Activities | Function::Mail => {
                user.to_owned()
            }
        }
    }

    fn draft(&self, number: u64) -> Draft {
        let sim = &self.sim;
        let amount = if sim.chance(60) {
            1 + i64::try_from(sim.below(9)).unwrap()
        } else {
            -1 - i64::try_from(sim.below(9)).unwrap()
        };
        let mut draft = Draft {
            kind: Kind::Event,
            user: sim.below(USERS).to_string(),
            amount,
            event_id: Some(format!("e-{number}")),
            malformed: false,
            legacy: sim.chance(10),
            id_in_header: sim.chance(10),
            text: Text::OfFields,
        };
        if draft.legacy {
            sim.count(Fault::LegacyRecord);
        }
        if self.function == Function::Orders {
            let lines = sim.below(u64::try_from(LINES_MAX).unwrap());
            draft.amount = 1 + i64::try_from(lines).unwrap();
        }
        if self.plain {
            draft.amount = draft.amount.abs();
            return draft;
        }
        match sim.below(100) {
            0..8 if self.function.knows_event_ids() => self.send_again(&mut draft),
            8..12 if self.function.knows_event_ids() => self.reuse_an_id(&mut draft),
            12..20 => self.poison(&mut draft),
            20..22 => {
                sim.count(Fault::OtherType);
                draft.kind = Kind::OtherType;
                let other = json!({ "event_id": "o", "event_type": "order.deleted" });
                draft.text = Text::Other(other.to_string());
            }
            _ => {}
        }
        draft
    }

    fn earlier(&self) -> Option<Produced> {
        let topic = self.broker.topic();
        let events: Vec<_> = topic
            .produced()
            .filter(|earlier| earlier.kind == Kind::Event)
            .collect();
        let index = self.sim.index_below(events.len().max(1));
        events.get(index).copied().cloned()
    }

    fn send_again(&self, draft: &mut Draft) {
        let Some(earlier) = self.earlier() else {
            return;
        };
        self.sim.count(Fault::EventTwice);
        let text = String::from_utf8(earlier.record.value.clone().unwrap()).unwrap();
        draft.id_in_header = !earlier.record.headers.is_empty();
        draft.user = earlier.user;
        draft.amount = earlier.amount;
        draft.event_id = earlier.event_id;
        draft.text = Text::Other(text);
    }

    fn reuse_an_id(&self, draft: &mut Draft) {
        let Some(earlier) = self.earlier() else {
            return;
        };
        self.sim.count(Fault::IdReused);
        draft.event_id = earlier.event_id;
    }

    fn poison(&self, draft: &mut Draft) {
        let sim = &self.sim;
        sim.count(Fault::Poison);
        draft.kind = Kind::Poison;
        let ledger = matches!(self.function, Function::Ledger | Function::ParkingLedger);
        match sim.below(8) {
            0 => draft.text = Text::Tombstone,
            1 => draft.malformed = true,
            2 => {
                let unknown = json!({ "event_id": draft.event_id, "schema_version": "9.0" });
                draft.text = Text::Other(unknown.to_string());
            }
            3 => draft.text = Text::Other(json!({ "event_id": draft.event_id }).to_string()),
            4 if ledger => (draft.kind, draft.amount) = (Kind::Unlucky, REFUSED_AMOUNT),
            5 if ledger => (draft.kind, draft.amount) = (Kind::Unlucky, PANIC_AMOUNT),
            // Too large while all of it is there; refused like any other once it is not.
            4 | 5 if self.function == Function::Orders => {
                (draft.kind, draft.amount) = (Kind::Event, LINES_TOO_MANY);
            }
            6 if self.function.knows_event_ids() => draft.event_id = None,
            _ => draft.text = Text::Other("not json".to_owned()),
        }
        if draft.text != Text::OfFields || draft.malformed {
            draft.id_in_header = false;
        }
    }
}

struct Draft {
    kind: Kind,
    user: String,
    amount: i64,
    event_id: Option<String>,
    malformed: bool,
    /// Written as existing producers write.
    legacy: bool,
    id_in_header: bool,
    text: Text,
}

/// What a record's value is.
#[derive(PartialEq, Eq)]
enum Text {
    OfFields,
    Other(String),
    Tombstone,
}

impl Draft {
    fn value(&self, function: Function, epoch: u32) -> Option<Vec<u8>> {
        match &self.text {
            Text::OfFields => {}
            Text::Other(text) => return Some(text.clone().into_bytes()),
            Text::Tombstone => return None,
        }
        let mut value = match function {
            Function::Ledger | Function::ParkingLedger if self.legacy => {
                json!({ "eventType": "BALANCE_CHARGED", "userId": self.user, "amount": self.amount })
            }
            Function::Ledger | Function::ParkingLedger => {
                json!({ "event_type": "balance.charged", "user_id": self.user, "amount": self.amount })
            }
            // The amount makes payloads differ.
            Function::Coupons => {
                json!({ "coupon_id": "c-1", "userId": self.user, "n": self.amount })
            }
            Function::Orders => {
                let lines = 0..usize::try_from(self.amount).unwrap();
                let line =
                    |n| json!({ "product_id": format!("p-{}", n % PRODUCTS), "quantity": 1 });
                let lines: Vec<_> = lines.map(line).collect();
                json!({ "order_id": "o-1", "userId": self.user, "items": lines })
            }
            Function::Activities if self.legacy => {
                json!({ "activityType": "login", "userId": self.user, "targetId": epoch.to_string() })
            }
            Function::Activities => {
                json!({ "action": "login", "user_id": self.user, "target_id": epoch.to_string() })
            }
            Function::Mail => {
                json!({ "recipient": self.user, "kind": "welcome", "data": { "n": self.amount.to_string() } })
            }
        };
        if let (false, Some(id), Value::Object(fields)) =
            (self.id_in_header, &self.event_id, &mut value)
        {
            let name = if self.legacy { "eventId" } else { "event_id" };
            fields.insert(name.to_owned(), Value::from(id.as_str()));
        }
        Some(value.to_string().into_bytes())
    }
}
