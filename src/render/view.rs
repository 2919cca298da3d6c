//! What templates see: plain serialisable structs made from a notification.
//!
//! Data in: a [`Notification`]. Data out: [`Prepared`] once a mail, and from it a [`MailView`] for each amount of
//! detail that is tried.
//!
//! **Invariant:** every text in a view went through `clean`, has a length limit, and is not escaped: escaping is
//! the template engine's.
//!
//! Rejected: handing the model to templates. A renamed field would break the operators' own templates.

use std::{collections::HashMap, collections::HashSet, ops::Range};

use serde::Serialize;

use super::{
    bulletin::{self, BulletinView},
    chart::{self, ChartView},
    clean,
    coverage::{self, CoverageView},
    excerpt::{self, Segment},
    language,
    link::{self, LinkView},
    when,
};
use crate::model::{
    ClauseHit, Field, ItemView, News, Notification, NotificationKind, StoryView, Summary, Tier, TopicName,
    Voice,
};

/// Longest subject in graphemes (row 36 of the fault list; mail programs show fewer).
pub(super) const MAX_SUBJECT: usize = 200;
/// Topic titles named in a subject.
const SUBJECT_TOPICS: usize = 3;
/// Longest name of a feed, topic or clause, in graphemes.
pub(super) const MAX_NAME: usize = 60;
/// Most other sources named for a story.
pub(super) const MAX_ALSO_IN: usize = 10;
/// Longest address linked for another source, in bytes.
const MAX_ALSO_LINK: usize = 300;
/// Most topics for which a story says why it matched.
const MAX_MATCHED: usize = 8;
/// Most clauses named for a topic.
const MAX_CLAUSES: usize = 8;
/// Longest line of an operator notice, in graphemes.
pub(super) const MAX_NOTICE: usize = 400;
/// Most topics named as idle.
const MAX_IDLE: usize = 12;
/// Most topics with a chart; more would crowd stories out.
pub(super) const MAX_CHARTS: usize = 12;
/// Most lines that say what is new about a story.
pub(super) const MAX_NEWS: usize = 8;
/// Longest `mailto:` address, in bytes.
const MAX_MAILTO: usize = 1_000;

/// How much of a story or notice is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// All of it.
    Full,
    /// Its title.
    Title,
    /// Nothing: it is counted in "+N more".
    Hidden,
}

/// A template's whole context. Templates of operators are written against these names: only add.
#[derive(Debug, Serialize)]
pub(super) struct MailView<'a> {
    subject: &'a SubjectView,
    /// `alert`, `update`, `rollup`, `digest` or `operator`.
    kind: &'static str,
    subscription: &'a str,
    /// When the mail was made.
    made: &'a str,
    /// Name of the zone of all times.
    zone: &'a str,
    /// Alerts and roll-ups: the stories shown.
    stories: Vec<Entry<'a>>,
    /// Digests: the stories by topic.
    groups: Vec<GroupView<'a>>,
    /// Stories in all.
    story_count: usize,
    /// Stories or notices that are not shown.
    more: usize,
    /// Digests: topics nothing was found for.
    idle_topics: &'a [String],
    idle_more: usize,
    /// Digests: `digest`, or `weekly` for one that begins with a week's volumes; empty in other mails.
    summary: &'static str,
    /// Digests: the charts of all topics, in order of the configuration.
    charts: &'a [ChartView],
    /// Digests: the charts of topics nothing was found for.
    idle_charts: Vec<&'a ChartView>,
    window: Option<&'a WindowView>,
    coverage: Option<&'a CoverageView>,
    /// Mails to the operator: all they say, a line each.
    notices: &'a [String],
    /// Mails to the operator: the same in groups.
    bulletin: Option<BulletinView<'a>>,
}

