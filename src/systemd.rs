//! Talks to the service manager: readiness, status, watchdog (sd_notify(3)).
//!
//! Data in: states. Data out: datagrams to `$NOTIFY_SOCKET`; without one everything here does nothing.
//!
//! Rejected: linking libsystemd, which a fresh machine would need a package for.

use std::time::Duration;

use sd_notify::NotifyState;

/// What the service manager is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceState {
    /// Start-up or reload is finished.
    Ready,
    /// A reload begins.
    Reloading,
    /// Shutdown begins.
    Stopping,
    /// We are making progress.
    Alive,
    /// One line for `systemctl status`.
    Status(String),
}

/// Tells the service manager; a failure is logged and otherwise ignored, as the manager acts on silence itself.
pub fn notify(state: &ServiceState) {
    let sent = match state {
        ServiceState::Ready => sd_notify::notify(&[NotifyState::Ready]),
        ServiceState::Reloading => match NotifyState::monotonic_usec_now() {
            Ok(since) => sd_notify::notify(&[NotifyState::Reloading, since]),
            Err(_) => sd_notify::notify(&[NotifyState::Reloading]),
        },
        ServiceState::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
        ServiceState::Alive => sd_notify::notify(&[NotifyState::Watchdog]),
        ServiceState::Status(line) => sd_notify::notify(&[NotifyState::Status(line)]),
    };
    if let Err(error) = sent {
        tracing::warn!(error = %error, "the service manager could not be told");
    }
}

/// How often the service manager expects [`ServiceState::Alive`] at the latest (`WatchdogSec=`), if at all.
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|interval| !interval.is_zero())
}
