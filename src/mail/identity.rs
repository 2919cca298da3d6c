//! Who the mails are from.
//!
//! Data in: what the configuration says. Data out: an [`Identity`] that is known to be fit for headers.
//!
//! **Invariant:** an [`Identity`] holds ASCII addresses and host names only, and a display name without control
//! characters, so that [`super::compose`] cannot fail on it.
//!
//! Rejected: lettre's `Mailbox`, which takes groups, quoted and non-ASCII local parts that servers then refuse.

use super::OneClick;
use crate::model::{InvalidRecipient, Recipient};

/// Most characters of the name before the address.
pub const MAX_SENDER_NAME: usize = 100;
/// Longest host name (RFC 1035 §2.3.4), less the room a List-Id needs for its label and our name.
const MAX_HOST: usize = 253 - 64 - ".wirewatch".len();

/// The `From` of every mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    name: Option<String>,
    address: Recipient,
}

/// Why a text is no usable sender or host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdentity {
    /// The address itself.
    #[error(transparent)]
    Address(#[from] InvalidRecipient),
    /// `<` without `>`, or text after it.
    #[error("write the sender as `name@host` or `Name <name@host>`")]
    Form,
    /// The name holds a line end or another control character.
    #[error("the sender's name holds a control character")]
    NameCharacter,
    /// The name is longer than [`MAX_SENDER_NAME`].
    #[error("the sender's name is longer than {MAX_SENDER_NAME} characters")]
    NameLength,
    /// The host is empty, too long or not made of letters, digits, `-` and `.`.
    #[error("`{0}` is no host name; write it in ASCII, such as mail.example.org")]
    Host(String),
}

impl Sender {
    /// Takes `name@host`, `Name <name@host>` or `"Name" <name@host>`.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidIdentity> {
        let text = text.trim();
        let Some((name, address)) = text.split_once('<') else {
            return Ok(Self { name: None, address: Recipient::parse(text)? });
        };
        let address = Recipient::parse(address.strip_suffix('>').ok_or(InvalidIdentity::Form)?)?;
        let name = name.trim();
        let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name).trim();
        if name.chars().any(|c| c.is_control()) {
            return Err(InvalidIdentity::NameCharacter);
        }
        if name.chars().count() > MAX_SENDER_NAME {
            return Err(InvalidIdentity::NameLength);
        }
        Ok(Self { name: (!name.is_empty()).then(|| name.to_owned()), address })
    }

    /// The name before the address.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The bare address; also the envelope's sender.
    pub fn address(&self) -> &Recipient {
        &self.address
    }
}

/// What all mails of this installation have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    from: Sender,
    host: String,
    operator: Option<Recipient>,
    one_click: Option<OneClick>,
}

impl Identity {
    /// `host` is the right side of Message-ID and List-Id: keep it for the life of the installation. `operator`
    /// is who gets the mail of a reader who wants to leave; without one it is the sender.
    ///
    /// # Errors
    /// [`InvalidIdentity::Host`].
    pub fn new(from: Sender, host: &str, operator: Option<Recipient>) -> Result<Self, InvalidIdentity> {
        if !is_host_name(host) || host.len() > MAX_HOST {
            return Err(InvalidIdentity::Host(host.chars().filter(|c| !c.is_control()).take(80).collect()));
        }
        Ok(Self { from, host: host.to_ascii_lowercase(), operator, one_click: None })
    }

    /// The same, with an address on the web where readers can leave with one click.
    #[must_use]
    pub fn with_one_click(self, one_click: Option<OneClick>) -> Self {
        Self { one_click, ..self }
    }

    /// Where readers can leave with one click.
    pub fn one_click(&self) -> Option<&OneClick> {
        self.one_click.as_ref()
    }

    /// The sender.
    pub fn from(&self) -> &Sender {
        &self.from
    }

    /// The right side of Message-ID and List-Id, in lower case.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Who is written to by readers who want to leave.
    pub fn operator(&self) -> &Recipient {
        self.operator.as_ref().unwrap_or(&self.from.address)
    }
}

/// Letters, digits, `-` and `.`; no empty label.
pub(super) fn is_host_name(host: &str) -> bool {
    host.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_are_taken_or_refused_with_the_reason() {
        let check = |text: &str, want: Result<(Option<&str>, &str), InvalidIdentity>| {
            let sender = Sender::parse(text);
            let got = sender.as_ref().map(|s| (s.name(), s.address().address()));
            assert_eq!(got, want.as_ref().map(|w| *w), "{text:?}");
        };
        check("watch@example.org", Ok((None, "watch@example.org")));
        check(" Wire Watch <watch@example.org> ", Ok((Some("Wire Watch"), "watch@example.org")));
        check("\"Watch, Wire\" <watch@example.org>", Ok((Some("Watch, Wire"), "watch@example.org")));
        check("<watch@example.org>", Ok((None, "watch@example.org")));
        check("新闻 <watch@example.org>", Ok((Some("新闻"), "watch@example.org")));
        check("Watch <watch@example.org", Err(InvalidIdentity::Form));
        check("Watch <watch@example.org> x", Err(InvalidIdentity::Form));
        check("A\r\nBcc: x <watch@example.org>", Err(InvalidIdentity::NameCharacter));
        check("Watch <watch>", Err(InvalidIdentity::Address(InvalidRecipient::Form)));
        let named = |n: usize| format!("{} <watch@example.org>", "é".repeat(n));
        assert!(Sender::parse(&named(MAX_SENDER_NAME)).is_ok());
        assert_eq!(Sender::parse(&named(MAX_SENDER_NAME + 1)), Err(InvalidIdentity::NameLength));
    }

    #[test]
    fn hosts_are_plain_names() {
        let sender = Sender::parse("watch@example.org").unwrap();
        let check = |host: &str, ok: bool| {
            assert_eq!(Identity::new(sender.clone(), host, None).is_ok(), ok, "{host:?}");
        };
        check("mail.example.org", true);
        check("localhost", true);
        check("", false);
        check("a..b", false);
        check("a b", false);
        check("a>\r\nBcc: x", false);
        check("-a.example", false);
        check("höst.example", false);
        let long = |n: usize| format!("{}.{}", "a".repeat(60), "b".repeat(n - 61));
        check(&long(MAX_HOST), true);
        check(&long(MAX_HOST + 1), false);
    }

    #[test]
    fn without_an_operator_the_sender_is_written_to() {
        let sender = Sender::parse("watch@example.org").unwrap();
        let identity = Identity::new(sender, "Mail.Example.org", None).unwrap();
        assert_eq!(
            (identity.operator().address(), identity.host()),
            ("watch@example.org", "mail.example.org")
        );
    }
}
