//! What a task's step did, and what its loop does next.

use crate::{
    model::{Retry, Timestamp},
    store,
};

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Something was done; there may be more to do now.
    Worked,
    /// Nothing to do before this instant, unless a hint or a new catalog comes.
    Idle {
        /// `None`: nothing is scheduled at all.
        until: Option<Timestamp>,
    },
}

/// A step that failed. Nothing of it was recorded; the same step can be taken again.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The task broke down (a fault of ours).
    #[error("a task broke down")]
    Broken,
}

impl StepError {
    /// [`Retry::Never`] ends the task, and with it the process.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Store(error) => error.retry(),
            Self::Broken => Retry::Never,
        }
    }
}
