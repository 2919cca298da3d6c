//! Helpers around [`jiff::Timestamp`]: whole milliseconds, and arithmetic that saturates.

use std::time::Duration;

pub use jiff::Timestamp;

/// The instant `ms` milliseconds after 1970-01-01T00:00:00Z, clamped to what a [`Timestamp`] can hold.
pub fn from_millis(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// `at` without its sub-millisecond part, so that what is stored equals what is held in memory.
pub fn whole_millis(at: Timestamp) -> Timestamp {
    from_millis(at.as_millisecond())
}

/// `at + by`, or the last instant there is.
pub fn after(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// `at - by`, or the first instant there is.
pub fn before(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// How long from `earlier` to `later`; zero when `later` is not later.
pub fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or(Duration::ZERO)
}
