//! The outbox: rendered mails, their leases and how an attempt ended.

use std::fmt;

use super::{NotificationKind, Recipient, SubscriptionName, Timestamp};

/// Key of a notification in the outbox: 26 characters `0-9a-z`, the local part of its Message-ID.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NotificationId(pub String);

impl fmt::Display for NotificationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A rendered mail. What is sent is a function of this alone, so every attempt sends the same message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundMail {
    /// Outbox key.
    pub id: NotificationId,
    /// Kind.
    pub kind: NotificationKind,
    /// Because of which subscription; the `List-Id` is made of it.
    pub subscription: SubscriptionName,
    /// The one recipient.
    pub to: Recipient,
    /// Subject, one line, no control characters.
    pub subject: String,
    /// Plain text body, `\n` line ends.
    pub text: String,
    /// HTML body.
    pub html: String,
    /// When it was enqueued; the `Date` header.
    pub created_at: Timestamp,
    /// The mail it follows up on: `In-Reply-To` and `References`.
    pub in_reply_to: Option<NotificationId>,
}

/// A mail claimed for one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedMail {
    /// What to send.
    pub mail: OutboundMail,
    /// Attempts, this one included.
    pub attempt: u32,
    /// The claim ends here.
    pub lease_until: Timestamp,
}

/// What a failed attempt means for the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Passing: try again after the backoff.
    Backoff,
    /// The fault is ours or the server's, not this mail's (login refused, TLS): hold the queue, drop nothing.
    Hold,
    /// This mail will never be taken: dead letter.
    Never,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// Taken over by the mail server or written to the maildir.
    Sent {
        /// The server's words, or the file's name.
        reply: String,
    },
    /// Again later.
    Deferred {
        /// Not before.
        until: Timestamp,
        /// Why, in plain words.
        reason: String,
    },
    /// Given up; kept for `outbox list`.
    Dead {
        /// Why, in plain words.
        reason: String,
    },
}

/// State of an outbox row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MailState {
    /// Waits for its first or next attempt.
    Queued,
    /// Claimed by a running attempt.
    Leased,
    /// Handed over.
    Sent,
    /// Given up.
    Dead,
}

impl MailState {
    /// Stable word for the store and `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Leased => "leased",
            Self::Sent => "sent",
            Self::Dead => "dead",
        }
    }
}
