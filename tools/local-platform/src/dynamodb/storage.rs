//! Where the tables are kept, opened so that a stream costs the same however long it is.
//!
//! The engine looks for a stream's last sequence number at every write, through all its records, and never
//! deletes one. Its `SQLite` database gets an index for the look and a trigger that trims, as AWS does, what is
//! older than a day. Both are made through a connection of their own, before the first request.

use std::path::PathBuf;

use dynoxide::Database;
use rusqlite::Connection;
use uuid::Uuid;

use super::DynamoDbError;

/// How long a stream keeps a record, as in AWS.
pub const STREAM_RECORD_SECONDS: u64 = 24 * 60 * 60;

/// Where the tables are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// In this process; gone when the server stops.
    Memory,
    /// In one `SQLite` file, created when missing and read again by the next start.
    File(PathBuf),
}

/// Opens the tables.
pub(super) fn open(storage: Storage) -> Result<Database, DynamoDbError> {
    let name = match storage {
        // A name of its own, so that a second connection finds it as long as the first one is open.
        Storage::Memory => format!("file:tailrace-{}?mode=memory&cache=shared", Uuid::new_v4()),
        Storage::File(path) => match path.into_os_string().into_string() {
            Ok(text) => text,
            Err(path) => return Err(DynamoDbError::Path { path: path.into() }),
        },
    };
    let database = Database::new(&name).map_err(|source| DynamoDbError::Open {
        source: Box::new(source),
    })?;
    prepare_streams(&name).map_err(|source| DynamoDbError::Streams { source })?;
    Ok(database)
}

/// Makes the index and the trigger, unless they are there.
fn prepare_streams(name: &str) -> rusqlite::Result<()> {
    // Two of the oldest at each insertion: trimming keeps up, and a write never waits for a whole day's records.
    let statements = format!(
        "CREATE INDEX IF NOT EXISTS tailrace_stream_order
           ON _stream_records (table_name, CAST(sequence_number AS INTEGER));
         CREATE TRIGGER IF NOT EXISTS tailrace_stream_trim AFTER INSERT ON _stream_records
         BEGIN
           DELETE FROM _stream_records
            WHERE id IN (SELECT id FROM _stream_records ORDER BY id LIMIT 2)
              AND created_at < NEW.created_at - {STREAM_RECORD_SECONDS};
         END;"
    );
    Connection::open(name)?.execute_batch(&statements)
}
