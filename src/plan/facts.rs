//! What is known of a story, and what of it is news to a recipient who was alerted before.
//!
//! Data in: the items of a story, what was told, the policy. Data out: [`Facts`], [`News`].
//!
//! **Invariant:** the same items in any order give the same sources, clauses and score.
//! **Invariant:** what a mail told is never news again: [`Facts::told`] of the same facts leaves nothing to tell.
//!
//! Rejected: counting feeds instead of sources. One outlet has many feeds, and none of them corroborates another.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use xxhash_rust::xxh3::xxh3_64;

use crate::model::{
    Line, News, NewsKind, NotificationId, StoryId, StoryItem, Tier, Timestamp, Told, TopicName,
    TopicSelector, UpdatePolicy,
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
/// A headline is another when less than this share of the words of both are common to both, in percent.
const SAME_HEADLINE: usize = 50;

/// News agencies and papers of record. Short by intent: an update says that one of them reports it too.
const FIRST_TIER: [&str; 24] = [
    "afp.com",
    "apnews.com",
    "bbc.co.uk",
    "bbc.com",
    "bloomberg.com",
    "caixin.com",
    "caixinglobal.com",
    "dowjones.com",
    "dowjones.io",
    "dpa.com",
    "economist.com",
    "efe.com",
    "ft.com",
    "kyodonews.net",
    "news.cn",
    "nikkei.com",
    "nytimes.com",
    "reuters.com",
    "scmp.com",
    "wsj.com",
    "xinhuanet.com",
    "yna.co.kr",
    "theguardian.com",
    "washingtonpost.com",
];
/// Labels below a country that are no names of their own: `co.uk`, `com.cn`.
const SECOND_LEVEL: [&str; 9] = ["ac", "co", "com", "edu", "gov", "net", "ne", "or", "org"];

/// The name two hosts of one outlet have in common: `news.example.co.uk` and `www.example.co.uk` are
/// `example.co.uk`. What is no host name stays as it is.
pub fn source(host: &str) -> String {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let labels: Vec<&str> = host.split('.').collect();
    let is_name = labels.len() > 2
        && !host.contains([' ', ':'])
        && labels.last().is_some_and(|last| last.chars().any(|c| !c.is_ascii_digit()));
    if !is_name {
        return host;
    }
    let second = labels.len().checked_sub(2).and_then(|at| labels.get(at)).unwrap_or(&"");
    let country = labels.last().is_some_and(|last| last.len() == 2);
    let keep = if country && SECOND_LEVEL.contains(second) { 3 } else { 2 };
    labels.get(labels.len().saturating_sub(keep)..).unwrap_or_default().join(".")
}

/// The tier of a [`source`].
pub fn tier(source: &str) -> Tier {
    if FIRST_TIER.contains(&source) { Tier::First } else { Tier::Other }
}

/// What is known of a story now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Distinct sources.
    pub sources: BTreeMap<String, Tier>,
    /// Headline of the primary item.
    pub headline: String,
    /// Clauses that matched in any item.
    pub clauses: BTreeSet<(TopicName, Arc<str>)>,
}

impl Facts {
    /// Of the items of a story, the primary first. `tier_of` tells the tier of a source.
    pub fn of<'a>(items: impl IntoIterator<Item = &'a StoryItem>, tier_of: impl Fn(&str) -> Tier) -> Self {
        let mut facts = Self::default();
        for (n, item) in items.into_iter().enumerate() {
            if n == 0 {
                facts.headline.clone_from(&item.title);
            }
            let source = source(&item.host);
            let tier = tier_of(&source);
            facts.sources.insert(source, tier);
            facts.clauses.extend(item.clauses.iter().cloned());
        }
        facts
    }

    /// How many distinct sources report it.
    pub fn source_count(&self) -> u32 {
        u32::try_from(self.sources.len()).unwrap_or(u32::MAX)
    }

    fn first_tier(&self) -> impl Iterator<Item = &String> {
        self.sources.iter().filter(|(_, tier)| **tier == Tier::First).map(|(source, _)| source)
    }

    /// How much a story weighs for a reader of `topics`: a point for each source, two more for each of the first two
    /// first-tier sources, and a point for each of the first five different clauses that matched.
    pub fn score(&self, topics: &TopicSelector) -> u32 {
        let tiers = self.first_tier().take(TIERS_COUNTED).count() * TIER_POINTS;
        let clauses =
            self.clauses.iter().filter(|(topic, _)| topics.takes(topic)).take(CLAUSES_COUNTED).count();
        u32::try_from(self.sources.len() + tiers + clauses).unwrap_or(u32::MAX)
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
                    if is_another(&told.headline, &self.headline) {
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
        let new = self
            .clauses
            .iter()
            .filter(|clause| topics.takes(&clause.0) && !known.contains(&clause_hash(clause)));
        new.take(MAX_CLAUSE_NEWS)
            .map(|(topic, clause)| News::Clause { topic: topic.clone(), clause: clause.clone() })
            .collect()
    }
}

