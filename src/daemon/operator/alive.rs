//! The heartbeat: a mail that all is well, with figures.
//!
//! Data in: what was done since the last one. Data out: one mail to each operator for each window.
//!
//! **Invariant:** it is due once for each window, like a digest; one that is missing means that something is wrong.

use super::{
    super::{Catalog, StepError},
    letter,
    words::{count, when},
};
use crate::{
    model::{Bulletin, Duty, DutyRun, Timestamp, Verdict, Window},
    schedule,
    store::{Store, Telling},
};

/// Tells that all is well, if it is time.
pub(super) async fn tell(store: &Store, catalog: &Catalog, now: Timestamp) -> Result<bool, StepError> {
    let duties = &catalog.duties;
    let Some(policy) = &duties.heartbeat else { return Ok(false) };
    let from = store.open_duty(Duty::Heartbeat, now).await?;
    let Some(to) = schedule::last_digest(now, policy, &duties.zone, from) else { return Ok(false) };
    let window = Window { from, to };
    let coverage = store.coverage(now, window).await?;
    let (work, queue) = (store.work(window).await?, store.queue().await?);
    let mut figures = vec![
        ("Since".to_owned(), when(from, &duties.zone)),
        ("Feeds read".to_owned(), format!("{} of {}", coverage.polled, coverage.feeds)),
        ("Feeds failing".to_owned(), coverage.failing_total.to_string()),
        ("Longest since a feed was read".to_owned(), minutes(coverage.worst_lag_s)),
        ("Items read".to_owned(), coverage.items.to_string()),
        ("Items that matched".to_owned(), work.matched.to_string()),
        ("Mails handed over".to_owned(), work.sent.to_string()),
        ("Mails waiting".to_owned(), queue.queued.to_string()),
        ("Mails given up".to_owned(), queue.dead.to_string()),
    ];
    let runs = store.duties().await?;
    let asked = |duty: Duty| runs.iter().find(|run| run.duty == duty);
    if duties.canary.is_some() {
        figures.push(("Last canary".to_owned(), run_words(asked(Duty::Canary), catalog)));
    }
    if duties.ping.is_some() {
        figures.push(("Last ping".to_owned(), run_words(asked(Duty::Ping), catalog)));
    }
    figures.push(("Version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()));
    let next = schedule::next_digest(now, policy, &duties.zone);
    figures.push(("Next heartbeat".to_owned(), next.map_or("none".to_owned(), |at| when(at, &duties.zone))));
    let bulletin = Bulletin {
        title: format!(
            "wirewatch is alive: {} of {} read",
            coverage.polled,
            count(coverage.feeds.into(), "feed")
        ),
        lead: "When the next one is missing, something is wrong.".to_owned(),
        figures,
        sections: Vec::new(),
    };
    let mails = letter::letters(catalog, now, &format!("heartbeat/{}", to.as_millisecond()), &bulletin);
    if mails.is_empty() {
        return Ok(false);
    }
    let duties = vec![(Duty::Heartbeat, to)];
    store.tell_operator(now, Telling { mails, duties, ..Telling::default() }).await?;
    tracing::info!("the heartbeat goes to the operator");
    Ok(true)
}

fn minutes(seconds: u64) -> String {
    match seconds / 60 {
        0..120 => format!("{} min", seconds / 60),
        minutes => format!("{} h", minutes / 60),
    }
}

fn run_words(run: Option<&DutyRun>, catalog: &Catalog) -> String {
    let Some(run) = run else { return "not yet".to_owned() };
    let at = when(run.settled_at.unwrap_or(run.to), &catalog.duties.zone);
    match &run.verdict {
        Verdict::Open => "under way".to_owned(),
        Verdict::Done => format!("{at}, well"),
        Verdict::Failed(why) => format!("{at}, failed: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_minutes_for_two_hours() {
        assert_eq!(
            (minutes(59), minutes(7_199), minutes(7_200)),
            ("0 min".into(), "119 min".into(), "2 h".into())
        );
    }
}