/// What subjects are made of.
#[derive(Debug, Serialize)]
struct SubjectView {
    /// Topic titles, at most three and `+N`.
    topics: String,
    /// Headline of the first story, short enough for the subject.
    headline: String,
    /// Distinct sources of the first story.
    sources: usize,
    /// Local time of day: end of a digest's window, or when the mail was made.
    time: String,
    /// Roll-ups: since when stories were held.
    since: Option<String>,
    stories: usize,
    /// Topics with stories.
    topic_count: usize,
    notices: usize,
    /// First notice.
    notice: String,
}

#[derive(Debug, Serialize)]
struct GroupView<'a> {
    topic: &'a str,
    chart: Option<&'a ChartView>,
    count: usize,
    entries: Vec<Entry<'a>>,
    /// Stories of this topic that are not shown.
    more: usize,
}

/// A story in one place of a mail.
#[derive(Debug, Serialize)]
struct Entry<'a> {
    /// `full`, `title`, or `again` when it is shown under an earlier topic.
    detail: &'static str,
    story: &'a StoryCard,
}

#[derive(Debug, Serialize)]
struct StoryCard {
    headline: Vec<Segment>,
    /// The headline as plain text.
    title: String,
    /// BCP 47, or empty.
    lang: String,
    source: String,
    /// 1 for a first-tier source.
    tier: Option<u8>,
    /// English name, where the feed tells the language.
    language: Option<&'static str>,
    /// Updates: what is new, a line each.
    news: Vec<String>,
    /// A `mailto:` that mutes the story.
    mute: Option<String>,
    /// Distinct outlets that carry it.
    sources: usize,
    /// Of those, how many report it in words of their own; outlets that print one text count once.
    own_sources: usize,
    published: Option<String>,
    /// Full, or the time of day when it is the day of `published`.
    received: String,
    excerpt: Vec<Segment>,
    /// Set when the excerpt is not from `source`.
    excerpt_source: Option<String>,
    link: Option<LinkView>,
    also_in: Vec<AlsoIn>,
    also_more: usize,
    matched: Vec<Matched>,
}

#[derive(Debug, Serialize)]
struct AlsoIn {
    source: String,
    tier: Option<u8>,
    link: Option<LinkView>,
}

#[derive(Debug, Serialize)]
struct Matched {
    topic: String,
    clauses: Vec<String>,
    more: usize,
}

#[derive(Debug, Serialize)]
struct WindowView {
    from: String,
    to: String,
}

/// Everything a mail can show, made once.
pub(super) struct Prepared<'a> {
    notification: &'a Notification,
    subject: SubjectView,
    made: String,
    zone: String,
    cards: Vec<StoryCard>,
    /// Digests: title and indices of cards, each list by weight.
    groups: Vec<(String, Vec<usize>)>,
    /// Digests: a chart for each topic of which the volume is known.
    charts: Vec<ChartView>,
    /// Indices of cards in the order they are read.
    reading: Vec<usize>,
    idle: Vec<String>,
    window: Option<WindowView>,
    coverage: Option<CoverageView>,
    notices: Vec<String>,
    bulletin: Option<bulletin::Prepared>,
}

impl<'a> Prepared<'a> {
    pub(super) fn new(notification: &'a Notification) -> Self {
        let n = notification;
        let titles: HashMap<&TopicName, String> =
            n.topics.iter().map(|topic| (&topic.name, clean::short(&topic.title, MAX_NAME))).collect();
        let title_of = |name: &TopicName| {
            titles
                .get(name)
                .filter(|title| !title.is_empty())
                .cloned()
                .unwrap_or_else(|| clean::short(name.as_str(), MAX_NAME))
        };
        let cards: Vec<StoryCard> = n.stories.iter().map(|story| card(n, story, &title_of)).collect();
        let groups = groups(n, &title_of);
        let mut seen = HashSet::new();
        let reading = match n.kind {
            NotificationKind::Digest => groups
                .iter()
                .flat_map(|(_, cards)| cards.iter().copied())
                .filter(|i| seen.insert(*i))
                .collect(),
            _ => (0..cards.len()).collect(),
        };
        let has_story = |name: &TopicName| n.stories.iter().any(|story| story.topics.contains(name));
        let idle = n.topics.iter().filter(|topic| !has_story(&topic.name)).map(|topic| title_of(&topic.name));
        let notices: Vec<String> = n.notices.iter().map(|line| clean::short(line, MAX_NOTICE)).collect();
        Self {
            subject: subject(n, &cards, &groups, &title_of, &notices),
            made: when::full(n.at, &n.zone),
            zone: when::zone_name(n.at, &n.zone),
            reading,
            idle: idle.collect(),
            window: n.window.map(|window| WindowView {
                from: when::full(window.from, &n.zone),
                to: when::full(window.to, &n.zone),
            }),
            charts: charts(n, &title_of),
            coverage: n.coverage.as_ref().map(|coverage| coverage::view(coverage, &n.zone)),
            bulletin: n.additions.bulletin.as_ref().map(bulletin::Prepared::new),
            notification,
            cards,
            groups,
            notices,
        }
    }

