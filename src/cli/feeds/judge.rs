//! What wirewatch would make of the items of a feed: which are new to the store, which topics match.
//!
//! Data in: one reading of a feed, the topics, the store where there is one. Data out: a [`Judged`] for each item, in
//! the order of the feed.
//!
//! **Invariant:** every item of the feed comes out, one that repeats another too; nothing is recorded.

use std::{collections::VecDeque, sync::Arc};

use url::Url;

use super::visit::{Reading, Tools};
use crate::{
    cli::{Failure, output},
    feed,
    matching::Matcher,
    model::{Item, ItemKey, Match, feed_label},
    store::{DATABASE, Store},
};

/// An item and what would become of it.
pub(super) struct Judged {
    pub(super) item: Item,
    /// Whether a poll would store it; `None` where the store cannot be read.
    pub(super) new: Option<bool>,
    /// It is the same as an item before it.
    pub(super) repeated: bool,
    /// Sorted by topic.
    pub(super) matches: Vec<Match>,
}

impl Judged {
    /// It matches, and is no repetition.
    pub(super) fn is_hit(&self) -> bool {
        !self.repeated && !self.matches.is_empty()
    }

    /// Names of the topics that match.
    pub(super) fn topics(&self) -> Vec<String> {
        self.matches.iter().map(|found| found.topic.to_string()).collect()
    }
}

/// What is known of a feed before it is judged.
pub(super) enum Memory {
    /// Nothing is stored at all.
    Empty,
    /// What is stored.
    Store(Store),
    /// Something is stored that may not be read here.
    Hidden,
}

impl Memory {
    /// The store of the configuration, told on standard error when it cannot be read.
    pub(super) fn of(tools: &Tools) -> Self {
        let Some(config) = &tools.config else { return Self::Empty };
        if matches!(config.state.dir.join(DATABASE).try_exists(), Ok(false)) {
            return Self::Empty;
        }
        match Store::open_read_only(&config.state.dir) {
            Ok(store) => Self::Store(store),
            Err(error) => {
                output::tell!("wirewatch: what is new is not known: {error}");
                Self::Hidden
            }
        }
    }
}

/// Judges a reading of the feed with this address. The second value says whether the store has read the feed before;
/// `None` where that is not known.
pub(super) async fn judge(
    tools: &Tools,
    memory: &Memory,
    url: &Url,
    reading: &Reading,
) -> Result<(Vec<Judged>, Option<bool>), Failure> {
    let spec = tools.config.as_ref().and_then(|config| config.feeds.iter().find(|spec| spec.url == *url));
    let label = feed_label(spec.and_then(|spec| spec.title.as_deref()), url.as_str());
    let items = reading.feed.items.iter().cloned();
    let items: Vec<Item> = items.map(|item| Item { feed: Some(Arc::clone(&label)), ..item }).collect();
    let mut firsts: VecDeque<(Item, Vec<ItemKey>)> = feed::identify(items.clone()).into();
    let (known, stored) = match memory {
        Memory::Empty => (Some(None), Some(false)),
        Memory::Hidden => (None, None),
        Memory::Store(store) => {
            let keys = firsts.iter().map(|(_, keys)| keys.clone()).collect();
            let known = store.known_items(url.as_str().to_owned(), keys).await?;
            let stored = known.is_some();
            (Some(known), Some(stored))
        }
    };
    let mut known: Option<VecDeque<bool>> = known.map(|known| match known {
        Some(known) => known.into(),
        None => firsts.iter().map(|_| false).collect(),
    });
    let mut matcher = Matcher::new(tools.topics());
    let judged = items
        .into_iter()
        .map(|item| {
            // Of items that are the same the first is kept, so those kept are met in this order.
            let repeated = firsts.front().is_none_or(|(first, _)| *first != item);
            let mut new = known.as_ref().map(|_| false);
            if !repeated {
                firsts.pop_front();
                new = known.as_mut().map(|known| !known.pop_front().unwrap_or(false));
            }
            // It is shown, but a poll does not store it.
            if item.is_empty() {
                new = new.map(|_| false);
            }
            let matches = matcher.matches(&item);
            Judged { item, new, repeated, matches }
        })
        .collect();
    Ok((judged, stored))
}
