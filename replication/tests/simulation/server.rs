//! A server of the simulation: what it holds, whom it copies, and what it sends to those who copy it.

use super::random::Random;
use super::wire::Wire;
use spinel_persistence::log::UnitScanner;
use spinel_replication::{Action, Answer, Asked, Link, LinkOptions, Phase, Position, Primary, ReplicationId};
use std::collections::BTreeMap;

/// What a stream's end keeps for those who come back.
const BACKLOG_BYTES: u64 = 2_000;
/// A piece of a snapshot.
const PORTION_BYTES: usize = 50;

/// All writes that were applied, in their order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Data {
    digest: u64,
    writes: u64,
}

impl Data {
    fn apply(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(7);
        }
        self.writes += 1;
    }

    fn snapshot(self) -> Vec<u8> {
        let filling = "REDIS".repeat(1 + (self.writes % 40) as usize);
        format!("{} {} {filling}", self.digest, self.writes).into_bytes()
    }

    fn load(bytes: &[u8]) -> Data {
        let text = String::from_utf8_lossy(bytes);
        let mut words = text.split(' ').map(|word| word.parse().ok());
        let mut number = || words.next().flatten().expect("a snapshot begins with two numbers");
        Data { digest: number(), writes: number() }
    }
}

/// What a replica's connection says and is sent.
#[derive(Default)]
struct Session {
    received: Vec<u8>,
    scanner: UnitScanner,
    finds_end: bool,
    /// What is left of the snapshot.
    snapshot: Option<Vec<u8>>,
    /// It has been told where the snapshot begins.
    is_told: bool,
}

/// A server.
pub(crate) struct Server {
    pub(crate) primary: Primary,
    pub(crate) data: Data,
    pub(crate) link: Option<Link>,
    /// Whom it copies.
    pub(crate) upstream: usize,
    sessions: BTreeMap<u64, Session>,
    /// The snapshot that comes.
    spool: Vec<u8>,
    /// When a snapshot that came whole is loaded.
    loaded_at: Option<u64>,
    /// Whether the stream that it sends is that of its primary.
    relays: bool,
    pub(crate) partial: u64,
    pub(crate) full: u64,
}

/// What a link wants of the world.
pub(crate) enum Wish {
    Connect,
    Close,
}

fn id(random: &mut Random) -> ReplicationId {
    let words = [random.bits(), random.bits(), random.bits()].map(u64::to_le_bytes).concat();
    ReplicationId::from_bytes(words[..20].try_into().expect("there are 24"))
}

impl Server {
    pub(crate) fn new(random: &mut Random) -> Server {
        Server {
            primary: Primary::new(id(random), BACKLOG_BYTES),
            data: Data::default(),
            link: None,
            upstream: 0,
            sessions: BTreeMap::new(),
            spool: Vec::new(),
            loaded_at: None,
            relays: false,
            partial: 0,
            full: 0,
        }
    }

    /// The place in a stream at which the data stands, if it stands at one.
    pub(crate) fn position(&self) -> Option<Position> {
        let is_kept = self.primary.backlog().is_some() && self.loaded_at.is_none();
        is_kept.then(|| Position { id: self.primary.history().id(), offset: self.primary.offset() })
    }

    /// A client writes: one command, or several as one.
    pub(crate) fn write(&mut self, random: &mut Random) {
        let mut bytes = Vec::new();
        let words = |words: &[&str], bytes: &mut Vec<u8>| spinel_resp::encode_request(words, bytes);
        let count = if random.chance(20) { 1 + random.below(4) } else { 0 };
        if count > 0 {
            words(&["MULTI"], &mut bytes);
        }
        for _ in 0..count.max(1) {
            words(&["SET", &random.below(9).to_string(), &random.bits().to_string()], &mut bytes);
        }
        if count > 0 {
            words(&["EXEC"], &mut bytes);
        }
        self.data.apply(&bytes);
        if self.primary.backlog().is_some() {
            self.primary.append(bytes.into());
        }
    }

    /// Says between writes what is no write.
    pub(crate) fn ping(&mut self) {
        if self.link.is_none() && self.primary.backlog().is_some() {
            self.primary.append(b"*1\r\n$4\r\nPING\r\n".to_vec().into());
        }
    }

