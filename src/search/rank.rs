//! What a match is worth.
//!
//! Data in: the hits of an item, its instant, now. Data out: a number, larger for what answers the question better.
//!
//! The worth of an item is the sum over the different clauses that hit it: 3 for a clause with a hit in the headline,
//! 1 for others, and up to twice as much the more often it hits (1 hit: ×1, 2: ×1.33, 4: ×1.6). The sum is raised by
//! a quarter for an item of this moment, an eighth for one thirty days old, ever less for older ones.
//!
//! **Invariant:** never negative or NaN; another hit never lowers it.
//!
//! Rejected: BM25. It needs how rare each word is in the whole archive and what length is usual, and a topic of two
//! hundred spellings of one thing is not two hundred words.

use std::{collections::BTreeMap, time::Duration};

use crate::model::{ClauseHit, Field, Timestamp, time};

const IN_TITLE: f64 = 3.0;
const ELSEWHERE: f64 = 1.0;
/// What is new may be raised by so much.
const FRESHNESS: f64 = 0.25;
/// An item of this age is raised by half of [`FRESHNESS`].
const HALF_FRESH: Duration = Duration::from_secs(30 * 86_400);

/// See the module; `at` is when the item was published.
pub(super) fn score(hits: &[ClauseHit], at: Timestamp, now: Timestamp) -> f64 {
    let mut clauses: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for hit in hits {
        let worth = if hit.field == Field::Title { IN_TITLE } else { ELSEWHERE };
        let (best, count) = clauses.entry(&hit.clause).or_insert((0.0, 0.0));
        *best = best.max(worth);
        *count += 1.0;
    }
    let worth: f64 = clauses.values().map(|(worth, count)| worth * 2.0 * count / (count + 1.0)).sum();
    let age = time::between(at, now).as_secs_f64();
    worth * (1.0 + FRESHNESS * HALF_FRESH.as_secs_f64() / (HALF_FRESH.as_secs_f64() + age))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_750_000_000, 0);

    fn worth(hits: &[(&str, Field)], days: u64) -> f64 {
        let hit = |(clause, field): &(&str, Field)| ClauseHit {
            clause: (*clause).into(),
            field: *field,
            span: 0..1,
        };
        let hits: Vec<ClauseHit> = hits.iter().map(hit).collect();
        score(&hits, time::before(NOW, Duration::from_secs(days * 86_400)), NOW)
    }

    #[test]
    fn headlines_and_different_clauses_count_most_and_age_little() {
        use Field::{Summary, Title};
        let falling = [
            worth(&[("a", Title), ("b", Title)], 300),
            worth(&[("a", Title), ("b", Summary)], 0),
            worth(&[("a", Title), ("a", Summary)], 30),
            worth(&[("a", Title)], 0),
            worth(&[("a", Title)], 30),
            worth(&[("a", Summary), ("b", Summary)], 0),
            worth(&[("a", Summary); 20], 0),
            worth(&[("a", Summary)], 0),
            worth(&[("a", Summary)], 3_000),
            worth(&[], 0),
        ];
        assert!(falling.is_sorted_by(|a, b| a > b), "{falling:?}");
    }

    #[test]
    fn the_figures_are_those_of_the_description() {
        let check = |got: f64, want: f64| assert!((got - want).abs() < 0.01, "{got}, not {want}");
        check(worth(&[("a", Field::Title)], 0), 3.0 * 1.25);
        check(worth(&[("a", Field::Content); 2], 30), 1.333 * 1.125);
        check(worth(&[("a", Field::Content); 4], 0), 1.6 * 1.25);
    }
}
