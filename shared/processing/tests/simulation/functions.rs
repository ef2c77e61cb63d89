//! The functions under test: small handlers whose effects show, afterwards, what was applied and in which
//! order.
//!
//! Every one tells its place: each applied record publishes one event that names the record's partition,
//! offset and topic epoch, and writes it into a history or another item.

pub(crate) mod orders;

use event_schema::Recipient;
use event_schema::events::{
    BalanceCharged, CouponIssueRequested, NotificationChannel, NotificationKind,
    NotificationRequested, UserActivityRecorded,
};
use processing::{Decide, Dedup, Item, Key, OnPoison, Record, Rejection, Work};
use serde::{Deserialize, Serialize};

use crate::broker::Place;
use crate::faults::Fault;
use crate::ports::Line;

/// Coupons there are; fewer than users ask for.
pub(crate) const COUPONS: i64 = 4;
pub(crate) const COUPON: &str = "c-1";
/// An amount that the ledger refuses, until its code is mended.
pub(crate) const REFUSED_AMOUNT: i64 = 77;
/// An amount at which the ledger panics, until its code is mended.
pub(crate) const PANIC_AMOUNT: i64 = 13;
/// What a panic says that is part of a schedule.
pub(crate) const PANIC_ON_PURPOSE: &str = "a panic on purpose";

/// Which function a schedule runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Function {
    /// Event ids, poison is skipped.
    Ledger,
    /// Event ids, poison parks its key.
    ParkingLedger,
    /// Event ids, a hot counter and a natural key.
    Coupons,
    /// Event ids, queries, and batches that take several transactions.
    Orders,
    /// Positions.
    Activities,
    /// Deliveries outside the store.
    Mail,
}

impl Function {
    pub(crate) const ALL: [Self; 6] = [
        Self::Ledger,
        Self::ParkingLedger,
        Self::Coupons,
        Self::Orders,
        Self::Activities,
        Self::Mail,
    ];

    pub(crate) fn topic(self) -> &'static str {
        match self {
            Self::Ledger | Self::ParkingLedger => "balance.balance.charged",
            Self::Coupons => "coupon.coupon.issue-requested",
            Self::Orders => "order.order.created",
            Self::Activities => "user.activity.recorded",
            Self::Mail => "notification.notification.requested",
        }
    }

    /// Whether two records with one event id take effect once.
    pub(crate) fn knows_event_ids(self) -> bool {
        self != Self::Activities
    }

    /// Whether it publishes events.
    pub(crate) fn publishes(self) -> bool {
        self != Self::Mail
    }
}

/// An account, and the places of the charges that made it, in order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) user: String,
    pub(crate) balance: i64,
    pub(crate) history: Vec<String>,
}

impl Item for Account {
    const TABLE: &'static str = "accounts";
    fn key(&self) -> Key {
        Key::from(&self.user)
    }
}

/// The account whose money counts as well when a user spends.
pub(crate) fn partner(user: &str) -> String {
    (user.parse::<u32>().unwrap_or(0) ^ 1).to_string()
}

/// Two accounts together never fall below zero, although each record writes only one of them.
fn charge(
    line: &Line,
    record: &Record<BalanceCharged>,
    work: &mut Work<'_>,
) -> Result<(), Rejection> {
    dependency(line)?;
    let user = record.event.user_id.to_string();
    let amount = i64::try_from(record.event.amount).unwrap_or_default();
    assert!(line.fixed || amount != PANIC_AMOUNT, "{PANIC_ON_PURPOSE}");
    if !line.fixed && amount == REFUSED_AMOUNT {
        return Err(Rejection::permanent("refused", "the amount is not taken"));
    }
    let accounts = work.get_many::<Account, _>([&user, &partner(&user)])?;
    let mut accounts = accounts.into_iter().map(Option::unwrap_or_default);
    let (mut own, other) = (
        accounts.next().unwrap_or_default(),
        accounts.next().unwrap_or_default(),
    );
    if amount < 0 && own.balance + other.balance + amount < 0 {
        return Err(Rejection::permanent(
            "insufficient",
            "there is too little money",
        ));
    }
    let place = Place::of(&record.position, 0).to_string();
    own.user.clone_from(&user);
    own.balance += amount;
    own.history.push(place.clone());
    work.put(&own);
    work.publish(told(&user, NotificationKind::PaymentCompleted, &place)?);
    Ok(())
}

pub(crate) struct Ledger(pub(crate) Line);

