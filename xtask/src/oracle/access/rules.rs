//! Rules by chance: mostly right, sometimes wrong on purpose.

use crate::oracle::grammar::Command;
use crate::random::Random;

/// Patterns that match many, some or none of the names that generated calls use.
const PATTERNS: [&str; 14] =
    ["*", "a", "b", "[ab]", "[^a]", "?", "k*", "??*", "a*b*", "", "*a*", "c", "\\*", "[a-c]*"];
const CATEGORIES: [&str; 21] = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];
/// Rules without a value, those that open more than once.
const WORDS: [&str; 22] = [
    "allkeys",
    "allkeys",
    "~*",
    "resetkeys",
    "allchannels",
    "&*",
    "resetchannels",
    "allcommands",
    "+@all",
    "+@all",
    "nocommands",
    "-@all",
    "on",
    "off",
    "nopass",
    "resetpass",
    "clearselectors",
    "sanitize-payload",
    "skip-sanitize-payload",
    "reset",
    "",
    "+@all",
];
const WRONG: [&str; 26] = [
    "+nope",
    "-nope",
    "+@nope",
    "+",
    "-",
    "+|",
    "+get|",
    "-get|a",
    "+config|nope",
    "+config|get|a",
    "+get|a|b",
    "%X~a",
    "%~a",
    "%",
    "%RR~a",
    "#12",
    "!12",
    "<nope",
    "foo",
    "~a b",
    "&a b",
    "(",
    "(on)",
    "(+nope)",
    "(+get",
    ")",
];
/// Rules of one user at most.
const RULES_MAX: usize = 9;

/// Makes lists of rules.
pub(super) struct Rules {
    /// Names of commands and subcommands, and of containers.
    names: Vec<String>,
    random: Random,
}

impl Rules {
    pub(super) fn new(commands: &[&Command], seed: u64) -> Rules {
        let mut names: Vec<String> = commands.iter().map(|command| command.name.clone()).collect();
        let containers: Vec<String> =
            names.iter().filter_map(|name| name.split_once('|')).map(|(name, _)| name.to_owned()).collect();
        names.extend(containers);
        Rules { names, random: Random::new(seed) }
    }

    /// Rules for a user who was there before, and mostly starts anew.
    pub(super) fn draw(&mut self) -> Vec<Vec<u8>> {
        let mut rules = Vec::new();
        if self.random.chance(70) {
            rules.push("reset".to_owned());
            if self.random.chance(60) {
                rules.push("+@all".to_owned());
            }
        }
        for _ in 0..=self.random.below(RULES_MAX) {
            match self.random.below(20) {
                0..2 => rules.push(self.random.pick(&WORDS).to_owned()),
                2 => rules.push(self.password()),
                3..5 => self.selector(&mut rules),
                5 if self.random.chance(25) => rules.push(self.random.pick(&WRONG).to_owned()),
                _ => rules.push(self.right()),
            }
        }
        rules.into_iter().map(|rule| self.spelled(rule).into_bytes()).collect()
    }

    /// A rule that a selector may have.
    fn right(&mut self) -> String {
        let pattern = self.random.pick(&PATTERNS);
        match self.random.below(12) {
            0..2 => format!("~{pattern}"),
            2 => format!("%R~{pattern}"),
            3 => format!("%W~{pattern}"),
            4 => format!("%{}~{pattern}", self.random.pick(&["RW", "wr", "r", "w"])),
            5 => format!("&{pattern}"),
            6..8 => format!("{}@{}", self.sign(), self.random.pick(&CATEGORIES)),
            8 => format!("+{}|{}", self.name(), self.random.pick(&["0", "a", "1", "get"])),
            _ => format!("{}{}", self.sign(), self.name()),
        }
    }

    /// A selector, in one word or several.
    fn selector(&mut self, rules: &mut Vec<String>) {
        let mut inner: Vec<String> = (0..self.random.below(5)).map(|_| self.right()).collect();
        if self.random.chance(60) {
            inner.insert(0, "+@all".to_owned());
        }
        inner.retain(|rule| !rule.ends_with(')'));
        let text = format!("({})", inner.join(" "));
        if self.random.chance(50) {
            rules.push(text);
        } else {
            rules.extend(text.split(' ').map(str::to_owned));
        }
    }

    fn password(&mut self) -> String {
        let hash = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
        match self.random.below(6) {
            0 => "<a".to_owned(),
            1 => format!("#{hash}"),
            2 => format!("!{hash}"),
            3 => ">b c".to_owned(),
            _ => ">a".to_owned(),
        }
    }

    fn sign(&mut self) -> &'static str {
        if self.random.chance(55) { "+" } else { "-" }
    }

    fn name(&mut self) -> String {
        self.names[self.random.below(self.names.len())].clone()
    }

    /// The rule, now and then in upper case where that changes nothing but what is shown.
    fn spelled(&mut self, rule: String) -> String {
        let is_of_commands =
            rule.starts_with(['+', '-']) || rule.chars().all(|letter| letter.is_ascii_alphabetic());
        if is_of_commands && self.random.chance(10) { rule.to_ascii_uppercase() } else { rule }
    }
}
