//! What a mail says: a notification becomes a subject, a plain text and an HTML body.
//!
//! Data in: a [`Notification`] and the [`Templates`]. Data out: [`Rendered`].
//!
//! Templates live in `templates/<kind>/{subject.txt,body.txt,body.html}` and are compiled in; what they share is in
//! `templates/shared/`. Operators may override each of them.
//!
//! **Invariant:** nothing a feed says is markup: everything in HTML is escaped by the engine, links are http(s) only,
//! and a built-in template loads nothing from anywhere.
//! **Invariant:** the subject is one line of at most 200 graphemes without controls.
//! **Invariant:** neither body is larger than [`MAX_MAIL_BYTES`]; what does not fit is counted, never silently gone.
//!
//! Rejected: templates checked by the compiler, which operators could not change; making the text from the
//! HTML, which reads as if a machine had written it.

mod bulletin;
mod bulletins;
mod cases;
mod chart;
mod check;
mod clean;
mod coverage;
mod excerpt;
mod language;
mod link;
mod sample;
#[cfg(test)]
mod tests;
mod view;
mod when;
mod wrap;

use minijinja::{
    AutoEscape, Environment, UndefinedBehavior, Value, escape_formatter, syntax::SyntaxConfig, value::Serde,
};

pub use cases::{Case, HOSTILE, cases};
pub use check::check;
pub use excerpt::{MAX_HEADLINE, MAX_SNIPPET, Segment, headline, snippet};
pub use sample::sample;

use self::view::{Detail, MailView, Prepared};
use crate::model::{Notification, NotificationKind};

/// Largest HTML or text body, in bytes. Webmail of Google cuts messages off at 102 kB; this leaves room for the
/// transfer encoding's line ends and the part headers.
pub const MAX_MAIL_BYTES: usize = 90_000;

/// Steps one template may take, so that an endless one ends within a second or two. A built-in digest of the largest
/// size takes less than half (measured: 2,000,000 suffice for every test).
const FUEL: u64 = 5_000_000;
/// Most stories or notices in one mail: a title takes more than 100 bytes of HTML, so more would never fit.
const MAX_SHOWN: usize = MAX_MAIL_BYTES / 100;
/// Stories that keep their full form before others get more than nothing.
const MIN_FULL: usize = 10;

/// One of the three templates of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// `subject.txt`
    Subject,
    /// `body.txt`
    Text,
    /// `body.html`
    Html,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 3] = [Self::Subject, Self::Text, Self::Html];

    /// File name within the folder of the kind.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Subject => "subject.txt",
            Self::Text => "body.txt",
            Self::Html => "body.html",
        }
    }
}

/// Why a mail could not be rendered. Built-in templates give none of these; with the operator's own, render again
/// with [`Templates::builtin`] so that the mail goes out, and report the error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The template is not valid.
    #[error("template `{template}`, line {line}: {reason}")]
    Syntax {
        /// `<kind>/<file name>`
        template: String,
        /// 1-based; 0 when unknown.
        line: usize,
        /// In plain words.
        reason: String,
    },
    /// The template failed on a mail: an unknown name, a wrong argument, or too many steps.
    #[error("template `{template}`, line {line}: {reason}")]
    Render {
        /// `<kind>/<file name>`, or the shared template it happened in.
        template: String,
        /// 1-based; 0 when unknown.
        line: usize,
        /// In plain words.
        reason: String,
    },
    /// A template makes mails that may not be sent, or uses what templates may not.
    #[error("template `{template}`, line {line}: {reason}")]
    Refused {
        /// `<kind>/<file name>`, or the shared template it stands in.
        template: String,
        /// 1-based; 0 when unknown.
        line: usize,
        /// In plain words.
        reason: String,
    },
    /// A body stays larger than [`MAX_MAIL_BYTES`] even without any story.
    #[error("the mail has {bytes} bytes without any story; at most {MAX_MAIL_BYTES} are sent")]
    TooLarge {
        /// Of the larger body.
        bytes: usize,
    },
}

