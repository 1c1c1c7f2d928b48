//! What a client writes: numbered units, each of which is there as a whole after a crash, or not at all.

use super::state::{Key, State};
use crate::random::Random;

/// How often the commands of a unit are chosen, one in so many, to make a value of [`LONG`] bytes.
const LONG_EVERY: usize = 60;
/// A value that takes more than one write of the log.
const LONG: usize = 200_000;
/// How long most values may be.
const SHORT: usize = 100;
/// How many fields hashes and sorted sets have.
const FIELDS: usize = 40;
/// After how many units, on average, a client deletes its collections, so that they stay short.
const FORGET_EVERY: usize = 150;

/// Two writes that the server makes in one script.
const SCRIPT: &str = "redis.call('SET', KEYS[1], ARGV[1]) \
                      redis.call('RPUSH', KEYS[2], ARGV[1]) return redis.call('INCR', KEYS[3])";

/// One command, as a change of a state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Set(Key),
    Increment(Key),
    Push(Key),
    Put(Key, usize),
    Forget(Key),
}

/// How the commands of a unit are held together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Single,
    Transaction,
    Script,
}

/// What is written at once.
pub(crate) struct Unit {
    client: usize,
    number: u64,
    form: Form,
    steps: Vec<Step>,
    length: usize,
}

impl Unit {
    /// Returns unit `number` of `client`, which is the same whenever it is asked for.
    pub(crate) fn new(seed: u64, client: usize, number: u64) -> Self {
        let mut random = Random::new(seed ^ ((client as u64 + 1) << 48) ^ number);
        let field = random.below(FIELDS);
        let (form, steps) = match random.below(9) {
            _ if random.below(FORGET_EVERY) == 0 => (Form::Transaction, forgetting()),
            0 => (Form::Single, vec![Step::Set(Key::Text)]),
            1 => (Form::Single, vec![Step::Increment(Key::Counter)]),
            2 => (Form::Single, vec![Step::Push(Key::List)]),
            3 => (Form::Single, vec![Step::Push(Key::Stream)]),
            4 => (Form::Single, vec![Step::Put(Key::Hash, field)]),
            5 => (Form::Single, vec![Step::Put(Key::Scores, field)]),
            6 => (Form::Transaction, vec![Step::Set(Key::Left), Step::Set(Key::Right)]),
            7 => {
                let both = [Step::Put(Key::Hash, field), Step::Put(Key::Scores, field)];
                (Form::Transaction, [Step::Increment(Key::Shared)].into_iter().chain(both).collect())
            }
            _ => (
                Form::Script,
                vec![Step::Set(Key::Text), Step::Push(Key::List), Step::Increment(Key::Counter)],
            ),
        };
        let length = if random.below(LONG_EVERY) == 0 { LONG } else { random.below(SHORT) };
        Self { client, number, form, steps, length }
    }

    /// Returns the calls that make it.
    pub(crate) fn calls(&self) -> Vec<Vec<String>> {
        let single = self.steps.iter().map(|step| self.call(*step));
        match self.form {
            Form::Single => single.collect(),
            Form::Transaction => {
                let (begin, end) = (vec!["MULTI".to_owned()], vec!["EXEC".to_owned()]);
                [begin].into_iter().chain(single).chain([end]).collect()
            }
            Form::Script => {
                let keys = self.steps.iter().map(|step| step.key().name(self.client));
                let words = ["EVAL", SCRIPT, "3"].map(str::to_owned);
                vec![words.into_iter().chain(keys).chain([self.value()]).collect()]
            }
        }
    }

    fn call(&self, step: Step) -> Vec<String> {
        let key = step.key().name(self.client);
        let words: Vec<String> = match step {
            // An expiry that never comes is logged as another command than the one that was sent.
            Step::Set(Key::Left) => vec!["SET".into(), key, self.value(), "EX".into(), "1000000".into()],
            Step::Set(_) => vec!["SET".into(), key, self.value()],
            Step::Increment(_) => vec!["INCR".into(), key],
            Step::Push(Key::Stream) => vec!["XADD".into(), key, "*".into(), "value".into(), self.value()],
            Step::Push(_) => vec!["RPUSH".into(), key, self.value()],
            Step::Put(Key::Scores, field) => {
                vec!["ZADD".into(), key, self.number.to_string(), field.to_string()]
            }
            Step::Put(_, field) => vec!["HSET".into(), key, field.to_string(), self.value()],
            Step::Forget(_) => vec!["DEL".into(), key],
        };
        words
    }

    /// Makes the change in `state`.
    pub(crate) fn change(&self, state: &mut State) {
        for step in &self.steps {
            match *step {
                Step::Set(key) => state.set(key, self.value()),
                Step::Increment(key) => state.increment(key),
                Step::Push(key) => state.push(key, self.value()),
                Step::Put(Key::Scores, field) => state.put(Key::Scores, field, self.number.to_string()),
                Step::Put(key, field) => state.put(key, field, self.value()),
                Step::Forget(key) => state.forget(key),
            }
        }
    }

    /// Returns the text that tells this unit from all others of the client.
    fn value(&self) -> String {
        format!("{}.{}", self.number, "x".repeat(self.length))
    }
}

impl Step {
    fn key(self) -> Key {
        match self {
            Step::Set(key)
            | Step::Increment(key)
            | Step::Push(key)
            | Step::Put(key, _)
            | Step::Forget(key) => key,
        }
    }
}

/// Deletes what grows, and leaves a sign that it did.
fn forgetting() -> Vec<Step> {
    vec![Step::Forget(Key::List), Step::Forget(Key::Stream), Step::Forget(Key::Hash), Step::Set(Key::Text)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_repeat_themselves_and_differ() {
        let calls = |client, number| Unit::new(7, client, number).calls();
        assert_eq!(calls(1, 5), calls(1, 5));
        assert!((0..100).any(|number| calls(0, number) != calls(1, number)));
        let forms: Vec<Form> = (0..100).map(|number| Unit::new(7, 0, number).form).collect();
        assert!([Form::Single, Form::Transaction, Form::Script].iter().all(|form| forms.contains(form)));
    }
}
