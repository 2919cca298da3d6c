//! JSON Feed 1.0 and 1.1 → [`RawFeed`], leniently.
//!
//! Data in: decoded text. Data out: the feed as strings; a field of a wrong type costs that field, not the feed.
//!
//! **Invariant:** what is kept while reading is bounded by what can be used: known fields, the first and the last
//! [`MAX_ITEMS`] items, [`MAX_LIST`] entries of any other list (measured: a tree of all of it takes 365 MB for 8 MB).
//! **Invariant:** nesting is bounded by serde_json's own limit of 128, so no input overflows the stack.
//!
//! Rejected: feed-rs's reader: it is typed, so that one numeric id or null title loses the feed, and it copies the
//! feed's authors into each item (measured: 4.3 GB for 235 kB).

use std::{borrow::Cow, cell::Cell, collections::VecDeque, fmt};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{
    Error, MAX_ITEMS, dates,
    raw::{RawFeed, RawItem},
};
use crate::model::Warning;

/// Deepest nesting of a document that is mended; serde_json's own limit.
const MAX_NESTED: usize = 128;
/// Most authors or tags read from one list.
const MAX_LIST: usize = 64;

/// The fields that are read, of feeds, items and authors.
const FIELDS: [&str; 17] = [
    "version",
    "title",
    "home_page_url",
    "language",
    "authors",
    "author",
    "items",
    "id",
    "url",
    "external_url",
    "summary",
    "content_html",
    "content_text",
    "tags",
    "date_published",
    "date_modified",
    "name",
];

/// Whether a text is JSON rather than XML or HTML.
pub(super) fn is_json(text: &str) -> bool {
    // A log line in brackets may stand before an XML feed.
    text.starts_with('{') || text.starts_with('[') && !text.contains('<') || text.trim_end() == "null"
}

/// Reads a JSON Feed.
///
/// # Errors
/// [`Error::Malformed`] when it is not JSON, or its items are no list; [`Error::NotAFeed`] when it is other JSON;
/// [`Error::EntriesLost`] when there are items and none is an object.
pub(super) fn read(text: &str, warnings: &mut Vec<Warning>) -> Result<RawFeed<'static>, Error> {
    let total = Cell::new(0);
    let value = match value(text, &total) {
        Ok(value) => value,
        Err(error) => {
            let mended = mend(text).and_then(|mended| value(&mended, &total).ok());
            let Some(value) = mended else { return Err(Error::Malformed { reason: error.to_string() }) };
            warnings.push(Warning::Salvaged("the document is not well-formed JSON"));
            value
        }
    };
    let not_a_feed = || Error::NotAFeed { what: "a JSON document of another kind", feeds: Vec::new() };
    let Value::Object(feed) = value else { return Err(not_a_feed()) };
    let version = string(&feed, "version").unwrap_or_default();
    let items = feed.get("items").filter(|items| !items.is_null());
    let list = items.and_then(Value::as_array);
    if !version.contains("jsonfeed.org/version/") && (list.is_none() || !version.is_empty()) {
        return Err(not_a_feed());
    }
    if items.is_some() && list.is_none() {
        return Err(Error::Malformed { reason: "its items are not a list".to_owned() });
    }
    let items = list.map_or(&[][..], Vec::as_slice);
    if total.get() > MAX_ITEMS {
        warnings.push(Warning::TooManyItems { dropped: total.get().saturating_sub(MAX_ITEMS) });
    }
    let objects = items.iter().filter_map(Value::as_object);
    let broken = items.iter().take(MAX_ITEMS).filter(|item| !item.is_object()).count();
    if broken > 0 && broken == items.len() {
        return Err(Error::EntriesLost { seen: broken });
    }
    if broken > 0 {
        warnings.push(Warning::EmptyItems { count: broken });
    }
    let authors = authors(&feed);
    Ok(RawFeed {
        title: string(&feed, "title"),
        links: strings(&feed, &["home_page_url"]),
        lang: string(&feed, "language"),
        items: newest(objects.collect()).into_iter().map(|item| item_of(item, &authors)).collect(),
        cut: false,
    })
}

