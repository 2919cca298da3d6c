//! Text made comparable: folded tokens that know where they stand in the original, and sentences.
//!
//! In: visible text of any language. Out: [`FoldedText`] for matching, sentence ranges for showing a hit.
//!
//! **Invariant:** every range given out lies inside the text it was made from, on character boundaries.

mod fold;
mod han;
mod sentence;

pub use fold::{FoldedText, Gap, Script, Token, cased, fold};
pub use sentence::sentence_around;
