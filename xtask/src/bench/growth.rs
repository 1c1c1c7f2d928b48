//! The row `growth`: what one command waits for while the keyspace grows, and while it is thrown away.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::cpu::fill;
use super::load::{self, Load, Shape};
use super::probe::{self, Probe};
use super::report::{Better, Limit, Section};
use super::request::{Batch, Keys, Reply, Word};
use super::server::{Contender, Server, StartOptions};
use super::{Bench, affinity};
use crate::Outcome;

const GROWN_KEYS: u64 = 10_000_000;
const FLUSHED_KEYS: u64 = 5_000_000;

/// SETs that are sent, and measured, together.
const BATCH: usize = 16;

/// SETs that show which thread serves them.
const SHOWN_SETS: u64 = 16_000;

/// What the thread that does nothing takes to reply, and how often it does: in sum what growing costs.
const IDLED: Duration = Duration::from_micros(50);
const IDLE_REPLIES: u64 = 300_000;

/// How long the probe asks before and after something is thrown away. Less than 2 s, after which Linux, as the guest of
/// a virtual machine, begins to tell the host of free memory: that stops a processor for 20 to 50 ms, also if a program
/// without any threads has freed it.
const WATCHED: Duration = Duration::from_millis(1700);

const KEY: Word = Word::Key { prefix: "k", width: 8 };
const SET: [Word; 3] = [Word::Text("SET"), KEY, Word::Value { width: 8 }];

/// Neither growing nor emptying may hold up a command for longer.
const LIMIT: (Better, Option<Limit>) = (Better::Lower, Some(Limit::Absolute(5.0)));
const INFORMS: (Better, Option<Limit>) = (Better::Lower, None);

/// Measures the longest SET while growing to ten million keys, and the longest GET during FLUSHALL ASYNC.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let mut section = Section::default();
    let grown = bench.once(|contender| grow(contender, bench.cores[0]))?;
    let idle_ms = idle()?;
    affinity::pin(&bench.cores)?;
    let column = |pick: fn(&Growth) -> f64| grown.iter().map(|growth| vec![pick(growth)]).collect();
    section.add(
        "SET while growing to 10 M keys, longest server time",
        "ms",
        LIMIT,
        column(|it| it.server_ms),
    );
    section.add("the same, longest round trip of 16", "ms", INFORMS, column(|it| it.round_trip_ms));

    let flushed = bench.interleave(|index| flush(&bench.contenders[index]))?;
    let column =
        |pick: fn(&Pause) -> f64| flushed.iter().map(|rounds| rounds.iter().map(pick).collect()).collect();
    section.add("GET during FLUSHALL ASYNC of 5 M keys, longest", "ms", LIMIT, column(|it| it.during_ms));
    section.add("GET before that, longest", "ms", INFORMS, column(|it| it.before_ms));
    section.note(format!(
        "Server time is the CPU time that the serving thread spent during two successive batches of 16 SETs, server \
         and generator pinned on one core: an upper bound for each single SET. What interrupts a thread \
         without being one, as a virtual machine that is not let run, counts as its time. The same account of a thread \
         that only looks at the clock before it replies said {idle_ms:.1} ms: what is not above that may be the \
         machine's. Round trips, and GETs of a lone connection, are wall time and include that, and what other threads of the \
         server do on the same core; the time before the FLUSHALL shows how much.",
    ));
    Ok(section)
}

#[derive(Default)]
struct Growth {
    server_ms: f64,
    round_trip_ms: f64,
}

fn grow(contender: &Contender, core: usize) -> Outcome<Growth> {
    let server = Server::start(contender, StartOptions::pinned(core))?;
    affinity::pin(&[core])?;
    let mut load = Load::connect(server.port, Shape { connections: 1, pipeline: BATCH, groups: 1 })?;
    let mut batch = Batch::new(&SET, BATCH, Reply::OK);
    let mut keys = Keys::from(0);
    let mut growth = Growth::default();
    let thread = serving_thread(&server, &mut load, &mut batch)?;
    let mut account = Account::from(server.cpu_ns_of(&thread)?);
    for _ in 0..GROWN_KEYS / BATCH as u64 {
        let run = load.run(&mut batch, &mut keys, BATCH as u64)?;
        account.note(server.cpu_ns_of(&thread)?);
        growth.round_trip_ms = growth.round_trip_ms.max(run.elapsed.as_secs_f64() * 1000.0);
    }
    growth.server_ms = account.longest_ms();
    Ok(growth)
}

