//! What a script can ask of the world around it.

use std::time::Duration;

use spinel_resp::{Protocol, ReplyWriter};

/// The world around a script: commands, time, rights and the log.
///
/// It is called on the stack of whoever runs the script, never on the script's own.
pub trait Host {
    /// Runs one command of the script and writes exactly one reply, in [`Call::protocol`]. An error reply makes
    /// `redis.call` raise and `redis.pcall` return it. Whether the command exists and may run is decided here.
    fn call(&mut self, call: &Call<'_>, reply: &mut ReplyWriter);

    /// Decides whether the script goes on. It is asked after about a hundred thousand instructions, and as often
    /// within long searches of strings.
    fn tick(&mut self) -> Tick;

    /// Takes a line of `redis.log`.
    fn log(&mut self, level: LogLevel, text: &[u8]);

    /// Tells whether the script's user may call a command; `None` if there is no such command.
    fn acl_check(&mut self, words: &[&[u8]]) -> Option<bool>;

    /// Returns the processor time that the process has used (`os.clock`).
    fn cpu_time(&mut self) -> Duration;
}

/// Whether a script goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tick {
    /// It does.
    GoOn,
    /// Not now: whoever runs it gets it back as a [`Running`](crate::Running).
    Suspend,
    /// Never: it ends with an error that it can't catch.
    Kill,
}

/// A command that a script calls.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    pub(crate) words: &'a [&'a [u8]],
    pub(crate) protocol: Protocol,
    pub(crate) propagation: Propagation,
}

impl<'a> Call<'a> {
    /// Returns the command's name and its arguments; there is at least the name.
    pub fn words(&self) -> &'a [&'a [u8]] {
        self.words
    }

    /// Returns the protocol of the reply (`redis.setresp`), which isn't that of the client.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Returns where writes go to (`redis.set_repl`).
    pub fn propagation(&self) -> Propagation {
        self.propagation
    }
}

/// Where the writes of a script go to, beside the data set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Propagation {
    /// To the log on disk.
    pub log: bool,
    /// To replicas.
    pub replicas: bool,
}

impl Default for Propagation {
    fn default() -> Propagation {
        Propagation { log: true, replicas: true }
    }
}

/// How important a line of `redis.log` is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogLevel {
    /// `redis.LOG_DEBUG`
    Debug,
    /// `redis.LOG_VERBOSE`
    Verbose,
    /// `redis.LOG_NOTICE`
    Notice,
    /// `redis.LOG_WARNING`
    Warning,
}
