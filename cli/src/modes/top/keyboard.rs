//! Keys.

use super::Event;
use std::io::{self, Read};
use std::sync::mpsc::Sender;
use std::thread;

/// A key, or keys pressed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    Left,
    Right,
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Tab,
    BackTab,
    Enter,
    Escape,
    /// Together with Ctrl.
    Control(char),
}

/// Starts the thread that reads keys of standard input, which must be a terminal that does not wait for lines.
pub(super) fn follow(tell: Sender<Event>) {
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        let mut bytes = [0; 64];
        loop {
            let events: Vec<Event> = match input.read(&mut bytes) {
                Ok(0) => vec![Event::Hangup],
                Ok(length) => keys(&bytes[..length]).into_iter().map(Event::Key).collect(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => vec![Event::Hangup],
            };
            for event in events {
                let is_end = matches!(event, Event::Hangup);
                if tell.send(event).is_err() || is_end {
                    return;
                }
            }
        }
    });
}

/// Sequences that terminals send for keys without a letter.
const SEQUENCES: [(&[u8], Key); 17] = [
    (b"\x1b[A", Key::Up),
    (b"\x1b[B", Key::Down),
    (b"\x1b[C", Key::Right),
    (b"\x1b[D", Key::Left),
    (b"\x1bOA", Key::Up),
    (b"\x1bOB", Key::Down),
    (b"\x1bOC", Key::Right),
    (b"\x1bOD", Key::Left),
    (b"\x1b[5~", Key::PageUp),
    (b"\x1b[6~", Key::PageDown),
    (b"\x1b[H", Key::Home),
    (b"\x1b[F", Key::End),
    (b"\x1b[1~", Key::Home),
    (b"\x1b[4~", Key::End),
    (b"\x1bOH", Key::Home),
    (b"\x1bOF", Key::End),
    (b"\x1b[Z", Key::BackTab),
];

/// The keys that bytes stand for. A sequence comes in one piece; one that is not known is no key.
fn keys(mut bytes: &[u8]) -> Vec<Key> {
    let mut keys = Vec::new();
    while let Some(&first) = bytes.first() {
        if let Some((sequence, key)) = SEQUENCES.iter().find(|(sequence, _)| bytes.starts_with(sequence)) {
            keys.push(*key);
            bytes = &bytes[sequence.len()..];
            continue;
        }
        let mut length = 1;
        match first {
            0x1b if bytes.len() == 1 => keys.push(Key::Escape),
            0x1b if matches!(bytes[1], b'[' | b'O') => {
                let end = bytes[2..].iter().position(|byte| (b'@'..=b'~').contains(byte));
                length = end.map_or(bytes.len(), |end| end + 3);
            }
            // Together with Alt.
            0x1b => length = 2,
            b'\t' => keys.push(Key::Tab),
            b'\r' | b'\n' => keys.push(Key::Enter),
            0x7f => {}
            0..0x20 => keys.push(Key::Control(char::from(first + b'a' - 1))),
            ascii if ascii.is_ascii() => keys.push(Key::Char(char::from(ascii))),
            // No key here has a letter of another alphabet.
            _ => {}
        }
        bytes = &bytes[length..];
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_keys() {
        assert_eq!(keys(b"q\x1b[A\x03\x1b[Z"), [Key::Char('q'), Key::Up, Key::Control('c'), Key::BackTab]);
        assert_eq!(keys(b"\x1b"), [Key::Escape]);
        assert_eq!(keys(b"\x1b[5~\x1bOH\t\r"), [Key::PageUp, Key::Home, Key::Tab, Key::Enter]);
        assert_eq!(keys(b"\x1b[1;5Cx\xc3\xa4"), [Key::Char('x')]);
        assert_eq!(keys(b"\x1b[99"), []);
        assert_eq!(keys(b"\x1bx\x00"), [Key::Control('`')]);
    }
}
