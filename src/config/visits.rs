//! How one feed is visited: group, login, cookies, extra headers, proxy.
//!
//! Data in: a `[[feed]]`. Data out: [`VisitConfig`], whose secrets are read when they are needed.
//!
//! **Invariant:** no secret stands in the configuration, none is sent in the clear over the open web, and no header can
//! be set that says who asks or how a message travels.
//!
//! Rejected: logins within URLs. They end up in logs, histories and exports of other programs.

use url::{Host, Url};

use super::{
    diagnostic::Report,
    reader::{NamedValue, Schema, Table, printable},
    secret::{self, SecretSource},
    sections::{Allowed, AllowedHost, FetchConfig},
    source::{Place, Text},
};
use crate::fetch::{MAX_EXTRA_FIELDS, refused_field};

/// Characters of the name of a group.
pub const MAX_GROUP_CHARS: usize = 100;

/// Keys of `[[feed]]` that are read here.
pub(super) const KEYS: [&str; 6] = ["group", "basic", "bearer", "cookie", "headers", "proxy"];

const LOGIN_EXAMPLE: &str = "{ user = \"desk\", password = { credential = \"feed-password\" } }";
const BASIC: Schema = Schema { name: "basic", keys: &["user", "password"], elsewhere: &[] };
const PROXY: Schema = Schema { name: "proxy", keys: &["url", "user", "password"], elsewhere: &[] };

/// How a feed is visited, where its entry says so.
#[derive(Debug, Clone)]
pub struct VisitConfig {
    /// The site whose measure of politeness it shares; `None`: that of its host.
    pub group: Option<String>,
    /// What its requests carry.
    pub access: Option<AccessConfig>,
}

/// What requests to a feed carry. Not both `basic` and `bearer`.
#[derive(Debug, Clone, Default)]
pub struct AccessConfig {
    /// User and password (RFC 7617).
    pub basic: Option<LoginConfig>,
    /// A token (RFC 6750).
    pub bearer: Option<SecretSource>,
    /// `Cookie`.
    pub cookie: Option<SecretSource>,
    /// Extra headers.
    pub headers: Vec<(String, HeaderValueConfig)>,
    /// Where requests go through.
    pub proxy: Option<ProxyConfig>,
}

impl AccessConfig {
    /// Everything that is kept elsewhere.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretSource> {
        let of_proxy = self.proxy.as_ref().and_then(|proxy| proxy.login.as_ref());
        let logins = self.basic.iter().chain(of_proxy).map(|login| &login.password);
        let headers = self.headers.iter().filter_map(|(_, value)| match value {
            HeaderValueConfig::Kept(source) => Some(source),
            HeaderValueConfig::Plain(_) => None,
        });
        logins.chain(&self.bearer).chain(&self.cookie).chain(headers)
    }
}

/// A user and where the password is kept.
#[derive(Debug, Clone)]
pub struct LoginConfig {
    /// User name.
    pub user: String,
    /// Password.
    pub password: SecretSource,
}

/// The value of a header.
#[derive(Debug, Clone)]
pub enum HeaderValueConfig {
    /// Written in the configuration.
    Plain(String),
    /// Kept elsewhere.
    Kept(SecretSource),
}

/// A proxy.
#[derive(Debug, Clone)]
pub struct ProxyConfig {
    /// `http`, `https` or `socks5`, without login.
    pub url: Url,
    /// User and password.
    pub login: Option<LoginConfig>,
}

/// What was read, and where secrets are spoken of.
pub(super) struct VisitDraft {
    config: VisitConfig,
    secret_place: Option<Place>,
}

/// Reads the keys of a `[[feed]]`; `None` where there are none.
pub(super) fn read(table: &Table<'_>) -> Option<VisitDraft> {
    if !table.keys().any(|(key, _)| KEYS.contains(&key)) {
        return None;
    }
    let secret_place = ["basic", "bearer", "cookie", "headers"].iter().find_map(|key| table.key_place(key));
    let basic = table.table("basic", &BASIC, LOGIN_EXAMPLE).and_then(|table| login(&table));
    let bearer = secret::read_key(table, "bearer");
    if let (Some(place), Some(_)) = (table.key_place("bearer"), table.key_place("basic")) {
        table.report().error(&place, "a feed has one login, `basic` or `bearer`", "remove one of the two");
    }
    let access = AccessConfig {
        basic,
        bearer,
        cookie: secret::read_key(table, "cookie"),
        headers: headers(table),
        proxy: proxy(table),
    };
    let is_special = secret_place.is_some() || access.proxy.is_some();
    let config = VisitConfig { group: group(table), access: is_special.then_some(access) };
    Some(VisitDraft { config, secret_place })
}

impl VisitDraft {
    /// Checks what needs all files: secrets go over https, or to a host of the operator's own.
    pub(super) fn finish(self, url: &Url, fetch: &FetchConfig, report: &Report) -> VisitConfig {
        if let Some(place) = self.secret_place
            && url.scheme() != "https"
            && !is_own(url, &fetch.allow)
        {
            let what = "what is secret would travel in the clear, where anyone on the way can read it";
            report.error(
                &place,
                what,
                "write the address with https://; only hosts in [fetch] allow may do without",
            );
        }
        self.config
    }
}

