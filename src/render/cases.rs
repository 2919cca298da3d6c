//! Made-up mails of every kind and condition: what templates are tried on, and what the checks of mails go through.
//!
//! Data in: nothing. Data out: named notifications.
//!
//! **Invariant:** the same for every call, each name once, all texts made up.
//!
//! Rejected: samples drawn at random; a mail that fails a check must be there again at the next run.

use super::{bulletins, sample::sample};
use crate::model::{
    Additions, Bulletin, ItemId, ItemView, Notification, NotificationKind, StoryId, StoryView, Summary, Tier,
    TopicName, Voice,
};

/// Stories of the long digest: more than fit.
const MANY: i64 = 400;

/// Texts that feeds should not have: markup, header lines, controls, direction changes, template code.
pub const HOSTILE: [&str; 14] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "{{7*7}} {% for x in range(9) %}{{ stories }}{% endfor %}",
    "${7*7} #{7*7} <%= 7*7 %> {{config}} {{self.__init__}}",
    "pay\u{202E}fdp.exe \u{2066}isolated\u{2069} \u{200F}mark",
    "first\r\nBcc: victim@example.com\r\n\r\nbody",
    "\u{1b}[31mred\u{1b}[0m \u{7}bell \0nul \u{9b}2J",
    "</title></head><body onload=x><svg/onload=1><math><style>",
    "<form action=https://evil.example><input><base href=https://evil.example/>",
    "=?utf-8?B?PHNjcmlwdD4=?= =?utf-8?Q?x=0D=0ABcc:?=",
    "\r\n.\r\nMAIL FROM:<a@evil.example>\n.\n",
    "&lt;b&gt; &amp; <b",
    "",
];

/// A mail that every check must pass.
#[derive(Debug, Clone)]
pub struct Case {
    /// Lower-case letters and `-`; begins with the word of the kind.
    pub name: String,
    /// What is in it.
    pub notification: Notification,
}

/// All of them: the plain sample of each kind first, then what is special.
pub fn cases() -> Vec<Case> {
    let plain = NotificationKind::ALL.map(|kind| case("", sample(kind)));
    let hostile = NotificationKind::ALL.into_iter().flat_map(|kind| {
        let texts = HOSTILE.iter().zip(1..);
        texts.map(move |(text, n)| case(&format!("hostile-{n}"), infested(kind, text)))
    });
    let special = [
        case("empty", empty(true)),
        case("weekly", weekly()),
        case("empty-without-charts", empty(false)),
        case("long", crowd(MANY)),
        case("one", with_stories(NotificationKind::Alert, vec![lone()])),
        case("copies", copies(0)),
        case("some-copies", copies(1)),
        case("chinese", with_stories(NotificationKind::Alert, vec![chinese()])),
        case("rtl", with_stories(NotificationKind::Alert, vec![persian()])),
        case("rtl", with_stories(NotificationKind::Digest, vec![persian(), chinese(), lone()])),
        case("long-words", with_stories(NotificationKind::Alert, vec![long_words()])),
        case("long-words", with_stories(NotificationKind::Digest, vec![long_words(), lone()])),
        case("long", many_notices()),
        case("plain", plain_notices()),
        case("urgent", bulletin(bulletins::urgent())),
        case("heartbeat", bulletin(bulletins::heartbeat())),
        case("canary", bulletin(bulletins::canary())),
    ];
    plain.into_iter().chain(special).chain(hostile).collect()
}

fn case(condition: &str, notification: Notification) -> Case {
    let kind = notification.kind.as_str();
    let name = if condition.is_empty() { kind.to_owned() } else { format!("{kind}-{condition}") };
    Case { name, notification }
}

/// The sample with `hostile` everywhere a feed or its server has a say.
pub(super) fn infested(kind: NotificationKind, hostile: &str) -> Notification {
    let mut mail = sample(kind);
    for (item, n) in mail.stories.iter_mut().flat_map(|story| &mut story.items).zip(1..) {
        // Of a link that is a collector's, the title names the outlet.
        item.outlet = format!("{hostile}{n}");
        for text in [&mut item.title, &mut item.summary, &mut item.content, &mut item.source] {
            hostile.clone_into(text);
        }
        item.lang = Some(hostile.to_owned());
    }
    if let Some(coverage) = &mut mail.coverage {
        for trouble in &mut coverage.failing {
            (trouble.feed, trouble.message) = (hostile.to_owned(), hostile.to_owned());
        }
        for doubt in &mut coverage.doubts {
            (doubt.feed, doubt.message) = (hostile.to_owned(), hostile.to_owned());
        }
    }
    for news in mail.additions.news.iter_mut().flat_map(|story| &mut story.news) {
        use crate::model::News;
        match news {
            News::FirstTier { source } => hostile.clone_into(source),
            News::Headline { before, now } => (*before, *now) = (hostile.to_owned(), hostile.to_owned()),
            News::Clause { clause, .. } => *clause = hostile.into(),
            News::Sources(_) => {}
        }
    }
    mail.additions.mutes.iter_mut().for_each(|(_, address)| hostile.clone_into(address));
    mail.notices.iter_mut().for_each(|notice| hostile.clone_into(notice));
    if let Some(bulletin) = &mut mail.additions.bulletin {
        hostile.clone_into(&mut bulletin.title);
        let sections = bulletin.sections.iter_mut().flat_map(|section| &mut section.lines);
        let values = bulletin.figures.iter_mut().map(|(_, value)| value);
        values.chain(sections).for_each(|line| hostile.clone_into(line));
    }
    mail
}

