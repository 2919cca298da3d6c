//! Topics that went quiet: usually six stories a day, none for three days.
//!
//! Data in: the stories of a topic day by day, and how much was read at all on each of them. Data out: whether it is quiet
//! beyond what chance and the week explain, and since how many days.
//!
//! What is usual is taken from the same days of the week: the median of up to [`WEEKS`] of them, or their mean where that
//! is lower, so that neither a burst nor a holiday raises it. The last days are quiet when next to nothing came although
//! [`LEAST_EXPECTED`] stories or more were to be expected; for a topic whose volume jumps, as many times more as its
//! volume varies more than chance would have it.
//!
//! **Invariant:** days on which hardly anything was read say nothing of a topic: that was our own doing.
//! **Invariant:** a topic that is quiet stays so until a day with a third of its usual volume.
//!
//! Rejected: a threshold in days, which calls every rare topic quiet; the distance from a mean in standard deviations,
//! which a single burst makes blind for weeks; to tell bursts, which the alerts of a burst tell already.

/// Whole days that are looked at, the last one yesterday.
pub const DAYS: usize = 7 * (WEEKS + 1);
/// Weeks that make the usual.
pub const WEEKS: usize = 8;
/// Fewer days than these are no usual yet.
pub const FEWEST_DAYS: usize = 28;
/// Longest stretch that is looked at; a topic that has no news in two weeks is a rare one.
pub const LONGEST: usize = 14;
/// Stories that must be missing of a topic that comes by chance (measured in the simulation below: 35 false alarms in
/// 1,008 topic-years; with 10 there are 86, with 15 there are 12, and 2 a day is noticed after 13 days, not 10).
pub const LEAST_EXPECTED: f64 = 12.0;
/// What varies twice as much as chance would have it must miss so many times as many: 2 to this power.
const CAUTION: f64 = 1.5;
/// "Next to nothing": so much of what was expected, at most.
const NEXT_TO_NOTHING: f64 = 0.1;
/// A quiet topic is back with a day of so much of its usual volume.
const BACK: f64 = 1.0 / 3.0;
/// A day on which less than this part of the usual was read, of all items, is left out.
const BLIND: f64 = 0.25;

/// What is known of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume<'a> {
    /// Its stories, a day each, oldest first, yesterday last; at most [`DAYS`] are looked at.
    pub stories: &'a [u32],
    /// Items read on the same days, of all feeds.
    pub read: &'a [u64],
    /// How many of the last days lie wholly within the archive.
    pub known: usize,
}

/// How a topic fares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Flow {
    /// As usual, or it cannot be told.
    Usual,
    /// Next to nothing for long.
    Quiet {
        /// For so many days.
        days: usize,
        /// Stories in them.
        came: u32,
        /// Stories a day that were usual for those days.
        usual: f64,
    },
}

/// A day of the past.
#[derive(Debug, Clone, Copy)]
struct Day {
    came: f64,
    /// Hardly anything was read.
    blind: bool,
}

/// Whether a topic is quiet that was not so before.
pub fn flow(volume: &Volume<'_>) -> Flow {
    let days = days(volume);
    if days.len() < FEWEST_DAYS {
        return Flow::Usual;
    }
    let most = days.iter().map(|day| day.came).fold(0.0, f64::max);
    let (mut came, mut seen, mut found) = (0.0, 0.0, Flow::Usual);
    for length in 1..=LONGEST {
        let (before, stretch) = days.split_at(days.len().saturating_sub(length));
        if let Some(day) = stretch.first().filter(|day| !day.blind) {
            (came, seen) = (came + day.came, seen + 1.0);
        }
        // Most topics on most days: there is no need to look closer.
        if came > seen * most * NEXT_TO_NOTHING {
            continue;
        }
        let usual = Usual::of(before);
        let expected: f64 =
            (before.len()..).zip(stretch).filter(|(_, day)| !day.blind).map(|(at, _)| usual.on(at)).sum();
        let enough = LEAST_EXPECTED * usual.variation(before).max(1.0).powf(CAUTION);
        if expected >= enough && came <= expected * NEXT_TO_NOTHING {
            found = Flow::Quiet { days: length, came: whole(came), usual: expected / seen };
        }
    }
    found
}

/// Whether a topic that was quiet is so no longer: yesterday brought a third of what is usual or more.
pub fn is_back(volume: &Volume<'_>) -> bool {
    let days = days(volume);
    let Some((yesterday, before)) = days.split_last() else { return false };
    yesterday.came >= 1.0 && yesterday.came >= Usual::of(before).on(before.len()) * BACK
}

/// The known days, oldest first.
fn days(volume: &Volume<'_>) -> Vec<Day> {
    let known = volume.known.min(DAYS).min(volume.stories.len()).min(volume.read.len());
    let stories = volume.stories.iter().skip(volume.stories.len() - known);
    let read = volume.read.iter().skip(volume.read.len() - known);
    let read: Vec<Day> = read.map(|n| Day { came: approximate(*n), blind: false }).collect();
    let usual = Usual::by(&read, |median, _| median);
    let is_blind = |at: usize, read: &Day| read.came < 1.0 || read.came < usual.on(at) * BLIND;
    let day = |(at, (n, read)): (usize, (&u32, &Day))| Day { came: f64::from(*n), blind: is_blind(at, read) };
    stories.zip(&read).enumerate().map(day).collect()
}

