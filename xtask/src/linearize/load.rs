//! Clients that act on few keys at once and note what they saw.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Instant;

use super::operation::{Action, Operation};
use super::state::{Command, Key};
use crate::Outcome;
use crate::random::Random;
use crate::resp::{Connection, Reply, encode};

/// How many actions a client does between two moments at which all are quiet.
const ROUND: usize = 8;

/// Keys that occur together: their operations are looked at as one history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    /// One key that only commands on one key touch.
    Counter,
    /// Two texts.
    Texts,
    /// Two lists.
    Lists,
}

/// All groups.
pub(crate) const GROUPS: [Group; 3] = [Group::Counter, Group::Texts, Group::Lists];
const TEXTS: [Key; 2] = ["a", "b"];
const LISTS: [Key; 2] = ["l", "m"];

/// One client.
pub(crate) struct Client {
    connection: Connection,
    random: Random,
    /// The commands that the server has.
    commands: Arc<BTreeSet<String>>,
    /// What its values begin with, which no other client's do.
    number: usize,
    values: usize,
    started: Instant,
}

impl Client {
    /// Connects client `number` to the server at `address`; `started` is where the times of all clients begin.
    ///
    /// # Errors
    /// When the server doesn't accept it.
    pub(crate) fn connect(
        address: &str,
        number: usize,
        started: Instant,
        commands: &Arc<BTreeSet<String>>,
    ) -> Outcome<Self> {
        let connection = Connection::open(address)?;
        let random = Random::new(number as u64 + 1);
        Ok(Self { connection, random, commands: Arc::clone(commands), number, values: 0, started })
    }

    /// Does a round of actions for each word of `go` and hands over what it showed.
    ///
    /// # Errors
    /// When the server doesn't answer.
    pub(crate) fn run(&mut self, go: &Receiver<()>, seen: &Sender<Vec<(Group, Operation)>>) -> Outcome {
        while go.recv().is_ok() {
            let mut operations = Vec::new();
            for _ in 0..ROUND {
                self.act(&mut operations)?;
            }
            seen.send(operations)?;
        }
        Ok(())
    }

    fn act(&mut self, operations: &mut Vec<(Group, Operation)>) -> Outcome {
        let group = GROUPS[self.random.below(GROUPS.len())];
        if group == Group::Texts && self.has("watch") && self.random.chance(15) {
            return self.compare_and_set(operations);
        }
        let action = match group {
            Group::Counter => Action::Single(self.counter_command()),
            Group::Texts => self.texts_action(),
            Group::Lists => self.lists_action(),
        };
        let operation = self.perform(action)?;
        operations.push((group, operation));
        Ok(())
    }

    fn counter_command(&mut self) -> Command {
        match self.random.below(8) {
            0 => Command::Set("n", self.random.below(1000).to_string()),
            1 => Command::Take("n"),
            2 => Command::Append("n", "7".to_owned()),
            3 | 4 => Command::Get("n"),
            _ => Command::Increment("n"),
        }
    }

    fn texts_action(&mut self) -> Action {
        let key = TEXTS[self.random.below(2)];
        match self.random.below(8) {
            0 if self.has("eval") => Action::Swap("a", "b"),
            1 if self.has("multi") => {
                let value = self.value();
                Action::Transaction(vec![Command::Set("a", value.clone()), Command::Set("b", value)])
            }
            2 if self.has("multi") => Action::Transaction(vec![Command::Get("b"), Command::Get("a")]),
            3 if self.has("multi") => {
                Action::Transaction(vec![Command::Take("b"), Command::Append("a", self.value())])
            }
            4 => Action::Single(Command::Take(key)),
            5 => Action::Single(Command::Set(key, self.value())),
            _ => Action::Single(Command::Get(key)),
        }
    }

    fn lists_action(&mut self) -> Action {
        let key = LISTS[self.random.below(2)];
        match self.random.below(10) {
            0 | 1 if self.has("blpop") => {
                let start = self.random.below(2);
                Action::BlockingPop(vec![LISTS[start], LISTS[1 - start]])
            }
            2 if self.has("multi") => {
                Action::Transaction(vec![Command::Pop("l"), Command::Push("m", self.value())])
            }
            3 => Action::Single(Command::Read(key)),
            4 => Action::Single(Command::Move("l", "m")),
            5 => Action::Single(Command::Move("m", "l")),
            6 | 7 => Action::Single(Command::Push(key, self.value())),
            // More is taken than given, so that the lists stay short.
            _ => Action::Single(Command::Pop(key)),
        }
    }

    /// Reads a key under WATCH and changes it if nobody else has.
    fn compare_and_set(&mut self, operations: &mut Vec<(Group, Operation)>) -> Outcome {
        let key = TEXTS[self.random.below(2)];
        self.connection.expect(&["WATCH", key])?;
        let read = self.perform(Action::Single(Command::Get(key)))?;
        let action = Action::CompareAndSet(key, read.reply.clone(), self.value());
        operations.push((Group::Texts, read));
        let operation = self.perform(action)?;
        operations.push((Group::Texts, operation));
        Ok(())
    }

    fn perform(&mut self, action: Action) -> Outcome<Operation> {
        let calls = action.calls();
        let mut bytes = Vec::new();
        for call in &calls {
            encode(call, &mut bytes);
        }
        let called = self.now();
        self.connection.send(&bytes)?;
        let replies = calls.iter().map(|_| self.connection.receive()).collect::<Result<Vec<Reply>, _>>()?;
        let returned = self.now();
        let reply = replies.into_iter().next_back().ok_or("an action sends something")?;
        Ok(Operation { action, reply, called, returned })
    }

    fn now(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }

    /// Returns a value that nobody else writes, and that nobody has written.
    fn value(&mut self) -> String {
        self.values += 1;
        format!("{}.{}", self.number, self.values)
    }

    fn has(&self, command: &str) -> bool {
        self.commands.contains(command)
    }
}
