//! Link and feed → the outlet, and how much its word counts.
//!
//! Data in: a link, the name and address of a feed, a list of outlets. Data out: [`Outlet`] with its [`Tier`].
//!
//! The one list of outlets (`outlets.txt`): what stories count as one source, what mails call first tier and what
//! updates go by are the same.
//!
//! **Invariant:** a host counts as an outlet's when it is one of its domains or below one, so `notreuters.com` is not
//! Reuters.
//! **Invariant:** all hosts below one registered name are one outlet, and so are all its feeds.
//!
//! Rejected: tiers learned from who is first: that rewards whoever copies fastest. Rejected: counting feeds. One outlet
//! has many, and none of them corroborates another.

use std::{collections::HashMap, sync::LazyLock};

use url::{Host, Url};

/// How much a report by an outlet counts. The best is the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Agencies, papers of record and the bodies that announce things themselves: their word settles a matter for most
    /// readers.
    First,
    /// Known newsrooms.
    Second,
    /// Everyone else.
    Other,
}

impl Tier {
    /// 1, 2 or 3, for rows.
    pub fn code(self) -> u8 {
        match self {
            Self::First => 1,
            Self::Second => 2,
            Self::Other => 3,
        }
    }

    /// `None` when there is no such code.
    pub fn from_code(code: u8) -> Option<Self> {
        [Self::First, Self::Second, Self::Other].into_iter().find(|tier| tier.code() == code)
    }
}

/// Who published an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlet {
    /// Name of a known outlet; otherwise the registered name of the host of the link or of the feed's address, or the
    /// feed's name; empty when nothing is known.
    pub name: String,
    /// See [`Tier`].
    pub tier: Tier,
}

/// Which outlets are known, and their tiers.
#[derive(Debug, Clone)]
pub struct Outlets {
    domains: HashMap<String, Known>,
    names: HashMap<String, Known>,
}

#[derive(Debug, Clone)]
struct Known {
    name: String,
    tier: Tier,
}

/// Bytes of an outlet's name that are kept.
pub const MAX_NAME_BYTES: usize = 80;
/// Hosts whose links lead to articles of any outlet; titles there end with ` - Name of the outlet`, or the feed is one
/// outlet's.
const COLLECTORS: [&str; 3] = ["news.google.com", "feedproxy.google.com", "feeds.feedburner.com"];
const BUILT_IN: &str = include_str!("outlets.txt");

static KNOWN: LazyLock<Outlets> = LazyLock::new(Outlets::built_in);

impl Outlets {
    /// The built-in list, read once.
    pub fn known() -> &'static Self {
        &KNOWN
    }

    /// The built-in list: agencies, large newsrooms, governments.
    pub fn built_in() -> Self {
        let mut outlets = Self { domains: HashMap::new(), names: HashMap::new() };
        for line in BUILT_IN.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            // `tier | name | domain domain | other name; other name`
            let mut parts = line.split('|').map(str::trim);
            let tier = match parts.next() {
                Some("first") => Tier::First,
                Some("second") => Tier::Second,
                _ => continue,
            };
            let (Some(name), Some(domains)) = (parts.next(), parts.next()) else { continue };
            for domain in domains.split_whitespace() {
                outlets.add(domain, name, tier);
            }
            for other in parts.next().unwrap_or_default().split(';').map(str::trim).filter(|o| !o.is_empty())
            {
                outlets.names.insert(other.to_lowercase(), Known { name: cut(name).to_owned(), tier });
            }
        }
        outlets
    }

    /// Adds an outlet, or replaces what was known of `domain`. Hosts below the domain are its as well.
    pub fn add(&mut self, domain: &str, name: &str, tier: Tier) {
        let known = Known { name: cut(name).to_owned(), tier };
        self.names.insert(name.to_lowercase(), known.clone());
        self.domains.insert(domain.to_lowercase(), known);
    }

    /// Who published what `link` leads to; where the link is none of a known outlet, the name or the address of the feed
    /// may be one's. A collector's link says nothing, so there the outlet is the one that its `title` ends with, or the
    /// feed's.
    pub fn recognise(&self, link: Option<&Url>, feed: Option<&str>, title: &str) -> Outlet {
        let host = link.and_then(Url::host_str).unwrap_or_default().trim_end_matches('.').to_lowercase();
        let is_collector = COLLECTORS.contains(&host.as_str());
        let link = link.filter(|_| !is_collector);
        if is_collector
            && let Some((_, name)) = title.rsplit_once(" - ").filter(|(_, name)| !name.trim().is_empty())
        {
            let known = self
                .names
                .get(&name.trim().to_lowercase())
                .or_else(|| self.by_host(&name.trim().to_lowercase()));
            let other = || Known { name: cut(name.trim()).to_owned(), tier: Tier::Other };
            let Known { name, tier } = known.cloned().unwrap_or_else(other);
            return Outlet { name, tier };
        }
        if let Some(known) = self.by_host(&host).or_else(|| feed.and_then(|feed| self.by_feed(feed))) {
            return Outlet { name: known.name.clone(), tier: known.tier };
        }
        let of_feed =
            || feed.and_then(|feed| feed.split_whitespace().find_map(|word| site(&Url::parse(word).ok()?)));
        let name = link.and_then(site).or_else(of_feed);
        let name = name.as_deref().or(feed).unwrap_or_default();
        Outlet { name: cut(name).to_owned(), tier: Tier::Other }
    }

    fn by_host(&self, host: &str) -> Option<&Known> {
        let mut rest = host;
        loop {
            if let Some(known) = self.domains.get(rest) {
                return Some(known);
            }
            rest = rest.split_once('.')?.1;
        }
    }

    /// A feed is known by its whole name, or by an address or domain within it.
    fn by_feed(&self, feed: &str) -> Option<&Known> {
        let lower = feed.to_lowercase();
        let words = lower.split_whitespace().map(|word| word.trim_matches(['(', ')', '/']));
        let addresses = words.filter_map(|word| {
            let host = Url::parse(word).ok().and_then(|url| url.host_str().map(str::to_owned));
            host.or_else(|| word.contains('.').then(|| word.to_owned()))
        });
        let mut hosts = addresses.map(|host| host.split('/').next().unwrap_or_default().to_owned());
        self.names.get(lower.trim()).or_else(|| hosts.find_map(|host| self.by_host(&host)))
    }
}

