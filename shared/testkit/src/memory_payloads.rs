//! A bucket for large values in memory.
//!
//! It keeps objects by their keys. It has no lifecycle rule: a test takes objects away itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use processing::{PayloadError, Payloads};

use crate::lock;

/// The bucket of [`MemoryPayloads::new`].
const BUCKET: &str = "large-values";

/// Objects by key; clones share them.
#[derive(Clone, Debug)]
pub struct MemoryPayloads {
    bucket: String,
    objects: Arc<Mutex<Objects>>,
}

#[derive(Debug, Default)]
struct Objects {
    by_key: BTreeMap<String, Vec<u8>>,
    puts: usize,
    gets: usize,
}

impl Default for MemoryPayloads {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryPayloads {
    /// Creates an empty bucket, `large-values`.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bucket: BUCKET.to_owned(),
            objects: Arc::default(),
        }
    }

    /// Returns every object, by its key.
    #[must_use]
    pub fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        lock(&self.objects).by_key.clone()
    }

    /// Puts an object there, whatever its key says of it.
    pub fn set(&self, key: impl Into<String>, value: impl Into<Vec<u8>>) {
        let (key, value) = (key.into(), value.into());
        lock(&self.objects).by_key.insert(key, value);
    }

    /// Takes an object away.
    pub fn remove(&self, key: &str) {
        lock(&self.objects).by_key.remove(key);
    }

    /// Says how often something was stored.
    #[must_use]
    pub fn puts(&self) -> usize {
        lock(&self.objects).puts
    }

    /// Says how often something was asked for.
    #[must_use]
    pub fn gets(&self) -> usize {
        lock(&self.objects).gets
    }
}

impl Payloads for MemoryPayloads {
    fn bucket(&self) -> Option<&str> {
        Some(&self.bucket)
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), PayloadError> {
        let mut objects = lock(&self.objects);
        objects.puts += 1;
        objects.by_key.insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    async fn get(&self, key: &str, bytes_max: usize) -> Result<Vec<u8>, PayloadError> {
        let mut objects = lock(&self.objects);
        objects.gets += 1;
        let value = objects.by_key.get(key).ok_or(PayloadError::Missing)?;
        if value.len() > bytes_max {
            return Err(PayloadError::TooLarge { bytes_max });
        }
        Ok(value.clone())
    }
}