fn value(text: &str, total: &Cell<usize>) -> serde_json::Result<Value> {
    let mut json = serde_json::Deserializer::from_str(text.trim_end_matches('\0'));
    let value = Reader { level: Level::Feed, total }.deserialize(&mut json)?;
    json.end().map(|()| value)
}

/// The document with the faults mended that publishers' string concatenation makes: control characters in strings,
/// commas before a bracket, things after the end; one that is cut off ends with its last whole item. `None` when not
/// even one item is whole.
fn mend(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let (mut open, mut in_string, mut escaped) = (Vec::new(), false, false);
    let (mut whole, mut in_items) = (None, false);
    for c in text.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            out.push(if c.is_control() { ' ' } else { c });
            continue;
        }
        match c {
            '"' => in_string = true,
            '{' | '[' => {
                if open.len() == 1 {
                    let key = out.trim_end().strip_suffix(':').map(str::trim_end);
                    in_items = key.is_some_and(|key| key.ends_with("\"items\""));
                }
                open.push(c);
            }
            '}' | ']' => {
                let blank = |c: char| c.is_whitespace() || c == ',';
                out.truncate(out.trim_end_matches(blank).len());
                open.pop();
            }
            _ => {}
        }
        out.push(c);
        match open.as_slice() {
            [] => return Some(out),
            ['{', '['] if c == '}' && in_items => whole = Some(out.len()),
            _ => {}
        }
        if open.len() > MAX_NESTED {
            return None;
        }
    }
    out.truncate(whole?);
    out.push_str("]}");
    Some(out)
}

/// The first [`MAX_ITEMS`] items, or the last when the list runs from old to new.
fn newest(mut items: Vec<&Map<String, Value>>) -> Vec<&Map<String, Value>> {
    let date =
        |item: &&Map<String, Value>| string(item, "date_published").and_then(|text| dates::parse(&text));
    if let Some(excess) = items.len().checked_sub(MAX_ITEMS)
        && items.first().and_then(date) < items.last().and_then(date)
    {
        items.drain(..excess);
    }
    items.truncate(MAX_ITEMS);
    items
}

fn item_of(item: &Map<String, Value>, feed_authors: &[Cow<'static, str>]) -> RawItem<'static> {
    let mut authors = authors(item);
    if authors.is_empty() {
        authors = feed_authors.to_vec();
    }
    let date = |name| string(item, name).and_then(|text| dates::parse(&text));
    RawItem {
        guid: string(item, "id"),
        links: strings(item, &["url", "external_url"]),
        title: string(item, "title").unwrap_or_default(),
        summary: string(item, "summary").unwrap_or_default(),
        content: string(item, "content_html").or_else(|| string(item, "content_text")).unwrap_or_default(),
        authors,
        tags: list(item.get("tags")).filter_map(text_of).collect(),
        lang: string(item, "language"),
        published_at: date("date_published").or_else(|| date("date_modified")),
        last_links: Vec::new(),
    }
}

/// `authors` of version 1.1 or `author` of 1.0; objects with a name, or plain strings.
fn authors(object: &Map<String, Value>) -> Vec<Cow<'static, str>> {
    let name = |value: &Value| text_of(value.as_object().map_or(Some(value), |author| author.get("name"))?);
    let from = |field| list(object.get(field)).filter_map(name).collect::<Vec<_>>();
    let authors = from("authors");
    if authors.is_empty() { from("author") } else { authors }
}

/// A list, or a single value as a list of one.
fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value
        .map_or(&[][..], |value| value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice))
        .iter()
        .take(MAX_LIST)
}

fn strings(object: &Map<String, Value>, names: &[&str]) -> Vec<Cow<'static, str>> {
    names.iter().filter_map(|name| string(object, name)).collect()
}

fn string(object: &Map<String, Value>, name: &str) -> Option<Cow<'static, str>> {
    object.get(name).and_then(text_of)
}

/// A string or number as text; `None` for anything else and for blanks.
fn text_of(value: &Value) -> Option<Cow<'static, str>> {
    match value {
        Value::String(text) => (!text.trim().is_empty()).then(|| Cow::Owned(text.clone())),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

/// Where in the document a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Feed,
    Items,
    Inside,
}

