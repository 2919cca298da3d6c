//! The commands: one file each. Here: what can be typed, and how a run ends.
//!
//! Data in: the command line. Data out: tables or JSON on standard output, problems on standard error, an exit code.
//!
//! **Invariant:** exit codes are 0 done, 1 failed, 2 wrong usage, 3 bad configuration; nothing below here ends the
//! process.

mod archive;
mod backtest;
mod check;
mod demo;
mod digest;
mod exclusion;
mod explain;
mod feeds;
mod items;
mod labels;
mod mail;
mod mark;
mod mute;
mod outbox;
mod output;
mod rules;
mod run;
mod samples;
mod search;
mod setup;
mod status;
mod stories;
mod templates;
mod topics;
mod unsubscribe;
mod why;

use std::{
    num::NonZero,
    path::PathBuf,
    process::{ExitCode, Termination},
};

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Watches news feeds for topics and mails alerts and digests.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Poll, match and mail until told to stop (SIGTERM); SIGHUP reads the configuration anew
    Run(RunArgs),
    /// Show the whole way from feed to mail with sample feeds, without any network
    Demo(DemoArgs),
    /// Check the configuration: topics, feeds, subscriptions, templates
    Check(CheckArgs),
    /// Show how feeds, topics and the outbox fare; exits with 1 when something needs a hand
    Status(ListArgs),
    /// Search the stored items with a query of the topic language, or with a topic
    Search(SearchArgs),
    /// Say why an item matches a topic, or why not
    Explain(explain::ExplainArgs),
    /// Say why there was no alert: of an article, of a feed, or of a topic that is silent
    WhyNoAlert(why::WhyArgs),
    /// Try a topic or a query on everything stored
    Backtest(backtest::BacktestArgs),
    /// List and try topics
    #[command(subcommand)]
    Topics(TopicsCommand),
    /// Find out which items report one event
    #[command(subcommand)]
    Stories(StoriesCommand),
    /// List, find, add, try, import and export feeds
    #[command(subcommand)]
    Feeds(feeds::FeedsCommand),
    /// Stored items
    #[command(subcommand)]
    Items(ItemsCommand),
    /// Digests
    #[command(subcommand)]
    Digest(DigestCommand),
    /// Send no more alerts about a story for a while; digests have it all the same
    Mute(mute::MuteArgs),
    /// Mails that wait, were sent, or were given up
    #[command(subcommand)]
    Outbox(OutboxCommand),
    /// Mail delivery
    #[command(subcommand)]
    Mail(MailCommand),
    /// Tell the operator that a reader left with one click; your web server runs this
    Unsubscribe(unsubscribe::UnsubscribeArgs),
}

#[derive(Debug, Clone, Args)]
struct ConfigArg {
    /// Configuration file [default: /etc/wirewatch/wirewatch.toml]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct RunArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Poll every feed once, send what is due, and end
    #[arg(long)]
    once: bool,
}

#[derive(Debug, Args)]
struct DemoArgs {
    /// Folder for the demo's database, configuration and mail; it must be new or empty, or a demo's
    #[arg(long, value_name = "DIR", default_value = "wirewatch-demo")]
    dir: PathBuf,
}

#[derive(Debug, Args)]
struct CheckArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Also visit every feed once and log in to the mail server
    #[arg(long)]
    online: bool,
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Print JSON for machines
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SortArg {
    /// Those read last come first
    Newest,
    /// Those that match best come first
    Relevance,
}

#[derive(Debug, Args)]
struct SearchArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// What to look for, such as `tariff(s) NEAR/8 China`; lists of the configuration can be used as `@name`
    #[arg(value_name = "QUERY", required_unless_present = "topic", conflicts_with = "topic")]
    query: Option<String>,
    /// Search with this topic of the configuration
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
    /// Only items read within this time, such as 90d
    #[arg(long, value_name = "DURATION")]
    since: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    limit: u16,
    /// Which come first
    #[arg(long, value_enum, default_value = "newest")]
    sort: SortArg,
    /// Print JSON for machines
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum TopicsCommand {
    /// Topics in force
    List(ListArgs),
    /// One topic with its terms
    Show {
        #[command(flatten)]
        config: ConfigArg,
        /// Name of the topic
        name: String,
    },
    /// Read items as JSON lines (id, title, summary, link, lang), print id and topics as JSON lines
    Match {
        #[command(flatten)]
        config: ConfigArg,
    },
    /// Measure topics on items whose topics are known: precision, recall and F1 of each
    Test(labels::TestArgs),
}

