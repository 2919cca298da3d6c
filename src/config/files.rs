//! Finds and reads the configuration files: the main one, then `conf.d/*.toml` beside it in order of name.
//!
//! Data in: the path of the main file. Data out: [`Source`]s in the order in which they apply; what cannot be
//! read is reported and left out.
//!
//! **Invariant:** a file that is there and cannot be read is an error, never skipped.
//!
//! Rejected: a `conf.d` named by a key, which cannot be found when the main file has a fault.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    diagnostic::Report,
    source::{Place, Source, Text},
};

/// Longest configuration file and OPML file read, in bytes.
pub const MAX_FILE_BYTES: usize = 8 << 20;
/// Files taken from `conf.d`.
pub const MAX_DROP_INS: usize = 1_000;

/// The readable files, the main file first. Empty when the main file cannot be read: then that alone is
/// reported.
pub(super) fn read_all(main: &Path, report: &Report) -> Vec<Arc<Source>> {
    let Some(first) = read_main(main, report) else { return Vec::new() };
    let mut sources = vec![first];
    for path in drop_ins(&folder_of(main).join("conf.d"), report) {
        let order = sources.len();
        sources.extend(read_source(&path, order, "repair or remove it", report));
    }
    sources
}

fn read_main(path: &Path, report: &Report) -> Option<Arc<Source>> {
    let remedy = match path.try_exists() {
        Ok(false) => "copy the example wirewatch.toml there and edit it, or name another file with --config",
        _ => "let the daemon's user read it, or name another file with --config",
    };
    read_source(path, 0, remedy, report)
}

fn read_source(path: &Path, order: usize, remedy: &str, report: &Report) -> Option<Arc<Source>> {
    let place = Place::file_only(path);
    let bytes = match read_bytes(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let remedy = match error.kind() {
                io::ErrorKind::PermissionDenied => {
                    "let the daemon's user read it: chmod 644 the file, chmod 755 its folder"
                }
                _ => remedy,
            };
            report.error(&place, format!("cannot read the configuration: {error}"), remedy);
            return None;
        }
    };
    match String::from_utf8(bytes) {
        Ok(text) => Some(Source::new(path, order, text)),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let source = Source::new(path, order, text);
            let place = Place::span(&source, good..good + char::REPLACEMENT_CHARACTER.len_utf8());
            report.error(&place, "the file is not UTF-8 text", "save it in UTF-8");
            None
        }
    }
}

/// The whole file.
///
/// # Errors
/// It cannot be read, is no file, or is longer than [`MAX_FILE_BYTES`].
pub(super) fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::other("it is a directory"));
    }
    let limit = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_FILE_BYTES {
        return Err(io::Error::other(format!("it is longer than {MAX_FILE_BYTES} bytes")));
    }
    Ok(bytes)
}

/// `conf.d/*.toml` by name; hidden files and other endings are left alone.
fn drop_ins(folder: &Path, report: &Report) -> Vec<PathBuf> {
    let place = Place::file_only(folder);
    let remedy = "let the daemon's user list and read it";
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            report.error(&place, format!("cannot list the drop-ins: {error}"), remedy);
            return Vec::new();
        }
    };
    let mut paths = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => paths.push(entry.path()),
            Err(error) => report.error(&place, format!("cannot list the drop-ins: {error}"), remedy),
        }
    }
    let hidden = |path: &Path| path.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"."));
    paths.retain(|path| path.extension().is_some_and(|e| e == "toml") && !hidden(path));
    paths.sort();
    if paths.len() > MAX_DROP_INS {
        let what = format!("there are {} drop-ins; at most {MAX_DROP_INS} are taken", paths.len());
        report.error(&place, what, "put several of them into one file");
        paths.truncate(MAX_DROP_INS);
    }
    paths
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// A path as written; a relative one is meant from the folder of the file that names it.
pub(super) fn beside(path: &Text) -> PathBuf {
    folder_of(path.place.file()).join(&path.value)
}
