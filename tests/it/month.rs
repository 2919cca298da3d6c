//! A simulated month: 200 feeds, three subscriptions, outages of everything, changes of clocks and of the configuration.
//!
//! Each event is reported by many sites, each in words of its own and under its own link, and is one story.
//! Polls go straight into the store, since what is tried here lies behind it. More seeds, or others:
//! `WIREWATCH_SEEDS=0..1000 cargo test --release --test it a_month_of_outages`.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Duration,
};

use url::Url;
use wirewatch::{
    daemon::OpenStories,
    mail::Error,
    model::{
        Announce, ClauseHit, FeedId, FeedMemory, FeedSpec, Field, Item, ItemKey, KeyKind, Match, NewItem,
        NotificationKind, OnAdd, OutboundMail, Poll, PollOutcome, StoryKey, Subscription, Timestamp,
        TopicName, Validators, time,
    },
    plan,
};

use crate::harness::{app::TestApp, dice::Dice, farm::Farm};

const FEEDS: u64 = 200;
/// Seeds of a plain run.
const FEW: std::ops::Range<u64> = 0..3;
const ALERT_READER: &str = "desk@example.com";
const NIGHT_READER: &str = "night@example.com";
const DIGEST_READER: &str = "boss@example.com";
const READERS: [&str; 3] = [ALERT_READER, NIGHT_READER, DIGEST_READER];

/// What happened in one place of the world.
struct Event {
    number: u32,
    /// `metals`, `ports` or nothing that is watched.
    topic: Option<&'static str>,
    words: &'static str,
    began_at: u64,
    /// When the first report of it was stored.
    reported_at: Option<Timestamp>,
}

/// Ways to report an event: what it is about, and the names of it.
const WORDINGS: [fn(&str, &str, &str) -> String; 4] = [
    |words, a, b| format!("{words} of {a} reaches {b}"),
    |words, a, b| format!("{b} gets {} from {a}", words.to_lowercase()),
    |words, a, b| format!("{words} deal between {a} and {b}"),
    |words, a, b| format!("{a} sends {} to {b}", words.to_lowercase()),
];
/// A report that comes later than this after the first one has the link of the first: the longer ago, the less do like words
/// mean one event, and after three days nothing.
const LATE: Duration = Duration::from_hours(12);

/// A name that no other number has.
fn name(number: u32) -> String {
    let syllables = ["ba", "do", "fi", "gu", "ke", "lo", "mi", "nu", "pe", "ro"];
    let digit = |place: u32| syllables[(number / 10_u32.pow(place) % 10) as usize];
    format!("Z{}{}{}{}k", digit(3), digit(2), digit(1), digit(0))
}

/// Edits of the configuration: names, limits and hours change, never what is subscribed to.
fn config(edit: u64) -> String {
    let topics = ["\"*\"", "\"metals\", \"ports\"", "\"ports\", \"metals\""][(edit % 3) as usize];
    let named =
        |name: &str| if edit.is_multiple_of(4) { String::new() } else { format!("name = \"{name}\"") };
    let limit = 2 + edit % 3;
    let wait = ["30s", "2m", "0s"][(edit / 2 % 3) as usize];
    let when =
        ["at = [\"01:30\", \"17:00\"]", "cron = \"30 1,17 * * *\"", "at = [\"07:30\"]\nevery = \"12h\""]
            [(edit / 3 % 3) as usize];
    format!(
        r#"
[state]
dir = "state"
[[topic]]
name = "metals"
any = ["gallium"]
[[topic]]
name = "ports"
any = ["crane"]
[[subscription]]
{}
to = ["{ALERT_READER}"]
topics = [{topics}]
deliver = "alert"
group_wait = "{wait}"
[[subscription]]
{}
to = ["{NIGHT_READER}"]
topics = [{topics}]
deliver = "alert"
group_wait = "30s"
zone = "Europe/London"
quiet = {{ from = "22:00", to = "0{}:30" }}
break_through = {{ sources = 4 }}
max_per_hour = {limit}
updates = []
[[subscription]]
{}
to = ["{DIGEST_READER}"]
topics = [{topics}]
deliver = "digest"
zone = "{}"
{when}
escalate = {{ sources = 4 }}
"#,
        named("desk"),
        named("night"),
        5 + edit % 3,
        named("boss"),
        ["America/New_York", "Europe/London"][(edit / 5 % 2) as usize],
    )
}

fn specs() -> Vec<FeedSpec> {
    let spec = |n| FeedSpec {
        url: Url::parse(&format!("http://site{n}.example/feed")).unwrap(),
        title: None,
        interval: Duration::from_secs(900),
        on_add: OnAdd::Baseline,
    };
    (0..FEEDS).map(spec).collect()
}

