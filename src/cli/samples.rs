//! `wirewatch mail sample`: made-up mails as files, to look at and to check.
//!
//! Data in: the kind wanted, a folder. Data out: for each sample the whole message (`.eml`) and its parts (`.html`,
//! `.txt`).

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::{ConfigArg, Outcome, output::say};
use crate::{
    mail::{self, Identity, OneClick, Sender},
    model::{NotificationId, NotificationKind, OutboundMail, Recipient, Secret},
    render::{self, Templates},
};

/// Who samples are from, and where their links lead.
const SENDER: &str = "Wirewatch <wirewatch@example.com>";
const HOST: &str = "example.com";
const UNSUBSCRIBE: &str = "https://news.example.com/unsubscribe";
const KEY: &str = "a key that is good for nothing but samples";

#[derive(Debug, Args)]
pub(super) struct SampleArgs {
    /// Configuration file whose templates are used; left out, those that come with the program
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only mails of this kind
    #[arg(long, value_enum)]
    kind: Option<KindArg>,
    /// Folder to write to; it is made if it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KindArg {
    /// One story, at once
    Alert,
    /// News of a story that was alerted before
    Update,
    /// Stories that were held back
    Rollup,
    /// Everything since the last digest
    Digest,
    /// For the operator
    Operator,
}

impl KindArg {
    fn kind(self) -> NotificationKind {
        match self {
            Self::Alert => NotificationKind::Alert,
            Self::Update => NotificationKind::Update,
            Self::Rollup => NotificationKind::RollUp,
            Self::Digest => NotificationKind::Digest,
            Self::Operator => NotificationKind::Operator,
        }
    }
}

pub(super) fn sample(args: &SampleArgs) -> Outcome {
    let templates = match &args.config {
        Some(file) => ConfigArg { config: Some(file.clone()) }.catalog_without_login()?.1.templates,
        None => Templates::builtin()?,
    };
    let out = &args.out;
    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let identity = identity()?;
    let wanted = args.kind.map(KindArg::kind);
    let cases =
        render::cases().into_iter().filter(|case| wanted.is_none_or(|kind| case.notification.kind == kind));
    let mut written = 0;
    for case in cases {
        let rendered = render::render(&case.notification, &templates)?;
        let mail = OutboundMail {
            id: NotificationId(format!("sample-{}", case.name)),
            kind: case.notification.kind,
            subscription: case.notification.subscription.clone(),
            to: case.notification.to.clone(),
            subject: rendered.subject,
            text: rendered.text,
            html: rendered.html,
            created_at: case.notification.at,
            in_reply_to: (case.notification.kind == NotificationKind::Update)
                .then(|| NotificationId("sample-alert".to_owned())),
        };
        write(out, &case.name, "eml", &mail::compose(&identity, &mail)?)?;
        write(out, &case.name, "html", mail.html.as_bytes())?;
        write(out, &case.name, "txt", mail.text.as_bytes())?;
        written += 1;
    }
    say!("{written} mails written to {}", out.display());
    Ok(ExitCode::SUCCESS)
}

fn identity() -> anyhow::Result<Identity> {
    let one_click = OneClick::new(UNSUBSCRIBE.parse()?, Secret::new(KEY))?;
    let operator = Recipient::parse("ops@example.com")?;
    Ok(Identity::new(Sender::parse(SENDER)?, HOST, Some(operator))?.with_one_click(Some(one_click)))
}

fn write(out: &Path, name: &str, ending: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let path = out.join(format!("{name}.{ending}"));
    fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
