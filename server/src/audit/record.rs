//! What is noted of an event, and the line that says it.
//!
//! ```text
//! {"time":"2026-11-29T10:31:00.123Z","event":"denial","user":"ann","client":7,"address":"10.0.0.3:50112","name":"",
//!  "reason":"key","context":"toplevel","command":"get","object":"secret"}
//! ```

use crate::clients::Client;
use crate::log;
use serde_json::Value;
use spinel_storage::UnixMillis;
use std::borrow::Cow;

/// Bytes of a name, a key or another word that a record has at most.
const WORD_BYTES_MAX: usize = 128;

/// How somebody proves who he is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Means {
    Password,
    Certificate,
    Token,
}

impl Means {
    fn name(self) -> &'static str {
        match self {
            Means::Password => "password",
            Means::Certificate => "certificate",
            Means::Token => "token",
        }
    }
}

/// What has happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    Login(Means),
    FailedLogin(Means),
    Denial {
        /// What the right is missing to, as in ACL LOG.
        reason: &'static str,
        context: &'static str,
        command: &'static str,
        /// The word that was denied.
        object: Box<[u8]>,
    },
    Command {
        db: u16,
        /// The words, without secrets, and cut.
        words: Vec<Vec<u8>>,
    },
}

/// An event, when it was and who was part of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    at: UnixMillis,
    user: Box<[u8]>,
    client: u64,
    address: Box<str>,
    /// What the client calls itself.
    name: Box<[u8]>,
    event: Event,
}

impl Record {
    pub(super) fn new(at: UnixMillis, client: &Client, user: &[u8], event: Event) -> Record {
        Record {
            at,
            user: cut(user).into(),
            client: client.id,
            address: client.peer.address.clone(),
            name: cut(&client.names().name).into(),
            event,
        }
    }

    /// Adds the line, with its end.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut fields = Fields::begin(self.at, self.event_name());
        fields.word("user", &self.user);
        fields.add("client", self.client.into());
        fields.add("address", (*self.address).into());
        fields.word("name", &self.name);
        match &self.event {
            Event::Login(means) => {
                fields.add("outcome", "success".into());
                fields.add("means", means.name().into());
            }
            Event::FailedLogin(means) => {
                fields.add("outcome", "failure".into());
                fields.add("means", means.name().into());
            }
            Event::Denial { reason, context, command, object } => {
                for (name, value) in [("reason", reason), ("context", context), ("command", command)] {
                    fields.add(name, (*value).into());
                }
                fields.word("object", object);
            }
            Event::Command { db, words } => {
                fields.add("db", (*db).into());
                fields.add(
                    "command",
                    words.iter().map(|word| text(word).into_owned()).collect::<Vec<_>>().into(),
                );
            }
        }
        fields.end(out);
    }

    fn event_name(&self) -> &'static str {
        match self.event {
            Event::Login(_) | Event::FailedLogin(_) => "login",
            Event::Denial { .. } => "denial",
            Event::Command { .. } => "command",
        }
    }
}

/// Adds the line that tells how many records are missing before it.
pub(super) fn write_loss(at: UnixMillis, count: u64, out: &mut Vec<u8>) {
    let mut fields = Fields::begin(at, "lost");
    fields.add("count", count.into());
    fields.end(out);
}

/// The start of a word.
pub(crate) fn cut(word: &[u8]) -> &[u8] {
    &word[..word.len().min(WORD_BYTES_MAX)]
}

/// The fields of a line, in their order.
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn begin(at: UnixMillis, event: &'static str) -> Fields {
        Fields(vec![("time", log::rfc3339(at.0.max(0) as u64).into()), ("event", event.into())])
    }

    fn add(&mut self, name: &'static str, value: Value) {
        self.0.push((name, value));
    }

    fn word(&mut self, name: &'static str, word: &[u8]) {
        self.add(name, text(word).into());
    }

    fn end(self, out: &mut Vec<u8>) {
        let mut separator = b'{';
        for (name, value) in self.0 {
            out.extend_from_slice(&[separator, b'"']);
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            serde_json::to_writer(&mut *out, &value).expect("memory takes any value");
            separator = b',';
        }
        out.extend_from_slice(b"}\n");
    }
}

/// A word as text: as it is if it is UTF-8, else with escapes, so that no byte is lost.
fn text(word: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(word).map_or_else(|_| word.escape_ascii().to_string().into(), Cow::Borrowed)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn record(event: Event) -> Record {
        let (user, name) = (b"ann".as_slice().into(), b"app\n\xff".as_slice().into());
        Record {
            at: UnixMillis(1_767_225_599_999),
            user,
            client: 7,
            address: "10.0.0.3:5".into(),
            name,
            event,
        }
    }

    #[track_caller]
    fn check(event: Event, expected: &str) {
        let mut line = Vec::new();
        record(event).write(&mut line);
        let head = r#"{"time":"2025-12-31T23:59:59.999Z","event":"#;
        let line = String::from_utf8(line).expect("it is JSON");
        assert_eq!(line, format!("{head}{expected}\n"));
        assert!(serde_json::from_str::<Value>(&line).is_ok_and(|value| value.is_object()));
    }

    #[test]
    fn a_record_is_an_object_on_one_line() {
        let who = r#""user":"ann","client":7,"address":"10.0.0.3:5","name":"app\\n\\xff","#;
        check(
            Event::Login(Means::Password),
            &format!(r#""login",{who}"outcome":"success","means":"password"}}"#),
        );
        check(
            Event::FailedLogin(Means::Certificate),
            &format!(r#""login",{who}"outcome":"failure","means":"certificate"}}"#),
        );
        let denial = Event::Denial {
            reason: "key",
            context: "multi",
            command: "get",
            object: b"k\"\n".as_slice().into(),
        };
        let said = r#""reason":"key","context":"multi","command":"get","object":"k\"\n"}"#;
        check(denial, &format!(r#""denial",{who}{said}"#));
        let words = [&b"config"[..], b"set", b"requirepass", b"(redacted)"].map(<[u8]>::to_vec).to_vec();
        let said = r#""db":3,"command":["config","set","requirepass","(redacted)"]}"#;
        check(Event::Command { db: 3, words }, &format!(r#""command",{who}{said}"#));
    }

    #[test]
    fn long_words_are_cut() {
        assert_eq!(cut(&[b'x'; 1000]).len(), WORD_BYTES_MAX);
        assert_eq!(cut(b"abc"), b"abc");
    }
}
