//! The only place that reads time and waits for it.
//!
//! Data in: nothing. Data out: instants (UTC, whole milliseconds) and waiting. Everything else gets `now` as an
//! argument, so that a test or the demo can move time by hand.
//!
//! **Invariant:** no other module calls `now()` or `sleep()`; clippy's `disallowed_methods` holds this.
//!
//! Rejected: tokio's paused time, which fires timeouts early as soon as real sockets are involved.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use jiff::SignedDuration;
use tokio::sync::watch;

use crate::model::{Timestamp, time};

/// Longest single wait on the system clock: a jump of the wall clock or a suspend is noticed within this time.
const MAX_NAP: Duration = Duration::from_secs(30);
/// A wall clock that goes back by no more than this is being adjusted, not set.
pub const SLACK: Duration = Duration::from_secs(1);

/// A source of time; clones share it.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Shifted(Arc<watch::Sender<SignedDuration>>),
    Manual(Arc<watch::Sender<Hands>>),
}

/// A manual clock's wall clock and uptime.
#[derive(Debug, Clone, Copy)]
struct Hands {
    now: Timestamp,
    uptime: Duration,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// The machine's clock plus an offset that [`Clock::advance`] adds to.
    pub fn shifted() -> Self {
        Self(Source::Shifted(Arc::new(watch::Sender::new(SignedDuration::ZERO))))
    }

    /// A clock that stands at `at` until it is advanced.
    pub fn manual(at: Timestamp) -> Self {
        let hands = Hands { now: time::whole_millis(at), uptime: Duration::ZERO };
        Self(Source::Manual(Arc::new(watch::Sender::new(hands))))
    }

    /// The present instant, in whole milliseconds.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => system_now(),
            Source::Shifted(offset) => {
                time::whole_millis(system_now().checked_add(*offset.borrow()).unwrap_or(Timestamp::MAX))
            }
            Source::Manual(hands) => hands.borrow().now,
        }
    }

    /// Time since this process first asked, on a clock that wall-clock changes do not move; for a manual clock, by
    /// how much it was advanced.
    pub fn uptime(&self) -> Duration {
        match &self.0 {
            Source::System | Source::Shifted(_) => monotonic(),
            Source::Manual(hands) => hands.borrow().uptime,
        }
    }

    /// Moves a shifted or manual clock forward and wakes who waits; the system clock stays as it is.
    pub fn advance(&self, by: Duration) {
        match &self.0 {
            Source::System => {}
            Source::Shifted(offset) => offset.send_modify(|o| {
                *o = o.saturating_add(SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX));
            }),
            Source::Manual(hands) => hands.send_modify(|hands| {
                hands.now = time::whole_millis(time::after(hands.now, by));
                hands.uptime = hands.uptime.saturating_add(by);
            }),
        }
    }

    /// Sets a manual clock's wall clock, as an administrator or NTP does: uptime stays. Other clocks stay as they
    /// are.
    pub fn set(&self, to: Timestamp) {
        if let Source::Manual(hands) = &self.0 {
            hands.send_modify(|hands| hands.now = time::whole_millis(to));
        }
    }

    /// Returns after `by`, whatever happens to the wall clock meanwhile. Cancel safe.
    pub async fn sleep(&self, by: Duration) {
        match &self.0 {
            Source::System | Source::Shifted(_) => nap(by).await,
            Source::Manual(clock) => {
                let mut moved = clock.subscribe();
                let end = moved.borrow_and_update().uptime.saturating_add(by);
                while moved.borrow_and_update().uptime < end {
                    if moved.changed().await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Returns once [`Clock::now`] is at or past `at`, or sooner when the wall clock was set back: then whoever waits
    /// has to look at the time again, as `at` may be far away now. Cancel safe.
    pub async fn sleep_until(&self, at: Timestamp) {
        let mut before = self.now();
        loop {
            let now = self.now();
            if now >= at || now < time::before(before, SLACK) {
                return;
            }
            before = now;
            let left = time::between(now, at).min(MAX_NAP);
            match &self.0 {
                Source::System => nap(left).await,
                Source::Shifted(offset) => {
                    let mut moved = offset.subscribe();
                    // What was moved before the subscription is seen by another look at the clock.
                    if self.now() < at {
                        tokio::select! {
                            () = nap(left) => {}
                            _ = moved.changed() => {}
                        }
                    }
                }
                Source::Manual(clock) => {
                    let mut moved = clock.subscribe();
                    if moved.borrow_and_update().now == now && moved.changed().await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one home of the wall clock")]
fn system_now() -> Timestamp {
    time::whole_millis(Timestamp::now())
}

#[expect(clippy::disallowed_methods, reason = "the one home of the monotonic clock")]
fn monotonic() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

#[expect(clippy::disallowed_methods, reason = "the one home of waiting")]
async fn nap(left: Duration) {
    // One millisecond more than what is left, since `now` is cut to whole milliseconds.
    tokio::time::sleep(left.saturating_add(Duration::from_millis(1))).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_wakes_sleepers_when_it_is_advanced() {
        let clock = Clock::manual(time::from_millis(1_000));
        let sleeper = clock.clone();
        let wake = async move {
            sleeper.sleep_until(time::from_millis(61_000)).await;
            sleeper.now()
        };
        let advance = async {
            clock.advance(Duration::from_secs(59));
            clock.advance(Duration::from_secs(1));
        };
        let (woken_at, ()) = tokio::join!(wake, advance);
        assert_eq!(woken_at, time::from_millis(61_000));
    }

    #[tokio::test]
    async fn a_shifted_clock_runs_ahead_by_what_it_was_advanced() {
        let clock = Clock::shifted();
        let before = clock.now();
        clock.advance(Duration::from_secs(3_600));
        clock.sleep_until(time::after(before, Duration::from_secs(3_600))).await;
        assert!(clock.now() >= time::after(before, Duration::from_secs(3_600)));
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_wakes_who_would_wait_for_too_long() {
        let clock = Clock::manual(time::from_millis(86_400_000));
        let (short, long) = (clock.clone(), clock.clone());
        let until = async move {
            long.sleep_until(time::from_millis(86_460_000)).await;
            long.now()
        };
        let by = async move {
            short.sleep(Duration::from_secs(60)).await;
            short.uptime()
        };
        let set = async {
            clock.set(time::from_millis(0));
            assert_eq!(clock.uptime(), Duration::ZERO);
            clock.advance(Duration::from_secs(60));
        };
        let (woken_at, uptime, ()) = tokio::join!(until, by, set);
        assert_eq!((woken_at, uptime), (time::from_millis(60_000), Duration::from_secs(60)));
    }
}
