//! What is known of words: stems, how common they are, and which stand for one thing.
//!
//! Data in: two tables in the program, `common.txt` and `kin.txt`. Data out: the stem of a word, its rarity, its kin.
//!
//! **Invariant:** tables are read once; a line that cannot be read fails the tests, not a user.
//!
//! Rejected: counting words in the archive alone: a store that was begun today knows nothing, and what is one story
//! would depend on what was read before.

use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

use super::terms::Kind;

/// Rarity of a word that is in no list, in eighths of a nat: about one item in 1,800.
pub(super) const UNLISTED: u8 = 60;
/// Rarity of a word that tells little.
pub(super) const COMMON: u8 = 16;
/// Rarity of a short word that is in no list.
const SHORT: u8 = 36;

/// A name under which several words go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kin {
    pub(super) kind: Kind,
    pub(super) name: &'static str,
    pub(super) rarity: u8,
}

/// The tables.
pub(super) struct Lexicon {
    rarities: HashMap<&'static str, u8>,
    kin: HashMap<String, Kin>,
}

/// The tables, read at first use.
pub(super) static LEXICON: LazyLock<Lexicon> =
    LazyLock::new(|| Lexicon::read(include_str!("common.txt"), include_str!("kin.txt")));

impl Lexicon {
    fn read(common: &'static str, kin: &'static str) -> Self {
        let rarities = lines(common)
            .filter_map(|line| {
                let (rarity, words) = line.split_once(':')?;
                Some((rarity.trim().parse::<u8>().ok()?, words))
            })
            .flat_map(|(rarity, words)| words.split_whitespace().map(move |word| (word, rarity)))
            .collect();
        let kin = lines(kin).filter_map(kin_line).flatten().collect();
        Self { rarities, kin }
    }

    /// How much a stem tells, in eighths of a nat; 0 for words that tell nothing.
    pub(super) fn rarity(&self, stem: &str) -> u8 {
        let unlisted = if stem.len() <= 2 { SHORT } else { UNLISTED };
        self.rarities.get(stem).copied().unwrap_or(unlisted)
    }

    /// What a stem, or several joined with blanks, stands for.
    pub(super) fn kin(&self, key: &str) -> Option<Kin> {
        self.kin.get(key).copied()
    }
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// `kind rarity name: word, word, two words`
fn kin_line(line: &'static str) -> Option<Vec<(String, Kin)>> {
    let (head, members) = line.split_once(':')?;
    let mut head = head.split_whitespace();
    let kind = match head.next()? {
        "person" => Kind::Person,
        "place" => Kind::Place,
        "word" => Kind::Kin,
        _ => return None,
    };
    let rarity = head.next()?.parse().ok()?;
    let kin = Kin { kind, name: head.next()?, rarity };
    let members = members.split(',').map(str::trim).filter(|member| !member.is_empty());
    Some(members.map(|member| (phrase(member), kin)).collect())
}

fn phrase(member: &str) -> String {
    member.split_whitespace().map(stem).collect::<Vec<_>>().join(" ")
}

/// The part of a folded word that its forms share. Made for English; other languages lose their endings where these
/// look alike, and long words their last letters only by `s`, `ed`, `ing`.
pub(super) fn stem(word: &str) -> Cow<'_, str> {
    if word.len() < 4 || !word.is_ascii() {
        return Cow::Borrowed(word);
    }
    let cut = |end: &str| word.strip_suffix(end).filter(|rest| rest.len() >= 3);
    if let Some(rest) = cut("ies") {
        return Cow::Owned(format!("{rest}y"));
    }
    if let Some(rest) = cut("sses") {
        return Cow::Owned(format!("{rest}ss"));
    }
    let bare = if let Some(rest) = cut("es").filter(|rest| rest.ends_with(['x', 'z', 'h'])) {
        rest
    } else if word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        word
    } else {
        cut("s").unwrap_or(word)
    };
    let long = |end: &str| {
        bare.strip_suffix(end).filter(|rest| rest.len() >= 3 && rest.contains(['a', 'e', 'i', 'o', 'u', 'y']))
    };
    let base = long("ing").or_else(|| long("ed")).or_else(|| long("er").filter(|rest| rest.len() >= 5));
    let rest = base.map_or(bare, undoubled);
    Cow::Borrowed(if rest.len() > 5 { rest.strip_suffix('e').unwrap_or(rest) } else { rest })
}

/// `bann` → `ban`, but `sell`, `pass` stay.
fn undoubled(word: &str) -> &str {
    let mut ends = word.chars().rev();
    match (ends.next(), ends.next()) {
        (Some(a), Some(b)) if a == b && !matches!(a, 'l' | 's' | 'e' | 'o' | 'z') => {
            word.get(..word.len() - 1).unwrap_or(word)
        }
        _ => word,
    }
}

/// What a word or suffix multiplies a number by.
pub(super) fn scale(word: &str) -> Option<f64> {
    Some(match word {
        "k" | "thousand" | "thousands" | "tys" => 1e3,
        "m" | "mn" | "mln" | "million" | "millions" | "millionen" | "millones" | "milioni" => 1e6,
        "b" | "bn" | "bln" | "billion" | "billions" | "mrd" | "mld" | "milliarden" => 1e9,
        "t" | "tn" | "trillion" | "trillions" => 1e12,
        "万" => 1e4,
        "亿" => 1e8,
        _ => return None,
    })
}

pub(super) fn is_percent(word: &str) -> bool {
    matches!(word, "percent" | "percentage" | "pct" | "cent" | "prozent" | "pour")
}

pub(super) fn is_currency(word: &str) -> bool {
    matches!(
        word,
        "dollar" | "dollars" | "euro" | "euros" | "pound" | "pounds" | "yuan" | "usd" | "eur" | "yen"
    )
}

/// Small numbers written as words.
pub(super) fn spelled(word: &str) -> Option<f64> {
    const WORDS: [&str; 11] =
        ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
    let at = WORDS.iter().position(|known| *known == word)?;
    Some(at as f64 + 2.0)
}
