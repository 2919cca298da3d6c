//! Why an item missed a topic, in a few lines: what would have had to be otherwise.
//!
//! Data in: an [`Explanation`] of a miss. Data out: one [`Because`] for each clause that stood in the way.

use crate::{
    cli::mark::{Marks, short_list},
    matching::{Explanation, Label, Node, Reason},
    model::{ClauseHit, Field, Item},
    query::ast::{Proximity, Scope},
};

/// Names shown of a list.
const SHOWN: usize = 6;
/// Characters shown on either side of a hit.
pub(super) const CONTEXT: usize = 40;

/// One thing that stood in the way.
pub(in crate::cli) struct Because {
    /// The clause, shortened.
    pub(in crate::cli) clause: String,
    /// What is wrong, on one line.
    pub(in crate::cli) what: String,
    /// Where it can be seen.
    pub(in crate::cli) shown: Vec<String>,
}

/// What stood in the way of a match; empty for a match.
pub(in crate::cli) fn because(explanation: &Explanation, item: &Item, marks: Marks) -> Vec<Because> {
    let nearest = explanation.nearest();
    nearest.into_iter().map(|node| why(node, scope_of(&explanation.root, node, None), item, marks)).collect()
}

/// [`because`] on one line.
pub(in crate::cli) fn one_line(explanation: &Explanation, item: &Item) -> String {
    let lines: Vec<String> =
        because(explanation, item, Marks::Plain).into_iter().map(|because| because.what).collect();
    lines.join("; ")
}

fn why(node: &Node, scope: Option<Scope>, item: &Item, marks: Marks) -> Because {
    let excerpts = |hits: &[ClauseHit]| marks.by_field(item, hits, CONTEXT);
    let (what, shown) = match (&node.label, node.reason) {
        (Label::Score(threshold), Some(Reason::Sum { sum, .. })) => {
            (format!("SCORE/{threshold} failed: the weights add up to {sum}"), weights(node))
        }
        (Label::Scope(asked), Some(_)) => {
            let inner = node.children.iter().map(short).collect::<Vec<_>>().join(" ");
            let what = format!("{inner} occurs, but not in {}", part_name(*asked));
            (what, excerpts(&node.hits))
        }
        (Label::Near(proximity), Some(reason)) => {
            let joint = if matches!(proximity, Proximity::NotNear(_)) { "without" } else { "and" };
            let [left, right] = node.children.as_slice() else {
                return Because { clause: short(node), what: reason.to_string(), shown: Vec::new() };
            };
            let what = match reason {
                Reason::Apart { .. } => format!("{reason} {} {joint} {}", short(left), short(right)),
                _ => format!("{reason}: {} {joint} {}", short(left), short(right)),
            };
            (what, excerpts(&closest(left, right)))
        }
        (Label::AtLeast(_), Some(reason)) => {
            let of: Vec<String> = node.children.iter().map(short).collect();
            (format!("{reason} of {}", of.join(" ")), excerpts(&hits_under(node)))
        }
        (Label::NoneOf, _) => {
            let blocking = occurring(node);
            let names = short_list(blocking.iter().map(|node| short(node)), SHOWN);
            let verb = if blocking.len() == 1 { "occurs" } else { "occur" };
            let mut hits = hits_under(node);
            hits.truncate(SHOWN);
            (format!("{names} {verb}, and NOT rules that out"), excerpts(&hits))
        }
        _ => (absent(node, scope, item), Vec::new()),
    };
    Because { clause: short(node), what, shown }
}

/// What is said of a clause that does not occur at all.
fn absent(node: &Node, scope: Option<Scope>, item: &Item) -> String {
    let place = scope.map(|scope| format!(" in {}", part_name(scope))).unwrap_or_default();
    let said = match (&node.label, node.children.len()) {
        (Label::List(name), _) => {
            let entries = short_list(node.children.iter().map(short), SHOWN);
            format!("nothing of @{name} occurs{place} ({entries})")
        }
        (Label::AnyOf, 2..) => {
            format!("none of these occurs{place}: {}", short_list(node.children.iter().map(short), SHOWN))
        }
        _ => format!("{} does not occur{place}", short(node)),
    };
    let given = match scope {
        Some(Scope::Site | Scope::Url) => item.field(Field::Link),
        Some(Scope::Feed) => item.field(Field::Feed),
        Some(Scope::Author) => item.field(Field::Author),
        Some(Scope::Tag) => item.field(Field::Tags),
        Some(Scope::Lang) => item.field(Field::Lang),
        _ => return said,
    };
    match given.is_empty() {
        true => format!("{said}, the item has none"),
        false => format!("{said}, which is `{}`", Marks::Plain.excerpt(&given, &[], CONTEXT)),
    }
}

