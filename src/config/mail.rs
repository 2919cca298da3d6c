//! The section `[mail]`: who sends, who runs the service, and how mail leaves.
//!
//! Data in: its tables, file after file. Data out: [`MailConfig`].
//!
//! **Invariant:** a login is never sent in the clear to another machine; the password itself is not read here
//! (see [`SecretSource::read`]).
//!
//! Rejected: one URL that carries everything, password included, as mail libraries offer.

use std::path::PathBuf;

use url::Url;

use super::{
    diagnostic::Report,
    reader::{Placed, Schema, Table},
    secret::{self, SecretSource},
    sections::path,
    source::{Place, Text},
    subscriptions::recipients,
};
use crate::{mail::OneClick, model::Recipient};

/// Port of SMTP inside TLS (RFC 8314 §7.3).
pub const SUBMISSIONS_PORT: u16 = 465;
/// Port of mail submission (RFC 6409 §3.1).
pub const SUBMISSION_PORT: u16 = 587;
/// Characters of the name in `from`.
pub const MAX_SENDER_NAME: usize = 100;
/// Characters of the longest token: the number of a story, `-`, and 26 of signature.
const LONGEST_TOKEN: usize = 19 + 1 + 26;

pub(super) const MAIL: Schema = Schema {
    name: "[mail]",
    keys: &["from", "operator", "commands_to", "transport", "maildir", "smtp", "templates", "unsubscribe"],
    elsewhere: &[
        ("to", "recipients stand in [[subscription]]"),
        ("password", "it stands in smtp = { password = … }"),
    ],
};
const UNSUBSCRIBE: Schema = Schema { name: "unsubscribe", keys: &["url", "key"], elsewhere: &[] };
const KEY_FORMS: &str = "key = { credential = \"unsubscribe-key\" }, { file = \"/etc/wirewatch/unsubscribe-key\" } \
                         or { env = \"UNSUBSCRIBE_KEY\" }";
pub(super) const SMTP: Schema =
    Schema { name: "smtp", keys: &["url", "starttls", "user", "password", "ca"], elsewhere: &[] };

/// `[mail]`
#[derive(Debug, Clone)]
pub struct MailConfig {
    /// The `From` of every mail.
    pub from: Sender,
    /// Who hears of failing feeds and dead letters; may be empty.
    pub operator: Vec<Recipient>,
    /// Where readers write to mute a story; `{token}` in it, where there is one, is replaced. With any token it is a good
    /// address.
    pub commands_to: Option<String>,
    /// How mail leaves.
    pub transport: TransportConfig,
    /// Folder with templates that replace those of the program.
    pub templates: Option<PathBuf>,
    /// Where readers can leave with one click.
    pub unsubscribe: Option<UnsubscribeConfig>,
}

/// An address on the web where readers can leave with one click (RFC 8058).
#[derive(Debug, Clone)]
pub struct UnsubscribeConfig {
    /// What takes the clicks; `https`.
    pub url: Url,
    /// What the links are signed with.
    pub key: SecretSource,
}

/// A name and an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// Name to show.
    pub name: Option<String>,
    /// Address.
    pub address: Recipient,
}

/// How mail leaves.
#[derive(Debug, Clone)]
pub enum TransportConfig {
    /// Into this maildir.
    Maildir(PathBuf),
    /// To a mail server.
    Smtp(SmtpConfig),
}

/// A mail server.
#[derive(Debug, Clone)]
pub struct SmtpConfig {
    /// Host name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How the connection is protected.
    pub encryption: SmtpEncryption,
    /// Login; `None` sends without one.
    pub login: Option<SmtpLogin>,
    /// PEM file of certificates that are trusted beside those of the system.
    pub ca: Option<PathBuf>,
}

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpEncryption {
    /// TLS from the first byte (`smtps://`).
    Tls,
    /// STARTTLS, or no mail.
    StartTlsRequired,
    /// STARTTLS when the server offers it.
    StartTlsOpportunistic,
    /// None.
    Plain,
}