/// A thread's CPU time in nanoseconds, read after each batch.
pub(super) struct Account {
    read: u64,
    previous: u64,
    longest: u64,
}

impl Account {
    pub(super) fn from(read_ns: u64) -> Self {
        Self { read: read_ns, previous: 0, longest: 0 }
    }

    pub(super) fn note(&mut self, now_ns: u64) {
        let spent_ns = now_ns - self.read;
        // What follows a reply, before the thread sleeps, may count in the next batch: hence the pair.
        self.longest = self.longest.max(self.previous + spent_ns);
        self.previous = spent_ns;
        self.read = now_ns;
    }

    /// The most that two successive batches took.
    pub(super) fn longest_ms(&self) -> f64 {
        self.longest as f64 / 1e6
    }
}

/// Asks a thread that does nothing, on the caller's core, and keeps the same account.
fn idle() -> Outcome<f64> {
    let (mut link, theirs) = UnixStream::pair()?;
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let _ = tell.send(fs::read_link("/proc/thread-self"));
        reply_idly(theirs);
    });
    let thread = told.recv()??;
    let thread = thread.file_name().ok_or("no thread id")?.to_string_lossy().into_owned();
    let mut account = Account::from(affinity::cpu_ns_of(&thread)?);
    for _ in 0..IDLE_REPLIES {
        link.write_all(&[0])?;
        link.read_exact(&mut [0])?;
        account.note(affinity::cpu_ns_of(&thread)?);
    }
    Ok(account.longest_ms())
}

/// Returns each byte after a while, until the other side has closed.
fn reply_idly(mut link: UnixStream) {
    while link.read_exact(&mut [0]).is_ok() {
        let start = Instant::now();
        while start.elapsed() < IDLED {}
        if link.write_all(&[0]).is_err() {
            return;
        }
    }
}

/// Finds the thread that serves the load: writes to keys that are there keep no other one busy.
pub(super) fn serving_thread(server: &Server, load: &mut Load, batch: &mut Batch) -> Outcome<String> {
    load.run(batch, &mut Keys::from(0), SHOWN_SETS)?;
    let before = server.thread_cpu_ns()?;
    load.run(batch, &mut Keys::from(0), SHOWN_SETS)?;
    let spent = |(thread, now_ns): &(String, u64)| now_ns - before.get(thread).copied().unwrap_or(0);
    let busiest = server.thread_cpu_ns()?.into_iter().max_by_key(spent);
    Ok(busiest.ok_or("a process without threads")?.0)
}

/// The longest GET in the time before and in the time after something was thrown away.
pub(super) struct Pause {
    pub(super) before_ms: f64,
    pub(super) during_ms: f64,
}

fn flush(contender: &Contender) -> Outcome<Pause> {
    let server = Server::start(contender, StartOptions::roaming(1))?;
    fill(&server, &SET, FLUSHED_KEYS)?;
    watch(&server, &["FLUSHALL", "ASYNC"])
}

/// Watches a lone connection's GETs for a while before and after a command.
pub(super) fn watch(server: &Server, command: &[&str]) -> Outcome<Pause> {
    let mut link = load::connect(server.port)?;
    // A key that never was: the reply has the same length before and after.
    let get = Batch::new(&[Word::Text("GET"), Word::Text("none")], 1, Reply::Fixed { bytes: 5, first: b'$' });
    let probe = Probe::start(server.port, get, Keys::from(0))?;
    thread::sleep(WATCHED);
    let cut = Instant::now();
    load::ask(&mut link, command)?;
    thread::sleep(WATCHED);
    let samples = probe.finish()?;
    // The GET that was on its way at the cut waited for the command too.
    let (before, during): (Vec<_>, Vec<_>) =
        samples.into_iter().partition(|sample| sample.at + sample.took < cut);
    Ok(Pause {
        before_ms: probe::quantile_ms(before.iter(), 1.0),
        during_ms: probe::quantile_ms(during.iter(), 1.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_keeps_the_longest_pair() {
        let mut account = Account::from(1_000_000);
        for now in [1_500_000, 3_500_000, 4_500_000, 4_600_000] {
            account.note(now);
        }
        assert!((account.longest_ms() - 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_thread_replies_idly_until_the_link_closes() {
        let (mut link, theirs) = UnixStream::pair().unwrap();
        let replying = thread::spawn(move || reply_idly(theirs));
        let start = Instant::now();
        link.write_all(&[0]).unwrap();
        link.read_exact(&mut [0]).unwrap();
        assert!(start.elapsed() >= IDLED);
        drop(link);
        replying.join().unwrap();
    }
}