fn empty(with_charts: bool) -> Notification {
    let mut mail = sample(NotificationKind::Digest);
    mail.stories.clear();
    if !with_charts {
        mail.additions.volumes.clear();
        mail.coverage = Some(crate::model::Coverage { feeds: 1, polled: 1, items: 1, ..Default::default() });
    }
    mail
}

fn weekly() -> Notification {
    let mut mail = sample(NotificationKind::Digest);
    mail.additions.summary = Summary::Weekly;
    mail
}

/// A digest of `n` stories of about a kilobyte each.
fn crowd(n: i64) -> Notification {
    let mut mail = sample(NotificationKind::Digest);
    let Some(model) = mail.stories.first().cloned() else { return mail };
    let story = |id: i64| {
        let mut story = StoryView { id: StoryId(id), ..model.clone() };
        if let Some(item) = story.items.first_mut() {
            item.id = ItemId(id);
            item.title = format!("Port fees, part {id}: what shipowners say");
        }
        story
    };
    mail.stories = (1..=n).map(story).collect();
    mail
}

fn with_stories(kind: NotificationKind, stories: Vec<StoryView>) -> Notification {
    Notification { stories, ..sample(kind) }
}

/// An alert of a text that several outlets print, after `own` reports in other words beside the first.
fn copies(own: usize) -> Notification {
    let mut mail = sample(NotificationKind::Alert);
    for item in mail.stories.iter_mut().flat_map(|story| story.items.iter_mut().skip(1 + own)) {
        item.voice = Voice::Copy;
    }
    mail
}

fn bulletin(bulletin: Bulletin) -> Notification {
    let notices = bulletin.flat();
    let additions = Additions { bulletin: Some(bulletin), ..Additions::default() };
    Notification { notices, additions, ..sample(NotificationKind::Operator) }
}

fn many_notices() -> Notification {
    let line = |n: u32| format!("Harbour Gazette {n} — for {n} h: the server answered 404 Not Found");
    let mut many = bulletins::daily();
    for section in &mut many.sections {
        section.count = 450;
        section.lines = (1..=450).map(line).collect();
    }
    bulletin(many)
}

/// Lines without groups, as `mail test` and `unsubscribe` send them.
fn plain_notices() -> Notification {
    let additions = Additions::default();
    Notification { additions, ..sample(NotificationKind::Operator) }
}

fn story(id: i64, items: Vec<ItemView>) -> StoryView {
    StoryView { id: StoryId(id), topics: vec![TopicName::new("rare-earths")], items }
}

/// An item made of the sample's.
fn item(lang: Option<&str>, source: &str, title: &str, summary: &str, link: &str) -> ItemView {
    let model = sample(NotificationKind::Alert).stories.into_iter().flat_map(|story| story.items).next();
    let (published_at, first_seen_at) = model
        .map_or((None, crate::model::Timestamp::UNIX_EPOCH), |item| (item.published_at, item.first_seen_at));
    ItemView {
        id: ItemId(1),
        title: title.to_owned(),
        summary: summary.to_owned(),
        content: String::new(),
        link: link.parse().ok(),
        source: source.to_owned(),
        outlet: String::new(),
        tier: Tier::Other,
        voice: Voice::Own,
        lang: lang.map(str::to_owned),
        published_at,
        first_seen_at,
        matches: Vec::new(),
    }
}

/// As little as an item can have: no date, no summary, no link, no language.
fn lone() -> StoryView {
    let mut bare = item(None, "Harbour Gazette", "Magnet maker halts a line", "", "");
    bare.published_at = None;
    story(11, vec![bare])
}

fn chinese() -> StoryView {
    let summary = "新办法自下月起施行，企业须在三十日内重新登记。稀土磁材企业可以申请一年期许可，海关将单独统计出口数量与去向，\
                   并按季度公布。业内人士说，短期影响有限，长期看将促使下游厂商调整库存。";
    let primary = item(
        Some("zh-cn"),
        "金属周刊",
        "商务部与海关总署联合公布稀土出口许可新办法，企业须在三十日内重新登记",
        summary,
        "https://金属.example.cn/2026/许可?utm_source=rss",
    );
    let other = item(Some("zh-tw"), "港口日報", "稀土新辦法", "", "https://port.example.tw/稀土/81");
    story(12, vec![primary, other])
}

fn persian() -> StoryView {
    let primary = item(
        Some("fa"),
        "روزنامه بندر",
        "وزیران دربارهٔ صادرات «خاک‌های کمیاب» به توافق رسیدند: ۱۲ ماه مهلت (EU–Iran)",
        "دو طرف می‌گویند مجوزها از بهار صادر می‌شود. شرکت Example GmbH نخستین درخواست را ثبت کرد.",
        "https://bandar.example.ir/خبر/12",
    );
    story(13, vec![primary])
}

fn long_words() -> StoryView {
    let word = "Seltenerdmagnetexportgenehmigungsverfahrensbeschleunigungsgesetz".repeat(2);
    let primary = item(
        Some("de"),
        &format!("{}zeitung", "Binnenhafen".repeat(6)),
        &format!("{word} beschlossen"),
        &format!("Das {word} tritt in Kraft. {}", "x".repeat(300)),
        &format!("https://{}.example.com/{}", "a-very-long-host-name".repeat(2), "p".repeat(1_500)),
    );
    story(14, vec![primary])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_every_kind_has_a_plain_one() {
        let names: Vec<String> = cases().into_iter().map(|case| case.name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        for kind in NotificationKind::ALL {
            assert!(names.iter().any(|name| name == kind.as_str()));
        }
    }
}
