//! `--intrinsic-latency`: how long this machine makes a program wait that never waits itself.
//!
//! A loop of equal steps is timed. A step that takes long was interrupted, by the scheduler or the machine below: no
//! server on this machine answers sooner than that.

use crate::shell::RunError;
use std::hint::black_box;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Measures for so long, and prints every wait that is longer than those before it.
pub(in crate::modes) fn intrinsic(duration: Duration) -> Result<(), RunError> {
    let mut out = io::stdout().lock();
    let begin = Instant::now();
    let (mut last, mut longest, mut runs) = (begin, Duration::ZERO, 0_u64);
    let mut work = 0_u64;
    while last.duration_since(begin) < duration {
        for step in 0..8_u64 {
            work = black_box(work.wrapping_mul(31).wrapping_add(step));
        }
        let now = Instant::now();
        let wait = now.duration_since(last);
        if wait.as_micros() > longest.as_micros() {
            longest = wait;
            writeln!(out, "Max latency so far: {} microseconds.", longest.as_micros())?;
            out.flush()?;
        }
        // The time that printing takes is not the machine's doing.
        last = Instant::now();
        runs += 1;
    }
    let average = last.duration_since(begin).as_secs_f64() * 1e6 / runs.max(1) as f64;
    let times = if average > 0.0 { longest.as_secs_f64() * 1e6 / average } else { 0.0 };
    writeln!(
        out,
        "\n{runs} total runs (avg latency: {average:.4} microseconds / {:.2} nanoseconds per run).\n\
         Worst run took {times:.0}x longer than the average latency.",
        average * 1000.0
    )?;
    Ok(())
}