    /// How many stories or notices can be shown in more or less detail.
    pub(super) fn units(&self) -> usize {
        match self.notification.kind {
            NotificationKind::Operator => self.notices.len(),
            _ => self.reading.len(),
        }
    }

    /// The view with `detail_of(i)` for the unit that is read as number `i`.
    pub(super) fn view(&self, detail_of: impl Fn(usize) -> Detail) -> MailView<'_> {
        let shown = (0..self.units()).filter(|i| detail_of(*i) != Detail::Hidden).count();
        let details: HashMap<usize, Detail> =
            self.reading.iter().enumerate().map(|(i, card)| (*card, detail_of(i))).collect();
        let entry = |card: usize, again: bool| {
            let detail = match details.get(&card)? {
                Detail::Hidden => return None,
                Detail::Full | Detail::Title if again => "again",
                Detail::Full => "full",
                Detail::Title => "title",
            };
            Some(Entry { detail, story: self.cards.get(card)? })
        };
        let is_digest = self.notification.kind == NotificationKind::Digest;
        let stories = if is_digest { &[] } else { self.reading.as_slice() };
        let mut seen = HashSet::new();
        let groups = self.groups.iter().filter(|_| is_digest).map(|(topic, cards)| {
            let entries: Vec<_> = cards.iter().filter_map(|card| entry(*card, !seen.insert(*card))).collect();
            let chart = self.charts.iter().find(|chart| chart.topic == *topic);
            GroupView { topic, chart, count: cards.len(), more: cards.len() - entries.len(), entries }
        });
        let is_operator = self.notification.kind == NotificationKind::Operator;
        MailView {
            subject: &self.subject,
            kind: self.notification.kind.as_str(),
            subscription: self.notification.subscription.as_str(),
            made: &self.made,
            zone: &self.zone,
            groups: groups.collect(),
            stories: stories.iter().filter_map(|card| entry(*card, false)).collect(),
            story_count: self.cards.len(),
            more: self.units() - shown,
            idle_topics: self.idle.get(..self.idle.len().min(MAX_IDLE)).unwrap_or_default(),
            idle_more: self.idle.len().saturating_sub(MAX_IDLE),
            summary: match (is_digest, self.notification.additions.summary) {
                (false, _) => "",
                (true, Summary::Digest) => "digest",
                (true, Summary::Weekly) => "weekly",
            },
            charts: &self.charts,
            idle_charts: self.charts.iter().filter(|chart| self.idle.contains(&chart.topic)).collect(),
            window: self.window.as_ref(),
            coverage: self.coverage.as_ref(),
            notices: self.notices.get(..if is_operator { shown } else { 0 }).unwrap_or_default(),
            bulletin: self.bulletin.as_ref().filter(|_| is_operator).map(|bulletin| bulletin.view(shown)),
        }
    }
}

