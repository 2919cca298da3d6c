//! From a bulletin to a mail to each operator.
//!
//! Data in: a [`Bulletin`] and what makes its mails unique. Data out: mails for the outbox.
//!
//! **Invariant:** a mail goes out even when the operators' own templates fail on it.

use xxhash_rust::xxh3::xxh3_64;

use super::{super::Catalog, SUBSCRIPTION};
use crate::{
    model::{Additions, Bulletin, Notification, NotificationKind, Recipient, SubscriptionName, Timestamp},
    render::{self, Rendered},
    store::{MailThread, NewMail},
};

/// A mail to each operator; `what` tells apart those that both may be sent. Those that cannot be rendered are left out,
/// which is logged.
pub(super) fn letters(catalog: &Catalog, now: Timestamp, what: &str, bulletin: &Bulletin) -> Vec<NewMail> {
    let mail = |to: &Recipient| {
        let rendered = letter(catalog, now, to, bulletin)?;
        let reader = xxh3_64(to.address().as_bytes());
        Some(NewMail {
            key: format!("operator/{reader:016x}/{what}"),
            kind: NotificationKind::Operator,
            subscription: SubscriptionName::new(SUBSCRIPTION),
            recipient: to.clone(),
            subject: rendered.subject,
            text: rendered.text,
            html: rendered.html,
            stories: Vec::new(),
            window_end: None,
            settles: Vec::new(),
            thread: MailThread::default(),
        })
    };
    catalog.operator.iter().filter_map(mail).collect()
}

/// One bulletin as one operator gets it.
pub(in crate::daemon) fn letter(
    catalog: &Catalog,
    now: Timestamp,
    to: &Recipient,
    bulletin: &Bulletin,
) -> Option<Rendered> {
    let notification = Notification {
        key: String::new(),
        kind: NotificationKind::Operator,
        subscription: SubscriptionName::new(SUBSCRIPTION),
        to: to.clone(),
        zone: catalog.duties.zone.clone(),
        at: now,
        stories: Vec::new(),
        topics: Vec::new(),
        window: None,
        coverage: None,
        notices: bulletin.flat(),
        settles: Vec::new(),
        additions: Additions { bulletin: Some(bulletin.clone()), ..Additions::default() },
    };
    match render::render_in_any_case(&notification, &catalog.templates) {
        Ok((rendered, failed)) => {
            if let Some(error) = failed {
                tracing::error!(
                    "a notice looks as the program's own templates make it, since yours failed: {error}"
                );
            }
            Some(rendered)
        }
        Err(error) => {
            tracing::error!("the notice to the operator could not be rendered and is tried again: {error}");
            None
        }
    }
}