/// Login at the mail server.
#[derive(Debug, Clone)]
pub struct SmtpLogin {
    /// User.
    pub user: String,
    /// Where the password is.
    pub password: SecretSource,
}

/// The kinds of transport.
#[derive(Clone, Copy, PartialEq)]
enum TransportKind {
    Maildir,
    Smtp,
}

/// The sender when none is configured; `None` cannot be, since the address is a good one.
pub(super) fn default_sender() -> Option<Sender> {
    Some(Sender {
        name: Some("Wirewatch".to_owned()),
        address: Recipient::parse("wirewatch@localhost").ok()?,
    })
}

/// `[mail]` while files are read.
#[derive(Default)]
pub(super) struct MailDraft {
    from: Option<Sender>,
    operator: Vec<Recipient>,
    commands_to: Option<String>,
    transport: Option<Placed<TransportKind>>,
    maildir: Option<PathBuf>,
    smtp: Option<SmtpConfig>,
    smtp_seen: Option<Place>,
    templates: Option<PathBuf>,
    unsubscribe: Option<UnsubscribeConfig>,
}

impl MailDraft {
    pub(super) fn read(&mut self, table: &Table<'_>) {
        if let Some(text) = table.text("from", "Wirewatch <wirewatch@example.com>") {
            self.from = sender(&text, table.report()).or(self.from.take());
        }
        if let Some(list) = table.texts("operator", "ops@example.com") {
            self.operator = recipients(&list.value, table.report());
        }
        if let Some(text) = table.text("commands_to", "wirewatch+{token}@example.com") {
            self.commands_to = commands_to(&text, table.report()).or(self.commands_to.take());
        }
        let kinds = [("maildir", TransportKind::Maildir), ("smtp", TransportKind::Smtp)];
        self.transport = table.choice("transport", &kinds).or(self.transport.take());
        self.maildir = path(table, "maildir", "/var/lib/wirewatch/maildir").or(self.maildir.take());
        self.templates = path(table, "templates", "/etc/wirewatch/templates").or(self.templates.take());
        if table.key_place("unsubscribe").is_some() {
            let example = format!("{{ url = \"https://news.example.com/unsubscribe\", {KEY_FORMS} }}");
            self.unsubscribe =
                table.table("unsubscribe", &UNSUBSCRIBE, &example).and_then(|table| read_unsubscribe(&table));
        }
        let example = "{ url = \"smtps://alerts@smtp.example.com:465\", \
                       password = { credential = \"smtp-password\" } }";
        if let Some(place) = table.key_place("smtp") {
            self.smtp_seen = Some(place);
            self.smtp = table.table("smtp", &SMTP, example).and_then(|smtp| read_smtp(&smtp));
        }
    }

    /// `None` only when an error was reported.
    pub(super) fn finish(self, state_dir: &std::path::Path, report: &Report) -> Option<MailConfig> {
        let kind = self.transport.as_ref().map_or(TransportKind::Maildir, |t| t.value);
        if let Some(place) =
            self.smtp_seen.as_ref().filter(|_| kind == TransportKind::Maildir && !report.has_errors())
        {
            let what = "a mail server is named, but transport is \"maildir\", so no mail goes to it";
            report.warning(place, what, "write transport = \"smtp\", or put # before smtp");
        }
        let transport = match (kind, self.smtp) {
            (TransportKind::Maildir, _) => {
                TransportConfig::Maildir(self.maildir.unwrap_or_else(|| state_dir.join("maildir")))
            }
            (TransportKind::Smtp, Some(smtp)) => TransportConfig::Smtp(smtp),
            (TransportKind::Smtp, None) => {
                if let Some(transport) = self.transport.filter(|_| self.smtp_seen.is_none()) {
                    let remedy = "add smtp = { url = \"smtps://alerts@smtp.example.com:465\", \
                                  password = { credential = \"smtp-password\" } }";
                    report.error(&transport.place, "transport = \"smtp\" needs a server", remedy);
                }
                return None;
            }
        };
        Some(MailConfig {
            from: self.from.or_else(default_sender)?,
            operator: self.operator,
            commands_to: self.commands_to,
            transport,
            templates: self.templates,
            unsubscribe: self.unsubscribe,
        })
    }
}

