//! What `explain` and `topics test` print, as a whole.

use std::fs;

use serde_json::Value;

use crate::cli::{run, run_with_input, said};

const TOPICS: &str = r#"
[[topic]]
name = "curbs"
title = "Export curbs"
query = "@metals NEAR/8 (export* OR curb(s) OR ban(s))"
[[topic]]
name = "ports"
any = ["port fee(s)", "levy"]
none = ["waiver(s)", "opinion"]
[[topic]]
name = "scored"
query = "SCORE/5(gallium^2, export*^1, China^3, opinion^-2)"
[[topic]]
name = "headline"
query = "title:(gallium OR germanium) AND lang:en"
[lists]
metals = ["gallium", "germanium", "antimony", "graphite", "tungsten", "samarium", "yttrium", "scandium", "tin"]
"#;

fn config() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wirewatch.toml");
    fs::write(&path, format!("[state]\ndir = \"state\"\n{TOPICS}")).unwrap();
    (dir, path.display().to_string())
}

fn explained(item: &str, more: &[&str]) -> String {
    let (_dir, config) = config();
    let args = [&["explain", "-", "--config", &config], more].concat();
    let (code, out, err) = said(&run_with_input(&args, item));
    assert_eq!((code, err.as_str()), (0, ""));
    out
}

fn check(item: &str, topic: &str, expect: &str) {
    let found = explained(item, &["--topic", topic]);
    assert_eq!(found.trim_end(), expect.trim(), "\n{found}");
}

const FAR: &str = r#"{"id": 7, "title": "Gallium prices", "summary": "Gallium rose for the third week in a row, said traders in three cities, and some of them fear curbs on sales."}"#;

#[test]
fn a_hit_shows_every_place() {
    check(
        r#"{"id": "a-1", "title": "Gallium export ban is near", "summary": "Antimony may follow."}"#,
        "curbs",
        r#"
"a-1"  Gallium export ban is near
Antimony may follow.

curbs (Export curbs): MATCHES
  yes NEAR/8
    yes @metals
      yes gallium
          title: »Gallium« export ban is near
      yes antimony
          summary: »Antimony« may follow.
    yes any of
      yes export*
          title: Gallium »export« ban is near
      yes ban(s)
          title: Gallium export »ban« is near
"#,
    );
}

#[test]
fn a_near_miss_says_how_far_the_words_stand_apart() {
    check(
        FAR,
        "curbs",
        r#"
7  Gallium prices
Gallium rose for the third week in a row, said traders in three cities, and some of them fear curbs on sales.

curbs (Export curbs): does not match, because
  - NEAR/8 failed: 18 words between @metals and (export* OR curb(s) OR …)
      summary: »Gallium« rose for the third week in a row, said…in three cities, and some of them fear »curbs« on sales.
  clause by clause:
    no  NEAR/8  (NEAR/8 failed: 18 words between)
      yes @metals
        yes gallium
            title: »Gallium« prices
            summary: »Gallium« rose for the third week in a row, said…
      yes any of
        yes curb(s)
            summary: …in three cities, and some of them fear »curbs« on sales.
"#,
    );
}

#[test]
fn an_excluded_item_names_what_keeps_it_out() {
    check(
        r#"{"title": "Opinion: port fees are wrong"}"#,
        "ports",
        r#"
Opinion: port fees are wrong

ports: does not match, because
  - opinion occurs, and NOT rules that out
      title: »Opinion«: port fees are wrong
  clause by clause:
    no  all of
      yes any of
        yes port fee(s)
            title: Opinion: »port fees« are wrong
      no  none of
        yes opinion
            title: »Opinion«: port fees are wrong
"#,
    );
}

#[test]
fn a_score_shows_its_sum_and_what_would_have_counted() {
    check(
        r#"{"title": "Opinion: gallium exports"}"#,
        "scored",
        r#"
Opinion: gallium exports

scored: does not match, because
  - SCORE/5 failed: the weights add up to 1
      counted: gallium +2, export* +1, opinion -2
      did not occur: China +3
  clause by clause:
    no  SCORE/5  (the weights add up to 1, 5 is asked for)
      yes gallium  +2
          title: Opinion: »gallium« exports
      yes export*  +1
          title: Opinion: gallium »exports«
      yes opinion  -2
          title: »Opinion«: gallium exports
      no  China +3
"#,
    );
}

#[test]
fn a_scope_that_fails_says_where_the_word_is_instead() {
    check(
        r#"{"title": "Metal prices", "summary": "Germanium is scarce.", "lang": "fr"}"#,
        "headline",
        r#"
Metal prices
Germanium is scarce.

headline: does not match, because
  - (gallium OR germanium) occurs, but not in the title
      summary: »Germanium« is scarce.
  - en does not occur in the language, which is `fr`
  clause by clause:
    no  all of
      no  title:  (title: failed: it occurs elsewhere only)
        no  any of
          no  gallium, germanium
      no  lang:
        no  en
"#,
    );
}

