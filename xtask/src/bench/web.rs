//! Asking over HTTP, many times the same.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::Outcome;

/// What is asked, and what its answer looks like.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) request: Vec<u8>,
    /// How the answer begins.
    pub(super) start: &'static [u8],
    /// Its body has so many bytes, of the letter x.
    pub(super) body_bytes: usize,
}

/// A connection on which the same is asked again and again.
pub(super) struct Link {
    stream: TcpStream,
    asked: Asked,
    answer: Vec<u8>,
}

/// Listens as an origin that answers each connection like this, on a thread of its own; returns the port.
pub(super) fn origin(answer: fn(&TcpStream) -> io::Result<()>) -> Outcome<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A client that goes away has what it wanted.
            thread::spawn(move || answer(&stream).unwrap_or_default());
        }
    });
    Ok(port)
}

/// Sends a request on each connection, and then takes all answers; so many times.
pub(super) fn ask_all(links: &mut [Link], rounds: u64) -> Outcome {
    for _ in 0..rounds {
        for link in &mut *links {
            link.send()?;
        }
        for link in &mut *links {
            link.take()?;
        }
    }
    Ok(())
}

impl Link {
    /// Connects, and asks once.
    pub(super) fn connect(port: u16, asked: Asked) -> Outcome<Link> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        let mut link = Link { stream, asked, answer: Vec::new() };
        link.ask()?;
        Ok(link)
    }

    /// Asks something else from now on.
    pub(super) fn change(&mut self, asked: Asked) -> Outcome {
        self.asked = asked;
        self.ask()
    }

    fn ask(&mut self) -> Outcome {
        self.send()?;
        self.take()
    }

    fn send(&mut self) -> Outcome {
        Ok(self.stream.write_all(&self.asked.request)?)
    }

    /// Takes an answer. Heads differ in length, as ages and numbers have more digits with time.
    fn take(&mut self) -> Outcome {
        const HEAD_BYTES_MAX: usize = 4096;
        self.answer.resize(HEAD_BYTES_MAX + self.asked.body_bytes, 0);
        let (mut taken, mut whole) = (0, None);
        while whole.is_none_or(|whole| taken < whole) {
            match self.stream.read(&mut self.answer[taken..])? {
                0 => return Err("the connection was closed".into()),
                count => taken += count,
            }
            if whole.is_none() {
                let head = self.answer[..taken].windows(4).position(|window| window == b"\r\n\r\n");
                whole = head.map(|end| end + 4 + self.asked.body_bytes);
            }
        }
        let answer = &self.answer[..taken];
        let is_whole = whole == Some(taken) && (answer.ends_with(b"xx") || self.asked.body_bytes == 0);
        if answer.starts_with(self.asked.start) && is_whole {
            return Ok(());
        }
        Err(format!("unexpected answer {:?}", String::from_utf8_lossy(answer)).into())
    }
}
