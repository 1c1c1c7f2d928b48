//! What the keys do.

use super::super::canvas::{Line, Look};

const KEYS: [(&str, &str); 10] = [
    ("1 to 5, Tab", "another view"),
    ("left, right", "order the table by another column; also < and >"),
    ("r", "the other way round"),
    ("up, down", "scroll; also j and k, page up and down, home, end"),
    ("p, space", "pause, and go on"),
    ("+, -", "more or less time between two looks at the server"),
    ("Enter", "look now"),
    ("?, h", "this help"),
    ("q, Ctrl-C", "quit"),
    ("Ctrl-Z", "stop, until the shell's fg"),
];

const NOTES: [&str; 7] = [
    "BUSY % is the share of the time that a command ran; with several threads it",
    "may be above 100. P50 and P99: half of the calls, and 99 of 100, took at most",
    "so long since the last look, rounded up to a power of two; where a server does",
    "not count that, since its start. FAILED calls were answered by an error,",
    "REFUSED ones did not even run.",
    "The server is asked for counters that it keeps anyhow, and for the list of",
    "clients only while you look at it. What it does not tell is left out, or -.",
];

pub(super) fn lines() -> Vec<Line> {
    let mut lines = vec![Line::default()];
    lines.extend(
        KEYS.iter().map(|(key, what)| Line::of(Look::Strong, format!(" {key:<14}")).with(Look::Plain, *what)),
    );
    lines.push(Line::default());
    lines.extend(NOTES.iter().map(|note| Line::of(Look::Dim, format!(" {note}"))));
    lines
}
