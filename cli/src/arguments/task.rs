//! What the program is to do with the server, if not to run commands.

use super::options::TaskOptions;
use super::{Refusal, unquote};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Task {
    /// Run the command of the command line, or those typed or read.
    Commands,
    /// List keys.
    ListKeys,
    /// Find the keys with the most elements.
    BigKeys,
    /// Find the keys that take the most memory.
    MemoryKeys {
        /// How many elements of a key the server looks at; as many as it likes if missing.
        samples: Option<u64>,
    },
    /// Find the largest keys and how sizes are distributed.
    KeyStatistics {
        /// How many elements of a key the server looks at; as many as it likes if missing.
        samples: Option<u64>,
        /// How many keys to list.
        top: usize,
        /// Where to begin.
        cursor: u64,
    },
    /// Find the keys that are used most.
    HotKeys,
    /// Print a line of statistics again and again.
    Statistics,
    /// Measure how long answers take.
    Latency(LatencyReport),
    /// Measure how long this machine makes a program wait.
    IntrinsicLatency(Duration),
    /// Play a cache with so many keys.
    CacheTest(u64),
    /// Send what standard input holds.
    Pipe {
        /// How long to wait for a reply after all is sent; for ever if missing.
        timeout: Option<Duration>,
    },
    /// Fetch a snapshot.
    Snapshot {
        /// Where to write it; `-` is standard output.
        file: PathBuf,
        /// What it is to hold.
        contents: SnapshotContents,
    },
    /// Show what a replica receives.
    Replica,
    /// Run a script of this file.
    Script(PathBuf),
}

/// How latencies are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LatencyReport {
    /// One line, over all measurements.
    Whole,
    /// A line for each interval.
    History,
    /// A line of colours for each interval.
    Spectrum,
}

/// What a snapshot is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotContents {
    /// Keys and functions.
    Everything,
    /// Functions only.
    Functions,
}

/// Which keys to look for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFilter {
    /// Only those that match.
    pub pattern: Option<Vec<u8>>,
    /// Only those of this type.
    pub key_type: Option<Vec<u8>>,
    /// How many the server is asked for at once.
    pub count: Option<u64>,
}

impl TaskOptions {
    /// The first task that is asked for.
    pub(super) fn task(&mut self) -> Result<Task, Refusal> {
        if self.ldb || self.ldb_sync_mode {
            let text = "--ldb is not there: scripts of this server can't be stopped in the middle. Let them redis.log(), or run a part of them with EVAL.";
            return Err(Refusal::Mistake(text.to_owned()));
        }
        if self.cluster_manager {
            let text = "--cluster comes with clusters of this server, which are not there yet. \
                        Use redis-cli --cluster to manage those of Redis; -c follows their redirections.";
            return Err(Refusal::Mistake(text.to_owned()));
        }
        Ok(self.server_task().or_else(|| self.key_task()).unwrap_or(Task::Commands))
    }

    fn server_task(&mut self) -> Option<Task> {
        if self.latency_history {
            return Some(Task::Latency(LatencyReport::History));
        }
        if self.latency_dist {
            return Some(Task::Latency(LatencyReport::Spectrum));
        }
        if self.latency {
            return Some(Task::Latency(LatencyReport::Whole));
        }
        if self.replica {
            return Some(Task::Replica);
        }
        let snapshot = |file, contents| Task::Snapshot { file, contents };
        if let Some(file) = self.rdb.take() {
            return Some(snapshot(file, SnapshotContents::Everything));
        }
        if let Some(file) = self.functions_rdb.take() {
            return Some(snapshot(file, SnapshotContents::Functions));
        }
        if self.pipe {
            let timeout = (!self.pipe_timeout.is_zero()).then_some(self.pipe_timeout);
            return Some(Task::Pipe { timeout });
        }
        if self.stat {
            return Some(Task::Statistics);
        }
        if let Some(script) = self.eval.take() {
            return Some(Task::Script(script));
        }
        let others = self.intrinsic_latency.map(Task::IntrinsicLatency);
        others.or_else(|| self.lru_test.map(Task::CacheTest))
    }

    fn key_task(&self) -> Option<Task> {
        if self.bigkeys {
            return Some(Task::BigKeys);
        }
        if self.memkeys || self.memkeys_samples.is_some() {
            return Some(Task::MemoryKeys { samples: self.memkeys_samples });
        }
        if self.keystats || self.keystats_samples.is_some() {
            let (samples, top, cursor) = (self.keystats_samples, self.top, self.cursor);
            return Some(Task::KeyStatistics { samples, top, cursor });
        }
        if self.hotkeys {
            return Some(Task::HotKeys);
        }
        self.scan.then_some(Task::ListKeys)
    }

    /// Which keys are meant.
    pub(super) fn keys(&mut self) -> Result<KeyFilter, Refusal> {
        let quoted = self.quoted_pattern.take().map(|pattern| unquote(&pattern.into_vec())).transpose();
        let quoted = quoted.map_err(|_| {
            Refusal::Mistake("Invalid quoted string specified for --quoted-pattern.".to_owned())
        })?;
        Ok(KeyFilter {
            pattern: quoted.or_else(|| self.pattern.take().map(OsString::into_vec)),
            key_type: self.key_type.take().map(OsString::into_vec),
            count: self.count,
        })
    }
}
