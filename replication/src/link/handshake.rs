//! What a replica says to a primary before it gets anything, and what it is told.
//!
//! ```text
//! PING                                      +PONG, or that it has to authenticate
//! AUTH [user] password                      +OK
//! REPLCONF listening-port 6380              +OK, or an error of a primary that doesn't know it
//! REPLCONF ip-address 10.0.0.2              as above
//! REPLCONF capa eof capa psync2             as above
//! PSYNC <id> <offset of the first byte>     +CONTINUE [id], or +FULLRESYNC <id> <offset>
//!       [FAILOVER]                          as above, after it has become the primary; or an error
//! ```
//!
//! What stands between `PING` and `PSYNC` is sent at once, and only what there is to be said. A primary that doesn't know
//! `PSYNC` is asked by `SYNC`: it sends a snapshot, and its stream has no offsets.

use super::failure::{Failure, Note, shown};
use super::payload::Payload;
use super::{Link, Phase, Position, Step};
use crate::ReplicationId;
use spinel_resp::encode_request;
use spinel_resp::number::{format_unsigned, parse_unsigned};
use std::ops::ControlFlow::{self, Break, Continue};

/// No line of a primary is longer.
const LINE_BYTES_MAX: usize = 1024;

/// What a primary replies that is asked to become one.
const IS_PRIMARY: &[u8] = b"-ERR PSYNC FAILOVER can't be sent to a master.";

/// What a primary says that wants to know who asks.
const ASKS_WHO: [&[u8]; 3] = [b"-NOAUTH", b"-NOPERM", b"-ERR operation not permitted"];

/// What the primary is to reply to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Await {
    Ping,
    Auth,
    Port,
    Address,
    Capabilities,
    Psync,
}

impl Link {
    /// Begins the conversation.
    pub(super) fn introduce(&mut self) {
        self.phase = Phase::Handshake(Await::Ping);
        self.say(&[b"PING"]);
    }

    fn say(&mut self, words: &[&[u8]]) {
        encode_request(words, &mut self.out);
    }