/// Reads an address with at most one `{token}`, which must fit with the longest token.
fn commands_to(text: &Text, report: &Report) -> Option<String> {
    let pattern = text.value.trim();
    let sample = pattern.replacen("{token}", &"0".repeat(LONGEST_TOKEN), 1);
    let what = match Recipient::parse(&sample) {
        Ok(_) if !sample.contains(['{', '}', '%', '?', '&', '#']) => return Some(pattern.to_owned()),
        Ok(_) => "`commands_to` holds characters that do not go into a link".to_owned(),
        Err(error) => format!("`commands_to` is no usable address: {error}"),
    };
    let remedy = "write one address, such as \"wirewatch+{token}@example.com\" or \"wirewatch@example.com\"";
    report.error(&text.place, what, remedy);
    None
}

/// Reads `Name <name@host>` or `name@host`.
fn sender(text: &Text, report: &Report) -> Option<Sender> {
    let remedy = "write a name and an address, such as \"Wirewatch <wirewatch@example.com>\"";
    let value = text.value.trim();
    let (name, address) = match value.strip_suffix('>').and_then(|v| v.split_once('<')) {
        Some((name, address)) => (name.trim().trim_matches('"').trim(), address.trim()),
        None => ("", value),
    };
    if name.chars().any(|c| c.is_control() || "<>\"".contains(c)) || name.chars().count() > MAX_SENDER_NAME {
        let what =
            format!("the name in `from` is longer than {MAX_SENDER_NAME} characters or has special ones");
        report.error(&text.place, what, remedy);
        return None;
    }
    match Recipient::parse(address) {
        Ok(address) => Some(Sender { name: Some(name.to_owned()).filter(|n| !n.is_empty()), address }),
        Err(error) => {
            report.error(&text.place, format!("`from` holds no usable address: {error}"), remedy);
            None
        }
    }
}

fn read_unsubscribe(table: &Table<'_>) -> Option<UnsubscribeConfig> {
    let report = table.report();
    let key = secret::read_written(table, "key", KEY_FORMS);
    let example = "write the address that takes the clicks, such as \"https://news.example.com/unsubscribe\"";
    let Some(text) = table.text("url", "https://news.example.com/unsubscribe") else {
        if table.key_place("url").is_none() {
            report.error(table.place(), "unsubscribe has no `url`", example);
        }
        return None;
    };
    let Some(url) = Url::parse(text.value.trim()).ok().filter(|url| OneClick::check(url).is_ok()) else {
        let what = "the address for readers who leave must begin with https:// and hold no user, no password and no #";
        report.error(&text.place, what, example);
        return None;
    };
    if key.is_none() && table.key_place("key").is_none() {
        let remedy = format!("make one with `openssl rand -hex 32` and add {KEY_FORMS}");
        report.error(table.place(), "unsubscribe has no `key`, so anybody could sign others off", remedy);
    }
    Some(UnsubscribeConfig { url, key: key? })
}

fn read_smtp(table: &Table<'_>) -> Option<SmtpConfig> {
    let report = table.report();
    let levels = [
        ("required", SmtpEncryption::StartTlsRequired),
        ("opportunistic", SmtpEncryption::StartTlsOpportunistic),
        ("none", SmtpEncryption::Plain),
    ];
    let starttls = table.choice("starttls", &levels);
    let user = table.text("user", "alerts@example.com");
    let password = secret::read(table);
    let ca = path(table, "ca", "/etc/wirewatch/mail-ca.pem");
    let Some(url) = table.text("url", "smtps://alerts@smtp.example.com:465") else {
        if table.key_place("url").is_none() {
            let remedy = "add url = \"smtps://alerts@smtp.example.com:465\"";
            report.error(table.place(), "smtp has no `url`", remedy);
        }
        return None;
    };
    let server = server(&url, report)?;
    let encryption = match (server.scheme, &starttls) {
        (Scheme::Smtps, None) => SmtpEncryption::Tls,
        (Scheme::Smtps, Some(given)) => {
            let what = "smtps:// is encrypted from the first byte, so `starttls` has no place here";
            report.error(&given.place, what, "remove starttls, or write smtp:// in url");
            return None;
        }
        (Scheme::Smtp, None) => SmtpEncryption::StartTlsRequired,
        (Scheme::Smtp, Some(given)) => given.value,
    };
    let login = login(table, &server, user, password)?;
    let clear = !matches!(encryption, SmtpEncryption::Tls | SmtpEncryption::StartTlsRequired);
    if let Some(given) = starttls.filter(|_| login.is_some() && clear && !server.is_this_machine()) {
        let what = "the password could travel unencrypted";
        report.error(&given.place, what, "write starttls = \"required\", or use smtps://");
        return None;
    }
    let port = server.port.unwrap_or(match server.scheme {
        Scheme::Smtps => SUBMISSIONS_PORT,
        Scheme::Smtp => SUBMISSION_PORT,
    });
    Some(SmtpConfig { host: server.host, port, encryption, login, ca })
}

