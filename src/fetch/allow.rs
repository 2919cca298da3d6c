//! The operator's exceptions: addresses outside the public internet that may be visited all the same.
//!
//! Data in: the entries of `[fetch] allow`. Data out: yes or no for one connection.
//!
//! An entry is a network (`10.0.0.0/8`, `fd00::/8`), an address (`127.0.0.1`, `::1`) or a host name
//! (`intranet.example.com`), each with an optional port (`127.0.0.1:8080`, `[::1]:8080`, `[fd00::/8]:443`).
//! - A host name allows every address that exactly this name resolves to, and nothing under another name. It does
//!   not allow sub-domains, and not the address itself written in a URL.
//! - A network or address allows those addresses under whatever name, and written in a URL.
//! - With a port, only connections to that port are allowed.
//!
//! **Invariant:** an entry only ever adds to what `is_public` lets through; an empty list allows nothing.
//!
//! Rejected: wildcards for sub-domains, since whoever controls a zone controls what its names resolve to.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;
use url::Host;

/// Exceptions to "public addresses only"; empty by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList(Vec<AllowEntry>);

/// One exception. `Display` writes it in the form that [`AllowList::parse_entry`] reads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AllowEntry {
    target: Target,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Target {
    /// A single address is a network of full length.
    Net(IpNet),
    /// Lower-case ASCII (punycode), without final dot.
    Name(String),
}

/// Why an entry cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAllowEntry {
    /// Neither a network nor an address nor a host name.
    #[error(
        "\"{0}\" is no network, address or host name; write 10.0.0.0/8, 127.0.0.1 or intranet.example.com"
    )]
    Form(String),
    /// The port is not a number from 1 to 65535.
    #[error("the port in \"{0}\" is not a number from 1 to 65535")]
    Port(String),
    /// The network has bits set beyond its prefix length.
    #[error("\"{0}\" has bits set beyond its length; write {1}")]
    HostBits(String, IpNet),
}

impl AllowList {
    /// Reads one entry; white space around it is ignored.
    ///
    /// # Errors
    /// [`InvalidAllowEntry`], whose text says what to write instead.
    pub fn parse_entry(text: &str) -> Result<AllowEntry, InvalidAllowEntry> {
        let text = text.trim();
        let (target, port) = split_port(text)?;
        let port = match port {
            None => None,
            Some(digits) => match digits.parse::<u16>() {
                Ok(port) if port > 0 && digits.bytes().all(|b| b.is_ascii_digit()) => Some(port),
                _ => return Err(InvalidAllowEntry::Port(text.to_owned())),
            },
        };
        let target = if let Ok(ip) = target.parse::<IpAddr>() {
            Target::Net(IpNet::from(ip.to_canonical()))
        } else if target.contains('/') {
            let net: IpNet = target.parse().map_err(|_| InvalidAllowEntry::Form(text.to_owned()))?;
            if net.trunc() != net {
                return Err(InvalidAllowEntry::HostBits(text.to_owned(), net.trunc()));
            }
            Target::Net(net)
        } else {
            Target::Name(host_name(target).ok_or_else(|| InvalidAllowEntry::Form(text.to_owned()))?)
        };
        Ok(AllowEntry { target, port })
    }

    /// The entries, in the order given.
    pub fn entries(&self) -> &[AllowEntry] {
        &self.0
    }

    /// Whether an entry covers a connection to `ip`, reached under `name` (`None` for an address in a URL).
    /// Where the port is not known, entries with a port cover nothing.
    pub fn permits(&self, name: Option<&str>, ip: IpAddr, port: Option<u16>) -> bool {
        let name = name.map(|n| n.strip_suffix('.').unwrap_or(n));
        self.0.iter().any(|entry| {
            let covers_target = match &entry.target {
                Target::Net(net) => net.contains(&ip) || net.contains(&ip.to_canonical()),
                Target::Name(allowed) => name.is_some_and(|n| n.eq_ignore_ascii_case(allowed)),
            };
            covers_target && (entry.port.is_none() || entry.port == port)
        })
    }
}

impl FromIterator<AllowEntry> for AllowList {
    fn from_iter<I: IntoIterator<Item = AllowEntry>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl FromStr for AllowEntry {
    type Err = InvalidAllowEntry;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        AllowList::parse_entry(text)
    }
}

impl fmt::Display for AllowEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = match &self.target {
            Target::Net(net) if net.prefix_len() == net.max_prefix_len() => net.addr().to_string(),
            Target::Net(net) => net.to_string(),
            Target::Name(name) => name.clone(),
        };
        match self.port {
            None => f.write_str(&target),
            Some(port) if target.contains(':') => write!(f, "[{target}]:{port}"),
            Some(port) => write!(f, "{target}:{port}"),
        }
    }
}

