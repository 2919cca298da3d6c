//! The vocabulary: one plain type per thing the program talks about.
//!
//! Every other module speaks in these types. They carry no serde, no SQL and no IO: the TOML, wire and row
//! shapes stay in the module that reads or writes them.
//!
//! **Invariant:** nothing here reads a clock, a file or the environment. All instants are UTC
//! ([`Timestamp`]); what is stored has millisecond precision.

mod feed;
mod item;
mod mail;
mod memory;
mod notification;
mod operator;
mod outlet;
mod pace;
mod people;
mod poll;
mod report;
mod search;
mod site;
mod story;
mod subscription;
pub mod time;
mod told;
mod topic;

pub use feed::{FeedId, FeedSpec, FeedState, OnAdd, ParsedFeed, Validators, Warning, feed_label};
pub use item::{Announce, Field, Item, ItemId, ItemKey, KeyKind, NewItem, StoryId, StoryKey};
pub use mail::{LeasedMail, MailState, NotificationId, OutboundMail, Retry, Settlement};
pub use memory::{
    Counted, EventKind, FeedEvent, FeedEventReport, FeedMemory, GONE_POLLS, Gone, Health, Hints, Learn,
    Learned, Moving, RESTLESS, Stored, Trial,
};
pub use notification::{
    Additions, Coverage, FeedDoubt, FeedTrouble, ItemView, Notification, NotificationKind, StoryNews,
    StorySources, StoryView, Window,
};
pub use operator::{
    Brings, Bulletin, DeadLetters, Duty, DutyRun, FeedsAtLarge, Section, Trouble, TroubledFeed, Verdict,
    VitalSigns, Work,
};
pub use outlet::{MAX_NAME_BYTES, Outlet, Outlets, Tier};
pub use pace::{FORGETTING, Pace};
pub use people::{InvalidRecipient, Recipient, Secret};
pub use poll::{FailureKind, Poll, PollFailure, PollOutcome, Recorded, Redirect};
pub use report::{
    ExportedItem, FeedReport, OperatorNews, OutboxReport, QueueReport, StatusReport, TopicReport,
};
pub use search::{ArchivePage, IndexEntry, IndexState, Narrowing, StoredItem};
pub use site::{Ended, Site};
pub use story::{ByLink, Grouping, StoryMark, Voice};
pub use subscription::{
    AlertPolicy, Dates, Days, Delivery, DigestPolicy, Line, MonthDays, Pending, PendingId, QuietHours, Route,
    Subscription, SubscriptionName, Summary, TopicSelector, UpdatePolicy, WhenEmpty,
};
pub use time::Timestamp;
pub use told::{Mute, News, NewsKind, StoryItem, Told, TopicVolume};
pub use topic::{ClauseHit, Match, Topic, TopicName};
