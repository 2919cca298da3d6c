//! Lengths of time in the words of events.
//!
//! Data in: a duration. Data out: text such as `2 h 3 min`.
//!
//! **Invariant:** at most two units, whole ones, rounded down; a minute is the least.
//!
//! Rejected: the units of the configuration (`2h3m`), which read as code in a mail.

use std::time::Duration;

const UNITS: [(&str, u64); 3] = [("d", 86_400), ("h", 3_600), ("min", 60)];

/// `3 d`, `1 d 4 h`, `2 h 3 min`, `less than a minute`.
pub(super) fn span(duration: Duration) -> String {
    let mut left = duration.as_secs();
    let mut parts = Vec::new();
    for (unit, size) in UNITS {
        let count = left / size;
        left %= size;
        if count > 0 {
            parts.push(format!("{count} {unit}"));
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    if parts.is_empty() { "less than a minute".to_owned() } else { parts.join(" ") }
}

/// `1 item`, `2 items`.
pub(super) fn items(count: u32) -> String {
    format!("{count} {}", if count == 1 { "item" } else { "items" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_at_most_two_units() {
        let check = |seconds: u64, want: &str| assert_eq!(span(Duration::from_secs(seconds)), want);
        check(0, "less than a minute");
        check(59, "less than a minute");
        check(60, "1 min");
        check(7_380, "2 h 3 min");
        check(7_200, "2 h");
        check(86_400 + 59, "1 d");
        check(86_400 + 60, "1 d");
        check(3 * 86_400 + 4 * 3_600 + 120, "3 d 4 h");
    }
}
