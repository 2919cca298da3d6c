//! Name lookups that hand out checked addresses only.
//!
//! Data in: a host name. Data out: its addresses, all of them public or allowed, or [`ResolveError`].
//!
//! The HTTP client connects to nothing but what this resolver returned (or an address literal, which the caller
//! checks), so what was checked is what is connected to: a name that changes its answer gains nothing.
//!
//! **Invariant:** one address that may not be visited refuses the whole name; a mixed answer is an attack or a
//! mistake, and picking the good half would make it depend on luck which.
//! **Invariant:** a lookup holds its permit until its thread is done, even when nobody waits for it any more.
//!
//! Rejected: `tokio::net::lookup_host`, whose thread runs on unseen when the wait is given up; a resolver of our
//! own, which would not know `/etc/hosts` and nsswitch.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::{sync::Semaphore, task, time::timeout};

use super::{AllowList, error::Span, is_public};

/// Lookups at once. Hung ones hold a thread of the blocking pool (512, shared with the store) for up to half a
/// minute, the system resolver's own patience.
pub(super) const MAX_LOOKUPS: usize = 64;

/// Finds the addresses of a name; blocks.
pub(super) type Lookup = Arc<dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync>;

tokio::task_local! {
    /// The hop in progress: the client tells its resolver the name only. The client asks within the task that polls
    /// the hop; should it ever not, the operator's exceptions allow nothing that has a port.
    pub(super) static HOP: Hop;
}

/// What the resolver must know of a hop.
#[derive(Debug, Clone)]
pub(super) struct Hop {
    /// Where the connection goes.
    pub(super) port: u16,
    /// What may be visited there besides the public internet.
    pub(super) allow: Arc<AllowList>,
    /// Name and port of the proxy in between.
    pub(super) proxy: Option<(String, u16)>,
}

/// Why a name gave no address to connect to.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum ResolveError {
    #[error("the name {name} was not found ({detail})")]
    NotFound { name: String, detail: String },
    #[error("the name {name} has no address")]
    Empty { name: String },
    #[error("the lookup of the name {name} took longer than {}", Span(*limit))]
    Slow { name: String, limit: Duration },
    #[error("{name} has the address {ip}, {block}; allow it under [fetch] allow")]
    Special { name: String, ip: IpAddr, block: &'static str },
}

/// See the module.
#[derive(Clone)]
pub(super) struct GuardedResolver {
    pub(super) allow: Arc<AllowList>,
    pub(super) lookup: Lookup,
    pub(super) permits: Arc<Semaphore>,
    /// Longest time for one lookup, the wait for a permit included.
    pub(super) limit: Duration,
}

impl GuardedResolver {
    /// The addresses of a name for a connection to `port`, each public or in `allow`; not empty.
    pub(super) async fn checked(
        &self,
        name: String,
        port: Option<u16>,
        allow: &AllowList,
    ) -> Result<Vec<IpAddr>, ResolveError> {
        let limit = self.limit;
        let found =
            match timeout(limit, look_up(self.lookup.clone(), self.permits.clone(), name.clone())).await {
                Ok(found) => found?,
                Err(_) => return Err(ResolveError::Slow { name, limit }),
            };
        check_answer(allow, &name, port, &found)?;
        Ok(found)
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let resolver = self.clone();
        let (port, allow) = match HOP.try_with(Clone::clone) {
            Ok(Hop { proxy: Some((proxy, port)), .. }) if proxy.eq_ignore_ascii_case(&name) => {
                (Some(port), self.allow.clone())
            }
            Ok(hop) => (Some(hop.port), hop.allow),
            Err(_) => (None, self.allow.clone()),
        };
        Box::pin(async move {
            let found = resolver.checked(name, port, &allow).await?;
            let addrs: Addrs = Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addrs)
        })
    }
}

impl fmt::Debug for GuardedResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedResolver").field("allow", &self.allow).finish_non_exhaustive()
    }
}

/// The machine's resolver: `/etc/hosts`, nsswitch, DNS.
pub(super) fn system_lookup() -> Lookup {
    Arc::new(|name| Ok((name, 0).to_socket_addrs()?.map(|addr| addr.ip()).collect()))
}

async fn look_up(lookup: Lookup, permits: Arc<Semaphore>, name: String) -> Result<Vec<IpAddr>, ResolveError> {
    let not_found = |name: &str, detail: &dyn fmt::Display| ResolveError::NotFound {
        name: name.to_owned(),
        detail: detail.to_string(),
    };
    let permit = permits.acquire_owned().await.map_err(|closed| not_found(&name, &closed))?;
    let asked = name.clone();
    let answer = task::spawn_blocking(move || {
        let answer = lookup(&asked);
        drop(permit);
        answer
    });
    match answer.await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(not_found(&name, &error)),
        Err(stopped) => Err(not_found(&name, &stopped)),
    }
}

