//! Configuration files as text, and places in them.
//!
//! Data in: the bytes of a file. Data out: [`Source`] (text with an index of its lines) and [`Place`] (a span
//! in it, which knows its line and column, and what of that line may be shown).
//!
//! **Invariant:** `Debug` of these types shows no text of the file, and [`Place::excerpt`] shows none of its
//! secrets (see `mask`).
//!
//! Rejected: `toml::Spanned` kept up to the end, which knows byte offsets but neither the file nor the line.

use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use super::mask;

/// A configuration file in memory.
pub(super) struct Source {
    path: PathBuf,
    order: usize,
    text: String,
    line_starts: Vec<usize>,
    secrets: OnceLock<Vec<Range<usize>>>,
}

impl Source {
    /// `order` is the file's turn in the load: later files override earlier ones.
    pub(super) fn new(path: &Path, order: usize, text: String) -> Arc<Self> {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Arc::new(Self { path: path.to_owned(), order, text, line_starts, secrets: OnceLock::new() })
    }

    /// Text that was typed as the argument `name` of a command; it is shown whole.
    pub(super) fn argument(name: &str, text: &str) -> Arc<Self> {
        let source = Self::new(Path::new(name), 0, text.to_owned());
        source.secrets.get_or_init(Vec::new);
        source
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The span of the line that holds `offset`, without its line end, and its 1-based number.
    fn line_at(&self, offset: usize) -> (usize, Range<usize>) {
        let number = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = self.line_starts.get(number - 1).copied().unwrap_or(0);
        let rest = self.text.get(start..).unwrap_or("");
        let line = rest.split('\n').next().unwrap_or("").trim_end_matches('\r');
        (number, start..start + line.len())
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({})", self.path.display())
    }
}

/// Line and column of a place, both counted from 1; a column is a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Character in that line.
    pub column: usize,
}

/// A place in a configuration file, or the file as a whole. Cheap to clone.
#[derive(Clone)]
pub struct Place(Inner);

#[derive(Clone)]
enum Inner {
    Whole(Arc<Path>),
    Span(Arc<Source>, Range<usize>),
}

/// The line of a place as it may be shown, and the byte range in it that is meant.
pub(super) struct Excerpt {
    pub(super) line: String,
    pub(super) marked: Range<usize>,
}

impl Place {
    /// The file as a whole.
    pub fn file_only(path: &Path) -> Self {
        Self(Inner::Whole(Arc::from(path)))
    }

    pub(super) fn span(source: &Arc<Source>, span: Range<usize>) -> Self {
        Self(Inner::Span(Arc::clone(source), span))
    }

    /// Path of the file.
    pub fn file(&self) -> &Path {
        match &self.0 {
            Inner::Whole(path) => path,
            Inner::Span(source, _) => source.path(),
        }
    }

    /// Where in the file; `None` when the file as a whole is meant.
    pub fn position(&self) -> Option<Position> {
        let Inner::Span(source, span) = &self.0 else { return None };
        let (line, range) = source.line_at(span.start);
        let before = source.text.get(range.start..span.start).unwrap_or("");
        Some(Position { line, column: before.chars().count() + 1 })
    }

    /// The place of the bytes `within` of the decoded value of the string literal at this place.
    ///
    /// Escapes and the delimiters of the literal are accounted for; what lies outside is cut to the literal.
    pub(super) fn inside_string(&self, within: Range<usize>) -> Self {
        let Inner::Span(source, span) = &self.0 else { return self.clone() };
        let raw = source.text.get(span.clone()).unwrap_or("");
        let start = span.start + raw_offset(raw, within.start);
        let end = span.start + raw_offset(raw, within.end.max(within.start));
        Self::span(source, start..end.max(start))
    }

    /// The order in which places are reported: by file in order of loading, then by offset.
    pub(super) fn sort_key(&self) -> (usize, usize) {
        match &self.0 {
            Inner::Whole(_) => (0, 0),
            Inner::Span(source, span) => (source.order, span.start),
        }
    }

