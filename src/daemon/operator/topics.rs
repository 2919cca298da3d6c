//! Topics that went quiet, and those that came back.
//!
//! Data in: the volumes of all topics, day by day, and which were quiet before. Data out: lines for the daily mail, and
//! which are quiet from now on.
//!
//! **Invariant:** a topic is told once when it goes quiet and once when it is back; what became of a topic that left the
//! configuration is told nobody.

use super::{
    super::{Catalog, StepError},
    MAX_NAMED,
    words::{count, section},
};
use crate::{
    health::{
        anomaly::{self, Flow, Volume},
        escalation,
    },
    model::{Section, Timestamp, Topic, TopicName, Trouble, time},
    schedule,
    store::Store,
};

/// Topics whose volumes are watched.
const MAX_TOPICS: usize = 1_000;
/// Keys of their troubles.
const TOPIC: &str = "topic/";
const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

/// What is told of topics.
#[derive(Debug, Default)]
pub(super) struct Flows {
    pub(super) sections: Vec<Section>,
    pub(super) troubles: Vec<Trouble>,
    pub(super) over: Vec<String>,
}

/// Compares every topic with its usual.
pub(super) async fn flows(
    store: &Store,
    catalog: &Catalog,
    now: Timestamp,
    known: &[Trouble],
) -> Result<Flows, StepError> {
    let topics = watched(catalog.topics.topics());
    let was_quiet = |name: &TopicName| known.iter().find(|trouble| trouble.key == key(name));
    let mut flows = Flows {
        over: known
            .iter()
            .map(|trouble| &trouble.key)
            .filter(|known| {
                known.starts_with(TOPIC) && topics.iter().all(|topic| key(&topic.name) != **known)
            })
            .cloned()
            .collect(),
        ..Flows::default()
    };
    let Some(begins) = store.archive_begins_at().await? else { return Ok(flows) };
    let edges = schedule::day_edges(now, &catalog.duties.zone, anomaly::DAYS);
    let known_days = edges.iter().filter(|edge| **edge >= begins).count().saturating_sub(1);
    if known_days < anomaly::FEWEST_DAYS {
        return Ok(flows);
    }
    let read = store.items_read(edges.clone()).await?;
    let names = topics.iter().map(|topic| topic.name.clone()).collect();
    let volumes = store.topic_volumes(names, edges).await?;
    let (mut quiet, mut back) = (Vec::new(), Vec::new());
    for (topic, stories) in topics.iter().zip(&volumes) {
        let volume = Volume { stories, read: &read, known: known_days };
        match (was_quiet(&topic.name), anomaly::flow(&volume)) {
            (None, Flow::Quiet { days, came, usual }) => {
                quiet.push(quiet_line(topic, days, came, usual));
                let since = time::before(now, DAY.saturating_mul(u32::try_from(days).unwrap_or(0)));
                let key = key(&topic.name);
                flows.troubles.push(Trouble { key, since, tellings: 1, ended_at: None });
            }
            (Some(trouble), _) if anomaly::is_back(&volume) => {
                let lasted = escalation::lasted(trouble.since, now);
                let yesterday = stories.last().copied().unwrap_or(0);
                back.push(format!("{} — {} yesterday, after {lasted}", topic.title, stories_of(yesterday)));
                flows.over.push(trouble.key.clone());
            }
            _ => {}
        }
    }
    let named = |title: &str, mut lines: Vec<String>| {
        let more = u64::try_from(lines.len().saturating_sub(MAX_NAMED)).unwrap_or(0);
        lines.truncate(MAX_NAMED);
        section(title, lines, more, "wirewatch status")
    };
    flows.sections.extend(named("Topics unusually quiet", quiet));
    flows.sections.extend(named("Topics as usual again", back));
    Ok(flows)
}

/// The first so many: each costs as many counts as there are days.
fn watched(topics: &[Topic]) -> &[Topic] {
    topics.get(..MAX_TOPICS).unwrap_or(topics)
}

fn key(name: &TopicName) -> String {
    format!("{TOPIC}{name}")
}

fn stories_of(n: u32) -> String {
    match n {
        1 => "1 story".to_owned(),
        n => format!("{n} stories"),
    }
}

/// Usual volumes are told in whole stories, or by the week where there is less than one a day.
fn quiet_line(topic: &Topic, days: usize, came: u32, usual: f64) -> String {
    let span = match days {
        1 => "yesterday".to_owned(),
        days => format!("in {}", count(u64::try_from(days).unwrap_or(0), "day")),
    };
    let usually = match usual {
        usual if usual < 1.5 => format!("about {:.0} a week", usual * 7.0),
        usual => format!("about {usual:.0} a day"),
    };
    format!(
        "{} — {} {span}, usually {usually} on such days; see whether its feeds are read and its rules still fit",
        topic.title,
        stories_of(came)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_topics_are_watched_and_no_more() {
        let topic = Topic { name: TopicName::new("t"), title: "T".to_owned(), revision: 1 };
        let watched_of = |n: usize| watched(&vec![topic.clone(); n]).len();
        assert_eq!((watched_of(MAX_TOPICS), watched_of(MAX_TOPICS + 1)), (MAX_TOPICS, MAX_TOPICS));
    }

    #[test]
    fn what_is_usual_is_told_in_whole_numbers() {
        let topic = Topic { name: TopicName::new("calls"), title: "Leader calls".to_owned(), revision: 1 };
        let check = |days: usize, came: u32, usual: f64, want: &str| {
            let said = quiet_line(&topic, days, came, usual);
            assert!(said.starts_with(&format!("Leader calls — {want}")), "{said}");
        };
        check(3, 0, 5.9, "0 stories in 3 days, usually about 6 a day");
        check(1, 1, 20.0, "1 story yesterday, usually about 20 a day");
        check(12, 0, 1.0, "0 stories in 12 days, usually about 7 a week");
    }
}
