//! A configuration as a whole: broken ones, the example, drop-ins, limits and secrets.

mod broken;
mod delivering;
mod limits;
mod operating;
mod visits;
mod whole;

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use url::Url;

use super::{Config, Diagnostics, Environment, Outlines, load};

/// A folder with a configuration in it.
struct Fixture {
    folder: TempDir,
    environment: Environment,
}

impl Fixture {
    fn new(main: &str) -> Self {
        let fixture = Self { folder: tempfile::tempdir().unwrap(), environment: Environment::of([]) };
        fixture.with("wirewatch.toml", main)
    }

    fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    fn env<const N: usize>(mut self, variables: [(&str, &str); N]) -> Self {
        self.environment = Environment::of(variables);
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn load(&self) -> Result<Config, Diagnostics> {
        load(&self.path("wirewatch.toml"), &self.environment, &one_feed_a_line)
    }
}

/// Stands for OPML: a feed a line, `URL TITLE`; `!` begins a warning; no UTF-8 is no outline.
fn one_feed_a_line(bytes: &[u8]) -> Result<Outlines, String> {
    let mut outlines = Outlines::default();
    for line in std::str::from_utf8(bytes).map_err(|_| "not text".to_owned())?.lines() {
        match (line.strip_prefix('!'), line.split_once(' ')) {
            (Some(warning), _) => outlines.warnings.push(warning.to_owned()),
            (None, Some((url, title))) => {
                outlines.feeds.push((Url::parse(url).unwrap(), Some(title.to_owned())))
            }
            (None, None) => outlines.feeds.push((Url::parse(line).unwrap(), None)),
        }
    }
    Ok(outlines)
}

/// The findings as `FILE LINE:COLUMN what | remedy`, the folder left out of all of it.
fn told(found: &Diagnostics, folder: &Path) -> Vec<String> {
    let folder = format!("{}/", folder.display());
    found
        .entries
        .iter()
        .map(|d| {
            let file = d.place.file().display().to_string();
            let at = d.place.position().map_or_else(String::new, |p| format!(" {}:{}", p.line, p.column));
            format!("{file}{at} {} | {}", d.what, d.remedy).replace(&folder, "")
        })
        .collect()
}
