//! What is known of a story, and what of it is news to a recipient who was alerted before.
//!
//! Data in: the items of a story, what was told, the policy. Data out: [`Facts`], [`News`].
//!
//! **Invariant:** the same items in any order give the same sources, clauses and score.
//! **Invariant:** what a mail told is never news again: [`Facts::told`] of the same facts leaves nothing to tell.
//!
//! **Invariant:** outlets that print one text are one source, however many they are: a threshold is crossed only by
//! those that report in words of their own.
//!
//! Rejected: counting copies as corroboration. Ten papers that print one agency's report know what the agency knows.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use xxhash_rust::xxh3::xxh3_64;

use crate::model::{
    Line, News, NewsKind, NotificationId, StoryId, StoryItem, Tier, Timestamp, Told, TopicName,
    TopicSelector, UpdatePolicy, Voice,
};

/// Facts of the stories that are planned. A story that is missing has no items any more.
pub type FactsOf = HashMap<StoryId, Facts>;

/// Most clauses remembered as told; a story with more has no clause that is news.
pub const MAX_CLAUSES_TOLD: usize = 1_000;
/// Most clauses named as news in one update.
pub const MAX_CLAUSE_NEWS: usize = 5;
/// Points of a score for a first-tier source, beside the one that every source gives.
const TIER_POINTS: usize = 2;
/// First-tier sources that give [`TIER_POINTS`].
const TIERS_COUNTED: usize = 2;
/// Clauses that give a point of the score.
const CLAUSES_COUNTED: usize = 5;
/// What is known of a story now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Outlets that carry it, copies included.
    pub outlets: BTreeMap<String, Tier>,
    /// Of those, the ones that report it in words of their own.
    pub own: BTreeSet<String>,
    /// Headline of the primary item.
    pub headline: String,
    /// Headlines of all items.
    pub headlines: BTreeSet<String>,
    /// Headlines that were told and stand there no more, since the outlet made another of them: see [`Facts::compare`].
    pub replaced: BTreeSet<String>,
    /// Clauses that matched in any item.
    pub clauses: BTreeSet<(TopicName, Arc<str>)>,
    /// Alternatives of its topic, by number, that a clause stands in. One that is not here is an alternative of its own.
    pub alternatives: BTreeMap<(TopicName, Arc<str>), Vec<usize>>,
}

