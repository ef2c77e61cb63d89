//! A concert hall to reserve seats of: concert c-1, with the function in a world of its own.
#![allow(
    dead_code,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and uses what it needs"
)]

use event_schema::events::{ConcertSoldOut, NotificationRequested};
use reservation_created::ReservationCreatedHandler;
use serde_json::{Value, json};
use tables::{Concert, Reservation};
use testkit::{Rig, item_key};

pub(crate) struct Hall {
    pub(crate) rig: Rig<ReservationCreatedHandler>,
}

/// A time of the day of all tests.
pub(crate) fn at(time: &str) -> String {
    let time = match time.len() {
        5 => format!("{time}:00.000"),
        _ => time.to_owned(),
    };
    format!("2026-11-21T{time}Z")
}

/// A hall with a concert that has these fields.
pub(crate) fn hall(concert: &Value) -> Hall {
    Hall::empty().with_concert(concert)
}

/// A reservation of concert c-1 as a producer sends it.
pub(crate) fn event(id: &str, user: &str, seat: Option<&str>, time: &str) -> Value {
    let mut event = json!({ "timestamp": at(time), "reservation_id": id, "user_id": user,
        "concert_id": "c-1", "amount": "120.00" });
    if let Some(seat) = seat {
        event["seat"] = json!(seat);
    }
    event
}

impl Hall {
    pub(crate) fn empty() -> Self {
        Self {
            rig: Rig::new(ReservationCreatedHandler),
        }
    }

    pub(crate) fn with_concert(self, fields: &Value) -> Self {
        let mut concert = fields.clone();
        concert["concert_id"] = json!("c-1");
        self.rig
            .store
            .seed(item_key("concerts", "c-1", "-"), &concert);
        self
    }

    pub(crate) fn seed_seat(&self, seat: &str, state: &str, reservation: &str, until: &str) {
        let item = json!({ "concert_id": "c-1", "seat": seat, "state": state,
            "reservation_id": reservation, "user_id": "u-0", "held_until": at(until) });
        self.rig.store.seed(item_key("seats", "c-1", seat), &item);
    }

    /// A payment that was there before its reservation.
    pub(crate) fn seed_early(&self, reservation: &str, payment: &Value) {
        let paid_for = format!("reservation#{reservation}");
        let mut early = json!({ "paid_for": paid_for, "payment_id": "pay-1", "event_id": "e-pay",
            "happened_at": at("09:59"), "state": "waiting" });
        for (name, value) in payment.as_object().unwrap() {
            early[name] = value.clone();
        }
        self.rig
            .store
            .seed(item_key("payments", &paid_for, "-"), &early);
    }

    pub(crate) async fn reserve(&self, id: &str, user: &str, seat: Option<&str>, time: &str) {
        self.rig.send([event(id, user, seat, time)]).await;
    }

    pub(crate) async fn send_status(
        &self,
        id: &str,
        user: &str,
        seat: Option<&str>,
        status: &str,
        time: &str,
    ) {
        let mut value = event(id, user, seat, time);
        value["status"] = json!(status);
        self.rig.send([value]).await;
    }

    pub(crate) async fn cancel(&self, id: &str, user: &str, time: &str) {
        self.send_status(id, user, None, "cancelled", time).await;
    }

    pub(crate) fn available(&self) -> Option<i64> {
        self.rig.item::<Concert>("c-1").unwrap().available
    }

    #[track_caller]
    pub(crate) fn reservation(&self, id: &str) -> Reservation {
        self.rig.item(id).unwrap()
    }

    pub(crate) fn sold_out(&self) -> Vec<ConcertSoldOut> {
        self.rig.published()
    }

    pub(crate) fn notifications(&self) -> Vec<NotificationRequested> {
        self.rig.published()
    }

    /// Which notifications went to whom, sorted.
    pub(crate) fn told(&self) -> Vec<String> {
        let requests = self.notifications().into_iter();
        let mut told: Vec<_> = requests
            .map(|request| format!("{} to {}", request.kind, request.recipient.as_str()))
            .collect();
        told.sort();
        told
    }
}
