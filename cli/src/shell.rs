//! What a command line does, whether typed or read from a pipe: words of its own, or a command for the server.

use crate::address::Address;
use crate::arguments::Arguments;
use crate::documentation::{Documentation, Style, write_help};
use crate::format::{OutputFormat, Printer};
use crate::peek::peek;
use crate::session::{Answer, Session, SessionError};

use spinel_resp::request::split_line;
use spinel_resp::value::Value;
use std::io::{self, IsTerminal, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A session together with the way its replies are shown.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is one preference of whoever reads")]
pub struct Shell {
    /// The conversation with the server.
    pub session: Session,
    /// How replies look.
    pub printer: Printer,
    /// Whether messages the server sends on its own account are shown.
    pub show_pushes: bool,
    /// Whether a cluster's redirections are shown.
    pub show_redirections: bool,
    /// Time to wait after each run of a repeated command.
    pub interval: Duration,
    /// Whether suggestions are shown while typing.
    pub hints: bool,
    /// Whether a person is asked before a command that removes much or takes long.
    pub guard: bool,
    /// Whether who writes a command wrong is told which is like it.
    pub suggests: bool,
    /// Commands that take at least so long are followed by the time they took.
    pub tell_time_from: Option<Duration>,
    /// How help is shown.
    pub style: Style,
    documentation: Option<Rc<Documentation>>,
}

/// What a line asks of whoever reads the lines.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Read the next line.
    Continue,
    /// Leave.
    Quit,
    /// Show what comes from the server until told otherwise. The value came first and is shown already.
    Listen(Value),
}

/// What became of one run of a command.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered; the last reply was an error or not.
    Answered {
        /// The text of the error reply, if it was one.
        error: Option<Vec<u8>>,
    },
    /// It began an endless row of values, of which the first is shown.
    Streaming(Value),
}

impl Shell {
    /// A shell that has yet to connect.
    pub fn new(arguments: &Arguments) -> Self {
        Self {
            session: Session::new(arguments.login.clone()),
            printer: arguments.printer.clone(),
            show_pushes: arguments.show_pushes,
            show_redirections: arguments.command.is_empty(),
            interval: arguments.interval,
            hints: true,
            guard: !arguments.no_guard,
            suggests: false,
            tell_time_from: None,
            style: if io::stdout().is_terminal() { Style::Coloured } else { Style::Plain },
            documentation: None,
        }
    }

    /// Does what `line` says.
    ///
    /// Troubles of the connection are told on standard error and don't end the reading of lines; an error is
    /// returned only if standard output is gone.
    pub fn interpret(&mut self, line: &[u8], out: &mut impl Write) -> io::Result<Step> {
        let Some(words) = split_line(line) else {
            out.write_all(b"Invalid argument(s)\n")?;
            return Ok(Step::Continue);
        };
        let Some(first) = words.first() else { return Ok(Step::Continue) };
        let name = String::from_utf8_lossy(first).to_ascii_lowercase();
        match name.as_str() {
            "quit" | "exit" => Ok(Step::Quit),
            "help" | "?" => self.help(&words[1..], out).map(|()| Step::Continue),
            "peek" if words.len() == 2 && self.session.in_transaction() => {
                out.write_all(b"In a transaction the server answers nothing that could be shown.\n")?;
                Ok(Step::Continue)
            }
            "peek" if words.len() == 2 => {
                match peek(&mut self.session, &words[1]) {
                    Ok(sight) => write!(out, "{sight}")?,
                    Err(error) => eprintln!("{error}"),
                }
                Ok(Step::Continue)
            }
            "peek" => out.write_all(b"peek takes one key.\n").map(|()| Step::Continue),
            "top" if self.suggests => {
                out.write_all(b"top needs the whole screen: run spinel-cli top.\n").map(|()| Step::Continue)
            }
            "clear" => out.write_all(b"\x1b[H\x1b[2J").map(|()| Step::Continue),
            "connect" if words.len() == 3 => {
                self.move_to(&words[1], &words[2]);
                Ok(Step::Continue)
            }
            _ if name.starts_with(':') => self.prefer(&words, out).map(|()| Step::Continue),
            _ => self.repeat(&words, out),
        }
    }

    fn move_to(&mut self, host: &[u8], port: &[u8]) {
        let Some(port) = std::str::from_utf8(port).ok().and_then(|port| port.parse().ok()) else {
            eprintln!("Invalid server port.");
            return;
        };
        let host = String::from_utf8_lossy(host).into_owned();
        // Another server may have other commands.
        self.documentation = None;
        if let Err(error) = self.session.move_to(Address::Tcp { host, port }) {
            eprintln!("{error}");
        }
    }

    fn help(&mut self, words: &[Vec<u8>], out: &mut impl Write) -> io::Result<()> {
        let topic: Vec<String> =
            words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let documentation = if topic.is_empty() { None } else { self.documentation() };
        let text =
            write_help(documentation.as_deref().unwrap_or(&Documentation::default()), &topic, self.style);
        out.write_all(text.as_bytes())
    }

    /// What the server says about its commands, asked for once; nothing while it can't be asked.
    pub fn documentation(&mut self) -> Option<Rc<Documentation>> {
        if self.documentation.is_none() && !self.session.in_transaction() {
            self.documentation = self.ask_for_documentation().map(Rc::new);
        }
        self.documentation.clone()
    }

    fn ask_for_documentation(&mut self) -> Option<Documentation> {
        let docs = self.ask(&["COMMAND", "DOCS"])?;
        Documentation::from_docs(&docs).or_else(|| Documentation::from_names(&self.ask(&["COMMAND"])?))
    }

