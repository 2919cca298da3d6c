//! What must not be shown of a configuration file: passwords written into it and logins inside URLs.
//!
//! Data in: the text of a file, well-formed or not. Data out: the byte ranges to hide.
//!
//! **Invariant:** works on the text alone, since a password must stay hidden just when the file does not
//! parse or its key is misspelt. In doubt it hides too much.
//!
//! Rejected: marking secrets while the parsed document is walked, which hides nothing of a file with a syntax
//! error.

use std::ops::Range;

/// Stands for whatever was hidden, so that its length is not told.
pub(super) const HIDDEN: &str = "***";

/// Keys under `password` that name where the secret is, and so are no secret themselves.
const NAMES_OF_SECRETS: [&str; 3] = ["credential", "file", "env"];
/// A key that contains one of these holds a secret.
const SECRET_WORDS: [&str; 12] = [
    "pass",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "auth",
    "bearer",
    "cookie",
    "session",
    "signature",
];
/// A key at least this similar to `password` (Damerau-Levenshtein, 0 to 1) is one misspelt; chosen so that
/// `pasword` and `passwort` fall in and no key of ours does.
const MISSPELT: f64 = 0.6;
/// A table whose address is a secret, and how similar a name must be to be it misspelt.
const PING: (&str, f64) = ("ping", 0.7);

/// Shorter strings than this occur by chance.
const SHORTEST_COPIED: usize = 4;
/// Secrets whose copies are looked for; a configuration holds one or two.
const MOST_COPIED: usize = 16;

/// Byte ranges of `text` that hold secrets, in order, without overlap.
pub(super) fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut scan =
        Scan { text, at: 0, key: Key::Other, hidden: Vec::new(), inside: Vec::new(), table: Key::Other };
    scan.run();
    scan.hidden.extend(on_broken_lines(text));
    let copies = copies(text, &scan.hidden);
    scan.hidden.extend(copies);
    merged(scan.hidden)
}

/// Where the strings that are hidden occur once more, as in a line that was copied in part.
fn copies(text: &str, hidden: &[Range<usize>]) -> Vec<Range<usize>> {
    let literals = hidden.iter().filter_map(|range| {
        let literal = text.get(range.clone())?;
        let quote = literal.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let inner = literal.strip_prefix(quote)?.strip_suffix(quote)?;
        (inner.len() >= SHORTEST_COPIED).then_some(inner)
    });
    literals
        .take(MOST_COPIED)
        .flat_map(|inner| text.match_indices(inner).map(|(at, _)| at..at + inner.len()))
        .collect()
}

/// What to hide on lines with a quote that has no partner, on which the scan takes what is inside quotes for what is
/// outside: all behind the `=` of a secret, and logins in URLs.
fn on_broken_lines(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        let single = line.replace("\\\"", "");
        if ['"', '\''].iter().any(|quote| !single.matches(*quote).count().is_multiple_of(2)) {
            for (at, _) in line.match_indices('=') {
                let before = line.get(..at).unwrap_or("");
                let name = before.rsplit(['{', ',']).next().unwrap_or("");
                let value = line.get(at + 1..).unwrap_or("");
                if classify(name) == Key::Secret {
                    found.push(start + line.len() - value.trim_start().len()..start + line.len());
                }
            }
            // Even its `=` may be the character that was lost.
            if let Some(word) = line.to_ascii_lowercase().find("passw").filter(|_| !line.starts_with('#')) {
                let behind = line.get(word..).unwrap_or("");
                let end = behind.find(|c: char| !c.is_alphanumeric()).unwrap_or(behind.len());
                let value = behind.get(end..).unwrap_or("").trim_start_matches([' ', '\t', '=']);
                found.push(start + line.len() - value.len()..start + line.len());
            }
            let mut at = 0;
            for part in line.split(['"', '\'', ' ', '\t']) {
                let login = login_in_url(part).filter(|_| part.contains("://"));
                found.extend(login.map(|r| start + at + r.start..start + at + r.end));
                at += part.len() + 1;
            }
        }
        start += line.len() + 1;
    }
    found
}

