//! Any text: salvage ends, and gives every item that the inspection saw whole, and at most one cut one more.

#![no_main]

use libfuzzer_sys::fuzz_target;
use url::Url;
use wirewatch::feed::fuzzing::salvage;

fuzz_target!(|text: &str| {
    let base = Url::parse("https://news.example/feeds/all.xml").expect("an address");
    if let Some((found, seen)) = salvage(text, &base) {
        assert!(found <= seen + 1, "{found} items of {seen}");
        assert_eq!(salvage(text, &base), Some((found, seen)));
    }
});
