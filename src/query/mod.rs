//! The topic language: what the operator wrote → a checked expression.
//!
//! In: keyword lists as plain strings ([`TopicSource`]). Out: [`TopicDef`], an [`ast::Expr`] with the words
//! still as written (folding is the matcher's), and a revision that changes when the rules do. The expression
//! can hold more than lists say, so a full query syntax can be read into the same tree.
//!
//! **Invariant:** an expression given out can match something: it has at least one term outside a `Not`, and
//! every term has a letter or digit. Every error names the entry and the bytes in it.
//!
//! Rejected: TOML spans in here. The configuration knows files and lines; this module knows entries.

pub mod ast;
mod builtin;
mod entry;
mod error;
mod lists;

pub use builtin::{Builtin, builtin, builtin_names};
pub use entry::{MAX_ENDING_CHARS, MAX_ENTRY_CHARS, MAX_SPELLINGS, MAX_WORDS, MIN_STEM};
pub use error::{Error, Place};
pub use lists::{MAX_ENTRIES, MAX_LIST_DEPTH, TopicDef, TopicSource, check_lists, extend, lists};
