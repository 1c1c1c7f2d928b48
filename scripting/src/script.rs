//! Scripts by the hash of their text, and what the first line of one declares.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

use mlua::Function;

use crate::error::ErrorReply;
use crate::flags::Flags;

/// Scripts that were only ever run with EVAL are forgotten above this number.
const EVALUATED_MAX: usize = 500;

/// A compiled script.
#[derive(Debug)]
pub struct Script {
    pub(crate) hash: String,
    pub(crate) body: Vec<u8>,
    pub(crate) flags: Flags,
    pub(crate) function: Function,
    /// The number of the machine it was compiled in.
    pub(crate) machine: u64,
}

impl Script {
    /// Returns the SHA-1 of the text, in 40 lower-case hexadecimal digits.
    pub fn sha(&self) -> &str {
        &self.hash
    }

    /// Returns the text.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns what the first line declares.
    pub fn flags(&self) -> Flags {
        self.flags
    }
}

/// Who brought a script: it decides how long it is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// EVAL: kept while it is among the 500 that were used last.
    Eval,
    /// SCRIPT LOAD: kept until SCRIPT FLUSH.
    Load,
}

/// How many scripts there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ScriptCounts {
    /// Scripts kept.
    pub cached: usize,
    /// Scripts that made room for others, since the start.
    pub evicted: u64,
    /// Bytes of the texts and names, without what Lua uses.
    pub bytes: usize,
}

struct Kept {
    script: Arc<Script>,
    origin: Origin,
    /// When it was used last, for scripts of EVAL.
    used: u64,
}

/// Hashes are spread well as they are: their first digits choose the place.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Name([u8; NAME_BYTES]);

const NAME_BYTES: usize = 40;

impl Name {
    fn of(hash: &[u8]) -> Option<Name> {
        hash.try_into().ok().map(Name)
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let part = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| self.0[at + byte]));
        state.write_u64(part(0) ^ part(8).rotate_left(32));
    }
}

/// Takes one number and spreads its bits, of which digits leave many unused.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("names are written as one number");
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }
}

/// Scripts that were run with EVAL lately are found without their hash.
const RECENT: usize = 16;

/// The scripts of an interpreter.
#[derive(Default)]
pub(crate) struct Scripts {
    by_hash: HashMap<Name, Kept, BuildHasherDefault<Spread>>,
    /// By a few bytes of the text; each place is the last script's that had it.
    recent: [Option<Arc<Script>>; RECENT],
    /// The hashes of scripts of EVAL with the time of a use; only the pair with the last use counts.
    uses: VecDeque<(Name, u64)>,
    clock: u64,
    evaluated: usize,
    evicted: u64,
    bytes: usize,
}

impl Scripts {
    /// Finds a script by its hash, in digits of any case.
    pub(crate) fn find(&self, hash: &[u8]) -> Option<Arc<Script>> {
        let name = Name::of(hash)?;
        if let Some(kept) = self.by_hash.get(&name) {
            return Some(Arc::clone(&kept.script));
        }
        let kept = self.by_hash.get(&Name(name.0.map(|digit| digit.to_ascii_lowercase())))?;
        Some(Arc::clone(&kept.script))
    }

    /// Finds a script by its text among those that EVAL has run lately.
    pub(crate) fn find_recent(&self, body: &[u8]) -> Option<Arc<Script>> {
        self.recent[recent_place(body)].as_ref().filter(|script| script.body == body).cloned()
    }

    /// Notes that a script is used by EVAL.
    pub(crate) fn touch(&mut self, script: &Arc<Script>) {
        let Some(name) = Name::of(script.hash.as_bytes()) else { return };
        let place = &mut self.recent[recent_place(&script.body)];
        if !place.as_ref().is_some_and(|recent| Arc::ptr_eq(recent, script)) {
            *place = Some(Arc::clone(script));
        }
        if self.uses.back().is_some_and(|(last, _)| *last == name) {
            return;
        }
        self.clock += 1;
        let Some(kept) = self.by_hash.get_mut(&name).filter(|kept| kept.origin == Origin::Eval) else {
            return;
        };
        kept.used = self.clock;
        self.uses.push_back((name, self.clock));
        self.tidy_uses();
    }

