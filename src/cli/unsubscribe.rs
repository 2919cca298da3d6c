//! `wirewatch unsubscribe`: what the operator's web server runs when a reader leaves with one click (RFC 8058).
//!
//! Data in: the token of a link in a mail's `List-Unsubscribe`. Data out: a mail to the operators, who take the address
//! out of the subscription.
//!
//! **Invariant:** nothing is done for a token that this installation did not sign.
//!
//! Rejected: to take the reader out at once. Who gets what stands in the operator's configuration and nowhere else; a
//! second list in the store would make the two disagree. The operator has two days (the mail providers' rule).

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use xxhash_rust::xxh3::xxh3_64;

use super::{ConfigArg, Outcome, output::say};
use crate::{
    clock::Clock,
    daemon::TransportSpec,
    model::{Additions, Notification, NotificationId, NotificationKind, OutboundMail, SubscriptionName},
    render,
};

#[derive(Debug, Args)]
pub(super) struct UnsubscribeArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The value of `token` in the address that was asked for
    #[arg(long, value_name = "TOKEN")]
    token: String,
}

pub(super) async fn unsubscribe(args: &UnsubscribeArgs) -> Outcome {
    let (loaded, catalog) = args.config.catalog()?;
    let identity = match &catalog.transport {
        TransportSpec::Maildir(_, identity) | TransportSpec::Smtp(_, identity) => Some(identity),
        TransportSpec::Memory(_) => None,
    };
    let one_click = identity
        .and_then(|identity| identity.one_click())
        .context("add unsubscribe = { url = …, key = … } to [mail]: no link was signed without")?;
    let (subscription, reader) =
        one_click.read(&args.token).context("the token is none of ours: nobody is taken off a list")?;
    let operators = &loaded.mail.operator;
    let to = operators.first().context("name an operator under [mail] operator, who takes the reader off")?;
    let now = Clock::system().now();
    let asked = format!(
        "{} asks to leave the subscription {subscription}: take the address out of its `to` within two days, and reload",
        reader.address()
    );
    let rendered = render::render_in_any_case(
        &Notification {
            to: to.clone(),
            at: now,
            zone: jiff::tz::TimeZone::UTC,
            notices: vec![asked],
            additions: Additions::default(),
            ..render::sample(NotificationKind::Operator)
        },
        &catalog.templates,
    )?
    .0;
    let mut transport = catalog.transport.open();
    for operator in operators {
        let reader_and_operator = [args.token.as_bytes(), operator.address().as_bytes()].concat();
        let mail = OutboundMail {
            id: NotificationId(format!(
                "leave{:016x}{}",
                xxh3_64(&reader_and_operator),
                now.as_millisecond()
            )),
            kind: NotificationKind::Operator,
            subscription: SubscriptionName::new("operator"),
            to: operator.clone(),
            subject: format!("[wirewatch] {} leaves {subscription}", reader.address()),
            text: rendered.text.clone(),
            html: rendered.html.clone(),
            created_at: now,
            in_reply_to: None,
        };
        transport
            .send(&mail)
            .await
            .with_context(|| format!("the mail to {} was not handed over", operator.address()))?;
    }
    transport.finish().await;
    say!("{} leaves {subscription}: the operator was told", reader.address());
    Ok(ExitCode::SUCCESS)
}
