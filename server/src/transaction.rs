//! The state of a transaction: commands that wait for EXEC, and keys that are watched.

use spinel_storage::DbIndex;
use spinel_storage::command::flags::Flags;
use spinel_storage::engine::{Prepared, Watch};
use std::cell::Cell;
use std::time::Duration;

/// The memory of a transaction up to which it is kept for the next one.
const SPARE_BYTES_MAX: usize = 64 * 1024;

thread_local! {
    /// The memory of the last transaction of the thread. The next one needs about as much.
    static SPARE: Cell<Option<Box<Transaction>>> = const { Cell::new(None) };
}

/// What happens when a command of a transaction fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OnFailure {
    /// The others run all the same.
    GoOn,
    /// All are undone.
    Undo,
}

/// Commands between MULTI and EXEC, their words one behind the other. Give it back to [`end`](Transaction::end).
pub(crate) struct Transaction {
    bytes: Vec<u8>,
    /// Where each word ends.
    word_ends: Vec<usize>,
    /// The commands, and where the words of each end.
    commands: Vec<(Prepared, usize)>,
    /// The flags of all commands.
    pub(crate) flags: Flags,
    pub(crate) on_failure: OnFailure,
    /// The database that a command of it selects, as far as it has come.
    pub(crate) db: Option<DbIndex>,
    /// Whether a command was refused, so that none will run.
    pub(crate) is_doomed: bool,
    /// Whether all commands may run while a data set is loaded.
    pub(crate) may_run_while_loading: bool,
}

impl Transaction {
    fn new() -> Transaction {
        let (bytes, word_ends, commands) = (Vec::new(), Vec::new(), Vec::new());
        Transaction {
            bytes,
            word_ends,
            commands,
            flags: Flags::NONE,
            on_failure: OnFailure::GoOn,
            db: None,
            is_doomed: false,
            may_run_while_loading: true,
        }
    }

    /// Ends it, whatever has become of it.
    pub(crate) fn end(mut self: Box<Transaction>) {
        if self.capacity_bytes() <= SPARE_BYTES_MAX {
            (self.flags, self.is_doomed, self.may_run_while_loading) = (Flags::NONE, false, true);
            self.db = None;
            self.bytes.clear();
            self.word_ends.clear();
            self.commands.clear();
            SPARE.set(Some(self));
        }
    }

    /// Adds a command.
    pub(crate) fn add(&mut self, prepared: &Prepared, flags: Flags, words: &[&[u8]]) {
        self.flags = self.flags.with(flags);
        for word in words {
            self.bytes.extend_from_slice(word);
            self.word_ends.push(self.bytes.len());
        }
        self.commands.push((*prepared, self.word_ends.len()));
    }

    /// How many commands there are.
    pub(crate) fn len(&self) -> usize {
        self.commands.len()
    }

    /// Bytes of memory that the commands take.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.bytes.len()
            + self.word_ends.len() * size_of::<usize>()
            + self.commands.len() * size_of::<(Prepared, usize)>()
    }

    fn capacity_bytes(&self) -> usize {
        self.bytes.capacity()
            + self.word_ends.capacity() * size_of::<usize>()
            + self.commands.capacity() * size_of::<(Prepared, usize)>()
    }

    /// All words.
    pub(crate) fn words(&self) -> Vec<&[u8]> {
        let mut start = 0;
        self.word_ends.iter().map(|end| &self.bytes[std::mem::replace(&mut start, *end)..*end]).collect()
    }

    /// The commands with their words, which are among those that [`words`](Transaction::words) returned.
    pub(crate) fn commands<'w>(
        &'w self,
        words: &'w [&'w [u8]],
    ) -> impl Iterator<Item = (&'w Prepared, &'w [&'w [u8]])> {
        let mut start = 0;
        self.commands
            .iter()
            .map(move |(prepared, end)| (prepared, &words[std::mem::replace(&mut start, *end)..*end]))
    }
}

/// What a session has of transactions. Most have nothing.
#[derive(Default)]
pub(crate) struct Transactions {
    pub(crate) current: Option<Box<Transaction>>,
    pub(crate) watch: Watch,
    /// Whether EXEC was refused, so that all is to be forgotten.
    pub(crate) is_over: bool,
    /// Whether EXEC runs, so that nothing waits.
    pub(crate) is_running: bool,
    /// The time since 1970 that TIME has told in the transaction or the script, and tells until it ends.
    pub(crate) moment: Option<Duration>,
}

impl Transactions {
    /// Begins one without commands.
    pub(crate) fn begin(&mut self, on_failure: OnFailure) {
        let mut transaction = SPARE.take().unwrap_or_else(|| Box::new(Transaction::new()));
        transaction.on_failure = on_failure;
        self.current = Some(transaction);
    }
}
