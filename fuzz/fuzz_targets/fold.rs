//! Any text folded: spans lie in the text and rise, and folding what was folded changes nothing.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wirewatch::text::{self, FoldedText};

fuzz_target!(|text: &str| {
    let folded = text::fold(text);
    let mut last = 0..0;
    for token in folded.tokens() {
        assert!(!token.text.is_empty());
        assert!(text.get(token.span.clone()).is_some_and(|slice| !slice.is_empty()), "{:?}", token.span);
        assert!(token.span.start >= last.end || token.span == last, "{last:?} {:?}", token.span);
        last = token.span;
    }
    let words: Vec<&str> = folded.tokens().map(|token| token.text).collect();
    let mut again = FoldedText::default();
    again.refill("used before");
    again.refill(&words.join(" "));
    assert_eq!(again.tokens().map(|token| token.text).collect::<Vec<_>>(), words);
    let starts = text::sentence_starts(text);
    assert!(starts.windows(2).all(|pair| pair[0] < pair[1]) && starts.iter().all(|at| text.is_char_boundary(*at)));
});
