//! Text made comparable: folded tokens that know where they stand in the original, sentences, and what is visible
//! of HTML.
//!
//! In: text of any language, HTML. Out: [`FoldedText`] for matching, sentence ranges for showing a hit, visible text.
//!
//! **Invariant:** every range given out lies inside the text it was made from, on character boundaries.

use unicode_segmentation::UnicodeSegmentation;

mod block;
mod fast;
mod fold;
mod forms;
mod han;
mod letters;
mod normalise;
mod remembered;
mod segment;
mod sentence;
mod simple;
mod visible;
mod words;

pub use fold::{FoldedText, Gap, HEAD_BYTES, MAX_TEXT_BYTES, Script, Token, fold};
pub use segment::cased;
pub use sentence::{sentence_around, sentence_starts};
pub use visible::visible_text;

/// The characters of `text` as a reader counts them (UAX #29, extended grapheme clusters), in order; together they
/// are the whole text.
pub fn graphemes(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.graphemes(true)
}

/// Whether `c` is a mark that stands on, under or around the character before it.
pub fn is_combining_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}
