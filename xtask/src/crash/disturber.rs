//! What goes on beside the writes: snapshots, rewrites of the log, and turning it off and on.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::random::Random;
use crate::resp::{Connection, Reply, info_field};

/// The longest pause between two disturbances, in milliseconds.
const PAUSE_MAX_MS: usize = 60;
/// In how many of 100 disturbances the log is turned off.
const OFF_PERCENT: usize = 3;
/// How long to wait before looking again whether the log is complete.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Disturbs one life of the server.
pub(super) struct Disturber<'a> {
    pub(super) connection: Connection,
    pub(super) random: Random,
    pub(super) is_killed: &'a AtomicBool,
}

impl Disturber<'_> {
    /// Goes on until the server is gone, and returns since when the log may lack what was answered, because it was
    /// turned off and not yet complete again.
    ///
    /// # Errors
    /// When a reply is what it should not be, or the connection breaks before the server is killed.
    pub(super) fn run(mut self) -> Outcome<Option<Instant>> {
        let mut off_since = None;
        loop {
            match self.disturb(&mut off_since) {
                Ok(()) => {}
                Err(_) if self.is_killed.load(Ordering::Acquire) => return Ok(off_since),
                Err(error) => return Err(format!("beside the writes: {error}").into()),
            }
        }
    }

    fn disturb(&mut self, off_since: &mut Option<Instant>) -> io::Result<()> {
        self.pause();
        if self.random.chance(OFF_PERCENT) {
            *off_since = Some(Instant::now());
            self.connection.expect(&["CONFIG", "SET", "appendonly", "no"])?;
            self.pause();
            self.turn_on()?;
            *off_since = None;
            return Ok(());
        }
        // They are refused while another one runs.
        let words: &[&str] = match self.random.below(4) {
            0 => &["BGSAVE"],
            1 => &["BGSAVE", "SCHEDULE"],
            2 => &["SAVE"],
            _ => &["BGREWRITEAOF"],
        };
        self.connection.call(words)?;
        Ok(())
    }

    /// Turns the log on and waits until its base is written.
    fn turn_on(&mut self) -> io::Result<()> {
        let rewrites = self.number("aof_rewrites")?;
        self.connection.expect(&["CONFIG", "SET", "appendonly", "yes"])?;
        while self.number("aof_rewrites")? == rewrites
            || self.number("aof_rewrite_in_progress")? + self.number("aof_rewrite_scheduled")? > 0
        {
            thread::sleep(LOOK_EVERY);
        }
        let status = self.field("aof_last_bgrewrite_status")?;
        if status == "ok" { Ok(()) } else { Err(io::Error::other(format!("the log's base: {status}"))) }
    }

    fn number(&mut self, name: &str) -> io::Result<i64> {
        self.field(name)?.parse().map_err(|_| io::Error::other(format!("INFO: {name} is no number")))
    }

    fn field(&mut self, name: &str) -> io::Result<String> {
        let text =
            self.connection.expect(&["INFO", "persistence"]).as_ref().map(Reply::text).unwrap_or_default();
        info_field(&text, name)
            .map(str::to_owned)
            .ok_or_else(|| io::Error::other(format!("INFO has no {name}")))
    }

    fn pause(&mut self) {
        thread::sleep(Duration::from_millis(self.random.below(PAUSE_MAX_MS) as u64));
    }
}
