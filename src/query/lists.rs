//! Keyword lists → a checked topic.
//!
//! In: `any`, `all`, `none` and the named lists they use. Out: [`TopicDef`].
//!
//! **Invariant:** the expression is `And` of: at least one of `any`; each of `all`; none of `none`. A list used
//! by name counts as one entry that is true when any of its own entries is, so `all = ["@us", "@china"]` is
//! an AND of ORs.
//!
//! Rejected: reading `all = ["@us"]` as "every entry of us". Nobody wants an item that names every minister.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use xxhash_rust::xxh3::xxh3_64;

use crate::model::{Topic, TopicName};

use super::{
    Builtin, Error, Place,
    ast::Expr,
    entry::{self, Entry},
    error::Fault,
    lint, parser, shared_lists,
};

/// Words and phrases one topic may have, those of its lists included as often as it uses them.
pub const MAX_ENTRIES: usize = 50_000;
/// Lists inside lists: `@a` that holds `@b` is two deep.
pub const MAX_LIST_DEPTH: usize = 4;

/// How close a misspelt list name must be to be suggested; measured: lets one letter in four be wrong.
const SIMILAR: f64 = 0.8;

/// A topic as its author wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicSource {
    /// Stable key, already checked.
    pub name: String,
    /// Name for people; the key where there is none.
    pub title: Option<String>,
    /// At least one of these must occur.
    pub any: Vec<String>,
    /// Each of these must occur.
    pub all: Vec<String>,
    /// None of these may occur.
    pub none: Vec<String>,
    /// The topic as a query; the lists above come on top of it.
    pub query: Option<String>,
}

impl TopicSource {
    /// Whether there are no entries and no query.
    pub fn adds_nothing(&self) -> bool {
        self.any.is_empty() && self.all.is_empty() && self.none.is_empty() && self.query.is_none()
    }
}

/// A topic that passed every check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDef {
    /// Name, title and revision.
    pub topic: Topic,
    /// Its rules.
    pub expr: Expr,
    /// What the author should look at; places are those of the source.
    pub warnings: Vec<Error>,
}

/// Checks `source` and turns it into an expression; `named` are the lists it may use as `@name`, before those of
/// [`super::shared_lists`].
///
/// # Errors
/// The first fault: an entry that does not parse, a list that is unknown, empty, in a circle or nested deeper than
/// [`MAX_LIST_DEPTH`], more than [`MAX_ENTRIES`] entries, or a topic that excludes but names nothing.
pub fn lists(source: &TopicSource, named: &BTreeMap<String, Vec<String>>) -> Result<TopicDef, Error> {
    let mut resolver = Resolver::new(&[named, shared_lists()]);
    let wanted = resolver.wanted(source)?;
    let unwanted = resolver.entries(&source.none, Place::None)?;
    definition(source, &source.name, None, wanted, unwanted, resolver.warnings)
}

/// Adds the operator's own entries to a built-in topic. `any` widens it: an item may match by the built-in's
/// rules or by one of these entries. `all` narrows it, `none` excludes more. An empty name or title in `extra`
/// keeps the built-in's.
///
/// A list of `named` that has the name of one of the built-in's is added to it, so that a new office-holder is one
/// entry in the operator's own file.
///
/// # Errors
/// As [`lists`]; places are those in `extra`.
pub fn extend(
    base: &Builtin,
    extra: &TopicSource,
    named: &BTreeMap<String, Vec<String>>,
) -> Result<TopicDef, Error> {
    let lists: BTreeMap<String, Vec<String>> = base
        .lists
        .iter()
        .map(|(name, entries)| {
            let added = named.get(name).into_iter().flatten();
            (name.clone(), entries.iter().chain(added).cloned().collect())
        })
        .collect();
    let in_the_operators_list = |mut error: Error| {
        if let Place::List { name, index } = &mut error.place {
            *index = index.saturating_sub(base.lists.get(name).map_or(0, Vec::len));
        }
        error
    };
    let mut own = Resolver::new(&[&lists, named]);
    let base_wanted = own.wanted(&base.source).map_err(in_the_operators_list)?;
    let mut unwanted = own.entries(&base.source.none, Place::None).map_err(in_the_operators_list)?;

    let mut resolver = Resolver::new(&[named, &lists]);
    resolver.count = own.count;
    let mut ways = vec![join(base_wanted, Expr::And)];
    ways.extend(resolver.entries(&extra.any, Place::Any)?);
    let mut wanted = vec![join(ways, Expr::Or)];
    wanted.extend(resolver.entries(&extra.all, Place::All)?);
    unwanted.extend(resolver.entries(&extra.none, Place::None)?);

    let name = if extra.name.is_empty() { &base.source.name } else { &extra.name };
    definition(extra, name, base.source.title.as_deref(), wanted, unwanted, resolver.warnings)
}

