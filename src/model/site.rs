//! What is known of a site: a group of addresses that are treated with one measure of politeness.

use std::time::Duration;

use super::Timestamp;

/// A site as it is kept between two runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Registrable domain, `host:port`, or the name of a group.
    pub name: String,
    /// Visits left at once, in thousandths; below zero after redirects that led there.
    pub tokens_milli: i64,
    /// As of when.
    pub counted_at: Timestamp,
    /// No visit before this instant.
    pub not_before: Option<Timestamp>,
    /// Least time between two visits as learned from refusals; `None`: as configured.
    pub spacing: Option<Duration>,
    /// When that last changed.
    pub learned_at: Option<Timestamp>,
}

/// How the last process that visited feeds ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It wrote down how far it had gone, or there was none.
    Orderly,
    /// It was killed: how many visits it made last is not known.
    Killed,
}
