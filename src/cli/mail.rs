//! `wirewatch mail`: a test mail; the other commands have files of their own.

use std::process::ExitCode;

use anyhow::Context;

use super::{ConfigArg, MailCommand, Outcome, output::say, samples, templates};
use crate::{
    clock::Clock,
    model::{Notification, NotificationId, NotificationKind, OutboundMail, Recipient, SubscriptionName},
    render,
};

pub(super) async fn mail(command: &MailCommand) -> Outcome {
    match command {
        MailCommand::Test { config, to } => test(config, to.as_deref()).await,
        MailCommand::Templates(args) => templates::templates(args),
        MailCommand::Sample(args) => samples::sample(args),
    }
}

async fn test(config: &ConfigArg, to: Option<&str>) -> Outcome {
    let (loaded, catalog) = config.catalog()?;
    let to = match to {
        Some(address) => Recipient::parse(address).with_context(|| format!("`{address}`"))?,
        None => loaded
            .mail
            .operator
            .first()
            .context("name a recipient with --to, or an operator under [mail] operator")?
            .clone(),
    };
    let now = Clock::system().now();
    let notification = Notification {
        to: to.clone(),
        at: now,
        notices: vec!["This is a test. Alerts and digests travel the same way.".to_owned()],
        ..render::sample(NotificationKind::Operator)
    };
    let rendered = render::render(&notification, &catalog.templates)?;
    let mail = OutboundMail {
        id: NotificationId(format!("test{}", now.as_millisecond())),
        kind: NotificationKind::Operator,
        subscription: SubscriptionName::new("test"),
        to: to.clone(),
        subject: "wirewatch test mail".to_owned(),
        text: rendered.text,
        html: rendered.html,
        created_at: now,
        in_reply_to: None,
    };
    say!("{}", catalog.transport);
    let mut transport = catalog.transport.open();
    let sent = transport.send(&mail).await;
    transport.finish().await;
    let accepted = sent.with_context(|| format!("the mail to {} was not handed over", to.address()))?;
    say!("handed over to {}: {}", to.address(), accepted.reply);
    Ok(ExitCode::SUCCESS)
}
