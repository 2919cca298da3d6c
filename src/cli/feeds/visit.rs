//! One look at a feed that records nothing.
//!
//! Data in: an address, or a body from a file. Data out: a [`Visit`]: what the server said and what could be read.
//!
//! **Invariant:** every request goes through the guarded client; those to one host begin at least its spacing apart.

use std::{collections::HashMap, time::Duration};

use url::Url;

use super::{
    address::Typed,
    words::{self, Kind},
};
use crate::{
    cli::{ConfigArg, Failure, rules::Rules, topics},
    clock::Clock,
    config::{self, Config},
    daemon::Catalog,
    feed,
    fetch::{self, FetchRequest, Fetched, Fetcher, Manner},
    matching::CompiledTopics,
    model::{FailureKind, ParsedFeed, Redirect, Timestamp, Validators, Warning},
};

/// Between two requests to one host where no configuration says otherwise.
const SPACING: Duration = Duration::from_secs(1);

/// What visits need: of the configuration, or where there is none, as it would be by default.
pub(super) struct Tools {
    pub(super) config: Option<Config>,
    pub(super) clock: Clock,
    source: Source,
}

enum Source {
    Configured(Box<Catalog>),
    Default(Box<CompiledTopics>),
}

impl Tools {
    /// Without any configuration, the built-in topics and the public internet.
    pub(super) fn read(arg: &ConfigArg) -> Result<Self, Failure> {
        if arg.config.is_some() || config::default_path().exists() {
            return Self::configured(arg);
        }
        let topics = topics::compile(&Rules::read(arg)?.definitions)?;
        Ok(Self { config: None, clock: Clock::system(), source: Source::Default(Box::new(topics)) })
    }

    /// Those of the configuration, which must be there.
    pub(super) fn configured(arg: &ConfigArg) -> Result<Self, Failure> {
        let (config, catalog, _) = arg.catalog_without_login()?;
        let source = Source::Configured(Box::new(catalog));
        Ok(Self { config: Some(config), clock: Clock::system(), source })
    }

    /// The topics in force.
    pub(super) fn topics(&self) -> &CompiledTopics {
        match &self.source {
            Source::Configured(catalog) => &catalog.topics,
            Source::Default(topics) => topics,
        }
    }

    fn spacing(&self, url: &Url) -> Duration {
        self.catalog().map_or(SPACING, |catalog| catalog.manners_at(url).spacing)
    }

    /// The catalog, where there is a configuration.
    pub(super) fn catalog(&self) -> Option<&Catalog> {
        match &self.source {
            Source::Configured(catalog) => Some(catalog),
            Source::Default(_) => None,
        }
    }
}

/// What one visit gave.
#[derive(Debug)]
pub(super) struct Visit {
    /// As it was asked for.
    pub(super) url: Url,
    /// What answered, after redirects.
    pub(super) final_url: Url,
    pub(super) redirects: Vec<Redirect>,
    /// HTTP status; `None` where no answer came, or none was asked for.
    pub(super) status: Option<u16>,
    pub(super) content_type: Option<String>,
    pub(super) validators: Validators,
    /// Of the decompressed body.
    pub(super) bytes: usize,
    pub(super) read: Result<Reading, Trouble>,
}

/// A feed that could be read.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) kind: Kind,
    pub(super) feed: ParsedFeed,
    pub(super) warnings: Vec<Warning>,
}

/// Why there is no feed.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub(super) kind: FailureKind,
    /// Plain words, without secrets.
    pub(super) message: String,
    /// Feeds that a page offers.
    pub(super) offers: Vec<Url>,
    /// Whether a document came that is no feed.
    pub(super) is_document: bool,
    /// Not before this instant, where the server said so.
    pub(super) retry_at: Option<Timestamp>,
}

impl Trouble {
    /// What can be done about it, a line each.
    pub(super) fn remedies(&self, url: &Url) -> Vec<String> {
        let help = match self.offers.is_empty() {
            true => words::advice(self.kind.as_str()).to_owned(),
            false => format!("see which of them can be read: wirewatch feeds discover {}", words::shell(url)),
        };
        let until = self.retry_at.map(|at| format!("note: the server asks to wait until {at}"));
        std::iter::once(format!("help: {help}")).chain(until).collect()
    }
}

impl Visit {
    /// All redirects were permanent, and there was one.
    pub(super) fn moved_for_good(&self) -> bool {
        !self.redirects.is_empty() && self.redirects.iter().all(|hop| matches!(hop.status, 301 | 308))
    }

    fn failed(url: &Url, error: &fetch::Error) -> Self {
        let trouble = Trouble {
            kind: error.kind(),
            message: error.to_string(),
            offers: Vec::new(),
            is_document: false,
            retry_at: error.retry_at(),
        };
        let redirects = error.redirects().to_vec();
        let final_url = redirects.last().map_or(url, |hop| &hop.to).clone();
        Self { status: error.status(), redirects, final_url, ..Self::empty(url, Err(trouble)) }
    }

    fn empty(url: &Url, read: Result<Reading, Trouble>) -> Self {
        Self {
            url: url.clone(),
            final_url: url.clone(),
            redirects: Vec::new(),
            status: None,
            content_type: None,
            validators: Validators::default(),
            bytes: 0,
            read,
        }
    }

    /// What a body says that did not come from the network.
    pub(super) fn of_body(clock: &Clock, url: &Url, content_type: Option<&str>, body: &[u8]) -> Self {
        let read = read(clock, body, content_type, url);
        Self { content_type: content_type.map(str::to_owned), bytes: body.len(), ..Self::empty(url, read) }
    }
}