/// The report of an event by one site, in its words.
fn report(event: &Event, site: u64, link: Link, subscriptions: &[Subscription]) -> NewItem {
    let wording = WORDINGS[(site % 4) as usize];
    let (a, b) = (name(event.number), name(event.number + 5_000));
    let title = format!("{}, number {:04}.", wording(event.words, &a, &b), event.number);
    let start = title.to_lowercase().find(&event.words.to_lowercase()).unwrap();
    let matches: Vec<Match> = event
        .topic
        .iter()
        .map(|topic| Match {
            topic: TopicName::new(topic),
            revision: 1,
            hits: vec![ClauseHit {
                clause: event.words.into(),
                field: Field::Title,
                span: start..start + event.words.len(),
            }],
        })
        .collect();
    let mut hash = [0; 16];
    hash[..4].copy_from_slice(&event.number.to_le_bytes());
    let mut link_hash = hash;
    if link == Link::Own {
        link_hash[8..].copy_from_slice(&(site + 1).to_le_bytes());
    }
    NewItem {
        item: Item {
            link: Url::parse(&format!("http://site{site}.example/{}", event.number)).ok(),
            title,
            ..Item::default()
        },
        keys: vec![ItemKey { kind: KeyKind::Sole, hash }],
        story_key: Some(StoryKey(link_hash)),
        alerts: 0,
        routes: plan::routes(subscriptions, matches.iter().map(|found| &found.topic)),
        matches,
        announce: Announce::Yes,
    }
}

/// What the link of a report is the canonical form of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    /// The site's own article.
    Own,
    /// The article that the first report is.
    First,
}

/// The month of one seed.
struct World {
    app: TestApp,
    /// As the poller has them.
    stories: Option<OpenStories>,
    dice: Dice,
    feeds: Vec<FeedId>,
    events: Vec<Event>,
    /// Reports that wait for their site to answer again: by site, which events.
    unread: BTreeMap<u64, BTreeSet<usize>>,
    /// Sites that do not answer, and for how many more turns.
    down: HashMap<u64, u64>,
    /// Turns for which the mail server takes nothing.
    mail_down: u64,
    /// Turns for which it does not go away again.
    mail_calm: u64,
    turn: u64,
}

impl World {
    async fn begin(seed: u64) -> Self {
        let app = TestApp::with(Farm::start(), &config(0)).await;
        // From 10 October 2025: clocks change on 26 October in London, on 2 November in New York.
        app.clock.advance(Duration::from_secs(127 * 86_400));
        let states = app.store.sync_feeds(app.clock.now(), specs()).await.unwrap();
        let feeds = states.iter().map(|state| state.id).collect();
        let mut world = Self {
            app,
            stories: None,
            dice: Dice(seed),
            feeds,
            events: Vec::new(),
            unread: BTreeMap::new(),
            down: HashMap::new(),
            mail_down: 0,
            mail_calm: 0,
            turn: 0,
        };
        world.app.plan().await;
        world
    }

    /// New events, and sites that take up those of the last days.
    fn happen(&mut self) {
        for _ in 0..self.dice.below(3) {
            let number = u32::try_from(self.events.len()).unwrap() + 1;
            let (topic, words) = self.dice.one_of(&[
                (Some("metals"), "Gallium"),
                (Some("ports"), "Crane"),
                (Some("ports"), "Cranes"),
                (None, "Snow"),
            ]);
            self.events.push(Event { number, topic, words, began_at: self.turn, reported_at: None });
        }
        for index in 0..self.events.len() {
            let age = self.turn - self.events[index].began_at;
            let reports = match age {
                0 => 1 + self.dice.below(3),
                1..=4 if self.dice.one_in(2) => self.dice.below(5),
                _ => 0,
            };
            for _ in 0..reports {
                let site = self.dice.below(FEEDS);
                self.unread.entry(site).or_default().insert(index);
            }
        }
    }

    /// Sites fail and come back; those that answer are read. Returns the polls.
    fn read(&mut self) -> Vec<Poll> {
        self.down.retain(|_, turns| {
            *turns -= 1;
            *turns > 0
        });
        for _ in 0..self.dice.below(4) {
            let (site, turns) = (self.dice.below(FEEDS), 1 + self.dice.below(12));
            self.down.insert(site, turns);
        }
        let now = self.app.clock.now();
        let sites: Vec<u64> =
            self.unread.keys().copied().filter(|site| !self.down.contains_key(site)).collect();
        let mut polls = Vec::new();
        for site in sites {
            let events = self.unread.remove(&site).unwrap();
            let items = events.iter().map(|index| {
                let event = &mut self.events[*index];
                let is_late = |first: Timestamp| time::between(first, now) > LATE;
                let link = if event.reported_at.is_none_or(is_late) { Link::First } else { Link::Own };
                event.reported_at = event.reported_at.or(Some(now));
                report(event, site, link, &self.app.subscriptions)
            });
            let validators = Validators { etag: None, last_modified: None };
            polls.push(Poll {
                feed: self.feeds[usize::try_from(site).unwrap()],
                at: now,
                outcome: PollOutcome::Modified {
                    validators,
                    body_hash: 0,
                    title: None,
                    items: items.collect(),
                    warnings: Vec::new(),
                },
                next_poll_at: time::after(now, Duration::from_secs(900)),
                failures: 0,
                memory: FeedMemory::default(),
                events: Vec::new(),
            });
        }
        polls
    }

