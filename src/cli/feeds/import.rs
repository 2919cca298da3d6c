//! `wirewatch feeds import`

use std::{
    collections::HashSet,
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use url::Url;

use super::{
    address,
    drop_in::{self, Entry},
};
use crate::{
    cli::{
        ConfigArg, Failure, Outcome, check,
        output::{self, say},
    },
    config,
    feed::{
        self,
        opml::{self, Outline},
    },
};

#[derive(Debug, Args)]
pub(in crate::cli) struct ImportArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// OPML file, as other readers export it
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// Only say what would be taken over
    #[arg(long)]
    dry_run: bool,
}

/// Writes the feeds that are not configured yet into `conf.d/feeds-<name>.toml`.
pub(super) fn import(args: &ImportArgs) -> Outcome {
    let file = args.file.as_path();
    let (config, catalog, _) = args.config.catalog_without_login()?;
    let (outlines, warnings) = opml::read(&bytes_of(file)?).map_err(|error| unreadable(file, &error))?;
    for warning in &warnings {
        output::tell!("{}: {warning}", file.display());
    }
    let configured: HashSet<String> = config.feeds.iter().map(|feed| address::sameness(&feed.url)).collect();
    let mut taken = HashSet::new();
    let mut fresh: Vec<&Outline> = Vec::new();
    let mut old = 0_usize;
    for outline in &outlines {
        let same = address::sameness(&outline.url);
        if has_login(&outline.url) {
            let host = outline.url.host_str().unwrap_or_default();
            output::tell!(
                "{}: left out a feed of {host}: its address holds a user name or a password",
                file.display()
            );
        } else if configured.contains(&same) {
            old += 1;
        } else if !taken.insert(same) {
            output::tell!("{}: left out {}: the same feed is named before", file.display(), outline.url);
        } else {
            fresh.push(outline);
        }
    }
    say!("{} in {}, {old} of them already configured", output::count(outlines.len(), "feed"), file.display(),);
    for outline in &fresh {
        if let Some(warning) = check::refused(&catalog, &outline.url) {
            output::tell!("{warning}");
        }
    }
    if args.dry_run || fresh.is_empty() {
        for outline in &fresh {
            say!("new: {}", outline.url);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let entries: Vec<Entry<'_>> = fresh
        .iter()
        .map(|outline| Entry { url: &outline.url, title: outline.title.as_deref(), interval: None })
        .collect();
    let heading = format!(
        "Feeds of {}, taken over by `wirewatch feeds import`.",
        drop_in::title(&file.display().to_string())
    );
    let target = drop_in::append(&args.config, &config, &name_of(file), &heading, &entries)?;
    let written = output::count(fresh.len(), "feed");
    say!(
        "{written} written to {}\nto poll them, reload the service: systemctl reload wirewatch",
        target.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// In words that fit a file: the errors are those of feeds.
fn unreadable(file: &Path, error: &feed::Error) -> Failure {
    let what = match error {
        feed::Error::NotAFeed { what, .. } => (*what).to_owned(),
        feed::Error::Empty => "an empty file, not an OPML document".to_owned(),
        other => other.to_string(),
    };
    anyhow::anyhow!(
        "{}: {what}\n  = help: export the feeds of your reader as OPML, and name that file",
        file.display()
    )
    .into()
}

fn has_login(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn bytes_of(file: &Path) -> anyhow::Result<Vec<u8>> {
    let cannot = || format!("cannot read {}", file.display());
    let most = u64::try_from(config::MAX_FILE_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let open = fs::File::open(file).with_context(cannot)?;
    open.take(most.saturating_add(1)).read_to_end(&mut bytes).with_context(cannot)?;
    if bytes.len() > config::MAX_FILE_BYTES {
        anyhow::bail!("{} is longer than {} MiB; split it", file.display(), most >> 20);
    }
    Ok(bytes)
}

fn name_of(file: &Path) -> String {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or("opml");
    let name: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("feeds-{name}.toml")
}
