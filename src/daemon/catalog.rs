//! The catalog: everything a configuration puts in force, ready for use and swapped whole.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    fs::File,
    io::Read,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::tz::TimeZone;
use url::{Host, Url};

use super::{Manners, pacing, site::Owner, templates};
use crate::{
    clock::Clock,
    config::{
        self, AccessConfig, AllowedHost, Config, Environment, HeaderValueConfig, LoginConfig, MailConfig,
        PingUrl, SecretSource, SmtpConfig, SmtpEncryption, TransportConfig,
    },
    fetch::{self, Access, AccessSpec, AllowList, Authorization, Fetcher, ProxySpec},
    health,
    mail::{
        Identity, Maildir, Memory, OneClick, Security, Sender, Smtp, SmtpOptions, SmtpUrl, StartTls,
        Transport,
    },
    matching::CompiledTopics,
    model::{DigestPolicy, FeedSpec, FeedState, Recipient, Secret, Subscription},
    render::Templates,
    schedule::{PollPolicy, RhythmPolicy},
};

/// Longest file of a private certificate authority: a whole system's store has some 250 kB.
const MAX_CA_BYTES: usize = 1 << 20;

/// Feeds, compiled topics, subscriptions and the tools to serve them.
#[derive(Debug)]
pub struct Catalog {
    /// In order of the configuration, URLs unique.
    pub feeds: Vec<FeedSpec>,
    /// Compiled together.
    pub topics: CompiledTopics,
    /// In order of the configuration, names unique.
    pub subscriptions: Vec<Subscription>,
    /// The HTTP client.
    pub fetcher: Fetcher,
    /// By the address of the feed, for feeds with entries of their own.
    pub special: HashMap<Url, SpecialVisits>,
    /// Polling.
    pub poll: PollSettings,
    /// Who hears of failing feeds and of mails given up; may be empty.
    pub operator: Vec<Recipient>,
    /// What they are told, and when.
    pub duties: Duties,
    /// How mail leaves.
    pub transport: TransportSpec,
    /// Where readers write to mute a story, with `{token}` where the token goes; `None`: mails name no such address.
    pub commands_to: Option<String>,
    /// How mail looks.
    pub templates: Templates,
    /// How long items are kept.
    pub keep: Duration,
}

/// What is done for those who run the service.
#[derive(Debug, Clone)]
pub struct Duties {
    /// Zone of their times.
    pub zone: TimeZone,
    /// When what can wait is told.
    pub daily: DigestPolicy,
    /// When they are told that all is well; `None`: never.
    pub heartbeat: Option<DigestPolicy>,
    /// When the canary sings; `None`: when it is asked to.
    pub canary: Option<DigestPolicy>,
    /// What is asked for while all is well.
    pub ping: Option<PingSpec>,
}

/// An address outside that is asked for while all is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PingSpec {
    /// A good one; a secret, since whoever knows it can say that all is well.
    pub url: Secret,
    /// How often.
    pub every: Duration,
}

/// How feeds are polled.
#[derive(Debug, Clone)]
pub struct PollSettings {
    /// Visits under way at once.
    pub concurrency: usize,
    /// Towards hosts of the open web.
    pub manners: Manners,
    /// Bounds of the schedule.
    pub policy: PollPolicy,
    /// How feeds share the polls.
    pub rhythm: RhythmPolicy,
    /// Feeds whose interval the operator set.
    pub fixed: HashSet<Url>,
    /// Hosts of the operator's own, which need no spacing.
    pub own_hosts: AllowList,
}

/// How to make a [`Transport`]; each mailer opens its own.
#[derive(Debug, Clone)]
pub enum TransportSpec {
    /// A Maildir.
    Maildir(PathBuf, Identity),
    /// A mail server.
    Smtp(Box<SmtpOptions>, Identity),
    /// A list in memory, for tests.
    Memory(Memory),
}