    async fn record(&mut self, polls: &[Poll]) {
        if self.dice.one_in(8) {
            // Half a batch is no batch: it is refused as a whole and repeated.
            let table = self.dice.one_of(&["pending", "item_key", "story_print"]);
            self.app.tamper(&format!("ALTER TABLE {table} RENAME TO aside"));
            let refused = self.commit(polls).await;
            // Every item needs its keys; the other tables are written for new ones that match.
            assert!(table != "item_key" || polls.is_empty() || refused.is_none(), "{table} is missing");
            self.app.tamper(&format!("ALTER TABLE aside RENAME TO {table}"));
        }
        let first = self.commit(polls).await.unwrap();
        if self.dice.one_in(8) {
            assert_eq!(self.commit(polls).await, Some(0), "{first} items are known now");
        }
    }

    /// As the poller does it: how many items were new; `None` when the store refused.
    async fn commit(&mut self, polls: &[Poll]) -> Option<usize> {
        let open = match self.stories.take() {
            Some(open) => open,
            None => OpenStories::load(&self.app.store, self.app.clock.now()).await.ok()?,
        };
        let recorded = self.app.store.record_and_group(polls.to_vec(), wirewatch::health::learn, open).await;
        let (recorded, open) = recorded.ok()?;
        self.stories = Some(open);
        Some(recorded.iter().map(|one| one.new_items.len()).sum())
    }

    /// The mail server goes away for hours, or loses an answer.
    fn mail_weather(&mut self) {
        let was_down = self.mail_down > 0;
        self.mail_down = self.mail_down.saturating_sub(1);
        if self.mail_down == 0 && was_down {
            READERS.iter().for_each(|reader| self.app.memory.refuse(reader, 250));
        } else if self.mail_calm > 0 {
            // No mail may be given up for want of a server: that is another test's matter.
            self.mail_calm -= 1;
        } else if self.dice.one_in(12) {
            self.mail_down = 1 + self.dice.below(3);
            self.mail_calm = 8;
            let code = self.dice.one_of(&[421, 451, 554]);
            READERS.iter().for_each(|reader| self.app.memory.refuse(reader, code));
        } else if self.dice.one_in(10) {
            self.app.memory.take_next_and_fail(lost_answer());
        }
    }

    async fn turn(mut self) -> Self {
        self.turn += 1;
        self.happen();
        let polls = self.read();
        if self.dice.one_in(8) {
            // The visits of this turn began before, so they record matches under the old names.
            let edit = self.dice.below(60);
            self.app.reload(&config(edit));
            if self.dice.one_in(2) {
                self.app.plan().await;
            }
        }
        self.record(&polls).await;
        self.mail_weather();
        if self.dice.one_in(8) {
            self.app = self.app.killed_and_restarted().await;
            self.stories = None;
        }
        if self.dice.one_in(10) {
            let table = self.dice.one_of(&["pending", "digested", "muted"]);
            assert!(self.app.plan_refused_by(table).await.is_err(), "{table} is missing");
        }
        if self.dice.one_in(10) {
            // Written only when a mail is due: then all of the transaction is refused.
            let _ = self.app.plan_refused_by("mail_story").await;
        }
        // What waits for others goes within the turn, or much later.
        self.app.plan().await;
        if self.dice.one_in(8) {
            self.app = self.app.killed_and_restarted().await;
            self.stories = None;
        }
        self.app.send().await;
        self.advance(1).await;
        let minutes = self.dice.one_of(&[1, 16, 40, 61, 185, 360, 700, 1_000]);
        self.app.clock.advance(Duration::from_secs(minutes * 60));
        self
    }

    async fn advance(&mut self, minutes: u64) {
        self.app.clock.advance(Duration::from_secs(minutes * 60));
        self.app.plan().await;
        self.app.send().await;
    }

    /// Everything works again and catches up.
    async fn calm(&mut self) {
        while !self.unread.is_empty() {
            self.down.clear();
            let polls = self.read();
            self.record(&polls).await;
        }
        READERS.iter().for_each(|reader| self.app.memory.refuse(reader, 250));
        for _ in 0..24 {
            self.advance(6 * 60).await;
        }
    }
}

