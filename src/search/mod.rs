//! Searching the archive with a topic, and keeping the index that makes it quick.
//!
//! Data in: a checked topic, a store. Data out: the stored items that match it, with the places that made them.
//!
//! The index narrows the archive down to candidates ([`matching::narrowing`]); [`matching`] judges each of them. Items
//! that the index does not have yet are all candidates.
//!
//! **Invariant:** the answer is that of trying every stored item; the index only saves time. An index of another
//! form than this program's is not asked.
//!
//! Rejected: trusting the index where it could answer alone. Its tokens are not words in order, and two truths would
//! drift apart.

mod rank;

use tokio::task;

use crate::{
    matching::{self, CompileError, CompiledTopics, Matcher},
    model::{ArchivePage, ClauseHit, IndexEntry, ItemId, Narrowing, StoredItem, Timestamp},
    query::TopicDef,
    store::{self, Store},
};

/// Most results that can be asked for.
pub const MAX_RESULTS: usize = 1_000;
/// Matches that are ranked by relevance: the newest.
pub const MAX_RANKED: usize = 10_000;
/// Candidates read first; the newest matches are often among them.
const FIRST_PAGE: usize = 64;
/// Each page is larger than the one before, so that a long search looks up its words seldom.
const PAGE_GROWTH: usize = 4;
/// Candidates read at once: at a few kilobytes each they stay within some megabytes.
const MAX_PAGE: usize = 2_048;

/// What to look for beside the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Only items first seen at this instant or later.
    pub since: Option<Timestamp>,
    /// Which come first.
    pub order: Order,
    /// At most so many; no more than [`MAX_RESULTS`].
    pub limit: usize,
    /// When the question was asked; by relevance newer items come a little before older ones.
    pub now: Timestamp,
}

/// Which results come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Those stored last.
    Newest,
    /// Those that match best, by what their hits are worth; equal ones newest first.
    Relevance,
}

/// A stored item that matches.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The item.
    pub stored: StoredItem,
    /// Places that made it match, in reading order; at most [`matching::MAX_HITS`].
    pub hits: Vec<ClauseHit>,
    /// What the hits are worth; 0 unless asked by relevance.
    pub score: f64,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// In the order asked for.
    pub found: Vec<Found>,
    /// Matches met, shown or not.
    pub matched: usize,
    /// Whether these are all there are.
    pub extent: Extent,
    /// Candidates that were judged.
    pub judged: usize,
    /// Those of them that were tried because the index does not have them yet.
    pub unindexed: usize,
}

