//! Copies a running server and prints what it does: `cargo run -p spinel-replication --example follow 127.0.0.1:6379`.
//!
//! A second argument is a file for the snapshot; with a third one the connection is broken once, after so many units.

use spinel_replication::{Action, Link, LinkOptions, LinkStatus};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

struct Follower {
    primary: String,
    socket: Option<TcpStream>,
    snapshot: Box<dyn Write>,
    units_until_break: Option<u64>,
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let primary = arguments.next().unwrap_or_else(|| "127.0.0.1:6379".to_owned());
    let snapshot: Box<dyn Write> = match arguments.next() {
        Some(path) => Box::new(File::create(path)?),
        None => Box::new(io::sink()),
    };
    let units_until_break = arguments.next().and_then(|count| count.parse().ok());
    let mut follower = Follower { primary, socket: None, snapshot, units_until_break };

    let start = Instant::now();
    let now = || start.elapsed().as_millis() as u64;
    let mut link = Link::new(LinkOptions::default(), None, u64::from(std::process::id()));
    loop {
        let mut outcome = Ok(());
        let mut is_whole = false;
        while outcome.is_ok()
            && !is_whole
            && let Some(action) = link.next(now())
        {
            is_whole = matches!(action, Action::SnapshotEnds);
            outcome = follower.act(action);
        }
        if is_whole {
            link.loaded(now());
            continue;
        }
        if outcome.is_ok() && link.status() == LinkStatus::Connecting && follower.socket.is_some() {
            link.connected(now());
            continue;
        }
        let wait = link.deadline().saturating_sub(now()).clamp(1, 1000);
        match outcome.and_then(|()| follower.receive(link.room(), Duration::from_millis(wait))) {
            Ok(0) => {}
            Ok(count) => link.received(count, now()),
            Err(error) => {
                follower.socket = None;
                let failure = link.lost(&error.to_string(), now());
                println!("# {} ({error})", failure.map(|failure| failure.to_string()).unwrap_or_default());
            }
        }
    }
}

impl Follower {
    /// Does what the link says.
    fn act(&mut self, action: Action<'_>) -> io::Result<()> {
        match action {
            Action::Connect => self.socket = Some(TcpStream::connect(&self.primary)?),
            Action::Send(bytes) => {
                println!("> {}", bytes.escape_ascii());
                return self.socket.as_mut().map_or(Ok(()), |socket| socket.write_all(bytes));
            }
            Action::Note(note) => println!("# {note}"),
            Action::Close(failure) => {
                println!("# {failure}");
                self.socket = None;
            }
            Action::SnapshotBegins { position, length } => println!("# snapshot: {position:?}, {length:?}"),
            Action::Snapshot(bytes) => return self.snapshot.write_all(bytes),
            Action::SnapshotEnds => return self.snapshot.flush(),
            Action::Continues { position } => println!("# goes on at {position:?}"),
            Action::Filler(bytes) => println!("  {}", bytes.escape_ascii()),
            Action::Unit(unit) => {
                println!("{}", if unit.is_transaction() { "as one:" } else { "one:" });
                for command in unit.commands() {
                    let words: Vec<_> = command.words().map(|word| word.escape_ascii().to_string()).collect();
                    println!("  {}", words.join(" "));
                }
                self.units_until_break = self.units_until_break.and_then(|count| count.checked_sub(1));
                if self.units_until_break.take_if(|count| *count == 0).is_some() {
                    return Err(io::Error::other("on purpose"));
                }
            }
        }
        Ok(())
    }

    /// Waits for what comes; nothing after a while.
    fn receive(&mut self, room: &mut [u8], wait: Duration) -> io::Result<usize> {
        let Some(socket) = &mut self.socket else {
            std::thread::sleep(wait);
            return Ok(0);
        };
        socket.set_read_timeout(Some(wait))?;
        match socket.read(room) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(0),
            read => read,
        }
    }
}
