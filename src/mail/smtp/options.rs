//! What an SMTP transport is told: server, TLS, login and time limits.
//!
//! Data in: text of the configuration. Data out: plain values.
//!
//! **Invariant:** a password is never part of a URL, so URLs may be printed.
//!
//! Rejected: lettre's connection URLs, which carry the password and hide the TLS policy in a query.

use std::{fmt, net::Ipv6Addr, time::Duration};

use super::super::identity::is_host_name;
use crate::model::Secret;

/// Port for mail between servers (RFC 5321 §4.5.4.2).
const PORT_RELAY: u16 = 25;
/// Port for submission with a login (RFC 6409 §3.1).
const PORT_SUBMISSION: u16 = 587;
/// Port for submission over TLS (RFC 8314 §7.3).
const PORT_SUBMISSIONS: u16 = 465;

/// How a connection starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// `smtp://`: in the clear, then [`StartTls`].
    Plain,
    /// `smtps://`: TLS from the first byte.
    Implicit,
}

/// Which server: `smtp://[user@]host[:port]` or `smtps://…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpUrl {
    /// From the scheme.
    pub security: Security,
    /// Login name, percent-decoded.
    pub user: Option<String>,
    /// Host name or address, without brackets.
    pub host: String,
    /// As given, otherwise 465 for `smtps`, 587 with a user and 25 without.
    pub port: u16,
}

/// Why a text is no [`SmtpUrl`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSmtpUrl {
    /// Neither `smtp://` nor `smtps://`.
    #[error("a mail server is written smtp://host or smtps://host")]
    Scheme,
    /// `user:password@`.
    #[error(
        "a password must not stand in the URL; keep `user@` and give the password as a file or credential"
    )]
    Password,
    /// `user` is empty or is not proper percent-encoding of UTF-8 without control characters.
    #[error("the user before the `@` is not readable; write `%40` for an `@` and `%25` for a `%`")]
    User,
    /// Empty, or not a host name or address.
    #[error("`{0}` is no host name")]
    Host(String),
    /// Not 1 to 65535.
    #[error("`{0}` is no port")]
    Port(String),
    /// A path, query or fragment.
    #[error("nothing may follow the host and port")]
    Trailing,
}

impl SmtpUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// Says what is wrong with it; no part of a password is in the error.
    pub fn parse(text: &str) -> Result<Self, InvalidSmtpUrl> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(InvalidSmtpUrl::Scheme)?;
        let security = match scheme.to_ascii_lowercase().as_str() {
            "smtp" => Security::Plain,
            "smtps" => Security::Implicit,
            _ => return Err(InvalidSmtpUrl::Scheme),
        };
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, _)) if user.contains(':') => return Err(InvalidSmtpUrl::Password),
            Some((user, rest)) => (Some(percent_decode(user).ok_or(InvalidSmtpUrl::User)?), rest),
            None => (None, rest),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err(InvalidSmtpUrl::Trailing);
        }
        let (host, port) = split_port(rest)?;
        let default = match (security, &user) {
            (Security::Implicit, _) => PORT_SUBMISSIONS,
            (Security::Plain, Some(_)) => PORT_SUBMISSION,
            (Security::Plain, None) => PORT_RELAY,
        };
        Ok(Self { security, user, host, port: port.unwrap_or(default) })
    }

    /// `host:port`, for messages.
    pub fn server(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for SmtpUrl {
    /// Without the user.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.security {
            Security::Plain => "smtp",
            Security::Implicit => "smtps",
        };
        write!(f, "{scheme}://{}", self.server())
    }
}

fn split_port(text: &str) -> Result<(String, Option<u16>), InvalidSmtpUrl> {
    let bad_host = || InvalidSmtpUrl::Host(text.to_owned());
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or_else(bad_host)?;
            host.parse::<Ipv6Addr>().map_err(|_| bad_host())?;
            (host, port)
        }
        None => {
            let (host, port) =
                text.split_at_checked(text.find(':').unwrap_or(text.len())).unwrap_or((text, ""));
            if !is_host_name(host) {
                return Err(bad_host());
            }
            (host, port)
        }
    };
    if port.is_empty() {
        return Ok((host.to_owned(), None));
    }
    let digits = port.strip_prefix(':').filter(|p| p.bytes().all(|b| b.is_ascii_digit()));
    match digits.and_then(|p| p.parse().ok()) {
        Some(0) | None => Err(InvalidSmtpUrl::Port(port.trim_start_matches(':').to_owned())),
        Some(port) => Ok((host.to_owned(), Some(port))),
    }
}

/// `None` for a bad escape, an empty result, bad UTF-8 or a control character.
fn percent_decode(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (hex, rest) = piece.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok().filter(|user| !user.is_empty() && !user.chars().any(char::is_control))
}

/// What to do about `STARTTLS` on an `smtp://` connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartTls {
    /// No TLS, no mail; the certificate must be valid.
    Required,
    /// TLS where the server offers it. Without a login any certificate will do, since the alternative would be
    /// plain text (RFC 7435 §3); with a login it must be valid.
    Opportunistic,
    /// Never.
    None,
}

impl StartTls {
    /// Required with a login, otherwise opportunistic.
    pub fn default_for(login: bool) -> Self {
        if login { Self::Required } else { Self::Opportunistic }
    }
}

/// Longest time for each phase of a dialogue. RFC 5321 §4.5.3.2 asks for five minutes at most commands; we wait
/// one, and try again later. Only the content has its ten minutes: giving up there risks a second copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Name look-up; and TCP connect, for each address. Default 30 s.
    pub connect: Duration,
    /// TLS handshake. Default 30 s.
    pub tls: Duration,
    /// The greeting, and each command up to `DATA`. Default 60 s.
    pub command: Duration,
    /// The message and the reply to its final dot. Default 10 min.
    pub content: Duration,
    /// `QUIT`. Default 5 s.
    pub quit: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            tls: Duration::from_secs(30),
            command: Duration::from_secs(60),
            content: Duration::from_secs(600),
            quit: Duration::from_secs(5),
        }
    }
}

