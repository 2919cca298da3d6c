//! Two fingerprints → how likely they report one event.
//!
//! Data in: the terms of two items, and how common each term is now. Data out: [`Likeness`].
//!
//! **Invariant:** symmetric: which of the two is read first does not matter.
//! **Invariant:** texts of different writing (Chinese characters, letters) are never alike: they share little more
//! than numbers.
//!
//! Rejected: a cosine alone. Headlines of one day about one war share most of their words; what tells events apart is
//! who else is named, which numbers differ, and how much of the one title the other item leaves unsaid.

use std::{fmt, time::Duration};

use super::{
    fingerprint::Fingerprint,
    head::StoryHead,
    index::Commonness,
    terms::{Kind, Term},
};
use crate::model::time;

/// Score from which an item is taken to report a story's event. Log-odds; set above even odds because a wrong join
/// hides news, while a missed one only sends two mails. Measured: see `WEIGHTS`.
pub const THRESHOLD: f32 = 1.2;
/// Share of the likest member in the likeness to a story; the rest is the average of all members kept. The likest
/// alone lets a series of similar headlines chain from day to day.
const LIKEST: f32 = 0.5;
/// How much a term counts that stands in the text but not in the title.
const TEXT_SHARE: f32 = 0.45;
/// Rarity from which on a term names something particular, in eighths of a nat; as built in, so that a busy week
/// makes no name less of one.
const PARTICULAR: u8 = 42;
/// Conflict of a name on the one side with a country on the other.
const NAME_AND_PLACE: f32 = 0.3;
/// Cap of [`Features::apart`].
const MAX_APART: f32 = 20.0;
const SECONDS_A_DAY: f32 = 86_400.0;

/// What a feature adds to the log-odds, in the order of [`Features::list`]. Fitted (logistic regression) on 310 pairs of
/// headlines judged by a reader and 19 groups of one event, but for `values`, of which they had too few.
const WEIGHTS: [f32; 12] = [2.455, 4.505, 5.128, 0.027, 2.389, -3.791, -1.8, -3.0, -2.791, -5.0, -3.0, 0.108];
/// Log-odds of two items that share nothing.
const BIAS: f32 = -4.79;
/// Added where terms are pairs of characters: a word of four is three of them, so that all evidence counts double.
const IDEOGRAPHIC: f32 = -2.0;
/// Time from which on the same title of one outlet over another text is the next of a series.
const SERIES_GAP: Duration = Duration::from_hours(12);
/// Score of texts in different writing.
const NEVER: f32 = -10.0;

/// How alike an item and a story are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likeness {
    /// Log-odds that both report one event.
    pub score: f32,
    /// What speaks against it most.
    pub against: Option<Against>,
}

/// What speaks against one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// Each title names someone of whom the other item says nothing.
    Persons,
    /// Shares, amounts or places in a series differ.
    Values,
    /// Each title names a country of which the other item says nothing.
    Places,
    /// Each title names something else, in a word that is rare.
    Names,
    /// Both are of one mould, with nothing particular in common.
    Mould,
    /// The outlet gives this title to something new every day.
    Series,
    /// The titles are one but for what tells one of many: notice 12 is not notice 13.
    OneOfMany,
}

impl Against {
    /// Whether it rules the whole story out, however like its other items are.
    fn is_final(self) -> bool {
        matches!(self, Self::Series | Self::OneOfMany)
    }
}

impl Likeness {
    /// Whether the item is taken to report the story's event.
    pub fn is_same_event(self) -> bool {
        self.score >= THRESHOLD
    }
}

impl fmt::Display for Likeness {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "likeness {:.1} of {THRESHOLD:.1} needed", self.score)?;
        match self.against {
            Some(Against::Persons) => out.write_str("; other people are named"),
            Some(Against::Values) => out.write_str("; other figures are named"),
            Some(Against::Places) => out.write_str("; other countries are named"),
            Some(Against::Names) => out.write_str("; other names are named"),
            Some(Against::Mould) => out.write_str("; only common words are shared"),
            Some(Against::Series) => out.write_str("; the outlet uses this title for something new each day"),
            Some(Against::OneOfMany) => {
                out.write_str("; the titles differ in nothing but a number, or a word of one outlet")
            }
            None => Ok(()),
        }
    }
}

/// Likeness of an item to a story: half that to its likest member, half the average.
pub(super) fn to_story(item: &Fingerprint, story: &StoryHead, commonness: &Commonness) -> Likeness {
    let mut likest = Likeness { score: f32::MIN, against: None };
    let (mut sum, mut count) = (0.0, 0.0);
    for member in story.members() {
        let likeness = to_item(item, member, commonness);
        if likeness.against.is_some_and(Against::is_final) {
            return likeness;
        }
        sum += likeness.score;
        count += 1.0;
        if likeness.score > likest.score {
            likest = likeness;
        }
    }
    if count == 0.0 {
        return Likeness { score: NEVER, against: None };
    }
    Likeness { score: LIKEST * likest.score + (1.0 - LIKEST) * sum / count, ..likest }
}