/// Builds the part of a value that is read.
#[derive(Clone, Copy)]
struct Reader<'c> {
    level: Level,
    /// How many items there are, those not kept included.
    total: &'c Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let inside = Self { level: Level::Inside, ..self };
        let mut kept = Vec::new();
        if self.level != Level::Items {
            while kept.len() < MAX_LIST
                && let Some(value) = list.next_element_seed(inside)?
            {
                kept.push(value);
            }
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Value::Array(kept));
        }
        let mut items = Items::default();
        while let Some(value) = list.next_element_seed(inside)? {
            items.push(value);
        }
        Ok(items.end(self.total))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut kept = Map::new();
        let mut items = Items::default();
        while let Some(name) = object.next_key::<String>()? {
            // As PHP writes a list that has holes.
            if self.level == Level::Items && name.bytes().all(|byte| byte.is_ascii_digit()) {
                items.push(object.next_value_seed(Self { level: Level::Inside, ..self })?);
                continue;
            }
            if !FIELDS.contains(&name.as_str()) {
                object.next_value::<IgnoredAny>()?;
                continue;
            }
            let is_items = self.level == Level::Feed && name == "items";
            let level = if is_items { Level::Items } else { Level::Inside };
            let value = object.next_value_seed(Self { level, ..self })?;
            kept.insert(name, value);
        }
        if self.level != Level::Items {
            return Ok(Value::Object(kept));
        }
        if !kept.is_empty() {
            // The one item there is.
            items.push(Value::Object(kept));
        }
        Ok(items.end(self.total))
    }
}

/// The first and the last [`MAX_ITEMS`] items.
#[derive(Default)]
struct Items {
    first: Vec<Value>,
    last: VecDeque<Value>,
    total: usize,
}

impl Items {
    fn push(&mut self, item: Value) {
        self.total = self.total.saturating_add(1);
        if self.first.len() < MAX_ITEMS {
            return self.first.push(item);
        }
        self.last.push_back(item);
        if self.last.len() > MAX_ITEMS {
            self.last.pop_front();
        }
    }

