//! Two headlines of one item → whether the second says something else.
//!
//! Data in: the headline that was told, the one that stands there now. Data out: yes or no.
//!
//! A headline is another when it names someone, a country or a figure that the old one does not, when it says of what the
//! old one told that it is undone or put off ("bans" to "lifts its ban"), or when few of its words are left. Case, punctuation, order, and words of one stem or kin are no difference.
//!
//! **Invariant:** a headline that is missing says nothing, so it is no other.
//!
//! Rejected: any change. Editors polish headlines all day, and nobody wants a mail for each comma.

use std::{collections::BTreeSet, sync::LazyLock};

use super::terms::{self, Kind, Term};

/// A headline is another when less than this share of the terms of both are common to both, in percent.
const SAME_HEADLINE: usize = 50;

/// Words that undo or put off what a headline told, one of each stem; those of one kin stand for each other.
const UNDOING: &str = "lifts suspends halts pauses cancels scraps drops ends reverses repeals revokes withdraws rescinds \
                       abandons shelves delays postpones denies rejects blocks resumes eases exempts \
                       取消 暂停 推迟 撤销 解除 否认 恢复 豁免";

static UNDOING_IDS: LazyLock<BTreeSet<u32>> = LazyLock::new(|| {
    let terms = UNDOING.split_whitespace().flat_map(|word| terms::terms(word, ""));
    terms.map(|term| term.id).collect()
});

/// Whether `now` says something else than `before`.
pub fn is_another(before: &str, now: &str) -> bool {
    let [before, now] = [before, now].map(|title| terms::terms(title, ""));
    if before.is_empty() || now.is_empty() {
        return false;
    }
    let ids = |terms: &[Term]| terms.iter().map(|term| term.id).collect::<BTreeSet<u32>>();
    let (known, said) = (ids(&before), ids(&now));
    let common = known.intersection(&said).count();
    let all = known.union(&said).count();
    let tells = |term: &&Term| names(term) || UNDOING_IDS.contains(&term.id);
    common * 100 < all * SAME_HEADLINE || now.iter().filter(tells).any(|term| !known.contains(&term.id))
}

/// Whether a term names somebody, a country or a figure.
fn names(term: &Term) -> bool {
    match term.kind {
        Kind::Person | Kind::Place | Kind::Number | Kind::Percent | Kind::Money | Kind::Ordinal => true,
        Kind::Word | Kind::Kin | Kind::Name => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_headline_is_another_when_it_says_something_else() {
        let check = |before: &str, now: &str, want: bool| {
            assert_eq!(is_another(before, now), want, "{before:?} to {now:?}");
        };
        check("Port fees shelved", "PORT FEES SHELVED!", false);
        check("Port fees shelved for a year", "Port fees shelved for a full year", false);
        check("Talks on port fees continue", "Port fees shelved after Geneva deal", true);
        check("Ferry sinks, at least 14 dead", "Ferry sinks, at least 19 dead", true);
        check("Tariff on cars announced", "Tariff of 35% on cars announced", true);
        check("Leaders to meet in autumn", "Leaders to meet in autumn in Japan", true);
        let ban = "China bans exports of gallium and germanium to the United States";
        check(ban, "China lifts its ban on exports of gallium to the United States", true);
        check(ban, "China Lifts Ban on Exports of Gallium and Germanium to the United States", true);
        check(ban, "China is banning exports of gallium and germanium to the United States", false);
        check("Port fees on ships suspended for a year", "Port fees on ships are suspended a year", false);
        check("Port fees on ships start in May", "Port fees on ships start in May delayed", true);
        check("中国禁止对美出口镓和锗", "中国取消禁止对美出口镓和锗", true);
        check("", "Port fees shelved", false);
        check("Port fees shelved", "", false);
        check("中美贸易谈判继续", "中美贸易谈判继续进行", false);
        check("中美贸易谈判继续", "港口费暂停一年", true);
    }
}
