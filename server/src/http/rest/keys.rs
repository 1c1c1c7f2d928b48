//! Keys: values of strings as they are, and what there is about keys of any type.

use super::{done, missing, removed, tag, value};
use crate::http::answer::{Body, Problem};
use crate::http::call::{Call, Pending};
use crate::http::json::{self, Encoding};
use crate::http::line::Commands;
use crate::http::routes::{Content, ENCODING, Operation, Verb};
use crate::http::schema::{Kind, Parameter, Shape};
use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderName, StatusCode};
use spinel_resp::Value;

const KEY: &str = "/v1/db/{db}/keys/{key}";
const TTL: &str = "/v1/db/{db}/keys/{key}/ttl";
/// A time in the past is as good as none: the key expires at once. The server counts in milliseconds.
const TIMES: &[Parameter] = &[
    Parameter {
        name: "ttl",
        kind: Kind::Number(i64::MIN / 1000, i64::MAX as u64 / 1000),
        about: "Seconds until the key expires",
    },
    Parameter {
        name: "ttl_ms",
        kind: Kind::POSITION,
        about: "Milliseconds until the key expires, instead of ttl",
    },
];
const TIMES_OR_KEEP: &[Parameter] = &[
    Parameter {
        name: "ttl",
        kind: Kind::Like("^([1-9][0-9]{0,15}|keep)$"),
        about: "Seconds until the key expires, or keep; the header Spinel-TTL says the same",
    },
    Parameter {
        name: "ttl_ms",
        kind: Kind::Number(1, i64::MAX as u64),
        about: "Milliseconds until the key expires, instead of ttl",
    },
];

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        path: "/v1/db/{db}/keys",
        query: &[
            Parameter {
                name: "cursor",
                kind: Kind::Number(0, u64::MAX),
                about: "Where to go on; 0 without it",
            },
            Parameter { name: "match", kind: Kind::Text, about: "A pattern" },
            Parameter { name: "count", kind: Kind::Number(1, i64::MAX as u64), about: "How much to look at" },
            ENCODING,
        ],
        shapes: (Shape::Any, Shape::Page),
        about: "Returns some keys, and the cursor to go on from, 0 at the end.",
        run: scan,
        ..Operation::ROW
    },
    Operation {
        path: KEY,
        answer: (200, Content::Bytes),
        about: "Returns the value of a string.",
        run: get,
        ..Operation::ROW
    },
    Operation {
        method: Verb::Put,
        path: KEY,
        body: Content::Bytes,
        query: TIMES_OR_KEEP,
        answer: (204, Content::Nothing),
        about: "Sets the value of a string. The headers If-Match and If-None-Match say on which condition, by the tag \
            of a value or *.",
        run: put,
        ..Operation::ROW
    },
    Operation {
        method: Verb::Delete,
        path: KEY,
        answer: (204, Content::Nothing),
        about: "Removes a key.",
        run: delete,
        ..Operation::ROW
    },
    Operation {
        path: "/v1/db/{db}/keys/{key}/meta",
        shapes: (Shape::Any, Shape::Meta),
        about: "Returns the type of a key and when it expires.",
        run: meta,
        ..Operation::ROW
    },
    Operation {
        method: Verb::Put,
        path: TTL,
        query: TIMES,
        answer: (204, Content::Nothing),
        about: "Lets a key expire.",
        run: expire,
        ..Operation::ROW
    },
    Operation {
        method: Verb::Delete,
        path: TTL,
        answer: (204, Content::Nothing),
        about: "Lets a key not expire.",
        run: persist,
        ..Operation::ROW
    },
];

fn scan(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let mut words = vec![b"SCAN".to_vec(), call.query_or("cursor", "0")?];
        for name in ["match", "count"] {
            if let Some(value) = call.query(name)? {
                words.extend([name.into(), value]);
            }
        }
        match call.ask(&words).await? {
            Value::Array(parts) if parts.len() == 2 => {
                // The cursor is a number, whatever the keys are.
                let mut out = b"{\"cursor\":".to_vec();
                json::write(&parts[0], Encoding::Text, &mut out);
                out.extend_from_slice(b",\"keys\":");
                json::write(&parts[1], call.encoding()?, &mut out);
                out.extend_from_slice(b"}\n");
                Ok(crate::http::answer::answer(StatusCode::OK, crate::http::answer::JSON, out))
            }
            _ => Err(Problem::gone()),
        }
    })
}

fn get(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let command = Commands::one(&[b"GET", call.parameter("key")]);
        let mut response = value(call.ask_one(&command).await?)?;
        if let Some(tags) = call.header(&IF_NONE_MATCH) {
            let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).unwrap_or_default();
            if names(tags, tag) {
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                *response.body_mut() = Body::default();
                response.headers_mut().remove(CONTENT_TYPE);
            }
        }
        Ok(response)
    })
}

/// Whether a header names this tag, or any.
fn names(tags: &str, tag: &str) -> bool {
    let found = |named: &str| named == "*" || named.trim_start_matches("W/") == tag;
    tags.split(',').any(|named| found(named.trim()))
}

/// What `If-Match` and `If-None-Match` ask for, as options of `SET`.
enum Condition {
    Exists,
    Missing,
    Is(Vec<u8>),
    IsNot(Vec<u8>),
}

