//! Where passwords and other secrets come from, and fetching them from there.
//!
//! Data in: `password = { credential | file | env = "…" }`, and likewise `bearer`, `cookie`, headers. Data out: a [`Secret`], read when it is needed,
//! so that commands that send no mail work without it.
//!
//! **Invariant:** a password in the configuration itself is refused; no message holds any part of a secret.
//!
//! Rejected: reading it during the load, which makes every command need the daemon's credentials.

use std::{
    fs::File,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{
    diagnostic::{Diagnostic, Report},
    environment::Environment,
    reader::{Schema, Table, printable},
    source::{Place, Text},
};
use crate::model::Secret;

/// Longest secret read, in bytes: a password or token is far shorter, so a longer file is the wrong one.
pub const MAX_SECRET_BYTES: usize = 4096;
/// The variable in which systemd tells the directory of credentials (systemd.exec(5), "CREDENTIALS").
pub const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";
/// Where systemd keeps the credentials of the service while it runs; root may read them (systemd.exec(5),
/// "CREDENTIALS"), so that commands typed beside the service find its password.
const SERVICE_CREDENTIALS: &str = "/run/credentials/wirewatch.service";
/// Permission bits that let every user of the machine read or write a file (chmod(2): S_IROTH, S_IWOTH).
const OPEN_TO_THE_WORLD: u32 = 0o006;

const FORMS: &str = "password = { credential = \"smtp-password\" }, { file = \"/etc/wirewatch/smtp\" } \
                     or { env = \"SMTP_PASSWORD\" }";

pub(super) const SCHEMA: Schema =
    Schema { name: "password", keys: &["credential", "file", "env"], elsewhere: &[] };

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretOrigin {
    /// A systemd credential of this name.
    Credential(String),
    /// A file, absolute or made so relative to the configuration file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
}

/// A secret that has not been read yet.
#[derive(Debug, Clone)]
pub struct SecretSource {
    /// Where it is kept.
    pub origin: SecretOrigin,
    /// Where the configuration says so.
    pub place: Place,
}

impl SecretSource {
    /// Reads the secret; one final line end is dropped.
    ///
    /// # Errors
    /// It is missing, empty, too long, not UTF-8, or in a file that every user of the machine can read.
    pub fn read(&self, environment: &Environment) -> Result<Secret, Diagnostic> {
        let found = match &self.origin {
            SecretOrigin::Credential(name) => {
                self.credential(name, environment, Path::new(SERVICE_CREDENTIALS))?
            }
            SecretOrigin::File(path) => {
                self.file(path, Guard::Private, "create the file, readable by the daemon's user only")?
            }
            SecretOrigin::Variable(name) => environment.get(name).ok_or_else(|| {
                let remedy = "set it in the daemon's environment, or use a credential or a file";
                self.error(format!("the environment variable {} is not set", printable(name)), remedy)
            })?,
        };
        let secret = Secret::new(&found);
        if secret.reveal().is_empty() {
            return Err(self.error("the password is empty".to_owned(), "put the password there"));
        }
        Ok(secret)
    }

    /// From the directory that systemd gave this process, or else from that of the running service.
    fn credential(
        &self,
        name: &str,
        environment: &Environment,
        service: &Path,
    ) -> Result<String, Diagnostic> {
        let remedy = format!("add `LoadCredential={name}:/path/of/the/password` to the systemd unit");
        if let Some(directory) = environment.get(CREDENTIALS_DIRECTORY) {
            return self.file(&Path::new(&directory).join(name), Guard::Any, &remedy);
        }
        let running = service.join(name);
        if running.is_file() {
            return self.file(&running, Guard::Any, "run this as root");
        }
        let what = format!("the credential {name} is missing: ${CREDENTIALS_DIRECTORY} is not set");
        let remedy = format!("{remedy}, start the service, and run other commands as root while it runs");
        Err(self.error(what, remedy))
    }

    fn file(&self, path: &Path, guard: Guard, remedy: &str) -> Result<String, Diagnostic> {
        let shown = path.display();
        let unreadable = |error: std::io::Error| {
            let remedy = match (error.kind(), guard) {
                (std::io::ErrorKind::PermissionDenied, Guard::Private) => {
                    "let wirewatch's user read it; the systemd unit runs as a user of its own, so use a credential there"
                }
                _ => remedy,
            };
            self.error(format!("cannot read {shown}: {error}"), remedy)
        };
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(self.error(format!("{shown} is not a file"), remedy));
        }
        let mode = metadata.mode() & 0o7777;
        if guard == Guard::Private && mode & OPEN_TO_THE_WORLD != 0 {
            let what =
                format!("{shown} has mode {mode:04o}: every user of this machine can read or change it");
            return Err(self.error(
                what,
                format!("run `chmod 0600 {shown}`, and change the password if others had access"),
            ));
        }
        let mut bytes = Vec::new();
        let limit = u64::try_from(MAX_SECRET_BYTES).unwrap_or(u64::MAX).saturating_add(1);
        file.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() > MAX_SECRET_BYTES {
            let what = format!("{shown} is longer than {MAX_SECRET_BYTES} bytes, so it is no password");
            return Err(self.error(what, "name the file that holds the password and nothing else"));
        }
        String::from_utf8(bytes)
            .map_err(|_| self.error(format!("{shown} is not UTF-8 text"), "name the file that holds it"))
    }

    fn error(&self, what: String, remedy: impl Into<String>) -> Diagnostic {
        Diagnostic::error(&self.place, what, remedy)
    }
}