    /// Copies somebody from now on. Returns whose connections are to be closed.
    pub(crate) fn follow(&mut self, upstream: usize, random: &mut Random) -> Vec<u64> {
        let position = match self.link.take() {
            Some(link) => link.position(),
            None => self.position(),
        };
        let options = LinkOptions { timeout_ms: 2_000, ..LinkOptions::default() };
        self.link = Some(Link::new(options, position, random.bits()));
        // Also if it can't be gone on with: what is there has that name until a snapshot takes its place.
        self.relays = self.primary.backlog().is_some() && self.loaded_at.is_none();
        self.upstream = upstream;
        self.loaded_at = None;
        self.dismiss()
    }

    /// Copies nobody any more. Returns whose connections are to be closed.
    pub(crate) fn lead(&mut self, random: &mut Random) -> Vec<u64> {
        if self.link.take().is_none() || !std::mem::take(&mut self.relays) {
            return Vec::new();
        }
        self.primary.branch(id(random));
        self.dismiss()
    }

    pub(crate) fn is_loading(&self) -> bool {
        self.loaded_at.is_some()
    }

    fn dismiss(&mut self) -> Vec<u64> {
        let keys: Vec<u64> = std::mem::take(&mut self.sessions).into_keys().collect();
        for key in &keys {
            self.primary.detach(*key);
        }
        keys
    }

    /// A replica connects.
    pub(crate) fn accept(&mut self, key: u64) {
        self.sessions.insert(key, Session::default());
    }

    /// A replica is gone.
    pub(crate) fn forget(&mut self, key: u64) {
        self.sessions.remove(&key);
        self.primary.detach(key);
    }

    /// Does what the link says. Returns what it wants of the world, and whose connections are to be closed.
    pub(crate) fn act(
        &mut self,
        now_ms: u64,
        wire: &mut Option<&mut Wire>,
        random: &mut Random,
    ) -> (Vec<Wish>, Vec<u64>) {
        let (mut wishes, mut closed) = (Vec::new(), Vec::new());
        let Some(mut link) = self.link.take() else { return (wishes, closed) };
        if self.loaded_at.is_some_and(|at| at <= now_ms) {
            self.loaded_at = None;
            self.data = Data::load(&self.spool);
            link.loaded(now_ms);
            if let Some(Position { id, offset }) = link.position() {
                self.primary.adopt(id, offset);
                self.relays = true;
            }
        }
        if let Some(wire) = wire {
            self.hear(&mut link, wire, now_ms);
        }
        while let Some(action) = link.next(now_ms) {
            match action {
                Action::Connect => wishes.push(Wish::Connect),
                Action::Close(_) => wishes.push(Wish::Close),
                Action::Note(_) => {}
                Action::Send(bytes) => {
                    if let Some(wire) = wire {
                        wire.up.send(bytes, now_ms, random);
                    }
                }
                Action::SnapshotBegins { .. } => self.spool.clear(),
                Action::Snapshot(bytes) => self.spool.extend_from_slice(bytes),
                Action::SnapshotEnds => {
                    closed.extend(self.dismiss());
                    self.relays = false;
                    self.primary.end();
                    self.loaded_at = Some(now_ms + random.below(300));
                }
                Action::Continues { position } => {
                    assert_eq!(self.primary.offset(), position.offset, "what was applied was relayed");
                    if self.primary.history().id() != position.id {
                        self.primary.branch(position.id);
                        closed.extend(self.dismiss());
                    }
                }
                Action::Filler(bytes) => self.primary.append(bytes.to_vec().into()),
                Action::Unit(unit) => {
                    self.data.apply(unit.bytes());
                    self.primary.append(unit.bytes().to_vec().into());
                }
            }
        }
        self.primary.trim();
        self.link = Some(link);
        (wishes, closed)
    }