impl Facts {
    /// Of the items of a story, the primary first.
    pub fn of<'a>(items: impl IntoIterator<Item = &'a StoryItem>) -> Self {
        let mut facts = Self::default();
        for (n, item) in items.into_iter().enumerate() {
            if n == 0 {
                facts.headline.clone_from(&item.title);
            }
            facts.headlines.insert(item.title.clone());
            facts.outlets.insert(item.outlet.name.clone(), item.outlet.tier);
            if item.voice == Voice::Own {
                facts.own.insert(item.outlet.name.clone());
            }
            facts.clauses.extend(item.clauses.iter().cloned());
        }
        facts
    }

    /// Notes whether the headline that was told was replaced by one that says something else, as `is_another` judges two
    /// headlines. While any item still has it, it stands: that another outlet is shown first now is no change of it.
    pub fn compare(&mut self, told: &str, is_another: impl Fn(&str, &str) -> bool) {
        if !self.headlines.contains(told) && is_another(told, &self.headline) {
            self.replaced.insert(told.to_owned());
        }
    }

    /// How many distinct sources report it: those with words of their own, and all that print one text together as one.
    pub fn source_count(&self) -> u32 {
        // The text that the others copy may be past its time.
        let least = usize::from(!self.outlets.is_empty());
        u32::try_from(self.own.len().max(least)).unwrap_or(u32::MAX)
    }

    /// How many outlets carry it.
    pub fn outlet_count(&self) -> u32 {
        u32::try_from(self.outlets.len()).unwrap_or(u32::MAX)
    }

    fn first_tier(&self) -> impl Iterator<Item = &String> {
        self.outlets.iter().filter(|(_, tier)| **tier == Tier::First).map(|(outlet, _)| outlet)
    }

    /// How much a story weighs for a reader of `topics`: a point for each source, two more for each of the first two
    /// first-tier sources, and a point for each of the first five different clauses that matched.
    pub fn score(&self, topics: &TopicSelector) -> u32 {
        let tiers = self.first_tier().take(TIERS_COUNTED).count() * TIER_POINTS;
        let clauses =
            self.clauses.iter().filter(|(topic, _)| topics.takes(topic)).take(CLAUSES_COUNTED).count();
        self.source_count().saturating_add(u32::try_from(tiers + clauses).unwrap_or(u32::MAX))
    }

    /// Whether a reader of `topics` finds the story at or above `line`.
    pub fn reaches(&self, line: &Line, topics: &TopicSelector) -> bool {
        line.sources.is_some_and(|least| self.source_count() >= least)
            || line.score.is_some_and(|least| self.score(topics) >= least)
    }

    /// What a mail with these facts tells; `thread` is the first mail about the story.
    pub fn told(&self, revision: u32, at: Timestamp, thread: Option<NotificationId>) -> Told {
        let mut clauses: Vec<u64> = self.clauses.iter().map(clause_hash).collect();
        clauses.sort_unstable();
        clauses.dedup();
        clauses.truncate(MAX_CLAUSES_TOLD);
        let tier = if self.first_tier().next().is_some() { Tier::First } else { Tier::Other };
        let (sources, headline) = (self.source_count(), self.headline.clone());
        Told { revision, at, sources, tier, headline, clauses, thread }
    }

    /// What of it is news to a reader of `topics` who was told `told`: most important first, at most
    /// [`MAX_CLAUSE_NEWS`] clauses, empty when there is none.
    pub fn news(&self, told: &Told, policy: &UpdatePolicy, topics: &TopicSelector) -> Vec<News> {
        let mut news = Vec::new();
        for kind in NewsKind::ALL.into_iter().filter(|kind| policy.on.contains(kind)) {
            match kind {
                NewsKind::Sources => {
                    let crossed = |least: &u32| told.sources < *least && self.source_count() >= *least;
                    if policy.corroborate.iter().any(crossed) {
                        news.push(News::Sources(self.source_count()));
                    }
                }
                NewsKind::FirstTier => {
                    let first = self.first_tier().next().filter(|_| told.tier == Tier::Other);
                    news.extend(first.map(|source| News::FirstTier { source: source.clone() }));
                }
                NewsKind::Clause => news.extend(self.new_clauses(told, topics)),
                NewsKind::Headline => {
                    if self.replaced.contains(&told.headline) {
                        let (before, now) = (told.headline.clone(), self.headline.clone());
                        news.push(News::Headline { before, now });
                    }
                }
            }
        }
        news
    }

    fn new_clauses(&self, told: &Told, topics: &TopicSelector) -> Vec<News> {
        if told.clauses.len() >= MAX_CLAUSES_TOLD {
            return Vec::new();
        }
        let known: HashSet<u64> = told.clauses.iter().copied().collect();
        let (old, fresh): (Vec<_>, Vec<_>) =
            self.clauses.iter().partition(|clause| known.contains(&clause_hash(clause)));
        let mut held: HashSet<(&TopicName, usize)> =
            old.into_iter().flat_map(|clause| self.alternatives_of(clause)).collect();
        let mut news = Vec::new();
        for clause in fresh.into_iter().filter(|clause| topics.takes(&clause.0)) {
            // Other words for what held before say nothing new.
            if self.alternatives_of(clause).any(|alternative| held.contains(&alternative)) {
                continue;
            }
            held.extend(self.alternatives_of(clause));
            news.push(News::Clause { topic: clause.0.clone(), clause: clause.1.clone() });
        }
        news.truncate(MAX_CLAUSE_NEWS);
        news
    }

    fn alternatives_of<'a>(
        &'a self,
        clause: &'a (TopicName, Arc<str>),
    ) -> impl Iterator<Item = (&'a TopicName, usize)> {
        let numbers = self.alternatives.get(clause).into_iter().flatten();
        numbers.map(|number| (&clause.0, *number))
    }
}