    fn ask(&mut self, words: &[&str]) -> Option<Value> {
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        match self.session.call(&words, |_| {}) {
            Ok(Answer::Replies(mut replies)) => replies.pop(),
            Ok(Answer::Stream(_)) | Err(_) => None,
        }
    }

    /// Sets a preference: `:set hints`, `:set guard`, or the same with `no` before the name.
    fn prefer(&mut self, words: &[Vec<u8>], out: &mut impl Write) -> io::Result<()> {
        let text =
            |index: usize| words.get(index).map(|word| String::from_utf8_lossy(word)).unwrap_or_default();
        match (text(0).to_ascii_lowercase().as_str(), text(1).to_ascii_lowercase().as_str()) {
            (":set", "hints") => self.hints = true,
            (":set", "nohints") => self.hints = false,
            (":set", "guard") => self.guard = true,
            (":set", "noguard") => self.guard = false,
            (":set", _) if words.len() > 1 => writeln!(out, "unknown spinel-cli preference '{}'", text(1))?,
            _ => writeln!(out, "unknown spinel-cli internal command '{}'", text(0))?,
        }
        Ok(())
    }

    /// Runs a command as often as a number before it says.
    fn repeat(&mut self, words: &[Vec<u8>], out: &mut impl Write) -> io::Result<Step> {
        let count = std::str::from_utf8(&words[0]).ok().and_then(|word| word.parse::<i64>().ok());
        let (times, words) = match count {
            Some(count) if words.len() > 1 && count <= 0 => {
                out.write_all(b"Invalid spinel-cli repeat command option value.\n")?;
                return Ok(Step::Continue);
            }
            Some(count) if words.len() > 1 => (count, &words[1..]),
            _ => (1, words),
        };
        for _ in 0..times {
            let start = Instant::now();
            match self.run(words, out) {
                Ok(Outcome::Streaming(first)) => return Ok(Step::Listen(first)),
                Ok(Outcome::Answered { error }) => {
                    self.tell_time(start.elapsed(), out)?;
                    self.suggest(error, &words[0], out)?;
                }
                Err(RunError::Session(error)) => {
                    out.flush()?;
                    eprintln!("{error}");
                    break;
                }
                Err(RunError::Refused(text)) => {
                    out.flush()?;
                    eprintln!("{text}");
                    break;
                }
                Err(RunError::Output(error)) => return Err(error),
            }
            std::thread::sleep(self.interval);
        }
        Ok(Step::Continue)
    }

    /// Tells which command somebody may have meant whose command the server does not know.
    fn suggest(&mut self, error: Option<Vec<u8>>, name: &[u8], out: &mut impl Write) -> io::Result<()> {
        if !self.suggests || !error.is_some_and(|error| error.starts_with(b"ERR unknown command")) {
            return Ok(());
        }
        let documentation = self.documentation();
        let meant = documentation.as_ref().and_then(|known| known.nearest(&String::from_utf8_lossy(name)));
        meant.map_or(Ok(()), |meant| writeln!(out, "Did you mean {meant}?"))
    }

    fn tell_time(&self, elapsed: Duration, out: &mut impl Write) -> io::Result<()> {
        let worth_telling = self.tell_time_from.is_some_and(|least| elapsed >= least);
        if worth_telling && self.printer.format == OutputFormat::Standard {
            writeln!(out, "({:.2}s)", elapsed.as_secs_f64())?;
        }
        Ok(())
    }

    /// Runs one command and shows the answer.
    pub fn run(&mut self, words: &[Vec<u8>], out: &mut impl Write) -> Result<Outcome, RunError> {
        let mut text = Vec::new();
        let answer = self.call(words, &mut text);
        let redirected = self.session.take_redirected();
        if self.show_redirections {
            text.extend(redirected.into_iter().flat_map(|line| format!("{line}\n").into_bytes()));
        }
        let outcome = match answer {
            Ok(Answer::Replies(replies)) => {
                for reply in &replies {
                    text.extend(self.printer.reply(words, reply));
                }
                Outcome::Answered { error: replies.last().and_then(error_text) }
            }
            Ok(Answer::Stream(first)) => {
                text.extend(self.printer.reply(words, &first));
                Outcome::Streaming(first)
            }
            // The server that was told to go away went: that is the answer.
            Err(SessionError::Lost(_)) if is_shutdown(words) => Outcome::Answered { error: None },
            Err(error) => return Err(RunError::Session(error)),
        };
        out.write_all(&text)?;
        out.flush()?;
        Ok(outcome)
    }

    fn call(&mut self, words: &[Vec<u8>], pushes: &mut Vec<u8>) -> Result<Answer, SessionError> {
        let Self { session, printer, show_pushes, .. } = self;
        session.call(words, |push| {
            if *show_pushes {
                pushes.extend(printer.push(push));
            }
        })
    }

    /// Shows whatever comes until the connection ends.
    pub fn listen(&mut self, out: &mut impl Write) -> Result<std::convert::Infallible, RunError> {
        loop {
            let value = self.session.receive()?;
            out.write_all(&self.printer.reply(&[], &value))?;
            out.flush()?;
        }
    }
}

/// Why a command could not be run and shown.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// The server could not be asked or did not answer.
    Session(SessionError),
    /// It can't be done, for a reason that this text tells.
    Refused(String),
    /// The answer could not be written.
    Output(io::Error),
}

impl From<io::Error> for RunError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<SessionError> for RunError {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

fn error_text(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Error(message) => Some(message.clone()),
        _ => None,
    }
}

fn is_shutdown(words: &[Vec<u8>]) -> bool {
    words.first().is_some_and(|word| word.eq_ignore_ascii_case(b"shutdown"))
}
