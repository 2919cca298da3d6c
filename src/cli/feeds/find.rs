//! From a page to the feeds behind it.
//!
//! Data in: an address. Data out: the page's [`Visit`] and the feeds it offers, each visited once.
//!
//! **Invariant:** one request at a time; at most [`MAX_CHECKED`] offered feeds are visited and at most
//! [`GUESSES`] addresses guessed, and those only at the site that was asked for.
//!
//! Rejected: following ordinary links of the page: that is crawling, which nobody asked for.

use url::Url;

use super::{
    address::Typed,
    visit::{Reading, Visit, Visitor},
};

/// Feeds offered by one page that are visited.
pub(super) const MAX_CHECKED: usize = 10;
/// Where feeds often are, tried in this order.
pub(super) const GUESSES: [&str; 5] = ["/feed", "/rss.xml", "/atom.xml", "/feed.json", "/news-sitemap.xml"];

/// Why an address is among the candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// It is what was asked for.
    Itself,
    /// The page offers it.
    Offered,
    /// It is a place where feeds often are.
    Guessed,
}

impl How {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Itself => "itself",
            Self::Offered => "offered",
            Self::Guessed => "guessed",
        }
    }
}

/// An address that may be a feed.
pub(super) struct Candidate {
    pub(super) how: How,
    pub(super) visit: Visit,
}

impl Candidate {
    /// The address to configure: where it leads, if every redirect on the way is permanent.
    pub(super) fn address(&self) -> &Url {
        if self.how != How::Itself && self.visit.moved_for_good() {
            &self.visit.final_url
        } else {
            &self.visit.url
        }
    }

    pub(super) fn reading(&self) -> Option<&Reading> {
        self.visit.read.as_ref().ok()
    }
}

/// How far guessing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guess {
    Never,
    /// Where the page offers no feed that can be read, up to the first one found.
    First,
    /// Every place.
    All,
}

/// What is behind an address.
pub(super) struct Found {
    /// Why the address itself is no feed; `None` where it is one.
    pub(super) page: Option<Visit>,
    /// In the order in which they were visited; no address twice.
    pub(super) candidates: Vec<Candidate>,
    /// Offered feeds that were not visited.
    pub(super) unvisited: usize,
}

/// Visits an address and, where it is a page, the feeds that it offers.
pub(super) async fn behind(visitor: &mut Visitor<'_>, typed: &Typed, guess: Guess) -> Found {
    let page = visitor.visit_typed(typed).await;
    let trouble = match &page.read {
        Ok(_) => {
            let itself = Candidate { how: How::Itself, visit: page };
            return Found { page: None, candidates: vec![itself], unvisited: 0 };
        }
        Err(trouble) => trouble.clone(),
    };
    let mut found = Found {
        unvisited: trouble.offers.len().saturating_sub(MAX_CHECKED),
        candidates: Vec::new(),
        page: None,
    };
    for offer in trouble.offers.iter().take(MAX_CHECKED) {
        found.take(visitor.visit(offer).await, How::Offered);
    }
    // A server that refuses or does not answer is not asked five times more.
    let nothing = !found.candidates.iter().any(|candidate| candidate.reading().is_some());
    if trouble.is_document && (guess == Guess::All || guess == Guess::First && nothing) {
        for place in GUESSES {
            let Ok(url) = page.final_url.join(place) else { continue };
            let visited = |seen: &Candidate| seen.visit.url == url || seen.visit.final_url == url;
            if found.candidates.iter().any(visited) {
                continue;
            }
            let visit = visitor.visit(&url).await;
            let is_feed = visit.read.is_ok();
            if is_feed {
                found.take(visit, How::Guessed);
            }
            if is_feed && guess == Guess::First {
                break;
            }
        }
    }
    found.page = Some(page);
    found
}

impl Found {
    /// Two addresses that lead to one feed are one candidate.
    fn take(&mut self, visit: Visit, how: How) {
        let known = |seen: &Candidate| seen.visit.final_url == visit.final_url && seen.reading().is_some();
        if !(visit.read.is_ok() && self.candidates.iter().any(known)) {
            self.candidates.push(Candidate { how, visit });
        }
    }
}
