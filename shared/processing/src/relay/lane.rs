//! One lane: its rows in order, each taken away once its events are on the topic.

use std::collections::VecDeque;

use serde_json::Value;

use super::{PublishFailure, Publisher, RELAY_EVENTS_MAX, Relay};
use crate::dead_letter::{DeadLetter, OutgoingLetter};
use crate::deadline::Deadline;
use crate::outbox::{OutboxEvent, read_row};
use crate::ports::{DeadLetters, Timer};
use crate::rejection::Refusal;
use crate::report::Effort;
use crate::store::{Body, Change, Expect, ItemKey, Store, TRANSACTION_WRITES_MAX, Write};
use crate::transact::Transactor;

/// Rows of one lane, in order.
#[derive(Debug, Default)]
pub(super) struct Lane(VecDeque<Row>);

#[derive(Debug)]
struct Row {
    index: usize,
    key: ItemKey,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Events {
        topic: String,
        events: Vec<OutboxEvent>,
    },
    /// Not of the form in which rows are written.
    Unreadable(Body),
}

/// Rows that are published together.
struct Part {
    content: Content,
    rows: Vec<RowEnd>,
}

/// A row of a part, and how many of the part's events are done when it is.
struct RowEnd {
    index: usize,
    key: ItemKey,
    events_before_end: usize,
}

/// How far a lane came.
#[derive(Debug, Default)]
pub(super) struct LaneEnd {
    pub(super) events_published: usize,
    pub(super) events_dead_lettered: usize,
    pub(super) rows_left: usize,
    /// The first row that is not published, and why.
    pub(super) stopped: Option<(usize, Refusal)>,
}

/// Why a part came no further, and how many of its events are done.
struct Stopped {
    events_done: usize,
    refusal: Refusal,
}

impl Lane {
    pub(super) fn push(&mut self, index: usize, key: ItemKey, body: Body) {
        let content = match read_row(&body) {
            Some((topic, events)) => Content::Events { topic, events },
            None => Content::Unreadable(body),
        };
        self.0.push_back(Row {
            index,
            key,
            content,
        });
    }

    /// The next rows, as many as go together.
    fn next_part(&mut self) -> Option<Part> {
        let first = self.0.pop_front()?;
        let mut part = Part {
            rows: vec![RowEnd {
                index: first.index,
                key: first.key,
                // An unreadable row counts as one.
                events_before_end: match &first.content {
                    Content::Events { events, .. } => events.len(),
                    Content::Unreadable(_) => 1,
                },
            }],
            content: first.content,
        };
        while let Some(next) = self.0.pop_front() {
            if let Err(next) = part.take_in(next) {
                self.0.push_front(next);
                break;
            }
        }
        Some(part)
    }
}

impl Part {
    /// Takes a row in, or gives it back if it does not fit.
    fn take_in(&mut self, row: Row) -> Result<(), Row> {
        match (&mut self.content, row.content) {
            (
                Content::Events { topic, events },
                Content::Events {
                    topic: own_topic,
                    events: own_events,
                },
            ) if *topic == own_topic && events.len() + own_events.len() <= RELAY_EVENTS_MAX => {
                events.extend(own_events);
                self.rows.push(RowEnd {
                    index: row.index,
                    key: row.key,
                    events_before_end: events.len(),
                });
                Ok(())
            }
            (_, content) => Err(Row { content, ..row }),
        }
    }
}

impl<S: Store, P: Publisher, D: DeadLetters, T: Timer> Relay<S, P, D, T> {
    /// Publishes a lane's rows up to the first that does not work.
    pub(super) async fn publish_lane(
        &self,
        mut lane: Lane,
        deadline: Deadline,
        name: String,
    ) -> LaneEnd {
        let mut end = LaneEnd::default();
        let mut parts = 0_u32;
        while let Some(Part { content, mut rows }) = lane.next_part() {
            parts += 1;
            let published = match content {
                Content::Events { topic, events } => {
                    self.publish_events(&topic, &events, deadline, &mut end)
                        .await
                }
                Content::Unreadable(body) => {
                    self.give_up_row(&rows, body, deadline, &mut end).await
                }
            };
            let stopped = published.err();
            let is_done = |row: &RowEnd| match &stopped {
                Some(stopped) => row.events_before_end <= stopped.events_done,
                None => true,
            };
            let left = rows.split_off(rows.partition_point(is_done));
            let keys = rows.into_iter().map(|row| row.key).collect();
            self.take_away(keys, deadline, &format!("{name}-{parts}"), &mut end)
                .await;
            if let (Some(stopped), Some(first)) = (stopped, left.first()) {
                end.stopped = Some((first.index, stopped.refusal));
                break;
            }
        }
        end
    }

