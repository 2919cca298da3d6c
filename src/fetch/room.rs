//! How many large bodies the process holds at once.
//!
//! Data in: the size of a body as it grows. Data out: a [`Room`] that whoever holds the body, or what was read of it, keeps.
//!
//! **Invariant:** of the bodies on their way, at most [`MAX_LARGE_BODIES`] are larger than [`SMALL_BODY_BYTES`].
//! **Invariant:** whoever waits for a room holds none; so no two wait for each other.
//!
//! Rooms are given in the order in which they were asked for. A server that is slow on purpose keeps a room no longer than
//! the idle and total time limits let its fetch last, and one host has no more rooms than visits at once (two, unless the
//! operator says otherwise). While slow servers keep all rooms, feeds with small bodies go on as ever; those with large ones
//! wait, within their own total limit, and where that ends first, the fetch ends as [`FailureKind::NoRoom`], for which the
//! feed is not to blame.
//!
//! [`FailureKind::NoRoom`]: crate::model::FailureKind::NoRoom
//!
//! Rejected: a budget in bytes shared by all. Small feeds would wait behind large ones, and a fetch that can go on only
//! when it gets more of what others wait for too can wait for ever.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A body up to this size needs no room: feeds are seldom larger, and 64 of them are 32 MiB.
pub(super) const SMALL_BODY_BYTES: usize = 512 * 1024;
/// Larger bodies at once. With 8 MiB each they are another 32 MiB.
pub(super) const MAX_LARGE_BODIES: usize = 4;

/// The rooms of a client; clones share them.
#[derive(Debug, Clone)]
pub(super) struct Rooms(Arc<Semaphore>);

impl Default for Rooms {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_LARGE_BODIES)))
    }
}

impl Rooms {
    /// Waits for a room. Cancel safe.
    pub(super) async fn take(&self) -> Room {
        // The semaphore is never closed.
        Room(self.0.clone().acquire_owned().await.ok().map(Arc::new))
    }

    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.0.available_permits()
    }
}

/// The right to hold a large body, or what was read of it; a small body has an empty one. Given back when the last clone is
/// dropped. All rooms are equal.
#[derive(Debug, Clone, Default)]
pub struct Room(Option<Arc<OwnedSemaphorePermit>>);

impl Room {
    pub(super) fn is_taken(&self) -> bool {
        self.0.is_some()
    }
}

impl PartialEq for Room {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Room {}
