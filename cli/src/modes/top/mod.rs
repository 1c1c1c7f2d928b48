//! `top`: what a server does, live, on the whole screen.
//!
//! ```text
//! watch: asks the server ──┐
//! keyboard: reads keys ────┼──→ events ──→ Top ──→ screen of lines ──→ terminal
//! signals: resize, end ────┘
//! ```
//!
//! [`Top`] is all that is known, and [`views::screen`] makes lines of it, without a terminal or a server, so that tests see
//! what people see. Only what is cheap for the server is asked for: counters it keeps anyhow, the newest of its slow
//! log, and the list of clients while somebody looks at it. Without a terminal one screen is printed.

mod canvas;
mod change;
mod commands;
mod figures;
mod keyboard;
mod latencies;
mod sample;
mod state;
mod table;
mod terminal;
#[cfg(test)]
mod tests;
mod views;
mod watch;

use crate::arguments::{Arguments, Repeat};
use crate::session::Session;
use crate::shell::RunError;
use canvas::{Charset, Palette, Size};
use keyboard::Key;
use sample::Sample;
use state::{Reaction, Top, View};
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use terminal::Terminal;
use watch::Watcher;

/// Time between two looks at the server.
const INTERVAL: Duration = Duration::from_secs(1);

/// The shortest time to the second look, which is the first that can tell rates.
const FIRST_INTERVAL: Duration = Duration::from_millis(300);

/// Letters per line where no terminal says how many there are.
const PRINTED_WIDTH: usize = 100;

/// Something that happens.
enum Event {
    /// A key was pressed.
    Key(Key),
    /// The terminal has another size.
    Resized,
    /// The server was looked at, or says why it can't be.
    Looked(Box<Result<Sample, String>>),
    /// The terminal is gone.
    Hangup,
}

/// Which view a command line asks for; nothing if it asks for something else.
pub(super) fn requested(command: &[Vec<u8>]) -> Option<Result<View, RunError>> {
    let (name, rest) = command.split_first()?;
    if !name.eq_ignore_ascii_case(b"top") {
        return None;
    }
    let view = match rest {
        [] => Some(View::Overview),
        [name] => View::by_name(&String::from_utf8_lossy(name)),
        _ => None,
    };
    Some(view.ok_or_else(|| {
        let names: Vec<&str> = View::ALL.iter().map(|view| view.name()).collect();
        RunError::Refused(format!("top takes the name of a view: {}.", names.join(", ")))
    }))
}

/// Shows a server until the user has seen enough.
pub(super) fn run(arguments: &Arguments, view: View) -> Result<(), RunError> {
    let mut session = Session::new(arguments.login.clone());
    session.connect()?;
    let interval = if arguments.interval.is_zero() { INTERVAL } else { arguments.interval };
    let top = Top::new(session.address().prompt(), view, interval);
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        return on_screen(session, top);
    }
    let screens = match arguments.repeat {
        Repeat::Times(times) => times,
        Repeat::Forever => u64::MAX,
    };
    printed(&mut session, top, screens)
}

/// Prints screens, each after an interval, for files and programs.
fn printed(session: &mut Session, mut top: Top, screens: u64) -> Result<(), RunError> {
    let width = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let size = Size { width: width.unwrap_or(PRINTED_WIDTH), height: usize::MAX };
    let palette = Palette { coloured: false, charset: Charset::of_environment() };
    top.learn(Sample::take(session, top.wish()).map_err(RunError::Refused)?);
    for _ in 0..screens {
        thread::sleep(top.interval());
        top.learn(Sample::take(session, top.wish()).map_err(RunError::Refused)?);
        let text = canvas::print(&views::report(&top, size, palette.charset));
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()?;
    }
    Ok(())
}

fn on_screen(mut session: Session, mut top: Top) -> Result<(), RunError> {
    // What a server refuses of a login made again would be written over the screen.
    session.be_silent();
    let (tell, events) = mpsc::channel();
    let watcher = Watcher::start(session, tell.clone());
    let terminal = Terminal::open().map_err(|error| RunError::Refused(format!("No terminal: {error}")))?;
    terminal::follow_signals(tell.clone());
    keyboard::follow(tell);
    let outcome = live(&mut top, &events, &watcher, &terminal);
    drop(terminal);
    Ok(outcome?)
}

/// Draws what happens until somebody says that it is enough.
fn live(top: &mut Top, events: &Receiver<Event>, watcher: &Watcher, terminal: &Terminal) -> io::Result<()> {
    let palette = Palette::of_environment();
    watcher.look(top.wish());
    let mut looking_since = Some(Instant::now());
    let mut next_look = Instant::now() + FIRST_INTERVAL.min(top.interval());
    loop {
        let size = terminal.size();
        terminal.draw(&canvas::paint(&views::screen(top, size, palette.charset), size, palette))?;
        match events.recv_timeout(next_look.saturating_duration_since(Instant::now())) {
            Ok(Event::Looked(outcome)) => {
                looking_since = None;
                match *outcome {
                    Ok(sample) => top.learn(sample),
                    Err(trouble) => top.worry(trouble),
                }
            }
            Ok(Event::Key(key)) => match top.press(key, size) {
                Reaction::Nothing => {}
                Reaction::Look => next_look = Instant::now(),
                Reaction::Suspend => terminal.suspend()?,
                Reaction::Quit => return Ok(()),
            },
            Ok(Event::Resized) => {}
            Ok(Event::Hangup) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {
                if let Some(since) = looking_since {
                    // The server takes its time: it is asked again when it has answered.
                    top.wait(since.elapsed());
                } else {
                    watcher.look(top.wish());
                    looking_since = Some(Instant::now());
                }
                next_look = Instant::now() + top.interval();
            }
        }
    }
}
