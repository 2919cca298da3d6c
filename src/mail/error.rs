//! What can go wrong on the way to the recipient, and what each case means for the next attempt.
//!
//! Data in: codes and words of a server, I/O errors. Data out: [`Error`], which answers [`Error::retry`].
//!
//! **Invariant:** the class comes from reply codes, phases and error kinds, never from the text of a message.
//! **Invariant:** words of a server are cut to [`MAX_REPLY`] characters and hold no control characters.
//!
//! Rejected: passing lettre's error on. It has no phase, and the same 550 means "hold everything" at `MAIL` and
//! "this recipient does not exist" at `RCPT`.

use std::{io, path::PathBuf, time::Duration};

use super::header::visible;
use crate::model::Retry;

/// Most characters of a server's reply that are kept.
pub const MAX_REPLY: usize = 300;

/// How far an SMTP dialogue had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Name look-up and TCP connect.
    Connect,
    /// The server's first words.
    Greeting,
    /// `EHLO`.
    Hello,
    /// `STARTTLS` and the TLS handshake.
    Tls,
    /// `AUTH`.
    Login,
    /// `MAIL FROM`.
    Sender,
    /// `RCPT TO`.
    Recipient,
    /// `DATA`.
    Data,
    /// The message and the reply to its final dot.
    Content,
    /// `NOOP`, in a probe.
    Noop,
}

impl Phase {
    /// For people, completes "… during".
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connecting",
            Self::Greeting => "the greeting",
            Self::Hello => "EHLO",
            Self::Tls => "the TLS handshake",
            Self::Login => "the login",
            Self::Sender => "MAIL FROM",
            Self::Recipient => "RCPT TO",
            Self::Data => "DATA",
            Self::Content => "the message",
            Self::Noop => "NOOP",
        }
    }
}

/// Why a mail was not handed over.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The mail cannot be written as a message.
    #[error("the mail cannot be sent: {0}")]
    Message(&'static str),
    /// Name not found, or nobody answers there.
    #[error("cannot reach the mail server {server}: {cause}")]
    Unreachable {
        /// Host and port.
        server: String,
        /// What the system says.
        cause: io::Error,
    },
    /// The server took too long; before the final dot, so the mail was not taken.
    #[error("the mail server was silent for {} s during {}", .after.as_secs_f32(), .phase.as_str())]
    TimedOut {
        /// When.
        phase: Phase,
        /// How long we waited.
        after: Duration,
    },
    /// The connection broke; before the final dot, so the mail was not taken.
    #[error("the connection to the mail server broke during {}: {cause}", .phase.as_str())]
    Broken {
        /// When.
        phase: Phase,
        /// What the system says.
        cause: io::Error,
    },
    /// What came back is no SMTP, or not what belongs here.
    #[error("the mail server's answer during {} is not understood: {reply}", .phase.as_str())]
    Protocol {
        /// When.
        phase: Phase,
        /// What it said, or why it was not read on.
        reply: String,
    },
    /// The server said no.
    #[error("the mail server refused during {}: {code} {reply}", .phase.as_str())]
    Refused {
        /// When.
        phase: Phase,
        /// Reply code, 400 to 599.
        code: u16,
        /// Its words.
        reply: String,
    },
    /// The whole message was sent and no clear reply came: it may have been taken. To be sent again not before
    /// ten minutes have passed, since a server that is merely slow needs time to finish (RFC 5321 §4.5.3.2.6).
    #[error(
        "the whole message was sent but the mail server did not confirm it ({cause}); it may arrive twice"
    )]
    Ambiguous {
        /// What came instead of a reply.
        cause: String,
    },
    /// The certificate is not valid for this server, or no TLS could be agreed on.
    #[error("no trusted TLS with {server}: {cause}")]
    Tls {
        /// Host and port.
        server: String,
        /// Details.
        cause: String,
    },
    /// TLS is required and the server does not offer it.
    #[error(
        "{server} offers no STARTTLS, which is required; use its smtps:// port or set STARTTLS to opportunistic"
    )]
    NoStartTls {
        /// Host and port.
        server: String,
    },
    /// A login is configured, and the connection is neither encrypted nor to this machine.
    #[error("the login is not sent to {server} without TLS")]
    PlaintextLogin {
        /// Host and port.
        server: String,
    },
    /// A login is configured, and the server takes neither `AUTH PLAIN` nor `AUTH LOGIN`.
    #[error("{server} offers neither AUTH PLAIN nor AUTH LOGIN; remove the login or use the submission port")]
    NoLoginMechanism {
        /// Host and port.
        server: String,
    },
    /// The maildir cannot be written.
    #[error("cannot {action} {}: {cause}", .path.display())]
    Maildir {
        /// What was tried, completes "cannot …".
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
}

