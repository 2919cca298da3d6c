//! Which of the links of a feed or item leads to its page.
//!
//! Data in: the relation and type of a link. Data out: its rank.
//!
//! **Invariant:** the same for feed-rs and salvage.
//!
//! Rejected: the first link: Atom entries start with edit, self and reply links.

use std::borrow::Cow;

/// How good a link is as the article's; less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Without relation, in RSS.
    Plain,
    /// An alternate that is a page.
    Page,
    /// Another alternate.
    Alternate,
    /// A guid that says to be the link.
    Permalink,
    /// A file that belongs to the item: only where nothing else is a link.
    Enclosure,
}

/// The rank of a link by its `rel` and `type`; `None` when it leads elsewhere. `rss`: found in RSS or RDF.
pub(super) fn rank(relation: Option<&str>, kind: Option<&str>, rss: bool) -> Option<Rank> {
    let relation = relation.map(str::trim).filter(|relation| !relation.is_empty());
    match relation {
        None if rss => Some(Rank::Plain),
        None => Some(page(kind)),
        // Relations may be written as addresses (RFC 4287 §4.2.7.2).
        Some(relation)
            if relation.eq_ignore_ascii_case("alternate") || relation.ends_with("relation/alternate") =>
        {
            Some(page(kind))
        }
        Some(relation) if relation.eq_ignore_ascii_case("enclosure") => Some(Rank::Enclosure),
        Some(_) => None,
    }
}

fn page(kind: Option<&str>) -> Rank {
    if kind.is_none_or(|kind| kind.contains("html")) { Rank::Page } else { Rank::Alternate }
}

/// The addresses that may be the article's, best first, and those to fall back on.
pub(super) fn sorted<'a>(mut links: Vec<(Rank, Cow<'a, str>)>) -> (Vec<Cow<'a, str>>, Vec<Cow<'a, str>>) {
    links.sort_by_key(|(rank, _)| *rank);
    let (last, first): (Vec<_>, Vec<_>) = links.into_iter().partition(|(rank, _)| *rank == Rank::Enclosure);
    let texts = |links: Vec<(Rank, Cow<'a, str>)>| links.into_iter().map(|(_, link)| link).collect();
    (texts(first), texts(last))
}
