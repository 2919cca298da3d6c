//! One visit to a feed: fetch, read, judge, decide when to come back.
//!
//! Data in: a feed's state and the catalog. Data out: a [`Poll`] that can be recorded.
//!
//! **Invariant:** every visit gives a poll, whatever the server or the feed does.

use std::{sync::Arc, time::Duration};

use super::{
    Catalog,
    readers::Readers,
    reading,
    uplink::{Before, Uplink, World},
    visits::Visited,
    wishes,
};
use crate::{
    clock::Clock,
    fetch::{FetchRequest, Fetched, MAX_RETRY_AFTER, Manner, Response, Room, Wishes},
    health::{self, Asked, Observation},
    model::{
        FailureKind, FeedId, FeedMemory, FeedState, Hints, Learned, Poll, PollFailure, PollOutcome, Redirect,
        Timestamp, Validators, time,
    },
    schedule,
};

/// A feed is asked for in full at least this often even if its server always says that nothing changed: some servers say so
/// for ever (a stale cache, a date in the future). With the interval, it is a day.
const IN_FULL_EVERY: Duration = Duration::from_secs(23 * 3_600);

/// What a visit needs.
#[derive(Debug)]
pub(super) struct Visitor {
    pub(super) catalog: Arc<Catalog>,
    pub(super) clock: Clock,
    pub(super) readers: Readers,
    /// Whether it is the feeds that fail.
    pub(super) uplink: Arc<Uplink>,
    /// The site of the feed.
    pub(super) site: String,
}

impl Visitor {
    /// One visit. The feed's memory decides where it is looked for and how it is asked.
    pub(super) async fn visit(self, state: FeedState) -> Visited {
        let asked =
            if state.validators == Validators::default() { Asked::InFull } else { Asked::Conditionally };
        let request =
            FetchRequest { url: health::address(&state).clone(), validators: state.validators.clone() };
        let spec = &state.spec.url;
        let manner = Manner {
            validated: Some(state.memory.answered_by.clone().unwrap_or_else(|| spec.clone())),
            access: self.catalog.access(spec),
        };
        let fetched = self.catalog.fetcher.fetch_as(&request, &manner).await;
        let now = self.clock.now();
        let mut room = Room::default();
        let (outcome, redirects, wishes, hints) = match fetched {
            Ok(Fetched::NotModified { validators, redirects, wishes }) => {
                (PollOutcome::NotModified { validators }, redirects, wishes, None)
            }
            Ok(Fetched::Modified(response)) => {
                let (redirects, wishes) = (response.redirects.clone(), response.wishes);
                room = response.room.clone();
                let (outcome, hints) = self.read(&state, response, now).await;
                (outcome, redirects, wishes, hints)
            }
            Err(error) => {
                let redirects = error.redirects().to_vec();
                (PollOutcome::Failed(error.into()), redirects, Wishes::default(), None)
            }
        };
        let poll = self.judge(&state, outcome, &redirects, asked, (wishes, hints), now);
        Visited { poll, hops: redirects.into_iter().map(|hop| hop.to).collect(), room }
    }

    fn judge(
        &self,
        state: &FeedState,
        outcome: PollOutcome,
        redirects: &[Redirect],
        asked: Asked,
        (wishes, hints): (Wishes, Option<Hints>),
        now: Timestamp,
    ) -> Poll {
        let world = self.uplink.saw(now, &self.site, Before::of(state), &outcome);
        if let PollOutcome::Failed(failure) = &outcome
            && let Some(failures) = excused(state, failure.kind, world, now)
        {
            let judged = Learned { memory: state.memory.clone(), events: Vec::new() };
            return Poll { failures, ..poll(Some(&self.catalog), state, outcome, judged, now) };
        }
        let hints = wished(state, hints, wishes.fresh_for);
        let observation = Observation { outcome: &outcome, redirects, asked, hints };
        let mut judged = health::judge(now, state, &observation);
        let asked_to_wait = wishes.retry_at.filter(|at| *at > now);
        judged.memory.patience_until = judged.memory.patience_until.max(asked_to_wait);
        poll(Some(&self.catalog), state, outcome, judged, now)
    }

