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
mod explain;
mod faults;
mod harness;
mod month;
mod news;
mod pipeline;
mod queries;
mod search;
mod store;
mod tidy;
mod topics;
