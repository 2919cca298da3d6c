//! Durations and sizes as the configuration writes them: `15m`, `1h30m`, `8MiB`.
//!
//! Data in: a string. Data out: a [`Duration`] or bytes, or what is wrong with it; and back, in the same
//! spelling.
//!
//! **Invariant:** printing and reading again gives the same value. A number without a unit is refused.
//!
//! Rejected: ISO 8601 durations (`PT15M`), which nobody writes by hand; fractions (`1.5h`), which hide
//! rounding.

use std::time::Duration;

/// Longest duration taken: 100 years of 365 days. Longer ones are slips of the pen.
pub const MAX_DURATION: Duration = Duration::from_secs(100 * 365 * 86_400);
/// Largest size taken: 1 TiB.
pub const MAX_SIZE: u64 = 1 << 40;

/// What a good duration looks like, for remedies.
pub(super) const DURATION_EXAMPLES: &str =
    "write a number with a unit, such as \"30s\", \"15m\", \"1h\", \"1d\" or \"2w\"";
/// What a good size looks like, for remedies.
pub(super) const SIZE_EXAMPLES: &str = "write a number with a unit, such as \"512KiB\", \"8MiB\" or \"1GiB\"";

/// Units of time in seconds, longest first.
const TIME_UNITS: [(&str, u64); 5] = [("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
/// Units of size in bytes; the binary ones first, since they are printed.
const SIZE_UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Why a text is no duration or size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Nothing there.
    #[error("it is empty")]
    Empty,
    /// No digits where a number should be.
    #[error("a number is missing before `{0}`")]
    NoNumber(String),
    /// Digits without a unit.
    #[error("the number {0} has no unit")]
    NoUnit(String),
    /// Not one of our units.
    #[error("`{0}` is no unit")]
    UnknownUnit(String),
    /// The same unit twice, or a longer unit after a shorter one.
    #[error("`{0}` is out of order; the longest unit comes first")]
    Order(String),
    /// Beyond [`MAX_DURATION`] or [`MAX_SIZE`].
    #[error("it is too large")]
    TooLarge,
}

/// Splits the leading number and its unit off `text`.
fn split_unit(text: &str) -> Result<(u64, &str, &str), UnitError> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(unit_at);
    if digits.is_empty() {
        return Err(UnitError::NoNumber(rest.to_owned()));
    }
    let after = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(after);
    if unit.is_empty() {
        return Err(UnitError::NoUnit(digits.to_owned()));
    }
    let number = digits.parse().map_err(|_| UnitError::TooLarge)?;
    Ok((number, unit, rest))
}

/// Reads `30s`, `15m`, `1h30m`, `1d`, `2w`: whole numbers, each with a unit, the longest unit first.
///
/// # Errors
/// Says what is wrong with the text.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(UnitError::Empty);
    }
    let (mut seconds, mut smallest) = (0_u64, u64::MAX);
    while !rest.is_empty() {
        let (number, unit, after) = split_unit(rest)?;
        let known = TIME_UNITS.iter().find(|(name, _)| *name == unit);
        let (_, size) = known.ok_or_else(|| UnitError::UnknownUnit(unit.to_owned()))?;
        if *size >= smallest {
            return Err(UnitError::Order(format!("{number}{unit}")));
        }
        smallest = *size;
        seconds =
            number.checked_mul(*size).and_then(|s| seconds.checked_add(s)).ok_or(UnitError::TooLarge)?;
        rest = after;
    }
    let duration = Duration::from_secs(seconds);
    if duration > MAX_DURATION { Err(UnitError::TooLarge) } else { Ok(duration) }
}