/// Whose permissions count.
#[derive(Clone, Copy, PartialEq)]
enum Guard {
    /// A file of the operator: nobody else may read it.
    Private,
    /// A credential: systemd guards its directory.
    Any,
}

/// Reads the key `password` of `table`; a literal password is refused.
pub(super) fn read(table: &Table<'_>) -> Option<SecretSource> {
    read_key(table, "password")
}

/// Reads a key of `table` that holds a secret; a literal one is refused.
pub(super) fn read_key(table: &Table<'_>, name: &str) -> Option<SecretSource> {
    read_written(table, name, &forms(name))
}

/// The same; `forms` shows how the key can be written.
pub(super) fn read_written(table: &Table<'_>, name: &str, forms: &str) -> Option<SecretSource> {
    let key = table.key_place(name)?;
    if !table.is_table(name) {
        literal(table.report(), &key, name, forms);
        return None;
    }
    let given = table.table(name, &SCHEMA, "{ … }")?;
    place_of(&given, &key, name, forms)
}

/// Refuses a secret that is written where everyone may read it.
pub(super) fn refuse_literal(report: &Report, key: &Place, name: &str) {
    literal(report, key, name, &forms(name));
}

fn literal(report: &Report, key: &Place, name: &str, forms: &str) {
    let what = match name {
        "password" => "the password stands in the configuration file, where it can be read".to_owned(),
        _ => format!(
            "the secret of `{}` stands in the configuration file, where it can be read",
            printable(name)
        ),
    };
    report.error(key, what, format!("move it out of the configuration and write {forms}"));
}

fn forms(name: &str) -> String {
    match name {
        "password" => FORMS.to_owned(),
        _ => format!(
            "{0} = {{ credential = \"feed-secret\" }}, {{ file = \"/etc/wirewatch/feed-secret\" }} \
             or {{ env = \"FEED_SECRET\" }}",
            printable(name)
        ),
    }
}

/// The place that a table names; `key` is where the table stands, under `name`.
pub(super) fn of_table(given: &Table<'_>, key: &Place, name: &str) -> Option<SecretSource> {
    place_of(given, key, name, &forms(name))
}

fn place_of(given: &Table<'_>, key: &Place, name: &str, forms: &str) -> Option<SecretSource> {
    let report = given.report();
    let texts: Vec<(&str, Text)> =
        SCHEMA.keys.iter().filter_map(|k| given.text(k, "smtp-password").map(|text| (*k, text))).collect();
    let [(kind, text)] = texts.as_slice() else {
        // A wrong type or an unknown key has been reported by now.
        if given.keys().count() == texts.len() {
            let what = format!("`{}` needs one place to come from", printable(name));
            report.error(key, what, format!("write {forms}"));
        }
        return None;
    };
    let origin = origin(kind, text, report)?;
    Some(SecretSource { origin, place: text.place.clone() })
}

