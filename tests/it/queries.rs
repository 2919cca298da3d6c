//! The likeliest mistakes in a query, and what `wirewatch check` prints of each.
//!
//! Each stands in a configuration as an operator would write it. When a change of words is meant, run
//! `WIREWATCH_GOLDEN=write cargo test the_likeliest_mistakes`, and read the difference of `tests/it/golden/`.

use std::{fs, path::Path};

use crate::cli::{run, said};

/// Name of the golden file, and the third line of the query.
const MISTAKES: [(&str, &str); 10] = [
    ("bare-words", "AND (export ban OR curb(s))"),
    ("mixed-and-or", "AND export* OR curb(s)"),
    ("missing-parenthesis", "AND (export* OR (curb(s) OR ban)"),
    ("near-without-number", "NEAR (export* OR curb(s))"),
    ("unknown-scope", "AND headline:(export* OR curb(s))"),
    ("unknown-list", "AND @metal"),
    ("unclosed-quote", "AND \"export ban"),
    ("short-stem", "AND (ex* OR curb(s))"),
    ("bad-regex", "AND /(export|curb/i"),
    ("pure-negation", ""),
];

fn configuration(name: &str, third: &str) -> String {
    let query = match name {
        "pure-negation" => "# nothing that is old news\nNOT (opinion OR \"market wrap\")".to_owned(),
        _ => format!(
            "# metals under control, and what is done to them\n(gallium OR germanium OR 稀土)\n{third}"
        ),
    };
    format!(
        "[state]\ndir = \"state\"\n\n[[topic]]\nuse = \"builtin:leader-calls\"\n\n[[topic]]\nname = \"curbs\"\n\
         title = \"Export curbs\"\nquery = '''\n{query}\n'''\n\n[lists]\nmetals = [\"antimony\", \"graphite\"]\n"
    )
}

#[test]
fn the_likeliest_mistakes_are_told_with_place_and_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wirewatch.toml");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden");
    for (name, third) in MISTAKES {
        fs::write(&path, configuration(name, third)).unwrap();
        let (code, out, err) = said(&run(&["check", "--config", path.to_str().unwrap()]));
        assert_eq!((code, out.as_str()), (3, ""), "{name}: {err}");
        let lines = err.replace(&format!("{}/", dir.path().display()), "/etc/wirewatch/");
        let lines: String = lines.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        let file = golden.join(format!("{name}.txt"));
        if std::env::var_os("WIREWATCH_GOLDEN").is_some_and(|mode| mode == "write") {
            fs::write(&file, &lines).unwrap();
        }
        let expect = fs::read_to_string(&file).unwrap_or_default();
        assert!(lines == expect, "{} differs; check now prints:\n{lines}", file.display());
        for part in ["wirewatch.toml:", "^", "help: ", "1 error, 0 warnings"] {
            assert!(lines.contains(part), "{name}: no {part}: {lines}");
        }
    }
}

#[test]
fn what_can_be_read_but_not_looked_for_refuses_the_configuration_at_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wirewatch.toml");
    let check = |topic: &str, place: &str, told: &str| {
        fs::write(&path, format!("[[topic]]\nname = \"a\"\n{topic}\n")).unwrap();
        let (code, _, err) = said(&run(&["check", "--config", path.to_str().unwrap()]));
        assert!(
            code == 3 && err.contains(&format!("wirewatch.toml:{place}: ")) && err.contains(told),
            "{err}"
        );
    };
    check("query = 'x1 OR /a*/'", "3:16", "also matches where nothing stands");
    check("query = 'x1 OR /(a{99}){99}/i'", "3:16", "too large");
    check("any = [\"x1\", \"\u{ff9e}\"]", "3:15", "no letter or digit left");
}
