//! What is wrong with a topic, where, and how to mend it.
//!
//! In: a fault found while reading an entry. Out: [`Error`], which the configuration maps to file, line and
//! column.
//!
//! **Invariant:** `span` lies inside the named entry's text, on character boundaries; it is `0..0` for a fault
//! of the topic as a whole.

use std::{fmt, ops::Range};

/// Which entry of which list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The topic as a whole.
    Topic,
    /// `query`
    Query,
    /// `any[index]`
    Any(usize),
    /// `all[index]`
    All(usize),
    /// `none[index]`
    None(usize),
    /// `[lists] name[index]`
    List {
        /// Name of the list, without `@`.
        name: String,
        /// Entry, counted from 0.
        index: usize,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic => f.write_str("topic"),
            Self::Query => f.write_str("query"),
            Self::Any(index) => write!(f, "any[{index}]"),
            Self::All(index) => write!(f, "all[{index}]"),
            Self::None(index) => write!(f, "none[{index}]"),
            Self::List { name, index } => write!(f, "lists.{name}[{index}]"),
        }
    }
}

/// What is wrong with a topic: it cannot be accepted, or (as [`super::TopicDef::warnings`]) somebody should look.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct Error {
    /// Which entry.
    pub place: Place,
    /// Bytes of that entry's text.
    pub span: Range<usize>,
    /// What is wrong, one sentence without full stop.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// A fault inside one entry, before the entry's place is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) help: Option<String>,
    /// The fault is not here but in a list that is used here.
    pub(super) elsewhere: Option<Box<Error>>,
}

impl Fault {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: Some(help.into()), elsewhere: None }
    }

    pub(super) fn at(self, place: &Place) -> Error {
        match self.elsewhere {
            Some(error) => *error,
            None => Error { place: place.clone(), span: self.span, message: self.message, help: self.help },
        }
    }
}
