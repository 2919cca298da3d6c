//! `wirewatch mute`

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::{
    ConfigArg, Failure, Outcome,
    output::{self, say},
};
use crate::{
    clock::Clock,
    config,
    model::{Mute, NotificationId, Recipient, StoryId, time},
    store::{MAX_MUTE, NoSuch, Orders, Store},
};

#[derive(Debug, Args)]
pub(super) struct MuteArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Number of a story, or id of a mail about it (`outbox list` and the mail's Message-ID show it)
    #[arg(value_name = "STORY|MAIL-ID", required_unless_present_any = ["token", "list"])]
    what: Option<String>,
    /// How long
    #[arg(long = "for", value_name = "DURATION", default_value = "7d")]
    how_long: String,
    /// For this recipient only [default: that of the mail; with the number of a story everybody]
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["token", "list"])]
    to: Option<String>,
    /// The token of a mail that a reader sent, for a mail filter to call; the address or subject it stands in is taken too
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["what", "list"])]
    token: Option<String>,
    /// Take mutes of the story back
    #[arg(long, conflicts_with = "list")]
    remove: bool,
    /// List what is muted
    #[arg(long)]
    list: bool,
    /// Print the list as JSON for machines
    #[arg(long, requires = "list")]
    json: bool,
}

#[derive(Debug, Serialize)]
struct MuteRow {
    story: i64,
    to: Option<String>,
    until: Option<String>,
}

pub(super) async fn mute(args: &MuteArgs) -> Outcome {
    let loaded = args.config.load()?;
    if args.list {
        return list(&loaded.state.dir, args.json).await;
    }
    let how_long = config::parse_duration(&args.how_long)
        .map_err(|error| Failure::Usage(format!("--for {}: {error}; write 12h, 7d or 2w", args.how_long)))?;
    if how_long.is_zero() || how_long > MAX_MUTE {
        let longest = config::print_duration(MAX_MUTE);
        return Err(Failure::Usage(format!("--for {}: write a time from 1s to {longest}", args.how_long)));
    }
    let mut orders = Orders::open(&loaded.state.dir)?;
    let (recipient, stories) = whom(&mut orders, args)?;
    let now = Clock::system().now();
    for story in stories {
        let who = recipient.as_ref().map_or("everybody", Recipient::address);
        if args.remove {
            let removed = orders.unmute(story, recipient.as_ref())?;
            let mutes = if removed == 1 { "mute" } else { "mutes" };
            say!("story {}: {removed} {mutes} removed", story.0);
            continue;
        }
        let until = time::after(now, how_long);
        let mute = Mute { recipient: recipient.clone(), story, until };
        if let Err(none) = orders.mute(now, &mute)? {
            return Err(refused(none, &story.0.to_string()));
        }
        let until = output::instant(Some(until)).unwrap_or_default();
        say!("story {} is muted for {who} until {until}; digests have it all the same", story.0);
    }
    Ok(ExitCode::SUCCESS)
}

/// For whom and of which stories; `None`: everybody.
fn whom(orders: &mut Orders, args: &MuteArgs) -> Result<(Option<Recipient>, Vec<StoryId>), Failure> {
    let to = match &args.to {
        Some(address) => Some(Recipient::parse(address).with_context(|| format!("--to {address}"))?),
        None => None,
    };
    if let Some(typed) = &args.token {
        let (recipient, story) = orders.of_token(token_in(typed))?.map_err(|none| refused(none, typed))?;
        return Ok((Some(recipient), vec![story]));
    }
    let what = args.what.as_deref().unwrap_or_default().trim();
    if let Ok(story) = what.parse::<i64>() {
        return Ok((to, vec![StoryId(story)]));
    }
    // A Message-ID is taken as it stands in the mail.
    let id = what.trim_matches(['<', '>']).split('@').next().unwrap_or_default();
    let (recipient, stories) =
        orders.of_mail(&NotificationId(id.to_owned()))?.map_err(|none| refused(none, what))?;
    Ok((to.or(Some(recipient)), stories))
}

/// The token out of what a mail filter has at hand: a recipient address with it behind a `+`, or a subject.
fn token_in(typed: &str) -> &str {
    let typed = typed.trim();
    let local = typed.split('@').next().unwrap_or_default();
    let behind_plus = local.rsplit('+').next().unwrap_or_default();
    behind_plus.split_whitespace().next_back().unwrap_or_default()
}

fn refused(none: NoSuch, typed: &str) -> Failure {
    let typed: String = typed.chars().filter(|c| !c.is_control()).take(80).collect();
    Failure::Other(match none {
        NoSuch::Story => anyhow::anyhow!("there is no story {typed}; mails and `search --json` name them"),
        NoSuch::Mail => anyhow::anyhow!(
            "no mail {typed} names a story; write the number of a story, or an id of `wirewatch outbox list --json`"
        ),
        NoSuch::Token => {
            anyhow::anyhow!("the token {typed} is not one of this installation, or its story is gone")
        }
    })
}

async fn list(state: &std::path::Path, json: bool) -> Outcome {
    let now = Clock::system().now();
    let mutes = Store::open_read_only(state)?.mutes(now).await?;
    let rows = mutes.into_iter().map(|mute| MuteRow {
        story: mute.story.0,
        to: mute.recipient.map(|to| to.address().to_owned()),
        until: output::instant(Some(mute.until)),
    });
    if json {
        output::json(&rows.collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = rows.map(|row| {
        let who = row.to.unwrap_or_else(|| "everybody".to_owned());
        vec![row.story.to_string(), who, row.until.unwrap_or_default()]
    });
    output::table(&["story", "to", "until"], rows.collect())?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_in_what_a_mail_filter_has() {
        let check = |typed: &str| assert_eq!(token_in(typed), "7-abc", "{typed}");
        check("7-abc");
        check(" 7-abc\n");
        check("mute 7-abc");
        check("Re: mute 7-abc");
        check("wirewatch+7-abc@example.com");
        assert_eq!(token_in(""), "");
    }
}
