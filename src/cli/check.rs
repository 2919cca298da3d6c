//! `wirewatch check`

use std::process::ExitCode;

use futures_util::{StreamExt, stream};

use super::{CheckArgs, Failure, Outcome};
use crate::{
    clock::Clock,
    config::Config,
    daemon::Catalog,
    feed,
    fetch::{FetchRequest, Fetched},
    model::{Delivery, FeedSpec, NotificationKind, Validators},
    render, schedule,
};

/// Feeds visited at once by `--online`.
const AT_ONCE: usize = 8;

pub(super) async fn check(args: &CheckArgs) -> Outcome {
    let (config, catalog) = args.config.catalog()?;
    for warning in &config.warnings {
        eprintln!("{warning}");
    }
    templates(&catalog)?;
    summary(&config, &catalog);
    if !args.online {
        println!("configuration OK");
        return Ok(ExitCode::SUCCESS);
    }
    let feeds_ok = visit_feeds(&catalog).await;
    let mail_ok = log_in(&catalog).await;
    Ok(if feeds_ok && mail_ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every kind of mail is rendered with its sample, so that a template fails here and not at night.
fn templates(catalog: &Catalog) -> Result<(), Failure> {
    use NotificationKind::{Alert, Digest, Operator, RollUp};
    for kind in [Alert, RollUp, Digest, Operator] {
        render::render(&render::sample(kind), &catalog.templates)
            .map_err(|error| Failure::Config(format!("template `{}`: {error}", kind.as_str())))?;
    }
    Ok(())
}

fn summary(config: &Config, catalog: &Catalog) {
    println!("{}", config.path.display());
    println!("state         {}", config.state.dir.display());
    println!("mail          {}", catalog.transport);
    println!("feeds         {}", catalog.feeds.len());
    let topics: Vec<&str> = catalog.topics.topics().iter().map(|topic| topic.name.as_str()).collect();
    println!("topics        {}", if topics.is_empty() { "none".to_owned() } else { topics.join(", ") });
    let now = Clock::system().now();
    for subscription in &catalog.subscriptions {
        let when = match &subscription.delivery {
            Delivery::Alert(_) => "alerts at once".to_owned(),
            Delivery::Digest(policy) => schedule::next_digest(now, policy, &subscription.zone).map_or_else(
                || "digest, never due".to_owned(),
                |at| {
                    let local = at.to_zoned_datetime(subscription.zone.clone());
                    format!("digest, next {}", local.strftime("%a %F %R %Z"))
                },
            ),
        };
        println!("subscription  {}: {when}, {} recipients", subscription.name, subscription.to.len());
    }
}

async fn visit_feeds(catalog: &Catalog) -> bool {
    let results: Vec<bool> = stream::iter(&catalog.feeds)
        .map(|spec| async move {
            let result = visit(catalog, spec).await;
            match &result {
                Ok(what) => println!("ok      {}  {what}", spec.url),
                Err(why) => println!("FAILED  {}  {why}", spec.url),
            }
            result.is_ok()
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let failed = results.iter().filter(|ok| !**ok).count();
    println!("{} of {} feeds can be read", results.len() - failed, results.len());
    failed == 0
}

async fn visit(catalog: &Catalog, spec: &FeedSpec) -> Result<String, String> {
    let request = FetchRequest { url: spec.url.clone(), validators: Validators::default() };
    match catalog.fetcher.fetch(&request).await.map_err(|error| error.to_string())? {
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
            println!("ok      mail: {answer}");
            true
        }
        Err(error) => {
            println!("FAILED  mail: {error}");
            false
        }
    }
}
