//! Any bytes with any label: a text, the same each time; and UTF-8 stays what it is, whatever the label says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wirewatch::feed::fuzzing::decode;

fuzz_target!(|data: (&[u8], Option<&str>)| {
    let (bytes, label) = data;
    let content_type = label.map(|label| format!("text/xml; charset={label}"));
    let text = decode(bytes, content_type.as_deref());
    assert_eq!(decode(bytes, content_type.as_deref()), text);
    // What is not UTF-8 by its marks and nulls, or ASCII with escapes, is itself.
    let plain = !bytes.contains(&0) && !bytes.contains(&0x1B) && !bytes.starts_with(b"\xEF\xBB\xBF");
    if plain && let Ok(utf8) = std::str::from_utf8(bytes) {
        assert_eq!(text, utf8);
    }
    // UTF-32 at its worst gives three bytes for four, windows-1252 three for one.
    assert!(text.len() <= bytes.len() * 3 + 3);
});
