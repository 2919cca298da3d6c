//! What a digest says of how much was looked at.
//!
//! Data in: [`Coverage`]. Data out: [`CoverageView`].
//!
//! **Invariant:** what is listed and what is counted as more add up to the total the store gave.

use jiff::tz::TimeZone;
use serde::Serialize;

use super::{clean, view::MAX_NAME, when};
use crate::model::Coverage;

/// Coverage as templates see it: numbers are formatted, lists are short.
#[derive(Debug, Serialize)]
pub(super) struct CoverageView {
    feeds: String,
    polled: String,
    items: String,
    lag: String,
    failing: Vec<TroubleView>,
    failing_more: u32,
    /// All of them, as a number to compare; so is that of the doubts.
    failing_total: u32,
    doubts: Vec<DoubtView>,
    doubts_more: u32,
    doubts_total: u32,
}

#[derive(Debug, Serialize)]
struct TroubleView {
    feed: String,
    message: String,
    last_ok: Option<String>,
}

/// Where something may be missing although the feed answers.
#[derive(Debug, Serialize)]
struct DoubtView {
    feed: String,
    message: String,
    /// When it was noticed.
    at: String,
}

pub(super) fn view(coverage: &Coverage, zone: &TimeZone) -> CoverageView {
    let feed = |name: &str| clean::short(name, MAX_NAME);
    let failing = coverage.failing.iter().map(|trouble| TroubleView {
        feed: feed(&trouble.feed),
        message: clean::short(&trouble.message, 2 * MAX_NAME),
        last_ok: trouble.last_ok_at.map(|at| when::full(at, zone)),
    });
    let doubts = coverage.doubts.iter().map(|doubt| DoubtView {
        feed: feed(&doubt.feed),
        message: clean::short(&doubt.message, 4 * MAX_NAME),
        at: when::full(doubt.at, zone),
    });
    let more = |total: u32, listed: usize| total.saturating_sub(u32::try_from(listed).unwrap_or(u32::MAX));
    CoverageView {
        feeds: when::count(u64::from(coverage.feeds)),
        polled: when::count(u64::from(coverage.polled)),
        items: when::count(coverage.items),
        lag: when::span(coverage.worst_lag_s),
        failing: failing.collect(),
        failing_more: more(coverage.failing_total, coverage.failing.len()),
        failing_total: coverage.failing_total,
        doubts: doubts.collect(),
        doubts_more: more(coverage.doubts_total, coverage.doubts.len()),
        doubts_total: coverage.doubts_total,
    }
}
