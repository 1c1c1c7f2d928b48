//! What a write does, in words that give the same result whenever they run again.

/// One command as words.
pub type Line = Vec<Vec<u8>>;

/// The effect of the running command on the journal.
///
/// Without a handler's word, a command that changed something is recorded as it was received. A handler
/// whose result depended on time, chance or state gives the lines that say what happened instead.
#[derive(Default)]
pub struct Effect {
    is_recorded: bool,
    lines: Option<Vec<Line>>,
}

impl Effect {
    /// Makes ready for the next command; `is_recorded` says whether the journal has a reader.
    #[inline]
    pub(crate) fn reset(&mut self, is_recorded: bool) {
        self.is_recorded = is_recorded;
        if is_recorded {
            self.lines = None;
        }
    }

    /// Whether anybody reads the journal: whether it is worth while to find out what a line would have to say.
    pub(crate) fn is_recorded(&self) -> bool {
        self.is_recorded
    }

    /// Replaces the words as received by one line. Costs nothing when nobody reads the journal.
    pub fn rewrite<const N: usize>(&mut self, line: impl FnOnce() -> [Vec<u8>; N]) {
        if self.is_recorded {
            self.lines.get_or_insert_default().push(line().into());
        }
    }

    /// Replaces the words as received by a line that is built only when somebody reads the journal.
    pub fn rewrite_line(&mut self, line: impl FnOnce() -> Line) {
        if self.is_recorded {
            self.lines.get_or_insert_default().push(line());
        }
    }

    /// Adds a line behind those that replace the words as received, if any do.
    pub(crate) fn also<const N: usize>(&mut self, line: impl FnOnce() -> [Vec<u8>; N]) {
        if let Some(lines) = &mut self.lines {
            lines.push(line().into());
        }
    }

    /// Adds lines, if any, to those that replace the words as received.
    pub(crate) fn add_lines(&mut self, lines: Vec<Line>) {
        if self.is_recorded && !lines.is_empty() {
            self.lines.get_or_insert_default().extend(lines);
        }
    }

    /// Adds a word to the last line given, if somebody reads the journal.
    pub fn add_word(&mut self, word: impl FnOnce() -> Vec<u8>) {
        if let Some(line) = self.lines.as_mut().and_then(|lines| lines.last_mut()) {
            line.push(word());
        }
    }

    /// The lines that stand for the command, or none for the words as received.
    pub(crate) fn lines(&mut self) -> Option<Vec<Line>> {
        self.lines.take()
    }
}
