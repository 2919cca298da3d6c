//! Renumbering: a feed that gives new identifiers to items that are known by their titles and links.
//!
//! Data in: how many known items of a body have new guids. Data out: one event, for the log.
//!
//! The items stay what they are: [`crate::model::ItemKey`]s hold pairs of marks, and the others still agree.
//!
//! **Invariant:** a feed that renumbers at each poll is told once a week, and its passing guids are not kept meanwhile
//! ([`FeedMemory::is_restless`]).
//!
//! Rejected: to tell the operator. Nothing is lost, and nothing is to be done.

use super::words;
use crate::model::{Counted, EventKind, FeedEvent, FeedMemory, Timestamp};

/// Part of a body that must be renumbered, in percent.
const MOST_PERCENT: u32 = 80;
/// Items that must be renumbered.
const LEAST_ITEMS: u32 = 3;

/// Judges one body.
pub(super) fn look(at: Timestamp, memory: &mut FeedMemory, counted: &Counted, events: &mut Vec<FeedEvent>) {
    let most = counted.renumbered.saturating_mul(100) >= counted.read.saturating_mul(MOST_PERCENT);
    if !most || counted.renumbered < LEAST_ITEMS || memory.is_restless(at) {
        return;
    }
    memory.renumbered_at = Some(at);
    let detail = format!(
        "{} of {} that were known have new identifiers; they are taken for what they were",
        counted.renumbered,
        words::items(counted.read)
    );
    events.push(FeedEvent { kind: EventKind::Renumbered, at, count: Some(counted.renumbered), detail });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{RESTLESS, time};

    #[test]
    fn most_of_a_body_counts_as_renumbered_once_a_week() {
        let at = time::from_millis(1_750_000_000_000);
        let check = |renumbered: u32, read: u32, last: Option<Duration>, want: bool| {
            let mut memory =
                FeedMemory { renumbered_at: last.map(|ago| time::before(at, ago)), ..FeedMemory::default() };
            let mut events = Vec::new();
            look(at, &mut memory, &Counted { renumbered, read, ..Counted::default() }, &mut events);
            assert_eq!(events.len(), usize::from(want), "{renumbered} of {read}, last {last:?}");
        };
        check(8, 10, None, true);
        check(7, 10, None, false);
        check(3, 3, None, true);
        check(2, 2, None, false);
        check(10, 10, Some(RESTLESS - Duration::from_secs(1)), false);
        check(10, 10, Some(RESTLESS), true);
    }
}
