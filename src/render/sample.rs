//! One made-up notification of each kind, to try templates on.
//!
//! Data in: the kind. Data out: a [`Notification`] that uses every part a template can show.
//!
//! **Invariant:** the same for every call; nothing in it is real.
//!
//! Rejected: samples in a file, which a packager could forget.

use std::sync::Arc;

use jiff::tz::TimeZone;
use url::Url;

use super::bulletins;
use crate::model::{
    Additions, ClauseHit, Coverage, FeedDoubt, FeedTrouble, Field, ItemId, ItemView, Match, News,
    Notification, NotificationKind, Recipient, StoryId, StoryNews, StoryView, SubscriptionName, Tier,
    Timestamp, Topic, TopicName, TopicVolume, Voice, Window, time,
};

/// 2026-11-23T07:30:00Z, a Monday.
const AT_MS: i64 = 1_795_419_000_000;
const MINUTE_MS: i64 = 60_000;

/// A made-up notification of `kind` in the zone Europe/London: one story for an alert, three for a roll-up or
/// digest, a daily mail for the operator.
pub fn sample(kind: NotificationKind) -> Notification {
    let at = time::from_millis(AT_MS);
    let stories = match kind {
        NotificationKind::Alert | NotificationKind::Update => vec![port_fees()],
        NotificationKind::RollUp | NotificationKind::Digest => vec![port_fees(), rare_earths(), phone_call()],
        NotificationKind::Operator => Vec::new(),
    };
    let ids = "12345678".chars().zip(1..).map(|(_, id)| crate::model::PendingId(id));
    Notification {
        key: format!("{}/sample", kind.as_str()),
        kind,
        subscription: SubscriptionName::new("trade-desk"),
        to: recipient(),
        zone: TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC),
        at,
        topics: match kind {
            NotificationKind::Operator => Vec::new(),
            _ => [
                ("us-china-trade", "US–China trade"),
                ("rare-earths", "Rare earths"),
                ("leader-calls", "Leader calls"),
                ("canals", "Canals"),
            ]
            .map(|(name, title)| Topic { name: TopicName::new(name), title: title.to_owned(), revision: 1 })
            .to_vec(),
        },
        window: match kind {
            NotificationKind::RollUp | NotificationKind::Digest => {
                Some(Window { from: minutes_before(9 * 60 + 30), to: at })
            }
            NotificationKind::Alert | NotificationKind::Update | NotificationKind::Operator => None,
        },
        coverage: (kind == NotificationKind::Digest).then(coverage),
        notices: match kind {
            NotificationKind::Operator => bulletins::daily().flat(),
            _ => Vec::new(),
        },
        settles: ids.take(stories.len()).collect(),
        additions: additions(kind),
        stories,
    }
}

fn additions(kind: NotificationKind) -> Additions {
    let volume = |topic: &str, days: [u32; 14], usual_week: u32| TopicVolume {
        topic: TopicName::new(topic),
        days: days.to_vec(),
        week: days.iter().rev().take(7).sum(),
        usual_week: Some(usual_week),
    };
    let mutes = vec![(
        StoryId(1),
        "mailto:wirewatch@example.com?subject=mute%201-0123456789abcdefghjkmnpqrs".to_owned(),
    )];
    match kind {
        NotificationKind::Digest => Additions {
            volumes: vec![
                volume("us-china-trade", [4, 6, 3, 5, 2, 0, 1, 6, 4, 7, 12, 9, 3, 2], 29),
                volume("rare-earths", [1, 0, 2, 1, 0, 0, 0, 1, 3, 1, 0, 2, 0, 1], 6),
                volume("leader-calls", [0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1], 1),
                volume("canals", [1, 0, 0, 2, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0], 2),
            ],
            ..Additions::default()
        },
        NotificationKind::Update => Additions {
            news: vec![StoryNews {
                story: StoryId(1),
                news: vec![
                    News::Sources(3),
                    News::FirstTier { source: "news.example.com".to_owned() },
                    News::Clause { topic: TopicName::new("us-china-trade"), clause: Arc::from("tariff*") },
                    News::Headline {
                        before: "Envoys meet in Geneva over port fees".to_owned(),
                        now: "Washington and Beijing agree to shelve port fees for a year".to_owned(),
                    },
                ],
            }],
            mutes,
            ..Additions::default()
        },
        NotificationKind::Operator => {
            Additions { bulletin: Some(bulletins::daily()), ..Additions::default() }
        }
        NotificationKind::RollUp => Additions {
            news: vec![StoryNews { story: StoryId(1), news: vec![News::Sources(3)] }],
            mutes,
            ..Additions::default()
        },
        NotificationKind::Alert => Additions { mutes, ..Additions::default() },
    }
}

#[expect(clippy::expect_used, reason = "a constant that every test of this module parses")]
fn recipient() -> Recipient {
    Recipient::parse("desk@example.com").expect("a valid address")
}

