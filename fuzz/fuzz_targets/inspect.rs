//! Any text: the items seen lie in it, in order and without overlap.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wirewatch::feed::fuzzing::inspect;

fuzz_target!(|text: &str| {
    if let Some((count, sound)) = inspect(text) {
        assert!(sound);
        assert!(count <= text.len());
        assert_eq!(inspect(text), Some((count, sound)));
    }
});
