//! The line under the cursor.

use super::assistant::Assistant;
use super::history;
use crate::documentation::Documentation;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor, ExternalPrinter};
use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;

/// Lines of history kept.
const HISTORY_LINES: usize = 1000;

/// An editor for lines, with history, completion and hints.
pub(super) struct LineEditor {
    editor: Editor<Assistant, FileHistory>,
    history_file: Option<PathBuf>,
}

/// What a person did at the prompt.
pub(super) enum Typed {
    /// Typed a line.
    Line(String),
    /// Said that there will be no more.
    End,
    /// Pressed Ctrl-C.
    Interrupt,
}

/// Shows a text above the line that is being edited.
pub(super) type Announce = Box<dyn FnMut(String) + Send>;

impl LineEditor {
    /// Prepares the terminal and loads the history.
    pub(super) fn new() -> rustyline::Result<Self> {
        let config = Config::builder()
            .max_history_size(HISTORY_LINES)?
            .history_ignore_dups(true)?
            .completion_type(CompletionType::List)
            .build();
        let mut editor = Editor::with_config(config)?;
        editor.set_helper(Some(Assistant::default()));
        let history_file = history::file(|name| std::env::var_os(name));
        if let Some(file) = &history_file {
            // At first there is none, and a history that cannot be read is no reason not to work.
            let _ = editor.load_history(file);
        }
        Ok(Self { editor, history_file })
    }

    /// Sets what completion and hints know.
    pub(super) fn assist(&mut self, documentation: Option<Rc<Documentation>>, hints: bool) {
        self.editor.set_helper(Some(Assistant { documentation: documentation.unwrap_or_default(), hints }));
    }

    /// Lets a person type a line, and remembers it unless it holds a secret.
    pub(super) fn read(&mut self, prompt: &str) -> Typed {
        match self.editor.readline(prompt) {
            Ok(line) => {
                self.remember(&line);
                Typed::Line(line)
            }
            Err(ReadlineError::Interrupted) => Typed::Interrupt,
            Err(ReadlineError::Eof) => Typed::End,
            Err(error) => {
                eprintln!("{error}");
                Typed::End
            }
        }
    }

    /// Asks a question; whether the answer begins with a `y`.
    pub(super) fn confirm(&mut self, question: &str) -> bool {
        // Neither hints nor history have anything to do with the answer.
        self.editor.set_helper(None);
        self.editor.readline(question).is_ok_and(|answer| answer.trim_start().starts_with(['y', 'Y']))
    }

    fn remember(&mut self, line: &str) {
        if line.trim().is_empty() || history::is_secret(line) {
            return;
        }
        let added = self.editor.add_history_entry(line).unwrap_or(false);
        if let (true, Some(file)) = (added, &self.history_file) {
            // Written at once, so that two clients keep both their lines; a read-only home only costs the history.
            let _ = self.editor.append_history(file);
        }
    }

    /// A way to show texts while a line is being edited, usable from another thread.
    pub(super) fn announcer(&mut self) -> Announce {
        match self.editor.create_external_printer() {
            Ok(mut printer) => Box::new(move |text| {
                // Without a terminal there is nobody to show it to.
                let _ = printer.print(text);
            }),
            // A terminal without cursor movement: the text goes wherever the cursor is.
            Err(_) => Box::new(|text| {
                let mut out = std::io::stdout().lock();
                let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            }),
        }
    }
}