/// `[inner]:port`, `inner:port` or the whole text; a bare IPv6 address or network has no port.
fn split_port(text: &str) -> Result<(&str, Option<&str>), InvalidAllowEntry> {
    if let Some(rest) = text.strip_prefix('[') {
        return match rest.split_once(']') {
            Some((inner, "")) => Ok((inner, None)),
            Some((inner, tail)) => match tail.strip_prefix(':') {
                Some(port) => Ok((inner, Some(port))),
                None => Err(InvalidAllowEntry::Form(text.to_owned())),
            },
            None => Err(InvalidAllowEntry::Form(text.to_owned())),
        };
    }
    if text.parse::<IpAddr>().is_ok() || text.parse::<IpNet>().is_ok() {
        return Ok((text, None));
    }
    match text.rsplit_once(':') {
        Some(_) if text.contains("://") => Err(InvalidAllowEntry::Form(text.to_owned())),
        Some((target, port)) => Ok((target, Some(port))),
        None => Ok((text, None)),
    }
}

/// The name as URLs carry it, or `None` for what is no plain host name (odd spellings of addresses included).
fn host_name(text: &str) -> Option<String> {
    let Ok(Host::Domain(name)) = Host::parse(text) else { return None };
    let name = name.strip_suffix('.').unwrap_or(&name);
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let labels_are_plain = name.split('.').all(|label| !label.is_empty() && label.bytes().all(plain));
    labels_are_plain.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_and_written_back() {
        let check = |text: &str, want: &str| {
            let entry = AllowList::parse_entry(text).unwrap();
            assert_eq!(entry.to_string(), want, "{text}");
            assert_eq!(want.parse(), Ok(entry));
        };
        check("10.0.0.0/8", "10.0.0.0/8");
        check(" 10.0.0.0/8:8080 ", "10.0.0.0/8:8080");
        check("127.0.0.1", "127.0.0.1");
        check("127.0.0.1:1", "127.0.0.1:1");
        check("127.0.0.1:65535", "127.0.0.1:65535");
        check("::1", "::1");
        check("[::1]", "::1");
        check("[::1]:8080", "[::1]:8080");
        check("[fd00::/8]:443", "[fd00::/8]:443");
        check("fd00::/8", "fd00::/8");
        check("::ffff:10.0.0.5", "10.0.0.5");
        check("Intranet.Example.COM.", "intranet.example.com");
        check("nas:8080", "nas:8080");
        check("bücher.example", "xn--bcher-kva.example");
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_the_reason() {
        let check = |text: &str, want: fn(String) -> InvalidAllowEntry| {
            assert_eq!(AllowList::parse_entry(text), Err(want(text.to_owned())), "{text}");
        };
        for text in [
            "",
            "*.example.com",
            "http://nas/",
            "10.0.0.0/33",
            "0x7f.1",
            "127.1",
            "a b",
            "a..b",
            "[::1",
            "[::1]8080",
            "user@nas",
            "nas/8",
        ] {
            check(text, InvalidAllowEntry::Form);
        }
        for text in ["nas:0", "nas:65536", "nas:", "nas:+80", "nas:http", "127.0.0.1:99999"] {
            check(text, InvalidAllowEntry::Port);
        }
        check("10.1.2.3/8", |text| InvalidAllowEntry::HostBits(text, "10.0.0.0/8".parse().unwrap()));
    }

    #[test]
    fn an_entry_covers_its_own_name_address_and_port_only() {
        let check = |entry: &str, name: Option<&str>, ip: &str, port: Option<u16>, want: bool| {
            let list: AllowList = [AllowList::parse_entry(entry).unwrap()].into_iter().collect();
            let got = list.permits(name, ip.parse().unwrap(), port);
            assert_eq!(got, want, "{entry} for {name:?} {ip} {port:?}");
        };
        check("10.0.0.0/8", None, "10.255.255.255", Some(80), true);
        check("10.0.0.0/8", Some("any.example"), "10.0.0.1", None, true);
        check("10.0.0.0/8", None, "11.0.0.0", Some(80), false);
        check("10.0.0.0/8", None, "::ffff:10.0.0.1", Some(80), true);
        check("10.0.0.0/8", None, "64:ff9b::10.0.0.1", Some(80), false);
        check("127.0.0.1:8080", None, "127.0.0.1", Some(8080), true);
        check("127.0.0.1:8080", None, "127.0.0.1", Some(8081), false);
        check("127.0.0.1:8080", None, "127.0.0.1", None, false);
        check("127.0.0.1", None, "127.0.0.2", Some(80), false);
        check("nas.example", Some("nas.example"), "10.0.0.1", Some(80), true);
        check("nas.example", Some("NAS.example."), "fd00::1", Some(80), true);
        check("nas.example", Some("www.nas.example"), "10.0.0.1", Some(80), false);
        check("nas.example", None, "10.0.0.1", Some(80), false);
        check("nas.example:80", Some("nas.example"), "10.0.0.1", Some(81), false);
        assert!(!AllowList::default().permits(Some("localhost"), "127.0.0.1".parse().unwrap(), Some(80)));
    }
}
