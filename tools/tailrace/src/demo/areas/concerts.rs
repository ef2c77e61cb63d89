//! Concerts: more reservations than seats, one that sells out, and those who wait for it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use event_schema::events::{
    ConcertSoldOut, NotificationKind, NotificationRequested, ReservationCreated,
};
use event_schema::{ConcertId, Decimal, ReservationId, SeatId, Timestamp, UserId};
use processing::Body;
use serde_json::json;

use super::Business;
use crate::demo::checks::Check;
use crate::demo::evidence::{Evidence, text, whole};
use crate::demo::plan::{self, PlanError, Recipe, Seed};
use crate::demo::random::Random;
use crate::screen::Screen;
use crate::text::{Table, bar, counted, grouped};

/// Each concert with its seats and the reservations for them.
const CONCERTS: [(&str, u32, u32); 3] = [
    ("aurora", 40, 160),
    ("nocturne", 60, 150),
    ("encore", 200, 90),
];
/// Users that reserve.
const USERS: u32 = 400;
/// Booking began so long before the first reservation.
const BOOKING_MS: i64 = 60_000;
/// Characters of a bar.
const BAR_WIDTH: usize = 24;

pub(super) fn plan(
    recipe: &Recipe,
    random: &mut Random,
    business: &mut Business,
) -> Result<(), PlanError> {
    let began = Timestamp::from_ms(recipe.starts_at.as_ms() - BOOKING_MS);
    for (concert, seats, reservations) in CONCERTS {
        business.seeds.push(Seed {
            table: "concerts",
            partition: concert.to_owned(),
            sort: "-".to_owned(),
            item: json!({ "concert_id": concert, "available": seats, "total_seats": seats }),
        });
        for number in 0..reservations {
            // First every seat once, then those that are taken: a concert with more reservations sells out.
            let seat = if number < seats {
                number + 1
            } else {
                random.between(1, seats)
            };
            let reservation = ReservationCreated {
                reservation_id: ReservationId::new(format!("r-{concert}-{number:03}"))?,
                user_id: UserId::new(format!("u-{:03}", random.between(0, USERS)))?,
                concert_id: ConcertId::new(concert)?,
                seat: Some(SeatId::new(format!("seat-{seat:03}"))?),
                amount: Some(Decimal::from(random.between(5, 20) * 10_000)),
                status: None,
                booking_started_at: Some(began),
            };
            let id = format!("reservation-{concert}-{number}");
            let record = plan::record(reservation, &id, recipe.at(number))?;
            business.push(record, random);
        }
    }
    Ok(())
}

/// Concert, reservation, user and status of what is stored.
struct Booked<'a> {
    concert: &'a str,
    user: &'a str,
    seat: &'a str,
    state: &'a str,
}

fn reservations<'a>(evidence: &Evidence<'a>) -> BTreeMap<&'a str, Booked<'a>> {
    let items = evidence.items("reservations").iter();
    let booked = items.map(|((id, _), item)| {
        let booked = Booked {
            concert: text(item, "concert_id"),
            user: text(item, "user_id"),
            seat: text(item, "seat"),
            state: text(item, "state"),
        };
        (id.as_str(), booked)
    });
    booked.collect()
}

pub(super) fn checks(evidence: &Evidence<'_>) -> Vec<Check> {
    let booked = reservations(evidence);
    vec![
        all_are_stored_once(evidence, &booked),
        each_seat_is_one_users(evidence, &booked),
        counters_follow(evidence, &booked),
        sell_outs_are_told_once(evidence),
        waiting_users_are_told_once(evidence, &booked),
        rankings_are_right(evidence),
    ]
}

fn all_are_stored_once(evidence: &Evidence<'_>, booked: &BTreeMap<&str, Booked<'_>>) -> Check {
    let sent: BTreeMap<String, String> = (evidence.distinct::<ReservationCreated>().into_iter())
        .map(|found| {
            let event = found.event;
            (event.reservation_id.to_string(), event.user_id.to_string())
        })
        .collect();
    let stored = booked.iter();
    let stored = stored
        .map(|(id, one)| ((*id).to_owned(), one.user.to_owned()))
        .collect();
    let count = |state: &str| booked.values().filter(|one| one.state == state).count();
    let (confirmed, refused) = (count("confirmed"), count("refused"));
    let claim = format!(
        "{} reservations are confirmed and paid, {} refused; none is left on the way",
        counted(confirmed),
        counted(refused)
    );
    let mut check = Check::same(claim, &sent, &stored);
    if confirmed + refused != booked.len() {
        let problem = format!("{} of {} are decided", confirmed + refused, booked.len());
        check.problem.get_or_insert(problem);
    }
    check
}

