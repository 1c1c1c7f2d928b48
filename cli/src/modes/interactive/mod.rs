//! Commands typed by a person.

mod assistant;
mod editor;
mod guard;
mod history;
mod listening;
mod pipeline;
mod preferences;

use crate::arguments::Arguments;
use crate::session::Session;
use crate::shell::{Shell, Step};
use editor::{LineEditor, Typed};
use listening::Ending;
use spinel_resp::request::split_line;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

/// Commands that take at least so long are followed by the time they took.
const WORTH_TELLING: Duration = Duration::from_millis(500);

/// Reads lines from the terminal and does what they say until told to leave.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let mut shell = Shell::new(arguments);
    shell.suggests = true;
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
    if preferences::load(&mut shell).is_err() {
        return ExitCode::FAILURE;
    }
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
    if shell.guard && !is_sure(line, shell, editor) {
        return Ok(Ending::Resume);
    }
    if let Some((command, programs)) = pipeline::split(line).filter(|(command, _)| !streams(command)) {
        return pipeline::run(command, programs, shell).map(|()| Ending::Resume);
    }
    // The lock ends with this statement: listening prints from two threads.
    let step = shell.interpret(line.as_bytes(), &mut io::stdout().lock())?;
    match step {
        Step::Continue => Ok(Ending::Resume),
        Step::Quit => Ok(Ending::Quit),
        Step::Listen(first) => listening::listen(&first, shell, editor),
    }
}

/// Whether a command has no end, so that nothing can wait for its whole reply.
fn streams(command: &str) -> bool {
    let name = command.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    name == "monitor" || name.ends_with("subscribe")
}

/// Asks before a command that deserves a second thought. In doubt it runs: the server has the last word.
fn is_sure(line: &str, shell: &mut Shell, editor: &mut LineEditor) -> bool {
    let words = split_line(line.as_bytes()).unwrap_or_default();
    let repeated = words.len() > 1 && words[0].iter().all(u8::is_ascii_digit);
    match guard::warning(&mut shell.session, &words[usize::from(repeated)..]) {
        Ok(Some(warning)) => {
            println!("{warning}");
            editor.confirm("Go on? (y/N) ")
        }
        Ok(None) | Err(_) => true,
    }
}

/// `ada@127.0.0.1:6379[3](TX)> `: the user unless it is the default one, the server, the database unless it is the
/// first, and whether a transaction is open.
fn prompt(session: &Session) -> String {
    if !session.is_connected() {
        return "not connected> ".to_owned();
    }
    let transaction = if session.in_transaction() { "(TX)" } else { "" };
    format!("{}{transaction}> ", place(session))
}

/// The user, the server and the database.
fn place(session: &Session) -> String {
    let user = session.user().filter(|user| *user != b"default");
    let user = user.map(|user| format!("{}@", user.escape_ascii())).unwrap_or_default();
    let server = format!("{user}{}", session.address().prompt());
    match session.database() {
        0 => server,
        number => format!("{server}[{number}]"),
    }
}