/// The stories of each topic, in order of the configuration; stories of other topics come last.
fn groups(n: &Notification, title_of: &impl Fn(&TopicName) -> String) -> Vec<(String, Vec<usize>)> {
    let mut order: Vec<&TopicName> = n.topics.iter().map(|topic| &topic.name).collect();
    for topic in n.stories.iter().flat_map(|story| &story.topics) {
        if !order.contains(&topic) {
            order.push(topic);
        }
    }
    let of_topic = |topic: &TopicName| -> Vec<usize> {
        n.stories
            .iter()
            .enumerate()
            .filter(|(_, story)| story.topics.contains(topic))
            .map(|(i, _)| i)
            .collect()
    };
    let mut groups: Vec<_> = order.iter().map(|topic| (title_of(topic), of_topic(topic))).collect();
    let without = n.stories.iter().enumerate().filter(|(_, story)| story.topics.is_empty());
    groups.push(("Other stories".to_owned(), without.map(|(i, _)| i).collect()));
    groups.retain(|(_, stories)| !stories.is_empty());
    groups
}

fn subject(
    n: &Notification,
    cards: &[StoryCard],
    groups: &[(String, Vec<usize>)],
    title_of: &impl Fn(&TopicName) -> String,
    notices: &[String],
) -> SubjectView {
    let first = n.stories.first().map(|story| story.topics.as_slice()).unwrap_or_default();
    let ordered = n.topics.iter().map(|topic| &topic.name).filter(|topic| first.contains(topic));
    let foreign = first.iter().filter(|name| !n.topics.iter().any(|topic| topic.name == **name));
    let names: Vec<String> = ordered.chain(foreign).map(title_of).collect();
    let mut topics = names.iter().take(SUBJECT_TOPICS).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SUBJECT_TOPICS {
        topics = format!("{topics}, +{}", names.len() - SUBJECT_TOPICS);
    }
    topics = clean::cut(&topics, MAX_SUBJECT / 2);
    // What stands around the headline: `[topics] ` and ` (123 sources)`.
    let room = MAX_SUBJECT.saturating_sub(topics.chars().count() + 20).max(MAX_SUBJECT / 4);
    SubjectView {
        headline: cards.first().map(|card| clean::cut(&card.title, room)).unwrap_or_default(),
        sources: cards.first().map_or(0, |card| card.sources),
        time: when::time(n.window.map_or(n.at, |window| window.to), &n.zone),
        since: n.window.map(|window| when::since(window.from, n.at, &n.zone)),
        stories: n.stories.len(),
        topic_count: groups.len(),
        notices: notices.len(),
        notice: notices.first().cloned().unwrap_or_default(),
        topics,
    }
}

