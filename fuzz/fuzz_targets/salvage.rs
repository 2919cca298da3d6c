//! Any text: salvage ends, gives the same each time, and of a document without faults no item that the inspection did not
//! see.

#![no_main]

use libfuzzer_sys::fuzz_target;
use url::Url;
use wirewatch::feed::fuzzing::salvage;

fuzz_target!(|text: &str| {
    let base = Url::parse("https://news.example/feeds/all.xml").expect("an address");
    if let Some((found, most)) = salvage(text, &base) {
        assert!(found <= most, "{found} items, at most {most} were seen");
        assert_eq!(salvage(text, &base), Some((found, most)));
    }
});