/// Reply codes that mean "you may not, whoever you write to": authentication required, too weak, failed, or
/// encryption required (RFC 4954 §6).
const LOGIN_CODES: [u16; 4] = [530, 534, 535, 538];
/// "Service not available, closing" (RFC 5321 §4.2.3): may come at any time.
const CLOSING: u16 = 421;

impl Error {
    /// What this means for the next attempt.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Message(_) => Retry::Never,
            Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::Broken { .. }
            | Self::Ambiguous { .. } => Retry::Backoff,
            // Who greets us with something else is no mail server: a matter of the configuration.
            Self::Protocol { phase: Phase::Greeting, .. } => Retry::Hold,
            Self::Protocol { .. } => Retry::Backoff,
            Self::Refused { phase, code, .. } => retry_after_refusal(*phase, *code),
            Self::Tls { .. }
            | Self::NoStartTls { .. }
            | Self::PlaintextLogin { .. }
            | Self::NoLoginMechanism { .. }
            | Self::Maildir { .. } => Retry::Hold,
        }
    }

    /// Whether any other mail would have failed the same way: nothing of this one was said yet.
    pub fn concerns_server(&self) -> bool {
        use Phase::{Connect, Greeting, Hello, Login, Tls};
        match self {
            Self::Message(_) | Self::Ambiguous { .. } => false,
            Self::TimedOut { phase, .. }
            | Self::Broken { phase, .. }
            | Self::Protocol { phase, .. }
            | Self::Refused { phase, .. } => matches!(phase, Connect | Greeting | Hello | Tls | Login),
            Self::Unreachable { .. }
            | Self::Tls { .. }
            | Self::NoStartTls { .. }
            | Self::PlaintextLogin { .. }
            | Self::NoLoginMechanism { .. }
            | Self::Maildir { .. } => true,
        }
    }

    /// Whether the server had merely given up an idle connection: nothing of the mail at hand was said yet.
    pub(super) fn is_stale_connection(&self) -> bool {
        matches!(
            self,
            Self::Broken { phase: Phase::Sender, .. }
                | Self::Refused { phase: Phase::Sender, code: CLOSING, .. }
        )
    }
}

fn retry_after_refusal(phase: Phase, code: u16) -> Retry {
    match (phase, code) {
        (_, ..500) => Retry::Backoff,
        (_, code) if LOGIN_CODES.contains(&code) => Retry::Hold,
        (Phase::Recipient | Phase::Data | Phase::Content, _) => Retry::Never,
        _ => Retry::Hold,
    }
}

/// A server's words made fit for a log line and a terminal.
pub(super) fn clean_reply(text: &str) -> String {
    let clean = visible(text);
    match clean.char_indices().nth(MAX_REPLY) {
        Some((end, _)) => clean.get(..end).unwrap_or_default().to_owned(),
        None => clean,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_classed_by_phase_and_code() {
        use Phase::*;
        let check = |phase: Phase, code: u16, want: Retry| {
            let error = Error::Refused { phase, code, reply: String::new() };
            assert_eq!(error.retry(), want, "{phase:?} {code}");
        };
        for phase in [Greeting, Hello, Tls, Login, Sender, Recipient, Data, Content] {
            for code in [421, 450, 451, 452, 454, 499] {
                check(phase, code, Retry::Backoff);
            }
            for code in [530, 534, 535, 538] {
                check(phase, code, Retry::Hold);
            }
        }
        for phase in [Greeting, Hello, Tls, Login, Sender] {
            check(phase, 500, Retry::Hold);
            check(phase, 550, Retry::Hold);
            check(phase, 554, Retry::Hold);
        }
        for phase in [Recipient, Data, Content] {
            check(phase, 500, Retry::Never);
            check(phase, 550, Retry::Never);
            check(phase, 554, Retry::Never);
        }
    }

    #[test]
    fn replies_are_cut_and_stripped() {
        let check = |text: &str, want: &str| assert_eq!(clean_reply(text), want);
        check("5.1.1 no\tsuch\u{1b}[31m user\u{202e}\0", "5.1.1 no such[31m user");
        check(&"é".repeat(MAX_REPLY), &"é".repeat(MAX_REPLY));
        check(&"é".repeat(MAX_REPLY + 1), &"é".repeat(MAX_REPLY));
    }
}