#[derive(Debug, Subcommand)]
enum StoriesCommand {
    /// Read items as JSON lines (id, title, summary, link, date, outlet), print id and story as JSON lines
    Group {
        /// Also say why each item belongs to its story, and what it adds
        #[arg(long)]
        explain: bool,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ExportFormat {
    /// A JSON object a line
    Jsonl,
}

#[derive(Debug, Subcommand)]
enum ItemsCommand {
    /// Print every stored item, in the order they were read
    Export {
        #[command(flatten)]
        config: ConfigArg,
        /// How to print them
        #[arg(long, value_enum, default_value = "jsonl")]
        format: ExportFormat,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Part {
    /// Plain text
    Text,
    /// HTML
    Html,
}

#[derive(Debug, Subcommand)]
enum DigestCommand {
    /// Print the digest a subscription would get for the last hours, without sending or marking anything
    Preview {
        #[command(flatten)]
        config: ConfigArg,
        /// Subscription [default: the first digest in the configuration]
        #[arg(long, value_name = "NAME")]
        subscription: Option<String>,
        /// How far back to look
        #[arg(long, default_value = "24h", value_name = "DURATION")]
        since: String,
        /// Which part of the mail
        #[arg(long, value_enum, default_value = "text")]
        part: Part,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StateArg {
    /// Waits for its first or next attempt
    Queued,
    /// Is being sent
    Leased,
    /// Was handed over
    Sent,
    /// Was given up
    Dead,
}

#[derive(Debug, Subcommand)]
enum OutboxCommand {
    /// The newest mails first
    List {
        #[command(flatten)]
        list: ListArgs,
        /// Only mails in this state
        #[arg(long, value_enum)]
        state: Option<StateArg>,
        /// How many at most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
}

#[derive(Debug, Subcommand)]
enum MailCommand {
    /// Send one test mail the way alerts go, and say what the server answered
    Test {
        #[command(flatten)]
        config: ConfigArg,
        /// Recipient [default: the operator]
        #[arg(long, value_name = "ADDRESS")]
        to: Option<String>,
    },
    /// Send a made-up item all the way, from a feed to a mail to the operator, and say what each step took
    Canary {
        #[command(flatten)]
        list: ListArgs,
        /// Recipient [default: the operator]
        #[arg(long, value_name = "ADDRESS")]
        to: Option<String>,
    },
    /// List the templates of mails, or write them as a start for your own
    Templates(templates::TemplatesArgs),
    /// Write made-up mails of every kind as files, to look at them
    Sample(samples::SampleArgs),
}

/// Why a command ends with something else than 0.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The configuration is bad; the text tells file, line and remedy.
    Config(String),
    /// An argument is wrong; the text says which and how to mend it.
    Usage(String),
    /// Anything else.
    Other(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

type Outcome = Result<ExitCode, Failure>;

/// Threads for the network at most, however many processors there are: reading and storing have their own, and the
/// allocator keeps memory for each.
const MAX_WORKERS: usize = 4;

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get).min(MAX_WORKERS);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Failure::from(error)),
    };
    let outcome = runtime.block_on(dispatch(cli.command));
    let outcome = match output::trouble() {
        Some(trouble) if outcome.is_ok() => Err(Failure::Other(trouble)),
        _ => outcome,
    };
    // What still reads a feed when everything else has ended need not be waited for.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|failure| fail(&failure)).report()
}

async fn dispatch(command: Command) -> Outcome {
    match command {
        Command::Run(args) => run::run(&args).await,
        Command::Demo(args) => demo::demo(&args).await,
        Command::Check(args) => check::check(&args).await,
        Command::Status(args) => status::status(&args).await,
        Command::Search(args) => search::search(&args).await,
        Command::Explain(args) => explain::explain(&args).await,
        Command::WhyNoAlert(args) => why::why_no_alert(&args).await,
        Command::Backtest(args) => backtest::backtest(&args).await,
        Command::Topics(command) => topics::topics(&command),
        Command::Stories(command) => stories::stories(&command),
        Command::Feeds(command) => feeds::feeds(&command).await,
        Command::Items(command) => items::items(&command).await,
        Command::Digest(command) => digest::digest(&command).await,
        Command::Mute(args) => mute::mute(&args).await,
        Command::Outbox(command) => outbox::outbox(&command).await,
        Command::Mail(command) => mail::mail(&command).await,
        Command::Unsubscribe(args) => unsubscribe::unsubscribe(&args).await,
    }
}

fn fail(failure: &Failure) -> ExitCode {
    match failure {
        Failure::Config(text) => {
            output::tell!("{}", text.trim_end());
            ExitCode::from(3)
        }
        Failure::Usage(text) => {
            output::tell!("{}", text.trim_end());
            ExitCode::from(2)
        }
        Failure::Other(error) if output::is_broken_pipe(error) => ExitCode::SUCCESS,
        Failure::Other(error) => {
            output::tell!("wirewatch: {error:#}");
            ExitCode::FAILURE
        }
    }
}
