//! The top of a board whose index has no order among ties, page by page.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::convert::Infallible;

use ranking::{Board, Order, Place, READ_ITEMS_MAX, TopError, top};

/// Places as an index keeps them: by score, ties in the order in which they stand here.
struct Shuffled(Vec<Place>);

impl Board for Shuffled {
    type Error = Infallible;

    async fn page(
        &self,
        order: Order,
        after: Option<&Place>,
        limit: u32,
    ) -> Result<Vec<Place>, Infallible> {
        let mut places = self.0.clone();
        places.sort_by_key(|place| match order {
            Order::HighestFirst => -place.score,
            Order::LowestFirst => place.score,
        });
        let behind = after.map_or(0, |after| {
            1 + places.iter().position(|place| place == after).unwrap()
        });
        let left = places.into_iter().skip(behind);
        Ok(left.take(usize::try_from(limit).unwrap()).collect())
    }
}

/// Places that are found by their numbers, for many.
struct Numbered<'a>(&'a [(&'a str, i64)]);

impl Board for Numbered<'_> {
    type Error = Infallible;

    async fn page(
        &self,
        _: Order,
        after: Option<&Place>,
        limit: u32,
    ) -> Result<Vec<Place>, Infallible> {
        let behind = after.map_or(0, |after| after.concert_id.parse::<usize>().unwrap() + 1);
        let end = self.0.len().min(behind + usize::try_from(limit).unwrap());
        Ok(board(&self.0[behind..end]).0)
    }
}

fn board(scores: &[(&str, i64)]) -> Shuffled {
    let place = |(concert, score): &(&str, i64)| Place {
        concert_id: (*concert).to_owned(),
        score: *score,
    };
    Shuffled(scores.iter().map(place).collect())
}

async fn first(board: &Shuffled, order: Order, places: u32) -> Vec<String> {
    let top = top(board, order, places).await.unwrap().into_iter();
    top.map(|place| place.concert_id).collect()
}

#[tokio::test]
async fn ties_are_in_the_order_of_their_ids_at_both_ends() {
    let board = board(&[("d", 2), ("b", 2), ("a", 1), ("c", 2), ("e", 3)]);
    assert_eq!(first(&board, Order::HighestFirst, 3).await, ["e", "b", "c"]);
    assert_eq!(first(&board, Order::LowestFirst, 3).await, ["a", "b", "c"]);
    assert_eq!(first(&board, Order::HighestFirst, 9).await.len(), 5);
    assert!(
        first(&self::board(&[]), Order::HighestFirst, 1)
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn a_tie_that_goes_over_pages_is_read_whole() {
    let names: Vec<_> = (0..1_000).rev().map(|n| format!("c-{n:04}")).collect();
    let scores: Vec<_> = names.iter().map(|name| (name.as_str(), 7)).collect();
    let found = first(&board(&scores), Order::HighestFirst, 2).await;
    assert_eq!(found, ["c-0000", "c-0001"]);
}

#[tokio::test]
async fn too_many_ties_and_too_many_places_are_refused() {
    let names: Vec<_> = (0..=READ_ITEMS_MAX + 200).map(|n| n.to_string()).collect();
    let scores: Vec<_> = names.iter().map(|name| (name.as_str(), 7)).collect();
    let refused = top(&Numbered(&scores), Order::HighestFirst, 1).await;
    assert!(matches!(refused, Err(TopError::TooManyTies)));
    for places in [0, 101] {
        let refused = top(&Numbered(&scores), Order::HighestFirst, places).await;
        assert!(matches!(refused, Err(TopError::Places(_))));
    }
}
