//! What happens to a concert, drawn from a seed: reservations, payments, statuses, and their copies.
//!
//! Topics have no common order, so any event may arrive before any other.

use std::collections::BTreeMap;

use event_schema::Timestamp;
use serde_json::{Value, json};
use testkit::Random;

use crate::hall::Function;

/// Reservations of a plan.
const RESERVATIONS: u64 = 12;
/// Users who make them.
const USERS: u64 = 8;
/// Seats that have numbers; a third of the reservations asks for any place.
const NUMBERED: u64 = 4;
/// Seats at most: fewer than reservations, so that some are refused.
const SEATS_MAX: u64 = 6;
/// Of a hundred events so many arrive a second time.
const COPIES_PERCENT: u64 = 25;
/// What each reservation costs.
const AMOUNT: i64 = 90;
/// The minute of the first reservations.
const BEGIN_MS: i64 = 1_795_000_000_000;

/// A concert and all that happens to it, in the order of arrival.
pub(crate) struct Plan {
    pub(crate) seats: u64,
    /// Whether another system says that it is sold out.
    pub(crate) is_ended_elsewhere: bool,
    pub(crate) arrivals: Vec<(Function, Value)>,
    /// When each payment was made that succeeded, by its id.
    pub(crate) payments: BTreeMap<String, Timestamp>,
    /// The reservations that were made.
    pub(crate) reservations: Vec<String>,
}

impl Plan {
    pub(crate) fn new(random: &mut Random) -> Self {
        let mut plan = Self {
            seats: random.below(SEATS_MAX) + 1,
            is_ended_elsewhere: random.below(5) == 0,
            arrivals: Vec::new(),
            payments: BTreeMap::new(),
            reservations: Vec::new(),
        };
        for n in 0..RESERVATIONS {
            plan.reserve(n, random);
        }
        if plan.is_ended_elsewhere {
            let end = json!({ "event_id": "e-end", "concert_id": "c-1" });
            plan.arrivals.push((Function::ConcertSoldOut, end));
        }
        let copies = plan.arrivals.clone().into_iter();
        let copies: Vec<_> = copies
            .filter(|_| random.below(100) < COPIES_PERCENT)
            .collect();
        plan.arrivals.extend(copies);
        // Reservations mostly come before their payments: those were drawn first, and most stay near their place.
        let mut keyed: Vec<_> = (plan.arrivals.drain(..).enumerate())
            .map(|(n, arrival)| (n as u64 + random.below(20), arrival))
            .collect();
        keyed.sort_by_key(|(place, _)| *place);
        plan.arrivals = keyed.into_iter().map(|(_, arrival)| arrival).collect();
        plan
    }

    fn reserve(&mut self, n: u64, random: &mut Random) {
        let id = format!("r-{n}");
        let minute = i64::try_from(n * 4 + random.below(10)).unwrap();
        let at = BEGIN_MS + minute * 60_000;
        let base = json!({ "reservation_id": id, "user_id": format!("u-{}", n % USERS),
            "concert_id": "c-1", "amount": AMOUNT });
        let mut made = base.clone();
        made["event_id"] = json!(format!("e-{id}"));
        made["timestamp"] = json!(Timestamp::from_ms(at).to_string());
        if random.below(3) > 0 {
            made["seat"] = json!(format!("A-{}", random.below(NUMBERED)));
        }
        self.arrivals.push((Function::ReservationCreated, made));
        for payment in 0..random.below(3) {
            self.pay(&id, payment, at, random);
        }
        if random.below(6) == 0 {
            let mut cancelled = base;
            cancelled["event_id"] = json!(format!("e-{id}-cancelled"));
            cancelled["timestamp"] = json!(Timestamp::from_ms(at + 60_000).to_string());
            cancelled["status"] = json!("cancelled");
            self.arrivals
                .push((Function::ReservationCreated, cancelled));
        }
        self.reservations.push(id);
    }

    /// A payment up to half an hour after its reservation: some are too late, fail, or are of another amount.
    fn pay(&mut self, reservation: &str, n: u64, at: i64, random: &mut Random) {
        let id = format!("pay-{reservation}-{n}");
        let minutes = i64::try_from(random.below(30)).unwrap();
        let paid_at = Timestamp::from_ms(at + minutes * 60_000);
        let mut payment = json!({ "event_id": format!("e-{id}"), "payment_id": id,
            "reservation_id": reservation, "timestamp": paid_at.to_string() });
        if random.below(3) == 0 {
            payment["reason"] = json!("insufficient_funds");
            self.arrivals.push((Function::PaymentFailed, payment));
            return;
        }
        let difference = i64::from(random.below(8) == 0);
        payment["amount"] = json!(AMOUNT - difference);
        self.arrivals.push((Function::PaymentCompleted, payment));
        self.payments.insert(id, paid_at);
    }
}