fn minutes_before(minutes: i64) -> Timestamp {
    time::from_millis(AT_MS - minutes * MINUTE_MS)
}

fn item(id: i64, source: &str, age_min: i64, title: &str, summary: &str, link: &str) -> ItemView {
    ItemView {
        id: ItemId(id),
        title: title.to_owned(),
        summary: summary.to_owned(),
        content: String::new(),
        link: Url::parse(link).ok(),
        source: source.to_owned(),
        outlet: String::new(),
        tier: Tier::Other,
        voice: Voice::Own,
        lang: Some("en-gb".to_owned()),
        published_at: Some(minutes_before(age_min)),
        first_seen_at: minutes_before(age_min - 4),
        matches: Vec::new(),
    }
}

/// Adds a match of `topic` wherever one of `words` stands, with the clause it stands for.
fn matched(mut item: ItemView, topic: &str, words: &[(&str, &str)]) -> ItemView {
    let hit = |field: Field, text: &str, word: &str, clause: &str| {
        let start = text.find(word)?;
        Some(ClauseHit { clause: Arc::from(clause), field, span: start..start + word.len() })
    };
    let hits = words
        .iter()
        .flat_map(|(word, clause)| {
            [hit(Field::Title, &item.title, word, clause), hit(Field::Summary, &item.summary, word, clause)]
        })
        .flatten()
        .collect();
    item.matches.push(Match { topic: TopicName::new(topic), revision: 1, hits });
    item
}

fn story(id: i64, topics: &[&str], items: Vec<ItemView>) -> StoryView {
    StoryView { id: StoryId(id), topics: topics.iter().map(|name| TopicName::new(name)).collect(), items }
}

fn port_fees() -> StoryView {
    let mut primary = item(
        1,
        "Harbour Gazette",
        75,
        "Washington and Beijing agree to shelve port fees for a year",
        "Envoys met in Geneva over the weekend. Both sides will suspend the port fees they had put on each other's \
         ships, and a tariff review follows in spring. Shipowners said the U.S. notice was clear.",
        "https://news.example.com/2026/11/port-fees?utm_source=rss&id=7",
    );
    primary.tier = Tier::First;
    let words = [("port fees", "port fee(s)"), ("tariff", "tariff*")];
    let others = [
        ("Quay Street Journal", "https://quay.example.org/a/81"),
        ("港口日报", "https://port.example.cn/81"),
    ];
    let others = others.map(|(source, link)| item(2, source, 60, "Port fees shelved", "", link));
    let items = [vec![matched(primary, "us-china-trade", &words)], others.to_vec()].concat();
    story(1, &["us-china-trade"], items)
}

fn rare_earths() -> StoryView {
    let mut primary = item(
        3,
        "金属周刊",
        190,
        "中国调整稀土出口许可办法，中美贸易谈判继续",
        "新办法自下月起施行。稀土磁材企业可以申请一年期许可，海关将单独统计。业内人士说影响有限。",
        "https://metals.example.cn/2026/rare-earth-licences",
    );
    primary.lang = Some("zh-cn".to_owned());
    let primary = matched(primary, "rare-earths", &[("稀土", "稀土")]);
    story(
        2,
        &["rare-earths", "us-china-trade"],
        vec![matched(primary, "us-china-trade", &[("中美贸易", "中美 NEAR/3 贸易")])],
    )
}

fn phone_call() -> StoryView {
    let primary = item(
        4,
        "Capital Wire",
        320,
        "Presidents speak by phone for the second time this month",
        "The phone call lasted forty minutes. Neither side published a transcript.",
        "https://capital.example.net/calls/2",
    );
    story(
        3,
        &["leader-calls"],
        vec![matched(primary, "leader-calls", &[("by phone", "phone call"), ("phone call", "phone call")])],
    )
}

fn coverage() -> Coverage {
    Coverage {
        feeds: 214,
        polled: 212,
        items: 3_411,
        worst_lag_s: 9 * 60,
        failing: vec![
            FeedTrouble {
                feed: "Harbour Gazette".to_owned(),
                last_ok_at: Some(minutes_before(26 * 60)),
                message: "the server answered 404 Not Found".to_owned(),
            },
            FeedTrouble {
                feed: "https://old.example.org/rss".to_owned(),
                last_ok_at: None,
                message: "no such host".to_owned(),
            },
        ],
        failing_total: 2,
        doubts: vec![
            FeedDoubt {
                feed: "Strait Telegraph".to_owned(),
                at: minutes_before(5 * 60),
                message: "possible gap: all 30 items are new, and none of the 30 read 2 h before is still there; at \
                          least 1 may have been missed, by its usual pace about 12"
                    .to_owned(),
            },
            FeedDoubt {
                feed: "Quay Street Journal".to_owned(),
                at: minutes_before(26 * 60),
                message: "it answers and has had nothing new for 3 days; usually 6 items a day".to_owned(),
            },
        ],
        doubts_total: 2,
    }
}
