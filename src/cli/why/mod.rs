//! `wirewatch why-no-alert`
//!
//! Data in: the address of an article or a feed, or the name of a topic; the configuration and the store beside a daemon
//! that may be running. Data out: the way from the feed to the mail, step by step, and where it stopped.
//!
//! Exit codes: 0 the alert was handed over, or goes out by itself later; 1 it stopped and says where; 2 wrong usage;
//! 3 bad configuration.
//!
//! **Invariant:** reads only.

mod article;
mod facts;
mod gather;
mod period;
mod print;
#[cfg(test)]
mod tests;
mod walk;

use std::process::ExitCode;

use clap::Args;

use self::{
    gather::{About, Asked},
    walk::Verdict,
};
use super::{ConfigArg, Failure, Outcome, feeds, rules::Rules};
use crate::{
    clock::Clock,
    config::{self, Config, did_you_mean},
    model::{Recipient, Timestamp, time},
};

#[derive(Debug, Args)]
#[command(
    after_help = "Exit code: 0 the alert was handed over, or goes out by itself later; 1 it stopped, and where is said; \
                  2 wrong usage; 3 bad configuration."
)]
pub(super) struct WhyArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Address of an article or of a feed, or the name of a topic
    #[arg(value_name = "TOPIC|URL")]
    what: String,
    /// Of an article: only this topic
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
    /// Only this reader
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    /// Of a topic or a feed: how far back to look
    #[arg(long, value_name = "DURATION", default_value = "7d")]
    since: String,
    /// Print JSON for machines
    #[arg(long)]
    json: bool,
}

pub(super) async fn why_no_alert(args: &WhyArgs) -> Outcome {
    let (config, store) = args.config.open()?;
    let now = Clock::system().now();
    let asked = asked(args, &config, now)?;
    let facts = gather::facts(&config, &store, asked, now).await?;
    let answer = walk::walk(&facts);
    if args.json {
        print::json(&facts, &answer)?;
    } else {
        print::text(&facts, &answer);
    }
    Ok(match answer.verdict {
        Verdict::Sent | Verdict::Waits => ExitCode::SUCCESS,
        Verdict::Stopped => ExitCode::FAILURE,
    })
}

fn asked(args: &WhyArgs, config: &Config, now: Timestamp) -> Result<Asked, Failure> {
    let usage = |text: String| Failure::Usage(format!("wirewatch: {text}"));
    let back = config::parse_duration(&args.since)
        .map_err(|error| usage(format!("--since {}: {error}; write 12h, 7d or 4w", args.since)))?;
    let to = args.to.as_deref().map(Recipient::parse).transpose();
    let to =
        to.map_err(|error| usage(format!("--to: {error}; write an address such as desk@example.com")))?;
    Ok(Asked { about: about(args, config)?, since: time::before(now, back), to })
}

fn about(args: &WhyArgs, config: &Config) -> Result<About, Failure> {
    let rules = Rules::of(config);
    let what = args.what.trim();
    if let Ok(def) = rules.find(what) {
        if args.topic.is_some() {
            let text = "wirewatch: --topic goes with the address of an article; the topic is named already";
            return Err(Failure::Usage(text.to_owned()));
        }
        return Ok(About::Topic(def.clone()));
    }
    // The name of a topic has neither.
    if !what.contains(['.', '/']) {
        return Err(no_topic(what, &rules));
    }
    let topic = match &args.topic {
        Some(name) => Some(rules.find(name).map_err(|_| no_topic(name, &rules))?.topic.name.clone()),
        None => None,
    };
    Ok(About::Address { url: feeds::typed(what)?.url, topic })
}

fn no_topic(name: &str, rules: &Rules) -> Failure {
    let name: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
    let names = rules.definitions.iter().map(|def| def.topic.name.as_str());
    Failure::Usage(match did_you_mean(&name, names) {
        Some(guess) => format!("wirewatch: there is no topic `{name}`; did you mean `{guess}`?"),
        None => format!(
            "wirewatch: there is no topic `{name}`; `wirewatch topics list` names them, and addresses begin with https://"
        ),
    })
}
