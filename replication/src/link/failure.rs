//! Why a link ended, and what else operators are told, in the words of Redis.

use crate::ReplicationId;
use std::fmt;

/// Why a link ended. Displayed as Redis tells it in its log.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The primary could not be reached.
    Unreachable(String),
    /// The connection ended while something else than the stream was awaited.
    Interrupted(String),
    /// The connection ended while a snapshot came.
    SnapshotInterrupted(String),
    /// The connection ended while the stream came.
    Lost,
    /// The primary didn't answer in time.
    NoAnswer,
    /// No byte of a snapshot came in time.
    NoSnapshot,
    /// Nothing of the stream came in time.
    Silence,
    /// The primary refused a `PING`.
    PingRefused(String),
    /// The replica that was to become the primary refused that.
    HandoverRefused(String),
    /// The primary, or its stream, is one that is not to be followed.
    Poisoned(String),
    /// The primary knows other passwords.
    AuthenticationRefused(String),
    /// The primary has nothing to copy now, but will.
    NotNow(String),
    /// The primary began to answer and didn't end.
    LineTooLong,
    /// The primary says that it goes on, and was asked for nothing of the kind.
    UnexpectedContinuation(String),
    /// What the primary said of a snapshot is nothing that can be understood.
    BadFullResync,
    /// The primary announced a snapshot and could not make it.
    Aborted(String),
    /// Where a snapshot should be announced, stands something else.
    NoPayload(String),
    /// The snapshot that came could not be loaded.
    NotLoaded,
    /// Something else than commands is in the stream.
    Inline,
    /// Commands in the stream are damaged, or transactions have no end or no beginning.
    Malformed,
    /// A command or transaction is longer than the limit.
    UnitTooLong,
    /// A command of the stream could not be run.
    NotApplied(String),
}

impl Failure {
    /// Whether that happens without anything being wrong, as when a primary starts again.
    pub fn is_usual(&self) -> bool {
        matches!(self, Failure::Lost | Failure::NotNow(_))
    }

    /// Whether the data may be different from the primary's, so that only a snapshot helps.
    pub(super) fn spoils_position(&self) -> bool {
        matches!(self, Failure::Inline | Failure::Malformed | Failure::UnitTooLong | Failure::NotApplied(_))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Unreachable(cause) => write!(out, "Error condition on socket for SYNC: {cause}"),
            Failure::Interrupted(cause) => write!(out, "Failed to read response from the server: {cause}"),
            Failure::SnapshotInterrupted(cause) => {
                write!(out, "I/O error trying to sync with MASTER: {cause}")
            }
            Failure::Lost => out.write_str("Connection with master lost."),
            Failure::NoAnswer => out.write_str("Timeout connecting to the MASTER..."),
            Failure::NoSnapshot => out.write_str(
                "Timeout receiving bulk data from MASTER... If the problem persists try to set the 'repl-timeout' \
                 parameter in redis.conf to a larger value.",
            ),
            Failure::Silence => out.write_str("MASTER timeout: no data nor PING received..."),
            Failure::PingRefused(reply) => write!(out, "Error reply to PING from master: '{reply}'"),
            Failure::Poisoned(name) => {
                write!(out, "The primary is poisoned as {name}, so it is not followed: see FAILOVER POISON LIST")
            }
            Failure::HandoverRefused(reply) => {
                write!(out, "The target of the failover rejected the PSYNC request: {reply}")
            }
            Failure::AuthenticationRefused(reply) => write!(out, "Unable to AUTH to MASTER: {reply}"),
            Failure::NotNow(reply) => {
                write!(out, "Master is currently unable to PSYNC but should be in the future: {reply}")
            }
            Failure::LineTooLong => out.write_str("The master's reply has no end."),
            Failure::UnexpectedContinuation(reply) => {
                write!(out, "Unexpected reply to PSYNC from master: {reply}")
            }
            Failure::BadFullResync => out.write_str("Master replied with wrong +FULLRESYNC syntax."),
            Failure::Aborted(reply) => write!(out, "MASTER aborted replication with an error: {reply}"),
            Failure::NoPayload(line) => write!(
                out,
                "Bad protocol from MASTER, the first byte is not '$' (we received '{line}'), are you sure the host \
                 and port are right?"
            ),
            Failure::NotLoaded => out.write_str(
                "Failed trying to load the MASTER synchronization DB from disk, check server logs.",
            ),
            Failure::Inline => out.write_str(
                "WARNING: Receiving inline protocol from master, master stream corruption? Closing the master \
                 connection and discarding the cached master.",
            ),
            Failure::Malformed => out.write_str(
                "Protocol error in the master's stream. Closing the master connection and discarding the cached master.",
            ),
            Failure::UnitTooLong => out.write_str(
                "A transaction in the master's stream is too long. Closing the master connection and discarding the \
                 cached master.",
            ),
            Failure::NotApplied(cause) => write!(
                out,
                "The master's stream can't be followed: {cause}. Closing the master connection and discarding the \
                 cached master."
            ),
        }
    }
}

/// What operators are told while a link is made. Displayed as Redis tells it in its log.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Note {
    /// The primary is there.
    Answered,
    /// The primary doesn't know a part of the introduction, which can do without.
    NotUnderstood {
        /// Which part.
        part: &'static str,
        /// What it replied.
        reply: String,
    },
    /// It is asked to go on.
    AsksForPart {
        /// Of which stream.
        id: ReplicationId,
        /// From which offset on, as `PSYNC` counts.
        offset: u64,
    },
    /// It is asked for everything.
    AsksForAll,
    /// It doesn't know `PSYNC`.
    NoPsync(String),
    /// It replied something else to `PSYNC`.
    UnexpectedReply(String),
    /// It is asked in the way of old primaries.
    AsksInOldWay,
    /// It makes a snapshot.
    FullResync {
        /// Of which stream.
        id: ReplicationId,
        /// Up to which offset.
        offset: u64,
    },
    /// It goes on where the replica is.
    Continued,
    /// Its stream has another name now.
    Renamed(ReplicationId),
    /// A snapshot comes.
    Receiving {
        /// How long it is, if that is known.
        length: Option<u64>,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Answered => out.write_str("Master replied to PING, replication can continue..."),
            Note::NotUnderstood { part, reply } => {
                write!(out, "(Non critical) Master does not understand REPLCONF {part}: {reply}")
            }
            Note::AsksForPart { id, offset } => {
                write!(out, "Trying a partial resynchronization (request {id}:{offset}).")
            }
            Note::AsksForAll => out.write_str("Partial resynchronization not possible (no cached master)"),
            Note::NoPsync(reply) => {
                write!(out, "Master does not support PSYNC or is in error state (reply: {reply})")
            }
            Note::UnexpectedReply(reply) => write!(out, "Unexpected reply to PSYNC from master: {reply}"),
            Note::AsksInOldWay => out.write_str("Retrying with SYNC..."),
            Note::FullResync { id, offset } => write!(out, "Full resync from master: {id}:{offset}"),
            Note::Continued => out.write_str("Successful partial resynchronization with master."),
            Note::Renamed(id) => write!(out, "Master replication ID changed to {id}"),
            Note::Receiving { length: Some(length) } => {
                write!(out, "MASTER <-> REPLICA sync: receiving {length} bytes from master to disk")
            }
            Note::Receiving { length: None } => {
                out.write_str("MASTER <-> REPLICA sync: receiving streamed RDB from master with EOF to disk")
            }
        }
    }
}

/// What a primary said, fit for a log: no control characters.
pub(super) fn shown(line: &[u8]) -> String {
    String::from_utf8_lossy(line).replace(|character: char| character.is_control(), "?")
}
