//! The rules of the house, held against the source.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Which modules each module may name besides itself. `*`: any.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("text", &[]),
    ("feed", &["model", "text"]),
    ("query", &["model", "text"]),
    ("matching", &["model", "text", "query"]),
    ("story", &["model", "text"]),
    ("schedule", &["model"]),
    ("health", &["model"]),
    ("plan", &["model", "schedule"]),
    ("render", &["model", "text"]),
    ("clock", &["model"]),
    ("fetch", &["model", "clock"]),
    ("store", &["model"]),
    ("mail", &["model", "clock"]),
    ("systemd", &[]),
    ("search", &["model", "query", "matching", "store"]),
    ("config", &["*"]),
    ("daemon", &["*"]),
    ("cli", &["*"]),
    ("main", &["cli"]),
];
/// Modules without IO, clock, environment or async.
const PURE: &[&str] =
    &["model", "text", "feed", "query", "matching", "story", "schedule", "health", "plan", "render"];
const NOT_PURE: &[&str] = &[
    "tokio",
    "reqwest",
    "rusqlite",
    "lettre",
    "hyper",
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "Timestamp::now",
];
/// Crates with one home.
const HOMES: &[(&str, &str)] = &[
    ("rusqlite::", "store"),
    ("reqwest::", "fetch"),
    ("lettre::", "mail"),
    ("feed_rs::", "feed"),
    ("sd_notify::", "systemd"),
    ("aws_lc_rs::", "store, mail"),
];
const SQL: &[&str] = &["SELECT ", "INSERT INTO ", "INSERT OR ", "DELETE FROM ", "CREATE TABLE ", "PRAGMA "];
const MAX_LINES: usize = 600;
const MAX_MAIN_LINES: usize = 50;

/// One source file: its module, its path, its text.
struct Source {
    module: String,
    path: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources(dir: &str) -> Vec<Source> {
    let base = root().join(dir);
    let mut files = Vec::new();
    rust_files(&base, &mut files);
    files.sort();
    assert!(!files.is_empty(), "no sources under {dir}");
    files
        .into_iter()
        .map(|path| {
            let inside = path.strip_prefix(&base).unwrap();
            let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
            Source {
                module: first.trim_end_matches(".rs").to_owned(),
                path: path.strip_prefix(root()).unwrap().display().to_string(),
                text: fs::read_to_string(&path).unwrap(),
            }
        })
        .collect()
}

/// The text outside comments, up to the test module.
fn code(text: &str) -> String {
    let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    product.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Top-level modules of this crate that the code names.
fn named_modules(code: &str) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut named = BTreeSet::new();
    for start in ["crate::", "wirewatch::"] {
        for (at, _) in code.match_indices(start) {
            let rest = &code[at + start.len()..];
            match rest.strip_prefix('{') {
                None => drop(named.insert(word(rest))),
                Some(list) => named.extend(outer_words(list)),
            }
        }
    }
    named
}

/// The first word of each entry of a `{a::{b, c}, d}` list whose opening brace was taken off.
fn outer_words(list: &str) -> Vec<String> {
    let (mut depth, mut entry, mut words) = (0, String::new(), Vec::new());
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => words.push(std::mem::take(&mut entry)),
            _ if depth == 0 => entry.push(c),
            _ => {}
        }
    }
    words.push(entry);
    words
        .iter()
        .map(|entry| {
            entry.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
        })
        .filter(|word| !word.is_empty())
        .collect()
}

/// Every breach of the rules in one file.
fn breaches(source: &Source) -> Vec<String> {
    let Source { module, path, text } = source;
    let mut found = Vec::new();
    if !text.starts_with("//!") {
        found.push(format!("{path}: does not open with `//!`"));
    }
    let lines = text.lines().count();
    if lines > MAX_LINES {
        found.push(format!("{path}: {lines} lines, more than {MAX_LINES}"));
    }
    if module == "lib" {
        return found;
    }
    let code = code(text);
    let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| name == module) else {
        found.push(format!("{path}: module `{module}` is not in the matrix"));
        return found;
    };
    for other in named_modules(&code) {
        let known = MAY_IMPORT.iter().any(|(name, _)| *name == other);
        if known && other != *module && !allowed.contains(&"*") && !allowed.contains(&other.as_str()) {
            found.push(format!("{path}: `{module}` may not use `{other}`"));
        }
    }
    if PURE.contains(&module.as_str()) {
        let used = NOT_PURE.iter().filter(|word| code.contains(**word));
        found.extend(used.map(|word| format!("{path}: `{word}` in the pure core")));
    }
    for (word, home) in HOMES {
        if code.contains(word) && !home.split(", ").any(|home| module == home) {
            found.push(format!("{path}: `{word}` outside `{home}`"));
        }
    }
    if module != "store" {
        let used = SQL.iter().filter(|word| code.contains(**word));
        found.extend(used.map(|word| format!("{path}: SQL (`{}`) outside `store`", word.trim())));
    }
    if module == "main" && lines > MAX_MAIN_LINES {
        found.push(format!("{path}: {lines} lines, more than {MAX_MAIN_LINES}"));
    }
    found
}

#[test]
fn the_source_keeps_the_rules() {
    let mut found: Vec<String> = sources("src").iter().flat_map(breaches).collect();
    for source in sources("tests") {
        if !source.text.starts_with("//!") || source.text.lines().count() > MAX_LINES {
            found.push(format!(
                "{}: does not open with `//!` or is longer than {MAX_LINES} lines",
                source.path
            ));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn each_rule_can_be_broken() {
    let check = |module: &str, text: &str, want: &str| {
        let source = Source { module: module.to_owned(), path: "f.rs".to_owned(), text: text.to_owned() };
        let found = breaches(&source);
        assert!(found.iter().any(|breach| breach.contains(want)), "{text:?} gave {found:?}");
    };
    check("plan", "use crate::store::Store;", "`//!`");
    check("plan", "//! x\nuse crate::store::Store;", "may not use `store`");
    check("plan", "//! x\nuse crate::{\n    model::{A, B},\n    store,\n};", "may not use `store`");
    check("fetch", "//! x\nuse crate::mail;", "may not use `mail`");
    check("feed", "//! x\nfn f() { std::fs::read(\"a\"); }", "`std::fs` in the pure core");
    check("daemon", "//! x\nuse rusqlite::Connection;", "outside `store`");
    check("cli", "//! x\nconst Q: &str = \"SELECT 1\";", "SQL");
    check("attic", "//! x", "not in the matrix");
    check("text", &format!("//! x\n{}", "\n".repeat(MAX_LINES)), "lines, more than 600");
    check("main", &format!("//! x\n{}", "\n".repeat(MAX_MAIN_LINES)), "lines, more than 50");
}

#[test]
fn the_top_level_is_what_users_were_promised() {
    for name in
        ["Cargo.toml", "src", "config", "tests", "systemd", "docs", "README.md", "LICENSE", "CHANGELOG.md"]
    {
        assert!(root().join(name).exists(), "{name} is missing");
    }
}
