//! `wirewatch explain`

use std::{
    fs,
    io::{self, Read},
    path::Path,
    process::ExitCode,
};

use anyhow::Context;

use super::{ExplainArgs, Failure, Outcome, output::say, topics};
use crate::{
    matching::{self, Explanation, Label, Node},
    model::{ClauseHit, Item, TopicName},
    store::Store,
};

/// Entries shown of a group that fails.
const SHOWN: usize = 6;
/// Characters shown on either side of a hit.
const CONTEXT: usize = 40;

pub(super) async fn explain(args: &ExplainArgs) -> Outcome {
    let compiled = topics::compile(&topics::definitions(&args.config)?)?;
    let item = read(args).await?;
    let names: Vec<TopicName> = match &args.topic {
        Some(name) => vec![TopicName::new(name)],
        None => compiled.topics().iter().map(|topic| topic.name.clone()).collect(),
    };
    say!("{}", item.title);
    if !item.summary.is_empty() {
        say!("{}", item.summary);
    }
    for name in names {
        let explanation = matching::explain(&compiled, &name, &item)
            .with_context(|| format!("there is no topic `{name}`; see `wirewatch topics list`"))?;
        print(&explanation, &item);
    }
    Ok(ExitCode::SUCCESS)
}

async fn read(args: &ExplainArgs) -> Result<Item, Failure> {
    let text = if args.item == "-" {
        let mut text = Vec::new();
        io::stdin().read_to_end(&mut text).context("cannot read standard input")?;
        text
    } else if Path::new(&args.item).is_file() {
        fs::read(&args.item).with_context(|| format!("cannot read {}", args.item))?
    } else {
        return stored(args).await;
    };
    let line = topics::ItemLine::parse(&text)
        .with_context(|| format!("{}: not an item as a JSON object", args.item))?;
    Ok(line.into_item())
}

async fn stored(args: &ExplainArgs) -> Result<Item, Failure> {
    let config = args.config.load()?;
    let store = Store::open_read_only(&config.state.dir)?;
    match store.find_item(args.item.clone()).await? {
        Some(found) => Ok(found.into_item()),
        None => Err(none_stored(&args.item).into()),
    }
}

fn none_stored(what: &str) -> anyhow::Error {
    anyhow::anyhow!("no stored item has the number or link `{what}`, and there is no such file")
}

fn print(explanation: &Explanation, item: &Item) {
    let verdict = if explanation.matched { "MATCHES" } else { "does not match" };
    say!("\n{} ({}): {verdict}", explanation.topic.name, explanation.topic.title);
    show(&explanation.root, 1, item);
    let missing: Vec<String> = explanation.missing().into_iter().map(wanted).collect();
    if !missing.is_empty() {
        say!("  missing: {}", missing.join("; "));
    }
    let blocking: Vec<String> = explanation.blocking().into_iter().map(name_of).collect();
    if !blocking.is_empty() {
        say!("  kept out by: {}", blocking.join("; "));
    }
}

fn show(node: &Node, depth: usize, item: &Item) {
    let mark = if node.holds { "yes" } else { "no " };
    say!("{:indent$}{mark} {}", "", name_of(node), indent = depth * 2);
    for hit in &node.hits {
        say!("{:indent$}… {} …", "", around(item, hit), indent = depth * 2 + 4);
    }
    // Of a group that holds only what decided it is worth a line; of one that fails, some of what it wants.
    let (there, not): (Vec<&Node>, Vec<&Node>) = node.children.iter().partition(|child| occurs(child));
    for child in there {
        show(child, depth + 1, item);
    }
    if node.holds && node.label != Label::AllOf {
        return;
    }
    for child in not.iter().take(SHOWN) {
        say!("{:indent$}no  {}", "", name_of(child), indent = (depth + 1) * 2);
    }
    if not.len() > SHOWN {
        say!("{:indent$}no  … and {} more", "", not.len() - SHOWN, indent = (depth + 1) * 2);
    }
}

fn occurs(node: &Node) -> bool {
    !node.hits.is_empty()
        || node.children.iter().any(occurs)
        || matches!(node.label, Label::AllOf | Label::AnyOf | Label::NoneOf)
}

/// What would have made a part hold.
fn wanted(node: &Node) -> String {
    if node.label != Label::AnyOf {
        return name_of(node);
    }
    let mut names: Vec<String> = node.children.iter().take(SHOWN).map(name_of).collect();
    if node.children.len() > SHOWN {
        names.push(format!("{} more", node.children.len() - SHOWN));
    }
    match names.as_slice() {
        [one] => one.clone(),
        _ => format!("one of {}", names.join(", ")),
    }
}

fn name_of(node: &Node) -> String {
    match &node.label {
        Label::AllOf => "all of".to_owned(),
        Label::AnyOf => "any of".to_owned(),
        Label::NoneOf => "none of".to_owned(),
        Label::List(name) => format!("@{name}"),
        Label::Entry(text) => text.to_string(),
        Label::Near(proximity) => proximity.to_string(),
        Label::AtLeast(count) => format!("ATLEAST/{count}"),
        Label::Score(threshold) => format!("SCORE/{threshold}"),
        Label::Scope(scope) => format!("{}:", scope.as_str()),
    }
}

/// The text around a hit, the hit between `»` and `«`.
fn around(item: &Item, hit: &ClauseHit) -> String {
    let text = item.field(hit.field);
    let before = text.get(..hit.span.start).unwrap_or_default();
    let inside = text.get(hit.span.clone()).unwrap_or_default();
    let after = text.get(hit.span.end..).unwrap_or_default();
    let skip = before.chars().count().saturating_sub(CONTEXT);
    let left: String = before.chars().skip(skip).collect();
    let right: String = after.chars().take(CONTEXT).collect();
    format!("{}: {left}»{inside}«{right}", hit.field.as_str())
}
