//! `wirewatch run`

use std::process::ExitCode;

use super::{Outcome, RunArgs, setup};
use crate::{
    clock::Clock,
    daemon::{Daemon, Events},
    store::Store,
};

pub(super) async fn run(args: &RunArgs) -> Outcome {
    setup::start_log();
    let (config, catalog) = args.config.catalog()?;
    for warning in &config.warnings {
        tracing::warn!("{}", warning.one_line());
    }
    let store = Store::open(&config.state.dir)?;
    let daemon = Daemon::build(store.clone(), Clock::system(), catalog).await?;
    if args.once {
        let done = daemon.run_once().await;
        store.close().await;
        done?;
        return Ok(ExitCode::SUCCESS);
    }
    let reload = setup::reload(config.path.clone(), config.state.dir.clone());
    daemon.run(Events::signals()?, reload).await?;
    Ok(ExitCode::SUCCESS)
}
