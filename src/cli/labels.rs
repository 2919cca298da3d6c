//! `wirewatch topics test`
//!
//! Data in: items as JSON lines, each with the topics it belongs to. Data out: precision, recall and F1 of each topic.
//!
//! **Invariant:** a measure that has nothing to divide by is no number: it is shown as `–` and fails no bound.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use serde::{Deserialize, Serialize};

use super::{
    ConfigArg, Outcome,
    explain::one_line,
    mark::Marks,
    output::{self, say},
    rules::Rules,
    topics::{self, ItemLine},
};
use crate::{
    matching::{self, CompiledTopics, Matcher},
    model::{Item, Match, TopicName},
    query::TopicDef,
};

/// Characters shown on either side of a hit.
const CONTEXT: usize = 25;
/// Characters shown of a title.
const TITLE: usize = 60;

#[derive(Debug, Args)]
pub(super) struct TestArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// JSON lines with title, summary, text, link, lang … and topics, the names of those an item belongs to; or `-`
    file: PathBuf,
    /// Fail when the F1 of a topic is lower, such as 0.9
    #[arg(long, value_name = "F1", value_parser = share)]
    min_f1: Option<f64>,
    /// Only this topic
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
    /// Also list the items that were judged wrongly, and why
    #[arg(long)]
    verbose: bool,
    /// Print JSON for machines
    #[arg(long)]
    json: bool,
}

fn share(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "write a number such as 0.9".to_owned())?;
    if (0.0..=1.0).contains(&number) { Ok(number) } else { Err("write a number from 0 to 1".to_owned()) }
}

/// The labels of a line.
#[derive(Debug, Deserialize)]
struct LabelLine {
    topics: Option<Vec<String>>,
}

/// How often a topic was right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    right: u64,
    false_alarms: u64,
    missed: u64,
}

impl Counts {
    fn precision(self) -> Option<f64> {
        ratio(self.right, self.right + self.false_alarms)
    }

    fn recall(self) -> Option<f64> {
        ratio(self.right, self.right + self.missed)
    }

    fn f1(self) -> Option<f64> {
        ratio(2 * self.right, 2 * self.right + self.false_alarms + self.missed)
    }