fn clause_hash((topic, clause): &(TopicName, Arc<str>)) -> u64 {
    xxh3_64(format!("{topic}\n{clause}").as_bytes())
}

/// Whether two headlines say different things: few words in common. Case, punctuation and order are no difference; a
/// headline that is missing says nothing.
fn is_another(before: &str, now: &str) -> bool {
    let [before, now] = [before, now].map(words);
    let (common, all) = (before.intersection(&now).count(), before.union(&now).count());
    !before.is_empty() && !now.is_empty() && common * 100 < all * SAME_HEADLINE
}

/// Words in lower case; of scripts without spaces every character.
fn words(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        // Han, kana and Hangul begin above U+2E80; what lies below is written with spaces.
        if word.chars().any(|c| c >= '\u{2e80}') {
            words.extend(word.chars().map(String::from));
        } else {
            words.insert(word.to_owned());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(host: &str, title: &str, clauses: &[&str]) -> StoryItem {
        let clauses = clauses.iter().map(|clause| (TopicName::new("t"), Arc::from(*clause))).collect();
        StoryItem { host: host.to_owned(), title: title.to_owned(), clauses }
    }

    fn facts(items: &[StoryItem]) -> Facts {
        Facts::of(items, tier)
    }

    fn news(before: &[StoryItem], now: &[StoryItem], policy: &UpdatePolicy) -> Vec<News> {
        let told = facts(before).told(1, Timestamp::UNIX_EPOCH, None);
        facts(now).news(&told, policy, &TopicSelector::All)
    }

    #[test]
    fn hosts_of_one_outlet_are_one_source() {
        let check = |host: &str, want: &str| assert_eq!(source(host), want, "{host}");
        check("www.reuters.com", "reuters.com");
        check("feeds.bbci.co.uk", "bbci.co.uk");
        check("News.Example.COM.cn", "example.com.cn");
        check("example.org", "example.org");
        check("a.b.c.example.de", "example.de");
        check("co.uk", "co.uk");
        check("192.0.2.7", "192.0.2.7");
        check("[2001:db8::1]", "[2001:db8::1]");
        check("Harbour Gazette", "harbour gazette");
        check("", "");
        assert_eq!(tier(&source("www.reuters.com")), Tier::First);
        assert_eq!(tier("reuters.com.example.org"), Tier::Other);
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
        let never = UpdatePolicy { on: vec![], ..UpdatePolicy::default() };
        assert_eq!(news(&of(1), &of(20), &never), []);
    }

    #[test]
    fn the_first_of_the_first_tier_is_news() {
        let policy = UpdatePolicy::default();
        let [blog, wire, paper] =
            ["blog.example", "www.reuters.com", "www.ft.com"].map(|host| item(host, "Port fees", &[]));
        let joined = news(std::slice::from_ref(&blog), &[blog.clone(), wire.clone()], &policy);
        assert_eq!(joined, [News::FirstTier { source: "reuters.com".to_owned() }]);
        assert_eq!(news(std::slice::from_ref(&wire), &[wire.clone(), paper], &policy), []);
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
    fn a_headline_is_news_when_it_says_something_else() {
        let check = |before: &str, now: &str, want: bool| {
            let found = news(
                &[item("a.example", before, &[])],
                &[item("a.example", now, &[])],
                &UpdatePolicy::default(),
            );
            assert_eq!(!found.is_empty(), want, "{before:?} to {now:?}");
        };
        check("Port fees shelved", "PORT FEES SHELVED!", false);
        check("Port fees shelved for a year", "Port fees shelved for a full year", false);
        check("Talks on port fees continue", "Port fees shelved after Geneva deal", true);
        check("", "Port fees shelved", false);
        check("Port fees shelved", "", false);
        check("中美贸易谈判继续", "中美贸易谈判继续进行", false);
        check("中美贸易谈判继续", "港口费暂停一年", true);
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
