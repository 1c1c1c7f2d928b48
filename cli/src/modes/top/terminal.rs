//! The whole screen of a terminal, and giving it back as it was, however the program ends.
//!
//! How the terminal was is kept where everybody finds it: whoever leaves as planned, the hook of a panic (which may be all
//! that runs, if panics abort), and the thread that waits for signals.

use super::Event;
use super::canvas::Size;
use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcgetwinsize, tcsetattr};
use std::future::poll_fn;
use std::io::{self, Stdout, Write};
use std::panic;
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, Once, TryLockError};
use std::task::Poll;
use std::thread;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};

/// How the terminal was before it was ours; nothing while it is not.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Another screen than that of the shell, without a cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";

const LEAVE: &str = "\x1b[0m\x1b[?25h\x1b[?1049l";

/// How long the end waits for a terminal that takes nothing.
const RESTORE_PATIENCE: Duration = Duration::from_secs(1);

/// Taken where no terminal says how large it is.
const USUAL_SIZE: Size = Size { width: 80, height: 24 };

/// Signals that end the program, by their numbers.
const ENDING: [SignalKind; 4] =
    [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::quit(), SignalKind::terminate()];

/// The screen while it is ours.
pub(super) struct Terminal {
    out: Stdout,
}

impl Terminal {
    /// Takes the screen of standard output, and keys as they are pressed.
    pub(super) fn open() -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let usual = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                restore();
                usual(panic);
            }));
        });
        let out = io::stdout();
        take(&out)?;
        Ok(Self { out })
    }

    pub(super) fn size(&self) -> Size {
        match tcgetwinsize(&self.out) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                Size { width: usize::from(size.ws_col), height: usize::from(size.ws_row) }
            }
            _ => USUAL_SIZE,
        }
    }

    pub(super) fn draw(&self, text: &str) -> io::Result<()> {
        write(&self.out, text)
    }

    /// Stops the program, as Ctrl-Z does, until the shell lets it go on.
    pub(super) fn suspend(&self) -> io::Result<()> {
        restore();
        kill_process(getpid(), Signal::STOP)?;
        take(&self.out)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

fn take(out: &Stdout) -> io::Result<()> {
    let before = tcgetattr(io::stdin())?;
    let mut raw = before.clone();
    raw.make_raw();
    if let Ok(mut kept) = BEFORE.lock() {
        *kept = Some(before);
    }
    tcsetattr(io::stdin(), OptionalActions::Flush, &raw)?;
    write(out, ENTER)
}

fn write(out: &Stdout, text: &str) -> io::Result<()> {
    let mut out = out.lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Gives the terminal back, once.
fn restore() {
    let before = match BEFORE.try_lock() {
        Ok(mut kept) => kept.take(),
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().take(),
        // Somebody is at it.
        Err(TryLockError::WouldBlock) => None,
    };
    let Some(before) = before else { return };
    // A terminal that is gone needs nothing. What was typed is not for the shell. Both don't wait, as writing may.
    let _ = tcflush(io::stdin(), QueueSelector::IFlush);
    let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
    // Not by the lock of standard output: whoever panics may hold it.
    let _ = rustix::io::write(io::stdout(), LEAVE.as_bytes());
}

/// Gives the terminal back if it takes what is written: one that is stopped, or that nobody reads, must not keep a program
/// from ending.
fn restore_in_time() {
    let (tell, done) = mpsc::channel();
    thread::spawn(move || {
        restore();
        // Nobody waits any more if it took too long.
        let _ = tell.send(());
    });
    let _ = done.recv_timeout(RESTORE_PATIENCE);
}

/// Starts the thread that waits for signals. Those that end the program do so with the terminal given back.
pub(super) fn follow_signals(tell: Sender<Event>) {
    thread::spawn(move || {
        let Ok(runtime) = Builder::new_current_thread().enable_io().build() else { return };
        runtime.block_on(async {
            // A signal that can't be waited for does what it does in any program.
            let mut ending: Vec<_> =
                ENDING.into_iter().filter_map(|kind| Some((kind, signal(kind).ok()?))).collect();
            let Ok(mut resized) = signal(SignalKind::window_change()) else { return };
            loop {
                let ended = poll_fn(|context| {
                    let mut is_come = |signal: &mut Signals| signal.poll_recv(context).is_ready();
                    let come = ending.iter_mut().find_map(|(kind, signal)| is_come(signal).then_some(*kind));
                    match come {
                        Some(kind) => Poll::Ready(Some(kind)),
                        None => resized.poll_recv(context).map(|_| None),
                    }
                })
                .await;
                match ended {
                    Some(kind) => {
                        restore_in_time();
                        // As a shell tells of a program that a signal has ended.
                        std::process::exit(128 + kind.as_raw_value());
                    }
                    None if tell.send(Event::Resized).is_err() => return,
                    None => {}
                }
            }
        });
    });
}