/// Checks every named list, also those no topic uses.
///
/// # Errors
/// As [`lists`]; the place is always a [`Place::List`].
pub fn check_lists(named: &BTreeMap<String, Vec<String>>) -> Result<(), Error> {
    for (name, entries) in named {
        let mut resolver = Resolver::new(&[named, shared_lists()]);
        resolver.path.push(name.clone());
        resolver.entries(entries, |index| Place::List { name: name.clone(), index })?;
    }
    Ok(())
}

fn definition(
    source: &TopicSource,
    name: &str,
    title: Option<&str>,
    mut wanted: Vec<Expr>,
    unwanted: Vec<Expr>,
    warnings: Vec<Error>,
) -> Result<TopicDef, Error> {
    if wanted.is_empty() {
        let message = match unwanted.is_empty() {
            true => "the topic has no entries",
            false => "the topic says what may not occur, but not what must",
        };
        let help = "give words or phrases under `any` or `all`";
        return Err(Fault::new(0..0, message, help).at(&Place::Topic));
    }
    if !unwanted.is_empty() {
        wanted.push(Expr::Not(Box::new(Expr::Or(unwanted))));
    }
    let expr = join(wanted, Expr::And);
    let title = source.title.as_deref().or(title).unwrap_or(name);
    let topic = Topic { name: TopicName::new(name), title: title.to_owned(), revision: revision(&expr) };
    let mut warnings = warnings;
    let hints = lint::lint(&expr).into_iter();
    warnings.extend(hints.map(|hint| Fault::new(0..0, hint.message, hint.help).at(&Place::Topic)));
    Ok(TopicDef { topic, expr, warnings })
}

/// xxh3 of the normal form.
fn revision(expr: &Expr) -> i64 {
    i64::from_ne_bytes(xxh3_64(expr.normal_form().as_bytes()).to_ne_bytes())
}

fn join(mut parts: Vec<Expr>, operator: fn(Vec<Expr>) -> Expr) -> Expr {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            operator(parts)
        }
    }
}

/// Follows `@name` through the lists, counting entries.
struct Resolver<'a> {
    scopes: Vec<&'a BTreeMap<String, Vec<String>>>,
    path: Vec<String>,
    count: usize,
    warnings: Vec<Error>,
}

