//! What the program can do with a server: one file or folder per way of using it.

mod interactive;
mod keys;
mod measure;
mod one_shot;
mod password;
mod script;
mod standard_input;
mod top;
mod transfer;

use crate::arguments::{Arguments, Task};
use crate::session::Session;
use crate::shell::RunError;
use keys::Measure;

use std::io::{self, IsTerminal};
use std::process::ExitCode;

/// Does what the arguments ask for and says how it ended.
pub fn run(arguments: Arguments) -> ExitCode {
    match run_task(arguments) {
        Ok(status) => status,
        Err(RunError::Session(error)) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
        Err(RunError::Refused(text)) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
        // Whoever read the output has enough of it; there is nobody to tell.
        Err(RunError::Output(_)) => ExitCode::FAILURE,
    }
}

fn run_task(mut arguments: Arguments) -> Result<ExitCode, RunError> {
    if arguments.ask_password {
        password::ask(&mut arguments.login)?;
    }
    let mut session = Session::new(arguments.login.clone());
    match arguments.task.clone() {
        Task::Commands => return run_commands(&arguments),
        Task::Script(file) => {
            arguments.command = script::command(&file, &arguments)?;
            return one_shot::run(&arguments);
        }
        Task::IntrinsicLatency(duration) => measure::intrinsic(duration)?,
        task => {
            session.connect()?;
            return run_with(&arguments, &mut session, task);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Does a task that needs a server.
fn run_with(arguments: &Arguments, session: &mut Session, task: Task) -> Result<ExitCode, RunError> {
    match task {
        Task::ListKeys => keys::list(arguments, session)?,
        Task::BigKeys => keys::biggest(arguments, session, Measure::Elements)?,
        Task::MemoryKeys { samples } => keys::biggest(arguments, session, Measure::Memory(samples))?,
        Task::KeyStatistics { samples, top, cursor } => {
            keys::statistics(arguments, session, samples, (top, cursor))?;
        }
        Task::HotKeys => keys::hot(arguments, session)?,
        Task::Statistics => match measure::statistics(arguments, session)? {},
        Task::Latency(report) => measure::latency(arguments, session, report)?,
        Task::CacheTest(keys) => match measure::cache_test(session, keys)? {},
        Task::Pipe { timeout } => return transfer::pipe(arguments, session, timeout),
        Task::Snapshot { file, contents } => transfer::snapshot(session, &file, contents)?,
        Task::Replica => match transfer::replica(session)? {},
        Task::Commands | Task::IntrinsicLatency(_) | Task::Script(_) => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn run_commands(arguments: &Arguments) -> Result<ExitCode, RunError> {
    if let Some(view) = top::requested(&arguments.command) {
        return top::run(arguments, view?).map(|()| ExitCode::SUCCESS);
    }
    if !arguments.command.is_empty() {
        return one_shot::run(arguments);
    }
    if io::stdin().is_terminal() {
        return Ok(interactive::run(arguments));
    }
    standard_input::run(arguments)
}