/// Whether the operator allowed the host of `url` by hand.
pub(super) fn is_own(url: &Url, allow: &[Allowed]) -> bool {
    allow.iter().any(|entry| {
        let covers = match (&entry.host, url.host()) {
            (AllowedHost::Network(net), Some(Host::Ipv4(ip))) => net.contains(&std::net::IpAddr::V4(ip)),
            (AllowedHost::Network(net), Some(Host::Ipv6(ip))) => net.contains(&std::net::IpAddr::V6(ip)),
            (AllowedHost::Name(name), Some(Host::Domain(host))) => host.eq_ignore_ascii_case(name),
            _ => false,
        };
        covers && (entry.port.is_none() || entry.port == url.port_or_known_default())
    })
}

fn group(table: &Table<'_>) -> Option<String> {
    let text = table.text("group", "example.com")?;
    let name = text.value.trim();
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    if name.is_empty() || name.len() > MAX_GROUP_CHARS || !name.chars().all(fits) {
        let remedy =
            format!("write 1 to {MAX_GROUP_CHARS} letters, digits, \"-\", \".\", such as \"example.com\"");
        table.report().error(&text.place, "this is no name of a group", remedy);
        return None;
    }
    Some(name.to_ascii_lowercase())
}

fn login(table: &Table<'_>) -> Option<LoginConfig> {
    let report = table.report();
    let password = secret::read(table);
    for key in ["user", "password"] {
        if table.key_place(key).is_none() {
            report.error(table.place(), format!("`{key}` is missing"), format!("write {LOGIN_EXAMPLE}"));
        }
    }
    let user = table.text("user", "desk")?;
    if user.value.is_empty() || user.value.contains(':') || user.value.contains(char::is_control) {
        report.error(
            &user.place,
            "`user` is empty, or has a colon or control characters",
            "write the name alone",
        );
        return None;
    }
    Some(LoginConfig { user: user.value, password: password? })
}

fn headers(table: &Table<'_>) -> Vec<(String, HeaderValueConfig)> {
    let report = table.report();
    let example = "{ \"X-Api-Key\" = { credential = \"feed-key\" }, \"Accept-Language\" = \"en\" }";
    let given = table.named_values("headers", &secret::SCHEMA, example);
    if let Some((name, _)) = given.get(MAX_EXTRA_FIELDS) {
        report.error(&name.place, format!("more than {MAX_EXTRA_FIELDS} headers"), "remove some");
    }
    given.into_iter().filter_map(|(name, value)| header(&name, value, report)).collect()
}

fn header(name: &Text, value: NamedValue<'_>, report: &Report) -> Option<(String, HeaderValueConfig)> {
    /// What names of secrets are made of.
    const SECRET_WORDS: [&str; 7] = ["key", "token", "auth", "secret", "session", "pass", "sign"];
    let shown = printable(&name.value);
    if let Some(why) = refused_field(&name.value) {
        report.error(&name.place, format!("the header `{shown}` cannot be set"), why);
        return None;
    }
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.value.is_empty() || !name.value.chars().all(is_token) {
        report.error(
            &name.place,
            format!("`{shown}` is no name of a header"),
            "write letters, digits and \"-\"",
        );
        return None;
    }
    let value = match value {
        NamedValue::Table(table) => {
            HeaderValueConfig::Kept(secret::of_table(&table, &name.place, &name.value)?)
        }
        NamedValue::Text(text) => {
            let lower = name.value.to_ascii_lowercase();
            if SECRET_WORDS.iter().any(|word| lower.contains(word)) {
                secret::refuse_literal(report, &name.place, &name.value);
                return None;
            }
            if !text.value.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
                report.error(
                    &text.place,
                    format!("`{shown}` cannot be sent as a header"),
                    "write plain ASCII",
                );
                return None;
            }
            HeaderValueConfig::Plain(text.value)
        }
    };
    Some((name.value.clone(), value))
}

fn proxy(table: &Table<'_>) -> Option<ProxyConfig> {
    let example = "{ url = \"http://proxy.example.com:3128\" }";
    let given = table.table("proxy", &PROXY, example)?;
    let report = given.report();
    let remedy = format!("write proxy = {example}, with http://, https:// or socks5://");
    let Some(text) = given.text("url", "http://proxy.example.com:3128") else {
        if given.key_place("url").is_none() {
            report.error(given.place(), "`proxy` has no `url`", remedy);
        }
        return None;
    };
    let url = Url::parse(text.value.trim()).ok();
    let url = url.filter(|url| {
        matches!(url.scheme(), "http" | "https" | "socks5")
            && url.host_str().is_some_and(|host| !host.is_empty())
    });
    let Some(url) = url else {
        report.error(&text.place, "this is no address of a proxy", remedy);
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        let remedy = "remove the part before the @ and write user = \"…\", password = { … } beside url";
        report.error(&text.place, "the address of the proxy holds a user name or a password", remedy);
        return None;
    }
    let has_login = ["user", "password"].iter().any(|key| given.key_place(key).is_some());
    let login = if has_login { Some(login(&given)?) } else { None };
    Some(ProxyConfig { url, login })
}