fn card(n: &Notification, story: &StoryView, title_of: &impl Fn(&TopicName) -> String) -> StoryCard {
    let hits = |item: &ItemView, field: Field| -> Vec<Range<usize>> {
        let matches = item.matches.iter().filter(|m| story.topics.contains(&m.topic));
        let hits = matches.flat_map(|m| &m.hits).filter(|hit| hit.field == field);
        let mut spans: Vec<_> = hits.map(|hit| hit.span.clone()).collect();
        spans.sort_unstable_by_key(|span| (span.start, span.end));
        spans
    };
    // The first text with a hit: of the primary item if it has one, the summary before the content.
    let texts = story.items.iter().flat_map(|item| [(item, Field::Summary), (item, Field::Content)]);
    let with_hit =
        texts.map(|(item, field)| (item, field, hits(item, field))).find(|(_, _, hits)| !hits.is_empty());
    let text_of = |item: &'_ ItemView, field| {
        if field == Field::Content { item.content.clone() } else { item.summary.clone() }
    };
    let primary = story.items.first();
    let excerpt = match &with_hit {
        Some((item, field, hits)) => excerpt::excerpt(&text_of(item, *field), hits),
        None => primary.map(|item| excerpt::excerpt(&item.summary, &[])).unwrap_or_default(),
    };
    let source_of = |item: &ItemView| clean::short(&item.source, MAX_NAME);
    let source = primary.map(source_of).unwrap_or_default();
    let excerpt_source = with_hit.map(|(item, _, _)| source_of(item)).filter(|name| *name != source);
    let link = primary.and_then(|item| item.link.as_ref()).and_then(link::view);
    let mut headline =
        primary.map(|item| excerpt::headline(&item.title, &hits(item, Field::Title))).unwrap_or_default();
    let mut title = clean::line(&headline.iter().map(|segment| segment.text.as_str()).collect::<String>());
    if title.is_empty() {
        title = untitled(primary, link.as_ref());
        headline = vec![Segment { text: title.clone(), hit: false }];
    }
    let others = others(story);
    let (sources, own_sources) = sources(n, story, others.len() + 1);
    StoryCard {
        headline,
        title,
        tier: primary.and_then(|item| tier(item.tier)),
        language: primary.and_then(|item| item.lang.as_deref()).and_then(language::name),
        news: news(n, story, title_of),
        mute: mute(n, story),
        lang: primary
            .and_then(|item| item.lang.as_deref())
            .filter(|lang| is_language(lang))
            .unwrap_or_default()
            .to_owned(),
        sources,
        own_sources,
        published: primary.and_then(|item| item.published_at).map(|at| when::full(at, &n.zone)),
        received: primary
            .map(|item| match item.published_at {
                Some(published) => when::beside(item.first_seen_at, published, &n.zone),
                None => when::full(item.first_seen_at, &n.zone),
            })
            .unwrap_or_default(),
        excerpt,
        excerpt_source,
        link,
        also_more: (sources - 1).saturating_sub(MAX_ALSO_IN.min(others.len())),
        also_in: others.into_iter().take(MAX_ALSO_IN).collect(),
        matched: matched(n, story, title_of),
        source,
    }
}

fn tier(tier: Tier) -> Option<u8> {
    (tier == Tier::First).then_some(1)
}

/// A headline for an item that has none.
fn untitled(item: Option<&ItemView>, link: Option<&LinkView>) -> String {
    const SHORT: usize = 80;
    let summary = item.map(|item| clean::short(&item.summary, SHORT)).unwrap_or_default();
    match link {
        _ if !summary.is_empty() => summary,
        Some(link) => format!("(no headline) {}", clean::short(&link.host, SHORT)),
        None => "(no headline)".to_owned(),
    }
}

/// The other sources of a story, each outlet once: by the name of its feed, or by its own where one feed carries several.
fn others(story: &StoryView) -> Vec<AlsoIn> {
    let mut outlets = HashSet::new();
    let mut names = HashSet::new();
    let each = story.items.iter().filter(|item| outlets.insert(outlet(item)));
    let named = each.map(|item| {
        let name = clean::short(&item.source, MAX_NAME);
        let is_new = names.insert(name.clone());
        (if is_new { name } else { clean::short(outlet(item), MAX_NAME) }, item)
    });
    named
        .skip(1)
        .map(|(source, item)| AlsoIn {
            source,
            tier: tier(item.tier),
            link: item.link.as_ref().and_then(link::view).filter(|link| link.href.len() <= MAX_ALSO_LINK),
        })
        .collect()
}

/// What counts as one source.
fn outlet(item: &ItemView) -> &str {
    if item.outlet.is_empty() { &item.source } else { &item.outlet }
}

/// Outlets that carry a story, and how many of them report it in words of their own. `shown` of them have an item here.
fn sources(n: &Notification, story: &StoryView, shown: usize) -> (usize, usize) {
    let known = n.additions.sources.iter().find(|known| known.story == story.id);
    let count = |known: u32| usize::try_from(known).unwrap_or(usize::MAX);
    let sources = known.map_or(shown, |known| count(known.outlets)).max(shown);
    let own = || {
        let own = story.items.iter().filter(|item| item.voice == Voice::Own);
        own.map(outlet).collect::<HashSet<_>>().len()
    };
    (sources, known.map_or_else(own, |known| count(known.own)).clamp(1, sources))
}

