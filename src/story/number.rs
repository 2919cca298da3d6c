//! Numbers as news writes them → values.
//!
//! Data in: tokens and the text they come from. Data out: a [`Number`] with its unit.
//!
//! **Invariant:** one value has one name: `$3.5 billion`, `$3.5bn` and `3.5B dollars` are the same.

use super::{lexicon, terms::Kind};
use crate::text::{Gap, Token};

/// A number with what it counts.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Number {
    /// A bare value.
    Plain(f64),
    /// A share of a hundred.
    Percent(f64),
    /// An amount of money, of any currency.
    Money(f64),
    /// Which of a series: the word and the number.
    Ordinal(&'static str, f64),
}

/// Words that make the number behind them one of a series.
const SERIES: [&str; 25] = [
    "phase",
    "round",
    "day",
    "week",
    "game",
    "part",
    "stage",
    "chapter",
    "season",
    "episode",
    "section",
    "article",
    "tranche",
    "magnitude",
    "notice",
    "number",
    "no",
    "bulletin",
    "edition",
    "issue",
    "volume",
    "vol",
    "item",
    "entry",
    "story",
];

/// Words before a number at the end of a text that make it a count or a date.
const COUNTING: [&str; 34] = [
    "to", "by", "at", "of", "in", "than", "over", "under", "for", "with", "from", "since", "until", "after",
    "before", "on", "least", "most", "nearly", "almost", "about", "around", "some", "only", "now", "and",
    "or", "reaches", "hits", "tops", "exceeds", "passes", "age", "aged",
];
/// Digits of a number that can name, at most; longer ones count.
const MAX_LABEL: usize = 4;

impl Number {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Plain(_) => Kind::Number,
            Self::Percent(_) => Kind::Percent,
            Self::Money(_) => Kind::Money,
            Self::Ordinal(..) => Kind::Ordinal,
        }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Plain(value) | Self::Percent(value) | Self::Money(value) => format!("{value}"),
            Self::Ordinal(word, value) => format!("{word} {value}"),
        }
    }

    /// In eighths of a nat. Years and small counts tell little, long numbers much.
    pub(super) fn rarity(&self) -> u8 {
        match *self {
            Self::Plain(value) if (1_900.0..=2_100.0).contains(&value) && value.fract() == 0.0 => 16,
            Self::Plain(value) if value.fract() != 0.0 => 44,
            Self::Plain(value) if value <= 12.0 => 20,
            Self::Plain(value) if value < 100.0 => 34,
            Self::Plain(value) if value % 100.0 == 0.0 && value < 2_000.0 => 36,
            Self::Plain(_) => 52,
            Self::Percent(_) => 40,
            Self::Money(value) if value < 10.0 => 30,
            Self::Money(_) => 48,
            Self::Ordinal(..) => 40,
        }
    }
}

/// The number that stands at the start of `rest`, and how many tokens it takes. `before` is the token before.
pub(super) fn read(text: &str, rest: &[Token<'_>], before: Option<&Token<'_>>) -> Option<(Number, usize)> {
    let first = rest.first()?;
    let (value, suffix) = split(first.text)?;
    let mut used = 1;
    let mut value = value;
    let mut is_money = has_sign(text, first, &['$', '€', '£', '¥', '￥', '₹']);
    let mut is_percent = suffix.is_empty() && follows(text, first, &['%', '％', '٪']);
    let mut rest_of_suffix = suffix;
    if let Some(scale) = lexicon::scale(suffix) {
        value *= scale;
        rest_of_suffix = "";
    }
    for token in rest.iter().skip(1).take(3) {
        if token.gap == Gap::Hard {
            break;
        }
        if let Some(scale) = lexicon::scale(token.text).filter(|_| token.text.len() > 1) {
            value *= scale;
        } else if lexicon::is_percent(token.text) {
            is_percent = true;
        } else if lexicon::is_currency(token.text) {
            is_money = true;
        } else if matches!(token.text, "per" | "个") {
            continue;
        } else {
            break;
        }
        used += 1;
    }
    if !matches!(rest_of_suffix, "" | "st" | "nd" | "rd" | "th" | "ft" | "km" | "m" | "kg" | "yo" | "s") {
        // `5g`, `g20`, `mq9`: a name rather than a count.
        return None;
    }
    let series = match is_label(text, rest, before) {
        true => Some("#"),
        false => before.filter(|_| first.gap == Gap::Soft).and_then(|token| series(token.text)),
    };
    let number = match (is_percent, is_money, series) {
        (true, _, _) => Number::Percent(value),
        (_, true, _) => Number::Money(value),
        (_, _, Some(word)) => Number::Ordinal(word, value),
        _ => Number::Plain(value),
    };
    Some((number, used))
}

/// Whether a number names rather than counts: `#12`, `(12)`, `3-2`, and `Gallium notice 12` at the end of a text, where it
/// does not belong to a word such as `to` or `least`.
fn is_label(text: &str, rest: &[Token<'_>], before: Option<&Token<'_>>) -> bool {
    let Some(token) = rest.first() else { return false };
    let next_to_digit = |mut chars: std::iter::Take<std::str::Chars<'_>>| {
        chars.next().is_some_and(|c| matches!(c, '-' | '/'))
            && chars.next().is_some_and(|c| c.is_ascii_digit())
    };
    let after = text.get(token.span.end..).unwrap_or_default();
    let head = text.get(..token.span.start).unwrap_or_default();
    let in_one = next_to_digit(after.chars().take(2)) || {
        let mut last = head.chars().rev().take(2);
        last.next().is_some_and(|c| matches!(c, '-' | '/')) && last.next().is_some_and(|c| c.is_ascii_digit())
    };
    let is_small = token.text.len() <= MAX_LABEL && token.text.bytes().all(|b| b.is_ascii_digit());
    let counts = before.is_none_or(|before| {
        token.gap == Gap::Hard
            || COUNTING.contains(&before.text)
            || before.text.starts_with(|c: char| c.is_ascii_digit())
    });
    in_one
        || has_sign(text, token, &['#', '＃', '№'])
        || has_sign(text, token, &['(', '（']) && follows(text, token, &[')', '）'])
        || is_small && rest.len() == 1 && !counts && after.chars().all(|c| c == '.')
}

fn series(word: &str) -> Option<&'static str> {
    SERIES.iter().copied().find(|known| *known == word)
}

/// Leading digits as a value, and what is left of the token; also the numbers written as words.
fn split(token: &str) -> Option<(f64, &str)> {
    if let Some(value) = lexicon::spelled(token) {
        return Some((value, ""));
    }
    if !token.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let end = token.find(|c: char| !(c.is_ascii_digit() || matches!(c, ',' | '.'))).unwrap_or(token.len());
    let (digits, suffix) = token.split_at_checked(end)?;
    let plain: String = digits.chars().filter(|c| *c != ',').collect();
    let value: f64 = plain.trim_end_matches('.').parse().ok()?;
    Some((value, suffix))
}

fn has_sign(text: &str, token: &Token<'_>, signs: &[char]) -> bool {
    text.get(..token.span.start).is_some_and(|head| head.ends_with(signs))
}

fn follows(text: &str, token: &Token<'_>, signs: &[char]) -> bool {
    text.get(token.span.end..).is_some_and(|tail| tail.trim_start_matches(' ').starts_with(signs))
}
