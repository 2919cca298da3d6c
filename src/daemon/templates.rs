//! The operator's own templates.
//!
//! Data in: the folder `[mail] templates` names. Data out: the templates of the program with those of the folder put in
//! their places, tried on every made-up mail there is.
//!
//! **Invariant:** a file that is not one of ours by its name is refused, so that no misspelt one is silently without
//! effect. Files whose names begin with `.` or end with `~` are left out.
//!
//! Rejected: to read them when a mail is made. An error would be found at night, and a half-saved file be mailed.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

use crate::{
    config::did_you_mean,
    render::{self, Error, Templates},
};

/// Longest template, in bytes: the longest of the program's own has less than a tenth.
pub const MAX_TEMPLATE_BYTES: usize = 64 * 1024;
/// Most entries of a folder looked at: there are not so many templates.
const MAX_ENTRIES: usize = 200;

/// The program's templates with those of `folder` in their places.
///
/// # Errors
/// Which file and line, what is wrong, and what to do about it.
pub(super) fn load(folder: Option<&Path>) -> Result<Templates, String> {
    let builtin = Templates::builtin().map_err(|error| error.to_string())?;
    let Some(folder) = folder else { return Ok(builtin) };
    let mut templates = builtin;
    for name in names(folder)? {
        let source = read(&folder.join(&name))?;
        templates = templates.with_file(&name, &source).map_err(|error| told(folder, &error))?;
    }
    render::check(&templates).map_err(|error| told(folder, &error))?;
    Ok(templates)
}

/// The files of the folder, as `<folder>/<file>`, all known.
fn names(folder: &Path) -> Result<Vec<String>, String> {
    let known = || render::builtin_templates().iter().map(|(name, _)| *name);
    let mut names = Vec::new();
    for (kind, is_dir) in entries(folder)? {
        let inside = if is_dir {
            entries(&folder.join(&kind))?.into_iter().map(|(file, _)| format!("{kind}/{file}")).collect()
        } else {
            vec![kind]
        };
        names.extend(inside);
    }
    names.sort();
    match names.iter().find(|name| !known().any(|known| known == **name)) {
        None => Ok(names),
        Some(name) => {
            let meant = did_you_mean(name, known())
                .map(|known| format!("did you mean {known}? "))
                .unwrap_or_default();
            let remedy =
                format!("{meant}`wirewatch mail templates` lists the names; move other files elsewhere");
            Err(error(&folder.join(name), 0, "no template has this name", &remedy))
        }
    }
}

/// Name of each entry, and whether it is a folder.
fn entries(folder: &Path) -> Result<Vec<(String, bool)>, String> {
    let unreadable = |why: std::io::Error| {
        error(
            folder,
            0,
            &format!("cannot be read: {why}"),
            "name a folder that wirewatch's user can read in [mail] templates",
        )
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)?.take(MAX_ENTRIES) {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && !name.ends_with('~') {
            found.push((name, entry.path().is_dir()));
        }
    }
    Ok(found)
}

fn read(path: &Path) -> Result<String, String> {
    let unreadable = |why: std::io::Error| {
        error(path, 0, &format!("cannot be read: {why}"), "let wirewatch's user read it, as UTF-8 text")
    };
    let mut source = String::new();
    let limit = u64::try_from(MAX_TEMPLATE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).map_err(unreadable)?.take(limit).read_to_string(&mut source).map_err(unreadable)?;
    if source.len() > MAX_TEMPLATE_BYTES {
        let what = format!("it is longer than {MAX_TEMPLATE_BYTES} bytes");
        return Err(error(path, 0, &what, "shorten it: mails hold no more than a few pages"));
    }
    Ok(source)
}

fn told(folder: &Path, problem: &Error) -> String {
    let help =
        "compare with the one it replaces: `wirewatch mail templates --write DIR` writes them all into DIR";
    match problem {
        Error::Syntax { template, line, reason }
        | Error::Render { template, line, reason }
        | Error::Refused { template, line, reason } => error(&folder.join(template), *line, reason, help),
        Error::TooLarge { .. } => error(folder, 0, &problem.to_string(), "shorten the templates"),
    }
}

/// One line, which is readable alone in the log, as `Diagnostic::one_line` writes them.
fn error(path: &Path, line: usize, what: &str, remedy: &str) -> String {
    let line = if line == 0 { String::new() } else { format!(":{line}") };
    format!("{}{line}: error: {what}; {remedy}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What loading a folder with these files says.
    fn loaded(files: &[(&str, &str)]) -> Result<Templates, String> {
        let dir = tempfile::tempdir().unwrap();
        for (name, source) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, source).unwrap();
        }
        let shown = dir.path().display().to_string();
        load(Some(dir.path())).map_err(|error| error.replace(&shown, "DIR"))
    }

    #[test]
    fn only_the_files_given_replace_others() {
        let templates =
            loaded(&[("alert/subject.txt", "! {{ subject.headline }}"), (".git", ""), ("a~", "")]).unwrap();
        let mail =
            render::render(&render::sample(crate::model::NotificationKind::Alert), &templates).unwrap();
        assert_eq!(mail.subject, "! Washington and Beijing agree to shelve port fees for a year");
        assert!(mail.html.contains("Read at news.example.com"));
    }

    #[test]
    fn every_fault_is_told_with_file_line_and_remedy() {
        let check = |name: &str, source: &str, want: &str, remedy: &str| {
            let error = loaded(&[(name, source)]).unwrap_err();
            assert!(error.starts_with(want) && error.contains(remedy), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        };
        let compare = "; compare with the one it replaces: `wirewatch mail templates --write DIR`";
        check(
            "alert/body.htm",
            "",
            "DIR/alert/body.htm: error: no template has this name",
            "did you mean alert/body.html?",
        );
        check(
            "notes.txt",
            "",
            "DIR/notes.txt: error: no template has this name",
            "`wirewatch mail templates` lists the names",
        );
        check("alert/body.txt", "a\n{% if %}", "DIR/alert/body.txt:2: error: syntax error", compare);
        check(
            "alert/body.txt",
            "a\n\n{{ headline }}",
            "DIR/alert/body.txt:3: error: undefined value: `headline`",
            compare,
        );
        check(
            "alert/body.txt",
            "{{ subject.headline | safe }}",
            "DIR/alert/body.txt:1: error: unknown filter",
            compare,
        );
        check(
            "digest/body.html",
            "a\n<img src=\"x\">",
            "DIR/digest/body.html:2: error: mails may not hold <img>",
            compare,
        );
    }

    #[test]
    fn a_folder_that_is_missing_is_an_error() {
        let error = load(Some(Path::new("/nonexistent/templates"))).unwrap_err();
        assert!(error.contains("cannot be read") && error.contains("[mail] templates"), "{error}");
    }

    #[test]
    fn templates_are_limited_at_n_and_n_plus_1() {
        let subject = |n: usize| format!("x{{#{}#}}", "c".repeat(n - 5));
        assert!(loaded(&[("alert/subject.txt", &subject(MAX_TEMPLATE_BYTES))]).is_ok());
        let error = loaded(&[("alert/subject.txt", &subject(MAX_TEMPLATE_BYTES + 1))]).unwrap_err();
        assert!(error.contains("longer than 65536 bytes"), "{error}");
    }
}
