//! `wirewatch feeds export`
//!
//! Data in: the feeds of the configuration, the store for the names that publishers give them. Data out: OPML 2.0.
//!
//! **Invariant:** `feeds import` reads back what was written. Credentials are no part of it; an address that holds a
//! token is exported as it is, since it is no address without, and that is told.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use url::Url;

use super::{drop_in, list};
use crate::{
    cli::{ConfigArg, Outcome, output},
    feed::opml::{self, Outline},
    store::Store,
};

/// Names of query parameters that carry secrets.
const SECRET: [&str; 12] = [
    "token",
    "access_token",
    "auth",
    "key",
    "apikey",
    "api_key",
    "api-key",
    "secret",
    "password",
    "passwd",
    "sig",
    "signature",
];

#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// File to write; it must not exist [default: standard output]
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
}

pub(super) async fn export(args: &ExportArgs) -> Outcome {
    let config = args.config.load()?;
    let mut names: HashMap<String, String> = HashMap::new();
    // Without a store the feeds have the names of the configuration.
    if let Ok(store) = Store::open_read_only(&config.state.dir) {
        for report in store.feeds(list::MAX_FEEDS).await? {
            names.extend(report.title.map(|title| (report.url, title)));
        }
    }
    let outlines: Vec<Outline> = config
        .feeds
        .iter()
        .map(|spec| Outline {
            url: spec.url.clone(),
            title: spec.title.clone().or_else(|| names.remove(spec.url.as_str())),
        })
        .collect();
    let secrets = outlines.iter().filter(|outline| holds_secret(&outline.url)).count();
    if secrets > 0 {
        let feeds = output::count(secrets, "address");
        output::tell!("wirewatch: {feeds} may hold a token; do not hand the list to others as it is");
    }
    let text = opml::write("Feeds of wirewatch", &outlines);
    match args.file.as_deref().filter(|file| *file != Path::new("-")) {
        None => output::say_line(format_args!("{}", text.trim_end())),
        Some(file) => {
            if file.exists() {
                return Err(anyhow::anyhow!("{} exists already; name a new file", file.display()).into());
            }
            drop_in::replace(file, &text)?;
            let feeds = output::count(outlines.len(), "feed");
            output::tell!("{feeds} written to {}", file.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn holds_secret(url: &Url) -> bool {
    url.query_pairs().any(|(name, _)| SECRET.contains(&name.to_ascii_lowercase().as_str()))
}
