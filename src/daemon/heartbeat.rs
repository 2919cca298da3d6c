//! Proof of progress: every loop leaves a mark, the watchdog looks at their age.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::clock::Clock;

/// One loop's mark. Clones share it.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    /// Whose.
    pub task: &'static str,
    /// Older than this means the loop hangs.
    pub bound: Duration,
    clock: Clock,
    beat_ms: Arc<AtomicU64>,
}

impl Heartbeat {
    /// A mark that is fresh now.
    pub fn new(task: &'static str, bound: Duration, clock: Clock) -> Self {
        let heartbeat = Self { task, bound, clock, beat_ms: Arc::default() };
        heartbeat.beat();
        heartbeat
    }

    /// Renews the mark.
    pub fn beat(&self) {
        self.beat_ms.store(millis(self.clock.uptime()), Ordering::Relaxed);
    }

    /// Whether the mark is younger than its bound.
    pub fn is_fresh(&self) -> bool {
        let age = millis(self.clock.uptime()).saturating_sub(self.beat_ms.load(Ordering::Relaxed));
        age < millis(self.bound)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time;

    #[test]
    fn a_mark_is_fresh_until_its_bound() {
        let clock = Clock::manual(time::from_millis(0));
        let heartbeat = Heartbeat::new("poller", Duration::from_secs(60), clock.clone());
        clock.advance(Duration::from_millis(59_999));
        assert!(heartbeat.is_fresh());
        clock.advance(Duration::from_millis(1));
        assert!(!heartbeat.is_fresh());
        heartbeat.beat();
        assert!(heartbeat.is_fresh());
    }
}