/// The ranges in order, those that touch made one, empty ones left out.
fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_by_key(|range| range.start);
    let mut out: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match out.last_mut().filter(|last| range.start < last.end) {
            Some(last) => last.end = last.end.max(range.end),
            None => out.push(range),
        }
    }
    out
}

/// The text in `range` with each hidden stretch replaced by [`HIDDEN`].
pub(super) fn shown(text: &str, range: Range<usize>, hidden: &[Range<usize>]) -> String {
    let mut out = String::new();
    let mut at = range.start;
    for secret in hidden.iter().filter(|s| s.start < range.end && s.end > range.start) {
        out.push_str(text.get(at..secret.start.max(at)).unwrap_or(""));
        out.push_str(HIDDEN);
        at = secret.end.max(at);
    }
    out.push_str(text.get(at.min(range.end)..range.end).unwrap_or(""));
    out
}

/// What the value of a key is.
#[derive(Clone, Copy, PartialEq)]
enum Key {
    /// A secret, or a table with one.
    Secret,
    /// The name of a secret.
    NameOfSecret,
    /// Anything else.
    Other,
}

fn classify(name: &str) -> Key {
    let name = name.trim().to_lowercase();
    let last = name.rsplit('.').next().unwrap_or("").trim().trim_matches(['"', '\'']).to_owned();
    let secret = |part: &str| {
        SECRET_WORDS.iter().any(|word| part.contains(word))
            || strsim::normalized_damerau_levenshtein(part, "password") >= MISSPELT
            || strsim::normalized_damerau_levenshtein(part, PING.0) >= PING.1
    };
    if NAMES_OF_SECRETS.contains(&last.as_str()) {
        Key::NameOfSecret
    } else if name.split('.').any(|part| secret(part.trim().trim_matches(['"', '\'']))) {
        Key::Secret
    } else {
        Key::Other
    }
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
    key: Key,
    hidden: Vec<Range<usize>>,
    inside: Vec<Key>,
    table: Key,
}

impl<'t> Scan<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn run(&mut self) {
        let mut line_start = 0;
        while let Some(c) = self.rest().chars().next() {
            match c {
                '\n' => {
                    line_start = self.at + 1;
                    if self.inside.is_empty() {
                        self.key = Key::Other;
                    }
                }
                '[' if self.text.get(line_start..self.at).is_some_and(|t| t.trim().is_empty())
                    && self.inside.is_empty() =>
                {
                    self.header();
                    continue;
                }
                '=' => {
                    self.value(line_start);
                    continue;
                }
                '{' => self.inside.push(self.key),
                '}' => self.key = self.inside.pop().map_or(Key::Other, |_| Key::Other),
                '#' => {
                    self.comment();
                    continue;
                }
                '"' | '\'' => {
                    self.string(Key::Other);
                    continue;
                }
                _ => {}
            }
            self.at += c.len_utf8();
        }
    }

    /// `[mail.smtp.password]`: what stands in such a table is a secret.
    fn header(&mut self) {
        let line = self.rest().lines().next().unwrap_or("");
        self.table = classify(line.trim().trim_matches(['[', ']']));
        self.at += line.len();
    }

    /// At `=`: the name before it decides what the value is.
    fn value(&mut self, line_start: usize) {
        let before = self.text.get(line_start..self.at).unwrap_or("");
        let name = match before.rsplit_once(['{', ',']) {
            Some((_, name)) => name.to_owned(),
            // A stray line end may have cut the name off, or in two.
            None => format!("{}{before}", name_above(self.text.get(..line_start).unwrap_or(""))),
        };
        let around = self.inside.last().copied().unwrap_or(self.table);
        // A stray character may have cut it in two.
        let letters: String = before.chars().filter(|c| c.is_alphanumeric()).collect();
        let cut = ["password", "passwd"].iter().any(|word| letters.to_lowercase().ends_with(word));
        let own = if cut { Key::Secret } else { classify(&name) };
        self.key = match (own, around) {
            (Key::Other, Key::Secret) => Key::Secret,
            (own, _) => own,
        };
        self.at += 1;
        let blank = self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
        self.at += blank;
        let rest = self.rest();
        if rest.starts_with(['"', '\'']) {
            self.string(self.key);
        } else if self.key == Key::Secret && !rest.starts_with('{') {
            let line = rest.lines().next().unwrap_or("");
            let end = line.find('}').filter(|_| !self.inside.is_empty()).unwrap_or(line.len());
            self.hide(self.at..self.at + end);
            self.at += end;
        }
    }

    /// At a quote: passes the string by, hidden when it is a secret, its URL logins hidden in any case.
    fn string(&mut self, key: Key) {
        let rest = self.rest();
        let delimiter =
            ["\"\"\"", "'''", "\"", "'"].into_iter().find(|d| rest.starts_with(d)).unwrap_or("\"");
        let body = rest.get(delimiter.len()..).unwrap_or("");
        let length = string_length(body, delimiter);
        let start = self.at;
        self.at += (delimiter.len() + length).min(rest.len());
        let content = body.get(..length).unwrap_or(body);
        let closes = self.rest().starts_with(delimiter);
        let login =
            login_in_url(content).map(|r| start + delimiter.len() + r.start..start + delimiter.len() + r.end);
        if closes {
            self.at += delimiter.len();
        }
        // A string without a key in the table of a secret is the secret, its key lost.
        let lost = self.inside.last() == Some(&Key::Secret) && key == Key::Other;
        let key = if lost && !self.rest().trim_start().starts_with('=') { Key::Secret } else { key };
        match (key, login) {
            (Key::Secret, _) => self.hide(start..self.at),
            (_, Some(login)) => self.hide(login),
            _ => {}
        }
    }

    /// A comment beside a secret may repeat it.
    fn comment(&mut self) {
        let length = self.rest().lines().next().unwrap_or("").len();
        let (start, end) = (self.at, self.at + length);
        let line_start = self.text.get(..start).and_then(|t| t.rfind('\n')).map_or(0, |at| at + 1);
        let name = self.text.get(line_start..start).and_then(|t| t.split('=').next()).unwrap_or("");
        if classify(name) == Key::Secret || self.hidden.last().is_some_and(|h| h.end > line_start) {
            self.hide(start..end);
        }
        self.at = end;
    }

    fn hide(&mut self, range: Range<usize>) {
        if !range.is_empty() {
            self.hidden.push(range);
        }
    }
}