    /// Hears the next line, if it is there.
    pub(super) fn listen(&mut self, now_ms: u64) -> ControlFlow<Step> {
        let bytes = self.buffer.bytes();
        let head = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
        let Some(end) = head.iter().position(|&byte| byte == b'\n') else {
            return if head.len() < LINE_BYTES_MAX {
                Break(Step::Nothing)
            } else {
                self.fail(Failure::LineTooLong, now_ms)
            };
        };
        let line = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]).to_vec();
        self.buffer.skip(end + 1);
        match self.phase {
            // Primaries that are busy with a snapshot say nothing, as a sign that they are there.
            Phase::Handshake(Await::Psync) | Phase::Header { .. } if line.is_empty() => Continue(()),
            Phase::Handshake(Await::Psync) => self.hear_psync(&line, now_ms),
            Phase::Handshake(awaited) => self.hear(awaited, &line, now_ms),
            Phase::Header { position } => self.hear_header(position, &line, now_ms),
            _ => Continue(()),
        }
    }

    fn hear(&mut self, awaited: Await, line: &[u8], now_ms: u64) -> ControlFlow<Step> {
        let is_error = line.starts_with(b"-");
        let not_understood = |part| Note::NotUnderstood { part, reply: shown(line) };
        match awaited {
            Await::Ping => {
                let asks_who = ASKS_WHO.iter().any(|reply| line.starts_with(reply));
                if !asks_who && !line.starts_with(b"+") {
                    return self.fail(Failure::PingRefused(shown(line)), now_ms);
                }
                self.notes.push_back(Note::Answered);
                self.introduce_further();
            }
            Await::Auth if is_error => return self.fail(Failure::AuthenticationRefused(shown(line)), now_ms),
            Await::Port if is_error => self.notes.push_back(not_understood("listening-port")),
            Await::Address if is_error => self.notes.push_back(not_understood("ip-address")),
            Await::Capabilities if is_error => self.notes.push_back(not_understood("capa")),
            _ => {}
        }
        let next = match awaited {
            Await::Ping if self.options.credentials.is_some() => Await::Auth,
            Await::Ping | Await::Auth => Await::Port,
            Await::Port if self.options.announced_address.is_some() => Await::Address,
            Await::Port | Await::Address => Await::Capabilities,
            Await::Capabilities | Await::Psync => {
                self.ask();
                Await::Psync
            }
        };
        self.phase = Phase::Handshake(next);
        Continue(())
    }

    /// Says who it is and what it knows.
    fn introduce_further(&mut self) {
        let out = &mut self.out;
        if let Some(credentials) = &self.options.credentials {
            let user = credentials.user.as_deref();
            let words = [Some(&b"AUTH"[..]), user, Some(&credentials.password)];
            encode_request(words.into_iter().flatten().collect::<Vec<_>>(), out);
        }
        let port = format_unsigned(u64::from(self.options.listening_port));
        encode_request([&b"REPLCONF"[..], b"listening-port", port.as_ref()], out);
        if let Some(address) = &self.options.announced_address {
            encode_request([&b"REPLCONF"[..], b"ip-address", address.as_bytes()], out);
        }
        encode_request(["REPLCONF", "capa", "eof", "capa", "psync2"], out);
    }

    /// Asks for what follows the position, or for everything.
    fn ask(&mut self) {
        if let Some(Position { id, offset }) = self.position {
            // Bytes are counted from 1 here: what is wanted is the one behind those that are there.
            let offset = offset + 1;
            self.notes.push_back(Note::AsksForPart { id, offset });
            let number = format_unsigned(offset);
            let words = [&b"PSYNC"[..], id.as_str().as_bytes(), number.as_ref(), b"FAILOVER"];
            self.say(&words[..if self.asked.is_some() { 4 } else { 3 }]);
            self.asked = self.asked.map(|times| times.saturating_add(1));
        } else {
            self.notes.push_back(Note::AsksForAll);
            self.say(&[b"PSYNC", b"?", b"-1"]);
        }
    }

    /// Hears an answer that is none of a primary's to who was asked to become one.
    ///
    /// Who was asked before and may have answered, which nobody heard, has become the primary then; it is asked again as one.
    fn hear_refusal(&mut self, times: u32, line: &[u8], now_ms: u64) -> ControlFlow<Step> {
        if times > 1 && line.starts_with(IS_PRIMARY) {
            self.ask();
            return Continue(());
        }
        self.fail(Failure::HandoverRefused(shown(line)), now_ms)
    }

    fn hear_psync(&mut self, line: &[u8], now_ms: u64) -> ControlFlow<Step> {
        let asked = self.asked.take();
        if let Some(rest) = line.strip_prefix(b"+FULLRESYNC") {
            let Some(position) = full_resync(rest) else {
                return self.fail(Failure::BadFullResync, now_ms);
            };
            if self.is_poisoned(position.id) {
                return self.fail(Failure::Poisoned(position.id.to_string()), now_ms);
            }
            self.notes.push_back(Note::FullResync { id: position.id, offset: position.offset });
            self.expect_snapshot(Some(position));
            return Continue(());
        }
        if let Some(rest) = line.strip_prefix(b"+CONTINUE") {
            let named = self.position.and_then(|position| Some((position, continued(rest, position.id)?)));
            return match named {
                Some((_, id)) if self.is_poisoned(id) => self.fail(Failure::Poisoned(id.to_string()), now_ms),
                Some((position, id)) => self.go_on(position, id, now_ms),
                None => self.fail(Failure::UnexpectedContinuation(shown(line)), now_ms),
            };
        }
        if let Some(times) = asked {
            return self.hear_refusal(times, line, now_ms);
        }
        if line.starts_with(b"-NOMASTERLINK") || line.starts_with(b"-LOADING") {
            return self.fail(Failure::NotNow(shown(line)), now_ms);
        }
        let reply = shown(line);
        let is_error = line.starts_with(b"-");
        self.notes.push_back(if is_error { Note::NoPsync(reply) } else { Note::UnexpectedReply(reply) });
        self.notes.push_back(Note::AsksInOldWay);
        self.out.extend_from_slice(b"SYNC\r\n");
        self.expect_snapshot(None);
        Continue(())
    }

    fn is_poisoned(&self, id: ReplicationId) -> bool {
        self.options.poisoned_streams.contains(&id)
    }

    /// Goes on where it was, in a stream that may have got another name.
    fn go_on(&mut self, position: Position, id: ReplicationId, now_ms: u64) -> ControlFlow<Step> {
        self.notes.push_back(Note::Continued);
        if id != position.id {
            self.notes.push_back(Note::Renamed(id));
        }
        let position = Position { id, ..position };
        self.position = Some(position);
        self.follow(now_ms);
        Break(Step::Continues(position))
    }

    fn expect_snapshot(&mut self, position: Option<Position>) {
        self.position = None;
        self.phase = Phase::Header { position };
    }

    fn hear_header(&mut self, position: Option<Position>, line: &[u8], now_ms: u64) -> ControlFlow<Step> {
        if let Some(error) = line.strip_prefix(b"-") {
            return self.fail(Failure::Aborted(shown(error)), now_ms);
        }
        let Some(payload) = Payload::parse(line) else {
            return self.fail(Failure::NoPayload(shown(line)), now_ms);
        };
        let length = payload.length();
        self.notes.push_back(Note::Receiving { length });
        self.phase = Phase::Payload { payload, position };
        Break(Step::SnapshotBegins { position, length })
    }
}

/// Reads what stands behind `+FULLRESYNC`.
fn full_resync(rest: &[u8]) -> Option<Position> {
    let (id, offset) = rest.strip_prefix(b" ")?.split_at_checked(40)?;
    let offset =
        parse_unsigned(offset.strip_prefix(b" ")?).filter(|offset| i64::try_from(*offset).is_ok())?;
    Some(Position { id: ReplicationId::parse(id)?, offset })
}

/// Reads what stands behind `+CONTINUE`: another name, or nothing if it is the one that the stream had.
fn continued(rest: &[u8], id: ReplicationId) -> Option<ReplicationId> {
    match rest {
        [] => Some(id),
        [b' ', id @ ..] => ReplicationId::parse(id),
        _ => None,
    }
}