fn part_name(scope: Scope) -> &'static str {
    match scope {
        Scope::Title => "the title",
        Scope::Lead => "the lead",
        Scope::Body => "the text below the title",
        Scope::Url => "the link",
        Scope::Site => "the site of the link",
        Scope::Feed => "the feed's name or address",
        Scope::Author => "the author",
        Scope::Tag => "the tags",
        Scope::Lang => "the language",
    }
}

/// The clauses of a score: which counted, and which would have.
fn weights(node: &Node) -> Vec<String> {
    let signed = |clause: &Node| format!("{} {:+}", short(clause), clause.weight.unwrap_or(1));
    let (held, not): (Vec<&Node>, Vec<&Node>) = node.children.iter().partition(|clause| clause.holds);
    let not: Vec<&Node> = not.into_iter().filter(|clause| clause.weight.unwrap_or(1) > 0).collect();
    let list = |clauses: &[&Node]| match clauses {
        [] => "nothing".to_owned(),
        clauses => short_list(clauses.iter().map(|clause| signed(clause)), SHOWN),
    };
    vec![format!("counted: {}", list(&held)), format!("did not occur: {}", list(&not))]
}

/// The places of two operands that stand closest to each other, in reading order.
fn closest(left: &Node, right: &Node) -> Vec<ClauseHit> {
    let (lefts, rights) = (hits_under(left), hits_under(right));
    let gap = |a: &ClauseHit, b: &ClauseHit| {
        let (first, second) = if a.span.start <= b.span.start { (a, b) } else { (b, a) };
        second.span.start.saturating_sub(first.span.end)
    };
    let pairs = lefts
        .iter()
        .take(SHOWN * SHOWN)
        .flat_map(|left| rights.iter().take(SHOWN * SHOWN).map(move |right| (left, right)));
    let nearest = pairs
        .filter(|(left, right)| left.field == right.field && left.span != right.span)
        .min_by_key(|(left, right)| gap(left, right));
    let mut pair: Vec<ClauseHit> = match nearest {
        Some((left, right)) => vec![left.clone(), right.clone()],
        None => lefts.into_iter().take(1).chain(rights.into_iter().take(1)).collect(),
    };
    pair.sort_by_key(|hit| (hit.field, hit.span.start));
    pair
}

/// Every place under `node`, in reading order.
pub(in crate::cli) fn hits_under(node: &Node) -> Vec<ClauseHit> {
    let mut hits = Vec::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        if matches!(node.label, Label::Entry(_)) {
            hits.extend(node.hits.iter().cloned());
        }
        open.extend(&node.children);
    }
    hits.sort_by_key(|hit| (hit.field, hit.span.start));
    hits
}

/// The largest parts under a NOT that hold.
fn occurring(node: &Node) -> Vec<&Node> {
    let mut found = Vec::new();
    let mut open: Vec<&Node> = node.children.iter().rev().collect();
    while let Some(node) = open.pop() {
        match node.label {
            _ if !node.holds => {}
            Label::AnyOf | Label::List(_) => open.extend(node.children.iter().rev()),
            _ => found.push(node),
        }
    }
    found
}

/// The scope that `wanted` stands in.
fn scope_of(node: &Node, wanted: &Node, scope: Option<Scope>) -> Option<Scope> {
    if std::ptr::eq(node, wanted) {
        return scope;
    }
    let scope = match node.label {
        Label::Scope(inner) => Some(inner),
        _ => scope,
    };
    node.children.iter().find_map(|child| scope_of(child, wanted, scope))
}

/// The clause on one line as it would be written, long groups cut.
pub(super) fn short(node: &Node) -> String {
    let group = |joint: &str| {
        let parts: Vec<String> = node.children.iter().take(2).map(short).collect();
        let more = if node.children.len() > 2 { format!("{joint}…") } else { String::new() };
        match parts.as_slice() {
            [one] if more.is_empty() => one.clone(),
            _ => format!("({}{more})", parts.join(joint)),
        }
    };
    match &node.label {
        Label::AllOf => group(" AND "),
        Label::AnyOf => group(" OR "),
        Label::NoneOf => format!("NOT {}", group(" OR ")),
        Label::List(name) => format!("@{name}"),
        Label::Entry(text) if text.contains(' ') && !text.starts_with(['/', '"']) && !text.ends_with(')') => {
            format!("\"{text}\"")
        }
        Label::Entry(text) => text.to_string(),
        Label::Near(proximity) => {
            let parts: Vec<String> = node.children.iter().map(short).collect();
            parts.join(&format!(" {proximity} "))
        }
        Label::AtLeast(count) => format!("ATLEAST/{count}{}", group(" OR ")),
        Label::Score(threshold) => format!("SCORE/{threshold}"),
        Label::Scope(scope) => format!("{}:{}", scope.as_str(), group(" OR ")),
    }
}