    /// Reading is work for the processor, and must not hold up the network.
    async fn read(
        &self,
        state: &FeedState,
        response: Response,
        now: Timestamp,
    ) -> (PollOutcome, Option<Hints>) {
        let (catalog, state, bytes) = (self.catalog.clone(), state.clone(), response.body.len());
        let work = move || {
            let body = reading::Body {
                url: &response.url,
                content_type: response.content_type.as_deref(),
                validators: response.validators,
                bytes: &response.body,
            };
            let outcome = reading::read(&catalog, &state, body, now);
            let is_read = matches!(outcome, PollOutcome::Modified { .. });
            (outcome, is_read.then(|| wishes::of_body(&response.body)))
        };
        self.readers.read(bytes, work).await.unwrap_or_else(|| (broken_down_outcome(), None))
    }
}

/// Failures in a row after a failed visit that the feed is not to blame for; `None`: it is. A visit that found no room for a
/// large body is put off, but a feed that could not be read for as long as makes others failing is failing too: something
/// may have been missed.
fn excused(state: &FeedState, kind: FailureKind, world: World, now: Timestamp) -> Option<u32> {
    let was_read = |last| time::between(last, now) < health::FAILING_AFTER;
    match kind {
        FailureKind::NoRoom => state.last_ok_at.is_some_and(was_read).then_some(state.failures),
        // One that failed just before was no more to blame.
        _ if world == World::CutOff => Some(if state.failures <= 1 { 0 } else { state.failures }),
        _ => None,
    }
}

/// What the publisher wishes by this answer; `None`: as before. An answer without a body that was read can only ask for
/// more patience (RFC 9111 §4.3.4 has a 304 renew the freshness): what the body asked for is not known any more.
fn wished(state: &FeedState, body: Option<Hints>, fresh_for: Option<Duration>) -> Option<Hints> {
    match body {
        Some(hints) => Some(Hints { wait: hints.wait.max(fresh_for), ..hints }),
        None => fresh_for.map(|fresh| {
            let known = state.memory.hints;
            Hints { wait: known.wait.max(Some(fresh)), ..known }
        }),
    }
}

/// The poll of a visit that broke down, a fault of ours.
pub(super) fn broken_down(catalog: Option<&Catalog>, state: &FeedState, now: Timestamp) -> Poll {
    let outcome = broken_down_outcome();
    let asked = Asked::InFull;
    let observation = Observation { outcome: &outcome, redirects: &[], asked, hints: None };
    let judged = health::judge(now, state, &observation);
    poll(catalog, state, outcome, judged, now)
}

fn poll(
    catalog: Option<&Catalog>,
    state: &FeedState,
    outcome: PollOutcome,
    judged: Learned,
    now: Timestamp,
) -> Poll {
    let failures = match outcome {
        PollOutcome::Failed(_) => state.failures.saturating_add(1),
        _ => 0,
    };
    let next_poll_at = match catalog {
        Some(catalog) => schedule::next_poll(now, state, &outcome, &catalog.poll.policy),
        None => time::after(now, state.spec.interval),
    };
    let Learned { memory, events } = judged;
    let next_poll_at = not_before(now, &memory).map_or(next_poll_at, |at| at.max(next_poll_at));
    Poll { feed: state.id, at: now, outcome, next_poll_at, failures, memory, events }
}

/// What the server asked for, as far as it may ask, and how seldom a feed is visited that has long been silent.
fn not_before(now: Timestamp, memory: &FeedMemory) -> Option<Timestamp> {
    let asked = memory.patience_until.map(|at| at.min(time::after(now, MAX_RETRY_AFTER)));
    asked.max(health::rest(memory).map(|rest| time::after(now, rest)))
}

/// When a feed that was never read in full counts as read in full: at some time within the last day that its id picks, so
/// that not all are asked for in full at once.
pub(super) fn read_in_full(state: &FeedState, now: Timestamp) -> Timestamp {
    time::before(now, IN_FULL_EVERY.mul_f64(fraction(state.id)))
}

/// Whether a feed is asked for in full: a liar always, the others once a day. The time of day moves on by up to a quarter
/// a day, as the feed's id decides, so that feeds that were added at once do not stay together.
pub(super) fn is_due_in_full(state: &FeedState, now: Timestamp) -> bool {
    let memory = &state.memory;
    let every = IN_FULL_EVERY.mul_f64(1.0 - fraction(state.id) / 4.0);
    memory.liar_since.is_some() || memory.full_at.is_some_and(|at| time::between(at, now) >= every)
}

