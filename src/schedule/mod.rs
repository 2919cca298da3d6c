//! When something is due: the next poll of a feed, the next attempt of a mail, the next digest, the end of
//! quiet hours.
//!
//! Data in: `now`, a state and a policy. Data out: an instant or a wait.
//!
//! A feed's interval comes from its [`Demand`] and the [`Share`] all feeds have in common; [`next_poll`] finds the feed's own
//! instant within it, and [`heed`] lengthens the wait as its publisher wishes. [`ramped`] brings back what is overdue.
//!
//! **Invariant:** the same arguments give the same answer. Spread over time comes from a hash of the feed's URL
//! or of a seed, never from a random number, so a restart changes no schedule.
//! **Invariant:** [`next_poll`] is later than `now`, and not later than `now + policy.max` but for servers that ask for
//! patience.
//! **Invariant:** a local time is due once a day, on the days when clocks change too (see [`next_digest`]).
//!
//! Rejected: a cron crate. Its answers on clock changes differ from one crate to the next, and a cron line is a set of
//! local times on a set of dates, which is what plain times are.

mod capacity;
mod dates;
mod local;
mod poll;
mod ramp;
mod rhythm;
mod wishes;

pub use capacity::{Load, Shortfall, shortfalls};
pub use dates::ever;
pub use local::{day_edges, last_digest, next_digest, quiet_until};
pub use poll::{MAIL_BACKOFF_BASE, MAIL_BACKOFF_CAP, MAX_PATIENCE, PollPolicy, backoff, next_poll};
pub use ramp::{BURST, RAMP, RATE, ramped};
pub use rhythm::{Decides, Demand, RhythmPolicy, Share};
pub use wishes::heed;