fn origin(kind: &str, text: &Text, report: &Report) -> Option<SecretOrigin> {
    let bad_name = |what: &str, remedy: &str| {
        report.error(&text.place, what, remedy);
        None
    };
    match kind {
        "credential" if text.value.is_empty() || text.value.contains('/') || text.value.starts_with('.') => {
            bad_name(
                "this is no name of a credential",
                "use the name given to LoadCredential=, without a path",
            )
        }
        "credential" => Some(SecretOrigin::Credential(text.value.clone())),
        "env" if text.value.is_empty() || text.value.contains(['=', '\0']) => bad_name(
            "this is no name of an environment variable",
            "use the name alone, such as \"SMTP_PASSWORD\"",
        ),
        "env" => Some(SecretOrigin::Variable(text.value.clone())),
        _ if text.value.is_empty() => bad_name("the path is empty", "name the file that holds the password"),
        _ => Some(SecretOrigin::File(super::files::beside(text))),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const CANARY: &str = "hunter2-canary";

    fn source(origin: SecretOrigin) -> SecretSource {
        SecretSource { origin, place: Place::file_only(Path::new("w.toml")) }
    }

    #[test]
    fn files_open_to_the_world_are_refused_with_their_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, format!("{CANARY}\n")).unwrap();
        let check = |mode: u32, want: Result<&str, &str>| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            match (source(SecretOrigin::File(path.clone())).read(&Environment::of([])), want) {
                (Ok(secret), Ok(want)) => assert_eq!(secret.reveal(), want),
                (Err(error), Err(want)) => {
                    assert!(error.what.contains(want) && error.remedy.contains("chmod 0600"), "{error}");
                    assert!(!format!("{error} {error:?}").contains(CANARY));
                }
                (got, want) => panic!("{mode:o}: {got:?}, wanted {want:?}"),
            }
        };
        check(0o600, Ok(CANARY));
        check(0o640, Ok(CANARY));
        check(0o400, Ok(CANARY));
        check(0o644, Err("mode 0644"));
        check(0o604, Err("mode 0604"));
        check(0o602, Err("mode 0602"));
    }

    #[test]
    fn credentials_and_variables_are_looked_up_where_they_belong() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("smtp"), CANARY).unwrap();
        let at = folder.path().to_str().unwrap();
        let environment = Environment::of([("CREDENTIALS_DIRECTORY", at), ("SMTP_PASSWORD", CANARY)]);
        let check = |origin: SecretOrigin, environment: &Environment, want: Result<(), &str>| match (
            source(origin).read(environment),
            want,
        ) {
            (Ok(secret), Ok(())) => assert_eq!(secret.reveal(), CANARY),
            (Err(error), Err(want)) => assert!(error.what.contains(want), "{error}"),
            (got, want) => panic!("{got:?}, wanted {want:?}"),
        };
        check(SecretOrigin::Credential("smtp".to_owned()), &environment, Ok(()));
        check(
            SecretOrigin::Credential("other".to_owned()),
            &environment,
            Err(&format!("cannot read {at}/other")),
        );
        check(
            SecretOrigin::Credential("smtp".to_owned()),
            &Environment::of([]),
            Err("$CREDENTIALS_DIRECTORY is not set"),
        );
        check(SecretOrigin::Variable("SMTP_PASSWORD".to_owned()), &environment, Ok(()));
        check(SecretOrigin::Variable("OTHER".to_owned()), &environment, Err("variable OTHER is not set"));
        check(SecretOrigin::File(folder.path().to_owned()), &environment, Err("is not a file"));
    }

    #[test]
    fn commands_beside_the_service_find_its_credential() {
        let service = tempfile::tempdir().unwrap();
        std::fs::write(service.path().join("smtp"), CANARY).unwrap();
        let secret = source(SecretOrigin::Credential("smtp".to_owned()));
        let nowhere = Environment::of([]);
        assert_eq!(secret.credential("smtp", &nowhere, service.path()).unwrap(), CANARY);
        // What systemd gave this process counts before what the service has.
        let own = tempfile::tempdir().unwrap();
        let environment = Environment::of([("CREDENTIALS_DIRECTORY", own.path().to_str().unwrap())]);
        assert!(secret.credential("smtp", &environment, service.path()).is_err());
        let error = secret.credential("smtp", &nowhere, own.path()).unwrap_err();
        assert!(error.remedy.contains("LoadCredential=smtp:") && error.remedy.contains("as root"), "{error}");
    }

    #[test]
    fn the_length_limit_holds_at_n_and_n_plus_1() {
        let folder = tempfile::tempdir().unwrap();
        let check = |content: Vec<u8>, want: Option<&str>| {
            std::fs::write(folder.path().join("smtp"), content).unwrap();
            let environment = Environment::of([("CREDENTIALS_DIRECTORY", folder.path().to_str().unwrap())]);
            let got = source(SecretOrigin::Credential("smtp".to_owned())).read(&environment);
            match (got, want) {
                (Ok(_), None) => {}
                (Err(error), Some(want)) => assert!(error.what.contains(want), "{error}"),
                (got, want) => panic!("{got:?}, wanted {want:?}"),
            }
        };
        check(vec![b'x'; MAX_SECRET_BYTES], None);
        check(vec![b'x'; MAX_SECRET_BYTES + 1], Some("longer than 4096 bytes"));
        check(b"\n".to_vec(), Some("is empty"));
        check(vec![0xff, 0xfe], Some("is not UTF-8"));
    }
}