/// User and password belong together: `None` is a reported error, `Some(None)` no login.
fn login(
    table: &Table<'_>,
    server: &Server,
    user: Option<Text>,
    password: Option<SecretSource>,
) -> Option<Option<SmtpLogin>> {
    let report = table.report();
    if let (Some(_), Some(user)) = (&server.user, &user) {
        report.error(&user.place, "the user stands in `url` and in `user`", "write it in one of them");
        return None;
    }
    let place = user.as_ref().map_or(&server.place, |text| &text.place).clone();
    match (server.user.clone().or(user.map(|text| text.value)), password) {
        (None, None) if table.key_place("password").is_some() => None,
        (None, None) => Some(None),
        (Some(user), Some(password)) => Some(Some(SmtpLogin { user, password })),
        (None, Some(password)) => {
            report.error(
                &password.place,
                "there is a password and no user",
                "add user = \"alerts@example.com\"",
            );
            None
        }
        (Some(_), None) => {
            if table.key_place("password").is_none() {
                let remedy = "add password = { credential = \"smtp-password\" }, or remove the user";
                report.error(&place, "there is a user and no password", remedy);
            }
            None
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Scheme {
    Smtps,
    Smtp,
}

struct Server {
    scheme: Scheme,
    host: String,
    port: Option<u16>,
    user: Option<String>,
    place: Place,
}

impl Server {
    fn is_this_machine(&self) -> bool {
        let loopback = self.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        loopback || self.host == "localhost"
    }
}

fn server(text: &Text, report: &Report) -> Option<Server> {
    let refuse = |what: &str, remedy: &str| {
        report.error(&text.place, what, remedy);
        None
    };
    let example =
        "write it as \"smtps://alerts@smtp.example.com:465\" or \"smtp://alerts@smtp.example.com:587\"";
    let Ok(url) = Url::parse(text.value.trim()) else {
        return refuse("the address of the mail server is not understood", example);
    };
    let scheme = match url.scheme() {
        "smtps" => Scheme::Smtps,
        "smtp" => Scheme::Smtp,
        _ => {
            return refuse(
                "the address of the mail server begins with neither smtps:// nor smtp://",
                example,
            );
        }
    };
    if url.password().is_some() {
        let remedy = "take it out of the URL and write password = { credential = \"smtp-password\" }; \
                      change it if others may have read this file";
        return refuse("the URL of the mail server holds a password", remedy);
    }
    if url.username().contains('%') {
        return refuse("the user in the URL holds escaped characters", "write it in plain with user = \"…\"");
    }
    let host = url.host_str().unwrap_or("").trim_matches(['[', ']']).to_ascii_lowercase();
    if host.is_empty() || !host.chars().all(|c| c.is_ascii_alphanumeric() || "-.:".contains(c)) {
        return refuse("the URL of the mail server holds no usable host", example);
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return refuse("the URL of the mail server has more than a host and a port", example);
    }
    let user = Some(url.username().to_owned()).filter(|user| !user.is_empty());
    Some(Server { scheme, host, port: url.port(), user, place: text.place.clone() })
}