/// Likeness of two items.
pub(super) fn to_item(a: &Fingerprint, b: &Fingerprint, commonness: &Commonness) -> Likeness {
    if a.is_ideographic != b.is_ideographic {
        return Likeness { score: NEVER, against: None };
    }
    if is_series(a, b) {
        return Likeness { score: NEVER, against: Some(Against::Series) };
    }
    if is_of_one_mould(a, b) {
        return Likeness { score: NEVER, against: Some(Against::OneOfMany) };
    }
    let features = Features::of(a, b, commonness);
    let score = features.list().iter().zip(WEIGHTS).map(|(value, weight)| value * weight).sum::<f32>() + BIAS;
    let double = if a.is_ideographic { IDEOGRAPHIC } else { 0.0 };
    Likeness { score: score + double, against: features.against() }
}

/// Whether an outlet gave the same title to another text, as it does every morning.
fn is_series(a: &Fingerprint, b: &Fingerprint) -> bool {
    let texts = [a, b].map(|item| item.terms.iter().filter(|term| !term.in_title).count());
    let apart = time::between(a.at, b.at).max(time::between(b.at, a.at));
    if a.title != b.title || a.outlet.name != b.outlet.name || apart < SERIES_GAP || texts.contains(&0) {
        return false;
    }
    10 * in_both_texts(a, b) < texts.into_iter().min().unwrap_or_default()
}

/// Whether two titles are of one mould and name different things: notice 12 and notice 13.
///
/// Two items of one outlet are of two articles, so there one number more, one that differs, or one word that is another is
/// enough, unless their texts say that it is one article printed twice. Of two outlets only the number of one in a series
/// tells: a toll may differ from desk to desk.
fn is_of_one_mould(a: &Fingerprint, b: &Fingerprint) -> bool {
    let one_outlet = a.outlet.name == b.outlet.name;
    let [left, right] = [(a, b), (b, a)].map(|(item, other)| Rest::of(item, other));
    if left.words + right.words > 0 {
        let is_replaced = left.all() == 1 && right.all() == 1;
        return one_outlet && is_replaced && !are_one_text(a, b);
    }
    match one_outlet {
        true => left.numbers + right.numbers > 0,
        false => left.ordinals > 0 && right.ordinals > 0,
    }
}

/// What of an item's title the title of another lacks.
#[derive(Default)]
struct Rest {
    words: usize,
    numbers: usize,
    /// Of the numbers.
    ordinals: usize,
}

impl Rest {
    fn of(item: &Fingerprint, other: &Fingerprint) -> Self {
        let has = |term: &Term| {
            let known = other.terms.binary_search_by_key(&term.id, |known| known.id).ok();
            known.and_then(|at| other.terms.get(at)).is_some_and(|known| known.in_title)
        };
        let mut rest = Self::default();
        for term in item.terms.iter().filter(|term| term.in_title && !has(term)) {
            match term.kind {
                Kind::Number | Kind::Percent | Kind::Money => rest.numbers += 1,
                Kind::Ordinal => (rest.numbers, rest.ordinals) = (rest.numbers + 1, rest.ordinals + 1),
                Kind::Word | Kind::Kin | Kind::Person | Kind::Place | Kind::Name => rest.words += 1,
            }
        }
        rest
    }

    fn all(&self) -> usize {
        self.words + self.numbers
    }
}

/// Whether most of what the shorter of two texts says stands in the other.
fn are_one_text(a: &Fingerprint, b: &Fingerprint) -> bool {
    let length = |item: &Fingerprint| item.terms.iter().filter(|term| !term.in_title).count();
    let shorter = length(a).min(length(b));
    shorter > 0 && 5 * in_both_texts(a, b) >= 4 * shorter
}

fn in_both_texts(a: &Fingerprint, b: &Fingerprint) -> usize {
    let in_both = |term: &&Term| {
        let other = b.terms.binary_search_by_key(&term.id, |other| other.id);
        !term.in_title && other.is_ok()
    };
    a.terms.iter().filter(in_both).count()
}

/// What two items have in common and where they differ.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Features {
    /// Cosine over all terms, those of titles counting more.
    cosine: f32,
    /// Share of the one title that the other item has; of the two the lower.
    covered_low: f32,
    /// The higher of the two.
    covered_high: f32,
    /// Nats of the terms shared that stand in a title.
    evidence: f32,
    /// 1 when a long number or an amount of money is shared.
    number: f32,
    /// 1 when each title names someone of whom the other item says nothing.
    persons: f32,
    /// The same of countries; half when they agree on one.
    places: f32,
    /// 1 when shares, amounts or numbers in a series differ and none agrees; half when one agrees.
    values: f32,
    /// Days between the two.
    days: f32,
    /// 1 when nothing particular is shared but each title has something particular of its own: headlines of one mould.
    mould: f32,
    /// 1 when each title names something in a word that the other item does not have; less when one of them is a
    /// country: the other may lie in it.
    names: f32,
    /// Nats of particular terms that only one title has; of the two the lower. It evens out the length of titles.
    apart: f32,
}

