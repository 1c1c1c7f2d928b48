//! `--askpass`: a password that is typed.

use crate::session::Login;
use crate::shell::RunError;
use rustyline::completion::Completer;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Editor, Helper};
use std::borrow::Cow;

/// Shows a star for each letter.
struct Mask;

impl Helper for Mask {}
impl Completer for Mask {
    type Candidate = String;
}
impl Hinter for Mask {
    type Hint = String;
}
impl Validator for Mask {}
impl Highlighter for Mask {
    fn highlight<'line>(&self, line: &'line str, _: usize) -> Cow<'line, str> {
        Cow::Owned("*".repeat(line.chars().count()))
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        true
    }
}

/// Asks a person, or reads the first line of standard input, and takes it for the password.
pub(super) fn ask(login: &mut Login) -> Result<(), RunError> {
    let refused = |error: rustyline::error::ReadlineError| RunError::Refused(error.to_string());
    let mut editor: Editor<Mask, rustyline::history::DefaultHistory> = Editor::new().map_err(refused)?;
    editor.set_helper(Some(Mask));
    let password = match editor.readline("Please input password: ") {
        Ok(password) => password,
        Err(rustyline::error::ReadlineError::Eof) => return Ok(()),
        Err(error) => return Err(refused(error)),
    };
    login.set_password(password.into_bytes());
    Ok(())
}