/// How much of the archive an answer speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of what was asked: `matched` is how many there are.
    Whole,
    /// It ended at the limit; there are more matches.
    More,
    /// It ended at [`MAX_RANKED`]; older matches were not looked for.
    Ranked,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The topic cannot be compiled.
    #[error(transparent)]
    Topic(#[from] CompileError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Searches the archive for what `topic` matches.
///
/// # Errors
/// See [`Error`].
pub async fn search(store: &Store, topic: &TopicDef, request: &Request) -> Result<Answer, Error> {
    let topics = CompiledTopics::compile(std::slice::from_ref(topic))?;
    let mut judge = Judge { matcher: Matcher::new(&topics), request, answer: Answer::nothing() };
    let before_first = match request.since {
        None => ItemId(0),
        Some(since) => match store.first_since(since).await? {
            Some(first) => ItemId(first.0.saturating_sub(1)),
            None => return Ok(judge.answer),
        },
    };
    let state = store.index_state().await?;
    let indexed_to = if state.form == matching::INDEX_FORM { state.indexed_to } else { ItemId(0) };
    let tail = Stretch { narrowing: None, above: indexed_to.max(before_first), below: None };
    let indexed = Stretch {
        narrowing: matching::narrowing(&topic.expr),
        above: before_first,
        below: Some(ItemId(indexed_to.0.saturating_add(1))),
    };
    let goes_on = walk(store, tail, &mut judge).await?;
    judge.answer.unindexed = judge.answer.judged;
    // A database of an older wirewatch has no index to ask.
    if goes_on == Going::On && indexed_to > before_first {
        walk(store, indexed, &mut judge).await?;
    }
    Ok(judge.into_answer())
}

/// Adds up to `limit` items to the index, oldest first, and says how many; fewer than `limit` when no more are
/// waiting. An index of another form is emptied first.
///
/// # Errors
/// See [`store::Error`]; then nothing was added.
pub async fn index_some(store: &Store, limit: usize) -> Result<usize, store::Error> {
    if store.index_state().await?.form != matching::INDEX_FORM {
        store.reset_index(matching::INDEX_FORM).await?;
    }
    let items = store.unindexed(limit).await?;
    if items.is_empty() {
        return Ok(0);
    }
    let folding = task::spawn_blocking(move || {
        let entry =
            |stored: &StoredItem| IndexEntry { id: stored.id, tokens: matching::index_tokens(&stored.item) };
        items.iter().map(entry).collect::<Vec<_>>()
    });
    // The runtime is being shut down when this fails.
    let entries = folding.await.map_err(|_| store::Error::Closed)?;
    let count = entries.len();
    store.add_to_index(entries).await?;
    Ok(count)
}

/// A stretch of the archive.
struct Stretch {
    narrowing: Option<Narrowing>,
    above: ItemId,
    below: Option<ItemId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Going {
    On,
    Enough,
}

/// Judges a stretch, newest first.
async fn walk(store: &Store, stretch: Stretch, judge: &mut Judge<'_>) -> Result<Going, store::Error> {
    let Stretch { narrowing, above, mut below } = stretch;
    let mut limit = FIRST_PAGE;
    loop {
        let since = judge.request.since;
        let page = ArchivePage { narrowing: narrowing.clone(), above, below, since, limit };
        let items = store.archive_page(page).await?;
        let is_last = items.len() < limit;
        for stored in items {
            below = Some(stored.id);
            if judge.judge(stored) == Going::Enough {
                return Ok(Going::Enough);
            }
        }
        if is_last {
            return Ok(Going::On);
        }
        limit = (limit * PAGE_GROWTH).min(MAX_PAGE);
    }
}

/// Takes candidates one after the other and keeps those that match.
struct Judge<'a> {
    matcher: Matcher<'a>,
    request: &'a Request,
    answer: Answer,
}

impl Judge<'_> {
    fn judge(&mut self, stored: StoredItem) -> Going {
        self.answer.judged += 1;
        let Some(found) = self.matcher.matches(&stored.item).pop() else { return Going::On };
        let limit = self.request.limit.min(MAX_RESULTS);
        match self.request.order {
            Order::Newest if self.answer.found.len() == limit => self.enough(Extent::More),
            Order::Relevance if self.answer.matched == MAX_RANKED => self.enough(Extent::Ranked),
            Order::Newest => {
                self.keep(stored, found.hits, 0.0);
                Going::On
            }
            Order::Relevance => {
                let at = stored.item.published_at.unwrap_or(stored.first_seen_at);
                let score = rank::score(&found.hits, at, self.request.now);
                self.keep(stored, found.hits, score);
                if self.answer.found.len() > 2 * limit {
                    self.best(limit);
                }
                Going::On
            }
        }
    }

    fn enough(&mut self, extent: Extent) -> Going {
        self.answer.extent = extent;
        Going::Enough
    }

    fn keep(&mut self, stored: StoredItem, hits: Vec<ClauseHit>, score: f64) {
        self.answer.matched += 1;
        self.answer.found.push(Found { stored, hits, score });
    }

    /// Keeps the best; they stand newest first, and the sort is stable.
    fn best(&mut self, limit: usize) {
        self.answer.found.sort_by(|a, b| b.score.total_cmp(&a.score).then(b.stored.id.cmp(&a.stored.id)));
        self.answer.found.truncate(limit);
    }

    fn into_answer(mut self) -> Answer {
        if self.request.order == Order::Relevance {
            self.best(self.request.limit.min(MAX_RESULTS));
        }
        self.answer
    }
}

impl Answer {
    fn nothing() -> Self {
        Self { found: Vec::new(), matched: 0, extent: Extent::Whole, judged: 0, unindexed: 0 }
    }
}