/// A confirmed reservation has its seat, and a seat one reservation; who was refused asked for a seat of another.
fn each_seat_is_one_users(evidence: &Evidence<'_>, booked: &BTreeMap<&str, Booked<'_>>) -> Check {
    let mut expected: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut differences = Vec::new();
    for (id, one) in booked.iter().filter(|(_, one)| one.state == "confirmed") {
        let seat = (one.concert.to_owned(), one.seat.to_owned());
        if let Some(other) = expected.insert(seat, (*id).to_owned()) {
            differences.push(format!("{other} and {id} have one seat"));
        }
    }
    let seats = evidence.items("seats").iter();
    let found: BTreeMap<(String, String), String> = seats
        .filter(|(_, seat)| text(seat, "state") == "confirmed")
        .map(|(key, seat)| (key.clone(), text(seat, "reservation_id").to_owned()))
        .collect();
    for (id, one) in booked.iter().filter(|(_, one)| one.state == "refused") {
        if !found.contains_key(&(one.concert.to_owned(), one.seat.to_owned())) {
            differences.push(format!("{id} was refused although its seat is free"));
        }
    }
    let claim = format!("{} seats are one user's each", counted(found.len()));
    let mut check = Check::same(claim, &expected, &found);
    check.problem = check.problem.or(Check::of("", &differences).problem);
    check
}

fn counters_follow(evidence: &Evidence<'_>, booked: &BTreeMap<&str, Booked<'_>>) -> Check {
    let expected: BTreeMap<String, i64> = (CONCERTS.iter())
        .map(|(concert, seats, _)| {
            let taken = booked.values();
            let taken = taken.filter(|one| one.concert == *concert && one.state == "confirmed");
            let taken = i64::try_from(taken.count()).unwrap_or(-1);
            ((*concert).to_owned(), i64::from(*seats) - taken)
        })
        .collect();
    let found = evidence.items("concerts").iter();
    let found = found
        .map(|((concert, _), item)| (concert.clone(), whole(item, "available")))
        .collect();
    Check::same(
        "what is left of a concert is what nobody has",
        &expected,
        &found,
    )
}

/// A concert without a free seat is told of once, and closed; others are not.
fn sell_outs_are_told_once(evidence: &Evidence<'_>) -> Check {
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for found in evidence.distinct::<ConcertSoldOut>() {
        if found.event.cursor.is_none() {
            *told.entry(found.event.concert_id.to_string()).or_default() += 1;
        }
    }
    let mut expected: BTreeMap<String, usize> = BTreeMap::new();
    let mut problem = None;
    for ((concert, _), item) in evidence.items("concerts") {
        let is_full = whole(item, "available") == 0;
        if is_full {
            expected.insert(concert.clone(), 1);
        }
        if is_full != item.contains_key("closed_at") {
            problem = Some(format!("{concert} is closed or open without reason"));
        }
    }
    let claim = format!(
        "{} concerts sold out, told once each, and are closed",
        counted(told.len())
    );
    let mut check = Check::same(claim, &expected, &told);
    check.problem = check.problem.or(problem);
    check
}

