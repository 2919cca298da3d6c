//! Where in a body a feed begins, and of which family it is.
//!
//! Data in: decoded text. Data out: the dialect and the text from the root element on.
//!
//! **Invariant:** linear, and the text given starts with the root's `<`.
//!
//! Rejected: asking for the root to be the first element: servers print warnings with tags before it.

use super::{markup::local, vocabulary::Dialect};

/// The kind of document a root element opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    Feed(Dialect),
    /// A list of addresses, which may hold news.
    Sitemap,
    SitemapIndex,
}

/// The root element of a feed or sitemap and the text from there on; `None` when the text is neither.
pub(super) fn find_root(text: &str) -> Option<(Root, &str)> {
    let mut rest = text;
    let mut comments_end = true;
    loop {
        rest = rest.get(rest.find('<')?..)?;
        if let Some(comment) = rest.strip_prefix("<!--")
            && comments_end
        {
            // Not searched for again once there is none, which keeps this linear.
            comments_end = comment.contains("-->");
            rest = comment.split_once("-->").map_or(comment, |(_, after)| after);
            continue;
        }
        let inside = rest.get(1..)?;
        let length = inside
            .bytes()
            .position(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b':' | b'-' | b'_' | b'.'))
            .unwrap_or(inside.len());
        let name = inside.get(..length)?;
        if name.len() <= 64 {
            let root = match local(name).to_ascii_lowercase().as_str() {
                "rss" | "channel" => Root::Feed(Dialect::Rss),
                "rdf" => Root::Feed(Dialect::Rdf),
                "feed" | "entry" => Root::Feed(Dialect::Atom),
                "urlset" => Root::Sitemap,
                "sitemapindex" => Root::SitemapIndex,
                "html" => return wrapped(inside),
                "head" | "body" | "opml" => return None,
                _ => {
                    rest = inside;
                    continue;
                }
            };
            return Some((root, rest));
        }
        rest = inside;
    }
}

/// A feed inside a page: some servers wrap one into it.
fn wrapped(page: &str) -> Option<(Root, &str)> {
    let (atom, rss) = (page.find("<feed xmlns=\"http://www.w3.org/2005/Atom\""), page.find("<rss version="));
    let (dialect, at) = match (atom, rss) {
        (Some(at), _) => (Dialect::Atom, at),
        (None, Some(at)) => (Dialect::Rss, at),
        (None, None) => return None,
    };
    let feed = page.get(at..)?;
    let has_items = feed.contains(if dialect == Dialect::Atom { "<entry" } else { "<item" });
    has_items.then_some((Root::Feed(dialect), feed))
}