/// The name without a value in which `text` ends, before its last line end; empty when it ends otherwise.
fn name_above(text: &str) -> &str {
    let line = text.strip_suffix('\n').unwrap_or(text).rsplit('\n').next().unwrap_or("");
    let tail = line.rsplit(['{', ',']).next().unwrap_or("").trim();
    let is_name = |c: char| c.is_alphanumeric() || "_-.\"'".contains(c);
    if tail.chars().all(is_name) { tail } else { "" }
}

/// Bytes up to the closing delimiter, or to the end of the line (of the text for a multi-line string).
fn string_length(body: &str, delimiter: &str) -> usize {
    let multi_line = delimiter.len() == 3;
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' && delimiter.starts_with('"') {
            escaped = true;
        } else if body.get(at..).is_some_and(|rest| rest.starts_with(delimiter)) {
            return at;
        }
        if c == '\n' && !multi_line {
            return at;
        }
    }
    body.len()
}

/// Range of `user:password` in `scheme://user:password@host`, the scheme left out or not.
fn login_in_url(content: &str) -> Option<Range<usize>> {
    let scheme = content.find("://").map(|at| at + 3);
    let start = scheme.unwrap_or(0);
    let rest = content.get(start..)?;
    let end = rest.rfind('@')?;
    let login = rest.get(..end)?;
    // An `@` may stand in a path; without a scheme only the colon tells a login from an address.
    let is_login = login.contains(':') || scheme.is_some() && !login.contains('/');
    is_login.then_some(start..start + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_the_rest_is_not() {
        let check = |text: &str, want: &str| {
            assert_eq!(shown(text, 0..text.len(), &secrets(text)), want, "{text}");
        };
        check("password = \"hunter2\"", "password = ***");
        check("smtp.password='hunter2'\nx = \"y\"", "smtp.password=***\nx = \"y\"");
        check("\"password\" = \"hunter2\"", "\"password\" = ***");
        check(
            "smtp = { url = \"smtp://h\", password = \"hunter2\", x = 1 }",
            "smtp = { url = \"smtp://h\", password = ***, x = 1 }",
        );
        check("password = { credential = \"smtp\" }", "password = { credential = \"smtp\" }");
        check(
            "password = { value = \"hunter2\", file = \"/a\" }",
            "password = { value = ***, file = \"/a\" }",
        );
        check("pasword = \"hunter2\"\nPasswd = \"hunter2\"", "pasword = ***\nPasswd = ***");
        check(
            "[mail.smtp.password]\nliteral = \"hunter2\"\n[poll]\nx = \"y\"",
            "[mail.smtp.password]\nliteral = ***\n[poll]\nx = \"y\"",
        );
        check("password = \"\"\"\nhunter2\n\"\"\"\nx = 1", "password = ***\nx = 1");
        check("password = \"hunter2\nx = 1", "password = ***\nx = 1");
        check("password = hunter2", "password = ***");
        check("password = [\"hunter2\"]", "password = ***");
        check("password = \"hun\\\"ter2\" # was hunter2", "password = *** ***");
        check("password = \"hunter2\"\n= \"hunter2\" }", "password = ***\n= \"***\" }");
        check("password = \"abc\"\nx = \"abc\"", "password = ***\nx = \"abc\"");
        check("password ={\"hunter2\" }", "password ={*** }");
        check("url = \"x\", pass{word = \"hunter2\" }", "url = \"x\", pass{word = *** }");
        check("x = 1, password ' \"hunter2\" }", "x = 1, password ***");
        check("password = { \"file\" = \"/a\" }", "password = { \"file\" = \"/a\" }");
        check(
            "ping = { url = \"https://h.example/key\", every = \"5m\" }",
            "ping = { url = ***, every = *** }",
        );
        check(
            "[operator.ping]\nurl = 'https://h/key'\n[poll]\nx = 'y'",
            "[operator.ping]\nurl = ***\n[poll]\nx = 'y'",
        );
        check("ping.url = \"https://h/key\"", "ping.url = ***");
        check("pnig = { url = \"https://h/key\" }", "pnig = { url = *** }");
        check("ping = { url = { env = \"PING\" } }", "ping = { url = { env = \"PING\" } }");
        check("shipping = [\"a\"]", "shipping = [\"a\"]");
        // Lines that a stray line end or quote has broken.
        check(
            "url = \"\nsmtps://me@h\", password = \"hunter2\" }",
            "url = \"\nsmtps://***@h\", password = ***",
        );
        check("'me:x', password = 'hunter2' }'", "'me:x', password = ***");
        check("smtps://me:hunter2@h\", user = \"me\"", "smtps://***@h\", user = \"me\"");
        check("{ x = 1, password\n= \"hunter2\" }", "{ x = 1, password\n= *** }");
        check("{ x = 1, pass\nword = hunter2 }", "{ x = 1, pass\nword = ***}");
        check("x\" pasword=hunter2", "x\" pasword=***");
        check("url = \"smtps://me:hunter2@h:465\"", "url = \"smtps://***@h:465\"");
        check("url = \"me:hunter2@h/feed\"", "url = \"***@h/feed\"");
        check("url = \"https://me:hun/ter2@h/\"", "url = \"https://***@h/\"");
        check("url = \"https://social.example/@me.rss\"", "url = \"https://social.example/@me.rss\"");
        check(
            "# a comment = \"x\"\nfrom = 'W <w@localhost>'",
            "# a comment = \"x\"\nfrom = 'W <w@localhost>'",
        );
    }

    #[test]
    fn copies_are_looked_for_up_to_the_limits() {
        let copied = |length: usize, secrets_before: usize| {
            let value = "z".repeat(length);
            let before: String =
                (0..secrets_before).map(|n| format!("password = \"other{n:03}\"\n")).collect();
            let text = format!("{before}password = \"{value}\"\nx = \"{value}\"");
            !shown(&text, 0..text.len(), &secrets(&text)).contains(&value)
        };
        assert!(!copied(SHORTEST_COPIED - 1, 0) && copied(SHORTEST_COPIED, 0));
        assert!(copied(SHORTEST_COPIED, MOST_COPIED - 1) && !copied(SHORTEST_COPIED, MOST_COPIED));
    }
}
