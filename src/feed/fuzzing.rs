//! The steps of [`super::parse()`], one by one, for the fuzz targets; no part of the interface.
//!
//! Data in: what the step takes. Data out: whether the step kept its promises, by panicking when not.
//!
//! **Invariant:** nothing else in the crate uses this.
//!
//! Rejected: making the steps public: they would have to keep their form for nobody's sake.

use url::Url;

use super::{
    inspect,
    root::{Root, find_root},
    salvage,
};

/// The text of a body.
pub fn decode(bytes: &[u8], content_type: Option<&str>) -> String {
    super::decode::decode(bytes, content_type, &mut Vec::new()).into_owned()
}

/// How many items the inspection sees in a text, and whether all their places lie in it, in order; `None` when the
/// text is no feed in XML.
pub fn inspect(text: &str) -> Option<(usize, bool)> {
    let (Root::Feed(dialect), text) = find_root(text)? else { return None };
    let found = inspect::inspect(text, dialect);
    let place = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
    let mut last = 0;
    let sound = found.entries.iter().all(|(start, end)| {
        let sound = place(*start) >= last && found.text.get(place(*start)..place(*end)).is_some();
        last = place(*end);
        sound
    });
    Some((found.entries.len(), sound))
}

/// How many items salvage gives of a text, and at most how many it may give: not many more than the inspection saw, but
/// for torn documents, where an item may begin inside of what the inspection took for one. `None` when the text is no
/// feed in XML or is refused.
pub fn salvage(text: &str, base: &Url) -> Option<(usize, usize)> {
    let (Root::Feed(dialect), text) = find_root(text)? else { return None };
    let found = inspect::inspect(text, dialect);
    let most = match found.verdict {
        inspect::Verdict::Refuse(_) => return None,
        inspect::Verdict::Clean => found.entries.len(),
        inspect::Verdict::Salvage(_) => super::MAX_ITEMS,
    };
    Some((salvage::salvage(&found, base).items.len(), most))
}
