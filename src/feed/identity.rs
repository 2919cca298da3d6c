//! Items → the keys by which they are known again at the next poll of the same feed.
//!
//! Data in: the items of one reading. Data out: the same items without exact duplicates, each with its keys.
//!
//! An item has four marks: guid, link (canonical), title (without regard to case) and publication instant. Two items
//! of one feed are the same when two marks agree, so a publisher may change any one of guid, link and title at a time
//! and the item is known still, while a guid that is given to a new article does not hide it.
//!
//! **Invariant:** every item has at least one key, and no two items of one reading share a key.
//! **Invariant:** keys are stable: they depend on the item and its neighbours' marks alone, not on order or time.
//! **Invariant:** a guid that is nothing but the link is no second mark within one reading: a page of notices gives
//! the same of both to all its items, and none may hide another.
//! **Invariant:** a link that leads to a front page is no mark: a feed may give it to all its items.
//!
//! Rejected: the guid alone: 15 % of items have none, and publishers re-use and change them (measured: 1,372 of
//! 9,354).

use std::collections::HashMap;

use url::Url;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::canonical::{canonical_link, has_path, is_specific};
use crate::model::{Item, ItemKey, KeyKind, Timestamp};

const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// The items with their keys, in order. Items that share a strong key ([`KeyKind::GuidLink`] where the guid is not the
/// link, [`KeyKind::GuidTitle`], [`KeyKind::LinkTitle`]) are one: the first stays and takes the keys of the others. A weak
/// key that different items share identifies none of them and is left out.
pub fn identify(items: Vec<Item>) -> Vec<(Item, Vec<ItemKey>)> {
    let marks = items.iter().map(Marks::of);
    let (keys, permalinks): (Vec<Vec<ItemKey>>, Vec<bool>) =
        marks.map(|marks| (marks.keys(), marks.is_guid_the_link())).unzip();
    let is_strong = |at: usize, key: &ItemKey| {
        let one_mark = key.kind == KeyKind::GuidLink && permalinks.get(at) == Some(&true);
        is_strong(key.kind) && !one_mark
    };
    let mut groups = Groups::new(items.len());
    let mut owner: HashMap<ItemKey, usize> = HashMap::new();
    for (at, key) in each(&keys).filter(|(at, key)| is_strong(*at, key)) {
        let first = *owner.entry(*key).or_insert(at);
        groups.join(first, at);
    }
    // How many different items a weak key stands for.
    let mut holders: HashMap<ItemKey, Option<usize>> = HashMap::new();
    for (at, key) in each(&keys).filter(|(at, key)| !is_strong(*at, key)) {
        let group = groups.root(at);
        holders
            .entry(*key)
            .and_modify(|held| *held = held.filter(|held| *held == group))
            .or_insert(Some(group));
    }
    let mut kept: Vec<Vec<ItemKey>> = vec![Vec::new(); items.len()];
    for (at, key) in each(&keys) {
        let group = groups.root(at);
        if let Some(list) = kept.get_mut(group)
            && (is_strong(at, key) || holders.get(key) == Some(&Some(group)))
            && !list.contains(key)
        {
            list.push(*key);
        }
    }
    let firsts = items.into_iter().zip(kept).enumerate().filter(|(at, _)| groups.root(*at) == *at);
    with_fallback(firsts.map(|(_, found)| found))
}

fn each(keys: &[Vec<ItemKey>]) -> impl Iterator<Item = (usize, &ItemKey)> {
    keys.iter().enumerate().flat_map(|(at, keys)| keys.iter().map(move |key| (at, key)))
}

/// Gives items that are left without keys one over all they have; of those that agree even in that, the first stays.
fn with_fallback(items: impl Iterator<Item = (Item, Vec<ItemKey>)>) -> Vec<(Item, Vec<ItemKey>)> {
    let mut seen = HashMap::new();
    let mut out = Vec::new();
    for (item, mut keys) in items {
        if keys.is_empty() {
            let key = Marks::of(&item).all();
            if seen.insert(key, ()).is_some() {
                continue;
            }
            keys.push(key);
        }
        keys.sort_unstable();
        out.push((item, keys));
    }
    out
}

fn is_strong(kind: KeyKind) -> bool {
    matches!(kind, KeyKind::GuidLink | KeyKind::GuidTitle | KeyKind::LinkTitle)
}

/// Items found to be one (union-find).
struct Groups(Vec<usize>);

impl Groups {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    /// The first item of the group.
    fn root(&mut self, at: usize) -> usize {
        let mut root = at;
        while let Some(up) = self.0.get(root).copied().filter(|up| *up != root) {
            root = up;
        }
        if let Some(up) = self.0.get_mut(at) {
            *up = root;
        }
        root
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        if let Some(up) = self.0.get_mut(a.max(b)) {
            *up = a.min(b);
        }
    }
}