impl Decide for Ledger {
    type Event = BalanceCharged;
    const NAME: &'static str = "ledger";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(
        &self,
        record: &Record<BalanceCharged>,
        work: &mut Work<'_>,
    ) -> Result<(), Rejection> {
        charge(&self.0, record, work)
    }
}

pub(crate) struct ParkingLedger(pub(crate) Line);

impl Decide for ParkingLedger {
    type Event = BalanceCharged;
    const NAME: &'static str = "parking-ledger";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::ParkKey;

    fn decide(
        &self,
        record: &Record<BalanceCharged>,
        work: &mut Work<'_>,
    ) -> Result<(), Rejection> {
        charge(&self.0, record, work)
    }
}

/// How many coupons are left.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Stock {
    pub(crate) left: i64,
}

impl Item for Stock {
    const TABLE: &'static str = "stock";
    fn key(&self) -> Key {
        Key::from(COUPON)
    }
}

/// A user's coupon, and the place of the record that it was issued for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Issued {
    pub(crate) user: String,
    pub(crate) place: String,
}

impl Item for Issued {
    const TABLE: &'static str = "issued";
    fn key(&self) -> Key {
        Key::from((COUPON, &self.user))
    }
}

pub(crate) struct Coupons(pub(crate) Line);

impl Decide for Coupons {
    type Event = CouponIssueRequested;
    const NAME: &'static str = "coupons";
    const DEDUP: Dedup = Dedup::EventId;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(
        &self,
        record: &Record<CouponIssueRequested>,
        work: &mut Work<'_>,
    ) -> Result<(), Rejection> {
        dependency(&self.0)?;
        let user = record.event.user_id.to_string();
        let place = Place::of(&record.position, 0).to_string();
        let has_one = work.get::<Issued>((COUPON, &user))?.is_some();
        let left = work.peek::<Stock>(COUPON)?.unwrap_or_default().left;
        if has_one || left == 0 {
            work.publish(told(&user, NotificationKind::CouponRefused, &place)?);
            return Ok(());
        }
        work.add::<Stock>(COUPON, "left", -1).at_least(0);
        work.publish(told(&user, NotificationKind::CouponIssued, &place)?);
        work.put(&Issued { user, place });
        Ok(())
    }
}

/// How often something was done.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Count {
    #[serde(default)]
    pub(crate) count: i64,
}

impl Item for Count {
    const TABLE: &'static str = "counts";
    fn key(&self) -> Key {
        Key::from("all")
    }
}

/// What a user did, in order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Trail {
    pub(crate) user: String,
    pub(crate) history: Vec<String>,
}

impl Item for Trail {
    const TABLE: &'static str = "trails";
    fn key(&self) -> Key {
        Key::from(&self.user)
    }
}

pub(crate) struct Activities(pub(crate) Line);

impl Decide for Activities {
    type Event = UserActivityRecorded;
    const NAME: &'static str = "activities";
    const DEDUP: Dedup = Dedup::Position;
    const ON_POISON: OnPoison = OnPoison::Skip;

    fn decide(
        &self,
        record: &Record<UserActivityRecorded>,
        work: &mut Work<'_>,
    ) -> Result<(), Rejection> {
        dependency(&self.0)?;
        let user = record.event.user_id.to_string();
        let epoch = record
            .event
            .target_id
            .as_ref()
            .and_then(|id| id.to_string().parse().ok());
        let place = Place::of(&record.position, epoch.unwrap_or(0)).to_string();
        let mut trail = work.get::<Trail>(&user)?.unwrap_or_default();
        trail.user.clone_from(&user);
        trail.history.push(place.clone());
        work.put(&trail);
        work.add::<Count>("all", "count", 1);
        work.publish(told(&user, NotificationKind::Welcome, &place)?);
        Ok(())
    }
}

/// Something that a handler rests on and that may be missing for a moment.
fn dependency(line: &Line) -> Result<(), Rejection> {
    if line.sim.fault(&[Fault::TransientRejection]).is_some() {
        line.sim.trouble(line.task);
        return Err(Rejection::transient(
            "not_yet",
            "something is missing still",
        ));
    }
    Ok(())
}

fn told(
    user: &str,
    kind: NotificationKind,
    place: &str,
) -> Result<NotificationRequested, Rejection> {
    let recipient = Recipient::new(user).map_err(|error| {
        Rejection::permanent("no_recipient", "the user cannot be told").caused_by(error)
    })?;
    Ok(NotificationRequested {
        recipient,
        kind,
        channel: NotificationChannel::default(),
        locale: None,
        data: [("place", place)].into_iter().collect(),
    })
}
