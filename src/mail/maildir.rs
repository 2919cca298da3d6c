//! Mails as files in a Maildir: no server needed, every common mail reader opens it.
//!
//! Data in: a mail. Data out: a file in `new/` with LF line ends, as delivery agents write it. All recipients
//! share the folder.
//!
//! **Invariant:** a file appears in `new/` whole and synced, or not at all.
//! **Invariant:** the file's name is made of the notification id; a second send of the same mail finds the first
//! in `new/`, or in `cur/` where a reader has moved it, and adds nothing. Only a mail the reader deleted or filed
//! elsewhere is written again.
//!
//! Rejected: names from time and process id as the Maildir text proposes; after a crash between the rename and
//! our record the same mail would arrive twice.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use super::{Accepted, Error, Identity, compose, compose::checked_id};
use crate::model::OutboundMail;

/// Files are for their owner only: mails tell what somebody watches.
const FILE_MODE: u32 = 0o600;
/// Folders likewise.
const FOLDER_MODE: u32 = 0o700;
/// What ends a file's name in `cur/`, before the reader's flags.
const FLAGS: &str = ":2,";

/// Tells temporary files of one process apart.
static TEMPORARY: AtomicU64 = AtomicU64::new(0);

/// A folder with `tmp/`, `new/` and `cur/`.
#[derive(Debug, Clone)]
pub struct Maildir {
    path: PathBuf,
    identity: Identity,
}

impl Maildir {
    /// The folder is created with the first mail.
    pub fn new(path: PathBuf, identity: Identity) -> Self {
        Self { path, identity }
    }

    /// The work goes on when this is dropped half way, which does no harm: a second send finds the file.
    pub(super) async fn send(&self, mail: &OutboundMail) -> Result<Accepted, Error> {
        let message = compose(&self.identity, mail)?;
        let name =
            format!("{}.{}.{}", mail.created_at.as_second(), checked_id(&mail.id)?, self.identity.host());
        let path = self.path.clone();
        self.blocking(move || deliver(&path, &name, &message)).await
    }

    pub(super) async fn probe(&self) -> Result<String, Error> {
        let path = self.path.clone();
        self.blocking(move || {
            create_folders(&path)?;
            let test = write_temporary(&path, "test", b"")?;
            fs::remove_file(&test).map_err(failed("remove", &test))?;
            Ok(format!("the maildir {} can be written", path.display()))
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|cause| Err(failed("write", &self.path)(io::Error::other(cause))))
    }
}

fn deliver(path: &Path, name: &str, message: &[u8]) -> Result<Accepted, Error> {
    create_folders(path)?;
    let new = path.join("new").join(name);
    if let Some(found) = find(path, name)? {
        // The first attempt may have ended before its folder was synced.
        sync_folder(&path.join("new"))?;
        return Ok(Accepted { reply: format!("already there: {found}") });
    }
    let temporary = write_temporary(path, name, &with_lf(message))?;
    if let Err(cause) = fs::rename(&temporary, &new) {
        let _ = fs::remove_file(&temporary);
        return Err(failed("move a mail to", &new)(cause));
    }
    sync_folder(&path.join("new"))?;
    Ok(Accepted { reply: name.to_owned() })
}

fn create_folders(path: &Path) -> Result<(), Error> {
    for folder in ["tmp", "new", "cur"] {
        let folder = path.join(folder);
        if folder.is_dir() {
            continue;
        }
        let create = fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&folder);
        create.map_err(failed("create the folder", &folder))?;
        sync_folder(path)?;
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_folder)?;
    }
    Ok(())
}

/// Where a mail of this name lies already, relative to the maildir. Reads all names of `cur/`.
fn find(path: &Path, name: &str) -> Result<Option<String>, Error> {
    let new = path.join("new").join(name);
    if new.try_exists().map_err(failed("look into", &new))? {
        return Ok(Some(format!("new/{name}")));
    }
    let cur = path.join("cur");
    for entry in fs::read_dir(&cur).map_err(failed("read the folder", &cur))? {
        let entry = entry.map_err(failed("read the folder", &cur))?.file_name();
        let Some(entry) = entry.to_str() else { continue };
        if entry.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(FLAGS)) {
            return Ok(Some(format!("cur/{entry}")));
        }
    }
    Ok(None)
}