fn lost_answer() -> Error {
    Error::Ambiguous { cause: "the connection broke".to_owned() }
}

/// Mails by Message-ID: one that is sent again is the same mail.
fn mails(app: &TestApp) -> Vec<OutboundMail> {
    let mut seen = HashSet::new();
    app.mails().into_iter().filter(|mail| seen.insert(mail.id.clone())).collect()
}

/// How many revisions of each story each reader knows, with the headline.
fn revisions(app: &TestApp) -> Vec<(String, String, usize)> {
    let db = rusqlite::Connection::open(app.store.path()).unwrap();
    let mut rows = db.prepare("SELECT recipient, headline, revision FROM alerted").unwrap();
    let all = rows.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get::<_, u32>(2)? as usize))).unwrap();
    all.collect::<Result<_, _>>().unwrap()
}

/// Returns how many updates and how many escalations there were.
fn assert_whole(seed: u64, world: &World) -> [usize; 2] {
    use NotificationKind::{Alert, Digest, RollUp, Update};
    let mails = mails(&world.app);
    let revisions = revisions(&world.app);
    let mut seen = [0, 0];
    for event in &world.events {
        let text = format!("number {:04}.", event.number);
        let naming = |to: &str, kinds: &[NotificationKind]| -> Vec<&OutboundMail> {
            let fit = mails.iter().filter(|mail| mail.to.address() == to && kinds.contains(&mail.kind));
            fit.filter(|mail| mail.text.contains(&text)).collect()
        };
        // Of one story, or a reader would be told twice.
        let known = |to: &str| -> usize {
            let of_event =
                revisions.iter().filter(|(reader, headline, _)| reader == to && headline.contains(&text));
            of_event.map(|(.., revision)| revision).sum()
        };
        let wanted = usize::from(event.reported_at.is_some() && event.topic.is_some());
        let whom = format!("seed {seed}: {} {text}", event.words);
        let desk = naming(ALERT_READER, &[Alert, Update, RollUp]);
        assert_eq!(desk.len(), known(ALERT_READER), "{whom}, each revision in one mail to the desk");
        assert_eq!(desk.is_empty(), wanted == 0, "{whom}, the desk");
        assert_eq!(naming(NIGHT_READER, &[Alert, RollUp]).len(), wanted, "{whom}, alerts of the night");
        assert_eq!(known(NIGHT_READER), wanted, "{whom}, no updates at night");
        assert_eq!(naming(DIGEST_READER, &[Digest]).len(), wanted, "{whom}, digests");
        let strays = [naming(ALERT_READER, &[Digest]), naming(NIGHT_READER, &[Digest, Update])];
        assert!(strays.iter().all(Vec::is_empty), "{whom}, what nobody subscribed to");
        let escalations = naming(DIGEST_READER, &[Alert, Update, RollUp]);
        assert_eq!(escalations.len(), known(DIGEST_READER), "{whom}, escalations");
        assert!(escalations.len() <= 1, "{whom}, escalations");
        for update in desk.iter().filter(|mail| mail.kind == Update) {
            // The alert or the roll-up before them, which no update overtakes.
            let first = desk.first().map(|first| &first.id);
            assert_eq!(update.in_reply_to.as_ref(), first, "{whom}, thread");
            seen[0] += 1;
        }
        seen[1] += escalations.len();
    }
    seen
}

async fn month(seed: u64) -> [usize; 2] {
    let mut world = World::begin(seed).await;
    let end = time::after(world.app.clock.now(), Duration::from_secs(31 * 86_400));
    while world.app.clock.now() < end {
        world = world.turn().await;
    }
    world.calm().await;
    let left = world.app.store.pending(10).await.unwrap();
    assert!(left.is_empty(), "seed {seed}: {left:?}");
    assert_eq!(world.app.store.status().await.unwrap().dead, 0, "seed {seed}: mails were given up");
    let seen = assert_whole(seed, &world);
    world.app.end().await;
    seen
}

#[tokio::test]
async fn a_month_of_outages_reaches_everybody_once() {
    let seeds = match std::env::var("WIREWATCH_SEEDS") {
        Ok(seeds) => {
            let (from, to) = seeds.split_once("..").expect("WIREWATCH_SEEDS is written 100..200");
            from.parse::<u64>().unwrap()..to.parse().unwrap()
        }
        Err(_) => FEW,
    };
    let mut seen = [0, 0];
    for seed in seeds {
        let [updates, escalations] = month(seed).await;
        seen = [seen[0] + updates, seen[1] + escalations];
        println!("seed {seed}: whole, {updates} updates, {escalations} escalations");
    }
    assert!(seen.iter().all(|n| *n > 0), "updates and escalations, of which there were none: {seen:?}");
}
