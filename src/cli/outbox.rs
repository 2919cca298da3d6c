//! `wirewatch outbox list`

use std::process::ExitCode;

use serde::Serialize;

use super::{OutboxCommand, Outcome, StateArg, output};
use crate::{
    clock::Clock,
    model::{MailState, OutboxReport},
};

#[derive(Debug, Serialize)]
struct MailRow {
    id: String,
    kind: &'static str,
    state: &'static str,
    to: String,
    subject: String,
    attempts: u32,
    created_at: Option<String>,
    next_attempt_at: Option<String>,
    sent_at: Option<String>,
    note: Option<String>,
}

pub(super) async fn outbox(command: &OutboxCommand) -> Outcome {
    let OutboxCommand::List { list, state, limit } = command;
    let (_, store) = list.config.open()?;
    let state = state.map(|state| match state {
        StateArg::Queued => MailState::Queued,
        StateArg::Leased => MailState::Leased,
        StateArg::Sent => MailState::Sent,
        StateArg::Dead => MailState::Dead,
    });
    let mails = store.outbox(state, *limit).await?;
    if list.json {
        output::json(&mails.into_iter().map(row).collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let now = Clock::system().now();
    let rows = mails
        .into_iter()
        .map(|mail| {
            let when = match mail.state {
                MailState::Queued | MailState::Leased => output::ahead(now, mail.next_attempt_at),
                MailState::Sent => output::ago(now, mail.sent_at),
                MailState::Dead => output::ago(now, Some(mail.created_at)),
            };
            let note = match mail.state {
                MailState::Sent => String::new(),
                _ => mail.note.clone().unwrap_or_default(),
            };
            vec![
                mail.state.as_str().to_owned(),
                when,
                mail.kind.to_owned(),
                mail.to.address().to_owned(),
                mail.attempts.to_string(),
                mail.subject,
                note,
            ]
        })
        .collect();
    output::table(&["state", "when", "kind", "to", "attempts", "subject", "note"], rows)?;
    Ok(ExitCode::SUCCESS)
}

fn row(mail: OutboxReport) -> MailRow {
    MailRow {
        id: mail.id.0,
        kind: mail.kind,
        state: mail.state.as_str(),
        to: mail.to.address().to_owned(),
        subject: mail.subject,
        attempts: mail.attempts,
        created_at: output::instant(Some(mail.created_at)),
        next_attempt_at: output::instant(mail.next_attempt_at),
        sent_at: output::instant(mail.sent_at),
        note: mail.note,
    }
}
