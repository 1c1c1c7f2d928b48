//! How far long work is, on the standard error of a person.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Time between two updates: often enough to be seen to move.
const PERIOD: Duration = Duration::from_millis(100);

/// Letters of the bar.
const BAR: u64 = 30;

/// A line that is drawn again and again; nothing where nobody sees it. It disappears when it is dropped.
#[derive(Debug)]
pub struct Progress {
    unit: &'static str,
    /// How much there is, if that is known.
    total: Option<u64>,
    shown: bool,
    begin: Instant,
    /// When it was drawn last; nothing if nobody would see it.
    last: Option<Instant>,
}

impl Progress {
    /// Work on `total` of something, if that is known.
    pub fn new(unit: &'static str, total: Option<u64>) -> Self {
        let begin = Instant::now();
        let last = io::stderr().is_terminal().then_some(begin);
        Self { unit, total, shown: false, begin, last }
    }

    /// Shows that so much is done, if it is time to.
    pub fn show(&mut self, done: u64) {
        let now = Instant::now();
        match self.last {
            Some(last) if now.duration_since(last) >= PERIOD => self.last = Some(now),
            _ => return,
        }
        self.shown = true;
        let line = line(done, self.total, self.unit, now.duration_since(self.begin));
        // Who can't see it misses nothing else.
        let _ = write!(io::stderr(), "\r\x1b[K{line}");
    }

    /// Makes room for a line of output.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn line(done: u64, total: Option<u64>, unit: &str, elapsed: Duration) -> String {
    let rate = (done as f64 / elapsed.as_secs_f64().max(0.001)) as u64;
    let amount = |number: u64| {
        if unit == "bytes" { human_bytes(number) } else { format!("{number} {unit}") }
    };
    let Some(total) = total.filter(|total| *total > 0) else {
        return format!("{}, {}/s", amount(done), amount(rate));
    };
    let full = (done.min(total) * BAR / total) as usize;
    let bar = format!("{}{}", "#".repeat(full), ".".repeat(BAR as usize - full));
    let percent = (done.min(total) as f64 * 100.0 / total as f64) as u64;
    format!("[{bar}] {percent}%, {}, {}/s", amount(done), amount(rate))
}

/// A number of bytes as it is read best: `80B`, `4.62K`, `1.39M`.
pub fn human_bytes(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let mut amount = bytes as f64 / 1024.0;
    for unit in ["K", "M", "G", "T"] {
        if amount < 1024.0 {
            return format!("{amount:.2}{unit}");
        }
        amount /= 1024.0;
    }
    format!("{amount:.2}P")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_how_much_of_what_is_done() {
        let second = Duration::from_secs(1);

        assert_eq!(line(5, None, "keys", second), "5 keys, 5 keys/s");
        assert_eq!(
            line(1024, Some(2048), "bytes", second),
            "[###############...............] 50%, 1.00K, 1.00K/s"
        );
        // What grows while it is looked at.
        assert!(line(30, Some(10), "keys", second).contains("] 100%, 30 keys"));
        assert_eq!(line(1, Some(0), "keys", second), "1 keys, 1 keys/s");
    }

    #[test]
    fn bytes_are_read_best_with_a_unit() {
        let cases = [(0, "0B"), (1023, "1023B"), (1024, "1.00K"), (4728, "4.62K"), (1 << 30, "1.00G")];
        for (bytes, text) in cases {
            assert_eq!(human_bytes(bytes), text);
        }
    }
}
