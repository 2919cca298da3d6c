//! The one integration test binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod backtest;
mod cli;
mod crash;
mod daemon;
mod delivery;
mod events;
mod explain;
mod faults;
mod feeds;
mod feeds_added;
mod harness;
mod hostile;
mod mail;
mod manners;
mod month;
mod news;
mod operator;
mod pipeline;
mod queries;
mod reading;
mod schedule;
mod search;
mod store;
mod stories;
mod tidy;
mod topics;
mod truth;
mod why;
