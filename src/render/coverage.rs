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
    /// All of them, as a number to compare; so are the next two.
    failing_total: u32,
    gaps: Vec<GapView>,
    gaps_more: u32,
    gaps_total: u32,
    silent: Vec<SilenceView>,
    silent_more: u32,
    silent_total: u32,
}

#[derive(Debug, Serialize)]
struct TroubleView {
    feed: String,
    message: String,
    last_ok: Option<String>,
}

#[derive(Debug, Serialize)]
struct GapView {
    feed: String,
    from: String,
    /// Time of day when it is the day of `from`.
    to: String,
}

#[derive(Debug, Serialize)]
struct SilenceView {
    feed: String,
    last_new: Option<String>,
}

pub(super) fn view(coverage: &Coverage, zone: &TimeZone) -> CoverageView {
    let feed = |name: &str| clean::short(name, MAX_NAME);
    let failing = coverage.failing.iter().map(|trouble| TroubleView {
        feed: feed(&trouble.feed),
        message: clean::short(&trouble.message, 2 * MAX_NAME),
        last_ok: trouble.last_ok_at.map(|at| when::full(at, zone)),
    });
    let gaps = coverage.gaps.iter().map(|gap| GapView {
        feed: feed(&gap.feed),
        from: when::full(gap.from, zone),
        to: when::beside(gap.to, gap.from, zone),
    });
    let silent = coverage.silent.iter().map(|silence| SilenceView {
        feed: feed(&silence.feed),
        last_new: silence.last_new_at.map(|at| when::full(at, zone)),
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
        gaps: gaps.collect(),
        gaps_more: more(coverage.gaps_total, coverage.gaps.len()),
        gaps_total: coverage.gaps_total,
        silent: silent.collect(),
        silent_more: more(coverage.silent_total, coverage.silent.len()),
        silent_total: coverage.silent_total,
    }
}
