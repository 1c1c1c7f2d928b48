//! Calls made by walking argument trees: mostly right, sometimes wrong on purpose.

use super::bounds;
use super::grammar::{Argument, Command, Kind};
use super::lexical;
use super::thresholds;
use super::values::{self, DATABASES, KEYS};
use crate::random::Random;

/// One command as its words.
pub(crate) type Call = Vec<Vec<u8>>;

/// How often an optional argument is given, in percent; a command with many options still gets several of them.
const OPTION_PERCENT: usize = 40;
/// How often it is given once more.
const DUPLICATE_PERCENT: usize = 3;
/// How often the form of a value is asked for after a call, in percent.
const ENCODING_PERCENT: usize = 25;

/// Reads of whole values; a server that has the command is asked at the end of every sequence.
const READS: [(&str, &[&str]); 7] = [
    ("get", &[]),
    ("lrange", &["0", "-1"]),
    ("hgetall", &[]),
    ("smembers", &[]),
    ("zrange", &["0", "-1", "WITHSCORES"]),
    ("xrange", &["-", "+"]),
    ("xinfo|stream", &["FULL", "COUNT", "0"]),
];

/// Whether a command is one that reads a whole value.
pub(crate) fn reads_state(name: &str) -> bool {
    READS.iter().any(|(read, _)| *read == name)
}

/// Makes calls of the commands it was given.
pub(crate) struct Generator<'a> {
    /// Each command with the sum of the weights up to and including its own.
    commands: Vec<(usize, &'a Command)>,
    /// The calls that read the whole state.
    state_reads: Vec<Call>,
    random: Random,
}

