//! Commands typed by a person.

mod assistant;
mod editor;
mod history;
mod listening;

use crate::arguments::Arguments;
use crate::session::Session;
use crate::shell::{Shell, Step};
use editor::{LineEditor, Typed};
use listening::Ending;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

/// Commands that take at least so long are followed by the time they took.
const WORTH_TELLING: Duration = Duration::from_millis(500);

/// Reads lines from the terminal and does what they say until told to leave.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let mut shell = Shell::new(arguments);
    shell.tell_time_from = Some(WORTH_TELLING);
    if let Err(error) = shell.session.connect() {
        eprintln!("{error}");
    }
    let mut editor = match LineEditor::new() {
        Ok(editor) => editor,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    loop {
        describe_commands(&mut shell, &mut editor);
        let line = match editor.read(&prompt(&shell.session)) {
            Typed::Line(line) => line,
            Typed::End => return ExitCode::SUCCESS,
            Typed::Interrupt => return ExitCode::FAILURE,
        };
        match obey(&line, &mut shell, &mut editor) {
            Ok(Ending::Resume) => {}
            Ok(Ending::Quit) => return ExitCode::SUCCESS,
            Err(_) => return ExitCode::FAILURE,
        }
    }
}

/// Gives the editor what it needs for completion and hints, once there is a server to tell.
fn describe_commands(shell: &mut Shell, editor: &mut LineEditor) {
    let documentation = if shell.session.is_connected() { shell.documentation() } else { None };
    editor.assist(documentation, shell.hints);
}

/// Does what one line says, and what the lines typed while messages came in say.
fn obey(line: &str, shell: &mut Shell, editor: &mut LineEditor) -> io::Result<Ending> {
    // The lock ends with this statement: listening prints from two threads.
    let step = shell.interpret(line.as_bytes(), &mut io::stdout().lock())?;
    match step {
        Step::Continue => Ok(Ending::Resume),
        Step::Quit => Ok(Ending::Quit),
        Step::Listen(first) => listening::listen(&first, shell, editor),
    }
}

/// `127.0.0.1:6379[3](TX)> `: the server, the database unless it is the first, and whether a transaction is open.
fn prompt(session: &Session) -> String {
    if !session.is_connected() {
        return "not connected> ".to_owned();
    }
    let transaction = if session.in_transaction() { "(TX)" } else { "" };
    format!("{}{transaction}> ", place(session))
}

/// The server and the database.
fn place(session: &Session) -> String {
    let server = session.address().prompt();
    match session.database() {
        0 => server,
        number => format!("{server}[{number}]"),
    }
}