impl TransportSpec {
    /// A transport that is not connected yet.
    pub fn open(&self) -> Transport {
        match self {
            Self::Maildir(path, identity) => Transport::Maildir(Maildir::new(path.clone(), identity.clone())),
            Self::Smtp(options, identity) => {
                Transport::Smtp(Box::new(Smtp::new((**options).clone(), identity.clone())))
            }
            Self::Memory(memory) => Transport::Memory(memory.clone()),
        }
    }
}

impl fmt::Display for TransportSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Maildir(path, _) => write!(f, "maildir {}", path.display()),
            Self::Smtp(options, _) => write!(f, "{}", options.url.server()),
            Self::Memory(_) => f.write_str("memory"),
        }
    }
}

impl Catalog {
    /// Makes what the configuration describes; reads secrets, since a missing one is an error of configuration.
    ///
    /// # Errors
    /// What is wrong, for people, a line or more each.
    pub fn from_config(config: &Config, environment: &Environment, clock: Clock) -> Result<Self, String> {
        let allow = allow_list(config)?;
        let options = fetch::Options {
            user_agent: config.fetch.user_agent_header(),
            connect_timeout: config.fetch.connect_timeout,
            header_timeout: config.fetch.header_timeout,
            idle_timeout: config.fetch.idle_timeout,
            total_timeout: config.fetch.total_timeout,
            max_body_bytes: config.fetch.max_body,
            max_redirects: config.fetch.max_redirects,
            allow: allow.clone(),
        };
        let mut fetcher = Fetcher::new(options, clock).map_err(|error| error.to_string())?;
        Ok(Self {
            special: special_visits(config, environment, &mut fetcher)?,
            feeds: config.feeds.clone(),
            topics: CompiledTopics::compile(&config.definitions).map_err(|error| error.to_string())?,
            subscriptions: config.subscriptions.clone(),
            fetcher,
            poll: PollSettings {
                concurrency: usize::try_from(config.poll.concurrency).unwrap_or(usize::MAX),
                manners: Manners {
                    concurrency: config.poll.per_host,
                    spacing: config.poll.spacing,
                    burst: config.poll.burst,
                    refill: config.poll.refill,
                },
                policy: PollPolicy { min: config.poll.min_interval, max: config.poll.max_backoff },
                rhythm: pacing::rhythm(config),
                fixed: config.fixed_intervals.clone(),
                own_hosts: allow,
            },
            operator: config.mail.operator.clone(),
            duties: duties(config, environment)?,
            commands_to: config.mail.commands_to.clone(),
            transport: transport(&config.mail, environment)?,
            templates: templates::load(config.mail.templates.as_deref())?,
            keep: config.state.keep,
        })
    }

    /// Manners towards a feed's site. Hosts that the operator allowed by hand are the operator's own and need no
    /// spacing, unless a group was named for the feed.
    pub(super) fn manners(&self, state: &FeedState) -> Manners {
        match self.named_group(&state.spec.url) {
            Some(_) => self.poll.manners,
            None => self.manners_at(health::address(state)),
        }
    }

    /// Manners towards the host of `url`.
    pub fn manners_at(&self, url: &Url) -> Manners {
        match self.owner(url) {
            Owner::Operator => {
                Manners { spacing: Duration::ZERO, refill: Duration::ZERO, ..self.poll.manners }
            }
            Owner::Other => self.poll.manners,
        }
    }

    /// Whose the host of `url` is.
    pub(super) fn owner(&self, url: &Url) -> Owner {
        if is_own(&self.poll.own_hosts, url) { Owner::Operator } else { Owner::Other }
    }

    /// The group named for the feed configured at `url`.
    pub(super) fn named_group(&self, url: &Url) -> Option<&str> {
        self.special.get(url)?.group.as_deref()
    }

    /// What requests to the feed configured at `url` carry.
    pub fn access(&self, url: &Url) -> Option<Arc<Access>> {
        self.special.get(url)?.access.clone()
    }
}

/// What a feed's own entry says of visits to it.
#[derive(Debug, Clone, Default)]
pub struct SpecialVisits {
    group: Option<String>,
    access: Option<Arc<Access>>,
}