    /// Publishes events up to the first that does not work; how many are done, and why it stopped.
    async fn publish_events(
        &self,
        topic: &str,
        events: &[OutboxEvent],
        deadline: Deadline,
        end: &mut LaneEnd,
    ) -> Result<(), Stopped> {
        let mut done = 0;
        let stop = |events_done, refusal| Stopped {
            events_done,
            refusal,
        };
        while let Some(rest) = events.get(done..).filter(|rest| !rest.is_empty()) {
            let call = self.publisher.publish(topic, rest);
            let Ok(answer) = deadline.limit(&self.timer, call).await else {
                let refusal = Refusal::new("deadline", "no time was left to publish it");
                return Err(stop(done, refusal));
            };
            let Err(error) = answer else {
                end.events_published += rest.len();
                return Ok(());
            };
            let published = error.published.min(rest.len());
            done += published;
            end.events_published += published;
            match (&error.failure, events.get(done)) {
                (PublishFailure::Refused { code, .. }, Some(event)) => {
                    let refusal = Refusal::of(code, &error.failure);
                    let letter = self.letter(topic, event, refusal);
                    self.send(letter, deadline)
                        .await
                        .map_err(|why| stop(done, why))?;
                    end.events_dead_lettered += 1;
                    done += 1;
                }
                (PublishFailure::Refused { .. } | PublishFailure::Unavailable(_), _) => {
                    let refusal = Refusal::of("publish_unavailable", &error);
                    return Err(stop(done, refusal));
                }
            }
        }
        Ok(())
    }

    /// A row that nobody can read becomes a dead letter as it is.
    async fn give_up_row(
        &self,
        rows: &[RowEnd],
        body: Body,
        deadline: Deadline,
        end: &mut LaneEnd,
    ) -> Result<(), Stopped> {
        let (partition, sort) = rows
            .first()
            .map_or(("", ""), |row| (&*row.key.partition, &*row.key.sort));
        let refusal = Refusal::new("row_unreadable", "an outbox row is not of its form");
        let letter = OutgoingLetter {
            function: self.settings.function,
            code_version: &self.settings.code_version,
            id: &format!("{partition}/{sort}"),
            lane: partition,
            event: None,
            content: Value::Object(body),
            at: self.timer.now(),
        };
        let sent = self.send(letter.write(refusal), deadline).await;
        sent.map_err(|refusal| Stopped {
            events_done: 0,
            refusal,
        })?;
        end.events_dead_lettered += 1;
        Ok(())
    }

    fn letter(&self, topic: &str, event: &OutboxEvent, refusal: Refusal) -> DeadLetter {
        let letter = OutgoingLetter {
            function: self.settings.function,
            code_version: &self.settings.code_version,
            id: &event.event_id,
            lane: topic,
            event: Some(event),
            content: serde_json::to_value(event).unwrap_or_default(),
            at: self.timer.now(),
        };
        letter.write(refusal)
    }

    async fn send(&self, letter: DeadLetter, deadline: Deadline) -> Result<(), Refusal> {
        let call = self.dead_letters.send(std::slice::from_ref(&letter));
        let answers = deadline.limit(&self.timer, call).await;
        let near = |_| Refusal::new("deadline", "no time was left to send its dead letter");
        match answers.map_err(near)?.into_iter().next() {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(Refusal::of(error.code(), &error)),
            None => Err(Refusal::new(
                "dead_letter_unsent",
                "the queue gave no answer",
            )),
        }
    }

    /// Takes published rows away. Those that stay are published again by a sweep, which harms nobody.
    async fn take_away(
        &self,
        keys: Vec<ItemKey>,
        deadline: Deadline,
        name: &str,
        end: &mut LaneEnd,
    ) {
        let transactor = Transactor {
            store: &self.store,
            timer: &self.timer,
            deadline,
        };
        for (number, keys) in keys.chunks(TRANSACTION_WRITES_MAX).enumerate() {
            let writes = keys.iter().map(|key| Write {
                key: key.clone(),
                expect: Expect::Anything,
                change: Change::Delete,
            });
            let writes: Vec<_> = writes.collect();
            let name = format!("{name}-{number}");
            let mut effort = Effort::default();
            let taken = transactor.commit(&writes, &name, &mut effort).await;
            if taken.is_err() {
                end.rows_left += keys.len();
            }
        }
    }
}
