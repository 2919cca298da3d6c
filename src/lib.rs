//! wirewatch watches news feeds and mails what matches.

pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod feed;
pub mod fetch;
pub mod mail;
pub mod matching;
pub mod model;
pub mod plan;
pub mod query;
pub mod render;
pub mod schedule;
pub mod store;
pub mod systemd;
pub mod text;
