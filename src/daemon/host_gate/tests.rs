//! The gate by itself, on instants made up.

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MANNERS: Manners =
    Manners { concurrency: 2, spacing: SECOND, burst: 100, refill: Duration::from_secs(2) };
const OWN: Manners = Manners { concurrency: 1, spacing: Duration::ZERO, burst: 1, refill: Duration::ZERO };

fn at(ms: i64) -> Timestamp {
    time::from_millis(ms)
}

fn waiting(feeds: i64, manners: Manners) -> HostGate {
    let mut gate = HostGate::default();
    (1..=feeds).for_each(|id| gate.enqueue(at(0), "a.example", manners, FeedId(id)));
    gate
}

/// Visits everything that waits, each visit ending at once; returns when each began.
fn served(gate: &mut HostGate, from: i64) -> Vec<i64> {
    let mut now = at(from);
    let mut began = Vec::new();
    while let Some(ready) = gate.next_ready() {
        now = now.max(ready);
        assert!(gate.admit(now).is_some());
        gate.leave("a.example", None);
        began.push(now.as_millisecond());
    }
    began
}

fn gaps(began: &[i64]) -> Vec<i64> {
    began.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[test]
fn visits_to_one_site_are_limited_and_served_in_order() {
    let mut gate = waiting(3, MANNERS);
    assert_eq!(gate.admit(at(0)), Some(FeedId(1)));
    assert_eq!(gate.admit(at(999)), None);
    assert_eq!(gate.admit(at(1_500)), Some(FeedId(2)));
    assert_eq!((gate.admit(at(9_000)), gate.next_ready()), (None, None), "two visits are under way");
    gate.leave("a.example", None);
    assert_eq!(gate.admit(at(9_000)), Some(FeedId(3)));
}

#[test]
fn a_clump_is_spread_and_no_gap_is_shorter_than_the_spacing() {
    let found = gaps(&served(&mut waiting(50, MANNERS), 0));
    assert!(found.iter().all(|gap| (1_000..=1_500).contains(gap)), "{found:?}");
    let distinct: BTreeSet<_> = found.iter().collect();
    assert!(distinct.len() > 40, "like clockwork: {found:?}");
}

#[test]
fn after_a_burst_refills_are_waited_for() {
    let manners = Manners { burst: 5, refill: Duration::from_secs(10), ..MANNERS };
    let began = served(&mut waiting(12, manners), 0);
    let found = gaps(&began);
    assert!(found[..4].iter().all(|gap| *gap <= 1_500), "five in a row: {found:?}");
    // Over the whole: five, and one more for each ten seconds.
    for (n, at) in (0_i64..).zip(&began) {
        assert!(n < 5 + at / 10_000 + 1, "visit {n} began at {at} ms");
    }
    assert!(began[11] >= 65_000, "{began:?}");
}

#[test]
fn one_slow_site_does_not_hold_up_another() {
    let mut gate = HostGate::default();
    gate.enqueue(at(0), "slow.example", OWN, FeedId(1));
    gate.enqueue(at(0), "slow.example", OWN, FeedId(2));
    gate.enqueue(at(0), "quick.example", OWN, FeedId(3));
    let first: BTreeSet<_> = [gate.admit(at(0)), gate.admit(at(0))].into_iter().flatten().collect();
    assert_eq!(first, BTreeSet::from([FeedId(1), FeedId(3)]));
    assert_eq!(gate.admit(at(0)), None);
}

#[test]
fn a_site_that_asks_for_patience_gets_it() {
    let mut gate = waiting(2, MANNERS);
    assert_eq!(gate.admit(at(0)), Some(FeedId(1)));
    gate.leave("a.example", Some(at(60_000)));
    assert_eq!(gate.admit(at(59_999)), None);
    assert_eq!(gate.admit(at(61_000)), Some(FeedId(2)), "within a spacing of it");
}

#[test]
fn redirects_from_elsewhere_count() {
    let mut gate = HostGate::default();
    let manners = Manners { burst: 3, refill: Duration::from_secs(10), ..MANNERS };
    (0..3).for_each(|_| gate.count(at(0), "a.example", manners));
    gate.enqueue(at(0), "a.example", manners, FeedId(1));
    assert_eq!(gate.next_ready(), Some(at(10_000)));
}

#[test]
fn refusals_after_a_burst_are_learned_and_slowly_forgotten() {
    let mut gate = waiting(10, MANNERS);
    let visit = |gate: &mut HostGate, ms| {
        assert!(gate.admit(at(ms)).is_some(), "{ms}");
        gate.leave("a.example", None);
    };
    visit(&mut gate, 0);
    visit(&mut gate, 2_000);
    assert_eq!(gate.slow_down(at(2_000), "a.example"), None, "two visits are no burst");
    visit(&mut gate, 4_000);
    assert_eq!(gate.slow_down(at(4_000), "a.example"), Some(2 * SECOND));
    assert_eq!(gate.slow_down(at(5_000), "a.example"), None, "the same burst");
    visit(&mut gate, 7_000);
    assert_eq!(gate.admit(at(8_999)), None, "two seconds from now on");
    visit(&mut gate, 70_000);
    visit(&mut gate, 73_000);
    visit(&mut gate, 76_000);
    assert_eq!(gate.slow_down(at(76_000), "a.example"), Some(4 * SECOND));
    let later = |hours: i64| at(76_000 + hours * 3_600_000);
    gate.speed_up(later(5), "a.example");
    let spacing = |gate: &HostGate| gate.groups["a.example"].spacing();
    assert_eq!(spacing(&gate), 4 * SECOND);
    gate.speed_up(later(6), "a.example");
    assert_eq!(spacing(&gate), 2 * SECOND);
    gate.speed_up(later(7), "a.example");
    assert_eq!(spacing(&gate), 2 * SECOND);
    gate.speed_up(later(12), "a.example");
    assert_eq!(spacing(&gate), SECOND);
    assert_eq!(gate.groups["a.example"].lesson, None);
}

#[test]
fn what_is_learned_has_an_end_and_spares_the_operators_own() {
    let mut gate = HostGate::default();
    let mut learned = Vec::new();
    for round in 0..20_i64 {
        for _ in 0..BURST_VISITS {
            gate.count(at(round * 100_000), "a.example", MANNERS);
            gate.count(at(round * 100_000), "own.example", OWN);
        }
        learned.extend(gate.slow_down(at(round * 100_000), "a.example"));
        assert_eq!(gate.slow_down(at(round * 100_000), "own.example"), None);
    }
    assert_eq!(learned.last(), Some(&MAX_LESSON));
}

#[test]
fn an_orderly_restart_goes_on_where_it_was_and_a_killed_process_begins_empty() {
    let manners = Manners { burst: 5, refill: Duration::from_secs(10), ..MANNERS };
    let mut gate = waiting(4, manners);
    served(&mut gate, 0);
    let sites = gate.take_changed(at(8_000));
    assert!(!gate.has_changed() && sites.len() == 1);
    let visits_at_once = |ended, now: i64| {
        let mut gate = HostGate::default();
        gate.restore(at(now), sites.clone(), ended);
        (1..=9).for_each(|id| gate.enqueue(at(now), "a.example", manners, FeedId(id)));
        served(&mut gate, now).iter().take_while(|began| **began < now + 9_000).count()
    };
    assert_eq!(visits_at_once(Ended::Orderly, 8_000), 2, "one was left and one came back");
    assert_eq!(visits_at_once(Ended::Orderly, 80_000), 5, "it is full again");
    assert_eq!(visits_at_once(Ended::Killed, 8_000), 0);
    assert_eq!(visits_at_once(Ended::Killed, 80_000), 0, "it may have visited up to now");
}

#[test]
fn of_the_operators_own_machines_nothing_is_written_down() {
    let mut gate = waiting(1, OWN);
    gate.enqueue(at(0), "b.example", MANNERS, FeedId(2));
    assert!(gate.admit(at(0)).is_some() && gate.admit(at(0)).is_some());
    gate.leave("a.example", Some(at(600_000)));
    let names: Vec<String> = gate.take_changed(at(0)).into_iter().map(|site| site.name).collect();
    assert_eq!(names, ["b.example"]);
}

#[test]
fn spacing_follows_a_clock_that_is_set_back() {
    let mut gate = HostGate::default();
    gate.enqueue(at(3_600_000), "a.example", MANNERS, FeedId(1));
    gate.enqueue(at(3_600_000), "a.example", MANNERS, FeedId(2));
    assert_eq!(gate.admit(at(3_600_000)), Some(FeedId(1)));
    gate.set_back(Duration::from_secs(3_600));
    assert_eq!(gate.admit(at(999)), None);
    assert_eq!(gate.admit(at(1_500)), Some(FeedId(2)));
}

#[test]
fn a_wait_from_before_the_clock_was_set_back_has_an_end() {
    let mut gate = HostGate::default();
    let site = Site {
        name: "a.example".to_owned(),
        tokens_milli: -5_000,
        counted_at: at(i64::from(u32::MAX) * 1_000),
        not_before: Some(at(i64::from(u32::MAX) * 1_000)),
        spacing: None,
        learned_at: None,
    };
    gate.restore(at(0), vec![site], Ended::Orderly);
    gate.enqueue(at(0), "a.example", MANNERS, FeedId(1));
    assert_eq!(gate.next_ready(), Some(time::after(at(0), LONGEST_WAIT)));
}

#[test]
fn sites_are_forgotten_once_nothing_depends_on_them() {
    let mut gate = waiting(1, MANNERS);
    gate.admit(at(0));
    gate.leave("a.example", None);
    gate.tidy(at(60_000));
    assert_eq!(gate.groups.len(), 1, "it was not written down");
    gate.take_changed(at(60_000));
    gate.tidy(at(69_999));
    assert_eq!(gate.groups.len(), 1, "it is not tidied every moment");
    gate.tidy(at(70_000));
    assert!(gate.groups.is_empty());
}