impl<'a> Resolver<'a> {
    fn new(scopes: &[&'a BTreeMap<String, Vec<String>>]) -> Self {
        Self { scopes: scopes.to_vec(), path: Vec::new(), count: 0, warnings: Vec::new() }
    }

    /// What must occur: the query, one expression for `any`, one for each entry of `all`.
    fn wanted(&mut self, source: &TopicSource) -> Result<Vec<Expr>, Error> {
        let mut wanted = Vec::new();
        if let Some(text) = &source.query {
            wanted.push(self.query(text)?);
        }
        let any = self.entries(&source.any, Place::Any)?;
        if !any.is_empty() {
            wanted.push(Expr::Or(any));
        }
        wanted.extend(self.entries(&source.all, Place::All)?);
        Ok(wanted)
    }

    fn query(&mut self, text: &str) -> Result<Expr, Error> {
        let mut lookup = |name: &str, span: Range<usize>| {
            let place = Place::Query;
            self.list(name, span.clone(), &place).map_err(|error| match error.place {
                Place::Query => Fault { span, message: error.message, help: error.help, elsewhere: None },
                _ => Fault { span, message: String::new(), help: None, elsewhere: Some(Box::new(error)) },
            })
        };
        let (expr, warnings) = parser::parse(text, &mut lookup).map_err(|fault| fault.at(&Place::Query))?;
        self.warnings.extend(warnings.into_iter().map(|fault| fault.at(&Place::Query)));
        self.count += own_terms(&expr);
        if self.count > MAX_ENTRIES {
            let message = format!("the topic has more than {MAX_ENTRIES} entries");
            return Err(Fault::new(0..0, message, "split it into several topics").at(&Place::Query));
        }
        Ok(expr)
    }

    fn entries(&mut self, entries: &[String], place: impl Fn(usize) -> Place) -> Result<Vec<Expr>, Error> {
        entries.iter().enumerate().map(|(index, text)| self.entry(text, &place(index))).collect()
    }

    fn entry(&mut self, text: &str, place: &Place) -> Result<Expr, Error> {
        match entry::parse(text).map_err(|fault| fault.at(place))? {
            Entry::List(name) => self.list(&name, 0..text.len(), place),
            Entry::Term(term) => {
                self.count += 1;
                if self.count > MAX_ENTRIES {
                    let message = format!("the topic has more than {MAX_ENTRIES} entries");
                    return Err(Fault::new(0..text.len(), message, "split it into several topics").at(place));
                }
                let hint = lint::short_word(&term).or_else(|| lint::exclamation(&term));
                self.warnings
                    .extend(hint.map(|hint| Fault::new(0..text.len(), hint.message, hint.help).at(place)));
                Ok(Expr::Term(term))
            }
        }
    }

    /// The list `name`, which is asked for at `span` of `place`.
    fn list(&mut self, name: &str, span: Range<usize>, place: &Place) -> Result<Expr, Error> {
        let refuse = |message: String, help: &str| Err(Fault::new(span.clone(), message, help).at(place));
        if self.path.iter().any(|open| open == name) {
            let circle = format!("{} → {name}", self.path.join(" → "));
            return refuse(
                format!("the lists go in a circle: {circle}"),
                "take one of them out of the other",
            );
        }
        if self.path.len() == MAX_LIST_DEPTH {
            let message = format!("lists are nested more than {MAX_LIST_DEPTH} deep");
            return refuse(message, "write the inner list's entries here");
        }
        let Some(entries) = self.scopes.iter().find_map(|scope| scope.get(name)) else {
            return refuse(format!("there is no list `{name}`"), &self.suggestion(name));
        };
        if entries.is_empty() {
            return refuse(
                format!("the list `{name}` is empty"),
                "give it entries, or remove it from the topic",
            );
        }
        self.path.push(name.to_owned());
        let inside = self.entries(entries, |index| Place::List { name: name.to_owned(), index })?;
        self.path.pop();
        Ok(Expr::Named { name: Arc::from(name), expr: Box::new(Expr::Or(inside)) })
    }

    fn suggestion(&self, name: &str) -> String {
        let names = self.scopes.iter().flat_map(|scope| scope.keys());
        let scored = names.map(|known| (strsim::jaro_winkler(known, name), known));
        match scored.filter(|(score, _)| *score >= SIMILAR).max_by(|a, b| a.0.total_cmp(&b.0)) {
            Some((_, known)) => format!("did you mean `@{known}`?"),
            None => "define it under `[lists]`".to_owned(),
        }
    }
}

/// Terms written in the query itself; those of its lists have been counted as they were read.
fn own_terms(expr: &Expr) -> usize {
    match expr {
        Expr::Term(_) => 1,
        Expr::Named { .. } => 0,
        other => other.children().into_iter().map(own_terms).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(entries: &[&str]) -> Vec<String> {
        entries.iter().map(|entry| (*entry).to_owned()).collect()
    }

    fn source(any: &[&str], all: &[&str], none: &[&str]) -> TopicSource {
        TopicSource {
            name: "t".to_owned(),
            title: None,
            any: strings(any),
            all: strings(all),
            none: strings(none),
            query: None,
        }
    }

    fn named(lists: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
        lists.iter().map(|(name, entries)| ((*name).to_owned(), strings(entries))).collect()
    }

    #[test]
    fn lists_become_an_and_of_ors() {
        let lists_in = named(&[("us", &["Trump", "caps(US)"]), ("cn", &["China"])]);
        let check = |source: TopicSource, expect: &str| {
            assert_eq!(lists(&source, &lists_in).unwrap().expr.normal_form(), expect);
        };
        check(source(&["b", "a", "a"], &[], &[]), r#"("a" OR "b")"#);
        check(source(&[], &["@us", "@cn"], &[]), r#"("china" AND ("caps(US)" OR "trump"))"#);
        check(source(&["a"], &["b c(s|es)"], &["dig*"]), r#"("a" AND "b c(es|s)" AND NOT "dig*")"#);
    }

    #[test]
    fn the_revision_follows_the_rules_only() {
        let lists_in = named(&[("x", &["a", "b"])]);
        let revision = |source: TopicSource| lists(&source, &lists_in).unwrap().topic.revision;
        let base = revision(source(&["A", "b"], &[], &[]));
        assert_eq!(
            base,
            revision(TopicSource { title: Some("T".to_owned()), ..source(&["b", "a "], &[], &[]) })
        );
        assert_ne!(base, revision(source(&["a", "b", "c"], &[], &[])));
        assert_ne!(base, revision(source(&["a"], &["b"], &[])));
        assert_ne!(base, revision(source(&["caps(A)", "b"], &[], &[])));
    }

    fn refuse(source: &TopicSource, lists_in: &[(&str, &[&str])], place: Place, message: &str, help: &str) {
        let error = lists(source, &named(lists_in)).unwrap_err();
        assert_eq!(error.place, place, "{error}");
        assert!(error.message.contains(message), "{error}");
        assert!(error.help.as_deref().unwrap_or_default().contains(help), "{:?}", error.help);
    }

    #[test]
    fn faults_name_the_entry() {
        let list = |name: &str, index| Place::List { name: name.to_owned(), index };
        refuse(&source(&[], &[], &[]), &[], Place::Topic, "no entries", "`any`");
        refuse(&source(&[], &[], &["a"]), &[], Place::Topic, "not what must", "`any`");
        refuse(&source(&["a", ""], &[], &[]), &[], Place::Any(1), "empty", "remove");
        refuse(&source(&["a"], &["b", "c OR d"], &[]), &[], Place::All(1), "query language", "`any`");
        refuse(&source(&["a"], &[], &["ab*"]), &[], Place::None(0), "at least 3", "endings");
        refuse(
            &source(&["@metal"], &[], &[]),
            &[("metals", &["a"])],
            Place::Any(0),
            "no list `metal`",
            "`@metals`",
        );
        refuse(&source(&["@x"], &[], &[]), &[("metals", &["a"])], Place::Any(0), "no list `x`", "define it");
        refuse(&source(&["@m"], &[], &[]), &[("m", &[])], Place::Any(0), "is empty", "entries");
        refuse(&source(&["@m"], &[], &[]), &[("m", &["ok", "a*"])], list("m", 1), "at least 3", "endings");
        refuse(
            &source(&["@a"], &[], &[]),
            &[("a", &["@b"]), ("b", &["x", "@a"])],
            list("b", 1),
            "a → b → a",
            "one",
        );
    }

    #[test]
    fn unused_lists_are_checked_too() {
        assert_eq!(check_lists(&named(&[("a", &["@b", "x"]), ("b", &["y"])])), Ok(()));
        let error = check_lists(&named(&[("a", &["x"]), ("b", &["y", "z OR"])])).unwrap_err();
        assert_eq!(error.place, Place::List { name: "b".to_owned(), index: 1 });
        assert!(check_lists(&named(&[("a", &["@a"])])).unwrap_err().message.contains("circle"));
    }

    #[test]
    fn limits_hold_at_n_and_n_plus_1() {
        let many = |n: usize| TopicSource { any: vec!["a".to_owned(); n], ..source(&[], &[], &[]) };
        assert!(lists(&many(MAX_ENTRIES), &BTreeMap::new()).is_ok());
        let error = lists(&many(MAX_ENTRIES + 1), &BTreeMap::new()).unwrap_err();
        assert_eq!(error.place, Place::Any(MAX_ENTRIES));

        // A list counts once for each use, a word of the query once.
        let named = BTreeMap::from([("l".to_owned(), vec!["a".to_owned(); MAX_ENTRIES / 2 - 1])]);
        let query = |more: &str| TopicSource {
            query: Some(format!("@l OR @l OR b OR c{more}")),
            ..source(&[], &[], &[])
        };
        assert!(lists(&query(""), &named).is_ok());
        let error = lists(&query(" OR d"), &named).unwrap_err();
        assert!(error.message.contains("more than"), "{error}");

        let deep = |n: usize| {
            let mut lists_in: BTreeMap<String, Vec<String>> =
                (1..n).map(|i| (format!("l{i}"), vec![format!("@l{}", i + 1)])).collect();
            lists_in.insert(format!("l{n}"), vec!["end".to_owned()]);
            lists_in
        };
        assert!(lists(&source(&["@l1"], &[], &[]), &deep(MAX_LIST_DEPTH)).is_ok());
        let error = lists(&source(&["@l1"], &[], &[]), &deep(MAX_LIST_DEPTH + 1)).unwrap_err();
        assert!(error.message.contains("nested"), "{error}");
    }

    #[test]
    fn a_builtin_is_widened_narrowed_and_excluded_from() {
        let base = Builtin { source: source(&["a"], &["@l"], &["n"]), lists: named(&[("l", &["b", "c"])]) };
        let check = |extra: TopicSource, named_in: &[(&str, &[&str])], expect: &str| {
            assert_eq!(extend(&base, &extra, &named(named_in)).unwrap().expr.normal_form(), expect);
        };
        let plain = source(&[], &[], &[]);
        check(plain.clone(), &[], r#"(("a" AND ("b" OR "c")) AND NOT "n")"#);
        check(
            source(&["d"], &["e"], &["m"]),
            &[],
            r#"("e" AND ("d" OR ("a" AND ("b" OR "c"))) AND NOT ("m" OR "n"))"#,
        );
        check(
            source(&["@l"], &[], &[]),
            &[("l", &["z"])],
            r#"(("z" OR ("a" AND ("b" OR "c" OR "z"))) AND NOT "n")"#,
        );
        let broken = named(&[("l", &["ok", "z*"])]);
        let error = extend(&base, &TopicSource::default(), &broken).unwrap_err();
        assert_eq!(error.place, Place::List { name: "l".to_owned(), index: 1 });
        assert_eq!(
            extend(&base, &TopicSource::default(), &BTreeMap::new()).unwrap().topic.name.as_str(),
            "t"
        );
        let error = extend(&base, &source(&["x", "-y"], &[], &[]), &BTreeMap::new()).unwrap_err();
        assert_eq!(error.place, Place::Any(1));
    }
}
