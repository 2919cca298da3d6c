//! What is wrong with a configuration, in words an operator can act on.
//!
//! Data in: a [`Place`], what is wrong, what to do. Data out: [`Diagnostic`], which prints the line with a
//! caret, and [`Diagnostics`], all findings of one load in the order of the files.
//!
//! **Invariant:** neither `Display` nor `Debug` shows a secret; [`Diagnostic::one_line`] shows no text of the
//! file, so it may go to the log. At most [`MAX_DIAGNOSTICS`] findings are kept, the rest is counted.
//!
//! Rejected: the messages of the TOML parser alone, which stop at the first fault and know no remedy.

use std::{cell::RefCell, fmt};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::source::Place;

/// Findings kept of one load; more tell nobody more.
pub const MAX_DIAGNOSTICS: usize = 200;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// The configuration is taken; somebody should look.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One finding. `Display` prints it over several lines, with the line of the file and a caret.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl Diagnostic {
    /// A finding that refuses the configuration.
    pub fn error(place: &Place, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Error, place: place.clone(), what: what.into(), remedy: remedy.into() }
    }

    /// A finding that does not.
    pub fn warning(place: &Place, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(place, what, remedy) }
    }

    /// `FILE:LINE:COLUMN: error: what; remedy`, without the line of the file: for the log.
    pub fn one_line(&self) -> String {
        format!("{}: {}: {}; {}", self.place, self.severity.as_str(), self.what, self.remedy)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let help = Level::HELP.message(self.remedy.as_str());
        let (Some(at), Some(excerpt)) = (self.place.position(), self.place.excerpt()) else {
            let what = format!("{}: {}", self.place, self.what);
            let report = [level.primary_title(what.as_str()).element(help)];
            return write!(f, "{}", Renderer::plain().render(&report));
        };
        let path = self.place.file().display().to_string();
        // The snippet is cut to one line, so its renderer would not know the column of a masked line: we say
        // it.
        let path = format!("{path}:{}:{}", at.line, at.column);
        let snippet = Snippet::source(excerpt.line.as_str())
            .line_start(at.line)
            .fold(false)
            .annotation(AnnotationKind::Primary.span(excerpt.marked));
        let what = format!("{path}: {}", self.what);
        let report = [level.primary_title(what.as_str()).element(snippet).element(help)];
        write!(f, "{}", Renderer::plain().render(&report))
    }
}

/// The findings of one load, sorted by file and offset.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    /// At most [`MAX_DIAGNOSTICS`].
    pub entries: Vec<Diagnostic>,
    /// Findings beyond that.
    pub omitted: usize,
}

impl Diagnostics {
    /// Findings of that severity among the kept ones, in order.
    pub fn of(&self, severity: Severity) -> impl Iterator<Item = &Diagnostic> {
        self.entries.iter().filter(move |d| d.severity == severity)
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(one: Diagnostic) -> Self {
        Self { entries: vec![one], omitted: 0 }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in &self.entries {
            writeln!(f, "{diagnostic}\n")?;
        }
        let (errors, warnings) = (self.of(Severity::Error).count(), self.of(Severity::Warning).count());
        write!(f, "{}, {}", counted(errors, "error"), counted(warnings, "warning"))?;
        match self.omitted {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl std::error::Error for Diagnostics {}

fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// Collects findings while a configuration is read; shared by reference between the readers.
#[derive(Debug, Default)]
pub(super) struct Report(RefCell<Found>);

#[derive(Debug, Default)]
struct Found {
    entries: Vec<Diagnostic>,
    omitted: usize,
    errors: usize,
}

impl Report {
    pub(super) fn error(&self, place: &Place, what: impl Into<String>, remedy: impl Into<String>) {
        self.add(Diagnostic::error(place, what, remedy));
    }

    pub(super) fn warning(&self, place: &Place, what: impl Into<String>, remedy: impl Into<String>) {
        self.add(Diagnostic::warning(place, what, remedy));
    }

    pub(super) fn add(&self, diagnostic: Diagnostic) {
        let mut found = self.0.borrow_mut();
        let is_error = diagnostic.severity == Severity::Error;
        found.errors += usize::from(is_error);
        if found.entries.len() < MAX_DIAGNOSTICS {
            found.entries.push(diagnostic);
            return;
        }
        found.omitted += 1;
        // An error must be seen even when warnings came first and filled the list.
        if is_error && let Some(slot) = found.entries.iter_mut().find(|d| d.severity == Severity::Warning) {
            *slot = diagnostic;
        }
    }

    /// Whether an error was reported.
    pub(super) fn has_errors(&self) -> bool {
        self.0.borrow().errors > 0
    }

    /// All findings, sorted.
    pub(super) fn into_diagnostics(self) -> Diagnostics {
        let Found { mut entries, omitted, .. } = self.0.into_inner();
        entries.sort_by_key(|d| d.place.sort_key());
        Diagnostics { entries, omitted }
    }
}

/// The candidate that `word` is most likely a misspelling of, if any comes close.
pub(crate) fn did_you_mean<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = word.to_lowercase();
    let close_enough = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|c| (strsim::damerau_levenshtein(&word, &c.to_lowercase()), c))
        .filter(|(distance, _)| *distance <= close_enough)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::source::Source;

    #[test]
    fn a_finding_prints_its_line_with_a_caret() {
        let source = Source::new(Path::new("/etc/w.toml"), 0, "[poll]\nintervall = \"15m\"\n".to_owned());
        let place = Place::span(&source, 7..16);
        let found = Diagnostic::error(&place, "unknown key `intervall`", "did you mean `interval`?");
        let shown = found.to_string();
        let lines: Vec<&str> = shown.lines().map(str::trim_end).collect();
        assert_eq!(lines[0], "error: /etc/w.toml:2:1: unknown key `intervall`");
        assert!(lines.contains(&"2 | intervall = \"15m\""), "{shown}");
        assert!(lines.contains(&"  | ^^^^^^^^^"), "{shown}");
        assert!(lines.last().is_some_and(|l| l.ends_with("help: did you mean `interval`?")), "{shown}");
        assert_eq!(
            found.one_line(),
            "/etc/w.toml:2:1: error: unknown key `intervall`; did you mean `interval`?"
        );
    }

    #[test]
    fn findings_beyond_the_limit_are_counted_and_errors_win() {
        let file = Place::file_only(Path::new("w.toml"));
        let check = |warnings: usize, errors: usize, want_errors: usize, want_omitted: usize| {
            let report = Report::default();
            (0..warnings).for_each(|_| report.warning(&file, "w", "r"));
            (0..errors).for_each(|_| report.error(&file, "e", "r"));
            assert_eq!(report.has_errors(), errors > 0);
            let found = report.into_diagnostics();
            assert_eq!((found.of(Severity::Error).count(), found.omitted), (want_errors, want_omitted));
        };
        check(0, MAX_DIAGNOSTICS, MAX_DIAGNOSTICS, 0);
        check(0, MAX_DIAGNOSTICS + 1, MAX_DIAGNOSTICS, 1);
        check(MAX_DIAGNOSTICS, 1, 1, 1);
    }

    #[test]
    fn near_misses_are_guessed_and_far_ones_are_not() {
        let check = |word: &str, want: Option<&str>| {
            assert_eq!(did_you_mean(word, ["interval", "max_backoff", "on_add"]), want, "{word}");
        };
        check("intervall", Some("interval"));
        check("Interval", Some("interval"));
        check("on-add", Some("on_add"));
        check("maxbackoff", Some("max_backoff"));
        check("colour", None);
        check("x", None);
    }
}
