//! Tests of the module as a whole: what a body gives.

mod agreement;
mod classes;
mod dialects;
mod faults;
mod hostile;
mod identity;
mod properties;
mod weight;

use url::Url;

use super::{Error, parse};
use crate::model::{Item, ParsedFeed, Timestamp, Warning};

fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn base() -> Url {
    Url::parse("https://news.example/feeds/world.xml").unwrap()
}

fn read_bytes(bytes: &[u8]) -> Result<(ParsedFeed, Vec<Warning>), Error> {
    parse(bytes, None, &base(), now())
}

#[track_caller]
fn read(text: &str) -> (ParsedFeed, Vec<Warning>) {
    read_bytes(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text:.2000}"))
}

/// The items of a body that feed-rs reads.
#[track_caller]
fn clean(text: &str) -> Vec<Item> {
    let (feed, warnings) = read(text);
    assert_eq!(warnings, [], "{text:.2000}");
    feed.items
}

/// The items of a body that salvage reads.
#[track_caller]
fn salvaged(text: &str) -> Vec<Item> {
    let (feed, warnings) = read(text);
    assert!(matches!(warnings[..], [Warning::Salvaged(_)]), "{warnings:?}: {text:.2000}");
    feed.items
}

fn titles(items: &[Item]) -> Vec<&str> {
    items.iter().map(|item| item.title.as_str()).collect()
}

fn rss(items: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rss version=\"2.0\"><channel><title>Harbour Wire</title>\
         <link>https://news.example/</link><description>All news</description>{items}</channel></rss>"
    )
}

fn atom(entries: &str) -> String {
    format!(
        "<feed xmlns=\"http://www.w3.org/2005/Atom\"><title>Harbour Wire</title><id>x</id>{entries}</feed>"
    )
}