impl Condition {
    /// What the headers ask for; nothing if they don't.
    fn of(call: &Call) -> Result<Option<Condition>, Problem> {
        let read = |name: &HeaderName| {
            let tag = call.header(name).unwrap_or_default().trim();
            let digest = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            let is_digest =
                |text: &&str| text.len() == 16 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
            match digest.filter(is_digest) {
                Some(digest) => Ok(Some(digest.as_bytes().to_vec())),
                None if tag == "*" => Ok(None),
                None => {
                    Err(Problem::new(StatusCode::BAD_REQUEST, "TAG", "One tag that a GET has told, or *."))
                }
            }
        };
        Ok(match (call.has(&IF_MATCH), call.has(&IF_NONE_MATCH)) {
            (false, false) => None,
            (true, false) => Some(read(&IF_MATCH)?.map_or(Condition::Exists, Condition::Is)),
            (false, true) => Some(read(&IF_NONE_MATCH)?.map_or(Condition::Missing, Condition::IsNot)),
            (true, true) => {
                let message = "If-Match and If-None-Match don't go together.";
                return Err(Problem::new(StatusCode::BAD_REQUEST, "TAG", message));
            }
        })
    }

    fn words(self) -> Vec<Vec<u8>> {
        match self {
            Condition::Exists => vec![b"XX".to_vec()],
            Condition::Missing => vec![b"NX".to_vec()],
            Condition::Is(digest) => vec![b"IFDEQ".to_vec(), digest],
            Condition::IsNot(digest) => vec![b"IFDNE".to_vec(), digest],
        }
    }
}

/// When the key is to expire: the unit's word, as `EX`, and how many; or `KEEPTTL` alone.
fn times(call: &Call) -> Result<Vec<Vec<u8>>, Problem> {
    let header = call.header(&HeaderName::from_static("spinel-ttl")).map(|text| text.as_bytes().to_vec());
    let seconds = call.query("ttl")?.or(header);
    match (seconds, call.query("ttl_ms")?) {
        (None, None) => Ok(Vec::new()),
        (Some(word), None) if word == b"keep" => Ok(vec![b"KEEPTTL".to_vec()]),
        (Some(seconds), None) => Ok(vec![b"EX".to_vec(), seconds]),
        (None, Some(milliseconds)) => Ok(vec![b"PX".to_vec(), milliseconds]),
        (Some(_), Some(_)) => {
            Err(Problem::new(StatusCode::BAD_REQUEST, "QUERY", "ttl and ttl_ms don't go together."))
        }
    }
}

fn put(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let condition = Condition::of(call)?.map(Condition::words);
        let (times, conditions) = (times(call)?, condition.unwrap_or_default());
        let mut words: Vec<&[u8]> = vec![b"SET", call.parameter("key"), &call.body.bytes];
        words.extend(times.iter().chain(&conditions).map(Vec::as_slice));
        let command = Commands::one(&words);
        if call.ask_one(&command).await? == Value::Null {
            return Err(failed());
        }
        let mut response = done();
        response.headers_mut().insert(ETAG, tag(&call.body.bytes));
        Ok(response)
    })
}

fn failed() -> Problem {
    Problem::new(StatusCode::PRECONDITION_FAILED, "CHANGED", "The value is not what the header asks for.")
}

fn delete(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let key = call.parameter("key").to_vec();
        match Condition::of(call)? {
            None | Some(Condition::Exists) => removed(&call.ask(&[b"DEL".to_vec(), key]).await?),
            Some(Condition::Missing) => Err(failed()),
            Some(condition) => {
                let mut words = vec![b"DELEX".to_vec(), key];
                words.extend(condition.words());
                match call.ask(&words).await? {
                    Value::Integer(1) => Ok(done()),
                    _ => Err(failed()),
                }
            }
        }
    })
}

fn meta(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let mut commands = Commands::default();
        for command in ["TYPE", "PTTL"] {
            commands.add(&[command.as_bytes(), call.parameter("key")]);
        }
        let mut replies = call.ask_all(&commands).await?.into_iter();
        let mut next = || match replies.next() {
            Some(Value::Error(text)) => Err(Problem::of_error(&text)),
            Some(reply) => Ok(reply),
            None => Err(Problem::gone()),
        };
        let (kind, ttl_ms) = (next()?, next()?);
        if ttl_ms == Value::Integer(-2) {
            return Err(missing());
        }
        let ttl_ms = if ttl_ms == Value::Integer(-1) { Value::Null } else { ttl_ms };
        let mut out = Vec::new();
        json::object(&[("type", &kind), ("ttl_ms", &ttl_ms)], Encoding::Text, &mut out);
        out.push(b'\n');
        Ok(crate::http::answer::answer(StatusCode::OK, crate::http::answer::JSON, out))
    })
}

fn expire(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let times = times(call)?;
        let [unit, time] = &times[..] else {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "QUERY", "ttl or ttl_ms is asked for."));
        };
        let command: &[u8] = if unit == b"EX" { b"EXPIRE" } else { b"PEXPIRE" };
        let words = [command, call.parameter("key"), time].map(<[u8]>::to_vec);
        removed(&call.ask(&words).await?)
    })
}

fn persist(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let words = [b"PERSIST", call.parameter("key")].map(<[u8]>::to_vec);
        removed(&call.ask(&words).await?)
    })
}
