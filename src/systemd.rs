//! Talks to the service manager: readiness, status, watchdog (sd_notify(3)).
//!
//! Data in: states. Data out: datagrams to `$NOTIFY_SOCKET`; without one everything here does nothing.
//!
//! **Invariant:** never waits: a manager that does not read holds nothing up. What does not fit into its queue is left out;
//! signs of life and status lines come again.
//!
//! Rejected: linking libsystemd, which a fresh machine would need a package for; the `notify` of the crate that knows the
//! words, which waits while the queue is full.

use std::{
    ffi::OsStr,
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    time::Duration,
};

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
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let message = match state {
        ServiceState::Ready => NotifyState::Ready.to_string(),
        ServiceState::Reloading => match NotifyState::monotonic_usec_now() {
            Ok(since) => format!("{}\n{since}", NotifyState::Reloading),
            Err(_) => NotifyState::Reloading.to_string(),
        },
        ServiceState::Stopping => NotifyState::Stopping.to_string(),
        ServiceState::Alive => NotifyState::Watchdog.to_string(),
        ServiceState::Status(line) => NotifyState::Status(line).to_string(),
    };
    if let Err(error) = send(&socket, &message) {
        tracing::warn!(error = %error, "the service manager could not be told");
    }
}

/// Sends a datagram to a socket, given by its path or, behind a `@`, its abstract name.
fn send(to: &OsStr, message: &str) -> io::Result<()> {
    let address = match to.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(to)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    match socket.send_to_addr(message.as_bytes(), &address) {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(()),
    }
}

/// How often the service manager expects [`ServiceState::Alive`] at the latest (`WatchdogSec=`), if at all.
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|interval| !interval.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_that_does_not_read_holds_nothing_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_nonblocking(true).unwrap();
        for _ in 0..1_000 {
            send(path.as_os_str(), "WATCHDOG=1").unwrap();
        }
        let mut message = [0; 64];
        let length = manager.recv(&mut message).unwrap();
        assert_eq!(&message[..length], b"WATCHDOG=1");
        assert!(send(dir.path().join("nobody").as_os_str(), "READY=1").is_err());
    }

    #[test]
    fn states_are_said_in_the_words_of_the_protocol() {
        let words =
            [NotifyState::Ready, NotifyState::Stopping, NotifyState::Watchdog, NotifyState::Status("well")];
        assert_eq!(
            words.map(|state| state.to_string()),
            ["READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=well"]
        );
    }
}