    fn end(mut self, total: &Cell<usize>) -> Value {
        total.set(self.total);
        self.first.extend(self.last);
        Value::Array(self.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(json: &str) -> Vec<RawItem<'static>> {
        read(json, &mut Vec::new()).unwrap().items
    }

    fn feed(items: &str) -> String {
        format!(
            r#"{{"version":"https://jsonfeed.org/version/1.1","title":"T","authors":[{{"name":"Desk"}}],"items":[{items}]}}"#
        )
    }

    #[test]
    fn a_wrong_field_costs_only_itself() {
        let json = feed(
            r#"{"id":7,"title":null,"url":"https://x.example/a","tags":"ports","author":"Ann","date_published":"2026-11-20"},
               {"id":1.5,"title":{"a":1},"content_text":"Body","tags":["a",2,null],"authors":[{"url":"https://b"},{"name":"Bo"}]},
               "stray", {"id":"x","attachments":[{"url":3}]}"#,
        );
        let found = items(&json);
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].guid.as_deref(), Some("7"));
        assert_eq!(
            (found[0].tags.as_slice(), found[0].authors.as_slice()),
            (&[Cow::from("ports")][..], &[Cow::from("Ann")][..])
        );
        assert!(found[0].published_at.is_some());
        assert_eq!(found[1].guid.as_deref(), Some("1.5"));
        assert_eq!(found[1].tags, ["a", "2"]);
        assert_eq!(found[1].authors, ["Bo"]);
        assert_eq!(found[2].authors, ["Desk"]);
    }

    #[test]
    fn items_in_another_shape_than_a_list_are_read_or_told_and_never_passed_over() {
        let feed = |items: &str| format!(r#"{{"version":"https://jsonfeed.org/version/1","items":{items}}}"#);
        let ids =
            |json: &str| items(&feed(json)).into_iter().map(|item| item.guid.unwrap()).collect::<Vec<_>>();
        assert_eq!(ids(r#"{"0":{"id":"a"},"2":{"id":"b"}}"#), ["a", "b"]);
        assert_eq!(ids(r#"{"id":"a","title":"alone"}"#), ["a"]);
        for none in ["null", "[]", "{}"] {
            assert!(items(&feed(none)).is_empty(), "{none}");
        }
        for (lost, seen) in [(r#"["a","b"]"#, 2), (r#"[[{"id":"a"}]]"#, 1), (r#"{"0":"a"}"#, 1)] {
            assert_eq!(
                read(&feed(lost), &mut Vec::new()).unwrap_err(),
                Error::EntriesLost { seen },
                "{lost}"
            );
        }
        for no_list in ["7", r#""none""#] {
            let error = read(&feed(no_list), &mut Vec::new()).unwrap_err();
            assert!(matches!(error, Error::Malformed { .. }), "{no_list}: {error}");
        }
    }

    #[test]
    fn versions_and_other_documents_are_told_apart() {
        for version in ["https://jsonfeed.org/version/1", "http://jsonfeed.org/version/1.1"] {
            assert!(read(&format!(r#"{{"version":"{version}"}}"#), &mut Vec::new()).is_ok());
        }
        assert!(read(r#"{"items":[{"id":1}]}"#, &mut Vec::new()).is_ok());
        for other in ["null", "[]", "{}", r#"{"version":"2","items":[]}"#, r#"{"error":"not found"}"#] {
            assert!(matches!(read(other, &mut Vec::new()), Err(Error::NotAFeed { .. })), "{other}");
        }
        let control = feed("{\"id\":1,\"title\":\"a\tb\u{1}c\",}, ");
        assert_eq!(items(&control)[0].title, "a b c");
        let cut =
            "{\"version\":\"https://jsonfeed.org/version/1\",\"items\":[{\"id\":1,\"tags\":[{}]},{\"id\":2";
        assert_eq!(items(cut).len(), 1);
        for broken in ["{", &"[".repeat(100_000), &feed("{\"id\":1")] {
            assert!(matches!(read(broken, &mut Vec::new()), Err(Error::Malformed { .. })));
        }
    }

    #[test]
    fn only_what_is_read_is_kept() {
        let keep = |json: &str| {
            let total = Cell::new(0);
            let reader = Reader { level: Level::Feed, total: &total };
            reader.deserialize(&mut serde_json::Deserializer::from_str(json)).unwrap()
        };
        assert_eq!(
            keep(r#"{"x":[1],"title":"t","items":[{"id":1,"y":{}}]}"#),
            serde_json::json!({"title":"t","items":[{"id":1}]})
        );
        for (tags, kept) in [(MAX_LIST, MAX_LIST), (MAX_LIST + 1, MAX_LIST)] {
            let found = keep(&format!(r#"{{"tags":[{}]}}"#, vec!["1"; tags].join(",")));
            assert_eq!(found["tags"].as_array().map(Vec::len), Some(kept));
        }
    }

    #[test]
    fn too_many_items_lose_the_oldest() {
        let item = |n: usize| format!(r#"{{"id":{n},"date_published":"{}-01-01"}}"#, 2000 + n / 1_000);
        let list =
            |order: &mut dyn Iterator<Item = usize>| feed(&order.map(item).collect::<Vec<_>>().join(","));
        let mut warnings = Vec::new();
        let found = read(&list(&mut (0..MAX_ITEMS)), &mut warnings).unwrap();
        assert_eq!((found.items.len(), warnings.len()), (MAX_ITEMS, 0));
        let found = read(&list(&mut (0..=MAX_ITEMS)), &mut warnings).unwrap();
        assert_eq!(found.items.len(), MAX_ITEMS);
        assert_eq!(found.items[0].guid.as_deref(), Some("1"));
        assert_eq!(warnings, [Warning::TooManyItems { dropped: 1 }]);
        let found = read(&list(&mut (0..=MAX_ITEMS).rev()), &mut warnings).unwrap();
        assert_eq!(found.items.last().and_then(|item| item.guid.clone()).as_deref(), Some("1"));
        warnings.clear();
        let many = 2 * MAX_ITEMS + 7;
        let found = read(&list(&mut (0..many)), &mut warnings).unwrap();
        assert_eq!(found.items.len(), MAX_ITEMS);
        assert_eq!(found.items[0].guid.as_deref(), Some((many - MAX_ITEMS).to_string().as_str()));
        assert_eq!(warnings, [Warning::TooManyItems { dropped: many - MAX_ITEMS }]);
    }
}