/// The compiled templates. Cheap to share, costly to make: keep one.
#[derive(Debug, Clone)]
pub struct Templates(Environment<'static>);

/// A mail's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line, at most 200 graphemes.
    pub subject: String,
    /// Plain text with `\n` line ends, wrapped, ending with one.
    pub text: String,
    /// A whole HTML document.
    pub html: String,
}

macro_rules! builtin {
    ($($path:literal),* $(,)?) => { [$(($path, include_str!(concat!("templates/", $path)))),*] };
}

static BUILTIN: [(&str, &str); 18] = builtin![
    "shared/page.html",
    "shared/story.html",
    "shared/story.txt",
    "alert/subject.txt",
    "alert/body.txt",
    "alert/body.html",
    "update/subject.txt",
    "update/body.txt",
    "update/body.html",
    "rollup/subject.txt",
    "rollup/body.txt",
    "rollup/body.html",
    "digest/subject.txt",
    "digest/body.txt",
    "digest/body.html",
    "operator/subject.txt",
    "operator/body.txt",
    "operator/body.html",
];

impl Templates {
    /// The templates that come with the program.
    ///
    /// # Errors
    /// [`Error::Syntax`], which a test rules out.
    pub fn builtin() -> Result<Self, Error> {
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_fuel(Some(FUEL));
        env.set_debug(true);
        // Templates of operators shall not print text as it is, nor everything they were given.
        env.remove_filter("safe");
        env.remove_global("debug");
        env.set_formatter(|out, state, value| match (state.auto_escape(), value.as_str()) {
            (AutoEscape::Html, Some(text)) if !value.is_safe() => write_escaped(out, text),
            _ => escape_formatter(out, state, value),
        });
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        env.set_syntax(syntax.map_err(|error| syntax_error("", &error))?);
        BUILTIN.iter().try_fold(Self(env), |templates, (name, source)| templates.with(name, source))
    }

    /// These templates with one of them replaced by `source`. It may use the shared ones and the names of the
    /// built-in template it replaces; render [`sample`] to find out whether it does so rightly.
    ///
    /// # Errors
    /// [`Error::Syntax`] when `source` is no valid template.
    pub fn with_override(self, kind: NotificationKind, part: Part, source: &str) -> Result<Self, Error> {
        self.with_file(&template_name(kind, part), source)
    }

    /// These templates with the one of this name (see [`builtin_templates`]) replaced by `source`. Render [`cases`], or
    /// call [`check()`], to find out whether it is of use.
    ///
    /// # Errors
    /// [`Error::Syntax`] when `source` is no valid template; [`Error::Refused`] when it has statements that templates
    /// may not use.
    pub fn with_file(self, name: &str, source: &str) -> Result<Self, Error> {
        let templates = self.with(name, source)?;
        match check::strange_statement(source) {
            None => Ok(templates),
            Some((line, word)) => Err(Error::Refused {
                template: name.to_owned(),
                line,
                reason: format!("`{word}` is no statement that templates may use"),
            }),
        }
    }

    /// The source of a template.
    pub(crate) fn source(&self, name: &str) -> Option<String> {
        self.0.get_template(name).ok().map(|template| template.source().to_owned())
    }

    fn with(mut self, name: &str, source: &str) -> Result<Self, Error> {
        let added = self.0.add_template_owned(name.to_owned(), source.to_owned());
        added.map_err(|error| syntax_error(name, &error))?;
        Ok(self)
    }

    fn fill(&self, kind: NotificationKind, part: Part, view: &MailView<'_>) -> Result<String, Error> {
        let name = template_name(kind, part);
        self.0.get_template(&name).and_then(|template| template.render(Value::from(Serde(view)))).map_err(
            |error| Error::Render {
                template: error.name().unwrap_or(&name).to_owned(),
                line: error.line().unwrap_or(0),
                reason: plain_words(&error),
            },
        )
    }
}

/// The templates that come with the program, by name: what operators can replace.
pub fn builtin_templates() -> &'static [(&'static str, &'static str)] {
    &BUILTIN
}

/// [`render`]; when that fails, once more with the templates of the program, so that the mail goes out. The error of
/// the first attempt is for the log.
///
/// # Errors
/// Those of [`render`] with the templates of the program, which tests rule out.
pub fn render_in_any_case(
    notification: &Notification,
    templates: &Templates,
) -> Result<(Rendered, Option<Error>), Error> {
    match render(notification, templates) {
        Ok(rendered) => Ok((rendered, None)),
        Err(error) => Ok((render(notification, &Templates::builtin()?)?, Some(error))),
    }
}