impl<'a> Generator<'a> {
    /// Creates a generator over `commands`, of which there is at least one, that repeats itself for equal seeds.
    pub(crate) fn new(commands: &[&'a Command], seed: u64) -> Self {
        let mut sum = 0;
        let weighted = commands.iter().map(|command| {
            sum += weight(command);
            (sum, *command)
        });
        Self { commands: weighted.collect(), state_reads: state_reads(commands), random: Random::new(seed) }
    }

    /// Makes `count` calls, half of the times with small thresholds, and then those that read the whole state.
    pub(crate) fn sequence(&mut self, count: usize) -> Vec<Call> {
        let prelude = self.random.chance(50).then(|| thresholds::small(&mut self.random));
        let mut calls: Vec<Call> = prelude.into_iter().collect();
        while calls.len() < count {
            let call = self.call();
            if !bounds::is_safe_call(&call) {
                continue;
            }
            let asked = call.get(1).filter(|_| self.random.chance(ENCODING_PERCENT)).cloned();
            calls.push(call);
            calls.extend(asked.map(|key| vec![b"OBJECT".to_vec(), b"ENCODING".to_vec(), key]));
        }
        calls.extend(self.state_reads.iter().cloned());
        calls
    }

    /// Makes one call.
    pub(crate) fn call(&mut self) -> Call {
        let total = self.commands.last().map_or(0, |(sum, _)| *sum);
        let mark = self.random.below(total);
        let chosen = self.commands.partition_point(|(sum, _)| *sum <= mark);
        let command = self.commands[chosen].1;
        let mut call: Call = command.name.split('|').map(|word| self.spelled(word)).collect();
        call.extend(self.sequence_of(&command.arguments));
        self.spoil(&mut call);
        bounds::restrain(&mut call);
        lexical::redirect(&mut call);
        call
    }

    /// Returns words for all of `arguments`, options in any order.
    fn sequence_of(&mut self, arguments: &[Argument]) -> Vec<Vec<u8>> {
        let mut words = Vec::new();
        let mut options: Vec<Vec<Vec<u8>>> = Vec::new();
        let mut announced = None;
        for argument in arguments {
            if argument.is_optional {
                self.draw_option(argument, &mut options);
                continue;
            }
            self.flush(&mut options, &mut words);
            if let Some(least) = announced_least(argument) {
                let count = least + self.random.below(3);
                announced = Some(count);
                words.extend(argument.token.iter().map(|token| self.spelled(token)));
                words.push(if self.random.chance(10) {
                    values::value(argument, &mut self.random)
                } else {
                    digits(count)
                });
                continue;
            }
            words.extend(self.words_for(argument, announced.take()));
        }
        self.flush(&mut options, &mut words);
        words
    }

    /// Adds words for an optional argument, mostly not at all, now and then twice.
    fn draw_option(&mut self, argument: &Argument, options: &mut Vec<Vec<Vec<u8>>>) {
        for percent in [OPTION_PERCENT, DUPLICATE_PERCENT] {
            if self.random.chance(percent) {
                options.push(self.words_for(argument, None));
            }
        }
    }

    fn flush(&mut self, options: &mut Vec<Vec<Vec<u8>>>, words: &mut Vec<Vec<u8>>) {
        self.random.shuffle(options);
        words.extend(options.drain(..).flatten());
    }

    /// Returns words for one argument, repeated `times` if an earlier one announced that.
    fn words_for(&mut self, argument: &Argument, times: Option<usize>) -> Vec<Vec<u8>> {
        let times = times.unwrap_or_else(|| self.repetitions(argument));
        let mut words = Vec::new();
        for turn in 0..times {
            if let Some(token) = &argument.token
                && (turn == 0 || argument.repeats_token)
            {
                words.push(self.spelled(token));
            }
            words.extend(self.operand(argument));
        }
        words
    }

    fn repetitions(&mut self, argument: &Argument) -> usize {
        // Now and then enough to fill something.
        let mut times = if argument.is_multiple && self.random.chance(4) { 20 } else { 1 };
        while argument.is_multiple && self.random.chance(45) {
            times += 1;
        }
        times
    }

    fn operand(&mut self, argument: &Argument) -> Vec<Vec<u8>> {
        match &argument.kind {
            Kind::Token => Vec::new(),
            Kind::Block(arguments) if argument.name == "streams" => self.streams(arguments),
            Kind::Block(arguments) => self.sequence_of(arguments),
            Kind::OneOf(choices) => {
                // Two alternatives at once are what servers must refuse.
                let count = if self.random.chance(4) { 2 } else { 1 };
                (0..count).flat_map(|_| self.alternative(choices)).collect()
            }
            _ => vec![values::value(argument, &mut self.random)],
        }
    }

    /// Returns keys of streams and ids, mostly as many.
    fn streams(&mut self, arguments: &[Argument]) -> Vec<Vec<u8>> {
        let times = self.random.chance(90).then(|| 1 + self.random.below(3));
        arguments.iter().flat_map(|argument| self.words_for(argument, times)).collect()
    }

    fn alternative(&mut self, choices: &[Argument]) -> Vec<Vec<u8>> {
        let chosen = self.random.below(choices.len());
        self.words_for(&choices[chosen], None)
    }

    /// Returns a command name or an option word, in any case, rarely with a letter missing.
    fn spelled(&mut self, word: &str) -> Vec<u8> {
        let mut bytes = word.to_uppercase().into_bytes();
        match self.random.below(20) {
            0 | 1 => bytes.make_ascii_lowercase(),
            2 => bytes.iter_mut().step_by(2).for_each(u8::make_ascii_lowercase),
            3 if self.random.chance(10) => drop(bytes.pop()),
            _ => {}
        }
        bytes
    }

    /// Drops, adds, repeats or replaces a word in one call of ten.
    fn spoil(&mut self, call: &mut Call) {
        let place = 1 + self.random.below(call.len());
        match self.random.below(50) {
            0 if place < call.len() => drop(call.remove(place)),
            1 => call.insert(place, values::anything(&mut self.random)),
            2 if place < call.len() => call[place] = values::anything(&mut self.random),
            3 if place < call.len() => call.push(call[place].clone()),
            4 => call.truncate(place),
            _ => {}
        }
    }
}

/// Of an argument that tells how many of the next one follow: how many there must be.
fn announced_least(argument: &Argument) -> Option<usize> {
    match argument.name.as_str() {
        "numkeys" | "numids" | "numfields" => Some(1),
        "num-vertices" => Some(3),
        _ => None,
    }
}

/// Returns how often a command is generated, relative to others: data most, so that state builds up.
fn weight(command: &Command) -> usize {
    match (command.name.as_str(), command.group.as_str()) {
        ("flushall" | "flushdb" | "swapdb" | "reset" | "hello", _) => 1,
        ("select" | "scan" | "keys", _) => 5,
        ("set", _) => 60,
        ("xadd", _) => 150,
        ("xreadgroup" | "xgroup|create", _) => 50,
        (_, "connection" | "server" | "cluster" | "scripting" | "pubsub" | "module") => 3,
        _ => 20,
    }
}

fn state_reads(commands: &[&Command]) -> Vec<Call> {
    let has = |name: &str| commands.iter().any(|command| command.name == name);
    let call = |words: &[&[u8]]| words.iter().map(|word| word.to_vec()).collect::<Call>();
    let mut reads = Vec::new();
    for database in 0..DATABASES {
        reads.push(call(&[b"SELECT", &digits(database as usize)]));
        reads.push(call(&[b"KEYS", b"*"]));
        for key in KEYS {
            reads.push(call(&[b"TYPE", key]));
            reads.push(call(&[b"OBJECT", b"ENCODING", key]));
            reads.push(call(&[b"PEXPIRETIME", key]));
            for (name, options) in READS.iter().filter(|(name, _)| has(name)) {
                let mut read: Call = name.split('|').map(|word| word.to_uppercase().into_bytes()).collect();
                read.push(key.to_vec());
                read.extend(options.iter().map(|option| option.as_bytes().to_vec()));
                reads.push(read);
            }
        }
    }
    reads
}

fn digits(number: usize) -> Vec<u8> {
    number.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argument(name: &str, kind: Kind, token: Option<&str>) -> Argument {
        let token = token.map(str::to_owned);
        let is_optional = token.is_some();
        Argument { name: name.to_owned(), kind, token, is_optional, is_multiple: false, repeats_token: false }
    }

    fn set() -> Command {
        let arguments = vec![
            argument("key", Kind::Key, None),
            argument("value", Kind::Text, None),
            argument("nx", Kind::Token, Some("NX")),
            argument("seconds", Kind::Integer, Some("EX")),
        ];
        Command { name: "set".to_owned(), group: "string".to_owned(), arguments }
    }

    #[test]
    fn equal_seeds_make_equal_calls() {
        let set = set();
        let calls = |seed| Generator::new(&[&set], seed).sequence(50);
        assert_eq!(calls(7), calls(7));
        assert_ne!(calls(7), calls(8));
    }

    #[test]
    fn options_come_alone_together_and_in_any_order() {
        let set = set();
        let calls = Generator::new(&[&set], 1).sequence(500);
        let place = |call: &Call, token: &str| call.iter().position(|word| *word == token.as_bytes());
        let places: Vec<_> = calls.iter().map(|call| (place(call, "NX"), place(call, "EX"))).collect();
        assert!(places.iter().any(|(nx, ex)| nx.is_some() && ex.is_none()));
        assert!(places.iter().any(|(nx, ex)| nx.is_some() && ex.is_some() && nx < ex));
        assert!(places.iter().any(|(nx, ex)| nx.is_some() && ex.is_some() && nx > ex));
    }

    #[test]
    fn announced_counts_mostly_hold() {
        let mut data = argument("key", Kind::Key, None);
        data.is_multiple = true;
        let numkeys = argument("numkeys", Kind::Integer, None);
        let command =
            Command { name: "msum".to_owned(), group: "string".to_owned(), arguments: vec![numkeys, data] };
        let calls = Generator::new(&[&command], 3).sequence(400);
        let counted = calls.iter().filter(|call| call[0].eq_ignore_ascii_case(b"msum"));
        let right = counted.filter(|call| call.get(1) == Some(&digits(call.len().saturating_sub(2)))).count();
        assert!((200..380).contains(&right), "{right}");
    }

    #[test]
    fn a_sequence_ends_by_reading_every_key() {
        let set = set();
        let calls = Generator::new(&[&set], 1).sequence(10);
        for key in KEYS {
            assert!(calls[10..].contains(&vec![b"TYPE".to_vec(), key.to_vec()]), "{key:?}");
        }
    }
}