/// Most addresses of a server that are tried in turn.
pub(super) const MAX_ADDRESSES: usize = 4;
/// Replies waited for at most in one send: greeting, EHLO twice, STARTTLS, AUTH in three steps, MAIL twice
/// (again after a stale connection), RCPT, DATA.
const MAX_REPLIES: u32 = 11;

impl Timeouts {
    /// Longest time one send can take: a claim on a mail must last longer.
    pub fn longest_send(&self) -> Duration {
        let connects = u32::try_from(MAX_ADDRESSES).unwrap_or(u32::MAX).saturating_add(1);
        let parts = [self.connect.saturating_mul(connects), self.command.saturating_mul(MAX_REPLIES)];
        parts.into_iter().chain([self.tls, self.content]).fold(Duration::ZERO, Duration::saturating_add)
    }
}

/// All an [`super::Smtp`] needs to know.
#[derive(Debug, Clone)]
pub struct SmtpOptions {
    /// Server. Its `user` is not looked at; see `login`.
    pub url: SmtpUrl,
    /// For `smtp://`.
    pub starttls: StartTls,
    /// User and password.
    pub login: Option<(String, Secret)>,
    /// Name for `EHLO`; `None` takes the machine's host name.
    pub hello: Option<String>,
    /// PEM certificates trusted beside those of the system.
    pub extra_ca: Option<Vec<u8>>,
    /// Time limits.
    pub timeouts: Timeouts,
}

impl SmtpOptions {
    /// Defaults for a server and a login.
    pub fn new(url: SmtpUrl, login: Option<(String, Secret)>) -> Self {
        let starttls = StartTls::default_for(login.is_some());
        Self { url, starttls, login, hello: None, extra_ca: None, timeouts: Timeouts::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_or_refused_with_the_reason() {
        use Security::*;
        let check = |text: &str, want: Result<(Security, Option<&str>, &str, u16), InvalidSmtpUrl>| {
            let url = SmtpUrl::parse(text);
            let got = url.as_ref().map(|u| (u.security, u.user.as_deref(), u.host.as_str(), u.port));
            assert_eq!(got, want.as_ref().map(|w| *w), "{text}");
        };
        check("smtp://mail.example.org", Ok((Plain, None, "mail.example.org", 25)));
        check("smtp://desk@mail.example.org", Ok((Plain, Some("desk"), "mail.example.org", 587)));
        check("smtps://mail.example.org/", Ok((Implicit, None, "mail.example.org", 465)));
        check("SMTPS://desk%40example.org@mail:2465", Ok((Implicit, Some("desk@example.org"), "mail", 2465)));
        check("smtp://desk@example.org@mail", Ok((Plain, Some("desk@example.org"), "mail", 587)));
        check("smtp://[::1]:2525", Ok((Plain, None, "::1", 2525)));
        check("smtp://127.0.0.1:65535", Ok((Plain, None, "127.0.0.1", 65535)));
        check("mail.example.org", Err(InvalidSmtpUrl::Scheme));
        check("http://mail.example.org", Err(InvalidSmtpUrl::Scheme));
        check("smtp://desk:hunter2@mail", Err(InvalidSmtpUrl::Password));
        check("smtp://desk:hunt@er2@mail", Err(InvalidSmtpUrl::Password));
        check("smtp://@mail", Err(InvalidSmtpUrl::User));
        check("smtp://a%4@mail", Err(InvalidSmtpUrl::User));
        check("smtp://a%0d%0a@mail", Err(InvalidSmtpUrl::User));
        check("smtp://", Err(InvalidSmtpUrl::Host(String::new())));
        check("smtp://a b", Err(InvalidSmtpUrl::Host("a b".to_owned())));
        check("smtp://[::1", Err(InvalidSmtpUrl::Host("[::1".to_owned())));
        check("smtp://mail:0", Err(InvalidSmtpUrl::Port("0".to_owned())));
        check("smtp://mail:65536", Err(InvalidSmtpUrl::Port("65536".to_owned())));
        check("smtp://mail:+25", Err(InvalidSmtpUrl::Port("+25".to_owned())));
        check("smtp://mail:", Err(InvalidSmtpUrl::Port(String::new())));
        check("smtp://mail/x", Err(InvalidSmtpUrl::Trailing));
        check("smtp://mail?tls=none", Err(InvalidSmtpUrl::Trailing));
    }

    #[test]
    fn printing_shows_neither_user_nor_password() {
        let url = SmtpUrl::parse("smtps://desk@[::1]").unwrap();
        assert_eq!(url.to_string(), "smtps://[::1]:465");
        let options = SmtpOptions::new(url, Some(("desk".to_owned(), Secret::new("hunter2"))));
        assert!(!format!("{options:?}").contains("hunter2"));
        let refused = SmtpUrl::parse("smtp://desk:hunter2@mail").unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("hunter2"));
    }

    #[test]
    fn tls_is_required_as_soon_as_there_is_a_login() {
        let url = || SmtpUrl::parse("smtp://mail").unwrap();
        assert_eq!(SmtpOptions::new(url(), None).starttls, StartTls::Opportunistic);
        let login = Some(("desk".to_owned(), Secret::new("x")));
        assert_eq!(SmtpOptions::new(url(), login).starttls, StartTls::Required);
    }

    #[test]
    fn the_longest_send_covers_every_phase() {
        assert_eq!(Timeouts::default().longest_send(), Duration::from_secs(5 * 30 + 11 * 60 + 30 + 600));
    }
}
