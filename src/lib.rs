//! wirewatch watches news feeds and mails what matches.
//!
//! This page is the plan of the house: what flows where, what each module may know, what is promised.
//!
//! # The flow
//! ```text
//! due feeds ─▶ fetch ─▶ parse ─▶ identify ─▶ match ─▶ route ─▶ Store::record_and_group   transaction 1: feed state, items,
//!                                                                         stories, matches, pending matches
//! pending ─▶ plan (who is due what now) ─▶ render ─▶ Store::enqueue                 transaction 2: the rendered mail,
//!                                                                                   pending matches settled
//! Store::lease_mail ─▶ send ─▶ Store::settle_mail                                   transaction 3
//! ```
//! The transactions are three restart points, each idempotent by key: the keys of an item; the key of a notification;
//! the notification's id, which is its Message-ID.
//! * Killed before 1: the poll is repeated, with the old validators, and the open stories are read from the store again.
//! * Killed between 1 and 2: the matches are pending, and the planner finds them.
//! * Killed between 2 and 3: the mail's claim is given back at the next start (the lock on the store proves that its
//!   holder is gone), and it is sent again under the same Message-ID.
//!
//! **The promise:** an item that was fetched and committed is never lost and never alerted twice by us; each due mail is
//! handed to the mail server at least once, and more than once only if something fails between the server's acceptance
//! and our record, always with the same Message-ID.
//!
//! # Words
//! One word per thing, in code, configuration, commands, SQL and mail: a **feed** is a URL we poll, an **item** an RSS
//! item, Atom entry, JSON Feed item or entry of a news sitemap, a **poll** one visit to a feed. A **topic** is a named
//! query, a **match** an item that satisfies one, a **story** the items (of any feed) that report one event. A
//! **subscription** is topics × recipients × delivery (alert or digest); a match waits as **pending** until the mail it belongs to, a
//! **notification**, is in the **outbox**. The **catalog** is what is in force: feeds, compiled topics, subscriptions.
//! [`model`] holds these as plain types.
//!
//! # Modules
//! The pure core has no IO, no clock and no async; `now` is an argument.
//!
//! | module | turns | into | may use |
//! | --- | --- | --- | --- |
//! | [`model`] | | the vocabulary | |
//! | [`text`] | text | folded tokens with places; sentences; what is visible of HTML | |
//! | [`feed`] | bytes | items and their identity; OPML | model, text |
//! | [`query`] | what a topic's author wrote | expressions | model, text |
//! | [`matching`] | topics and an item | matches; explanations | model, text, query |
//! | [`health`] | what a poll saw | what to remember of the feed; events; whether the whole fares well | model |
//! | [`story`] | items and the open stories | which report one event; what is new | model, text |
//! | [`schedule`] | outcomes, policies | instants: next poll, retry, digest | model |
//! | [`plan`] | pending matches, what was sent | mails due now, and when to look again | model, schedule |
//! | [`render`] | a notification | subject, text, HTML | model, text |
//!
//! The edges know the model (and the clock), never each other:
//!
//! | module | owns |
//! | --- | --- |
//! | [`clock`] | reading time and waiting for it |
//! | [`fetch`] | the one HTTP client, and which addresses may be visited |
//! | [`store`] | SQLite: verbs in domain words, one transaction each |
//! | [`mail`] | MIME, SMTP, Maildir |
//! | [`systemd`] | the service manager |
//!
//! Between them, [`search`] tries topics on what is stored: it may use model, query, matching and store.
//!
//! The wiring may use everything: [`config`] (TOML → checked values), [`daemon`] (tasks and supervision), [`cli`].
//! `tests/it/tidy.rs` holds this matrix as a test.
//!
//! # Tests
//! Unit tests stand beside the code. `tests/it/` is one program: `harness/` has a scripted web server, a mail server and
//! the whole application on a clock that stands still; `store`, `pipeline`, `delivery`, `faults`, `crash`, `cli` and
//! `daemon` use them, the last two on the real binary. `topics` holds the built-in topics to `tests/headlines/`,
//! `queries` what is printed of mistakes in a query. `why` follows items to
//! their mails, `events` holds one event in many feeds to one mail. `reading` holds the reader to `tests/feeds/`, `hostile`
//! to its memory, `manners`, `schedule` and `truth` what is done to sites and what is told, `operator` what
//! those who run it are told; `month` simulates one.
//! `tests/mail/` checks sample mails with a browser and other readers. Nothing leaves loopback. `benches/` measures,
//! `fuzz/` tries random text on the language, on folding, on matching and on every step of reading a feed; neither is
//! part of a test run.

pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod feed;
pub mod fetch;
pub mod health;
pub mod mail;
pub mod matching;
pub mod model;
pub mod plan;
pub mod query;
pub mod render;
pub mod schedule;
pub mod search;
pub mod store;
pub mod story;
pub mod systemd;
pub mod text;
