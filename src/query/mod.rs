//! The topic language: what the operator wrote → a checked expression.
//!
//! In: keyword lists and a query as plain strings ([`TopicSource`]). Out: [`TopicDef`], an [`ast::Expr`] with the
//! words still as written (folding is the matcher's), warnings, and a revision that changes when the rules do.
//!
//! **Invariant:** an expression given out does not hold of an item in which nothing occurs, and every term has a
//! letter or digit. Every error names the entry and the bytes in it.
//!
//! Rejected: TOML spans in here. The configuration knows files and lines; this module knows entries.

mod alternatives;
pub mod ast;
mod builtin;
mod entry;
mod error;
mod lexer;
mod lint;
mod lists;
mod locate;
mod parser;
mod print;

pub use builtin::{Builtin, builtin, builtin_names, shared_lists};
pub use entry::{MAX_ENDING_CHARS, MAX_ENTRY_CHARS, MAX_SPELLINGS, MAX_WORDS, MIN_STEM};
pub use error::{Error, Place};
pub use lexer::{MAX_DISTANCE, MAX_QUERY_CHARS, MAX_WEIGHT};
pub use lists::{MAX_ENTRIES, MAX_LIST_DEPTH, TopicDef, TopicSource, check_lists, extend, lists};
pub use locate::locate;
pub use parser::MAX_DEPTH;
