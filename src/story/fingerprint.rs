//! An item → what of it is compared: a few hundred bytes in place of its text.
//!
//! Data in: an item, its link key, when it was read. Data out: [`Fingerprint`], also as bytes for a row.
//!
//! **Invariant:** the same item gives the same bytes, whatever was read before.
//! **Invariant:** bytes of an unknown version or a wrong length are refused, never half read.
//!
//! Rejected: a hash over shingles (MinHash, SimHash). It finds copies; reports of one event by twelve desks share
//! names and numbers, but hardly a run of words.

use xxhash_rust::xxh3::Xxh3;

use super::{
    credit::{self, Agency},
    terms::{self, Kind, Term},
};
use crate::{
    model::{Item, Outlet, Outlets, StoryKey, Tier, Timestamp},
    text,
};

/// Tokens of title and text from which on equal texts are copies: shorter ones are equal by chance or by habit
/// (`Morning briefing`).
pub const MIN_COPY_TOKENS: usize = 16;
/// First byte of [`Fingerprint::to_bytes`]; rises when the layout or the terms change their meaning.
const VERSION: u8 = 1;
const TERM_BYTES: usize = 6;
const HEAD_BYTES: usize = 1 + 8 + 1 + 16 + 8 + 8 + 1 + 1 + 1;

/// What of an item is compared with others.
#[derive(Debug, Clone, PartialEq)]
pub struct Fingerprint {
    /// Publication instant, or when it was read where it has none or one in the future.
    pub(super) at: Timestamp,
    /// Sorted by id, each id once.
    pub(super) terms: Vec<Term>,
    pub(super) link: Option<StoryKey>,
    /// Hash of all its words; `None` when they are too few to tell a copy.
    pub(super) text: Option<u64>,
    /// Hash of the title's words.
    pub(super) title: u64,
    pub(super) agency: Option<Agency>,
    pub(super) is_ideographic: bool,
    pub(super) outlet: Outlet,
}

impl Fingerprint {
    /// The fingerprint of `item`, read at `read_at`. `link` is what `feed::story_keys` gives for it. The outlet is
    /// recognised by the link, else by the name of the feed.
    pub fn of(item: &Item, link: Option<StoryKey>, read_at: Timestamp, outlets: &Outlets) -> Self {
        let first_text = if item.summary.is_empty() { &item.content } else { &item.summary };
        let (words, text) = hash(&[&item.title, first_text]);
        Self {
            at: item.published_at.filter(|at| *at <= read_at).unwrap_or(read_at),
            terms: terms::terms(&item.title, first_text),
            link,
            text: (words >= MIN_COPY_TOKENS).then_some(text),
            title: hash(&[&item.title]).1,
            agency: credit::agency(&item.title, first_text, item.author.as_deref().unwrap_or_default()),
            is_ideographic: terms::is_ideographic(&item.title, first_text),
            outlet: outlets.recognise(item.link.as_ref(), item.feed.as_deref(), &item.title),
        }
    }

    /// When the item was published, as far as is known.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Who published it.
    pub fn outlet(&self) -> &Outlet {
        &self.outlet
    }

    /// The agency whose text it says it is.
    pub fn agency(&self) -> Option<Agency> {
        self.agency
    }

    /// The agency that speaks in it: the one it credits, or its outlet if that is one.
    pub(super) fn voice(&self) -> Option<Agency> {
        self.agency.or_else(|| Agency::of_outlet(&self.outlet.name))
    }

    /// Compact form for a row: 6 bytes a term and about 50 more.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD_BYTES + self.outlet.name.len() + TERM_BYTES * self.terms.len());
        out.push(VERSION);
        out.extend(self.at.as_millisecond().to_le_bytes());
        let marks = u8::from(self.is_ideographic)
            | u8::from(self.link.is_some()) << 1
            | u8::from(self.text.is_some()) << 2;
        out.push(marks);
        out.extend(self.link.map_or([0; 16], |key| key.0));
        out.extend(self.text.unwrap_or_default().to_le_bytes());
        out.extend(self.title.to_le_bytes());
        out.push(Agency::code(self.agency));
        out.push(self.outlet.tier.code());
        let name = self.outlet.name.as_bytes();
        let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
        out.push(length);
        out.extend(name.iter().take(usize::from(length)));
        for term in &self.terms {
            out.extend(term.id.to_le_bytes());
            out.push(term.rarity);
            out.push((term.kind as u8) << 1 | u8::from(term.in_title));
        }
        out
    }

    /// What [`Fingerprint::to_bytes`] gave; `None` when `bytes` are not that, or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        if take::<1>(&mut rest)? != [VERSION] {
            return None;
        }
        let at = Timestamp::from_millisecond(i64::from_le_bytes(take(&mut rest)?)).ok()?;
        let [marks] = take::<1>(&mut rest)?;
        let link = StoryKey(take(&mut rest)?);
        let text = u64::from_le_bytes(take(&mut rest)?);
        let title = u64::from_le_bytes(take(&mut rest)?);
        let [agency] = take::<1>(&mut rest)?;
        let [tier] = take::<1>(&mut rest)?;
        let [length] = take::<1>(&mut rest)?;
        let (name, rest) = rest.split_at_checked(usize::from(length))?;
        let chunks = rest.chunks_exact(TERM_BYTES);
        if !chunks.remainder().is_empty() {
            return None;
        }
        let terms = chunks.map(term).collect::<Option<Vec<_>>>()?;
        if !terms.is_sorted_by(|a, b| a.id < b.id) {
            return None;
        }
        Some(Self {
            at,
            terms,
            link: (marks & 2 != 0).then_some(link),
            text: (marks & 4 != 0).then_some(text),
            title,
            agency: Agency::from_code(agency)?,
            is_ideographic: marks & 1 != 0,
            outlet: Outlet { name: String::from_utf8(name.to_vec()).ok()?, tier: Tier::from_code(tier)? },
        })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*first)
}

fn term(bytes: &[u8]) -> Option<Term> {
    let (id, rest) = bytes.split_first_chunk::<4>()?;
    let [rarity, marks] = *rest.first_chunk::<2>()?;
    let kind = Kind::ALL.get(usize::from(marks >> 1)).copied()?;
    Some(Term { id: u32::from_le_bytes(*id), kind, rarity, in_title: marks & 1 == 1 })
}

/// Number of words, and a hash of them.
fn hash(texts: &[&str]) -> (usize, u64) {
    let mut hasher = Xxh3::new();
    let mut words = 0;
    for text in texts {
        for token in text::fold(text).tokens() {
            hasher.update(token.text.as_bytes());
            hasher.update(&[0]);
            words += 1;
        }
        hasher.update(&[1]);
    }
    (words, hasher.digest())
}
