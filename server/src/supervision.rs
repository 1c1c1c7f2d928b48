//! Telling whoever started the process how far it is: systemd over a socket, upstart by a stop.

use crate::config::{Config, table};
use crate::log;
use rustix::process::{Signal, getpid, kill_process};
use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Where systemd wants to be told.
const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";
/// What upstart calls the job of the process.
const UPSTART_JOB: &str = "UPSTART_JOB";

/// Who supervises the process; the numbers are the places in the choices of `supervised`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Supervisor {
    Upstart = 0,
    Systemd = 1,
    /// Nobody.
    No = 3,
}

impl Supervisor {
    /// As the setting says; with `auto`, as the environment does.
    pub(crate) fn of(config: &Config) -> Supervisor {
        const UPSTART: i64 = Supervisor::Upstart as i64;
        const SYSTEMD: i64 = Supervisor::Systemd as i64;
        const NO: i64 = Supervisor::No as i64;
        let has = |name: &str| env::var_os(name).is_some();
        match config.number(table::SUPERVISED) {
            UPSTART => Supervisor::Upstart,
            SYSTEMD => Supervisor::Systemd,
            NO => Supervisor::No,
            _ if has(NOTIFY_SOCKET) => Supervisor::Systemd,
            _ if has(UPSTART_JOB) => Supervisor::Upstart,
            _ => Supervisor::No,
        }
    }

    /// The name that `INFO` shows.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Supervisor::Upstart => "upstart",
            Supervisor::Systemd => "systemd",
            Supervisor::No => "no",
        }
    }

    /// The data set is being loaded.
    pub(crate) fn tell_loading(self) {
        if self == Supervisor::Systemd && env::var_os(NOTIFY_SOCKET).is_none() {
            log::warning!("supervised is systemd, but {NOTIFY_SOCKET} is not set: nobody is told.");
        }
        self.notify("STATUS=Loading the data set");
    }

    /// Clients are served.
    pub(crate) fn tell_ready(self) {
        self.notify("STATUS=Ready to accept connections\nREADY=1");
        if self == Supervisor::Upstart {
            // Who asked for it waits for the stop, and lets the process go on.
            if let Err(error) = kill_process(getpid(), Signal::STOP) {
                log::warning!("upstart can't be told that the server is ready: {error}");
            }
        }
    }

    /// The server ends.
    pub(crate) fn tell_stopping(self) {
        self.notify("STOPPING=1");
    }

    fn notify(self, message: &str) {
        if self == Supervisor::Systemd
            && let Some(socket) = env::var_os(NOTIFY_SOCKET)
            && let Err(error) = send(&socket, message)
        {
            log::warning!("systemd can't be told how far the server is: {error}");
        }
    }
}

/// Sends a message to a socket with a path, or with a name after `@` that stands in no folder.
fn send(socket: &OsStr, message: &str) -> io::Result<()> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address).map(drop)
}