/// What is usual on each day of the week.
struct Usual([f64; 7]);

impl Usual {
    /// Of days of which the first is day 0.
    fn of(days: &[Day]) -> Self {
        Self::by(days, f64::min)
    }

    /// The same, out of median and mean.
    fn by(days: &[Day], choose: fn(f64, f64) -> f64) -> Self {
        let mut usual = [0.0; 7];
        for (weekday, usual) in usual.iter_mut().enumerate() {
            let same = days.iter().skip(weekday).step_by(7).filter(|day| !day.blind);
            let mut values: Vec<f64> = same.map(|day| day.came).collect();
            values.sort_by(f64::total_cmp);
            let middle = |at: usize| values.get(at).copied().unwrap_or(0.0);
            let median = middle(values.len() / 2).midpoint(middle(values.len().saturating_sub(1) / 2));
            let count = approximate(u64::try_from(values.len().max(1)).unwrap_or(1));
            *usual = choose(median, values.iter().sum::<f64>() / count);
        }
        Self(usual)
    }

    fn on(&self, day: usize) -> f64 {
        self.0.get(day % 7).copied().unwrap_or(0.0)
    }

    /// How much further days fall below the usual than chance would have it: about 1 for what comes by chance. Bursts do
    /// not count, since they say nothing of how low a topic can fall.
    fn variation(&self, days: &[Day]) -> f64 {
        let (mut usual, mut squares) = (0.0, 0.0);
        for (at, day) in days.iter().enumerate().filter(|(_, day)| !day.blind) {
            usual += self.on(at);
            squares += 2.0 * (self.on(at) - day.came).max(0.0).powi(2);
        }
        if usual > 0.0 { squares / usual } else { f64::INFINITY }
    }
}

/// Counts are far below 2³², where nothing is lost.
fn approximate(n: u64) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

