//! Records come from the engine: their identity cannot be chosen.
use event_schema::Timestamp;
use processing::Record;

fn main() {
    let _record = Record {
        event: (),
        event_id: None,
        timestamp: Timestamp::from_ms(0),
        ordering_key: None,
        traceparent: None,
    };
}