/// Makes visits, one at a time.
pub(super) struct Visitor<'t> {
    pub(super) tools: &'t Tools,
    fetcher: Fetcher,
    /// When the last visit to each host began, as uptime.
    begun: HashMap<String, Duration>,
}

impl<'t> Visitor<'t> {
    pub(super) fn new(tools: &'t Tools) -> Result<Self, Failure> {
        let fetcher = match tools.catalog() {
            Some(catalog) => catalog.fetcher.clone(),
            None => Fetcher::new(fetch::Options::default(), tools.clock.clone())?,
        };
        Ok(Self { tools, fetcher, begun: HashMap::new() })
    }

    /// Visits what was typed: where nobody said https and no secure server answers, over http.
    pub(super) async fn visit_typed(&mut self, typed: &Typed) -> Visit {
        let visit = self.visit(&typed.url).await;
        let no_server = |trouble: &Trouble| {
            matches!(trouble.kind, FailureKind::Connect | FailureKind::Tls | FailureKind::Timeout)
        };
        match &typed.fallback {
            Some(plain) if visit.read.as_ref().is_err_and(no_server) => self.visit(plain).await,
            _ => visit,
        }
    }

    /// Visits an address, once its host may be visited again.
    pub(super) async fn visit(&mut self, url: &Url) -> Visit {
        let host = host_of(url);
        let clock = &self.tools.clock;
        let wait = wait(self.begun.get(&host).copied(), clock.uptime(), self.tools.spacing(url));
        if !wait.is_zero() {
            clock.sleep(wait).await;
        }
        self.begun.insert(host, clock.uptime());
        let request = FetchRequest { url: url.clone(), validators: Validators::default() };
        let access = self.tools.catalog().and_then(|catalog| catalog.access(url));
        let manner = Manner { access, ..Manner::default() };
        let response = match self.fetcher.fetch_as(&request, &manner).await {
            Ok(Fetched::Modified(response)) => response,
            Ok(Fetched::NotModified { .. }) => {
                let trouble = Trouble {
                    kind: FailureKind::NotAFeed,
                    message: "the server answered 304 Not Modified, though it was asked for the whole feed"
                        .to_owned(),
                    offers: Vec::new(),
                    is_document: false,
                    retry_at: None,
                };
                return Visit::empty(url, Err(trouble));
            }
            Err(error) => return Visit::failed(url, &error),
        };
        let content_type = response.content_type.as_deref();
        let read = read(clock, &response.body, content_type, &response.url);
        Visit {
            url: url.clone(),
            final_url: response.url,
            redirects: response.redirects,
            status: Some(200),
            content_type: response.content_type,
            validators: response.validators,
            bytes: response.body.len(),
            read,
        }
    }
}

fn read(clock: &Clock, body: &[u8], content_type: Option<&str>, base: &Url) -> Result<Reading, Trouble> {
    match feed::parse(body, content_type, base, clock.now()) {
        Ok((feed, warnings)) => Ok(Reading { kind: Kind::of(body), feed, warnings }),
        Err(error) => {
            let (kind, message) = (FailureKind::NotAFeed, error.to_string());
            let is_document = matches!(error, feed::Error::NotAFeed { .. } | feed::Error::Empty);
            let offers = match error {
                feed::Error::NotAFeed { feeds, .. } => feeds,
                _ => Vec::new(),
            };
            Err(Trouble { kind, message, offers, is_document, retry_at: None })
        }
    }
}

/// `host:port`
pub(super) fn host_of(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

/// How long until a host may be visited again.
fn wait(last: Option<Duration>, now: Duration, spacing: Duration) -> Duration {
    last.map_or(Duration::ZERO, |last| last.saturating_add(spacing).saturating_sub(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visits_to_one_host_begin_a_spacing_apart() {
        let ms = Duration::from_millis;
        assert_eq!(wait(None, ms(5), ms(1_000)), ms(0));
        assert_eq!(wait(Some(ms(5)), ms(5), ms(1_000)), ms(1_000));
        assert_eq!(wait(Some(ms(5)), ms(1_004), ms(1_000)), ms(1));
        assert_eq!(wait(Some(ms(5)), ms(1_005), ms(1_000)), ms(0));
        assert_eq!(wait(Some(ms(5)), ms(9_000), ms(1_000)), ms(0));
        assert_eq!(wait(Some(ms(5)), ms(5), ms(0)), ms(0));
    }

    #[tokio::test]
    async fn a_second_visit_waits_for_its_turn() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let clock = Clock::manual(crate::model::time::from_millis(0));
        let allow = ["127.0.0.1".parse().unwrap()].into_iter().collect();
        let options = fetch::Options { allow, ..fetch::Options::default() };
        let tools = Tools {
            config: None,
            clock: clock.clone(),
            source: Source::Default(Box::new(topics::compile(&[]).unwrap())),
        };
        let fetcher = Fetcher::new(options, clock.clone()).unwrap();
        let mut visitor = Visitor { fetcher, ..Visitor::new(&tools).unwrap() };
        let url = Url::parse(&format!("http://{address}/feed")).unwrap();
        let kind = |visit: Visit| visit.read.unwrap_err().kind;
        assert_eq!(kind(visitor.visit(&url).await), FailureKind::Connect, "nobody listens there");
        let second = visitor.visit(&url);
        tokio::pin!(second);
        clock.advance(SPACING - Duration::from_millis(1));
        tokio::select! {
            biased;
            _ = &mut second => panic!("it did not wait"),
            () = std::future::ready(()) => {}
        }
        clock.advance(Duration::from_millis(1));
        assert_eq!(kind(second.await), FailureKind::Connect);
    }
}