    fn add(&mut self, other: Self) {
        self.right += other.right;
        self.false_alarms += other.false_alarms;
        self.missed += other.missed;
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// One row of the table. Fields are only ever added.
#[derive(Debug, Serialize)]
struct Row {
    topic: String,
    precision: Option<f64>,
    recall: Option<f64>,
    f1: Option<f64>,
    true_positives: u64,
    false_positives: u64,
    false_negatives: u64,
}

#[derive(Debug, Serialize)]
struct Wrong {
    line: usize,
    topic: String,
    /// `missed` or `false alarm`
    kind: &'static str,
    title: String,
    why: String,
}

#[derive(Debug, Serialize)]
struct Answer {
    items: u64,
    topics: Vec<Row>,
    micro: Row,
    wrong: Vec<Wrong>,
    bad_lines: u64,
}

/// A run in the making.
struct Trial<'a> {
    compiled: &'a CompiledTopics,
    matcher: Matcher<'a>,
    known: Vec<String>,
    counts: BTreeMap<TopicName, Counts>,
    wrong: Vec<Wrong>,
    keep_wrong: bool,
    items: u64,
    bad_lines: u64,
}

pub(super) fn test(args: &TestArgs) -> Outcome {
    let rules = Rules::read(&args.config)?;
    let chosen: Vec<TopicDef> = match &args.topic {
        Some(name) => vec![rules.find(name)?.clone()],
        None => rules.definitions.clone(),
    };
    let compiled = topics::compile(&chosen)?;
    let mut trial = Trial {
        compiled: &compiled,
        matcher: Matcher::new(&compiled),
        known: rules.definitions.iter().map(|def| def.topic.name.to_string()).collect(),
        counts: compiled.topics().iter().map(|topic| (topic.name.clone(), Counts::default())).collect(),
        wrong: Vec::new(),
        keep_wrong: args.verbose || args.json,
        items: 0,
        bad_lines: 0,
    };
    if args.file.as_os_str() == "-" {
        trial.read(&mut io::stdin().lock(), "standard input")?;
    } else {
        let name = args.file.display().to_string();
        let file = File::open(&args.file).with_context(|| format!("cannot read {name}"))?;
        trial.read(&mut BufReader::new(file), &name)?;
    }
    if trial.items == 0 && trial.bad_lines == 0 {
        return Err(anyhow::anyhow!("{} holds no items", args.file.display()).into());
    }
    let answer = trial.answer();
    let low: Vec<&Row> = answer
        .topics
        .iter()
        .filter(|row| row.f1.zip(args.min_f1).is_some_and(|(f1, min)| f1 < min))
        .collect();
    // Of a topic asked for by name, no example is no proof.
    let untried = args
        .topic
        .as_ref()
        .filter(|_| args.min_f1.is_some())
        .filter(|name| answer.topics.iter().any(|row| row.topic == **name && row.f1.is_none()));
    if args.json {
        output::json(&answer)?
    } else {
        print(&answer)?
    }
    for row in &low {
        let (f1, min) = (row.f1.unwrap_or_default(), args.min_f1.unwrap_or_default());
        output::tell!("wirewatch: the F1 of {} is {f1:.3}, {min} is asked for", row.topic);
    }
    if let Some(name) = untried {
        output::tell!("wirewatch: no line has the topic {name}, and it matches none: nothing was measured");
    }
    Ok(if low.is_empty() && untried.is_none() && answer.bad_lines == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Trial<'_> {
    fn read(&mut self, input: &mut impl BufRead, name: &str) -> anyhow::Result<()> {
        let mut line = Vec::new();
        for number in 1_usize.. {
            line.clear();
            if input.read_until(b'\n', &mut line).with_context(|| format!("cannot read {name}"))? == 0 {
                break;
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            match labelled(&line).and_then(|(item, topics)| Ok((item, self.checked(topics)?))) {
                Ok((item, topics)) => self.judge(number, &item, &topics),
                Err(error) => {
                    self.bad_lines += 1;
                    output::tell!("wirewatch: {name}, line {number}: {error:#}");
                }
            }
        }
        Ok(())
    }

    fn checked(&self, topics: Vec<String>) -> anyhow::Result<Vec<String>> {
        for topic in &topics {
            if !self.known.contains(topic) {
                let names = self.known.iter().map(String::as_str);
                match crate::config::did_you_mean(topic, names) {
                    Some(guess) => anyhow::bail!("there is no topic `{topic}`; did you mean `{guess}`?"),
                    None => anyhow::bail!("there is no topic `{topic}`; see `wirewatch topics list`"),
                }
            }
        }
        Ok(topics)
    }

    fn judge(&mut self, line: usize, item: &Item, wanted: &[String]) {
        self.items += 1;
        let found = self.matcher.matches(item);
        let mut wrong = Vec::new();
        for (topic, counts) in &mut self.counts {
            let hit = found.iter().find(|found| found.topic == *topic);
            match (hit, wanted.iter().any(|name| name == topic.as_str())) {
                (Some(_), true) => counts.right += 1,
                (Some(hit), false) => {
                    counts.false_alarms += 1;
                    wrong.push((topic, Some(hit)));
                }
                (None, true) => {
                    counts.missed += 1;
                    wrong.push((topic, None));
                }
                (None, false) => {}
            }
        }
        if self.keep_wrong {
            let told = wrong.into_iter().map(|(topic, hit)| told(self.compiled, line, item, topic, hit));
            self.wrong.extend(told);
        }
    }

    fn answer(self) -> Answer {
        let mut sum = Counts::default();
        self.counts.values().for_each(|counts| sum.add(*counts));
        Answer {
            items: self.items,
            topics: self.counts.iter().map(|(topic, counts)| row(topic.as_str(), *counts)).collect(),
            micro: row("all together", sum),
            wrong: self.wrong,
            bad_lines: self.bad_lines,
        }
    }
}

fn labelled(line: &[u8]) -> anyhow::Result<(Item, Vec<String>)> {
    let item = ItemLine::parse(line).context("not an item as a JSON object")?;
    let labels: LabelLine =
        serde_json::from_slice(line.strip_prefix(topics::BYTE_ORDER_MARK).unwrap_or(line))
            .context("`topics` must be a list of names")?;
    let topics =
        labels.topics.context("`topics` is missing; write \"topics\": [] for an item of no topic")?;
    Ok((item.into_item(), topics))
}

fn told(
    compiled: &CompiledTopics,
    line: usize,
    item: &Item,
    topic: &TopicName,
    hit: Option<&Match>,
) -> Wrong {
    let why = match hit {
        Some(hit) => Marks::Plain.by_field(item, &hit.hits, CONTEXT).join("; "),
        None => matching::explain(compiled, topic, item)
            .map(|explanation| one_line(&explanation, item))
            .unwrap_or_default(),
    };
    let kind = if hit.is_some() { "false alarm" } else { "missed" };
    let title = Marks::Plain.excerpt(&item.title, &[], TITLE / 2);
    Wrong { line, topic: topic.to_string(), kind, title, why }
}

fn row(topic: &str, counts: Counts) -> Row {
    Row {
        topic: topic.to_owned(),
        precision: counts.precision(),
        recall: counts.recall(),
        f1: counts.f1(),
        true_positives: counts.right,
        false_positives: counts.false_alarms,
        false_negatives: counts.missed,
    }
}

fn print(answer: &Answer) -> anyhow::Result<()> {
    let number = |measure: Option<f64>| measure.map_or_else(|| "–".to_owned(), |m| format!("{m:.3}"));
    let cells = |row: &Row| {
        vec![
            row.topic.clone(),
            number(row.precision),
            number(row.recall),
            number(row.f1),
            row.true_positives.to_string(),
            row.false_positives.to_string(),
            row.false_negatives.to_string(),
        ]
    };
    let rows = answer.topics.iter().chain([&answer.micro]).map(cells).collect();
    output::table(&["topic", "precision", "recall", "f1", "tp", "fp", "fn"], rows)?;
    if !answer.wrong.is_empty() {
        say!();
    }
    for Wrong { line, topic, kind, title, why } in &answer.wrong {
        say!("line {line}  {topic}  {kind}: {title} | {why}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_divided_is_no_number() {
        let check = |counts: [u64; 3], expect: [Option<f64>; 3]| {
            let [right, false_alarms, missed] = counts;
            let counts = Counts { right, false_alarms, missed };
            assert_eq!([counts.precision(), counts.recall(), counts.f1()], expect);
        };
        check([0, 0, 0], [None, None, None]);
        check([0, 0, 2], [None, Some(0.0), Some(0.0)]);
        check([0, 2, 0], [Some(0.0), None, Some(0.0)]);
        check([3, 1, 1], [Some(0.75), Some(0.75), Some(0.75)]);
        assert!(share("NaN").is_err() && share("1.1").is_err() && share("0.9") == Ok(0.9));
    }
}
