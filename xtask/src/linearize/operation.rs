//! What clients do and what they saw: operations with the time they were called and the time they returned.

use super::state::{Command, Key, State, array, text};
use crate::resp::Reply;

/// How long a blocking pop waits, in seconds: short, so that rounds end.
const BLOCKED_SECONDS: &str = "0.005";
/// Exchanges the values of two keys and returns what they were; an empty text stands for none.
const SWAP: &str = "\
local one, other = redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]) \
if other then redis.call('SET', KEYS[1], other) else redis.call('DEL', KEYS[1]) end \
if one then redis.call('SET', KEYS[2], one) else redis.call('DEL', KEYS[2]) end \
return {one or '', other or ''}";

/// Something that must look as if it happened at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// One command.
    Single(Command),
    /// Commands between MULTI and EXEC.
    Transaction(Vec<Command>),
    /// A script that exchanges two values.
    Swap(Key, Key),
    /// BLPOP of several keys.
    BlockingPop(Vec<Key>),
    /// SET in a transaction that watches the key, after it was read; the value read then.
    CompareAndSet(Key, Reply, String),
}

/// An action of one client and what it was told.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    /// What was asked for.
    pub(crate) action: Action,
    /// What was replied.
    pub(crate) reply: Reply,
    /// When it was sent, in nanoseconds since the start.
    pub(crate) called: u64,
    /// When the reply had arrived.
    pub(crate) returned: u64,
}

impl Operation {
    /// Tells whether it changes nothing, whenever it comes: it only reads, or found nothing to take.
    pub(crate) fn is_inert(&self) -> bool {
        let reads = |command: &Command| matches!(command, Command::Get(_) | Command::Read(_));
        match &self.action {
            _ if matches!(self.reply, Reply::Null { .. }) => true,
            Action::Single(command) => reads(command),
            Action::Transaction(commands) => commands.iter().all(reads),
            _ => false,
        }
    }
}

impl Action {
    /// Returns the commands to send; the last reply is that of the action.
    pub(crate) fn calls(&self) -> Vec<Vec<String>> {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        match self {
            Self::Single(command) => vec![command.words()],
            Self::Transaction(commands) => {
                let inner = commands.iter().map(Command::words);
                [owned(&["MULTI"])].into_iter().chain(inner).chain([owned(&["EXEC"])]).collect()
            }
            Self::Swap(one, other) => vec![owned(&["EVAL", SWAP, "2", one, other])],
            Self::BlockingPop(keys) => {
                vec![owned(&[&["BLPOP"], keys.as_slice(), &[BLOCKED_SECONDS]].concat())]
            }
            Self::CompareAndSet(key, _, value) => {
                vec![owned(&["MULTI"]), owned(&["SET", key, value]), owned(&["EXEC"])]
            }
        }
    }

    /// Does it in `state`; tells whether a server that replies `reply` may have done it at this moment.
    pub(crate) fn explains(&self, state: &mut State, reply: &Reply) -> bool {
        match self {
            Self::Single(command) => state.run(command) == *reply,
            Self::Transaction(commands) => {
                array(commands.iter().map(|command| state.run(command)).collect()) == *reply
            }
            Self::Swap(one, other) => state.swap(one, other) == *reply,
            Self::BlockingPop(keys) => {
                let popped = keys.iter().find_map(|key| Some((*key, state.pop(key)?)));
                let expected = popped.map_or(Reply::Null { marker: b'*' }, |(key, element)| {
                    array(vec![text(key.into()), text(element)])
                });
                expected == *reply
            }
            Self::CompareAndSet(key, before, value) => {
                // A transaction may be given up though the value is the same: it may have come back.
                if matches!(reply, Reply::Null { .. }) {
                    return true;
                }
                let is_same = state.run(&Command::Get(key)) == *before;
                is_same && array(vec![state.run(&Command::Set(key, value.clone()))]) == *reply
            }
        }
    }
}
