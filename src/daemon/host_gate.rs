//! Manners towards hosts: how many requests at once, and how long between two.
//!
//! Data in: feeds that are due, with their host. Data out: the next feed that may be visited now.
//!
//! **Invariant:** a host never has more than `concurrency` visits at once, and two visits begin at least `spacing`
//! apart. Feeds of one host are served in the order they came.
//!
//! Rejected: a lock or semaphore per host, which would park one task per waiting feed.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    time::Duration,
};

use crate::model::{FeedId, Timestamp, time};

/// Manners towards one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manners {
    /// Visits at once, at least 1.
    pub concurrency: u32,
    /// From the start of one visit to the start of the next.
    pub spacing: Duration,
}

#[derive(Debug)]
struct Host {
    manners: Manners,
    waiting: VecDeque<FeedId>,
    visits: u32,
    not_before: Timestamp,
}

/// Feeds that are due, by host.
#[derive(Debug, Default)]
pub struct HostGate {
    hosts: HashMap<String, Host>,
    /// Hosts with a feed waiting and a visit free, by when the next visit may begin.
    ready: BTreeSet<(Timestamp, String)>,
}

impl HostGate {
    /// Lets `feed` wait for its turn at `host`.
    pub fn enqueue(&mut self, host: &str, manners: Manners, feed: FeedId) {
        let entry = self.hosts.entry(host.to_owned()).or_insert_with(|| Host {
            manners,
            waiting: VecDeque::new(),
            visits: 0,
            not_before: Timestamp::MIN,
        });
        self.ready.remove(&(entry.not_before, host.to_owned()));
        entry.manners = manners;
        entry.waiting.push_back(feed);
        self.offer(host);
    }

    /// The next feed that may be visited at `now`; its visit counts from here until [`HostGate::leave`].
    pub fn admit(&mut self, now: Timestamp) -> Option<FeedId> {
        let (at, name) = self.ready.first().filter(|(at, _)| *at <= now)?.clone();
        self.ready.remove(&(at, name.clone()));
        let host = self.hosts.get_mut(&name)?;
        let feed = host.waiting.pop_front()?;
        host.visits += 1;
        host.not_before = host.not_before.max(time::after(now, host.manners.spacing));
        self.offer(&name);
        Some(feed)
    }

    /// Ends a visit to `host`. When the host asked for patience, nothing goes there before `hold_until`.
    pub fn leave(&mut self, host: &str, hold_until: Option<Timestamp>) {
        let Some(entry) = self.hosts.get_mut(host) else { return };
        self.ready.remove(&(entry.not_before, host.to_owned()));
        entry.visits = entry.visits.saturating_sub(1);
        if let Some(until) = hold_until {
            entry.not_before = entry.not_before.max(until);
        }
        self.offer(host);
    }

    /// When the next waiting feed may be visited, as far as spacing decides it.
    pub fn next_ready(&self) -> Option<Timestamp> {
        self.ready.first().map(|(at, _)| *at)
    }

    /// Follows a clock that was set back by so much.
    pub fn set_back(&mut self, by: Duration) {
        let ready = std::mem::take(&mut self.ready).into_iter();
        self.ready = ready.map(|(at, name)| (time::before(at, by), name)).collect();
        self.hosts.values_mut().for_each(|host| host.not_before = time::before(host.not_before, by));
    }

    /// Forgets hosts that nobody waits for or visits and whose spacing is over.
    pub fn tidy(&mut self, now: Timestamp) {
        self.hosts.retain(|_, host| host.visits > 0 || !host.waiting.is_empty() || host.not_before > now);
    }

    /// Forgets feeds that wait; visits under way still count.
    pub fn clear_waiting(&mut self) {
        self.ready.clear();
        for host in self.hosts.values_mut() {
            host.waiting.clear();
        }
    }

    fn offer(&mut self, name: &str) {
        if let Some(host) = self.hosts.get(name)
            && !host.waiting.is_empty()
            && host.visits < host.manners.concurrency.max(1)
        {
            self.ready.insert((host.not_before, name.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANNERS: Manners = Manners { concurrency: 2, spacing: Duration::from_secs(1) };

    fn at(ms: i64) -> Timestamp {
        time::from_millis(ms)
    }

    #[test]
    fn visits_to_one_host_are_spaced_and_limited() {
        let mut gate = HostGate::default();
        for id in 1..=3 {
            gate.enqueue("a.example", MANNERS, FeedId(id));
        }
        assert_eq!(gate.admit(at(0)), Some(FeedId(1)));
        assert_eq!((gate.admit(at(999)), gate.next_ready()), (None, Some(at(1_000))));
        assert_eq!(gate.admit(at(1_000)), Some(FeedId(2)));
        assert_eq!((gate.admit(at(9_000)), gate.next_ready()), (None, None), "two visits are under way");
        gate.leave("a.example", None);
        assert_eq!(gate.admit(at(9_000)), Some(FeedId(3)));
    }

    #[test]
    fn one_slow_host_does_not_hold_up_another() {
        let mut gate = HostGate::default();
        let alone = Manners { concurrency: 1, spacing: Duration::ZERO };
        gate.enqueue("slow.example", alone, FeedId(1));
        gate.enqueue("slow.example", alone, FeedId(2));
        gate.enqueue("quick.example", alone, FeedId(3));
        let first: BTreeSet<_> = [gate.admit(at(0)), gate.admit(at(0))].into_iter().flatten().collect();
        assert_eq!(first, BTreeSet::from([FeedId(1), FeedId(3)]));
        assert_eq!(gate.admit(at(0)), None);
    }

    #[test]
    fn a_host_that_asks_for_patience_gets_it() {
        let mut gate = HostGate::default();
        gate.enqueue("a.example", MANNERS, FeedId(1));
        gate.enqueue("a.example", MANNERS, FeedId(2));
        assert_eq!(gate.admit(at(0)), Some(FeedId(1)));
        gate.leave("a.example", Some(at(60_000)));
        assert_eq!(gate.admit(at(59_999)), None);
        assert_eq!(gate.admit(at(60_000)), Some(FeedId(2)));
    }

    #[test]
    fn spacing_follows_a_clock_that_is_set_back() {
        let mut gate = HostGate::default();
        gate.enqueue("a.example", MANNERS, FeedId(1));
        gate.enqueue("a.example", MANNERS, FeedId(2));
        assert_eq!(gate.admit(at(3_600_000)), Some(FeedId(1)));
        gate.set_back(Duration::from_secs(3_600));
        assert_eq!((gate.admit(at(999)), gate.next_ready()), (None, Some(at(1_000))));
        assert_eq!(gate.admit(at(1_000)), Some(FeedId(2)));
    }

    #[test]
    fn hosts_are_forgotten_once_nothing_depends_on_them() {
        let mut gate = HostGate::default();
        gate.enqueue("a.example", MANNERS, FeedId(1));
        gate.admit(at(0));
        gate.leave("a.example", None);
        gate.tidy(at(999));
        assert_eq!(gate.hosts.len(), 1, "its spacing is not over");
        gate.tidy(at(1_000));
        assert!(gate.hosts.is_empty());
    }
}
