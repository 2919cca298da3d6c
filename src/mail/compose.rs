//! One rendered mail as a complete RFC 5322 message.
//!
//! Data in: [`Identity`] and [`OutboundMail`]. Data out: bytes with CRLF line ends, ASCII only, no line longer
//! than 78 octets but for addresses (998 at most, RFC 5322 §2.1.1), `multipart/alternative` of text and HTML.
//!
//! **Invariant:** the same input gives the same bytes: `Date` is the mail's creation, the boundary is made of
//! its id.
//! **Invariant:** bodies are quoted-printable or base64, so no text of a feed can reach the SMTP dialogue as a
//! bare line end or a lone dot (RUSTSEC-2026-0561 is about raw bodies).
//! **Invariant:** no text of a feed or a name can add a header.
//!
//! Rejected: handing texts to lettre unencoded and letting it choose; it takes 7bit for plain ASCII.

use std::time::{Duration, SystemTime};

use lettre::{
    Address, Message,
    message::{
        Body, Mailbox, MultiPart, MultiPartKind, SinglePart,
        header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
    },
};

use super::{
    Error, Identity,
    header::{label, mailto_escape, phrase, subject},
};
use crate::model::{NotificationId, NotificationKind, OutboundMail, Timestamp};

/// Most bytes of the text and of the HTML, each. Servers commonly take 10 MB in all, and base64 adds a third.
pub const MAX_BODY: usize = 3 * 1024 * 1024;
/// Most characters of a notification id, so that the boundary made of it fits into 70 (RFC 2046 §5.1.1).
pub const MAX_ID: usize = 48;

/// Writes the mail as a message.
///
/// # Errors
/// [`Error::Message`] for an id that is empty, longer than [`MAX_ID`] or not of `0-9 a-z A-Z -`; for a body of
/// more than [`MAX_BODY`] bytes; and for an address that lettre does not take.
pub fn compose(identity: &Identity, mail: &OutboundMail) -> Result<Vec<u8>, Error> {
    let id = checked_id(&mail.id)?;
    if mail.text.len() > MAX_BODY || mail.html.len() > MAX_BODY {
        return Err(Error::Message("the body is too long"));
    }
    let name = mail.subscription.as_str();
    let label = label(name);
    let host = identity.host();
    let phrase = phrase("List-Id: ".len(), &format!("wirewatch {name}"));
    // The builder's own kind and boundary come first and `Content-Type` is never set on the message: lettre
    // would write it beside the one of the multipart.
    let bodies = MultiPart::builder()
        .kind(MultiPartKind::Alternative)
        // `=_` cannot occur in quoted-printable or base64 (RFC 2045 §6.7).
        .boundary(format!("=_wirewatch_{id}"))
        .singlepart(part(ContentType::TEXT_PLAIN, &mail.text))
        .singlepart(part(ContentType::TEXT_HTML, &mail.html));
    let leave = leave(identity, mail, &label);
    let mut builder = Message::builder();
    if let Some(first) = &mail.in_reply_to {
        // Every update answers the first mail, so both name it alone (RFC 5322 §3.6.4).
        let first = format!("<{}@{host}>", checked_id(first)?);
        builder = builder.in_reply_to(first.clone()).references(first);
    }
    let message = builder
        .date(date(mail.created_at))
        .from(Mailbox::new(
            identity.from().name().map(str::to_owned),
            address(identity.from().address().address())?,
        ))
        .to(Mailbox::new(None, address(mail.to.address())?))
        .message_id(Some(format!("<{id}@{host}>")))
        .raw_header(raw("Subject", subject(&mail.subject)))
        .raw_header(raw("List-Id", format!("{phrase}\r\n <{label}.wirewatch.{host}>")))
        .raw_header(raw("List-Unsubscribe", leave.addresses))
        // RFC 3834 §5; the second is what Exchange looks at.
        .raw_header(raw("Auto-Submitted", "auto-generated".to_owned()))
        .raw_header(raw("X-Auto-Response-Suppress", "All".to_owned()))
        .raw_header(raw("X-Wirewatch-Kind", mail.kind.as_str().to_owned()));
    let message = match leave.one_click {
        true => message.raw_header(raw("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned())),
        false => message,
    };
    let message = message.multipart(bodies).map_err(|_| Error::Message("sender or recipient is missing"))?;
    Ok(message.formatted())
}

/// The id, known to be fit for a Message-ID, a boundary and a file name.
pub(super) fn checked_id(id: &NotificationId) -> Result<&str, Error> {
    let id = id.0.as_str();
    let fit = (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fit { Ok(id) } else { Err(Error::Message("its id is not fit for a Message-ID")) }
}

/// How a reader can leave.
struct Leave {
    /// The value of `List-Unsubscribe`.
    addresses: String,
    /// Whether one click suffices (RFC 8058).
    one_click: bool,
}

/// A mail to the operator always; the address on the web first where there is one, since programs take the first
/// they understand (RFC 2369 §3). Mails to the operator have none: nobody else could read them.
fn leave(identity: &Identity, mail: &OutboundMail, label: &str) -> Leave {
    let mailto =
        format!("<mailto:{}?subject=unsubscribe%20{label}>", mailto_escape(identity.operator().address()));
    let link = identity
        .one_click()
        .filter(|_| mail.kind != NotificationKind::Operator)
        .and_then(|one_click| one_click.link(&mail.subscription, &mail.to));
    match link {
        Some(link) => Leave { addresses: format!("<{link}>,\r\n {mailto}"), one_click: true },
        None => Leave { addresses: mailto, one_click: false },
    }
}

/// An address as lettre wants it.
pub(super) fn address(address: &str) -> Result<Address, Error> {
    address.parse().map_err(|_| Error::Message("an address is not fit for a mail"))
}

/// A header whose value is ASCII and folded already.
fn raw(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(name), value.clone(), value)
}

fn date(at: Timestamp) -> SystemTime {
    // lettre's date format panics before 1970 and after 9999, where a Timestamp ends as well.
    let seconds = u64::try_from(at.as_second()).unwrap_or(0);
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn part(kind: ContentType, text: &str) -> SinglePart {
    let text = with_crlf(text);
    let wide = text.bytes().filter(|b| !b.is_ascii()).count();
    // Quoted-printable takes 3 octets for a wide byte, base64 4/3 for any: even at one wide byte in six.
    let encoding = match wide.saturating_mul(6) > text.len() {
        true => ContentTransferEncoding::Base64,
        false => ContentTransferEncoding::QuotedPrintable,
    };
    let builder = SinglePart::builder().content_type(kind);
    // These two encodings take any text; the other arm is for lettre's signature only.
    match Body::new_with_encoding(text.into_bytes(), encoding) {
        Ok(body) => builder.body(body),
        Err(bytes) => builder.body(Body::new(bytes)),
    }
}

/// Every line end as CRLF, one at the end; no other control characters than tabs (a terminal mail reader would
/// obey them).
fn with_crlf(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(64));
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' | '\n' => out.push_str("\r\n"),
            c if c.is_control() && c != '\t' => {}
            c => out.push(c),
        }
    }
    if !out.is_empty() && !out.ends_with('\n') {
        out.push_str("\r\n");
    }
    out
}

#[cfg(test)]
mod tests;
