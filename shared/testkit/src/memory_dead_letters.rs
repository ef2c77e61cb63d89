//! A dead-letter queue in memory.
//!
//! It keeps the letters themselves; how a letter is written for a queue is the adapter's business.

use std::sync::{Arc, Mutex};

use processing::{DeadLetter, DeadLetterError, DeadLetters};

use crate::lock;

/// Dead letters by id, in the order in which they first came; clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryDeadLetters(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    letters: Vec<DeadLetter>,
    sends: usize,
    takes_nothing: bool,
}

impl MemoryDeadLetters {
    /// Creates an empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns every letter once, however often it was sent.
    #[must_use]
    pub fn letters(&self) -> Vec<DeadLetter> {
        lock(&self.0).letters.clone()
    }

    /// Says how many letters were taken, each time counted.
    #[must_use]
    pub fn sends(&self) -> usize {
        lock(&self.0).sends
    }

    /// Has the queue refuse every letter from now on, or take them again.
    pub fn refuse(&self, refuse: bool) {
        lock(&self.0).takes_nothing = refuse;
    }
}

impl DeadLetters for MemoryDeadLetters {
    async fn send(&self, letters: &[DeadLetter]) -> Vec<Result<(), DeadLetterError>> {
        let mut queue = lock(&self.0);
        letters.iter().map(|letter| queue.take(letter)).collect()
    }
}

impl Queue {
    fn take(&mut self, letter: &DeadLetter) -> Result<(), DeadLetterError> {
        if self.takes_nothing {
            return Err(DeadLetterError::Unavailable(
                "the queue was told to refuse".into(),
            ));
        }
        self.sends += 1;
        if self.letters.iter().all(|known| known.id != letter.id) {
            self.letters.push(letter.clone());
        }
        Ok(())
    }
}
