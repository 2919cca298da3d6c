//! Text made comparable: folded tokens that know where they stand in the original, sentences, and what is visible
//! of HTML.
//!
//! In: text of any language, HTML. Out: [`FoldedText`] for matching, sentence ranges for showing a hit, visible text.
//!
//! **Invariant:** every range given out lies inside the text it was made from, on character boundaries.

mod fold;
mod han;
mod sentence;
mod visible;

pub use fold::{FoldedText, Gap, Script, Token, cased, fold};
pub use sentence::{sentence_around, sentence_starts};
pub use visible::visible_text;