fn special_visits(
    config: &Config,
    environment: &Environment,
    fetcher: &mut Fetcher,
) -> Result<HashMap<Url, SpecialVisits>, String> {
    let mut special = HashMap::with_capacity(config.visits.len());
    for (url, visit) in &config.visits {
        let access = match &visit.access {
            None => None,
            Some(access) => {
                let spec = access_spec(access, environment)?;
                Some(fetcher.access(url, spec).map_err(|error| format!("[[feed]] {url}: {error}"))?)
            }
        };
        special.insert(url.clone(), SpecialVisits { group: visit.group.clone(), access });
    }
    Ok(special)
}

fn access_spec(access: &AccessConfig, environment: &Environment) -> Result<AccessSpec, String> {
    let read = |source: &SecretSource| source.read(environment).map_err(|problem| problem.to_string());
    let login = |login: &LoginConfig| Ok::<_, String>((login.user.clone(), read(&login.password)?));
    let authorization = match (&access.basic, &access.bearer) {
        (Some(basic), _) => {
            let (user, password) = login(basic)?;
            Some(Authorization::Basic { user, password })
        }
        (None, Some(token)) => Some(Authorization::Bearer(read(token)?)),
        (None, None) => None,
    };
    let headers = access.headers.iter().map(|(name, value)| {
        let value = match value {
            HeaderValueConfig::Plain(text) => Secret::new(text),
            HeaderValueConfig::Kept(source) => read(source)?,
        };
        Ok::<_, String>((name.clone(), value))
    });
    let proxy = match &access.proxy {
        None => None,
        Some(proxy) => {
            Some(ProxySpec { url: proxy.url.clone(), login: proxy.login.as_ref().map(login).transpose()? })
        }
    };
    Ok(AccessSpec {
        authorization,
        cookie: access.cookie.as_ref().map(read).transpose()?,
        headers: headers.collect::<Result<_, _>>()?,
        proxy,
    })
}

fn duties(config: &Config, environment: &Environment) -> Result<Duties, String> {
    let operator = &config.operator;
    let ping = match &operator.ping {
        None => None,
        Some(ping) => {
            let url = match &ping.url {
                PingUrl::Written(url) => url.clone(),
                PingUrl::Kept(source) => {
                    let url = source.read(environment).map_err(|problem| problem.to_string())?;
                    config::check_ping(url.reveal(), &config.fetch).map_err(|what| {
                        format!("{}: error: {what}; {}", source.place, config::PING_REMEDY)
                    })?;
                    url
                }
            };
            Some(PingSpec { url, every: ping.every })
        }
    };
    Ok(Duties {
        zone: operator.zone.clone(),
        daily: operator.daily.clone(),
        heartbeat: operator.heartbeat.clone(),
        canary: operator.canary.clone(),
        ping,
    })
}

/// Whether the operator allowed the host of `url` by hand.
pub(super) fn is_own(allow: &AllowList, url: &Url) -> bool {
    let port = url.port_or_known_default();
    match url.host() {
        Some(Host::Ipv4(ip)) => allow.permits(None, ip.into(), port),
        Some(Host::Ipv6(ip)) => allow.permits(None, ip.into(), port),
        // What the name resolves to is the fetcher's business; only allowing the name itself counts here.
        Some(Host::Domain(name)) => allow.permits(Some(name), IpAddr::V4(Ipv4Addr::UNSPECIFIED), port),
        None => false,
    }
}

pub(super) fn allow_list(config: &Config) -> Result<AllowList, String> {
    let entries = config.fetch.allow.iter().map(|allowed| {
        let host = match &allowed.host {
            AllowedHost::Network(net) => net.to_string(),
            AllowedHost::Name(name) => name.clone(),
        };
        let entry = allowed.port.map_or(host.clone(), |port| format!("{host}:{port}"));
        AllowList::parse_entry(&entry).map_err(|error| error.to_string())
    });
    entries.collect()
}

