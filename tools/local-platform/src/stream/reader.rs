//! Reads one shard and delivers it in order: one batch at a time, the next one only behind the end of the last.
//!
//! What a function reports as unfinished comes again from there on, and nothing behind it goes first. It knows
//! nothing of other shards.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::event::{self, Row};
use super::source::{Page, Position};
use super::{
    InvokeFunction, PAYLOAD_BYTES_MAX, Shared, StreamError, StreamFault, StreamMetrics, response,
};
use crate::serving::StopSignal;

pub(super) struct Reader<I> {
    shared: Arc<Shared<I>>,
    shard_id: String,
    /// Where to read on when there is no iterator.
    position: Position,
    iterator: Option<String>,
    is_closed: bool,
    /// What was read and is not done, in order.
    rows: VecDeque<Row>,
    /// The rows of the batch that comes again, from the first on.
    again: Option<Again>,
}

/// A batch that comes again.
#[derive(Debug, Clone, Copy)]
struct Again {
    rows: usize,
    /// Retries before this one without a record done.
    retries: u32,
    is_duplicate: bool,
}

impl<I: InvokeFunction> Reader<I> {
    /// Reads a shard behind its checkpoint, from the oldest record on without one.
    pub(super) fn new(shared: Arc<Shared<I>>, shard_id: String) -> Self {
        let checkpoint = shared.progress.checkpoint_of(&shard_id);
        Self {
            shared,
            shard_id,
            position: checkpoint.map_or(Position::TrimHorizon, Position::After),
            iterator: None,
            is_closed: false,
            rows: VecDeque::new(),
            again: None,
        }
    }

    /// Reads and delivers until the shard is closed and done, or the mapping stops: true for the first.
    pub(super) async fn run(mut self, mut stop: StopSignal) -> bool {
        while !stop.is_raised() {
            if self.again.is_none() {
                self.fill(&mut stop).await;
            }
            if !self.rows.is_empty() && !stop.is_raised() {
                self.deliver(&mut stop).await;
            } else if self.is_closed {
                self.shared.progress.finished(&self.shard_id);
                return true;
            }
        }
        false
    }

    /// Reads until a batch is full, or its window is over with at least one row.
    async fn fill(&mut self, stop: &mut StopSignal) {
        let config = &Arc::clone(&self.shared).config;
        let mut first_at = (!self.rows.is_empty()).then(Instant::now);
        while self.rows.len() < config.batch_size && !self.is_closed && !stop.is_raised() {
            let left = first_at.map(|at| config.batch_window.saturating_sub(at.elapsed()));
            if left == Some(Duration::ZERO) {
                return;
            }
            if self.poll().await {
                first_at = first_at.or((!self.rows.is_empty()).then(Instant::now));
            } else {
                let pause = left.map_or(config.poll_pause, |left| left.min(config.poll_pause));
                pause_or_stop(pause, stop).await;
            }
        }
    }

    /// Reads a page: whether there was anything on it.
    async fn poll(&mut self) -> bool {
        let progress = Arc::clone(&self.shared.progress);
        progress.poll_begins(&self.shard_id);
        match self.page().await {
            Ok(page) => {
                let is_empty = page.records.is_empty();
                self.take_in(page);
                if is_empty && self.rows.is_empty() {
                    progress.idle(&self.shard_id);
                }
                !is_empty
            }
            Err(error) => {
                progress.count(|metrics| metrics.poll_errors += 1);
                tracing::warn!(
                    shard = self.shard_id,
                    error = &error as &dyn std::error::Error,
                    "a shard could not be read"
                );
                if error.is_trimmed() {
                    self.position = Position::TrimHorizon;
                }
                false
            }
        }
    }

    async fn page(&mut self) -> Result<Page, StreamError> {
        let Shared {
            source,
            stream_arn,
            config,
            ..
        } = self.shared.as_ref();
        // An iterator is good for one page; behind a failure there is a new one.
        let iterator = if let Some(iterator) = self.iterator.take() {
            iterator
        } else {
            let position = &self.position;
            source
                .iterator(stream_arn, &self.shard_id, position)
                .await?
        };
        source.page(&iterator, config.batch_size).await
    }