/// Writes and syncs a file of its own in `tmp/`; gives its path.
fn write_temporary(path: &Path, name: &str, content: &[u8]) -> Result<PathBuf, Error> {
    let count = TEMPORARY.fetch_add(1, Ordering::Relaxed);
    let temporary = path.join("tmp").join(format!("{name}.{}.{count}", std::process::id()));
    let write = || {
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().map_err(|cause| {
        let _ = fs::remove_file(&temporary);
        failed("write", &temporary)(cause)
    })?;
    Ok(temporary)
}

fn sync_folder(path: &Path) -> Result<(), Error> {
    fs::File::open(path).and_then(|folder| folder.sync_all()).map_err(failed("sync the folder", path))
}

fn with_lf(message: &[u8]) -> Vec<u8> {
    message.iter().copied().filter(|b| *b != b'\r').collect()
}

fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_owned();
    move |cause| Error::Maildir { action, path: path.clone(), cause }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::{
        mail::samples::{identity, mail},
        model::Retry,
    };

    const NAME: &str = "1795000000.a1.mail.example.org";

    fn names(path: &Path, folder: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(path.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn a_mail_is_a_private_file_in_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er");
        let maildir = Maildir::new(path.clone(), identity());
        assert_eq!(maildir.send(&mail("a1", "r@example.com")).await.unwrap().reply, NAME);
        assert_eq!(names(&path, "new"), [NAME]);
        assert!(names(&path, "tmp").is_empty() && names(&path, "cur").is_empty());
        assert_eq!((mode(&path), mode(&path.join("new"))), (0o700, 0o700));
        assert_eq!(mode(&path.join("new").join(NAME)), 0o600);
        let file = fs::read(path.join("new").join(NAME)).unwrap();
        assert!(!file.contains(&b'\r') && file.starts_with(b"Date: "));
        let message = compose(&identity(), &mail("a1", "r@example.com")).unwrap();
        assert_eq!(
            String::from_utf8(file).unwrap(),
            String::from_utf8(message).unwrap().replace("\r\n", "\n")
        );
    }

    #[tokio::test]
    async fn a_second_send_adds_nothing_wherever_the_reader_moved_the_first() {
        for place in [
            format!("new/{NAME}"),
            format!("cur/{NAME}"),
            format!("cur/{NAME}:2,"),
            format!("cur/{NAME}:2,RS"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path();
            let maildir = Maildir::new(path.to_owned(), identity());
            maildir.send(&mail("a1", "r@example.com")).await.unwrap();
            fs::rename(path.join("new").join(NAME), path.join(&place)).unwrap();
            let again = maildir.send(&mail("a1", "r@example.com")).await.unwrap();
            assert_eq!(again.reply, format!("already there: {place}"));
            assert_eq!(names(path, "new").len() + names(path, "cur").len(), 1, "{place}");
            assert!(names(path, "tmp").is_empty());
        }
    }

    #[tokio::test]
    async fn mails_sent_at_once_do_not_meet() {
        let folder = tempfile::tempdir().unwrap();
        let maildir = Maildir::new(folder.path().to_owned(), identity());
        // `a1` and `a10` share a prefix, and `a1` is sent twice at the same moment.
        let (one, ten, two) =
            (mail("a1", "r@example.com"), mail("a10", "r@example.com"), mail("a2", "r@example.com"));
        let all =
            tokio::join!(maildir.send(&one), maildir.send(&ten), maildir.send(&one), maildir.send(&two));
        assert!(all.0.is_ok() && all.1.is_ok() && all.2.is_ok() && all.3.is_ok());
        assert_eq!(names(folder.path(), "new").len(), 3);
        assert!(names(folder.path(), "tmp").is_empty());
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_named_and_holds_the_queue() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("occupied");
        fs::write(&file, b"").unwrap();
        let maildir = Maildir::new(file.clone(), identity());
        let probe = maildir.probe().await.unwrap_err();
        let send = maildir.send(&mail("a1", "r@example.com")).await.unwrap_err();
        let want = format!("cannot create the folder {}/tmp: ", file.display());
        for error in [probe, send] {
            assert!(error.to_string().starts_with(&want), "{error}");
            assert_eq!(error.retry(), Retry::Hold);
        }
    }

    #[tokio::test]
    async fn a_probe_creates_the_folders_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mails");
        let words = Maildir::new(path.clone(), identity()).probe().await.unwrap();
        assert_eq!(words, format!("the maildir {} can be written", path.display()));
        for sub in ["tmp", "new", "cur"] {
            assert!(names(&path, sub).is_empty());
        }
    }
}