/// The shortest spelling that [`parse_duration`] reads back; parts of a second are dropped.
pub fn print_duration(duration: Duration) -> String {
    let mut left = duration.as_secs();
    let mut out = String::new();
    // A round number of days is told in days unless it is weeks throughout: `400d`, not `57w1d`.
    let whole_weeks = TIME_UNITS.iter().take(1).all(|(_, week)| left.is_multiple_of(*week));
    for (name, size) in TIME_UNITS.iter().skip(usize::from(!whole_weeks)) {
        if left >= *size {
            out.push_str(&format!("{}{name}", left / size));
            left %= size;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

/// Reads `512KiB`, `8MiB`, `1GiB`; `kB`, `MB`, `GB` are powers of ten.
///
/// # Errors
/// Says what is wrong with the text.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(UnitError::Empty);
    }
    let (number, unit, rest) = split_unit(text)?;
    let known = SIZE_UNITS.iter().find(|(name, _)| rest.is_empty() && *name == unit);
    let (_, size) = known.ok_or_else(|| UnitError::UnknownUnit(format!("{unit}{rest}")))?;
    number.checked_mul(*size).filter(|bytes| *bytes <= MAX_SIZE).ok_or(UnitError::TooLarge)
}

/// The spelling that [`parse_size`] reads back, in the largest binary unit that is exact.
pub fn print_size(bytes: u64) -> String {
    let binary = SIZE_UNITS.iter().filter(|(name, _)| name.ends_with("iB"));
    match binary.into_iter().find(|(_, size)| bytes >= *size && bytes.is_multiple_of(*size)) {
        Some((name, size)) => format!("{}{name}", bytes / size),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_or_refused_with_the_reason() {
        let check = |text: &str, want: Result<u64, UnitError>| {
            assert_eq!(parse_duration(text).map(|d| d.as_secs()), want, "{text:?}");
        };
        check("30s", Ok(30));
        check("0s", Ok(0));
        check("15m", Ok(900));
        check("1h", Ok(3_600));
        check("1h30m", Ok(5_400));
        check("1d", Ok(86_400));
        check("2w", Ok(1_209_600));
        check(" 5m ", Ok(300));
        check("", Err(UnitError::Empty));
        check("15", Err(UnitError::NoUnit("15".to_owned())));
        check("m", Err(UnitError::NoNumber("m".to_owned())));
        check("-5m", Err(UnitError::NoNumber("-5m".to_owned())));
        check("15min", Err(UnitError::UnknownUnit("min".to_owned())));
        check("15 m", Err(UnitError::UnknownUnit(" m".to_owned())));
        check("15M", Err(UnitError::UnknownUnit("M".to_owned())));
        check("1.5h", Err(UnitError::UnknownUnit(".".to_owned())));
        check("30m1h", Err(UnitError::Order("1h".to_owned())));
        check("1h1h", Err(UnitError::Order("1h".to_owned())));
        check("36500d", Ok(MAX_DURATION.as_secs()));
        check("36500d1s", Err(UnitError::TooLarge));
        check("99999999999999999999999s", Err(UnitError::TooLarge));
    }

    #[test]
    fn sizes_are_read_or_refused_with_the_reason() {
        let check = |text: &str, want: Result<u64, UnitError>| assert_eq!(parse_size(text), want, "{text:?}");
        check("8MiB", Ok(8 << 20));
        check("512KiB", Ok(512 << 10));
        check("100kB", Ok(100_000));
        check("1GiB", Ok(1 << 30));
        check("7B", Ok(7));
        check("", Err(UnitError::Empty));
        check("8", Err(UnitError::NoUnit("8".to_owned())));
        check("8mb", Err(UnitError::UnknownUnit("mb".to_owned())));
        check("8MiB2", Err(UnitError::UnknownUnit("MiB2".to_owned())));
        check("1024GiB", Ok(MAX_SIZE));
        check("1025GiB", Err(UnitError::TooLarge));
    }

    #[test]
    fn printing_and_reading_give_the_same() {
        for seconds in [0, 1, 59, 60, 61, 900, 5_400, 86_399, 86_400, 1_209_600, 400 * 86_400] {
            let duration = Duration::from_secs(seconds);
            assert_eq!(parse_duration(&print_duration(duration)), Ok(duration));
        }
        assert_eq!(print_duration(Duration::from_secs(400 * 86_400)), "400d");
        assert_eq!(print_duration(Duration::from_secs(900)), "15m");
        for bytes in [0, 1, 1_000, 1_024, 8 << 20, (8 << 20) + 1] {
            assert_eq!(parse_size(&print_size(bytes)), Ok(bytes));
        }
        assert_eq!(print_size(8 << 20), "8MiB");
    }
}