    /// Drops uses that newer ones follow, once there are many.
    fn tidy_uses(&mut self) {
        if self.uses.len() > 4 * EVALUATED_MAX {
            let by_hash = &self.by_hash;
            self.uses.retain(|(hash, used)| by_hash.get(hash).is_some_and(|kept| kept.used == *used));
        }
    }

    /// Keeps a script; of EVAL's, the one that wasn't used for longest goes.
    pub(crate) fn insert(&mut self, script: &Arc<Script>, origin: Origin) {
        let Some(name) = Name::of(script.hash.as_bytes()) else { return };
        self.bytes += script.hash.len() + script.body.len();
        self.evaluated += usize::from(origin == Origin::Eval);
        self.by_hash.insert(name, Kept { script: Arc::clone(script), origin, used: 0 });
        self.touch(script);
        while self.evaluated > EVALUATED_MAX {
            self.evict();
        }
    }

    fn evict(&mut self) {
        while let Some((name, used)) = self.uses.pop_front() {
            if self.by_hash.get(&name).is_some_and(|kept| kept.used == used && kept.origin == Origin::Eval) {
                if let Some(kept) = self.by_hash.remove(&name) {
                    self.bytes -= kept.script.hash.len() + kept.script.body.len();
                    self.recent[recent_place(&kept.script.body)] = None;
                }
                self.evaluated -= 1;
                self.evicted += 1;
                return;
            }
        }
        self.evaluated = 0;
    }

    /// Keeps a script for good that was kept for EVAL only.
    pub(crate) fn promote(&mut self, hash: &str) {
        let kept = Name::of(hash.as_bytes()).and_then(|name| self.by_hash.get_mut(&name));
        if let Some(kept) = kept.filter(|kept| kept.origin == Origin::Eval) {
            kept.origin = Origin::Load;
            self.evaluated -= 1;
        }
    }

    pub(crate) fn counts(&self) -> ScriptCounts {
        ScriptCounts { cached: self.by_hash.len(), evicted: self.evicted, bytes: self.bytes }
    }

    pub(crate) fn clear(&mut self) {
        *self = Scripts { evicted: self.evicted, ..Scripts::default() };
    }
}

/// Where a text stands among the recent ones: texts differ in their lengths and ends.
fn recent_place(body: &[u8]) -> usize {
    let end = body.iter().rev().take(8).fold(0, |sum: usize, &byte| sum.wrapping_mul(31) + usize::from(byte));
    (body.len() ^ end) % RECENT
}

/// Splits the first line off a script and reads it. What is compiled keeps the line's end, so that the numbers of
/// lines stay right.
pub(crate) fn declaration(body: &[u8]) -> Result<(Flags, &[u8]), ErrorReply> {
    let Some(rest) = body.strip_prefix(b"#!") else { return Ok((Flags::UNDECLARED, body)) };
    let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
        return Err(ErrorReply::new("ERR Invalid script shebang"));
    };
    let mut words = rest[..end].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    // The engine follows the mark without space.
    let engine = if rest[..end].first().is_none_or(u8::is_ascii_whitespace) { None } else { words.next() };
    if engine != Some(b"lua") {
        let name = [b"#!", engine.unwrap_or_default()].concat();
        return Err(ErrorReply::quoting("ERR Unexpected engine in script shebang: ", &name));
    }
    let mut flags = Flags::default();
    for word in words {
        let Some(names) = word.strip_prefix(b"flags=") else {
            return Err(ErrorReply::quoting("ERR Unknown lua shebang option: ", word));
        };
        for name in names.split(|&byte| byte == b',').filter(|name| !name.is_empty()) {
            if !flags.insert(name) {
                return Err(ErrorReply::quoting("ERR Unexpected flag in script shebang: ", name));
            }
        }
    }
    Ok((flags, &rest[end..]))
}