impl Default for Outlets {
    fn default() -> Self {
        Self::built_in()
    }
}

/// The part of the host's name that somebody registered: `www.example.co.uk` and `news.example.co.uk` are one outlet,
/// two blogs of one provider are not. An address of a machine stays whole.
fn site(url: &Url) -> Option<String> {
    match url.host()? {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_lowercase();
            Some(psl::domain_str(&name).map_or_else(|| name.clone(), str::to_owned))
        }
        address => Some(address.to_string()),
    }
}

fn cut(name: &str) -> &str {
    name.get(..name.floor_char_boundary(MAX_NAME_BYTES)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(link: &str, feed: Option<&str>, name: &str, tier: Tier) {
        let found = Outlets::built_in().recognise(Url::parse(link).ok().as_ref(), feed, "");
        assert_eq!((found.name.as_str(), found.tier), (name, tier), "{link} {feed:?}");
    }

    #[test]
    fn an_outlet_is_known_by_its_domain_or_feed() {
        check("https://www.reuters.com/world/a", None, "Reuters", Tier::First);
        check("https://jp.reuters.com/a", None, "Reuters", Tier::First);
        check("https://notreuters.com/a", None, "notreuters.com", Tier::Other);
        check("https://www.state.gov/a", None, "US government", Tier::First);
        check("https://news.example/a", Some("AP News"), "Associated Press", Tier::First);
        check("", Some("bbc.co.uk"), "BBC", Tier::First);
        check("", Some("World (https://feeds.bbci.co.uk/news/world/rss.xml)"), "BBC", Tier::First);
        check("https://www.aljazeera.com/a", None, "Al Jazeera", Tier::Second);
        check("", Some("A village paper"), "A village paper", Tier::Other);
        check("", Some("Village https://feeds.village.example/rss"), "village.example", Tier::Other);
        check("", Some("https://feeds.reuters.com/world"), "Reuters", Tier::First);
        check("", None, "", Tier::Other);
    }

    #[test]
    fn hosts_and_feeds_of_one_outlet_are_one_source() {
        let other =
            |link: &str, name: &str| check(link, Some("https://aggregator.example/feed"), name, Tier::Other);
        other("https://www.example.co.uk/a", "example.co.uk");
        other("https://news.example.co.uk/b", "example.co.uk");
        other("https://News.Example.COM.cn/c", "example.com.cn");
        other("https://a.b.example.de./d", "example.de");
        other("https://one.github.io/e", "one.github.io");
        other("https://co.uk/f", "co.uk");
        other("http://192.0.2.7:8080/g", "192.0.2.7");
        other("http://[2001:db8::1]/h", "[2001:db8::1]");
        check("https://reuters.com.example.org/a", None, "example.org", Tier::Other);
    }

    #[test]
    fn a_collector_is_no_outlet() {
        let check = |link: &str, feed: &str, title: &str, name: &str, tier: Tier| {
            let found = Outlets::known().recognise(Url::parse(link).ok().as_ref(), Some(feed), title);
            assert_eq!((found.name.as_str(), found.tier), (name, tier), "{title}");
        };
        let (link, feed) =
            ("https://news.google.com/rss/articles/abc", "https://news.google.com/rss/search?q=port");
        check(link, feed, "Port closes - Reuters", "Reuters", Tier::First);
        check(link, feed, "Port closes - for now - apnews.com", "Associated Press", Tier::First);
        check(
            link,
            feed,
            "Port closes - The Village Voice of Alnbury",
            "The Village Voice of Alnbury",
            Tier::Other,
        );
        check(link, feed, "Port closes", "google.com", Tier::Other);
        let burnt = "https://feedproxy.google.com/~r/quay/x";
        check(burnt, "https://www.quay.example/feed", "Port closes", "quay.example", Tier::Other);
        check("https://quay.example/a", feed, "Port closes - Reuters", "quay.example", Tier::Other);
    }

    #[test]
    fn the_list_can_be_changed() {
        let mut outlets = Outlets::built_in();
        outlets.add("Village.example", "The Village", Tier::First);
        let link = Url::parse("https://www.village.example/a").ok();
        let found = outlets.recognise(link.as_ref(), None, "");
        assert_eq!(found, Outlet { name: "The Village".to_owned(), tier: Tier::First });
    }

    #[test]
    fn names_are_cut_at_the_limit() {
        let name =
            |bytes: usize| Outlets::built_in().recognise(None, Some(&"x".repeat(bytes)), "").name.len();
        assert_eq!(name(MAX_NAME_BYTES), MAX_NAME_BYTES);
        assert_eq!(name(MAX_NAME_BYTES + 1), MAX_NAME_BYTES);
    }

    #[test]
    fn every_line_of_the_list_is_read() {
        for line in BUILT_IN.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let parts: Vec<&str> = line.split('|').map(str::trim).collect();
            assert!(
                matches!(parts[..], ["first" | "second", name, domains, ..] if !name.is_empty() && !domains.is_empty())
            );
        }
    }
}
