//! What mails to the operator say in groups.
//!
//! Data in: a [`Bulletin`]. Data out: [`Prepared`], once a mail, and from it a [`BulletinView`] of as many lines as fit.
//!
//! **Invariant:** its lines stand in the order of [`Bulletin::flat`], so that what is cut of one is cut of the other.

use serde::Serialize;

use super::{
    clean,
    view::{MAX_NAME, MAX_NOTICE, MAX_SUBJECT},
};
use crate::model::Bulletin;

/// A bulletin as templates see it.
#[derive(Debug, Serialize)]
pub(super) struct BulletinView<'a> {
    title: &'a str,
    /// May be empty.
    lead: &'a str,
    figures: Vec<FigureView<'a>>,
    sections: Vec<SectionView<'a>>,
}

#[derive(Debug, Serialize)]
struct FigureView<'a> {
    name: &'a str,
    value: &'a str,
}

#[derive(Debug, Serialize)]
struct SectionView<'a> {
    title: &'a str,
    /// All of them, named or not.
    count: u64,
    /// Those shown.
    lines: &'a [String],
}

/// A bulletin whose texts are safe to show.
#[derive(Debug)]
pub(super) struct Prepared(Bulletin);

impl Prepared {
    pub(super) fn new(bulletin: &Bulletin) -> Self {
        let mut safe = bulletin.clone();
        let tidy = |text: &mut String, longest: usize| *text = clean::short(text, longest);
        tidy(&mut safe.title, MAX_SUBJECT);
        tidy(&mut safe.lead, MAX_NOTICE);
        for (name, value) in &mut safe.figures {
            tidy(name, MAX_NAME);
            tidy(value, MAX_NOTICE);
        }
        for section in &mut safe.sections {
            tidy(&mut section.title, MAX_NAME);
            section.lines.iter_mut().for_each(|line| tidy(line, MAX_NOTICE));
        }
        Self(safe)
    }

    /// Its first `shown` lines, the title counted as one.
    pub(super) fn view(&self, shown: usize) -> BulletinView<'_> {
        let bulletin = &self.0;
        let figures = bulletin.figures.iter().take(shown.saturating_sub(1));
        let mut left = shown.saturating_sub(1 + bulletin.figures.len());
        let mut sections = Vec::with_capacity(bulletin.sections.len());
        for section in &bulletin.sections {
            let lines = section.lines.get(..left.min(section.lines.len())).unwrap_or_default();
            left -= lines.len();
            if !lines.is_empty() {
                sections.push(SectionView { title: &section.title, count: section.count, lines });
            }
        }
        BulletinView {
            title: &bulletin.title,
            lead: &bulletin.lead,
            figures: figures.map(|(name, value)| FigureView { name, value }).collect(),
            sections,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Section;

    #[test]
    fn lines_are_cut_from_the_end() {
        let section = |title: &str, n: usize| Section {
            title: title.to_owned(),
            count: 9,
            lines: vec!["x".to_owned(); n],
        };
        let bulletin = Bulletin {
            title: "t".to_owned(),
            lead: String::new(),
            figures: vec![("a".to_owned(), "1".to_owned())],
            sections: vec![section("b", 2), section("c", 1)],
        };
        assert_eq!(bulletin.flat(), ["t", "a: 1", "b: x", "b: x", "c: x"]);
        let prepared = Prepared::new(&bulletin);
        let shown = |n: usize| {
            let view = prepared.view(n);
            (view.figures.len(), view.sections.iter().map(|of| of.lines.len()).collect::<Vec<_>>())
        };
        assert_eq!(shown(5), (1, vec![2, 1]));
        assert_eq!(shown(4), (1, vec![2]));
        assert_eq!(shown(3), (1, vec![1]));
        assert_eq!(shown(2), (1, vec![]));
        assert_eq!(shown(0), (0, vec![]));
    }
}