/// A sum of counts, as a count again.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of at most 14 u32 counts")]
fn whole(sum: f64) -> u32 {
    sum as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: [u64; 400] = [1_000; 400];

    fn volume(stories: &[u32]) -> Volume<'_> {
        Volume { stories, read: &READ[..stories.len()], known: stories.len() }
    }

    /// So many weeks of this week, and then these days.
    fn after(weeks: usize, week: [u32; 7], then: &[u32]) -> Vec<u32> {
        [week.repeat(weeks), then.to_vec()].concat()
    }

    #[test]
    fn six_a_day_and_then_none_is_quiet_after_two_days() {
        let quiet_after = |week: [u32; 7]| {
            (1..=LONGEST).find(|days| flow(&volume(&after(8, week, &vec![0; *days]))) != Flow::Usual)
        };
        assert_eq!(quiet_after([6; 7]), Some(2));
        assert_eq!(quiet_after([12; 7]), Some(1));
        // Eleven days without any, and one before them with one: a tenth of twelve at most.
        assert_eq!(quiet_after([1; 7]), Some(11));
        assert_eq!(quiet_after([0, 1, 0, 0, 1, 0, 0]), None, "too rare to tell");
        let Flow::Quiet { days, came, usual } = flow(&volume(&after(8, [6; 7], &[1, 0, 0]))) else {
            panic!("quiet");
        };
        assert_eq!((days, came, usual.round()), (3, 1, 6.0));
    }

    #[test]
    fn a_weekend_is_not_quiet() {
        // The weeks begin with a Monday.
        let office = [8, 8, 8, 8, 8, 0, 0];
        assert_eq!(flow(&volume(&after(9, office, &[]))), Flow::Usual, "Monday morning");
        assert_eq!(flow(&volume(&after(8, office, &[8, 8, 8, 8, 8, 0]))), Flow::Usual);
        let Flow::Quiet { days, .. } = flow(&volume(&after(8, office, &[8, 8, 8, 0, 0, 0, 0]))) else {
            panic!("two working days are missing");
        };
        assert_eq!(days, 4);
    }

    #[test]
    fn days_without_reading_prove_nothing() {
        let stories = after(8, [6; 7], &[0; 5]);
        let mut read = READ[..stories.len()].to_vec();
        let outage = stories.len() - 5;
        read[outage..].fill(0);
        let mut flow_with = |items: u64| {
            read[outage..].fill(items);
            flow(&Volume { stories: &stories, read: &read, known: stories.len() })
        };
        assert_eq!(flow_with(0), Flow::Usual, "nothing was read at all");
        assert_eq!(flow_with(249), Flow::Usual, "less than a quarter");
        assert_ne!(flow_with(250), Flow::Usual);
    }

    #[test]
    fn what_is_not_known_for_four_weeks_has_no_usual() {
        let stories = after(8, [6; 7], &[0; 3]);
        let known = |known: usize| flow(&Volume { known, ..volume(&stories) });
        assert_eq!(known(FEWEST_DAYS - 1), Flow::Usual);
        assert_ne!(known(FEWEST_DAYS), Flow::Usual);
    }

    #[test]
    fn it_is_back_with_a_third_of_the_usual() {
        let back = |last: u32| is_back(&volume(&after(8, [6; 7], &[0, 0, last])));
        assert!(!back(0) && !back(1) && back(2));
        // Of what comes once a week, one is enough; on a day without a usual too.
        assert!(is_back(&volume(&after(8, [0, 0, 0, 0, 0, 0, 0], &[1]))));
    }

    #[test]
    fn a_burst_does_not_make_blind_for_what_follows() {
        let mut stories = after(8, [6; 7], &[]);
        stories[40] = 60;
        stories.extend([0; 14]);
        let days: Option<usize> = (1..=14).find(|n| {
            let seen = &stories[..56 + n];
            flow(&volume(seen)) != Flow::Usual
        });
        assert!(days.is_some_and(|days| days <= 14), "{days:?}");
    }

    /// A generator of its own, so that the figures below are the same everywhere.
    struct Dice(u64);

    impl Dice {
        /// In [0, 1).
        fn roll(&mut self) -> f64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f64::from(u32::try_from(self.0 >> 32).unwrap()) / (f64::from(u32::MAX) + 1.0)
        }

        fn poisson(&mut self, mean: f64) -> u32 {
            let (limit, mut product, mut n) = ((-mean).exp(), self.roll(), 0);
            while product > limit {
                product *= self.roll();
                n += 1;
            }
            n
        }
    }

    /// Stories of a day, by its number.
    type Rhythm = fn(day: usize, dice: &mut Dice) -> u32;

    const RHYTHMS: &[(&str, Rhythm)] = &[
        ("20 a day", |_, dice| dice.poisson(20.0)),
        ("6 a day", |_, dice| dice.poisson(6.0)),
        ("2 a day", |_, dice| dice.poisson(2.0)),
        ("1 in two days", |_, dice| dice.poisson(0.5)),
        ("8 on working days", |day, dice| if day % 7 < 5 { dice.poisson(8.0) } else { 0 }),
        ("5 on working days, 1 at weekends", |day, dice| dice.poisson(if day % 7 < 5 { 5.0 } else { 1.0 })),
        ("a mean that jumps daily between 1 and 11", |_, dice| {
            let mean = 1.0 + 10.0 * dice.roll();
            dice.poisson(mean)
        }),
        ("long waves between 2 and 14", |day, dice| {
            let phase = f64::from(u32::try_from(day % 45).unwrap()) / 45.0 * std::f64::consts::TAU;
            dice.poisson(8.0 + 6.0 * phase.sin())
        }),
        ("bursts: 40 for two days in thirty, else 3", |day, dice| {
            dice.poisson(if day % 30 < 2 { 40.0 } else { 3.0 })
        }),
    ];

    #[test]
    fn a_topic_is_called_quiet_by_chance_less_than_once_in_twenty_years() {
        let (mut told, mut years) = (0, 0);
        for (name, rhythm) in RHYTHMS {
            let mut of_rhythm = 0;
            for seed in 1..=56_u64 {
                let mut dice = Dice(seed * 7_919);
                let days: Vec<u32> = (0..2 * 365 + DAYS).map(|day| rhythm(day, &mut dice)).collect();
                let mut quiet = false;
                for end in DAYS..days.len() {
                    let seen = volume_of(&days[end - DAYS..end]);
                    if quiet {
                        quiet = !is_back(&seen);
                    } else if flow(&seen) != Flow::Usual {
                        (quiet, of_rhythm) = (true, of_rhythm + 1);
                    }
                }
                years += 2;
            }
            println!("{name}: {of_rhythm} false alarms in 112 years");
            told += of_rhythm;
        }
        println!("{told} false alarms in {years} topic-years");
        assert!(years >= 1_000 && told <= 50, "{told} in {years} topic-years");
    }

    #[test]
    fn a_topic_that_stops_is_called_quiet_within_days() {
        for (name, rhythm) in RHYTHMS.iter().filter(|(name, _)| *name != "1 in two days") {
            let mut longest = 0;
            for seed in 1..=20_u64 {
                let mut dice = Dice(seed * 104_729);
                let days: Vec<u32> = (0..DAYS).map(|day| rhythm(day, &mut dice)).collect();
                let after = (1..=LONGEST).find(|n| {
                    let seen: Vec<u32> = [&days[*n..], &vec![0; *n]].concat();
                    flow(&volume_of(&seen)) != Flow::Usual
                });
                longest = longest.max(after.unwrap_or(usize::MAX));
            }
            println!("{name}: noticed after {longest} days at most");
            assert!(longest <= LONGEST, "{name}: {longest}");
        }
    }

    fn volume_of(stories: &[u32]) -> Volume<'_> {
        volume(stories)
    }
}
