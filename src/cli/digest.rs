//! `wirewatch digest preview`

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::Context;

use super::{DigestCommand, Outcome, Part, output::say};
use crate::{
    clock::Clock,
    config, daemon,
    model::{Delivery, NotificationKind, StoryId, Subscription, SubscriptionName, TopicName, Window, time},
    plan::Due,
    render,
    store::Store,
};

/// Stories looked at.
const MAX_STORIES: usize = 10_000;

pub(super) async fn digest(command: &DigestCommand) -> Outcome {
    let DigestCommand::Preview { config, subscription, since, part } = command;
    let (loaded, catalog, _) = config.catalog_without_login()?;
    let back = config::parse_duration(since).map_err(anyhow::Error::msg).context("--since")?;
    let chosen = choose(&catalog.subscriptions, subscription.as_deref())?;
    let store = Store::open_read_only(&loaded.state.dir)?;
    let now = Clock::system().now();
    let window = Window { from: time::before(now, back), to: now };
    let mut stories: BTreeMap<StoryId, Vec<TopicName>> = BTreeMap::new();
    for (story, topic) in store.matched_stories(window.from, MAX_STORIES).await? {
        if chosen.topics.takes(&topic) {
            stories.entry(story).or_default().push(topic);
        }
    }
    let due = Due {
        key: "preview".to_owned(),
        kind: NotificationKind::Digest,
        subscription: SubscriptionName::clone(&chosen.name),
        recipient: chosen.to.first().context("the subscription has no recipient")?.clone(),
        stories: stories.into_iter().collect(),
        settles: Vec::new(),
        window: Some(window),
        news: Vec::new(),
        tells: Vec::new(),
    };
    let notification = daemon::assemble(&store, &catalog, chosen, now, &due).await?;
    let rendered = render::render(&notification, &catalog.templates)?;
    match part {
        Part::Text => say!("Subject: {}\n\n{}", rendered.subject, rendered.text),
        Part::Html => say!("{}", rendered.html),
    }
    Ok(ExitCode::SUCCESS)
}

fn choose<'a>(subscriptions: &'a [Subscription], name: Option<&str>) -> anyhow::Result<&'a Subscription> {
    match name {
        Some(name) => subscriptions.iter().find(|s| s.name.as_str() == name).with_context(|| {
            let names: Vec<&str> = subscriptions.iter().map(|s| s.name.as_str()).collect();
            format!("there is no subscription `{name}`; there are: {}", names.join(", "))
        }),
        None => subscriptions
            .iter()
            .find(|s| matches!(s.delivery, Delivery::Digest(_)))
            .context("no subscription has deliver = \"digest\"; name one with --subscription"),
    }
}
