//! Completion and hints at the prompt.

use crate::documentation::{Documentation, completions, hint};
use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hint, Hinter};
use rustyline::validate::Validator;
use rustyline::{Context, Helper};
use std::borrow::Cow;
use std::rc::Rc;

/// What the editor asks while a line is typed.
#[derive(Default)]
pub(super) struct Assistant {
    pub(super) documentation: Rc<Documentation>,
    /// Whether hints are wanted.
    pub(super) hints: bool,
}

impl Helper for Assistant {}

impl Validator for Assistant {}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok((0, completions(&self.documentation, &line[..position])))
    }
}

/// The rest of a usage line. It shows what to type and is not itself to be typed.
pub(super) struct UsageHint(String);

impl Hint for UsageHint {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for Assistant {
    type Hint = UsageHint;

    fn hint(&self, line: &str, position: usize, _: &Context<'_>) -> Option<UsageHint> {
        if !self.hints || position < line.len() {
            return None;
        }
        hint(&self.documentation, line).map(UsageHint)
    }
}

impl Highlighter for Assistant {
    fn highlight_hint<'hint>(&self, hint: &'hint str) -> Cow<'hint, str> {
        const GREY: &str = "90";
        Cow::Owned(format!("\x1b[{GREY}m{hint}\x1b[0m"))
    }
}
