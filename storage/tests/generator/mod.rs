//! Makes calls of data commands from their argument trees.

use spinel_storage::UnixMillis;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::table::CommandTable;
use spinel_storage::command::usage::{Argument, Kind};
use spinel_storage::command::{Command, Group, Run};
use spinel_storage::entropy::Entropy;
use spinel_types::http_cache::{Fields, Numbers, Parts, Variant};

const KEYS: u64 = 8;

/// Texts that mean something to one command or another, and some that mean nothing.
const TEXTS: [&str; 12] =
    ["", "a", "hello world", "12", "-7", "9223372036854775807", "3.5", "01", "u8", "i5", "embstr", "string"];
/// Some of them refer to what a pattern may lack.
const URLS: [&str; 3] = ["http://o/", "http://o/{key}", "http://o/{1}"];
const PATTERNS: [&str; 4] = ["*", "k?", "[^k]*", "none"];
/// Arguments that are ids of entries of streams.
const IDS: [&str; 9] =
    ["id", "start", "end", "threshold", "last-id", "max-deleted-id", "lastid", "stream-id", "min-idle-time"];
/// Families that mostly use keys of their own.
const HAS_OWN_KEYS: [Group; 7] = [
    Group::HttpCache,
    Group::Stream,
    Group::HyperLogLog,
    Group::SortedSet,
    Group::Set,
    Group::List,
    Group::Hash,
];
const BOUNDS: [&str; 6] = ["-", "+", "[a", "(12", "[x", "1"];
const SKETCH_QUESTIONS: [&str; 4] = ["GETREG", "DECODE", "ENCODING", "TODENSE"];
const DOUBLES: [&str; 6] = ["1.5", "-0.25", "0", "3", "1e300", "x"];
const INTEGERS: [i64; 12] = [0, 1, 2, 3, 1, 2, 5, -1, -3, 100, i64::MAX, i64::MIN];

/// What a count makes must stay small.
const COUNT_MAX: u64 = 20;

/// A source of calls; equal seeds give equal calls.
pub(crate) struct Generator {
    entropy: Entropy,
    now: UnixMillis,
    /// The family of the command that is being made.
    group: Group,
    /// Payloads of values that were dumped lately.
    payloads: Vec<Vec<u8>>,
}

/// How many payloads are remembered.
const PAYLOADS: usize = 10;

impl Generator {
    pub(crate) fn new(seed: u64, now: UnixMillis) -> Generator {
        Generator { entropy: Entropy::new(seed), now, group: Group::Generic, payloads: Vec::new() }
    }

    pub(crate) fn now(&self) -> UnixMillis {
        self.now
    }

    /// Moves the clock, mostly by little.
    pub(crate) fn pass_time(&mut self) -> UnixMillis {
        let step_max = if self.one_in(100) { 3_000 } else { 10 };
        self.now.0 += self.below(step_max) as i64;
        self.now
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.entropy.below(bound)
    }

    pub(crate) fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    /// Remembers what a value was dumped as, to restore it.
    pub(crate) fn remember_payload(&mut self, payload: Vec<u8>) {
        if self.payloads.len() < PAYLOADS {
            self.payloads.push(payload);
        } else {
            let place = self.below(PAYLOADS as u64) as usize;
            self.payloads[place] = payload;
        }
    }

    /// Chooses a data command and makes its words.
    pub(crate) fn call(&mut self, table: &CommandTable) -> (&'static Command, Vec<Vec<u8>>) {
        let ids: Vec<_> = table.ids().collect();
        loop {
            let row = table.row(ids[self.below(ids.len() as u64) as usize]);
            // Databases would hardly ever hold anything if they were emptied as often as keys are set.
            let is_sweeping = row.command.flags.contains(Flags::WRITE) && row.command.keys.is_empty();
            if !matches!(row.command.run, Run::Data(_)) || is_sweeping && !self.one_in(20) {
                continue;
            }
            let is_dump = row.command.name == "dump";
            self.group = if is_dump { self.one_of(&HAS_OWN_KEYS) } else { row.command.group };
            let mut words = row.command.name.split('|').map(|word| word.as_bytes().to_vec()).collect();
            self.arguments(&row.arguments, &mut words);
            return (row.command, words);
        }
    }

    fn arguments(&mut self, arguments: &[Argument], words: &mut Vec<Vec<u8>>) {
        for argument in arguments {
            if argument.is_optional && !self.one_in(3) {
                continue;
            }
            let times = if argument.is_multiple { 1 + self.below(3) } else { 1 };
            for time in 0..times {
                if let Some(token) =
                    argument.token.as_ref().filter(|_| time == 0 || argument.is_multiple_token)
                {
                    words.push(token.as_bytes().to_vec());
                }
                self.value(argument, words);
            }
        }
    }

