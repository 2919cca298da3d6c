//! The content of one element while it is being collected by salvage.
//!
//! Data in: the tokens inside an element. Data out: its text, or its HTML where it holds elements of its own.
//!
//! **Invariant:** borrows from the document unless a reference had to be resolved or the text comes in pieces.
//! **Invariant:** keeps at most [`MAX_CAPTURE_BYTES`].
//!
//! Rejected: always building both readings, plain and marked up: nearly every element has no elements inside.

use std::borrow::Cow;

use super::{
    inspect::MAX_ATTRIBUTE_BYTES,
    markup::{Tag, escape_into, local, unescape},
    vocabulary::{Role, is_void},
};

/// Most that is kept of one element, in bytes of the document; far above the limits of [`super`] in characters.
pub(super) const MAX_CAPTURE_BYTES: usize = 1_024 * 1_024;

/// Whom a captured element belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Feed,
    Entry,
    Person,
}

/// A piece of text: inside of a CDATA section, or with references not resolved.
#[derive(Debug, Clone, Copy)]
enum Piece<'a> {
    Text(&'a str),
    Cdata(&'a str),
}

impl<'a> Piece<'a> {
    fn plain(self) -> Cow<'a, str> {
        match self {
            Self::Text(raw) => unescape(raw),
            Self::Cdata(raw) => Cow::Borrowed(raw),
        }
    }
}

/// Where a text that turns out to have been left open is cut off.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// Offset in the document of the start tag that may be a sibling in truth.
    at: usize,
    pieces: usize,
    html: Option<usize>,
}

/// An element whose content is being collected.
#[derive(Debug)]
pub(super) struct Capture<'a> {
    pub(super) tag: Tag<'a>,
    pub(super) role: Role,
    pub(super) owner: Owner,
    /// Elements inside are HTML and never siblings that a missing end tag pushed in.
    pub(super) holds_markup: bool,
    /// Open elements of the same name inside.
    nested: usize,
    pieces: Vec<Piece<'a>>,
    /// Set from the first element inside on; `pieces` are in it.
    html: Option<String>,
    bytes: usize,
    mark: Option<Mark>,
}

impl<'a> Capture<'a> {
    pub(super) fn new(tag: Tag<'a>, role: Role, owner: Owner, holds_markup: bool) -> Self {
        let (pieces, html) = (Vec::new(), None);
        Self { tag, role, owner, holds_markup, nested: 0, pieces, html, bytes: 0, mark: None }
    }

    fn fits(&mut self, bytes: usize) -> bool {
        let total = self.bytes.saturating_add(bytes);
        let fits = total <= MAX_CAPTURE_BYTES;
        if fits {
            self.bytes = total;
        }
        fits
    }

    pub(super) fn text(&mut self, raw: &'a str) {
        if self.fits(raw.len()) {
            match self.html.as_mut() {
                Some(html) => html.push_str(raw),
                None => self.pieces.push(Piece::Text(raw)),
            }
        }
    }

    pub(super) fn cdata(&mut self, raw: &'a str) {
        if self.fits(raw.len()) {
            match self.html.as_mut() {
                Some(html) => escape_into(html, raw),
                None => self.pieces.push(Piece::Cdata(raw)),
            }
        }
    }

    /// A start tag inside, at offset `at` of the document; `is_role` when an element of that name has its place beside
    /// this one.
    pub(super) fn child(&mut self, tag: &Tag<'a>, at: usize, is_role: bool) {
        if is_role && self.mark.is_none() {
            let html = self.html.as_ref().map(String::len);
            self.mark = Some(Mark { at, pieces: self.pieces.len(), html });
        }
        if tag.name.eq_ignore_ascii_case(self.tag.name) && !tag.empty {
            self.nested = self.nested.saturating_add(1);
        }
        let attributes = if tag.attributes.len() > MAX_ATTRIBUTE_BYTES { "" } else { tag.attributes };
        if !self.fits(tag.name.len().saturating_add(attributes.len()).saturating_add(8)) {
            return;
        }
        let name = local(tag.name);
        let html = self.html();
        for part in ["<", name, attributes, ">"] {
            html.push_str(part);
        }
        if tag.empty && !is_void(name) {
            for part in ["</", name, ">"] {
                html.push_str(part);
            }
        }
    }

    /// An end tag inside; whether it is this element's own.
    pub(super) fn ends(&mut self, name: &str) -> bool {
        if name.eq_ignore_ascii_case(self.tag.name) {
            match self.nested.checked_sub(1) {
                Some(left) => self.nested = left,
                None => return true,
            }
        }
        if self.html.is_some() && self.fits(name.len().saturating_add(3)) {
            let html = self.html();
            for part in ["</", local(name), ">"] {
                html.push_str(part);
            }
        }
        false
    }

    /// What has been collected becomes HTML.
    fn html(&mut self) -> &mut String {
        let pieces = &mut self.pieces;
        self.html.get_or_insert_with(|| {
            let mut html = String::new();
            for piece in pieces.iter() {
                match piece {
                    Piece::Text(raw) => html.push_str(raw),
                    Piece::Cdata(raw) => escape_into(&mut html, raw),
                }
            }
            html
        })
    }

    /// The end tag is missing: what follows the first element that could be a sibling is given back, by its offset.
    pub(super) fn cut(&mut self) -> Option<usize> {
        let mark = self.mark.take()?;
        match (mark.html, self.html.as_mut()) {
            (Some(length), Some(html)) => html.truncate(length),
            _ => {
                self.html = None;
                self.pieces.truncate(mark.pieces);
            }
        }
        Some(mark.at)
    }

    /// Text, or HTML if there were elements inside.
    pub(super) fn value(self) -> Cow<'a, str> {
        if let Some(html) = self.html {
            return Cow::Owned(html);
        }
        match self.pieces.as_slice() {
            [] => Cow::Borrowed(""),
            [piece] => piece.plain(),
            pieces => Cow::Owned(pieces.iter().map(|piece| piece.plain()).collect()),
        }
    }
}
