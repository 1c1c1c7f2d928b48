//! What a script, on its own stack, and whoever runs it hand to each other.

use std::time::Duration;

use spinel_resp::{Protocol, ReplyWriter};

use crate::host::{LogLevel, Propagation};

/// What a script asks for.
pub(crate) enum Question {
    /// Run this command.
    Call(Box<Exchange>),
    /// May I go on?
    Tick,
    Log(LogLevel, Vec<u8>),
    /// May this command be called?
    AclCheck(Box<Exchange>),
    CpuTime,
    /// Where does the reply go to?
    Reply,
}

/// What it is told.
pub(crate) enum Answer {
    GoOn,
    Kill,
    Reply(Box<Exchange>),
    Allowed(Option<bool>),
    CpuTime(Duration),
    /// Lent until the next question.
    Writer(*mut ReplyWriter),
}

/// The words of a command and then its reply; kept between calls for its memory.
pub(crate) struct Exchange {
    words: Vec<u8>,
    ends: Vec<usize>,
    pub(crate) reply: ReplyWriter,
    pub(crate) propagation: Propagation,
}

/// So many words need no memory of their own.
const FEW: usize = 8;

/// Buffers above this are not kept.
const KEPT_BYTES_MAX: usize = 64 << 10;

impl Exchange {
    pub(crate) fn new() -> Exchange {
        Exchange {
            words: Vec::new(),
            ends: Vec::new(),
            reply: ReplyWriter::new(Protocol::Resp2),
            propagation: Propagation::default(),
        }
    }

    /// Starts a new command.
    pub(crate) fn clear(&mut self) {
        self.words.clear();
        self.words.shrink_to(KEPT_BYTES_MAX);
        self.ends.clear();
        self.ends.shrink_to(KEPT_BYTES_MAX);
        self.reply.clear();
        self.reply.shrink_to(KEPT_BYTES_MAX);
    }

    pub(crate) fn push(&mut self, word: &[u8]) {
        self.words.extend_from_slice(word);
        self.ends.push(self.words.len());
    }

    /// Hands over the words, which borrow only half of the exchange, and the reply.
    pub(crate) fn with_parts<T>(&mut self, take: impl FnOnce(&[&[u8]], &mut ReplyWriter) -> T) -> T {
        let mut start = 0;
        let words = self.ends.iter().map(|&end| &self.words[std::mem::replace(&mut start, end)..end]);
        if self.ends.len() > FEW {
            return take(&words.collect::<Vec<_>>(), &mut self.reply);
        }
        let mut few = [&[][..]; FEW];
        few.iter_mut().zip(words).for_each(|(place, word)| *place = word);
        take(&few[..self.ends.len()], &mut self.reply)
    }
}
