//! What most commands begin with: configuration, log, store.

use std::{fs, io, path::PathBuf, sync::Arc};

use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

use super::{ConfigArg, Failure};
use crate::{
    clock::Clock,
    config::{self, Config, Diagnostic, Environment, PingUrl, SecretOrigin, SecretSource, TransportConfig},
    daemon::Catalog,
    store::{self, Store},
};

/// Log filter when `WIREWATCH_LOG` does not say otherwise: our state changes, and trouble of libraries.
const LOG_FILTER: &str = "warn,wirewatch=info";
/// Environment variable with a filter such as `wirewatch=debug`.
const LOG_VARIABLE: &str = "WIREWATCH_LOG";

impl ConfigArg {
    /// The file to read.
    pub(super) fn path(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(config::default_path)
    }

    /// Reads and validates the configuration.
    pub(super) fn load(&self) -> Result<Config, Failure> {
        let environment = Environment::of_process();
        config::load(&self.path(), &environment, &config::read_outlines)
            .map_err(|problems| Failure::Config(problems.to_string()))
    }

    /// The configuration and what the daemon makes of it.
    pub(super) fn catalog(&self) -> Result<(Config, Catalog), Failure> {
        let config = self.load()?;
        let catalog = catalog(&config, Clock::system())?;
        Ok((config, catalog))
    }

    /// As [`Self::catalog`], for commands that send nothing: a password that only the service can read is no
    /// fault. The warning says so when there is one.
    pub(super) fn catalog_without_login(&self) -> Result<(Config, Catalog, Option<Diagnostic>), Failure> {
        let config = self.load()?;
        let mut public = config.clone();
        let mut unread = None;
        if let TransportConfig::Smtp(smtp) = &mut public.mail.transport
            && let Some(login) = &smtp.login
            && !matches!(login.password.origin, SecretOrigin::File(_))
            && let Err(problem) = login.password.read(&Environment::of_process())
        {
            let what = "the password cannot be read here, only by the service; it is not checked";
            unread = Some(Diagnostic::warning(&problem.place, what, problem.remedy));
            smtp.login = None;
        }
        if let Some(unsubscribe) = &public.mail.unsubscribe
            && !matches!(unsubscribe.key.origin, SecretOrigin::File(_))
            && let Err(problem) = unsubscribe.key.read(&Environment::of_process())
        {
            let what = "the key of unsubscribe cannot be read here, only by the service; it is not checked";
            unread = Some(Diagnostic::warning(&problem.place, what, problem.remedy));
            public.mail.unsubscribe = None;
        }
        if let Some(PingUrl::Kept(url)) = public.operator.ping.as_ref().map(|ping| &ping.url)
            && !matches!(url.origin, SecretOrigin::File(_))
            && let Err(problem) = url.read(&Environment::of_process())
        {
            let what = "the address of the ping cannot be read here, only by the service; it is not checked";
            unread = Some(Diagnostic::warning(&problem.place, what, problem.remedy));
            public.operator.ping = None;
        }
        for (_, visit) in &mut public.visits {
            let environment = Environment::of_process();
            let kept = |source: &&SecretSource| !matches!(source.origin, SecretOrigin::File(_));
            let missing = visit.access.as_ref().and_then(|access| {
                access.secrets().filter(kept).find_map(|secret| secret.read(&environment).err())
            });
            if let Some(problem) = missing {
                let what = "a secret of a feed cannot be read here, only by the service; it is not checked";
                unread = Some(Diagnostic::warning(&problem.place, what, problem.remedy));
                visit.access = None;
            }
        }
        let catalog = catalog(&public, Clock::system())?;
        Ok((config, catalog, unread))
    }

    /// The configuration and the store beside a daemon that may be running.
    pub(super) fn open(&self) -> Result<(Config, Store), Failure> {
        let config = self.load()?;
        match Store::open_read_only(&config.state.dir) {
            Ok(store) => Ok((config, store)),
            Err(error @ store::Error::Open { .. }) => {
                let dir = &config.state.dir;
                // The library says only that it could not open the file.
                let problem = match fs::metadata(dir.join(store::DATABASE)).map_err(|error| error.kind()) {
                    Err(io::ErrorKind::NotFound) => anyhow::anyhow!(
                        "nothing is stored in {} yet; start the service, or run `wirewatch run --once`",
                        dir.display()
                    ),
                    Err(io::ErrorKind::PermissionDenied) => {
                        anyhow::anyhow!("you may not read {}; run this command as root", dir.display())
                    }
                    _ => anyhow::Error::new(error),
                };
                Err(problem.into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What the daemon makes of a configuration.
pub(super) fn catalog(config: &Config, clock: Clock) -> Result<Catalog, Failure> {
    Catalog::from_config(config, &Environment::of_process(), clock).map_err(Failure::Config)
}

/// How the daemon reads its configuration anew.
pub(super) fn reload(path: PathBuf, state_dir: PathBuf) -> crate::daemon::Reload {
    Box::new(move || {
        let environment = Environment::of_process();
        let config = config::load(&path, &environment, &config::read_outlines).map_err(|problems| {
            let lines: Vec<String> = problems.entries.iter().map(Diagnostic::one_line).collect();
            lines.join("\n")
        })?;
        if config.state.dir != state_dir {
            return Err(format!(
                "[state] dir changed from {} to {}; restart wirewatch to move it",
                state_dir.display(),
                config.state.dir.display()
            ));
        }
        Catalog::from_config(&config, &environment, Clock::system())
    })
}

/// Starts logging: to the journal when standard error is connected to it, otherwise to standard error.
pub(super) fn start_log() {
    let filter = || {
        std::env::var(LOG_VARIABLE)
            .ok()
            .and_then(|filter| EnvFilter::try_new(filter).ok())
            .unwrap_or_else(|| EnvFilter::new(LOG_FILTER))
    };
    let journal = std::env::var_os("JOURNAL_STREAM").and_then(|_| tracing_journald::layer().ok());
    let registry = tracing_subscriber::registry();
    let started = match journal {
        Some(journal) => registry.with(journal.with_filter(filter())).try_init(),
        None => {
            let stderr = tracing_subscriber::fmt::layer()
                .with_writer(Arc::new(std::io::stderr()))
                .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
                .with_target(false);
            registry.with(stderr.with_filter(filter())).try_init()
        }
    };
    if started.is_err() {
        // A second start in one process, as in tests: the first log stays.
    }
}