fn clause_hash((topic, clause): &(TopicName, Arc<str>)) -> u64 {
    xxh3_64(format!("{topic}\n{clause}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outlets;

    fn item(host: &str, title: &str, clauses: &[&str]) -> StoryItem {
        let clauses = clauses.iter().map(|clause| (TopicName::new("t"), Arc::from(*clause))).collect();
        let link = url::Url::parse(&format!("https://{host}/a")).unwrap();
        let outlet = Outlets::known().recognise(Some(&link), None, title);
        let at = Timestamp::UNIX_EPOCH;
        StoryItem { outlet, voice: Voice::Own, at, title: title.to_owned(), clauses }
    }

    fn copy(host: &str) -> StoryItem {
        StoryItem { voice: Voice::Copy, ..item(host, "Port fees", &[]) }
    }

    fn facts(items: &[StoryItem]) -> Facts {
        Facts::of(items)
    }

    fn news(before: &[StoryItem], now: &[StoryItem], policy: &UpdatePolicy) -> Vec<News> {
        let told = facts(before).told(1, Timestamp::UNIX_EPOCH, None);
        let mut facts = facts(now);
        facts.compare(&told.headline, |before, now| before != now);
        facts.news(&told, policy, &TopicSelector::All)
    }

    #[test]
    fn a_threshold_is_news_when_it_is_crossed_and_only_then() {
        let of = |n: usize| -> Vec<StoryItem> {
            (0..n).map(|i| item(&format!("site{i}.example"), "Port fees", &["port fee(s)"])).collect()
        };
        let check = |before: usize, now: usize, want: Option<u32>| {
            let found = news(&of(before), &of(now), &UpdatePolicy::default());
            assert_eq!(found, want.map(News::Sources).into_iter().collect::<Vec<_>>(), "{before} to {now}");
        };
        check(1, 2, None);
        check(1, 3, Some(3));
        check(2, 9, Some(9));
        check(3, 9, None);
        check(3, 10, Some(10));
        check(1, 12, Some(12));
        check(10, 40, None);
        // A second feed of the same outlet corroborates nothing.
        let twice = [item("a.example.com", "x", &[]), item("b.example.com", "x", &[])];
        assert_eq!(facts(&twice).source_count(), 1);
        // Nor do those who print a text that others have.
        let one = [item("a.example", "Port fees", &["port fee(s)"])];
        let copies = |n: usize| {
            [&one[..], &(0..n).map(|i| copy(&format!("c{i}.example"))).collect::<Vec<_>>()].concat()
        };
        assert_eq!(news(&one, &copies(30), &UpdatePolicy::default()), []);
        assert_eq!((facts(&copies(30)).source_count(), facts(&copies(30)).outlet_count()), (1, 31));
        let two_more = [copies(30), of(2)].concat();
        assert_eq!(news(&one, &two_more, &UpdatePolicy::default()), [News::Sources(3)]);
        // An outlet that prints the text and writes its own report is a source.
        assert_eq!(
            facts(&[one[0].clone(), copy("b.example"), item("b.example", "x", &[])]).source_count(),
            2
        );
        // What was copied is past its time.
        assert_eq!(
            (facts(&[copy("b.example"), copy("c.example")]).source_count(), facts(&[]).source_count()),
            (1, 0)
        );
        let never = UpdatePolicy { on: vec![], ..UpdatePolicy::default() };
        assert_eq!(news(&of(1), &of(20), &never), []);
    }

    #[test]
    fn the_first_of_the_first_tier_is_news() {
        let policy = UpdatePolicy::default();
        let [blog, wire, paper] =
            ["blog.example", "www.reuters.com", "www.ft.com"].map(|host| item(host, "Port fees", &[]));
        let joined = news(std::slice::from_ref(&blog), &[blog.clone(), wire.clone()], &policy);
        assert_eq!(joined, [News::FirstTier { source: "Reuters".to_owned() }]);
        assert_eq!(news(std::slice::from_ref(&wire), &[wire.clone(), paper], &policy), []);
        // One that prints what others have settles the matter as well.
        let printed = StoryItem { voice: Voice::Copy, ..wire.clone() };
        let joined = news(std::slice::from_ref(&blog), &[blog.clone(), printed], &policy);
        assert_eq!(joined, [News::FirstTier { source: "Reuters".to_owned() }]);
        let off = UpdatePolicy { on: vec![NewsKind::Sources], ..policy };
        assert_eq!(news(std::slice::from_ref(&blog), &[blog.clone(), wire], &off), []);
    }

    #[test]
    fn clauses_are_news_once_and_of_the_readers_topics_only() {
        let policy = UpdatePolicy::default();
        let one = [item("a.example", "Port fees", &["port fee(s)"])];
        let two = [one[0].clone(), item("a.example", "Port fees", &["tariff*", "port fee(s)"])];
        let clause = News::Clause { topic: TopicName::new("t"), clause: Arc::from("tariff*") };
        assert_eq!(news(&one, &two, &policy), [clause]);
        assert_eq!(news(&two, &two, &policy), []);
        let told = facts(&one).told(1, Timestamp::UNIX_EPOCH, None);
        let others = TopicSelector::Named(vec![TopicName::new("u")]);
        assert_eq!(facts(&two).news(&told, &policy, &others), []);
        // N and N + 1 of what is named and of what is remembered.
        let many = |n: usize| {
            let names: Vec<String> = (0..n).map(|i| format!("c{i}")).collect();
            [item("a.example", "Port fees", &names.iter().map(String::as_str).collect::<Vec<_>>())]
        };
        assert_eq!(news(&many(0), &many(MAX_CLAUSE_NEWS), &policy).len(), MAX_CLAUSE_NEWS);
        assert_eq!(news(&many(0), &many(MAX_CLAUSE_NEWS + 1), &policy).len(), MAX_CLAUSE_NEWS);
        assert_eq!(news(&many(MAX_CLAUSES_TOLD - 1), &many(MAX_CLAUSES_TOLD), &policy).len(), 1);
        assert_eq!(news(&many(MAX_CLAUSES_TOLD), &many(MAX_CLAUSES_TOLD + 1), &policy), []);
    }

    #[test]
    fn other_words_for_an_alternative_that_held_are_no_news() {
        let clause = |word: &str| (TopicName::new("t"), Arc::from(word));
        let check = |before: &[&str], now: &[&str], want: &[&str]| {
            let told = facts(&[item("a.example", "x", before)]).told(1, Timestamp::UNIX_EPOCH, None);
            let mut facts = facts(&[item("a.example", "x", now)]);
            let alternatives =
                [("tin", vec![0]), ("zinc", vec![0]), ("ban(s)", vec![0, 1]), ("quota", vec![1])];
            facts.alternatives = alternatives.map(|(word, numbers)| (clause(word), numbers)).into();
            let want =
                want.iter().map(|word| News::Clause { topic: TopicName::new("t"), clause: clause(word).1 });
            let found = facts.news(&told, &UpdatePolicy::default(), &TopicSelector::All);
            assert_eq!(found, want.collect::<Vec<_>>(), "{before:?} {now:?}");
        };
        check(&["tin"], &["tin", "zinc", "ban(s)"], &[]);
        check(&["tin"], &["quota", "tin"], &["quota"]);
        check(&["quota"], &["quota", "tin", "zinc"], &["tin"]);
        check(&["quota"], &["pier", "quota", "toll"], &["pier", "toll"]);
        check(&["ban(s)"], &["ban(s)", "quota", "tin"], &[]);
    }

    #[test]
    fn a_headline_is_news_when_it_was_replaced() {
        let check = |before: &[&str], now: &[&str], want: bool| {
            let [before, now] = [before, now]
                .map(|all| all.iter().map(|title| item("a.example", title, &[])).collect::<Vec<_>>());
            let found = news(&before, &now, &UpdatePolicy::default());
            assert_eq!(!found.is_empty(), want, "{before:?} to {now:?}");
        };
        check(&["Port fees debated"], &["Port fees shelved"], true);
        check(&["Port fees debated", "Fees"], &["Port fees shelved", "Fees"], true);
        check(&["Port fees debated"], &["Port fees debated"], false);
        // Another outlet is shown first now, and what was told stands as it was.
        check(&["Port fees debated"], &["Harbour charge put off", "Port fees debated"], false);
        let off = UpdatePolicy { on: vec![NewsKind::Sources], ..UpdatePolicy::default() };
        assert_eq!(news(&[item("a.example", "x", &[])], &[item("a.example", "y", &[])], &off), []);
    }

    #[test]
    fn a_score_counts_sources_tiers_and_clauses() {
        let check = |items: &[StoryItem], want: u32| {
            assert_eq!(facts(items).score(&TopicSelector::All), want);
        };
        check(&[], 0);
        check(&[item("a.example", "x", &["c"])], 2);
        check(&[item("reuters.com", "x", &["c"])], 4);
        check(&["reuters.com", "ft.com", "wsj.com"].map(|host| item(host, "x", &[])), 7);
        check(&[item("a.example", "x", &["1", "2", "3", "4", "5"])], 6);
        check(&[item("a.example", "x", &["1", "2", "3", "4", "5", "6"])], 6);
        let line = |sources, score| Line { sources, score };
        let one = facts(&[item("a.example", "x", &["c"])]);
        assert!(one.reaches(&line(Some(1), None), &TopicSelector::All));
        assert!(!one.reaches(&line(Some(2), None), &TopicSelector::All));
        assert!(one.reaches(&line(Some(2), Some(2)), &TopicSelector::All));
        assert!(!one.reaches(&line(None, Some(3)), &TopicSelector::All));
    }
}