    fn value(&mut self, argument: &Argument, words: &mut Vec<Vec<u8>>) {
        match argument.kind {
            Kind::PureToken => {}
            Kind::Block => self.arguments(&argument.children, words),
            Kind::OneOf => {
                let chosen = self.below(argument.children.len() as u64) as usize;
                self.arguments(&argument.children[chosen..=chosen], words);
            }
            _ => {
                let word = self.word(argument);
                words.push(word);
            }
        }
    }

    fn word(&mut self, argument: &Argument) -> Vec<u8> {
        match argument.kind {
            // A family comes to something only where keys are not overwritten by all others.
            Kind::Key if HAS_OWN_KEYS.contains(&self.group) && !self.one_in(8) => {
                format!("{}{}", self.group.name(), self.below(2)).into_bytes()
            }
            Kind::Key => format!("k{}", self.below(KEYS)).into_bytes(),
            Kind::Integer => self.integer(&argument.name).to_string().into_bytes(),
            Kind::UnixTime if argument.name.ends_with("milliseconds") => {
                self.time_near(1).to_string().into_bytes()
            }
            Kind::UnixTime => self.time_near(1000).to_string().into_bytes(),
            Kind::Double => self.one_of(&DOUBLES).as_bytes().to_vec(),
            Kind::Pattern => self.one_of(&PATTERNS).as_bytes().to_vec(),
            _ if !self.one_in(10) && IDS.contains(&&*argument.name) => self.id().into_bytes(),
            _ if argument.name == "serialized-value" && !self.payloads.is_empty() => {
                let place = self.below(self.payloads.len() as u64) as usize;
                self.payloads[place].clone()
            }
            _ if argument.name == "variant" => self.variant(),
            _ if argument.name == "url" => self.one_of(&URLS).as_bytes().to_vec(),
            _ if argument.name == "min" || argument.name == "max" => self.one_of(&BOUNDS).as_bytes().to_vec(),
            _ if argument.name == "subcommand" => self.one_of(&SKETCH_QUESTIONS).as_bytes().to_vec(),
            _ if argument.name == "group" => self.one_of(&["g", "h"]).as_bytes().to_vec(),
            _ if argument.name == "consumer" => self.one_of(&["c", "d"]).as_bytes().to_vec(),
            _ if self.one_in(10) => vec![b'x'; self.below(300) as usize],
            _ => self.one_of(&TEXTS).as_bytes().to_vec(),
        }
    }

    /// An encoded variant of an entry of an HTTP cache.
    fn variant(&mut self) -> Vec<u8> {
        let fresh_until = self.time_near(1);
        let selector = self.one_in(2).then_some((&b"x"[..], &b"1"[..]));
        let grace_until = fresh_until + self.below(1_000) as i64;
        let numbers = Numbers { fresh_until, stale_until: fresh_until, grace_until, ..Numbers::default() };
        let (selector, tags) = (Fields::new(selector), Fields::new([(&b"a"[..], &b""[..])]));
        let mut bytes = Vec::new();
        let variant = Variant::from(Parts { numbers, selector, tags, ..Parts::default() });
        variant.encode(&mut bytes).expect("its body is in memory");
        bytes
    }

    fn integer(&mut self, name: &str) -> i64 {
        match name {
            "count" => self.below(COUNT_MAX) as i64,
            "numids" | "numheaders" | "numtags" => 1,
            "code" => 200 + self.below(400) as i64,
            name if name.ends_with("-seconds") => self.below(100) as i64,
            "milliseconds" => self.below(500) as i64 - 20,
            "offset" => self.below(2_000) as i64 - 20,
            _ => self.one_of(&INTEGERS),
        }
    }

    /// An id of a stream's entry, or what commands take in its place.
    fn id(&mut self) -> String {
        match self.below(20) {
            0 => self.one_of(&["-", "+", "$", ">", "(5-0", "7-*"]).to_owned(),
            1..8 => ">".to_owned(),
            8..10 => format!("{}", self.below(30)),
            _ => format!("{}-{}", self.below(30), self.below(3)),
        }
    }

    /// A time around now, in units of so many milliseconds.
    fn time_near(&mut self, unit: i64) -> i64 {
        (self.now.0 + self.below(2_000) as i64 - 200) / unit
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}
