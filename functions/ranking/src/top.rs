//! The top of a board, read by its index: in an order that is defined for ties too.
//!
//! An index has no order among items of one sort key. So ties of the last place are read whole, and sorted here.

use std::error::Error;
use std::future::Future;

/// Places that can be asked for.
pub const PLACES_MAX: u32 = 100;

/// Items that are read for one top at most: more ties than this are refused.
pub const READ_ITEMS_MAX: usize = 10_000;

/// Items of a page.
const PAGE_ITEMS: u32 = 200;

/// Which end of the index is the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The most bookings.
    HighestFirst,
    /// The fastest sell-out.
    LowestFirst,
}

/// One concert on a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The concert.
    pub concert_id: String,
    /// Its bookings, or the milliseconds that its sell-out took.
    pub score: i64,
}

/// An index of concerts by score, of one day's bookings or one month's sell-outs.
pub trait Board {
    /// Why a read failed.
    type Error: Error + Send + Sync + 'static;

    /// Reads the places behind one, at most so many; an empty page is behind the last.
    fn page(
        &self,
        order: Order,
        after: Option<&Place>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Place>, Self::Error>> + Send;
}

/// Why there is no top.
#[derive(Debug, thiserror::Error)]
pub enum TopError<E: Error + 'static> {
    /// The index could not be read.
    #[error("the board could not be read")]
    Unread(#[source] E),
    /// Too many places or none were asked for.
    #[error("1 to {PLACES_MAX} places can be asked for, not {0}")]
    Places(u32),
    /// More concerts share the last place than are read.
    #[error("more than {READ_ITEMS_MAX} concerts are among the first: ask for fewer places")]
    TooManyTies,
}

/// Reads the first places of a board; those of one score are in ascending order of the concerts' ids.
///
/// # Errors
/// See [`TopError`].
pub async fn top<B: Board + Sync>(
    board: &B,
    order: Order,
    places: u32,
) -> Result<Vec<Place>, TopError<B::Error>> {
    if !(1..=PLACES_MAX).contains(&places) {
        return Err(TopError::Places(places));
    }
    let wanted = usize::try_from(places).unwrap_or(usize::MAX);
    let mut read: Vec<Place> = Vec::new();
    // The tie of the last wanted place has ended when another score follows it.
    while read.get(wanted - 1).map(|last| last.score) == read.last().map(|place| place.score)
        || read.len() < wanted
    {
        if read.len() > READ_ITEMS_MAX {
            return Err(TopError::TooManyTies);
        }
        let page = board.page(order, read.last(), PAGE_ITEMS).await;
        let page = page.map_err(TopError::Unread)?;
        if page.is_empty() {
            break;
        }
        read.extend(page);
    }
    read.sort_by(|one, other| {
        let by_score = match order {
            Order::HighestFirst => other.score.cmp(&one.score),
            Order::LowestFirst => one.score.cmp(&other.score),
        };
        by_score.then_with(|| one.concert_id.cmp(&other.concert_id))
    });
    read.truncate(wanted);
    Ok(read)
}