#[test]
fn all_topics_come_matches_first_and_hopeless_ones_on_one_line() {
    let out = explained(r#"{"title": "Port fees on graphite"}"#, &[]);
    let verdicts: Vec<&str> =
        out.lines().filter(|l| l.contains("MATCHES") || l.contains("not match")).collect();
    let expect = [
        "ports: MATCHES",
        "curbs (Export curbs): does not match, because",
        "headline: does not match, none of its words occurs",
        "scored: does not match, none of its words occurs",
    ];
    assert_eq!(verdicts, expect);
    let lacks = "  - none of these occurs: export*, curb(s), ban(s)\n";
    assert!(out.contains(lacks), "{out}");
    let nothing = explained(r#"{"title": "Rain"}"#, &["--topic", "curbs"]);
    let list = "  - nothing of @metals occurs (gallium, germanium, antimony, graphite, tungsten, samarium, … and 3 more)\n";
    assert!(nothing.contains(list), "{nothing}");
}

#[test]
fn a_file_may_hold_one_item_or_one_a_line() {
    let (dir, config) = config();
    let file = dir.path().join("items.jsonl");
    let path = file.to_str().unwrap();
    fs::write(&file, "{\n \"title\": \"Port fees\"\n}\n").unwrap();
    let args = ["explain", path, "--config", &config, "--topic", "ports"];
    let (code, out, _) = said(&run(&args));
    assert!(code == 0 && out.contains("MATCHES"), "{out}");
    fs::write(&file, "{\"title\": \"Port fees\"}\n\nrubbish\n{\"text\": \"a levy\"}\n").unwrap();
    let (code, out, err) = said(&run(&args));
    assert_eq!((code, out.matches("MATCHES").count()), (1, 2), "{out}");
    assert!(err.contains("items.jsonl, line 3: not an item"), "{err}");
    let (code, out, err) =
        said(&run(&["explain", path, "--query", "levy AND fee", "--json", "--config", &config]));
    assert_eq!(code, 1, "{err}");
    let answers: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[1]["topics"][0]["matched"], false);
    assert_eq!(answers[1]["topics"][0]["because"][0]["reason"], "fee does not occur");
    assert_eq!(answers[1]["topics"][0]["clauses"]["clauses"][0]["hits"][0]["text"], "levy");
}

#[test]
fn bad_names_and_queries_are_told_with_a_remedy() {
    let (_dir, config) = config();
    let (code, _, err) = said(&run(&["explain", "-", "--topic", "curb", "--config", &config]));
    assert!(code == 1 && err.contains("did you mean `curbs`?"), "{err}");
    let args = ["explain", "-", "--query", "gallium ban", "--config", &config];
    let (code, _, err) = said(&run(&args));
    assert!(
        code == 2 && err.contains("error: --query:1:") && err.contains('^') && err.contains("help:"),
        "{err}"
    );
}

const LABELLED: &str = r#"{"title": "Gallium export ban", "topics": ["curbs"]}
{"title": "Tin", "text": "Gallium is dear, and so on and so forth and much more of that until the ban", "topics": ["curbs"]}
{"title": "Port fees", "topics": ["ports"]}
{"title": "A levy on pets", "topics": []}
{"title": "Rain", "topics": []}
"#;

#[test]
fn topics_are_measured_on_labelled_items() {
    let (_dir, config) = config();
    let args = ["topics", "test", "-", "--config", &config];
    let (code, out, err) = said(&run_with_input(&args, LABELLED));
    assert_eq!((code, err.as_str()), (0, ""));
    let rows: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["TOPIC", "PRECISION", "RECALL", "F1", "TP", "FP", "FN"]);
    assert_eq!(rows[1], ["curbs", "1.000", "0.500", "0.667", "1", "0", "1"]);
    assert_eq!(rows[2], ["headline", "–", "–", "–", "0", "0", "0"]);
    assert_eq!(rows[3], ["ports", "0.500", "1.000", "0.667", "1", "1", "0"]);
    assert_eq!(rows[5], ["all", "together", "0.667", "0.667", "0.667", "2", "1", "1"]);
    let (code, out, err) = said(&run_with_input(
        &[&args as &[&str], &["--verbose", "--min-f1", "0.7", "--topic", "ports"]].concat(),
        LABELLED,
    ));
    assert!(code == 1 && err.contains("the F1 of ports is 0.667, 0.7 is asked for"), "{err}");
    assert!(out.contains("line 4  ports  false alarm: A levy on pets | title: A »levy« on pets\n"), "{out}");
    let (_, out, _) = said(&run_with_input(&[&args as &[&str], &["--verbose"]].concat(), LABELLED));
    assert!(out.contains("line 2  curbs  missed: Tin | NEAR/8 failed: 1"), "{out}");
    let (code, out, _) =
        said(&run_with_input(&[&args as &[&str], &["--json", "--min-f1", "0.6"]].concat(), LABELLED));
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &answer["topics"][1]["f1"], &answer["micro"]["false_negatives"]),
        (0, &Value::Null, &1.into())
    );
    assert_eq!(said(&run(&["topics", "test", "-", "--min-f1", "NaN"])).0, 2);
}

#[test]
fn lines_that_cannot_be_measured_are_told_by_number() {
    let (_dir, config) = config();
    let lines = "{\"title\": \"Levy\", \"topics\": [\"ports\"]}\nrubbish\n{\"title\": \"x\"}\n\
                 {\"title\": \"x\", \"topics\": [\"port\"]}\n{\"title\": \"x\", \"topics\": \"ports\"}\n";
    let (code, out, err) = said(&run_with_input(&["topics", "test", "-", "--config", &config], lines));
    assert!(code == 1 && out.contains("1.000"), "{out}");
    let told = [
        "standard input, line 2: not an item",
        "line 3: `topics` is missing",
        "line 4: there is no topic `port`; did you mean `ports`?",
        "line 5: `topics` must be a list",
    ];
    for told in told {
        assert!(err.contains(told), "{told}: {err}");
    }
    assert_eq!(said(&run_with_input(&["topics", "test", "-", "--config", &config], "")).0, 1);
}
