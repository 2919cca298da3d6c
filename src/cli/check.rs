//! `wirewatch check`

use std::{net::IpAddr, process::ExitCode};

use futures_util::{StreamExt, stream};
use url::{Host, Url};

use super::{
    CheckArgs, Failure, Outcome, exclusion,
    output::{self, say},
};
use crate::{
    clock::Clock,
    config::{self, Config},
    daemon::{self, Catalog},
    feed,
    fetch::{self, FetchRequest, Fetched, Manner},
    model::{AlertPolicy, Delivery, FeedSpec, NotificationKind, Timestamp, Validators},
    render, schedule,
};

/// Feeds visited at once by `--online`.
const AT_ONCE: usize = 8;

pub(super) async fn check(args: &CheckArgs) -> Outcome {
    let (config, catalog) = if args.online {
        args.config.catalog()?
    } else {
        let (config, catalog, unread) = args.config.catalog_without_login()?;
        if let Some(warning) = unread {
            output::tell!("{warning}\n");
        }
        (config, catalog)
    };
    for warning in &config.warnings {
        output::tell!("{warning}\n");
    }
    if let Some(warning) = anonymous(&config) {
        output::tell!("{warning}\n");
    }
    for feed in &catalog.feeds {
        if let Some(warning) = refused(&catalog, &feed.url) {
            output::tell!("{warning}\n");
        }
    }
    templates(&catalog)?;
    for warning in exclusion::warnings(&config).await {
        output::tell!("{warning}\n");
    }
    for short in daemon::shortfalls(&config).map_err(Failure::Config)? {
        output::tell!("warning: {short}\n");
    }
    summary(&config, &catalog);
    if !args.online {
        say!("configuration OK");
        return Ok(ExitCode::SUCCESS);
    }
    let feeds_ok = visit_feeds(&catalog).await;
    let mail_ok = log_in(&catalog).await;
    Ok(if feeds_ok && mail_ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every kind of mail is rendered with its sample, so that a template fails here and not at night.
fn templates(catalog: &Catalog) -> Result<(), Failure> {
    for kind in NotificationKind::ALL {
        render::render(&render::sample(kind), &catalog.templates)
            .map_err(|error| Failure::Config(format!("template `{}`: {error}", kind.as_str())))?;
    }
    Ok(())
}

fn summary(config: &Config, catalog: &Catalog) {
    say!("{}", config.path.display());
    say!("state         {}", config.state.dir.display());
    say!("mail          {}", catalog.transport);
    say!("feeds         {}", catalog.feeds.len());
    let topics: Vec<&str> = catalog.topics.topics().iter().map(|topic| topic.name.as_str()).collect();
    say!("topics        {}", if topics.is_empty() { "none".to_owned() } else { topics.join(", ") });
    let now = Clock::system().now();
    operator(catalog, now);
    for subscription in &catalog.subscriptions {
        let when = match &subscription.delivery {
            Delivery::Alert(policy) => alerts(policy),
            Delivery::Digest(policy) => schedule::next_digest(now, policy, &subscription.zone).map_or_else(
                || "digest, never due".to_owned(),
                |at| {
                    let local = at.to_zoned_datetime(subscription.zone.clone());
                    format!("digest, next {}", local.strftime("%a %F %R %Z"))
                },
            ),
        };
        let recipients = output::count(subscription.to.len(), "recipient");
        say!("subscription  {}: {when}, {recipients}", subscription.name);
    }
}

/// What those who run the service are told next; the address of the ping is a secret.
fn operator(catalog: &Catalog, now: Timestamp) {
    let duties = &catalog.duties;
    if !catalog.operator.is_empty() {
        let schedules = [
            ("daily", Some(&duties.daily)),
            ("heartbeat", duties.heartbeat.as_ref()),
            ("canary", duties.canary.as_ref()),
        ];
        for (name, policy) in schedules {
            let next = policy.and_then(|policy| schedule::next_digest(now, policy, &duties.zone));
            if let Some(at) = next {
                let local = at.to_zoned_datetime(duties.zone.clone());
                say!("operator      {name}, next {}", local.strftime("%a %F %R %Z"));
            }
        }
    }
    if let Some(ping) = &duties.ping {
        say!(
            "operator      ping every {}, to an address that is not shown",
            config::print_duration(ping.every)
        );
    }
}

/// Sites that do not know whom to write to can only block.
fn anonymous(config: &Config) -> Option<String> {
    let is_open = config.feeds.iter().any(|feed| feed.url.domain().is_some());
    (is_open && config.fetch.contact.is_none()).then(|| {
        "warning: sites are visited without a word on how to reach you, and can only block what they mind\n  \
         = help: add contact = \"https://example.com/about-our-bot\" or \"mailto:you@example.com\" to [fetch]"
            .to_owned()
    })
}

/// A feed whose address is refused at every visit, whatever it answers.
pub(super) fn refused(catalog: &Catalog, url: &Url) -> Option<String> {
    let ip: IpAddr = match url.host()? {
        Host::Ipv4(ip) => ip.into(),
        Host::Ipv6(ip) => ip.into(),
        Host::Domain(_) => return None,
    };
    let why = fetch::is_public(ip).err()?;
    let allowed = catalog.poll.own_hosts.permits(None, ip, url.port_or_known_default());
    (!allowed).then(|| {
        format!(
            "warning: {url} will not be visited: {ip} is {why}\n  = help: add allow = [\"{ip}\"] to [fetch]"
        )
    })
}

fn alerts(policy: &AlertPolicy) -> String {
    let mut when = "alerts at once".to_owned();
    if let Some(quiet) = &policy.quiet {
        let zone = quiet.zone.iana_name().unwrap_or("local time");
        when +=
            &format!(", held from {} to {} {zone}", quiet.from.strftime("%H:%M"), quiet.to.strftime("%H:%M"));
    }
    if let Some(most) = policy.max_per_hour {
        when += &format!(", at most {most} an hour");
    }
    when
}

async fn visit_feeds(catalog: &Catalog) -> bool {
    let results: Vec<bool> = stream::iter(&catalog.feeds)
        .map(|spec| async move {
            let result = visit(catalog, spec).await;
            match &result {
                Ok(what) => say!("ok      {}  {what}", spec.url),
                Err(why) => say!("FAILED  {}  {why}", spec.url),
            }
            result.is_ok()
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let failed = results.iter().filter(|ok| !**ok).count();
    say!("{} of {} feeds can be read", results.len() - failed, results.len());
    failed == 0
}

async fn visit(catalog: &Catalog, spec: &FeedSpec) -> Result<String, String> {
    let request = FetchRequest { url: spec.url.clone(), validators: Validators::default() };
    let manner = Manner { validated: None, access: catalog.access(&spec.url) };
    match catalog.fetcher.fetch_as(&request, &manner).await.map_err(|error| error.to_string())? {
        Fetched::NotModified { .. } => Err("answered 304 to an unconditional request".to_owned()),
        Fetched::Modified(response) => {
            let now = Clock::system().now();
            let (parsed, _) =
                feed::parse(&response.body, response.content_type.as_deref(), &response.url, now)
                    .map_err(|error| error.to_string())?;
            Ok(format!("{} items", parsed.items.len()))
        }
    }
}

async fn log_in(catalog: &Catalog) -> bool {
    match catalog.transport.open().probe().await {
        Ok(answer) => {
            say!("ok      mail: {answer}");
            true
        }
        Err(error) => {
            say!("FAILED  mail: {error}");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    #[test]
    fn visits_without_a_contact_are_warned_of_where_strangers_are_visited() {
        let warned = |text: &str| {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("wirewatch.toml");
            std::fs::write(&path, text).unwrap();
            let config = config::load(&path, &Environment::of([]), &config::read_outlines).unwrap();
            anonymous(&config)
        };
        let feed = "[[feed]]\nurl = \"https://a.example/feed\"\n";
        assert!(warned(feed).unwrap().contains("add contact = "));
        assert_eq!(warned(&format!("{feed}[fetch]\ncontact = \"mailto:desk@example.com\"\n")), None);
        assert_eq!(warned("[[feed]]\nurl = \"http://127.0.0.1/feed\"\n"), None);
    }
}
