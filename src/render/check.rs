//! Whether templates of an operator make mails that may be sent.
//!
//! Data in: [`Templates`]. Data out: the first thing that is wrong, with its place.
//!
//! **Invariant:** templates that pass render every case there is (see [`super::cases`]) without an error, load nothing,
//! run nothing, link only to http, https and mailto, and let no text of a feed become markup.
//!
//! Rejected: to forbid what HTML can do by a list of words in the source. What counts is what comes out.

use std::{cell::RefCell, collections::BTreeSet};

use html5ever::{
    tendril::StrTendril,
    tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer},
};

use super::{Error, Part, Templates, cases, render, template_name};
use crate::model::NotificationKind;

/// Elements that load, run or ask something, or change how addresses are read.
const ELEMENTS: &[&str] = &[
    "script", "iframe", "frame", "object", "embed", "applet", "form", "input", "button", "select",
    "textarea", "img", "picture", "video", "audio", "source", "track", "svg", "math", "link", "base",
    "template", "portal",
];
/// Attributes that load something.
const ATTRIBUTES: &[&str] =
    &["src", "srcset", "srcdoc", "background", "poster", "action", "formaction", "ping", "data"];
/// What loads something from within a style.
const STYLES: &[&str] = &["url(", "@import", "expression(", "image-set("];
/// Schemes of links.
const SCHEMES: &[&str] = &["http:", "https:", "mailto:"];
/// Statements a template may use: choices, loops and what joins templates. Nothing that changes escaping or keeps
/// values.
const STATEMENTS: &[&str] = &[
    "if", "elif", "else", "endif", "for", "endfor", "block", "endblock", "extends", "from", "import",
    "include", "macro", "endmacro",
];

/// Renders every case with `templates` and looks at what comes out.
///
/// # Errors
/// The first fault: [`Error::Render`], [`Error::TooLarge`] or [`Error::Refused`].
pub fn check(templates: &Templates) -> Result<(), Error> {
    let (hostile, plain): (Vec<_>, Vec<_>) =
        cases().into_iter().partition(|case| case.name.contains("-hostile-"));
    let mut known: BTreeSet<(NotificationName, String)> = BTreeSet::new();
    for case in plain {
        let kind = case.notification.kind;
        let html = render(&case.notification, templates)?.html;
        let lower = html.to_lowercase();
        if let Some(word) = STYLES.iter().find(|word| lower.contains(**word)) {
            return Err(refused(
                templates,
                kind,
                word,
                &format!("mails may not hold `{word}`: they load nothing"),
            ));
        }
        for tag in tags(&html) {
            fit(templates, kind, &tag)?;
            known.extend(names(&tag).into_iter().map(|name| (kind.as_str(), name)));
        }
    }
    for case in hostile {
        let kind = case.notification.kind;
        let html = render(&case.notification, templates)?.html;
        let strange =
            tags(&html).iter().flat_map(names).find(|name| !known.contains(&(kind.as_str(), name.clone())));
        if let Some(name) = strange {
            let reason = format!("text of a feed can become markup here: <{name}> came out of a headline");
            return Err(refused(templates, kind, "", &reason));
        }
    }
    Ok(())
}

type NotificationName = &'static str;

/// The first statement of `source` that is not among [`STATEMENTS`], with its line.
pub(super) fn strange_statement(source: &str) -> Option<(usize, String)> {
    let mut rest = source;
    let mut line = 1;
    while let Some((at, is_comment)) = next_tag(rest) {
        let (before, tag) = rest.split_at_checked(at)?;
        line += before.matches('\n').count();
        let end = if is_comment { "#}" } else { "%}" };
        let inside = tag.get(2..).unwrap_or_default().split(end).next().unwrap_or_default();
        let word: String = inside
            .trim_start_matches(['-', '+'])
            .trim_start()
            .chars()
            .take_while(|c| c.is_alphanumeric())
            .collect();
        if !is_comment && !STATEMENTS.contains(&word.as_str()) {
            return Some((line, word));
        }
        line += inside.matches('\n').count();
        rest = tag.get(2 + inside.len()..).unwrap_or_default();
    }
    None
}

/// Where the next statement or comment begins, and whether it is a comment.
fn next_tag(text: &str) -> Option<(usize, bool)> {
    match (text.find("{%"), text.find("{#")) {
        (Some(statement), Some(comment)) => Some((statement.min(comment), comment < statement)),
        (Some(statement), None) => Some((statement, false)),
        (None, comment) => comment.map(|at| (at, true)),
    }
}