impl Features {
    fn of(a: &Fingerprint, b: &Fingerprint, commonness: &Commonness) -> Self {
        let mut sums = Sums::default();
        let (mut left, mut right) = (a.terms.iter().peekable(), b.terms.iter().peekable());
        loop {
            match (left.peek(), right.peek()) {
                (Some(x), Some(y)) if x.id == y.id => {
                    sums.both(x, y, commonness.weight(x));
                    left.next();
                    right.next();
                }
                (Some(x), other) if other.is_none_or(|y| x.id < y.id) => {
                    sums.a.add(x, commonness.weight(x), false);
                    left.next();
                }
                (_, Some(y)) => {
                    sums.b.add(y, commonness.weight(y), false);
                    right.next();
                }
                (_, None) => break,
            }
        }
        let seconds = (a.at.as_second() - b.at.as_second()).unsigned_abs();
        Self { days: seconds as f32 / SECONDS_A_DAY, ..sums.features() }
    }

    fn list(&self) -> [f32; WEIGHTS.len()] {
        [
            self.cosine,
            self.covered_low,
            self.covered_high,
            self.evidence,
            self.number,
            self.persons,
            self.places,
            self.values,
            self.days,
            self.names,
            self.mould,
            self.apart,
        ]
    }

    fn against(&self) -> Option<Against> {
        let found = [
            (self.persons, Against::Persons),
            (self.values, Against::Values),
            (self.places, Against::Places),
        ];
        found.into_iter().find(|(value, _)| *value > 0.0).map(|(_, against)| against)
    }
}

/// One item's side of a comparison.
#[derive(Default)]
struct Side {
    norm: f32,
    title: f32,
    covered: f32,
    apart: f32,
    /// Of each kind, terms of the title that the other item does not have.
    only: [u32; Kind::ALL.len()],
}

impl Side {
    fn add(&mut self, term: &Term, weight: f32, is_shared: bool) {
        self.norm += (share(term) * weight).powi(2);
        if !term.in_title {
            return;
        }
        self.title += weight;
        if is_shared {
            self.covered += weight;
            return;
        }
        if term.rarity >= PARTICULAR {
            self.apart += weight;
        }
        if let Some(count) = self.only.get_mut(term.kind as usize) {
            *count += 1;
        }
    }

    fn only(&self, kind: Kind) -> u32 {
        self.only.get(kind as usize).copied().unwrap_or_default()
    }
}

#[derive(Default)]
struct Sums {
    a: Side,
    b: Side,
    dot: f32,
    evidence: f32,
    has_number: bool,
    has_anchor: bool,
    /// Of each kind, terms that both have, one of them in the title.
    both: [u32; Kind::ALL.len()],
}

impl Sums {
    fn both(&mut self, x: &Term, y: &Term, weight: f32) {
        self.dot += share(x) * share(y) * weight.powi(2);
        self.a.add(x, weight, true);
        self.b.add(y, weight, true);
        if x.in_title || y.in_title {
            self.evidence += weight;
            self.has_anchor |= x.rarity >= PARTICULAR || matches!(x.kind, Kind::Person);
            if let Some(count) = self.both.get_mut(x.kind as usize) {
                *count += 1;
            }
        }
        self.has_number |= x.is_long_number();
    }

    fn features(&self) -> Features {
        let ratio = |part: f32, whole: f32| if whole > 0.0 { part / whole } else { 0.0 };
        let (x, y) = (ratio(self.a.covered, self.a.title), ratio(self.b.covered, self.b.title));
        let differs = |kind: Kind| self.a.only(kind) > 0 && self.b.only(kind) > 0;
        let agrees = |kind: Kind| self.both.get(kind as usize).is_some_and(|count| *count > 0);
        let conflict = |kind: Kind| match (differs(kind), agrees(kind)) {
            (true, false) => 1.0,
            (true, true) => 0.5,
            (false, _) => 0.0,
        };
        let values = [Kind::Percent, Kind::Money, Kind::Ordinal].map(conflict);
        let mixed = |x: &Side, y: &Side| x.only(Kind::Name) > 0 && y.only(Kind::Place) > 0;
        let names = if differs(Kind::Name) {
            1.0
        } else if mixed(&self.a, &self.b) || mixed(&self.b, &self.a) {
            NAME_AND_PLACE
        } else {
            0.0
        };
        Features {
            cosine: ratio(self.dot, (self.a.norm * self.b.norm).sqrt()),
            covered_low: x.min(y),
            covered_high: x.max(y),
            evidence: self.evidence,
            number: f32::from(u8::from(self.has_number)),
            persons: f32::from(u8::from(differs(Kind::Person))),
            places: conflict(Kind::Place),
            values: values.into_iter().fold(0.0, f32::max),
            days: 0.0,
            names,
            mould: f32::from(u8::from(!self.has_anchor && self.a.apart > 0.0 && self.b.apart > 0.0)),
            apart: self.a.apart.min(self.b.apart).min(MAX_APART),
        }
    }
}

fn share(term: &Term) -> f32 {
    if term.in_title { 1.0 } else { TEXT_SHARE }
}
