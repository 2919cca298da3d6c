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
    let series = match is_label(text, first) {
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

/// `#12` and `(12)`
fn is_label(text: &str, token: &Token<'_>) -> bool {
    has_sign(text, token, &['#', '＃', '№'])
        || has_sign(text, token, &['(', '（']) && follows(text, token, &[')', '）'])
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
