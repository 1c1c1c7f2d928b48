//! A world for scripts: a map of strings and hashes, a log, and ticks that a test counts.

use std::collections::BTreeMap;
use std::time::Duration;

use spinel_resp::{Protocol, ReplyWriter};
use spinel_scripting::{Call, Flags, Host, Interpreter, Job, LogLevel, Origin, Progress, Settings, Tick};

type Fields = BTreeMap<Vec<u8>, Vec<u8>>;

/// The few commands that scripts of the tests call.
pub(crate) struct World {
    pub(crate) strings: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) hashes: BTreeMap<Vec<u8>, Fields>,
    pub(crate) log: Vec<(LogLevel, Vec<u8>)>,
    pub(crate) calls: Vec<(Protocol, bool, bool)>,
    /// Ticks before the script is killed or suspended.
    pub(crate) ticks_left: u32,
    /// What happens then.
    pub(crate) then: Tick,
    pub(crate) is_readonly: bool,
}

impl World {
    pub(crate) fn new() -> World {
        World {
            strings: BTreeMap::new(),
            hashes: BTreeMap::new(),
            log: Vec::new(),
            calls: Vec::new(),
            // What should end by itself takes fewer.
            ticks_left: 2_000,
            then: Tick::Kill,
            is_readonly: false,
        }
    }

    fn write(&mut self, name: &str, words: &[&[u8]], reply: &mut ReplyWriter) {
        match (name, words) {
            ("set", [_, key, value]) => {
                self.strings.insert(key.to_vec(), value.to_vec());
                reply.ok();
            }
            ("set", [_, _, _, ..]) => reply.error("ERR syntax error"),
            ("del", [_, keys @ ..]) if !keys.is_empty() => {
                let removed = keys.iter().filter(|key| self.strings.remove(**key).is_some());
                reply.integer(removed.count() as i64);
            }
            ("incr", [_, key]) => {
                let value = self.strings.get(*key).map_or(Some(0), |value| spinel_resp::parse_integer(value));
                match value {
                    Some(value) => {
                        self.strings.insert(key.to_vec(), (value + 1).to_string().into_bytes());
                        reply.integer(value + 1);
                    }
                    None => reply.error("ERR value is not an integer or out of range"),
                }
            }
            ("hset", [_, key, fields @ ..]) if !fields.is_empty() && fields.len() % 2 == 0 => {
                let hash = self.hashes.entry(key.to_vec()).or_default();
                for pair in fields.chunks(2) {
                    hash.insert(pair[0].to_vec(), pair[1].to_vec());
                }
                reply.integer(fields.len() as i64 / 2);
            }
            _ => reply.error("ERR Wrong number of args calling Redis command from script"),
        }
    }

    fn read(&self, name: &str, words: &[&[u8]], reply: &mut ReplyWriter) {
        match (name, words) {
            ("ping", [_]) => reply.simple("PONG"),
            ("echo", [_, text]) => reply.bulk(text),
            ("get", [_, key]) => match self.strings.get(*key) {
                Some(value) => reply.bulk(value),
                None => reply.null(),
            },
            ("mget", [_, keys @ ..]) if !keys.is_empty() => {
                reply.array(keys.len());
                for key in keys {
                    self.read("get", &[b"get", key], reply);
                }
            }
            ("hgetall", [_, key]) => {
                let empty = Fields::new();
                let fields = self.hashes.get(*key).unwrap_or(&empty);
                reply.map(fields.len());
                for (field, value) in fields {
                    reply.bulk(field);
                    reply.bulk(value);
                }
            }
            _ => reply.error("ERR Wrong number of args calling Redis command from script"),
        }
    }
}

impl Host for World {
    fn call(&mut self, call: &Call<'_>, reply: &mut ReplyWriter) {
        let propagation = call.propagation();
        self.calls.push((call.protocol(), propagation.log, propagation.replicas));
        let name = String::from_utf8_lossy(call.words()[0]).to_ascii_lowercase();
        match name.as_str() {
            "set" | "del" | "incr" | "hset" if self.is_readonly => {
                reply.error("ERR Write commands are not allowed from read-only scripts.");
            }
            "set" | "del" | "incr" | "hset" => self.write(&name, call.words(), reply),
            "ping" | "echo" | "get" | "mget" | "hgetall" => self.read(&name, call.words(), reply),
            "eval" | "subscribe" => reply.error("ERR This Redis command is not allowed from script"),
            // A reply of any shape, as RESP: what the commands of a real server answer.
            "raw" => reply.raw(call.words()[1]),
            _ => reply.error("ERR Unknown Redis command called from script"),
        }
    }

    fn tick(&mut self) -> Tick {
        if self.ticks_left == 0 {
            return self.then;
        }
        self.ticks_left -= 1;
        Tick::GoOn
    }

    fn log(&mut self, level: LogLevel, text: &[u8]) {
        self.log.push((level, text.to_vec()));
    }

    fn acl_check(&mut self, words: &[&[u8]]) -> Option<bool> {
        ["get", "set", "ping"].iter().find(|name| name.as_bytes() == words[0]).map(|name| *name != "ping")
    }

    fn cpu_time(&mut self) -> Duration {
        Duration::from_millis(1500)
    }
}

/// An interpreter and its world.
pub(crate) struct Bench {
    pub(crate) interpreter: Interpreter,
    pub(crate) world: World,
}

impl Bench {
    pub(crate) fn new() -> Bench {
        Bench::with(Settings::default())
    }

    pub(crate) fn with(settings: Settings) -> Bench {
        Bench { interpreter: Interpreter::new(settings), world: World::new() }
    }

    /// Runs a script to its end and returns its reply in RESP2.
    pub(crate) fn eval(&mut self, body: &str) -> String {
        self.eval_with(body.as_bytes(), &[], &[], Protocol::Resp2)
    }

    pub(crate) fn eval_with(
        &mut self,
        body: &[u8],
        keys: &[&[u8]],
        arguments: &[&[u8]],
        protocol: Protocol,
    ) -> String {
        let mut reply = ReplyWriter::new(protocol);
        match self.interpreter.prepare(body, Origin::Eval) {
            Ok(script) => {
                let was_readonly = self.world.is_readonly;
                self.world.is_readonly |= script.flags().has(Flags::NO_WRITES);
                let job = Job::Script { script: &script, keys, arguments };
                let progress = self.interpreter.run(job, &mut self.world, &mut reply);
                assert!(
                    matches!(progress, Progress::Finished),
                    "suspended: {}",
                    String::from_utf8_lossy(body)
                );
                self.world.is_readonly = was_readonly;
            }
            Err(error) => reply.error_bytes(error.text()),
        }
        String::from_utf8_lossy(reply.bytes()).into_owned()
    }

    /// Checks that scripts still do what they should.
    pub(crate) fn assert_healthy(&mut self) {
        self.world.ticks_left = 2_000;
        let script = "local t = {} for i = 1, 100 do t[i] = redis.call('echo', i) end
                      return {#t, t[100], string.rep('x', 3), pcall == nil, KEYS[1]}";
        assert_eq!(self.eval(script), "*4\r\n:100\r\n$3\r\n100\r\n$3\r\nxxx\r\n$-1\r\n");
        let globals = "local n = 0 for _ in pairs(_G) do n = n + 1 end
                       for _, t in ipairs({redis, string, table, math, os, bit}) do
                         for _ in pairs(t) do n = n + 1 end end return n";
        let count = self.eval(globals);
        assert_eq!(count, Bench::new().eval(globals), "something was left behind");
    }
}
