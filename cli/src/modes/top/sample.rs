//! What a server says of itself at one moment.

use super::latencies::Latencies;
use crate::format::text;
use crate::info::Info;
use crate::session::Session;
use spinel_resp::value::Value;
use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// With more clients than this, they are not listed: the list would cost the server more than all else here.
const CLIENTS_MAX: u64 = 2_000;

/// What is to be asked for besides counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// How many of the newest slow commands.
    pub(super) slow: usize,
    /// Whether the list of clients.
    pub(super) clients: bool,
}

/// What a server says of itself.
#[derive(Debug)]
pub(super) struct Sample {
    /// When it said so.
    pub(super) at: Instant,
    /// The same as a date, in Unix seconds.
    pub(super) unix_seconds: u64,
    /// How long it took to answer the first question.
    pub(super) answer: Duration,
    pub(super) info: Info,
    /// How long commands took; missing where the server does not count that.
    pub(super) latencies: Option<Latencies>,
    pub(super) slow: Vec<SlowCommand>,
    pub(super) clients: Clients,
}

/// A row of the slow log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SlowCommand {
    pub(super) unix_seconds: u64,
    pub(super) microseconds: u64,
    pub(super) words: String,
    pub(super) client: String,
}

/// What is known of the clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Clients {
    #[default]
    NotAsked,
    /// There are so many.
    TooMany(u64),
    /// Who may not ask.
    Refused(String),
    /// The fields of each.
    List(Vec<HashMap<String, String>>),
}

impl Sample {
    /// Asks the server. The error says why it does not answer, or not this question.
    pub(super) fn take(session: &mut Session, wish: Wish) -> Result<Self, String> {
        let begin = Instant::now();
        let info = ask_info(session)?;
        let at = Instant::now();
        let mut ask = |words: &[&str]| session.ask(words).map_err(|error| error.to_string());
        let latencies = Latencies::read(&ask(&["LATENCY", "HISTOGRAM"])?);
        let slow = match wish.slow {
            0 => Vec::new(),
            count => slow_commands(&ask(&["SLOWLOG", "GET", &count.to_string()])?),
        };
        let connected = info.number("connected_clients");
        let clients = if !wish.clients {
            Clients::NotAsked
        } else if connected > CLIENTS_MAX {
            Clients::TooMany(connected)
        } else {
            client_list(&ask(&["CLIENT", "LIST"])?)
        };
        let unix_seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Ok(Self { at, unix_seconds, answer: at - begin, info, latencies, slow, clients })
    }

    /// Who the server is, and its version.
    pub(super) fn server(&self) -> String {
        let names = [
            ("spinel_version", "SpinelDB"),
            ("dragonfly_version", "Dragonfly"),
            ("valkey_version", "Valkey"),
            ("redis_version", "Redis"),
        ];
        let known = names.iter().find(|(field, _)| !self.info.text(field).is_empty());
        known.map_or("a server".to_owned(), |(field, name)| format!("{name} {}", self.info.text(field)))
    }
}

/// All sections that tell counters.
fn ask_info(session: &mut Session) -> Result<Info, String> {
    let sections: [&[&str]; 2] =
        // Before Redis 7, one section could be asked for at a time.
        [&["INFO", "default", "commandstats", "latencystats"], &["INFO", "all"]];
    let mut refused = String::new();
    for words in sections {
        let reply = session.ask(words).map_err(|error| error.to_string())?;
        if let Value::Error(message) = &reply {
            refused = format!("INFO: {}", String::from_utf8_lossy(message));
            continue;
        }
        return Ok(Info::parse(&String::from_utf8_lossy(text(&reply).unwrap_or_default())));
    }
    Err(refused)
}

/// Reads `SLOWLOG GET`, the newest first. Rows of servers before Redis 4 have no client.
pub(super) fn slow_commands(reply: &Value) -> Vec<SlowCommand> {
    let Value::Array(rows) = reply else { return Vec::new() };
    let rows = rows.iter().filter_map(|row| {
        let Value::Array(fields) = row else { return None };
        let [_, Value::Integer(time), Value::Integer(microseconds), Value::Array(words), rest @ ..] =
            &**fields
        else {
            return None;
        };
        let words: Vec<String> = words.iter().filter_map(text).map(shown_word).collect();
        Some(SlowCommand {
            unix_seconds: u64::try_from(*time).unwrap_or(0),
            microseconds: u64::try_from(*microseconds).unwrap_or(0),
            words: words.join(" "),
            client: rest.first().and_then(text).map(lossy).unwrap_or_default(),
        })
    });
    rows.collect()
}

/// A word as a terminal may show it.
fn shown_word(word: &[u8]) -> String {
    let is_plain = !word.is_empty() && word.iter().all(|byte| (b'!'..=b'~').contains(byte));
    if is_plain { lossy(word) } else { format!("\"{}\"", word.escape_ascii()) }
}

/// Reads the lines of `CLIENT LIST`.
pub(super) fn client_list(reply: &Value) -> Clients {
    if let Value::Error(message) = reply {
        return Clients::Refused(lossy(message));
    }
    let lines = text(reply).map(lossy).unwrap_or_default();
    let client = |line: &str| {
        let fields = line.split(' ').filter_map(|field| field.split_once('='));
        fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    Clients::List(lines.lines().filter(|line| !line.is_empty()).map(client).collect())
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
