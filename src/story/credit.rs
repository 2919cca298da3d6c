//! Text → the agency it is credited to.
//!
//! Data in: title, first text and author. Data out: an [`Agency`], or nothing.
//!
//! Two outlets that print one agency's report are one voice: what they say is confirmed once, not twice.
//!
//! **Invariant:** a mention is no credit: `Reuters reported` and a photographer's `(Jane Doe/Reuters)` do not count.
//!
//! Rejected: any occurrence of the name. Half of all rewritten reports name the agency they lean on.

/// A news agency whose reports others print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Agency {
    /// Agence France-Presse.
    Afp,
    /// Associated Press.
    Ap,
    /// Bloomberg.
    Bloomberg,
    /// Deutsche Presse-Agentur.
    Dpa,
    /// Kyodo.
    Kyodo,
    /// Press Trust of India.
    Pti,
    /// Reuters.
    Reuters,
    /// TASS.
    Tass,
    /// United Press International.
    Upi,
    /// Xinhua.
    Xinhua,
    /// Yonhap.
    Yonhap,
}

const AGENCIES: [(Agency, &[&str]); 11] = [
    (Agency::Afp, &["AFP", "Agence France-Presse", "法新社"]),
    (Agency::Ap, &["AP", "Associated Press", "The Associated Press", "美联社"]),
    (Agency::Bloomberg, &["Bloomberg", "Bloomberg News", "彭博社"]),
    (Agency::Dpa, &["dpa", "DPA", "德新社"]),
    (Agency::Kyodo, &["Kyodo", "Kyodo News", "共同社"]),
    (Agency::Pti, &["PTI"]),
    (Agency::Reuters, &["Reuters", "REUTERS", "路透社"]),
    (Agency::Tass, &["TASS", "塔斯社"]),
    (Agency::Upi, &["UPI"]),
    (Agency::Xinhua, &["Xinhua", "Xinhua News Agency", "新华社", "新華社"]),
    (Agency::Yonhap, &["Yonhap", "Yonhap News Agency", "韩联社"]),
];
/// Characters at the start of a text in which the place and the agency stand, as in `LONDON, May 3 (Reuters) -`.
const DATELINE: usize = 80;

impl Agency {
    /// The agency that publishes under this name of an outlet, as the list of outlets writes it.
    pub(super) fn of_outlet(name: &str) -> Option<Self> {
        AGENCIES.iter().find(|(_, names)| names.contains(&name)).map(|(agency, _)| *agency)
    }

    pub(super) fn code(agency: Option<Self>) -> u8 {
        let at = agency.and_then(|agency| AGENCIES.iter().position(|(known, _)| *known == agency));
        at.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or(0)
    }

    /// `None` when there is no such code.
    pub(super) fn from_code(code: u8) -> Option<Option<Self>> {
        match usize::from(code).checked_sub(1) {
            None => Some(None),
            Some(at) => AGENCIES.get(at).map(|(agency, _)| Some(*agency)),
        }
    }
}

/// The agency a report is credited to: in the line of its place and date, at the end of its title, or as its author.
pub(super) fn agency(title: &str, first_text: &str, author: &str) -> Option<Agency> {
    let end = first_text.char_indices().nth(DATELINE).map_or(first_text.len(), |(at, _)| at);
    let head = first_text.get(..end).unwrap_or_default();
    let is_credited = |name: &&str| {
        author.trim() == *name
            || ends_with_credit(title, name)
            || ["(", "（"].iter().any(|open| bracketed(head, open, name))
            || dashed(head, name)
            || head_of_cable(head, name)
    };
    AGENCIES.iter().find(|(_, names)| names.iter().any(is_credited)).map(|(agency, _)| *agency)
}

/// `Title - Reuters`, `Title | AP`
fn ends_with_credit(title: &str, name: &str) -> bool {
    let before = title.trim_end().strip_suffix(name).map(str::trim_end);
    before.is_some_and(|before| before.ends_with([':', '-', '–', '—', '|']) && before.len() > 2)
}

/// `(Reuters)`
fn bracketed(head: &str, open: &str, name: &str) -> bool {
    head.match_indices(open).any(|(at, _)| {
        let inside = head.get(at + open.len()..).and_then(|rest| rest.strip_prefix(name));
        inside.is_some_and(|rest| rest.starts_with([')', '）']))
    })
}

/// `PARIS, AFP -` and `Xinhua --`
fn dashed(head: &str, name: &str) -> bool {
    let mut found = head.match_indices(name);
    found.any(|(at, _)| {
        let before = head.get(..at).unwrap_or_default();
        let after = head.get(at + name.len()..).unwrap_or_default().trim_start();
        (before.is_empty() || before.ends_with(", ")) && after.starts_with(['-', '–', '—'])
    })
}

/// `新华社北京5月3日电`
fn head_of_cable(head: &str, name: &str) -> bool {
    !name.is_ascii()
        && head
            .strip_prefix(name)
            .is_some_and(|rest| rest.chars().take(20).any(|c| matches!(c, '电' | '電' | '讯' | '訊')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credit_is_told_from_a_mention() {
        let check = |title: &str, text: &str, author: &str, want: Option<Agency>| {
            assert_eq!(agency(title, text, author), want, "{title} | {text} | {author}");
        };
        check(
            "Port closes",
            "HAMBURG, May 3 (Reuters) - The port closed on Monday.",
            "",
            Some(Agency::Reuters),
        );
        check("Port closes", "HAMBURG, AFP — The port closed.", "", Some(Agency::Afp));
        check("Port closes", "The port closed.", "Associated Press", Some(Agency::Ap));
        check("Port closes - Bloomberg", "", "", Some(Agency::Bloomberg));
        check("港口关闭", "新华社汉堡5月3日电 港口周一关闭。", "", Some(Agency::Xinhua));
        check("港口关闭", "（法新社）港口周一关闭。", "", Some(Agency::Afp));
        check("Port closes", "Reuters reported on Monday that the port closed.", "", None);
        check("Port closes", "A crane in the port. (Jane Doe/Reuters)", "", None);
        check("Port closes", "The APEC talks (APEC) closed", "", None);
        check("Reuters", "", "", None);
        check("港口关闭", "据新华社报道，港口周一关闭。", "", None);
        check("", "", "", None);
    }

    #[test]
    fn the_dateline_ends_at_its_limit() {
        let text = |before: usize| format!("{}(AFP)", "x".repeat(before));
        assert_eq!(agency("", &text(DATELINE - 5), ""), Some(Agency::Afp));
        assert_eq!(agency("", &text(DATELINE - 4), ""), None);
    }

    #[test]
    fn an_agency_is_known_by_its_own_outlet() {
        let outlet = |link: &str| {
            let link = url::Url::parse(link).ok();
            Agency::of_outlet(&crate::model::Outlets::known().recognise(link.as_ref(), None, "").name)
        };
        assert_eq!(outlet("https://www.reuters.com/world/a"), Some(Agency::Reuters));
        assert_eq!(outlet("https://apnews.com/a"), Some(Agency::Ap));
        assert_eq!(outlet("https://www.ft.com/a"), None);
        assert_eq!(outlet("https://village.example/a"), None);
    }

    #[test]
    fn codes_lead_back() {
        for (agency, _) in AGENCIES {
            assert_eq!(Agency::from_code(Agency::code(Some(agency))), Some(Some(agency)));
        }
        assert_eq!(Agency::from_code(Agency::code(None)), Some(None));
        assert_eq!(Agency::from_code(12), None);
    }
}
