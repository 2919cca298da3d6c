//! The feeds of `tests/feeds`, as bytes and as what is to be read from them.
//!
//! Each folder has an `expected.jsonl` with a line a file: `items` as `[title, link, date]`, or `says`, words of the
//! refusal. `type` is the `Content-Type` it is served with, `base` the address it comes from. The files are UTF-8 so
//! that they can be read and reviewed: `encoding` names the charset they are turned into, `bom` sets its mark before
//! them, and `⟦c3 28⟧` anywhere stands for those bytes.

use std::{fs, path::PathBuf};

use serde_json::Value;
use url::Url;
use wirewatch::model::Timestamp;

/// Where fixtures come from that do not say.
const BASE: &str = "https://feed.example.org/news/feed.xml";

/// Title, link and date of an item.
pub type Read = (String, Option<String>, Option<Timestamp>);

/// One body.
#[derive(Debug, Clone)]
pub struct Fixture {
    /// `folder/file`.
    pub name: String,
    pub content_type: Option<String>,
    pub base: Url,
    pub bytes: Vec<u8>,
    pub expected: Expected,
}

/// What is to come of it.
#[derive(Debug, Clone)]
pub enum Expected {
    /// These items, in this order.
    Items(Vec<Read>),
    /// A refusal with these words in it.
    Refusal(String),
}

impl Fixture {
    /// The items to be read.
    pub fn items(&self) -> &[Read] {
        match &self.expected {
            Expected::Items(items) => items,
            Expected::Refusal(_) => &[],
        }
    }
}

/// All fixtures of a folder; every file in it must be expected.
pub fn folder(name: &str) -> Vec<Fixture> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/feeds").join(name);
    let list = fs::read_to_string(dir.join("expected.jsonl")).unwrap();
    let fixtures: Vec<Fixture> = list
        .lines()
        .map(|line| {
            let line: Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}: {error}: {line}"));
            let file = line["file"].as_str().unwrap();
            let text =
                fs::read_to_string(dir.join(file)).unwrap_or_else(|error| panic!("{name}/{file}: {error}"));
            Fixture {
                name: format!("{name}/{file}"),
                content_type: line["type"].as_str().map(str::to_owned),
                base: Url::parse(line["base"].as_str().unwrap_or(BASE)).unwrap(),
                bytes: bytes(&text, line["encoding"].as_str().unwrap_or("utf-8"), line["bom"] == true),
                expected: expected(&line),
            }
        })
        .collect();
    let files = fs::read_dir(&dir).unwrap().count() - 1;
    assert_eq!(files, fixtures.len(), "{name}: every file has a line in expected.jsonl, and one only");
    fixtures
}

fn expected(line: &Value) -> Expected {
    if let Some(words) = line["says"].as_str() {
        return Expected::Refusal(words.to_owned());
    }
    let items = line["items"].as_array().unwrap_or_else(|| panic!("neither items nor says: {line}"));
    let item = |item: &Value| {
        let link = item[1].as_str().map(|link| Url::parse(link).unwrap().to_string());
        (item[0].as_str().unwrap().to_owned(), link, item[2].as_str().map(|date| date.parse().unwrap()))
    };
    Expected::Items(items.iter().map(item).collect())
}

/// The text in its charset, with the bytes that are written out.
fn bytes(text: &str, charset: &str, bom: bool) -> Vec<u8> {
    let mut out = if bom { encode("\u{FEFF}", charset) } else { Vec::new() };
    let mut parts = text.split('⟦');
    out.extend(encode(parts.next().unwrap_or(""), charset));
    for part in parts {
        let (hex, rest) = part.split_once('⟧').unwrap_or_else(|| panic!("⟦ without ⟧: {part}"));
        out.extend(hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()));
        out.extend(encode(rest, charset));
    }
    out
}

fn encode(text: &str, charset: &str) -> Vec<u8> {
    match charset {
        "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        "utf-32le" => text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect(),
        "utf-32be" => text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect(),
        label => {
            let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap();
            let (bytes, _, unmappable) = encoding.encode(text);
            assert!(!unmappable, "{label} cannot hold all of {text}");
            bytes.into_owned()
        }
    }
}