    /// The line with its secrets masked; at least one character is marked, unless the line is empty.
    pub(super) fn excerpt(&self) -> Option<Excerpt> {
        let Inner::Span(source, span) = &self.0 else { return None };
        let (_, line) = source.line_at(span.start);
        let hidden = source.secrets.get_or_init(|| mask::secrets(source.text()));
        let start = span.start.clamp(line.start, line.end);
        let end = span.end.clamp(start, line.end);
        let show = |range: Range<usize>| mask::shown(source.text(), range, hidden);
        let (before, marked, after) = (show(line.start..start), show(start..end), show(end..line.end));
        let from = before.len();
        let to = match marked.len() {
            0 => from + after.chars().next().map_or(0, char::len_utf8),
            len => from + len,
        };
        Some(Excerpt { line: before + &marked + &after, marked: from..to })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file().display())?;
        match self.position() {
            Some(at) => write!(f, ":{}:{}", at.line, at.column),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
}

/// A string of the configuration that remembers where it stands.
#[derive(Debug, Clone)]
pub struct Text {
    /// The decoded string.
    pub value: String,
    /// The whole literal, delimiters included.
    pub place: Place,
}

impl Text {
    /// The place of the byte range `within` of [`Text::value`]: what an error inside the string points at.
    pub fn at(&self, within: Range<usize>) -> Place {
        self.place.inside_string(within)
    }

    /// The place of the string's first character.
    pub fn first_character(&self) -> Place {
        self.at(0..self.value.chars().next().map_or(0, char::len_utf8))
    }
}

/// The offset in the literal `raw` (delimiters included) of the character at byte `decoded` of its value.
fn raw_offset(raw: &str, decoded: usize) -> usize {
    let delimiter = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|d| raw.starts_with(d)).unwrap_or("");
    let multi_line = delimiter.len() == 3;
    let escapes = delimiter.starts_with('"');
    let mut at = delimiter.len();
    if multi_line {
        let body = raw.get(at..).unwrap_or("");
        at += if body.starts_with("\r\n") { 2 } else { usize::from(body.starts_with('\n')) };
    }
    let last = raw.len().saturating_sub(delimiter.len()).max(at);
    let mut produced = 0;
    while produced < decoded && at < last {
        let rest = raw.get(at..last).unwrap_or("");
        let (taken, made) = match rest.strip_prefix('\\') {
            Some(after) if escapes => escape(after),
            _ if rest.starts_with("\r\n") => (2, 1),
            _ => rest.chars().next().map_or((1, 1), |c| (c.len_utf8(), c.len_utf8())),
        };
        at += taken;
        produced += made;
    }
    at.min(last)
}

/// Bytes of the escape sequence (backslash included) and of the character it stands for; `after` follows the
/// backslash. TOML 1.1, "String".
fn escape(after: &str) -> (usize, usize) {
    let digits = match after.chars().next() {
        Some('x') => 2,
        Some('u') => 4,
        Some('U') => 8,
        Some(c) if c.is_whitespace() => {
            return (1 + after.len() - after.trim_start().len(), 0);
        }
        _ => return (2, 1),
    };
    let code = after.get(1..1 + digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let made = code.and_then(char::from_u32).map_or(1, char::len_utf8);
    (2 + digits, made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_inside_strings_count_escapes_and_delimiters() {
        let check = |raw: &str, decoded: usize, want: usize| {
            assert_eq!(raw_offset(raw, decoded), want, "{raw} at {decoded}");
        };
        check(r#""abc""#, 0, 1);
        check(r#""abc""#, 2, 3);
        check(r#""abc""#, 9, 4);
        check(r#""a\tb""#, 2, 4);
        check(r#""\u7A00土""#, 3, 7);
        check(r#""\x41b""#, 1, 5);
        check("'a\\tb'", 2, 3);
        check("\"\"\"\nab\"\"\"", 1, 5);
        check("'''\r\nab'''", 0, 5);
        check("\"\"\"a\\\n   b\"\"\"", 1, 4);
        check("\"\"\"a\\\n   b\"\"\"", 2, 10);
        check("", 3, 0);
    }

    #[test]
    fn columns_are_characters_and_lines_count_from_one() {
        let source = Source::new(Path::new("w.toml"), 0, "a = 1\r\nб稀 = \"x\"\n".to_owned());
        let check = |offset: usize, line: usize, column: usize| {
            let place = Place::span(&source, offset..offset + 1);
            assert_eq!(place.position(), Some(Position { line, column }), "{offset}");
        };
        check(0, 1, 1);
        check(4, 1, 5);
        check(7, 2, 1);
        check(12, 2, 3);
        check(source.text().len(), 3, 1);
        let place = Place::span(&source, 15..18);
        let excerpt = place.excerpt().unwrap();
        assert_eq!((excerpt.line.as_str(), &excerpt.line[excerpt.marked]), ("б稀 = \"x\"", "\"x\""));
        assert_eq!(place.to_string(), "w.toml:2:6");
    }

    #[test]
    fn debug_shows_no_text() {
        let source = Source::new(Path::new("w.toml"), 0, "password = \"hunter2\"".to_owned());
        let shown = format!("{source:?} {:?}", Place::span(&source, 0..8));
        assert_eq!(shown, "Source(w.toml) Place(w.toml:1:1)");
    }
}
