//! Mail: turns an [`OutboundMail`] into a MIME message and hands it over.
//!
//! Data in: a rendered mail from the outbox. Data out: [`Accepted`] with the words of whoever took it, or an
//! [`Error`] that says what the next attempt should do ([`Error::retry`]).
//!
//! **Invariant:** the bytes are a function of [`Identity`] and the mail alone ([`compose`]), so every attempt
//! sends the same message under the same Message-ID.
//! **Invariant:** a mail counts as handed over once the server said yes to the final dot, or the file is in the
//! maildir and synced; nothing after that can turn it into a failure.
//! **Invariant:** after any error or timeout, and when a send is dropped half way, the connection is gone.
//! **Invariant:** no password and no whole address of a recipient is in an [`Error`].
//!
//! Rejected: lettre's `AsyncSmtpTransport`. Measured with 0.11.23: its timeout covers the connect only, its pool
//! puts a half-finished dialogue back into use, and it leaves Nagle's algorithm on (40 ms a mail).

mod compose;
mod error;
mod header;
mod identity;
mod maildir;
mod memory;
mod smtp;
mod unsubscribe;

pub use compose::{MAX_BODY, MAX_ID, compose};
pub use error::{Error, MAX_REPLY, Phase};
pub use header::MAX_SUBJECT;
pub use identity::{Identity, InvalidIdentity, MAX_SENDER_NAME, Sender};
pub use maildir::Maildir;
pub use memory::Memory;
pub use smtp::{InvalidSmtpUrl, Security, Smtp, SmtpOptions, SmtpUrl, StartTls, Timeouts};
pub use unsubscribe::{InvalidOneClick, MAX_UNSUBSCRIBE_LINK, MIN_KEY_BYTES, OneClick};

use crate::model::OutboundMail;

/// Who takes the mails.
#[derive(Debug)]
pub enum Transport {
    /// Files in a folder that mail readers open.
    Maildir(Maildir),
    /// A mail server.
    Smtp(Box<Smtp>),
    /// Kept in memory: tests and dry runs.
    Memory(Memory),
}

/// The mail is in other hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The server's words, cut to [`MAX_REPLY`], or the name of the file.
    pub reply: String,
}

impl Transport {
    /// Hands one mail over.
    ///
    /// Not cancel safe: dropped half way, the mail may or may not have been taken, as with
    /// [`Error::Ambiguous`]. The transport itself stays usable, on a new connection.
    ///
    /// # Errors
    /// What went wrong; [`Error::retry`] tells whether to come back, to hold the queue or to give up.
    pub async fn send(&mut self, mail: &OutboundMail) -> Result<Accepted, Error> {
        match self {
            Self::Maildir(maildir) => maildir.send(mail).await,
            Self::Smtp(smtp) => smtp.send(mail).await,
            Self::Memory(memory) => {
                memory.answering(mail).await;
                memory.send(mail)
            }
        }
    }

    /// Ends a batch: says goodbye to the server and closes the connection. What goes wrong here is of no
    /// interest, every mail has been settled before.
    pub async fn finish(&mut self) {
        if let Self::Smtp(smtp) = self {
            smtp.finish().await;
        }
    }

    /// Tries everything but a mail: connect, TLS, login; or creates the maildir and writes a test file. Returns a
    /// line for people.
    ///
    /// # Errors
    /// As [`Transport::send`].
    pub async fn probe(&mut self) -> Result<String, Error> {
        match self {
            Self::Maildir(maildir) => maildir.probe().await,
            Self::Smtp(smtp) => smtp.probe().await,
            Self::Memory(_) => Ok("mails are kept in memory".to_owned()),
        }
    }
}

#[cfg(test)]
pub(crate) mod samples {
    //! A mail and an identity for the tests of this module.

    use super::{Identity, Sender};
    use crate::model::{
        NotificationId, NotificationKind, OutboundMail, Recipient, SubscriptionName, time::from_millis,
    };

    pub(crate) fn identity() -> Identity {
        let from = Sender::parse("Wire Watch <watch@example.org>").unwrap();
        let operator = Recipient::parse("operator@example.org").unwrap();
        Identity::new(from, "mail.example.org", Some(operator)).unwrap()
    }

    pub(crate) fn mail(id: &str, to: &str) -> OutboundMail {
        OutboundMail {
            id: NotificationId(id.to_owned()),
            kind: NotificationKind::Alert,
            subscription: SubscriptionName::new("harbour"),
            to: Recipient::parse(to).unwrap(),
            subject: "Crane stuck in the harbour".to_owned(),
            text: "One story.\n\n.\n.. two dots\nEnd\n".to_owned(),
            html: "<p>One story.</p>\n".to_owned(),
            created_at: from_millis(1_795_000_000_000),
            in_reply_to: None,
        }
    }
}
