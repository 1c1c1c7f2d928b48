//! The primary's side of links: whatever replicas ask for and claim, in any order, each gets the stream from where it is said to go on,
//! or is told to begin anew.
//!
//! Lines of words: what a replica says begins with its number, as in `1 PSYNC new 15` and `1 ACK 14 FACK 3`; other lines are what
//! happens at the primary, as in `append 20` and `cut`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_replication::{Answer, Asked, Phase, Primary, ReplicationId};

const KEYS: u64 = 4;
/// So many bytes are appended in all at most.
const STREAM_BYTES_MAX: usize = 1 << 16;

fuzz_target!(|data: &[u8]| {
    let mut play = Play::new();
    for line in data.split(|&byte| byte == b'\n') {
        let words: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
        play.hear(&words);
        play.check();
    }
});

/// A primary, and what it must know.
struct Play {
    primary: Primary,
    /// All bytes that the stream has had.
    stream: Vec<u8>,
    /// Up to where each name holds; the last one to the end.
    names: Vec<(ReplicationId, u64)>,
    /// Where a snapshot was cut last.
    cut: Option<u64>,
    now_ms: u64,
}

fn name(number: u8) -> ReplicationId {
    ReplicationId::from_bytes([number; 20])
}

fn number(word: Option<&&[u8]>) -> i64 {
    word.and_then(|word| std::str::from_utf8(word).ok()?.parse().ok()).unwrap_or_default()
}

impl Play {
    fn new() -> Play {
        let mut primary = Primary::new(name(0), 100);
        primary.begin(name(1));
        Play { primary, stream: Vec::new(), names: vec![(name(1), u64::MAX)], cut: None, now_ms: 0 }
    }

    fn hear(&mut self, words: &[&[u8]]) {
        self.now_ms += 1;
        let argument = number(words.get(1));
        match words[0] {
            b"append" => self.append(argument.unsigned_abs() as usize),
            b"cut" => self.cut = Some(self.primary.cut()),
            b"trim" => self.primary.trim(),
            b"resize" => self.primary.resize_backlog(argument.unsigned_abs()),
            b"branch" if self.names.len() < 100 => {
                let (new, end) = (name(self.names.len() as u8 + 1), self.primary.offset());
                if let Some(last) = self.names.last_mut() {
                    last.1 = end;
                }
                self.names.push((new, u64::MAX));
                self.primary.branch(new);
            }
            [key @ b'0'..=b'3'] => self.hear_replica(u64::from(key - b'0'), &words[1..]),
            _ => {}
        }
    }

    fn append(&mut self, bytes: usize) {
        let bytes = bytes.min(STREAM_BYTES_MAX - self.stream.len());
        let chunk: Vec<u8> = (0..bytes).map(|at| (self.stream.len() + at) as u8).collect();
        self.stream.extend_from_slice(&chunk);
        self.primary.append(chunk.into());
    }

    fn hear_replica(&mut self, key: u64, words: &[&[u8]]) {
        let argument = number(words.get(1));
        match words.first().copied().unwrap_or_default() {
            b"PSYNC" => self.ask(key, words.get(1).copied().unwrap_or_default(), number(words.get(2))),
            b"SYNC" => {
                self.primary.detach(key);
                assert_eq!(self.primary.attach(key, &Asked::NOTHING, self.now_ms), Answer::Full);
            }
            b"ACK" => {
                let durable = (words.len() > 3).then(|| number(words.get(3)) as u64);
                self.primary.acknowledge(key, argument as u64, durable, self.now_ms);
            }
            b"join" => {
                if let Some(cut) = self.cut {
                    self.primary.join(key, cut);
                }
            }
            b"delivered" => self.primary.delivered(key, argument != 0),
            b"take" => self.take(key, argument.unsigned_abs() as usize % 1000),
            b"detach" => self.primary.detach(key),
            _ => {}
        }
    }

    fn ask(&mut self, key: u64, id: &[u8], wanted: i64) {
        // The names that there are would hardly be guessed.
        let known = match id {
            b"new" => self.names.last(),
            b"old" => self.names.iter().nth_back(1),
            _ => None,
        };
        let text = known.map_or(id.to_vec(), |(id, _)| id.as_str().as_bytes().to_vec());
        let asked = Asked::psync(&text, wanted);
        self.primary.detach(key);
        if self.primary.attach(key, &asked, self.now_ms) == Answer::Continue {
            let named = self.names.iter().rev().take(2).find(|(id, _)| Some(*id) == asked.id);
            let (_, end) = named.expect("nobody goes on under a name that nobody knows");
            assert_eq!(asked.offset as i64, wanted - 1);
            assert!(asked.offset <= *end && asked.offset <= self.primary.offset());
        }
    }

    /// What is taken is what follows what was sent.
    fn take(&mut self, key: u64, most: usize) {
        let Some(sent) = self.primary.replica(key).map(|replica| replica.sent) else { return };
        if let Ok(chunks) = self.primary.take(key, most) {
            let taken: Vec<u8> = chunks.iter().flat_map(|chunk| chunk.to_vec()).collect();
            assert_eq!(taken, self.stream[sent as usize..][..taken.len()]);
        }
    }

    fn check(&self) {
        let end = self.primary.offset();
        assert_eq!(end, self.stream.len() as u64);
        for (_, replica) in self.primary.replicas() {
            assert!(
                replica.sent <= end
                    && replica.acknowledged <= end
                    && replica.durable.is_none_or(|durable| durable <= end)
            );
            assert!(replica.phase != Phase::Waiting || replica.sent == 0);
        }
        assert!(self.primary.holders(0) as u64 <= KEYS && self.primary.keepers(0) as u64 <= KEYS);
    }
}
