//! What publishers write as an author → a name.
//!
//! Data in: `Ann Lee`, `ann@news.example (Ann Lee)`, `Ann Lee <ann@news.example>`. Data out: the name, or the address
//! where there is no name.
//!
//! **Invariant:** gives what is left of feed-rs's reading of the same text, so that both ways of reading agree.
//!
//! Rejected: keeping the address beside the name: nobody needs it, and it would be mailed around.

use std::borrow::Cow;

/// The name in an author's text.
pub(super) fn name_of(text: Cow<'_, str>) -> Cow<'_, str> {
    let Some((start, end, address)) = address(&text) else { return text };
    let (before, after) = (text.get(..start).unwrap_or(""), text.get(end..).unwrap_or(""));
    // The longer side, without the sign that parts it from the address.
    let name = if before.len() > after.len() {
        let mut chars = before.chars();
        chars.next_back();
        chars.as_str()
    } else {
        let mut chars = after.chars();
        chars.next();
        chars.as_str()
    };
    let name = tidy(name);
    Cow::Owned(if name.is_empty() { address.to_owned() } else { name.to_owned() })
}

/// A name without the brackets that part it from an address.
pub(super) fn tidy(name: &str) -> &str {
    let name = name.trim();
    let inside = name.trim_matches(|c: char| {
        c.is_whitespace() || matches!(c, '(' | ')' | '<' | '>' | '[' | ']' | ',' | ':' | '（' | '）' | '：')
    });
    // "Lee (Agency)" keeps both of its brackets.
    if inside.contains('(') && name.ends_with(')') {
        name.trim_start_matches(['<', '[', ','])
    } else {
        inside
    }
}

/// The first mail address of a text: start and end with a `mailto:` before it, and the address itself.
fn address(text: &str) -> Option<(usize, usize, &str)> {
    let mut from = 0_usize;
    while let Some(found) = text.get(from..)?.find('@') {
        let at = from.saturating_add(found);
        if let Some((start, end)) = around(text, at) {
            let address = text.get(start..end)?;
            let whole = text.get(..start)?.strip_suffix("mailto:").map_or(start, str::len);
            return Some((whole, end, address));
        }
        from = at.saturating_add(1);
    }
    None
}

fn around(text: &str, at: usize) -> Option<(usize, usize)> {
    let local = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-');
    let before = text.get(..at)?;
    let run = before.trim_end_matches(local).len();
    let lead = before.get(run..)?.find(|c: char| c.is_ascii_alphanumeric() || c == '_')?;
    let after = text.get(at.checked_add(1)?..)?;
    let host =
        after.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))).unwrap_or(after.len());
    let dots = after.get(..host)?.rmatch_indices('.');
    let length = dots.filter(|(dot, _)| *dot > 0).find_map(|(dot, _)| {
        let top = after.get(dot.checked_add(1)?..)?;
        let letters = top.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(top.len());
        let next = top.get(letters..)?.chars().next();
        let ends = next.is_none_or(|c| !(c.is_alphanumeric() || c == '_'));
        (letters >= 2 && ends).then(|| dot.saturating_add(1).saturating_add(letters))
    })?;
    Some((run.saturating_add(lead), at.saturating_add(1).saturating_add(length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_addresses() {
        for (text, expect) in [
            ("Ann Lee", "Ann Lee"),
            ("ann@news.example (Ann Lee)", "Ann Lee"),
            ("ann@news.example(Ann Lee)", "Ann Lee"),
            ("Ann Lee <ann@news.example>", "Ann Lee"),
            ("Ann Lee (mailto:ann.lee@news.example)", "Ann Lee"),
            ("Ann Lee ann@news.example", "Ann Lee"),
            ("ann@news.example", "ann@news.example"),
            ("<ann@news.example>", "ann@news.example"),
            ("Ann @ Harbour Wire", "Ann @ Harbour Wire"),
            ("ann@localhost", "ann@localhost"),
            ("foo@news.example（作者）", "作者"),
            ("作者：foo@news.example", "作者"),
            ("@", "@"),
            ("", ""),
        ] {
            assert_eq!(name_of(Cow::Borrowed(text)), expect, "{text}");
        }
    }
}