fn fit(templates: &Templates, kind: NotificationKind, tag: &Tag) -> Result<(), Error> {
    let element: &str = &tag.name;
    if ELEMENTS.contains(&element) {
        let reason =
            format!("mails may not hold <{element}>: they load nothing, run nothing and ask nothing");
        return Err(refused(templates, kind, &format!("<{element}"), &reason));
    }
    for attribute in &tag.attrs {
        let name: &str = &attribute.name.local;
        let value = attribute.value.trim().to_ascii_lowercase();
        if ATTRIBUTES.contains(&name) || name.starts_with("on") || (element == "meta" && name == "http-equiv")
        {
            let reason =
                format!("mails may not hold the attribute `{name}`: they load nothing and run nothing");
            return Err(refused(templates, kind, name, &reason));
        }
        if name == "href" && !SCHEMES.iter().any(|scheme| value.starts_with(scheme)) {
            return Err(refused(templates, kind, "href", "links must begin with http:, https: or mailto:"));
        }
    }
    Ok(())
}

/// The element and each of its attributes, as `a` and `a href`.
fn names(tag: &Tag) -> Vec<String> {
    let attributes = tag.attrs.iter().map(|attribute| format!("{} {}", tag.name, attribute.name.local));
    std::iter::once(tag.name.to_string()).chain(attributes).collect()
}

/// The refusal, placed at the first line of a template of the kind, or of a shared one, that holds `word`.
fn refused(templates: &Templates, kind: NotificationKind, word: &str, reason: &str) -> Error {
    let own = template_name(kind, Part::Html);
    let shared = ["shared/page.html", "shared/story.html"].map(str::to_owned);
    let place = [own.clone()].into_iter().chain(shared).find_map(|name| {
        let source = templates.source(&name)?.to_lowercase();
        let line = source.lines().position(|line| !word.is_empty() && line.contains(word))?;
        Some((name, line + 1))
    });
    let (template, line) = place.unwrap_or((own, 0));
    Error::Refused { template, line, reason: reason.to_owned() }
}

/// The start tags of `html`.
fn tags(html: &str) -> Vec<Tag> {
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(html));
    let tokenizer = Tokenizer::new(Tags::default(), Default::default());
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.0.into_inner()
}

#[derive(Default)]
struct Tags(RefCell<Vec<Tag>>);

impl TokenSink for Tags {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        if let Token::TagToken(tag) = token
            && tag.kind == TagKind::StartTag
        {
            self.0.borrow_mut().push(tag);
        }
        TokenSinkResult::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, source: &str) -> Result<(), Error> {
        Templates::builtin().unwrap().with_file(name, source).and_then(|templates| check(&templates))
    }

    #[test]
    fn the_templates_of_the_program_pass() {
        check(&Templates::builtin().unwrap()).unwrap();
    }

    #[test]
    fn what_loads_runs_or_asks_is_refused_with_its_line() {
        let check = |source: &str, want: &str| {
            let error = with("alert/body.html", &format!("<p>\n{source}")).unwrap_err().to_string();
            assert!(
                error.starts_with("template `alert/body.html`, line 2: ") && error.contains(want),
                "{error}"
            );
        };
        check("<script>1</script>", "<script>");
        check("<IMG SRC='cid:a'>", "<img>");
        check("<p background=\"https://a.example/\">", "`background`");
        check("<p onclick=\"x\">", "`onclick`");
        check("<p style=\"background:URL(https://a.example/x)\">", "`url(`");
        check("<a href=\"javascript:1\">a</a>", "links must begin");
        check("<a href=\"/relative\">a</a>", "links must begin");
        check("<form><input></form>", "<form>");
        assert_eq!(with("alert/body.html", "<a href=\"mailto:a@example.org\">a</a>"), Ok(()));
    }

    #[test]
    fn escaping_cannot_be_turned_off() {
        let check = |source: &str, want: &str| {
            let error = with("alert/body.html", source).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        };
        check("{{ subject.headline | safe }}", "unknown filter");
        check(
            "{% autoescape false %}{{ subject.headline }}{% endautoescape %}",
            "`autoescape` is no statement",
        );
        check("{# {% if %} #}\n{%- set a = 1 %}", "line 2: `set` is no statement");
        check("{{ debug() }}", "unknown function");
    }
}