/// Renders a notification.
///
/// All stories are shown in full if they fit. Otherwise as many as fit are, the rest by title; if not even the
/// titles fit, the last ones are counted as "+N more".
///
/// # Errors
/// Only with templates of the operator: [`Error::Render`], [`Error::TooLarge`].
pub fn render(notification: &Notification, templates: &Templates) -> Result<Rendered, Error> {
    let kind = notification.kind;
    let prepared = Prepared::new(notification);
    let everything = prepared.view(|_| Detail::Full);
    let subject = templates.fill(kind, Part::Subject, &everything)?;
    let bodies = |level: usize| {
        let min_full = match kind {
            NotificationKind::Operator => prepared.units(),
            _ => prepared.units().min(MIN_FULL),
        };
        let view = prepared.view(|unit| detail_at(level, unit, prepared.units(), min_full));
        let text = wrap::wrap(&templates.fill(kind, Part::Text, &view)?);
        let html = templates.fill(kind, Part::Html, &view)?;
        Ok::<_, Error>((text, html))
    };
    let highest = if prepared.units() > MAX_SHOWN { MAX_SHOWN } else { 2 * prepared.units() };
    let (text, html) = largest_that_fits(highest, bodies)?;
    Ok(Rendered { subject: clean::short(&subject, view::MAX_SUBJECT), text, html })
}

/// Detail of one unit at a level of overall detail. Each level shows at least as much as the one below it: up to
/// `min_full` units in full, then titles of all others, then all in full at `2 * units`.
fn detail_at(level: usize, unit: usize, units: usize, min_full: usize) -> Detail {
    let full = if level <= units { level.min(min_full) } else { level - units };
    if unit < full.max(min_full.min(level)) {
        Detail::Full
    } else if unit < level {
        Detail::Title
    } else {
        Detail::Hidden
    }
}

/// The bodies of the highest level, up to `highest`, that are within [`MAX_MAIL_BYTES`].
fn largest_that_fits(
    highest: usize,
    bodies: impl Fn(usize) -> Result<(String, String), Error>,
) -> Result<(String, String), Error> {
    let size = |(text, html): &(String, String)| text.len().max(html.len());
    let all = bodies(highest)?;
    if size(&all) <= MAX_MAIL_BYTES {
        return Ok(all);
    }
    let mut best = bodies(0)?;
    if size(&best) > MAX_MAIL_BYTES {
        return Err(Error::TooLarge { bytes: size(&best) });
    }
    let (mut fits, mut too_large) = (0, highest);
    while too_large - fits > 1 {
        let middle = fits.midpoint(too_large);
        let tried = bodies(middle)?;
        if size(&tried) <= MAX_MAIL_BYTES {
            (fits, best) = (middle, tried);
        } else {
            too_large = middle;
        }
    }
    Ok(best)
}

fn template_name(kind: NotificationKind, part: Part) -> String {
    format!("{}/{}", kind.as_str(), part.file_name())
}

/// The engine's own escaping also replaces `/`, which makes addresses unreadable in the source.
fn write_escaped(out: &mut minijinja::Output<'_>, text: &str) -> Result<(), minijinja::Error> {
    let mut rest = text;
    while let Some((plain, special)) =
        rest.find(['&', '<', '>', '"', '\'']).and_then(|at| rest.split_at_checked(at))
    {
        out.write_str(plain)?;
        let mut chars = special.chars();
        out.write_str(match chars.next() {
            Some('&') => "&amp;",
            Some('<') => "&lt;",
            Some('>') => "&gt;",
            Some('"') => "&quot;",
            _ => "&#39;",
        })?;
        rest = chars.as_str();
    }
    Ok(out.write_str(rest)?)
}

fn syntax_error(name: &str, error: &minijinja::Error) -> Error {
    Error::Syntax { template: name.to_owned(), line: error.line().unwrap_or(0), reason: plain_words(error) }
}

fn plain_words(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}