/// Who was refused is on the list, and is told that the concert is sold out once: by the page of the list, or by
/// the refusal itself.
fn waiting_users_are_told_once(
    evidence: &Evidence<'_>,
    booked: &BTreeMap<&str, Booked<'_>>,
) -> Check {
    let refused: BTreeSet<(String, String)> = (booked.values())
        .filter(|one| one.state == "refused")
        .map(|one| (one.concert.to_owned(), one.user.to_owned()))
        .collect();
    let waiting = evidence.items("waiting");
    let on_list: BTreeSet<_> = waiting.keys().cloned().collect();
    let mut told: BTreeMap<(String, String), usize> = BTreeMap::new();
    for found in evidence.distinct::<NotificationRequested>() {
        let concert = found.event.data.get("concert_id").unwrap_or_default();
        if found.event.kind == NotificationKind::ConcertSoldOut {
            let user = found.event.recipient.as_str().to_owned();
            *told.entry((concert.to_owned(), user)).or_default() += 1;
        }
    }
    let sold_out = evidence.items("concerts").iter();
    let sold_out: BTreeSet<&str> = sold_out
        .filter(|(_, item)| whole(item, "available") == 0)
        .map(|((concert, _), _)| concert.as_str())
        .collect();
    let knows = |item: &Body| item.get("knows") == Some(&true.into());
    let expected: BTreeMap<(String, String), usize> = (waiting.iter())
        .filter(|((concert, _), item)| sold_out.contains(concert.as_str()) && !knows(item))
        .map(|(key, _)| (key.clone(), 1))
        .collect();
    let claim = format!(
        "{} users wait, each on the list once; those who did not know were told that it is sold out, once",
        counted(on_list.len())
    );
    let mut check = Check::same(claim, &expected, &told);
    if refused != on_list {
        let problem = format!("{} were refused, {} wait", refused.len(), on_list.len());
        check.problem.get_or_insert(problem);
    }
    check
}

/// Bookings of a day, and how fast concerts sold out: each reservation and each end counts once.
fn rankings_are_right(evidence: &Evidence<'_>) -> Check {
    let mut expected: BTreeMap<(String, String), i64> = BTreeMap::new();
    for found in evidence.distinct::<ReservationCreated>() {
        let day: String = found.timestamp.to_string().chars().take(10).collect();
        let concert = found.event.concert_id.to_string();
        *expected.entry((day, concert)).or_default() += 1;
    }
    for found in evidence.distinct::<ConcertSoldOut>() {
        let ends = found.event.booking_started_at.zip(found.event.sold_out_at);
        if let (Some((began, ended)), None) = (ends, &found.event.cursor) {
            let concert = format!("{}, ms to the last seat", found.event.concert_id);
            expected.insert((concert, String::new()), ended.as_ms() - began.as_ms());
        }
    }
    let bookings = evidence.items("daily-bookings").iter();
    let mut found: BTreeMap<(String, String), i64> = bookings
        .map(|(key, item)| (key.clone(), whole(item, "bookings")))
        .collect();
    for ((concert, _), item) in evidence.items("sell-outs") {
        if item.contains_key("elapsed_ms") {
            let concert = format!("{concert}, ms to the last seat");
            found.insert((concert, String::new()), whole(item, "elapsed_ms"));
        }
    }
    Check::same(
        "the rankings of bookings and of sell-outs are right",
        &expected,
        &found,
    )
}

pub(super) fn show(evidence: &Evidence<'_>, screen: &mut Screen) -> io::Result<()> {
    screen.heading("Concerts, by bookings")?;
    let mut ranking: Vec<(i64, &str)> = (evidence.items("daily-bookings").iter())
        .map(|((_, concert), item)| (whole(item, "bookings"), concert.as_str()))
        .collect();
    ranking.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(other.1)));
    let most = ranking.first().map_or(0, |(bookings, _)| *bookings);
    let wide = |count: i64| u64::try_from(count).unwrap_or(0);
    let mut table = Table::new(&[true, false, true, false, false, true]);
    table.row([
        "concert",
        "bookings",
        "",
        "seats left",
        "waiting",
        "sold out after",
    ]);
    for (bookings, concert) in ranking {
        let key = (concert.to_owned(), "-".to_owned());
        let left = evidence.items("concerts").get(&key);
        let waiting = evidence.items("waiting").keys();
        let waiting = waiting.filter(|(of, _)| of == concert).count();
        let sold_out = evidence.items("sell-outs").get(&key);
        let elapsed = sold_out.filter(|item| item.contains_key("elapsed_ms"));
        let elapsed = elapsed.map(|item| whole(item, "elapsed_ms"));
        let seconds = elapsed.map(|ms| format!("{}.{:03} s", ms / 1_000, ms % 1_000));
        table.row([
            concert,
            &grouped(bookings),
            &bar(wide(bookings), wide(most), BAR_WIDTH),
            &grouped(left.map_or(0, |item| whole(item, "available"))),
            &counted(waiting),
            seconds.as_deref().unwrap_or("-"),
        ]);
    }
    screen.line(&table.lay_out())
}
