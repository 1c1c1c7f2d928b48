//! What a script costs beside its commands: `cargo run --release --example cost -p spinel-scripting [ROUNDS [NAME]]`.

use std::time::{Duration, Instant};

use spinel_resp::{Protocol, ReplyWriter};
use spinel_scripting::{Call, Host, Interpreter, Job, LogLevel, Origin, Progress, Settings, Tick};

/// Answers each command at once.
struct Dummy;

impl Host for Dummy {
    fn call(&mut self, call: &Call<'_>, reply: &mut ReplyWriter) {
        if call.words()[0] == b"set" { reply.ok() } else { reply.bulk(b"value") }
    }
    fn tick(&mut self) -> Tick {
        Tick::GoOn
    }
    fn log(&mut self, _: LogLevel, _: &[u8]) {}
    fn acl_check(&mut self, _: &[&[u8]]) -> Option<bool> {
        None
    }
    fn cpu_time(&mut self) -> Duration {
        Duration::ZERO
    }
}

const SCRIPTS: [(&str, &str); 5] = [
    ("nothing", "return 1"),
    ("one call", "return redis.call('get', KEYS[1])"),
    ("two calls", "redis.call('set', KEYS[1], ARGV[1]) return redis.call('get', KEYS[1])"),
    ("a hundred calls", "local v for i = 1, 100 do v = redis.call('get', KEYS[1]) end return v"),
    ("a hundred searches", "local v for i = 1, 100 do v = string.find(ARGV[1], 'l(u)') end return v"),
];

fn main() {
    let rounds: u32 = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(200_000);
    let mut interpreter = Interpreter::new(Settings::default());
    let only = std::env::args().nth(2);
    for (name, body) in SCRIPTS {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let script = interpreter.prepare(body.as_bytes(), Origin::Load).expect("the script is right");
        let mut reply = ReplyWriter::new(Protocol::Resp2);
        let mut best = Duration::MAX;
        for _ in 0..5 {
            let started = Instant::now();
            for _ in 0..rounds {
                reply.clear();
                let job = Job::Script { script: &script, keys: &[b"key:1"], arguments: &[b"value"] };
                let progress = interpreter.run(job, &mut Dummy, &mut reply);
                assert!(matches!(progress, Progress::Finished), "the host suspends nothing");
            }
            best = best.min(started.elapsed() / rounds);
        }
        println!("{name:20} {:6} ns", best.as_nanos());
    }
}
