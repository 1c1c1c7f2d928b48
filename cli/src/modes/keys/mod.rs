//! Tasks that look at every key.

mod biggest;
mod hot;
mod list;
mod statistics;
mod type_table;

pub(super) use biggest::{Measure, biggest};
pub(super) use hot::hot;
pub(super) use list::list;
pub(super) use statistics::statistics;

use crate::arguments::{Arguments, KeyFilter};
use crate::format::{text, write_quoted};
use crate::session::Session;
use crate::shell::RunError;
use spinel_resp::value::Value;
use std::thread;
use std::time::Duration;

/// After how many steps of a scan the interval is waited, in tasks that ask about each key.
const STEPS_PER_INTERVAL: u64 = 100;

/// Goes over the keys of a server, a page at a time.
pub(super) struct Scanner {
    filter: KeyFilter,
    cursor: Vec<u8>,
    steps: u64,
    interval: Duration,
    steps_per_interval: u64,
    done: bool,
}

impl Scanner {
    /// A scan that waits as tasks do that ask about each key.
    fn new(arguments: &Arguments) -> Self {
        Self {
            filter: arguments.keys.clone(),
            cursor: b"0".to_vec(),
            steps: 0,
            interval: arguments.interval,
            steps_per_interval: STEPS_PER_INTERVAL,
            done: false,
        }
    }

    /// The next page, which may be empty; nothing after the last.
    fn next_page(&mut self, session: &mut Session) -> Result<Option<Vec<Vec<u8>>>, RunError> {
        if self.done {
            return Ok(None);
        }
        if self.steps > 0 && self.steps.is_multiple_of(self.steps_per_interval) {
            thread::sleep(self.interval);
        }
        self.steps += 1;
        let reply = session.ask(&self.words())?;
        let Value::Array(parts) = &reply else { return Err(refused("SCAN error: ", &reply)) };
        let (Some(cursor), Some(Value::Array(keys))) = (parts.first().and_then(text), parts.get(1)) else {
            return Err(refused("SCAN error: ", &reply));
        };
        self.cursor = cursor.to_vec();
        self.done = cursor == b"0";
        Ok(Some(keys.iter().filter_map(text).map(<[u8]>::to_vec).collect()))
    }

    fn words(&self) -> Vec<Vec<u8>> {
        let mut words = vec![b"SCAN".to_vec(), self.cursor.clone()];
        let mut option = |name: &str, value: Option<Vec<u8>>| {
            if let Some(value) = value {
                words.extend([name.as_bytes().to_vec(), value]);
            }
        };
        option("MATCH", self.filter.pattern.clone());
        option("TYPE", self.filter.key_type.clone());
        option("COUNT", self.filter.count.map(|count| count.to_string().into_bytes()));
        words
    }
}

/// A reply that is not what was asked for: its text, if it is an error.
fn refused(before: &str, reply: &Value) -> RunError {
    let message = text(reply).map(String::from_utf8_lossy);
    RunError::Refused(format!("{before}{}", message.as_deref().unwrap_or("a reply of another kind")))
}

/// How many keys the selected database has.
fn database_size(session: &mut Session) -> Result<u64, RunError> {
    match session.ask(&["DBSIZE"])? {
        Value::Integer(keys) => Ok(keys.unsigned_abs()),
        reply => Err(refused("Couldn't determine DBSIZE: ", &reply)),
    }
}

/// Asks the same about each key, and returns the answers in the order of the keys.
fn ask_each(
    session: &mut Session,
    keys: &[Vec<u8>],
    mut question: impl FnMut(usize, &[u8]) -> Vec<Vec<u8>>,
) -> Result<Vec<Value>, RunError> {
    let commands: Vec<_> = keys.iter().enumerate().map(|(index, key)| question(index, key)).collect();
    Ok(session.ask_all(&commands)?)
}

/// The types of keys, in their order; `none` for those that are gone meanwhile.
fn types_of(session: &mut Session, keys: &[Vec<u8>]) -> Result<Vec<String>, RunError> {
    let replies = ask_each(session, keys, |_, key| vec![b"TYPE".to_vec(), key.to_vec()])?;
    let names = replies.iter().map(|reply| match reply {
        Value::Simple(name) => Ok(String::from_utf8_lossy(name).into_owned()),
        other => Err(refused("TYPE error: ", other)),
    });
    names.collect()
}

/// What asks how much memory a key takes, looking at `samples` of its elements.
fn memory_question(key: &[u8], samples: Option<u64>) -> Vec<Vec<u8>> {
    let mut words = vec![b"MEMORY".to_vec(), b"USAGE".to_vec(), key.to_vec()];
    if let Some(samples) = samples {
        words.extend([b"SAMPLES".to_vec(), samples.to_string().into_bytes()]);
    }
    words
}

/// The number in a reply; zero for what is gone, or no number.
fn amount(reply: &Value) -> u64 {
    match reply {
        Value::Integer(number) => u64::try_from(*number).unwrap_or(0),
        _ => 0,
    }
}

fn quoted(key: &[u8]) -> String {
    let mut out = Vec::new();
    write_quoted(key, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// `part` of `whole` in hundredths, and none of nothing.
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}