/// Charts in order of the configuration.
fn charts(n: &Notification, title_of: &impl Fn(&TopicName) -> String) -> Vec<ChartView> {
    let shown = n.topics.iter().map(|topic| &topic.name);
    let volumes = shown.filter_map(|name| n.additions.volumes.iter().find(|volume| volume.topic == *name));
    volumes
        .filter_map(|volume| chart::chart(volume, title_of(&volume.topic), n.at, &n.zone))
        .take(MAX_CHARTS)
        .collect()
}

/// What is new about a story, in words.
fn news(n: &Notification, story: &StoryView, title_of: &impl Fn(&TopicName) -> String) -> Vec<String> {
    let of_story = n.additions.news.iter().filter(|news| news.story == story.id).flat_map(|news| &news.news);
    let words = |news: &News| match news {
        News::Sources(sources) => format!("{} sources report it now", when::count(u64::from(*sources))),
        News::FirstTier { source } => format!("{} reports it too", clean::short(source, MAX_NAME)),
        News::Clause { topic, clause } => {
            format!("It now matches {}: {}", title_of(topic), clean::short(clause, MAX_NAME))
        }
        News::Headline { before, .. } => {
            format!("The headline changed; it was: {}", clean::short(before, excerpt::MAX_HEADLINE))
        }
    };
    of_story.take(MAX_NEWS).map(words).collect()
}

/// The address that mutes a story; nothing but `mailto:` is taken.
fn mute(n: &Notification, story: &StoryView) -> Option<String> {
    let (_, address) = n.additions.mutes.iter().find(|(id, _)| *id == story.id)?;
    let fit = address.starts_with("mailto:") && address.len() <= MAX_MAILTO;
    (fit && address.bytes().all(|b| b.is_ascii_graphic())).then(|| address.clone())
}

/// What was found in the items, by topic in order of the configuration.
fn matched(n: &Notification, story: &StoryView, title_of: &impl Fn(&TopicName) -> String) -> Vec<Matched> {
    let configured = n.topics.iter().map(|topic| &topic.name).filter(|name| story.topics.contains(name));
    let foreign = story.topics.iter().filter(|name| !n.topics.iter().any(|topic| topic.name == **name));
    let clauses_of = |topic: &TopicName| {
        let mut seen = HashSet::new();
        let found = story.items.iter().flat_map(|item| {
            item.matches.iter().filter(|m| m.topic == *topic).flat_map(|m| found_words(item, &m.hits))
        });
        let words = found.map(|words| clean::short(&words, MAX_NAME));
        words.filter(|words| seen.insert(words.to_lowercase())).collect::<Vec<String>>()
    };
    configured
        .chain(foreign)
        .take(MAX_MATCHED)
        .map(|topic| {
            let mut clauses = clauses_of(topic);
            let more = clauses.len().saturating_sub(MAX_CLAUSES);
            clauses.truncate(MAX_CLAUSES);
            Matched { topic: title_of(topic), clauses, more }
        })
        .collect()
}

/// The words of `item` that made it match, as they stand there, in reading order; those that overlap or follow each
/// other are one. For a part that no mail shows, such as the address, the clause as written.
fn found_words(item: &ItemView, hits: &[ClauseHit]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for (field, text) in
        [(Field::Title, &item.title), (Field::Summary, &item.summary), (Field::Content, &item.content)]
    {
        let mut spans: Vec<Range<usize>> =
            hits.iter().filter(|hit| hit.field == field).map(|hit| hit.span.clone()).collect();
        spans.sort_unstable_by_key(|span| (span.start, span.end));
        words.extend(
            excerpt::joined(text, spans).into_iter().filter_map(|span| text.get(span)).map(str::to_owned),
        );
    }
    let unseen =
        hits.iter().filter(|hit| !matches!(hit.field, Field::Title | Field::Summary | Field::Content));
    words.extend(unseen.map(|hit| hit.clause.to_string()));
    words
}

/// Whether `lang` has the form of a BCP 47 tag; at most 35 characters (RFC 5646 §4.4.1).
fn is_language(lang: &str) -> bool {
    !lang.is_empty() && lang.len() <= 35 && lang.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}