    fn hear(&mut self, link: &mut Link, wire: &mut Wire, now_ms: u64) {
        while !link.room().is_empty() && self.loaded_at.is_none() {
            let Some(bytes) = wire.down.receive(now_ms) else { return };
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let room = link.room();
                let count = room.len().min(rest.len());
                room[..count].copy_from_slice(&rest[..count]);
                link.received(count, now_ms);
                rest = &rest[count..];
            }
        }
    }

    /// Reads what a replica says, and sends it what it is to be sent. Whether the connection stays.
    pub(crate) fn serve(&mut self, wire: &mut Wire, now_ms: u64, random: &mut Random) -> bool {
        let Some(mut session) = self.sessions.remove(&wire.key) else { return false };
        while let Some(bytes) = wire.up.receive(now_ms) {
            session.received.extend_from_slice(&bytes);
        }
        while session.received.first() == Some(&b'\n') {
            session.received.remove(0);
        }
        while let Ok(Some(end)) = session.scanner.scan(&session.received) {
            let request = session.received.drain(..end).collect::<Vec<_>>();
            let unit = session.scanner.unit(&request, 0);
            let command = unit.commands().next().expect("a unit has a command");
            let words: Vec<String> =
                command.words().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            self.answer(&words, &mut session, wire, now_ms, random);
        }
        let stays = self.send(&mut session, wire, now_ms, random);
        self.sessions.insert(wire.key, session);
        stays
    }

    fn answer(
        &mut self,
        words: &[&str],
        session: &mut Session,
        wire: &mut Wire,
        now_ms: u64,
        random: &mut Random,
    ) {
        match words {
            ["PING"] => wire.down.send(b"+PONG\r\n", now_ms, random),
            ["REPLCONF", "ACK", offset, ..] => {
                let offset = offset.parse().expect("an offset is a number");
                self.primary.acknowledge(wire.key, offset, None, now_ms);
            }
            ["REPLCONF", rest @ ..] => {
                // Some say nothing of it, and get a length.
                session.finds_end |= rest.contains(&"eof") && random.chance(70);
                wire.down.send(b"+OK\r\n", now_ms, random);
            }
            ["PSYNC", id, wanted] => {
                let is_kept = self.primary.backlog().is_some();
                if self.link.is_some() && (!self.relays || self.loaded_at.is_some()) {
                    wire.down.send(
                        b"-NOMASTERLINK Can't SYNC while not connected with my master\r\n",
                        now_ms,
                        random,
                    );
                    return;
                }
                if !is_kept {
                    self.primary.begin(self::id(random));
                }
                let asked = Asked::psync(id.as_bytes(), wanted.parse().expect("a number"));
                match self.primary.attach(wire.key, &asked, now_ms) {
                    Answer::Full => self.full += 1,
                    Answer::Continue => {
                        self.partial += 1;
                        let name = self.primary.history().id();
                        wire.down.send(format!("+CONTINUE {name}\r\n").as_bytes(), now_ms, random);
                    }
                }
            }
            other => panic!("a replica says {other:?}"),
        }
    }

    /// Begins to send all who wait what there is now.
    fn cut(&mut self) {
        let is_waiting = |phase: Phase| phase == Phase::Waiting;
        let waiting = self.primary.replicas().filter(|(_, replica)| is_waiting(replica.phase));
        let waiting: Vec<u64> = waiting.map(|(key, _)| key).collect();
        for key in waiting {
            if let Some(session) = self.sessions.get_mut(&key) {
                session.snapshot = Some(self.data.snapshot());
            }
        }
        self.primary.cut();
    }

    fn send(&mut self, session: &mut Session, wire: &mut Wire, now_ms: u64, random: &mut Random) -> bool {
        const MARKER: &str = "0123456789abcdef0123456789abcdef01234567";
        let key = wire.key;
        match self.primary.replica(key).map(|replica| replica.phase) {
            None | Some(Phase::Loading) => {}
            Some(Phase::Waiting) => {
                if random.chance(30) {
                    session.snapshot = Some(self.data.snapshot());
                    self.cut();
                }
            }
            Some(Phase::Receiving) => {
                if !session.is_told {
                    session.is_told = true;
                    let sent = self.primary.replica(key).map_or(0, |replica| replica.sent);
                    let line = format!("+FULLRESYNC {} {sent}\r\n", self.primary.history().id());
                    wire.down.send(line.as_bytes(), now_ms, random);
                    let length = session.snapshot.as_ref().map_or(0, Vec::len);
                    let opening = if session.finds_end {
                        format!("$EOF:{MARKER}\r\n")
                    } else {
                        format!("${length}\r\n")
                    };
                    wire.down.send(opening.as_bytes(), now_ms, random);
                }
                let snapshot = session.snapshot.as_mut().expect("it was taken at the cut");
                let count = snapshot.len().min(PORTION_BYTES);
                let portion: Vec<u8> = snapshot.drain(..count).collect();
                wire.down.send(&portion, now_ms, random);
                if snapshot.is_empty() {
                    if session.finds_end {
                        wire.down.send(MARKER.as_bytes(), now_ms, random);
                    }
                    self.primary.delivered(key, session.finds_end);
                }
            }
            Some(Phase::Online) => match self.primary.take(key, 500) {
                Ok(chunks) => chunks.iter().for_each(|chunk| wire.down.send(chunk, now_ms, random)),
                Err(_) => return false,
            },
        }
        true
    }
}
