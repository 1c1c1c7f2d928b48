//! The system's own log: a socket that takes one datagram per event.

use super::Level;
use super::line::syslog_time;
use crate::config::{Config, table};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

/// Where `local0` stands among the facilities; `user` is 1.
const LOCAL0: i64 = 16;

pub(super) struct Syslog {
    path: PathBuf,
    /// What the messages come from, as it calls itself.
    ident: String,
    facility: i64,
    /// None before the first message, and after one could not be sent: the daemon may be started again.
    socket: Option<UnixDatagram>,
}

impl Syslog {
    /// As the settings say.
    pub(super) fn of(config: &Config) -> Option<Syslog> {
        config.is_on(table::SYSLOG_ENABLED).then_some(())?;
        // The choices are user, local0, local1 and so on.
        let place = config.number(table::SYSLOG_FACILITY);
        Some(Syslog {
            path: config.path(table::SYSLOG_SOCKET)?,
            ident: String::from_utf8_lossy(&config.text(table::SYSLOG_IDENT)).into_owned(),
            facility: if place == 0 { 1 } else { LOCAL0 + place - 1 },
            socket: None,
        })
    }

    /// Sends an event; if nobody takes it now, it is lost, as the line is in the other log.
    pub(super) fn send(&mut self, level: Level, process: u32, unix_ms: u64, text: &str) {
        let priority = self.facility * 8 + severity(level);
        let message = format!("<{priority}>{} {}[{process}]: {text}", syslog_time(unix_ms), self.ident);
        // The second time with a new connection.
        for _ in 0..2 {
            if self.try_send(&message).is_some() {
                return;
            }
            self.socket = None;
        }
    }

    fn try_send(&mut self, message: &str) -> Option<()> {
        if self.socket.is_none() {
            let socket = UnixDatagram::unbound().ok()?;
            // A daemon that does not read keeps nobody waiting.
            socket.set_nonblocking(true).ok()?;
            socket.connect(&self.path).ok()?;
            self.socket = Some(socket);
        }
        self.socket.as_ref()?.send(message.as_bytes()).ok().map(drop)
    }
}

/// What syslog calls how much an event matters.
fn severity(level: Level) -> i64 {
    match level {
        Level::Debug => 7,
        Level::Verbose => 6,
        Level::Notice => 5,
        Level::Warning | Level::Nothing => 4,
    }
}