/// A place in [0, 1) of the feed's own.
fn fraction(id: FeedId) -> f64 {
    let spread = u64::try_from(id.0).unwrap_or(0).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    f64::from(u32::try_from(spread >> 32).unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
}

fn broken_down_outcome() -> PollOutcome {
    PollOutcome::Failed(PollFailure {
        kind: FailureKind::Internal,
        message: "reading the feed failed inside wirewatch; please report the feed".to_owned(),
        retry_at: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{GONE_POLLS, Gone, Health};

    fn state() -> FeedState {
        let url = url::Url::parse("http://a.example/feed").unwrap();
        let interval = Duration::from_secs(900);
        let spec =
            crate::model::FeedSpec { url, title: None, interval, on_add: crate::model::OnAdd::Baseline };
        FeedState::unread(FeedId(1), spec, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_visit_without_room_is_put_off_until_the_feed_was_unread_for_six_hours() {
        let now = time::from_millis(1_700_000_000_000);
        let read = |ago: Duration, failures: u32| FeedState {
            last_ok_at: Some(time::before(now, ago)),
            failures,
            ..state()
        };
        let check = |state: &FeedState, kind, world, expect: Option<u32>| {
            assert_eq!(excused(state, kind, world, now), expect, "{kind:?} {world:?}");
        };
        let just = health::FAILING_AFTER - Duration::from_millis(1);
        check(&read(just, 0), FailureKind::NoRoom, World::Reachable, Some(0));
        check(&read(just, 3), FailureKind::NoRoom, World::Reachable, Some(3));
        check(&read(health::FAILING_AFTER, 0), FailureKind::NoRoom, World::Reachable, None);
        check(&state(), FailureKind::NoRoom, World::Reachable, None);
        check(&read(just, 0), FailureKind::Timeout, World::Reachable, None);
        check(&read(just, 1), FailureKind::Timeout, World::CutOff, Some(0));
        check(&read(just, 2), FailureKind::Timeout, World::CutOff, Some(2));
    }

    #[test]
    fn an_answer_without_a_body_can_only_ask_for_more_patience() {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        let mut state = state();
        state.memory.hints = Hints { wait: Some(minutes(90)), skip_hours: 8, skip_days: 1 };
        let check = |body: Option<Hints>, fresh: Option<u64>, expect: Option<(Option<u64>, u32)>| {
            let found = wished(&state, body, fresh.map(minutes));
            let found = found.map(|hints| (hints.wait.map(|wait| wait.as_secs() / 60), hints.skip_hours));
            assert_eq!(found, expect, "{body:?} {fresh:?}");
        };
        check(None, None, None);
        check(None, Some(60), Some((Some(90), 8)));
        check(None, Some(91), Some((Some(91), 8)));
        let body = Hints { wait: Some(minutes(30)), ..Hints::default() };
        check(Some(body), None, Some((Some(30), 0)));
        check(Some(body), Some(10), Some((Some(30), 0)));
        check(Some(body), Some(45), Some((Some(45), 0)));
        check(Some(Hints::default()), Some(45), Some((Some(45), 0)));
    }

    #[test]
    fn feeds_at_rest_are_tried_daily_and_gone_ones_monthly() {
        let now = time::from_millis(1_700_000_000_000);
        let rests =
            |memory: &FeedMemory| not_before(now, memory).map(|at| time::between(now, at).as_secs() / 3_600);
        let mut memory = FeedMemory { health: Health::Dormant, ..FeedMemory::default() };
        assert_eq!(rests(&memory), Some(24));
        for polls in [1, GONE_POLLS - 1] {
            memory.gone = Some(Gone { polls, since: now });
            assert_eq!(rests(&memory), Some(24), "{polls} times is not believed yet");
        }
        memory.gone = Some(Gone { polls: GONE_POLLS, since: now });
        assert_eq!(rests(&memory), Some(30 * 24));
        assert_eq!(rests(&FeedMemory::default()), None, "it is back");
    }
}