/// What an item is recognised by.
struct Marks<'a> {
    guid: Option<&'a str>,
    link: Option<String>,
    /// Whether the link's path tells articles apart.
    path: bool,
    title: Option<String>,
    published_at: Option<Timestamp>,
    summary: &'a str,
    content: &'a str,
}

impl<'a> Marks<'a> {
    fn of(item: &'a Item) -> Self {
        let link = item.link.as_ref().filter(|link| is_specific(link));
        Self {
            guid: item.guid.as_deref().map(str::trim).filter(|guid| !guid.is_empty()),
            link: link.map(canonical_link),
            path: link.is_some_and(has_path),
            title: Some(item.title.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase())
                .filter(|title| !title.is_empty()),
            published_at: item.published_at,
            summary: &item.summary,
            content: &item.content,
        }
    }

    fn is_guid_the_link(&self) -> bool {
        let guid = self.guid.and_then(|guid| Url::parse(guid).ok()).map(|guid| canonical_link(&guid));
        guid.is_some() && guid == self.link
    }

    fn keys(&self) -> Vec<ItemKey> {
        let date = self.published_at.map(|at| at.as_millisecond());
        let millis = date.map(|date| date.to_string());
        let guid = self.guid.map(|guid| Mark('g', guid));
        let link = self.link.as_deref().map(|link| Mark('l', link));
        let title = self.title.as_deref().map(|title| Mark('t', title));
        let date_mark = millis.as_deref().map(|millis| Mark('d', millis));
        // A day without a time of day is no instant: a page may change several times on it.
        let has_time = date.is_some_and(|date| date.rem_euclid(DAY_MS) != 0);
        let link_of_instant = link.filter(|_| self.path && has_time);
        let pairs = [
            (KeyKind::GuidLink, guid, link),
            (KeyKind::GuidTitle, guid, title),
            (KeyKind::LinkTitle, link, title),
            (KeyKind::GuidDate, guid, date_mark),
            (KeyKind::TitleDate, title, date_mark),
            (KeyKind::LinkDate, link_of_instant, date_mark),
        ];
        let pairs = pairs.into_iter().filter_map(|(kind, a, b)| Some(key(kind, &[a?, b?])));
        pairs.chain(self.sole(guid, link, title)).collect()
    }

    /// The key of an item that has too few marks to pair.
    fn sole(
        &self,
        guid: Option<Mark<'_>>,
        link: Option<Mark<'_>>,
        title: Option<Mark<'_>>,
    ) -> Option<ItemKey> {
        let summary = Mark('s', self.summary);
        match (guid, link, title) {
            (None, Some(link), _) => Some(key(KeyKind::Sole, &[link])),
            (None, None, Some(title)) => Some(key(KeyKind::Sole, &[title, summary])),
            (None, None, None) if !self.summary.is_empty() => Some(key(KeyKind::Sole, &[summary])),
            (Some(guid), None, None) => Some(key(KeyKind::Sole, &[guid])),
            // Nothing beside the guid could tell that it was changed.
            (Some(_), None, Some(title)) if self.published_at.is_none() => {
                Some(key(KeyKind::Sole, &[title, summary]))
            }
            _ => None,
        }
    }

    fn all(&self) -> ItemKey {
        let date = self.published_at.map(|at| at.as_millisecond().to_string());
        let marks = [
            Mark('g', self.guid.unwrap_or("")),
            Mark('l', self.link.as_deref().unwrap_or("")),
            Mark('t', self.title.as_deref().unwrap_or("")),
            Mark('d', date.as_deref().unwrap_or("")),
            Mark('s', self.summary),
            Mark('c', self.content),
        ];
        key(KeyKind::Sole, &marks)
    }
}

/// A mark's kind and value.
#[derive(Clone, Copy)]
struct Mark<'a>(char, &'a str);

/// Hash over kinds, lengths and values, so that no two lists of marks run together.
fn key(kind: KeyKind, marks: &[Mark<'_>]) -> ItemKey {
    let mut hasher = Xxh3::new();
    hasher.update(kind_word(kind).as_bytes());
    for Mark(name, value) in marks {
        hasher.update(name.encode_utf8(&mut [0; 4]).as_bytes());
        hasher.update(&u64::try_from(value.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(&xxh3_128(value.as_bytes()).to_be_bytes());
    }
    ItemKey { kind, hash: hasher.digest128().to_be_bytes() }
}

/// Part of the hash: must never change, or every item of every feed would be new.
fn kind_word(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::GuidLink => "guid+link",
        KeyKind::GuidTitle => "guid+title",
        KeyKind::GuidDate => "guid+date",
        KeyKind::LinkTitle => "link+title",
        KeyKind::LinkDate => "link+date",
        KeyKind::TitleDate => "title+date",
        KeyKind::Sole => "sole",
    }
}
