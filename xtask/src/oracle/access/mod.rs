//! `cargo xtask oracle --acl`: users by generated rules, and what they may do by generated calls.
//!
//! In each round a user gets rules on both servers: the replies, the user and the lists of users must be equal. Then
//! generated calls are asked of `ACL DRYRUN`, and those that are denied are called for, by the user himself, directly, in
//! a transaction and in a script. No call runs that is allowed.
//!
//! - [`rules`]: making rules.
//! - [`ask`]: one question to both servers.

mod ask;
mod rules;

use super::bounds;
use super::commands::MORE_WORDS;
use super::duel::Side;
use super::generate::{Call, Generator};
use super::grammar::Command;
use crate::Outcome;
use crate::random::Random;
use crate::transcript::quote_word;
use ask::{Both, Pair};
use rules::Rules;
use std::collections::BTreeMap;
use std::time::Instant;

/// The user that is made and changed.
pub(super) const USER: &str = "ann";
/// How many calls are asked of each user.
const CALLS_PER_USER: usize = 60;
/// Calls of which the servers may see the keys differently because they are malformed.
const MALFORMED: &str =
    "the call is malformed, and the servers look for its keys differently: it fails anyhow";

const LONGER: &str = "the command takes more words than in the reference";

/// A run over all seeds.
pub(super) struct Run {
    both: Both,
    checks: usize,
    findings: usize,
    findings_max: usize,
    allowed: BTreeMap<&'static str, usize>,
    verdicts: BTreeMap<&'static str, usize>,
    started: Instant,
}

impl Run {
    /// Prepares a run that stops after `findings_max` findings.
    pub(super) fn new(reference: &mut Side, ours: &mut Side, findings_max: usize) -> Outcome<Run> {
        Ok(Run {
            both: Both::connect(reference, ours)?,
            checks: 0,
            findings: 0,
            findings_max,
            allowed: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            started: Instant::now(),
        })
    }

    /// Makes at least `checks` comparisons of what `seed` names.
    pub(super) fn seed(&mut self, seed: u64, checks: usize, commands: &[&Command]) -> Outcome {
        let mut rules = Rules::new(commands, seed);
        let mut generator = Generator::new(commands, seed);
        let mut random = Random::new(seed ^ 0x00ac_1acd);
        let end = self.checks + checks;
        while self.checks < end && self.findings < self.findings_max {
            let given = rules.draw();
            self.give(&given)?;
            for _ in 0..CALLS_PER_USER {
                self.judge(&given, &generator.call(), &mut random)?;
            }
        }
        Ok(())
    }

    /// Gives the user rules, from which nobody is let in without `nopass`, and compares what has become of him.
    fn give(&mut self, rules: &[Vec<u8>]) -> Outcome {
        let mut words = vec![b"ACL".to_vec(), b"SETUSER".to_vec(), USER.into()];
        words.extend(rules.iter().cloned());
        for question in [words, split("ACL GETUSER ann"), split("ACL LIST")] {
            let pair = self.both.ask(&question)?;
            self.compare(&pair, &question, rules, "");
        }
        let entrance = self.both.ask(&split("ACL SETUSER ann on nopass"))?;
        self.compare(&entrance, &split("ACL SETUSER ann on nopass"), rules, "");
        self.both.let_in(USER)
    }

    /// Asks whether the user may do something and, if not, lets him try.
    fn judge(&mut self, rules: &[Vec<u8>], call: &Call, random: &mut Random) -> Outcome {
        let mut question = split("ACL DRYRUN ann");
        question.extend(call.iter().cloned());
        let verdict = self.both.ask(&question)?;
        *self.verdicts.entry(verdict.kind()).or_default() += 1;
        if !verdict.is_equal()
            && let Some(reason) = self.allowance(call, &verdict)?
        {
            self.checks += 1;
            *self.allowed.entry(reason).or_default() += 1;
            return Ok(());
        }
        self.compare(&verdict, &question, rules, "");
        // The reference tells everybody first that a setting doesn't allow them.
        let is_of_modules = call[0].eq_ignore_ascii_case(b"module");
        if !verdict.is_denial() || !verdict.is_equal() || is_of_modules {
            return Ok(());
        }
        match random.below(3) {
            0 => {
                self.both.ask_as_user(&split("MULTI"))?;
                let queued = self.both.ask_as_user(call)?;
                self.compare(&queued, call, rules, "queued by the user");
                self.both.ask_as_user(&split("RESET"))?;
                self.both.let_in(USER)?;
            }
            1 => {
                let mut script =
                    vec![b"EVAL".to_vec(), b"return redis.pcall(unpack(ARGV))".to_vec(), b"0".to_vec()];
                script.extend(call.iter().cloned());
                let failed = self.both.ask_as_user(&script)?;
                self.compare(&failed, &script, rules, "called by the user");
            }
            _ => {
                let denied = self.both.ask_as_user(call)?;
                self.compare(&denied, call, rules, "called by the user");
            }
        }
        Ok(())
    }

    /// Why the servers may judge a call differently, if they may.
    fn allowance(&mut self, call: &Call, verdict: &Pair) -> Outcome<Option<&'static str>> {
        let is_longer = |name: &str| call[0].eq_ignore_ascii_case(name.as_bytes());
        if verdict.reference.starts_with("-ERR wrong number") && MORE_WORDS.iter().any(|name| is_longer(name))
        {
            return Ok(Some(LONGER));
        }
        let is_of_keys = |text: &str| text == "OK" || text.ends_with(" key");
        if !is_of_keys(&verdict.reference) || !is_of_keys(&verdict.ours) {
            return Ok(None);
        }
        Ok(self.is_malformed(call, verdict)?.then_some(MALFORMED))
    }

    /// Whether the keys of a call are seen differently because it is malformed: then whoever may do everything is refused.
    fn is_malformed(&mut self, call: &Call, verdict: &Pair) -> Outcome<bool> {
        let mut question = split("COMMAND GETKEYS");
        question.extend(call.iter().cloned());
        let keys = self.both.ask(&question)?;
        // What ours denies beyond the reference does no harm, if the reference finds no keys at all.
        if verdict.ours.starts_with("User ") && keys.is_reference_error() {
            return Ok(true);
        }
        Ok(bounds::is_safe_call(call) && self.both.ask_ours(call)?.is_error())
    }

    fn compare(&mut self, pair: &Pair, question: &Call, rules: &[Vec<u8>], how: &str) {
        self.checks += 1;
        if pair.is_equal() {
            return;
        }
        self.findings += 1;
        println!("\nACL SETUSER ann {}", shown(rules));
        println!("{}  {how}\n  reference: {}\n  ours:      {}", shown(question), pair.reference, pair.ours);
    }

    /// Prints what was done and seen.
    ///
    /// # Errors
    /// When the servers differed.
    pub(super) fn summary(&self) -> Outcome {
        println!("{} checks in {:.1} s", self.checks, self.started.elapsed().as_secs_f64());
        for (kind, count) in &self.verdicts {
            println!("  {count} verdicts: {kind}");
        }
        for (reason, count) in &self.allowed {
            println!("  allowed {count} times: {reason}");
        }
        match self.findings {
            0 => Ok(()),
            count => Err(format!("{count} findings").into()),
        }
    }
}

fn split(line: &str) -> Call {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

fn shown(words: &[Vec<u8>]) -> String {
    words.iter().map(|word| quote_word(word)).collect::<Vec<_>>().join(" ")
}
