//! What those who run the service are told: bulletins, troubles that go on, duties that come round.

use super::{FeedId, Health, OutboxReport, Timestamp};

/// A mail to the operator: a headline, figures, and lines in groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bulletin {
    /// Headline; the subject is made of it too.
    pub title: String,
    /// Said below the headline; may be empty.
    pub lead: String,
    /// Name and value, in order.
    pub figures: Vec<(String, String)>,
    /// Groups of lines, most important first, none without a line.
    pub sections: Vec<Section>,
}

/// Lines of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// What they have in common.
    pub title: String,
    /// How many there are, named or not.
    pub count: u64,
    /// Those that are named, and a last one that counts the others where there are any.
    pub lines: Vec<String>,
}

impl Bulletin {
    /// The whole as plain lines, for templates that know no groups: the headline, each figure, each line with the title of
    /// its group.
    pub fn flat(&self) -> Vec<String> {
        let figures = self.figures.iter().map(|(name, value)| format!("{name}: {value}"));
        let lines = self
            .sections
            .iter()
            .flat_map(|section| section.lines.iter().map(move |line| format!("{}: {line}", section.title)));
        std::iter::once(self.title.clone()).chain(figures).chain(lines).collect()
    }
}

/// Something that is wrong for as long as it lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// `line`, `feeds`, `canary`, `feed/ID` or `topic/NAME`.
    pub key: String,
    /// Since when.
    pub since: Timestamp,
    /// How often it was told; 0: not yet.
    pub tellings: u32,
    /// Since when it is over; it may come back, and is the same trouble then.
    pub ended_at: Option<Timestamp>,
}

/// What comes round for the operator's sake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Duty {
    /// The mail with what can wait.
    Daily,
    /// The mail that says all is well.
    Heartbeat,
    /// The synthetic item.
    Canary,
    /// The request to an address outside.
    Ping,
    /// The look whether there is something to tell; it writes, so that a store that cannot be written is noticed.
    Watch,
}

impl Duty {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Daily, Self::Heartbeat, Self::Canary, Self::Ping, Self::Watch];

    /// Stable word for the store and `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Heartbeat => "heartbeat",
            Self::Canary => "canary",
            Self::Ping => "ping",
            Self::Watch => "watch",
        }
    }
}

/// How a duty ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is under way, or was when the process ended.
    Open,
    /// Done.
    Done,
    /// It failed, for this reason.
    Failed(String),
}

/// A duty as it was last performed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DutyRun {
    /// Which.
    pub duty: Duty,
    /// Up to which instant it is performed: the end of its window.
    pub to: Timestamp,
    /// When that ended.
    pub settled_at: Option<Timestamp>,
    /// How.
    pub verdict: Verdict,
}

/// A feed that has been failing for long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TroubledFeed {
    /// Which.
    pub id: FeedId,
    /// Its name, or its address.
    pub name: String,
    /// How it fares; never [`Health::Ok`].
    pub health: Health,
    /// Since when it fares so.
    pub since: Timestamp,
    /// Whether it brought something to a topic of an alert.
    pub brings: Brings,
    /// The last failure in plain words.
    pub message: String,
}

/// What a feed brought so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brings {
    /// An item that matched a topic of an alert.
    Alerts,
    /// None.
    Other,
}

/// How the feeds fare as a whole, and which are in trouble.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedsAtLarge {
    /// In force.
    pub feeds: u64,
    /// Of them, failing now and for some time.
    pub troubled: u64,
    /// Of them, not failing for long, nor at rest.
    pub sound: u64,
    /// When any was last read.
    pub newest_ok: Option<Timestamp>,
    /// Sound ones that were visited after that.
    pub visited_since: u64,
    /// Those that fail for long; those that bring alerts first.
    pub failing: Vec<TroubledFeed>,
}

/// Mails given up that the operator was not told of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetters {
    /// Oldest first; notices to the operator are not among them.
    pub named: Vec<OutboxReport>,
    /// How many more there are.
    pub more: u64,
    /// The last of all; to be given back when they are told.
    pub up_to: i64,
}

/// By which it is judged whether the service works.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VitalSigns {
    /// Earliest instant at which a feed in force is due.
    pub due: Option<Timestamp>,
    /// When a feed in force was last visited.
    pub visited: Option<Timestamp>,
    /// When the oldest mail was enqueued that waits.
    pub waiting: Option<Timestamp>,
    /// Mails enqueued since then that were handed over.
    pub passed: u64,
}

/// What was done in a span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Items that matched some topic.
    pub matched: u64,
    /// Mails handed over.
    pub sent: u64,
}
