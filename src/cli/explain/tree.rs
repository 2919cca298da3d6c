//! A topic's clauses as an indented tree, each with its truth value and the places that made it.
//!
//! Data in: a [`Node`]. Data out: lines. What does not hold in a group that does is left out; of what a failing group
//! asks for only the beginning is listed.

use super::because::{CONTEXT, hits_under, short};
use crate::{
    cli::mark::{Marks, short_list},
    matching::{Label, Node},
    model::Item,
};

/// Names listed of what did not occur.
const SHOWN: usize = 6;
/// Lines of text shown for one word.
const SHOWN_TEXTS: usize = 3;
/// Words that occur listed one by one under a group; the rest is counted.
const SHOWN_PARTS: usize = 12;

/// The lines of `node` and of what is under it; `depth` is its indentation in steps.
pub(super) fn lines(node: &Node, depth: usize, item: &Item, marks: Marks, out: &mut Vec<String>) {
    let mark = if node.holds { "yes" } else { "no " };
    let weight = node.weight.map(|weight| format!("  {weight:+}")).unwrap_or_default();
    let reason = node.reason.map(|reason| format!("  ({reason})")).unwrap_or_default();
    out.push(format!("{:indent$}{mark} {}{weight}{reason}", "", name_of(node), indent = depth * 2));
    if matches!(node.label, Label::Entry(_)) {
        let texts = marks.by_field(item, &node.hits, CONTEXT);
        let more = texts.len().saturating_sub(SHOWN_TEXTS);
        for text in texts.into_iter().take(SHOWN_TEXTS) {
            out.push(format!("{:indent$}{text}", "", indent = depth * 2 + 4));
        }
        if more > 0 {
            out.push(format!("{:indent$}… and {more} more", "", indent = depth * 2 + 4));
        }
    }
    // What decides is worth a line; of a list, what occurs.
    let in_list = matches!(node.label, Label::AnyOf | Label::List(_) | Label::NoneOf | Label::Score(_));
    let alternatives = node.holds && matches!(node.label, Label::AnyOf | Label::List(_));
    let (there, not): (Vec<&Node>, Vec<&Node>) = node
        .children
        .iter()
        .partition(|child| !in_list || child.holds || (!alternatives && !hits_under(child).is_empty()));
    for child in there.iter().take(SHOWN_PARTS) {
        lines(child, depth + 1, item, marks, out);
    }
    let indent = (depth + 1) * 2;
    if there.len() > SHOWN_PARTS {
        out.push(format!("{:indent$}… and {} more", "", there.len() - SHOWN_PARTS));
    }
    let wanted = !node.holds && !matches!(node.label, Label::NoneOf);
    if !not.is_empty() && (wanted || matches!(node.label, Label::Score(_))) {
        let names = short_list(not.into_iter().map(weighted), SHOWN);
        out.push(format!("{:indent$}no  {names}", ""));
    }
}

fn weighted(node: &Node) -> String {
    match node.weight {
        Some(weight) => format!("{} {weight:+}", short(node)),
        None => short(node),
    }
}

fn name_of(node: &Node) -> String {
    match &node.label {
        Label::AllOf => "all of".to_owned(),
        Label::AnyOf => "any of".to_owned(),
        Label::NoneOf => "none of".to_owned(),
        Label::List(name) => format!("@{name}"),
        Label::Near(proximity) => proximity.to_string(),
        Label::AtLeast(count) => format!("ATLEAST/{count}"),
        Label::Scope(scope) => format!("{}:", scope.as_str()),
        Label::Entry(_) | Label::Score(_) => short(node),
    }
}
