//! `wirewatch mail`: a test mail, and the canary; the other commands have files of their own.

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use serde::Serialize;

use super::{
    ConfigArg, ListArgs, MailCommand, Outcome,
    output::{self, say},
    samples, templates,
};
use crate::{
    clock::Clock,
    config::Config,
    daemon::canary::{self, Song},
    model::{
        Additions, Notification, NotificationId, NotificationKind, OutboundMail, Recipient, SubscriptionName,
    },
    render,
};

pub(super) async fn mail(command: &MailCommand) -> Outcome {
    match command {
        MailCommand::Test { config, to } => test(config, to.as_deref()).await,
        MailCommand::Canary { list, to } => sing(list, to.as_deref()).await,
        MailCommand::Templates(args) => templates::templates(args),
        MailCommand::Sample(args) => samples::sample(args),
    }
}

async fn test(config: &ConfigArg, to: Option<&str>) -> Outcome {
    let (loaded, catalog) = config.catalog()?;
    let to = recipient(&loaded, to)?;
    let now = Clock::system().now();
    let notification = Notification {
        to: to.clone(),
        at: now,
        notices: vec!["This is a test. Alerts and digests travel the same way.".to_owned()],
        additions: Additions::default(),
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

/// Who was named, or the first operator.
fn recipient(loaded: &Config, to: Option<&str>) -> anyhow::Result<Recipient> {
    match to {
        Some(address) => Recipient::parse(address).with_context(|| format!("`{address}`")),
        None => {
            let first = loaded.mail.operator.first();
            first.cloned().context("name a recipient with --to, or an operator under [mail] operator")
        }
    }
}

#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    steps: Vec<StepReport>,
    total_us: u64,
    /// The step that failed.
    failed: Option<&'static str>,
    reason: Option<String>,
    reply: Option<String>,
}

#[derive(Debug, Serialize)]
struct StepReport {
    step: &'static str,
    took_us: u64,
}

impl Report {
    fn of(song: Song) -> Self {
        let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        let steps = song
            .steps
            .iter()
            .map(|step| StepReport { step: step.stage.as_str(), took_us: micros(step.took) });
        Self {
            ok: song.failed.is_none(),
            steps: steps.collect(),
            total_us: micros(song.total),
            failed: song.failed.as_ref().map(|failed| failed.stage.as_str()),
            reason: song.failed.map(|failed| failed.reason),
            reply: song.reply,
        }
    }
}

/// Exits with 1 when it does not come through.
async fn sing(list: &ListArgs, to: Option<&str>) -> Outcome {
    let (loaded, catalog) = list.config.catalog()?;
    let to = recipient(&loaded, to)?;
    let report = Report::of(canary::sing(&catalog, &Clock::system(), &to).await);
    if list.json {
        output::json(&report)?;
    } else {
        let millis = |us: u64| format!("{}.{} ms", us / 1_000, us % 1_000 / 100);
        let mut rows: Vec<Vec<String>> =
            report.steps.iter().map(|step| vec![step.step.to_owned(), millis(step.took_us)]).collect();
        rows.push(vec!["in all".to_owned(), millis(report.total_us)]);
        output::table(&["step", "took"], rows)?;
        match (&report.failed, &report.reason, &report.reply) {
            (Some(step), Some(why), _) => say!("FAILED at {step}: {why}"),
            (_, _, Some(reply)) => say!("handed over to {}: {reply}", to.address()),
            _ => {}
        }
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