    fn take_in(&mut self, page: Page) {
        self.is_closed = page.next.is_none();
        self.iterator = page.next;
        let mut filtered_out = 0;
        for record in &page.records {
            if let Some(sequence_number) = event::sequence_number(record) {
                self.position = Position::After(sequence_number.to_owned());
            }
            let inserted = event::is_insert(record);
            match event::row(record, &self.shared.stream_arn).filter(|_| inserted) {
                Some(row) => self.rows.push_back(row),
                None => filtered_out += 1,
            }
        }
        self.shared.progress.count(|metrics| {
            metrics.records_polled += page.records.len() as u64;
            metrics.records_filtered_out += filtered_out;
        });
    }

    /// Invokes the function with the next batch, or again with the last one, and takes away what is done.
    async fn deliver(&mut self, stop: &mut StopSignal) {
        let shared = Arc::clone(&self.shared);
        let again = self.again.take();
        let batch = again.map_or_else(|| self.batch_rows(), |again| again.rows);
        let number = shared.progress.count(|metrics| {
            metrics.invocations += 1;
            metrics.records_invoked += batch as u64;
            metrics.invocations
        });
        let fault = number.and_then(|number| shared.config.faults.at(number));
        let mut done = self.invoke(batch).await;
        if fault == Some(StreamFault::LoseAnswer) {
            done = None;
        }
        if done.is_none() {
            let count = |metrics: &mut StreamMetrics| metrics.invocations_failed += 1;
            shared.progress.count(count);
        }
        let done = done.unwrap_or(0);
        let was_duplicate = again.is_some_and(|again| again.is_duplicate);
        if done == batch && fault == Some(StreamFault::DuplicateBatch) && !was_duplicate {
            self.repeat(batch, 0, true);
            return;
        }
        self.take_away(done);
        if done == batch {
            return;
        }
        let retries = again.map_or(0, |again| again.retries);
        let retries = if done > 0 { 0 } else { retries };
        let retries_max = shared.config.retry_attempts_max;
        if retries_max.is_some_and(|max| retries >= max) {
            self.give_up(batch - done);
            return;
        }
        self.repeat(batch - done, retries.saturating_add(1), false);
        pause_or_stop(shared.config.retry_pause(retries), stop).await;
    }

    /// The rows of the next batch: as many as one is allowed, and as fit a payload, but at least one.
    fn batch_rows(&self) -> usize {
        let mut bytes = event::FRAME_BYTES;
        let rows = self.rows.iter().take(self.shared.config.batch_size);
        let fitting = rows.take_while(|row| {
            bytes += row.json.len() + event::COMMA_BYTES;
            bytes <= PAYLOAD_BYTES_MAX
        });
        fitting.count().max(1)
    }

    /// Invokes the function with the first rows and returns how many of them are done; none for a failure.
    async fn invoke(&self, batch: usize) -> Option<usize> {
        let shard = self.shard_id.as_str();
        let payload = event::event(self.rows.iter().take(batch));
        let invocation = match self.shared.function.invoke(payload.into()).await {
            Ok(invocation) => invocation,
            Err(error) => {
                tracing::warn!(shard, %error, "the function was not invoked");
                return None;
            }
        };
        if !invocation.is_success() {
            tracing::warn!(shard, batch, "the function failed");
            return None;
        }
        if !self.shared.config.report_batch_item_failures {
            return Some(batch);
        }
        let position = |sequence_number: &str| {
            let mut rows = self.rows.iter().take(batch);
            rows.position(|row| row.sequence_number == sequence_number)
        };
        match response::done(&invocation.payload, batch, position) {
            Ok(done) => Some(done),
            Err(error) => {
                tracing::warn!(
                    shard,
                    error = &error as &dyn std::error::Error,
                    "the whole batch comes again"
                );
                None
            }
        }
    }

    fn repeat(&mut self, rows: usize, retries: u32, is_duplicate: bool) {
        let progress = &self.shared.progress;
        progress.count(|metrics| metrics.batches_repeated += 1);
        self.again = Some(Again {
            rows,
            retries,
            is_duplicate,
        });
    }

    fn give_up(&mut self, rows: usize) {
        let shard = &self.shard_id;
        tracing::error!(shard, rows, "records are given up after the last retry");
        let dropped = rows as u64;
        self.shared
            .progress
            .count(|metrics| metrics.records_dropped += dropped);
        self.take_away(rows);
    }

    fn take_away(&mut self, rows: usize) {
        if let Some(last) = self.rows.drain(..rows).next_back() {
            let progress = &self.shared.progress;
            progress.done_up_to(&self.shard_id, &last.sequence_number);
        }
    }
}

pub(super) async fn pause_or_stop(pause: Duration, stop: &mut StopSignal) {
    tokio::select! {
        () = stop.raised() => {}
        () = sleep(pause) => {}
    }
}
