//! What the planner would do now, without doing it.
//!
//! Data in: a store, the topics and subscriptions in force, `now`. Data out: what is pending, and the plan.
//!
//! **Invariant:** the same function over the same rows as the planner's, so that a reason told is the reason it has.
//! **Invariant:** nothing is written: it may run beside a daemon.
//!
//! Rejected: the reason noted with each pending match. It changes with the clock, and would be a write for every wait.

use std::collections::BTreeSet;

use super::{StepError, additions, planner};
use crate::{
    matching::CompiledTopics,
    model::{Pending, StoryId, Subscription, Timestamp, time},
    plan::{self, Plan},
    store::Store,
};

/// What is pending, oldest first, and what the planner would make of it at `now`.
///
/// # Errors
/// When the store refuses.
pub async fn foresee(
    store: &Store,
    topics: &CompiledTopics,
    subscriptions: &[Subscription],
    now: Timestamp,
) -> Result<(Vec<Pending>, Plan), StepError> {
    let pending = store.pending(planner::MAX_PENDING).await?;
    let since = time::before(now, plan::ALERT_HISTORY);
    let history = planner::plan_history(store.delivery_history(since, &[]).await?);
    let stories: BTreeSet<StoryId> = pending.iter().map(|pending| pending.story).collect();
    let facts = additions::facts(store, topics, stories.into_iter().collect(), &history).await?;
    let plan = plan::plan(now, &pending, &history, &facts, subscriptions);
    Ok((pending, plan))
}