fn transport(mail: &MailConfig, environment: &Environment) -> Result<TransportSpec, String> {
    let identity = identity(mail)?.with_one_click(one_click(mail, environment)?);
    match &mail.transport {
        TransportConfig::Maildir(path) => Ok(TransportSpec::Maildir(path.clone(), identity)),
        TransportConfig::Smtp(smtp) => {
            Ok(TransportSpec::Smtp(Box::new(smtp_options(smtp, environment)?), identity))
        }
    }
}

fn smtp_options(smtp: &SmtpConfig, environment: &Environment) -> Result<SmtpOptions, String> {
    let login: Option<(String, Secret)> = match &smtp.login {
        Some(login) => {
            let password = login.password.read(environment).map_err(|problem| problem.to_string())?;
            Some((login.user.clone(), password))
        }
        None => None,
    };
    let (security, starttls) = match smtp.encryption {
        SmtpEncryption::Tls => (Security::Implicit, StartTls::None),
        SmtpEncryption::StartTlsRequired => (Security::Plain, StartTls::Required),
        SmtpEncryption::StartTlsOpportunistic => (Security::Plain, StartTls::Opportunistic),
        SmtpEncryption::Plain => (Security::Plain, StartTls::None),
    };
    let url = SmtpUrl { security, user: None, host: smtp.host.clone(), port: smtp.port };
    let extra_ca = smtp.ca.as_deref().map(certificates).transpose()?;
    Ok(SmtpOptions { starttls, extra_ca, ..SmtpOptions::new(url, login) })
}

/// The PEM file of a private certificate authority.
fn certificates(path: &Path) -> Result<Vec<u8>, String> {
    let refused =
        |why: String| format!("[mail] smtp ca: {}: {why}; name a file of PEM certificates", path.display());
    let mut pem = Vec::new();
    let file = File::open(path).map_err(|error| refused(format!("cannot be read: {error}")))?;
    let limit = u64::try_from(MAX_CA_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut pem).map_err(|error| refused(format!("cannot be read: {error}")))?;
    if pem.len() > MAX_CA_BYTES {
        return Err(refused(format!("it is longer than {MAX_CA_BYTES} bytes")));
    }
    if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
        return Err(refused("it holds no certificate".to_owned()));
    }
    Ok(pem)
}

fn one_click(mail: &MailConfig, environment: &Environment) -> Result<Option<OneClick>, String> {
    let Some(unsubscribe) = &mail.unsubscribe else { return Ok(None) };
    let key = unsubscribe.key.read(environment).map_err(|problem| problem.to_string())?;
    let one_click = OneClick::new(unsubscribe.url.clone(), key);
    one_click.map(Some).map_err(|problem| format!("[mail] unsubscribe: {problem}"))
}

fn identity(mail: &MailConfig) -> Result<Identity, String> {
    let address = mail.from.address.address();
    let host = address.rsplit_once('@').map_or("localhost", |(_, host)| host);
    let sender = match &mail.from.name {
        Some(name) => format!("{name} <{address}>"),
        None => address.to_owned(),
    };
    let sender = Sender::parse(&sender).map_err(|error| error.to_string())?;
    Identity::new(sender, host, mail.operator.first().cloned()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_authority_is_read_or_refused_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        assert!(certificates(&path).unwrap_err().contains("cannot be read"));
        std::fs::write(&path, "-----BEGIN PRIVATE KEY-----").unwrap();
        assert!(certificates(&path).unwrap_err().contains("holds no certificate"));
        let mut pem = b"-----BEGIN CERTIFICATE-----".to_vec();
        pem.resize(MAX_CA_BYTES, b'\n');
        std::fs::write(&path, &pem).unwrap();
        assert_eq!(certificates(&path).unwrap().len(), MAX_CA_BYTES);
        pem.push(b'\n');
        std::fs::write(&path, &pem).unwrap();
        assert!(certificates(&path).unwrap_err().contains("longer than"));
    }
}
