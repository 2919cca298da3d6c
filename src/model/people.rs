//! Addresses and secrets: types that keep themselves out of logs.

use std::fmt;

/// A mail address. `Display` and `Debug` show it masked; [`Recipient::address`] gives it whole.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Recipient(String);

/// Why a text is no usable address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecipient {
    /// No `@`, or nothing before or after it.
    #[error("a mail address needs the form name@host")]
    Form,
    /// A control character, blank, quote, bracket, comma or other character that needs quoting.
    #[error("`{0}` cannot stand in a mail address here")]
    Character(char),
    /// Longer than RFC 5321 §4.5.3.1 allows: 64 octets before the `@`, 255 after it.
    #[error("the address is longer than mail servers accept")]
    Length,
    /// Letters outside ASCII before the `@` need SMTPUTF8, which we do not speak.
    #[error("letters outside ASCII need a server with SMTPUTF8; write the address in ASCII")]
    NonAscii,
}

/// Octets before the `@` (RFC 5321 §4.5.3.1.1).
pub(crate) const MAX_LOCAL_PART: usize = 64;
/// Octets after the `@` (RFC 5321 §4.5.3.1.2).
pub(crate) const MAX_DOMAIN: usize = 255;

impl Recipient {
    /// Takes a bare address such as `desk@example.com`.
    ///
    /// # Errors
    /// Says what is wrong with it; quoted local parts, comments and address literals are refused.
    pub fn parse(address: &str) -> Result<Self, InvalidRecipient> {
        let (local, domain) = address.rsplit_once('@').ok_or(InvalidRecipient::Form)?;
        if local.is_empty() || domain.is_empty() || domain.starts_with('.') || domain.ends_with('.') {
            return Err(InvalidRecipient::Form);
        }
        if local.starts_with('.') || local.ends_with('.') || address.contains("..") {
            return Err(InvalidRecipient::Form);
        }
        if !address.is_ascii() {
            return Err(InvalidRecipient::NonAscii);
        }
        if local.len() > MAX_LOCAL_PART || domain.len() > MAX_DOMAIN {
            return Err(InvalidRecipient::Length);
        }
        let local_ok = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
        let domain_ok = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        match local.chars().find(|c| !local_ok(*c)).or_else(|| domain.chars().find(|c| !domain_ok(*c))) {
            Some(c) => Err(InvalidRecipient::Character(c)),
            None => Ok(Self(address.to_owned())),
        }
    }

    /// The whole address, for the envelope and the `To` header only.
    pub fn address(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (local, domain) = self.0.rsplit_once('@').unwrap_or(("", &self.0));
        let first = local.chars().next().unwrap_or('*');
        write!(f, "{first}***@{domain}")
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({self})")
    }
}

/// A password or token. It has no `Display`, and `Debug` shows no part of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret; one final line end is dropped, as files and credentials carry one.
    pub fn new(text: &str) -> Self {
        let text = text.strip_suffix('\n').unwrap_or(text);
        Self(text.strip_suffix('\r').unwrap_or(text).to_owned())
    }

    /// The secret itself, for the login dialogue only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_or_refused_with_the_reason() {
        let check = |text: &str, want: Result<(), InvalidRecipient>| {
            assert_eq!(Recipient::parse(text).map(|_| ()), want, "{text}");
        };
        check("desk@example.com", Ok(()));
        check("a.b+c@mail.example.co.uk", Ok(()));
        check("ops@localhost", Ok(()));
        check("desk", Err(InvalidRecipient::Form));
        check("@example.com", Err(InvalidRecipient::Form));
        check("a@", Err(InvalidRecipient::Form));
        check("a..b@example.com", Err(InvalidRecipient::Form));
        check("a b@example.com", Err(InvalidRecipient::Character(' ')));
        check("a\r\nBcc:x@example.com", Err(InvalidRecipient::Character('\r')));
        check("Team: a@example.com", Err(InvalidRecipient::Character(':')));
        check("jörg@example.com", Err(InvalidRecipient::NonAscii));
    }

    #[test]
    fn length_limits_hold_at_n_and_n_plus_1() {
        let local = |n: usize| format!("{}@example.com", "a".repeat(n));
        assert!(Recipient::parse(&local(MAX_LOCAL_PART)).is_ok());
        assert_eq!(Recipient::parse(&local(MAX_LOCAL_PART + 1)), Err(InvalidRecipient::Length));
        let domain = |n: usize| format!("a@{}", "d".repeat(n));
        assert!(Recipient::parse(&domain(MAX_DOMAIN)).is_ok());
        assert_eq!(Recipient::parse(&domain(MAX_DOMAIN + 1)), Err(InvalidRecipient::Length));
    }

    #[test]
    fn what_is_printed_hides_the_person_and_the_secret() {
        let desk = Recipient::parse("desk@example.com").unwrap();
        assert_eq!(format!("{desk} {desk:?}"), "d***@example.com Recipient(d***@example.com)");
        let secret = Secret::new("hunter2\n");
        assert_eq!(secret.reveal(), "hunter2");
        assert!(!format!("{secret:?}").contains("hunter"));
    }
}
