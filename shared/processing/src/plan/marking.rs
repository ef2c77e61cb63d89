//! Writes the mark that a record leaves, as it is finished or put aside.
//!
//! What a mark that is there means is `standing`'s part.

use super::standing::{MarkPlace, State};
use super::{Place, Planner};
use crate::batch::Entry;
use crate::decide::Decide;
use crate::mark::{Mark, Marker, position_marker};
use crate::store::{Change, Expect, Write};

/// A mark that is to be written was not loaded.
pub(super) struct NotLoaded;

impl<H: Decide> Planner<'_, H> {
    /// The mark of a record that is put aside: below a fence nothing else tells it from one that was applied,
    /// and only what was put aside may be put back.
    pub(super) fn mark_put_aside(
        &self,
        place: &Place<'_, H::Event>,
        mark: Mark,
        state: &mut State<'_>,
    ) -> Result<Option<Write>, NotLoaded> {
        let entry = place.entry;
        let (Some(_), Some(position)) = (&place.fence, &entry.position) else {
            return Ok(self.mark(place, mark));
        };
        let key = position_marker(H::NAME, self.cluster, position, entry.timestamp_ms);
        let expect = match state.view.cache().items.get(&key) {
            None => {
                state.pass.misses.keys.insert(key);
                return Err(NotLoaded);
            }
            Some(None) => Expect::Absent,
            // Of a record without a timestamp that lay there before the topic was made again.
            Some(Some(marker)) => Expect::Version(marker.version),
        };
        state.seen.insert(key.clone(), entry.payload_sha256.clone());
        Ok(self.mark_at(&MarkPlace { key, expect }, entry, mark))
    }

    pub(super) fn mark(&self, place: &Place<'_, H::Event>, mark: Mark) -> Option<Write> {
        self.mark_at(place.mark.as_ref()?, place.entry, mark)
    }

    fn mark_at(&self, place: &MarkPlace, entry: &Entry<H::Event>, mark: Mark) -> Option<Write> {
        let position = entry.position.as_ref()?;
        let marker = Marker {
            mark,
            payload_sha256: &entry.payload_sha256,
            position,
            at: self.now,
            kept_seconds: self.marks_kept_seconds,
        };
        Some(Write {
            key: place.key.clone(),
            expect: place.expect,
            change: Change::Put(marker.body()),
        })
    }
}
