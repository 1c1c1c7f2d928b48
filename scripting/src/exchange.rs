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
}

/// What it is told.
pub(crate) enum Answer {
    GoOn,
    Kill,
    Reply(Box<Exchange>),
    Allowed(Option<bool>),
    CpuTime(Duration),
}

/// The words of a command and then its reply; kept between calls for its memory.
pub(crate) struct Exchange {
    words: Vec<u8>,
    ends: Vec<usize>,
    pub(crate) reply: ReplyWriter,
    pub(crate) propagation: Propagation,
}

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

    /// The words, which borrow only half of the exchange, and the reply.
    pub(crate) fn parts(&mut self) -> (Vec<&[u8]>, &mut ReplyWriter) {
        let mut words = Vec::with_capacity(self.ends.len());
        let mut start = 0;
        for &end in &self.ends {
            words.push(&self.words[start..end]);
            start = end;
        }
        (words, &mut self.reply)
    }
}
