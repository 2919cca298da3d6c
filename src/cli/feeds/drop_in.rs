//! Writing feeds into `conf.d` beside the configuration.
//!
//! Data in: feeds. Data out: a drop-in with a `[[feed]]` for each.
//!
//! **Invariant:** a drop-in is replaced whole or not at all, keeps what stood in it, and is put back as it was when the
//! configuration would be refused with it. Two commands at once wait for each other.
//!
//! Rejected: editing the main file, which belongs to the operator.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use url::Url;

use crate::{
    cli::{ConfigArg, Failure},
    config::{self, Config},
};

/// The service runs as a user of its own and must be able to read it, whatever the umask says.
const FILE_MODE: u32 = 0o644;
const FOLDER_MODE: u32 = 0o755;

/// A feed to write.
pub(super) struct Entry<'a> {
    pub(super) url: &'a Url,
    pub(super) title: Option<&'a str>,
    pub(super) interval: Option<Duration>,
}

/// Appends feeds to `conf.d/NAME`, which begins with the comment `heading` when it is new. Returns its path.
pub(super) fn append(
    arg: &ConfigArg,
    config: &Config,
    name: &str,
    heading: &str,
    entries: &[Entry<'_>],
) -> Result<PathBuf, Failure> {
    let folder = config.path.parent().unwrap_or(Path::new("")).join("conf.d");
    let cannot =
        |what: &str| format!("cannot {what} {}; is this user allowed to? try as root", folder.display());
    if !folder.exists() {
        fs::create_dir_all(&folder).with_context(|| cannot("create"))?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(FOLDER_MODE))?;
    }
    let lock = File::open(&folder).with_context(|| cannot("open"))?;
    lock.lock().with_context(|| cannot("lock"))?;
    let target = folder.join(name);
    // A link stays one: the file it leads to is replaced.
    let file = fs::canonicalize(&target).unwrap_or_else(|_| target.clone());
    let before = match fs::read_to_string(&file) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            return Err(anyhow::Error::new(error).context(format!("cannot read {}", file.display())).into());
        }
    };
    let mut text = match &before {
        Some(before) if before.is_empty() || before.ends_with('\n') => before.clone(),
        Some(before) => format!("{before}\n"),
        None => format!("# {heading}\n"),
    };
    for entry in entries {
        write_entry(&mut text, entry);
    }
    replace(&file, &text)?;
    if let Err(problem) = arg.load() {
        match &before {
            Some(before) => replace(&file, before)?,
            None => fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?,
        }
        return Err(problem);
    }
    Ok(target)
}

fn write_entry(text: &mut String, entry: &Entry<'_>) {
    // Writing into a string cannot fail.
    let _ = writeln!(text, "\n[[feed]]\nurl = {}", toml::Value::from(entry.url.as_str()));
    if let Some(title) = entry.title.map(title).filter(|title| !title.is_empty()) {
        let _ = writeln!(text, "title = {}", toml::Value::from(title));
    }
    if let Some(interval) = entry.interval {
        let _ = writeln!(text, "interval = {}", toml::Value::from(config::print_duration(interval)));
    }
}

/// A title as the configuration takes it.
pub(super) fn title(title: &str) -> String {
    let plain: String = title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.trim().chars().take(config::MAX_TITLE_CHARS).collect::<String>().trim_end().to_owned()
}

/// Writes beside `file` and renames, so that a reader sees the old text or the new one.
pub(super) fn replace(file: &Path, text: &str) -> anyhow::Result<()> {
    let folder = file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    // Hidden, and of another ending: the configuration leaves it alone.
    let aside = folder.join(format!(".{name}.{}.new", std::process::id()));
    let written = write(&aside, text).and_then(|()| fs::rename(&aside, file));
    if written.is_err() {
        let _ = fs::remove_file(&aside);
    }
    written
        .with_context(|| format!("cannot write {}; is this user allowed to? try as root", file.display()))?;
    File::open(folder)?.sync_all()?;
    Ok(())
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(fs::Permissions::from_mode(FILE_MODE))?;
    file.sync_all()
}