fn check_answer(
    allow: &AllowList,
    name: &str,
    port: Option<u16>,
    found: &[IpAddr],
) -> Result<(), ResolveError> {
    if found.is_empty() {
        return Err(ResolveError::Empty { name: name.to_owned() });
    }
    for &ip in found {
        if let Err(block) = is_public(ip)
            && !allow.permits(Some(name), ip, port)
        {
            return Err(ResolveError::Special { name: name.to_owned(), ip, block });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    };

    use futures_util::future::join_all;

    use super::*;

    fn resolver(allow: &[&str], limit: Duration, lookup: Lookup) -> GuardedResolver {
        let allow = allow.iter().map(|entry| AllowList::parse_entry(entry).unwrap()).collect();
        GuardedResolver {
            allow: Arc::new(allow),
            lookup,
            permits: Arc::new(Semaphore::new(MAX_LOOKUPS)),
            limit,
        }
    }

    async fn resolve(resolver: &GuardedResolver, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        match resolver.resolve(name.parse().unwrap()).await {
            Ok(addrs) => Ok(addrs.map(|addr| addr.ip()).collect()),
            Err(error) => Err(error.downcast_ref::<ResolveError>().unwrap().clone()),
        }
    }

    const PATIENT: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn one_address_that_may_not_be_visited_refuses_the_name() {
        let check = async |answer: &'static [&str], allow: &[&str], refused: Option<&str>| {
            let lookup: Lookup = Arc::new(|_| Ok(answer.iter().map(|ip| ip.parse().unwrap()).collect()));
            match (resolve(&resolver(allow, PATIENT, lookup), "feed.example").await, refused) {
                (Ok(found), None) => assert_eq!(found.len(), answer.len(), "{answer:?}"),
                (Err(ResolveError::Special { ip, .. }), Some(want)) => assert_eq!(ip.to_string(), want),
                (got, want) => panic!("{answer:?}: {got:?}, wanted {want:?}"),
            }
        };
        check(&["8.8.8.8", "2606:4700::1111"], &[], None).await;
        check(&["8.8.8.8", "10.0.0.1"], &[], Some("10.0.0.1")).await;
        check(&["8.8.8.8", "::1"], &[], Some("::1")).await;
        check(&["64:ff9b::7f00:1"], &[], Some("64:ff9b::7f00:1")).await;
        check(&["10.0.0.1", "10.0.0.2"], &["10.0.0.1"], Some("10.0.0.2")).await;
        check(&["10.0.0.1", "192.168.0.1"], &["feed.example"], None).await;
        check(&["10.0.0.1"], &["other.example"], Some("10.0.0.1")).await;
        check(&["10.0.0.1"], &["feed.example:80"], Some("10.0.0.1")).await;
    }

    #[tokio::test]
    async fn exceptions_hold_for_the_port_and_the_hop_they_are_made_for() {
        let lookup: Lookup = Arc::new(|_| Ok(vec![IpAddr::from([10, 0, 0, 1])]));
        let resolver = resolver(&["feed.example:8080"], PATIENT, lookup);
        let hop = |port| Hop { port, allow: resolver.allow.clone(), proxy: None };
        assert!(HOP.scope(hop(8080), resolve(&resolver, "feed.example")).await.is_ok());
        assert!(HOP.scope(hop(8081), resolve(&resolver, "feed.example")).await.is_err());
        let outside = Hop { allow: Arc::default(), ..hop(8080) };
        assert!(HOP.scope(outside, resolve(&resolver, "feed.example")).await.is_err());
        let through = Hop { proxy: Some(("feed.example".to_owned(), 8080)), ..hop(443) };
        assert!(HOP.scope(through, resolve(&resolver, "feed.example")).await.is_ok());
    }

    #[tokio::test]
    async fn an_answer_is_checked_anew_each_time() {
        let asked = AtomicUsize::new(0);
        let lookup: Lookup = Arc::new(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(vec![IpAddr::from([8, 8, 8, 8])]),
            _ => Ok(vec![IpAddr::from([169, 254, 169, 254])]),
        });
        let resolver = resolver(&[], PATIENT, lookup);
        assert!(resolve(&resolver, "rebinding.example").await.is_ok());
        assert!(matches!(resolve(&resolver, "rebinding.example").await, Err(ResolveError::Special { .. })));
    }

    #[tokio::test]
    async fn failed_empty_and_slow_lookups_are_told_apart() {
        let fails: Lookup = Arc::new(|_| Err(io::Error::other("no such host")));
        let error = resolve(&resolver(&[], PATIENT, fails), "feed.example").await.unwrap_err();
        assert_eq!(error.to_string(), "the name feed.example was not found (no such host)");
        let empty: Lookup = Arc::new(|_| Ok(Vec::new()));
        assert!(matches!(
            resolve(&resolver(&[], PATIENT, empty), "feed.example").await,
            Err(ResolveError::Empty { .. })
        ));
        let (release, held) = std::sync::mpsc::channel::<()>();
        let held = std::sync::Mutex::new(held);
        let hangs: Lookup = Arc::new(move |_| {
            let _ = held.lock().unwrap().recv();
            Ok(Vec::new())
        });
        let slow = resolver(&[], Duration::from_millis(30), hangs);
        assert!(matches!(resolve(&slow, "feed.example").await, Err(ResolveError::Slow { .. })));
        assert_eq!(slow.permits.available_permits(), MAX_LOOKUPS - 1, "the thread still hangs");
        drop(release);
    }

    #[tokio::test]
    async fn as_many_lookups_as_the_limit_run_at_once_and_no_more() {
        let (running, peak) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let together = Barrier::new(MAX_LOOKUPS);
        let seen = peak.clone();
        let lookup: Lookup = Arc::new(move |_| {
            seen.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            together.wait();
            running.fetch_sub(1, Ordering::SeqCst);
            Ok(vec![IpAddr::from([8, 8, 8, 8])])
        });
        let resolver = resolver(&[], PATIENT, lookup);
        let all = join_all((0..2 * MAX_LOOKUPS).map(|_| resolve(&resolver, "feed.example"))).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(peak.load(Ordering::SeqCst), MAX_LOOKUPS);
    }
}
