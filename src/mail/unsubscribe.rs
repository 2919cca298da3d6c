//! Leaving with one click: links that say who leaves what, signed so that nobody can make another's (RFC 8058).
//!
//! Data in: a subscription and a recipient; later the token of a link. Data out: the link; who leaves what.
//!
//! **Invariant:** a link is a function of key, subscription and recipient, so every attempt sends the same mail; it
//! serves this reader and this subscription only.
//! **Invariant:** a token is taken only with the right signature, compared in constant time.
//!
//! Rejected: a random token for each mail, kept in the store: the web server that takes the click would need it.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use url::Url;

use crate::model::{Recipient, Secret, SubscriptionName};

/// Fewest bytes of the key: as many as SHA-256 gives (RFC 2104 §3).
pub const MIN_KEY_BYTES: usize = 32;
/// Longest link, in bytes: with brackets and comma it stays within a line of 998 (RFC 5322 §2.1.1). A reader whose
/// link would be longer gets the mailto only.
pub const MAX_UNSUBSCRIBE_LINK: usize = 900;
/// Longest token read.
const MAX_TOKEN: usize = 2_000;
/// Begins what is signed, so that a signature can never serve another purpose.
const PURPOSE: &str = "wirewatch unsubscribe 1";

/// Makes and reads the links.
#[derive(Clone, PartialEq, Eq)]
pub struct OneClick {
    url: Url,
    key: Secret,
}

impl std::fmt::Debug for OneClick {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OneClick({})", self.url)
    }
}

/// Why an address or a key is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOneClick {
    /// RFC 8058 §3.1.
    #[error("it must begin with https:// and hold no user, no password and no #")]
    Address,
    /// Shorter than [`MIN_KEY_BYTES`].
    #[error("the key is shorter than {MIN_KEY_BYTES} bytes; make one with `openssl rand -hex 32`")]
    Key,
}

impl OneClick {
    /// Whether `url` can be the address that takes the clicks.
    ///
    /// # Errors
    /// [`InvalidOneClick::Address`].
    pub fn check(url: &Url) -> Result<(), InvalidOneClick> {
        let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        if url.scheme() == "https" && url.has_host() && plain {
            Ok(())
        } else {
            Err(InvalidOneClick::Address)
        }
    }

    /// Links to `url`, to which `token=…` is added, signed with `key`.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn new(url: Url, key: Secret) -> Result<Self, InvalidOneClick> {
        Self::check(&url)?;
        if key.reveal().len() < MIN_KEY_BYTES {
            return Err(InvalidOneClick::Key);
        }
        Ok(Self { url, key })
    }

    /// The link for one reader of one subscription; `None` when it would be longer than [`MAX_UNSUBSCRIBE_LINK`].
    pub fn link(&self, subscription: &SubscriptionName, to: &Recipient) -> Option<String> {
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("token", &self.token(subscription, to));
        let link = String::from(url);
        (link.len() <= MAX_UNSUBSCRIBE_LINK).then_some(link)
    }

    /// Who leaves what, if the token is one of ours.
    pub fn read(&self, token: &str) -> Option<(SubscriptionName, Recipient)> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let (said, signature) = token.split_once('.')?;
        let said = URL_SAFE_NO_PAD.decode(said).ok()?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        hmac::verify(&self.hmac_key(), &signed(&said), &signature).ok()?;
        let said = String::from_utf8(said).ok()?;
        let (to, subscription) = said.split_once('\n')?;
        Some((SubscriptionName::new(subscription), Recipient::parse(to).ok()?))
    }

    fn token(&self, subscription: &SubscriptionName, to: &Recipient) -> String {
        // An address holds no line end, so the first one ends it.
        let said = format!("{}\n{subscription}", to.address());
        let signature = hmac::sign(&self.hmac_key(), &signed(said.as_bytes()));
        format!("{}.{}", URL_SAFE_NO_PAD.encode(&said), URL_SAFE_NO_PAD.encode(signature))
    }

    fn hmac_key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.key.reveal().as_bytes())
    }
}

fn signed(said: &[u8]) -> Vec<u8> {
    [PURPOSE.as_bytes(), b"\n", said].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_click(key: &str) -> OneClick {
        OneClick::new("https://example.org/leave?a=1".parse().unwrap(), Secret::new(key)).unwrap()
    }

    fn reader(subscription: &str) -> (SubscriptionName, Recipient) {
        (SubscriptionName::new(subscription), Recipient::parse("desk@example.org").unwrap())
    }

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn token(link: &str) -> &str {
        link.strip_prefix("https://example.org/leave?a=1&token=").unwrap()
    }

    #[test]
    fn links_are_read_back_and_stay_the_same() {
        for name in ["harbour", "港口", "two\nlines", ""] {
            let (subscription, to) = reader(name);
            let link = one_click(KEY).link(&subscription, &to).unwrap();
            assert!(link.is_ascii());
            assert_eq!(one_click(KEY).link(&subscription, &to).as_ref(), Some(&link));
            assert_eq!(one_click(KEY).read(token(&link)), Some((subscription, to)), "{name:?}");
        }
    }

    #[test]
    fn nothing_else_is_taken() {
        let (subscription, to) = reader("harbour");
        let link = one_click(KEY).link(&subscription, &to).unwrap();
        let token = token(&link);
        assert_eq!(one_click(&KEY.replace('0', "1")).read(token), None, "another key");
        for i in 0..token.len() {
            let mut changed = token.to_owned().into_bytes();
            changed[i] = if changed[i] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            // The last character of base64 may carry bits that mean nothing; the decoder refuses those as well.
            assert_eq!(one_click(KEY).read(&changed), None, "{changed}");
        }
        for token in ["", ".", "a.b", token.split_once('.').unwrap().0, &"a".repeat(MAX_TOKEN + 1)] {
            assert_eq!(one_click(KEY).read(token), None);
        }
    }

    #[test]
    fn addresses_and_keys_are_checked() {
        let check = |url: &str, key: usize, want: Result<(), InvalidOneClick>| {
            let got = OneClick::new(url.parse().unwrap(), Secret::new(&"k".repeat(key)));
            assert_eq!(got.map(|_| ()), want, "{url}");
        };
        check("https://example.org/leave", MIN_KEY_BYTES, Ok(()));
        check("https://example.org/leave", MIN_KEY_BYTES - 1, Err(InvalidOneClick::Key));
        check("http://example.org/leave", MIN_KEY_BYTES, Err(InvalidOneClick::Address));
        check("https://me@example.org/", MIN_KEY_BYTES, Err(InvalidOneClick::Address));
        check("https://example.org/#a", MIN_KEY_BYTES, Err(InvalidOneClick::Address));
        check("mailto:a@example.org", MIN_KEY_BYTES, Err(InvalidOneClick::Address));
    }

    #[test]
    fn links_that_are_too_long_are_left_out_at_n_plus_1() {
        let to = Recipient::parse("desk@example.org").unwrap();
        let length = |n: usize| {
            let url: Url = format!("https://example.org/{}", "a".repeat(n)).parse().unwrap();
            let one_click = OneClick::new(url, Secret::new(KEY)).unwrap();
            one_click.link(&SubscriptionName::new("harbour"), &to).map(|link| link.len())
        };
        let spare = MAX_UNSUBSCRIBE_LINK - length(0).unwrap();
        assert_eq!(length(spare), Some(MAX_UNSUBSCRIBE_LINK));
        assert_eq!(length(spare + 1), None);
    }

    #[test]
    fn the_key_is_not_shown() {
        assert_eq!(format!("{:?}", one_click(KEY)), "OneClick(https://example.org/leave?a=1)");
    }
}
