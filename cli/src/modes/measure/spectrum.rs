//! `--latency-dist`: latencies as a spectrum, a line of colours for each interval.
//!
//! Each letter of a line is a range of latencies; the warmer its colour, the more of them were in it.

use super::latency::ping;
use crate::session::Session;
use crate::shell::RunError;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

/// Time between two measurements.
const PAUSE: Duration = Duration::from_millis(1);

/// Lines between two legends.
const LINES_PER_LEGEND: u64 = 20;

/// The ranges: a letter, and the microseconds that end it. The last has no end.
const RANGES: [(char, u128); 31] = [
    ('.', 10),
    ('-', 125),
    ('*', 250),
    ('#', 500),
    ('1', 1_000),
    ('2', 2_000),
    ('3', 3_000),
    ('4', 4_000),
    ('5', 5_000),
    ('6', 6_000),
    ('7', 7_000),
    ('8', 8_000),
    ('9', 9_000),
    ('A', 10_000),
    ('B', 20_000),
    ('C', 30_000),
    ('D', 40_000),
    ('E', 50_000),
    ('F', 100_000),
    ('G', 200_000),
    ('H', 300_000),
    ('I', 400_000),
    ('J', 500_000),
    ('K', 1_000_000),
    ('L', 2_000_000),
    ('M', 4_000_000),
    ('N', 8_000_000),
    ('O', 16_000_000),
    ('P', 30_000_000),
    ('Q', 60_000_000),
    ('?', u128::MAX),
];

/// Colours of a terminal with 256, from none to all.
const COLOURS: [u8; 19] =
    [0, 233, 234, 235, 237, 239, 241, 243, 245, 247, 144, 143, 142, 184, 226, 214, 208, 202, 196];

const RULE: &str = "---------------------------------------------\n";

/// Counts of one interval.
pub(super) struct Spectrum {
    counts: [u64; RANGES.len()],
}

impl Spectrum {
    /// Prints a line for each interval until the connection ends.
    pub(super) fn run(session: &mut Session, interval: Duration) -> Result<(), RunError> {
        let mut out = io::stdout().lock();
        for lines in 0_u64.. {
            if lines.is_multiple_of(LINES_PER_LEGEND) {
                out.write_all(legend().as_bytes())?;
            }
            let mut spectrum = Spectrum { counts: [0; RANGES.len()] };
            let begin = Instant::now();
            while begin.elapsed() < interval {
                spectrum.add(ping(session)?);
                thread::sleep(PAUSE);
            }
            out.write_all(spectrum.line().as_bytes())?;
            out.flush()?;
        }
        Ok(())
    }

    fn add(&mut self, latency: Duration) {
        let microseconds = latency.as_micros();
        let index = RANGES.iter().position(|(_, end)| microseconds <= *end);
        self.counts[index.unwrap_or(RANGES.len() - 1)] += 1;
    }

    fn line(&self) -> String {
        let total: u64 = self.counts.iter().sum();
        let mut line = "\x1b[38;5;0m".to_owned();
        for ((letter, _), count) in RANGES.iter().zip(self.counts) {
            let warmth = (count * (COLOURS.len() as u64 - 1)).div_ceil(total.max(1)) as usize;
            write!(line, "\x1b[48;5;{}m{letter}", COLOURS[warmth]).expect("a string takes every text");
        }
        line.push_str("\x1b[0m\n");
        line
    }
}

fn legend() -> String {
    let colours: Vec<String> = COLOURS.iter().map(|colour| format!("\x1b[48;5;{colour}m ")).collect();
    let colours = colours.concat();
    let ranges = "\
. - * #          .01 .125 .25 .5 milliseconds
1,2,3,...,9      from 1 to 9     milliseconds
A,B,C,D,E        10,20,30,40,50  milliseconds
F,G,H,I,J        .1,.2,.3,.4,.5       seconds
K,L,M,N,O,P,Q,?  1,2,4,8,16,30,60,>60 seconds
";
    format!("{RULE}{ranges}From 0 to 100%: {colours}\x1b[0m\n{RULE}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warmer_colours_are_for_more() {
        let mut spectrum = Spectrum { counts: [0; RANGES.len()] };
        spectrum.add(Duration::from_micros(5));
        assert!(spectrum.line().starts_with("\x1b[38;5;0m\x1b[48;5;196m.\x1b[48;5;0m-"));
        (0..17).for_each(|_| spectrum.add(Duration::from_secs(61)));
        let line = spectrum.line();
        assert!(line.contains("\x1b[48;5;233m.") && line.contains("\x1b[48;5;202m?\x1b"), "{line:?}");
    }
}
