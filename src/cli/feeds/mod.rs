//! `wirewatch feeds list | add | discover | poll | import | export`
//!
//! Data in: the configuration, the store, addresses and OPML files. Data out: listings; drop-ins of the configuration.
//!
//! **Invariant:** only `poll` without `--dry-run` writes to the store, and only while no service holds it.
//! **Invariant:** a configuration that was good stays good: what is written is read back, and taken back when bad.

mod add;
mod address;
mod discover;
mod drop_in;
mod export;
mod find;
mod import;
mod judge;
mod list;
mod poll;
mod visit;
mod words;

use clap::Subcommand;

pub(super) use self::{
    address::{sameness, typed},
    words::{advice, cut},
};

use super::Outcome;

#[derive(Debug, Subcommand)]
pub(super) enum FeedsCommand {
    /// Feeds in force, with how they fare
    List(list::FeedListArgs),
    /// Find the feed behind an address, show what it holds, and write it into conf.d beside the configuration
    Add(add::AddArgs),
    /// List the feeds that a page offers, each checked
    Discover(discover::DiscoverArgs),
    /// Visit a feed now and show what a poll finds
    Poll(poll::PollArgs),
    /// Take over the feeds of an OPML file: writes a file into conf.d beside the configuration
    Import(import::ImportArgs),
    /// Write the feeds of the configuration as OPML, for other readers
    Export(export::ExportArgs),
}

pub(super) async fn feeds(command: &FeedsCommand) -> Outcome {
    match command {
        FeedsCommand::List(args) => list::list(args).await,
        FeedsCommand::Add(args) => add::add(args).await,
        FeedsCommand::Discover(args) => discover::discover(args).await,
        FeedsCommand::Poll(args) => poll::poll(args).await,
        FeedsCommand::Import(args) => import::import(args),
        FeedsCommand::Export(args) => export::export(args).await,
    }
}
