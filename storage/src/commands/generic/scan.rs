//! Finding keys: KEYS, SCAN, RANDOMKEY. Other commands go on meanwhile, so what changes during a search may or
//! may not be found; what is there throughout is, once.

use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Reach, Run};
use crate::engine::errand::{Errand, Ground};
use crate::error::Error;
use crate::keyspace::DbIndex;
use crate::pattern::{Case, matches};
use crate::time::UnixMillis;
use spinel_resp::ReplyWriter;
use spinel_types::{Entry, ValueType};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "keys",
        usage: "pattern",
        flags: Flags::READONLY.with(Flags::DANGEROUS),
        reach: Reach::Sweep,
        cost: "O(N) where N is the number of keys in the database",
        about: "Lists the keys that match a glob pattern.",
        tips: &["request_policy:all_shards", "nondeterministic_output_order"],
        run: Run::Data(keys),
        ..Command::ROW
    },
    Command {
        name: "scan",
        usage: "cursor [MATCH pattern] [COUNT count] [TYPE type]",
        flags: Flags::READONLY,
        reach: Reach::Sweep,
        since: "2.8.0",
        cost: "O(1) for a call, O(N) for all until the cursor is 0 again, where N is the number of keys",
        about: "Lists keys in portions, from a cursor on.",
        tips: &["nondeterministic_output", "request_policy:special", "response_policy:special"],
        run: Run::Data(scan),
        ..Command::ROW
    },
    Command {
        name: "randomkey",
        flags: Flags::READONLY,
        reach: Reach::Sweep,
        about: "Chooses a key at random.",
        tips: &["request_policy:all_shards", "response_policy:special", "nondeterministic_output"],
        run: Run::Data(randomkey),
        ..Command::ROW
    },
];

const COUNT_DEFAULT: i64 = 10;

/// In a database of more keys than this, KEYS goes on beside other commands once it has looked at so many: a millisecond's
/// work.
const KEYS_AT_ONCE: usize = 16 * 1024;
/// So many keys it looks at then before it lets go of the keyspace.
const KEYS_PER_LOOK: u64 = 1024;
/// So often it starts again if the keys that it has found are all gone at once.
const STARTS_MAX: u32 = 8;

fn keys(call: &mut Call<'_>) -> Result<(), Error> {
    let mut search = Search::new(call.args.word(), call.keys.db(), call.now);

    let keyspace = call.keys.keyspace();
    let start = call.reply.position();
    let deferred = call.reply.deferred_array();
    let first = call.reply.position();
    let rest = keyspace.for_each_up_to(search.db, search.now, KEYS_AT_ONCE, |entry, _| {
        search.look_at(entry, call.reply);
    });
    let Some(cursor) = rest else {
        call.reply.finish_array(deferred, search.count);
        return Ok(());
    };

    let found = call.reply.bytes()[first..].to_vec();
    call.reply.truncate(start);
    let generation = keyspace.generation(search.db);
    call.leave(Errand::new(move |ground, reply| {
        search.finish((cursor, generation, &found), ground, reply);
        Ok(())
    }));
    Ok(())
}

/// What KEYS looks for, and how much of it was found.
struct Search {
    /// None if any key will do.
    pattern: Option<Vec<u8>>,
    db: DbIndex,
    now: UnixMillis,
    count: usize,
}

impl Search {
    fn new(pattern: &[u8], db: DbIndex, now: UnixMillis) -> Search {
        let pattern = (pattern != b"*").then(|| pattern.to_vec());
        Search { pattern, db, now, count: 0 }
    }

    fn look_at(&mut self, entry: Entry<'_>, found: &mut ReplyWriter) {
        if self.pattern.as_ref().is_none_or(|pattern| matches(pattern, entry.key(), Case::Sensitive)) {
            found.bulk(entry.key());
            self.count += 1;
        }
    }

    /// Looks at the keys from a cursor on, behind those found before, and replies with all. If the database is emptied or
    /// exchanged, what was found is nothing that was ever there together with the rest, so that it starts again.
    fn finish(
        mut self,
        (mut cursor, mut generation, found): (u64, u64, &[u8]),
        ground: &Ground<'_>,
        reply: &mut ReplyWriter,
    ) {
        let deferred = reply.deferred_array();
        let first = reply.position();
        reply.raw(found);
        // What makes room for many keys may take its time, so that nobody waits for it.
        let mut portion = ReplyWriter::new(reply.protocol());
        let (db, now, mut starts) = (self.db, self.now, 1);
        while ground.is_wanted() {
            let present = ground.inside(|keyspace| {
                let present = keyspace.generation(db);
                if present == generation || starts == STARTS_MAX {
                    let look = |entry: Entry<'_>| self.look_at(entry, &mut portion);
                    cursor = keyspace.scan(db, cursor, KEYS_PER_LOOK, now, look);
                }
                present
            });
            if present != generation && starts < STARTS_MAX {
                (generation, cursor, self.count, starts) = (present, 0, 0, starts + 1);
                reply.truncate(first);
                continue;
            }
            reply.raw(portion.bytes());
            portion.clear();
            if cursor == 0 {
                break;
            }
        }
        reply.finish_array(deferred, self.count);
    }
}

/// Which keys a scan shows, and how many it looks at.
struct ScanOptions<'a> {
    count: i64,
    pattern: Option<&'a [u8]>,
    type_name: Option<&'a [u8]>,
}

impl<'a> ScanOptions<'a> {
    fn parse(args: &mut Args<'a>) -> Result<ScanOptions<'a>, Error> {
        let mut options = ScanOptions { count: COUNT_DEFAULT, pattern: None, type_name: None };
        while args.remaining() > 0 {
            if args.remaining() >= 2 && args.accept("COUNT") {
                options.count = args.integer();
                args.check()?;
                if options.count < 1 {
                    return Err(Error::Syntax);
                }
            } else if args.remaining() >= 2 && args.accept("MATCH") {
                options.pattern = Some(args.word()).filter(|pattern| *pattern != b"*");
            } else if args.remaining() >= 2 && args.accept("TYPE") {
                options.type_name = Some(args.word());
            } else if args.accept("NOVALUES") {
                return Err(Error::Text("ERR NOVALUES option can only be used in HSCAN"));
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }

    fn shows(&self, entry: Entry<'_>) -> bool {
        let is_of_type = |name: &[u8]| name.eq_ignore_ascii_case(ValueType::of(entry).name().as_bytes());
        self.type_name.is_none_or(is_of_type)
            && self.pattern.is_none_or(|pattern| matches(pattern, entry.key(), Case::Sensitive))
    }
}

fn scan(call: &mut Call<'_>) -> Result<(), Error> {
    let cursor = parse_cursor(call.args.word()).ok_or(Error::Text("ERR invalid cursor"))?;
    let options = ScanOptions::parse(&mut call.args)?;

    let (db, now) = (call.keys.db(), call.now);
    let mut found = ReplyWriter::new(call.reply.protocol());
    let mut count = 0;
    let next = call.keys.keyspace().scan(db, cursor, options.count as u64, now, |entry| {
        if options.shows(entry) {
            found.bulk(entry.key());
            count += 1;
        }
    });

    call.reply.array(2);
    call.reply.bulk(next.to_string().as_bytes());
    call.reply.array(count);
    call.reply.raw(found.bytes());
    Ok(())
}

/// Reads a cursor as Redis does: a decimal that is not negative, or else whatever C's `strtoull` takes, which
/// allows spaces and a sign in front and a sign's wrapping around.
pub(in crate::commands) fn parse_cursor(text: &[u8]) -> Option<u64> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    if let Some(integer) = spinel_resp::parse_integer(text) {
        return u64::try_from(integer).ok();
    }
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let digits = &text[text.iter().take_while(|byte| is_space(byte)).count()..];
    let (is_negative, digits) = match digits {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let value = digits.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })?;
    Some(if is_negative { value.wrapping_neg() } else { value })
}

fn randomkey(call: &mut Call<'_>) -> Result<(), Error> {
    let db = call.keys.db();
    match call.keys.keyspace().random_key(db, call.now, call.keys.entropy) {
        Some(key) => call.reply.bulk(&key),
        None => call.reply.null(),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::script::check;

    #[test]
    fn cursors_are_unsigned_decimals() {
        for (text, expected) in [
            (&b"0"[..], Some(0)),
            (b"00", Some(0)),
            (b"18446744073709551615", Some(u64::MAX)),
            (b"18446744073709551616", None),
            (b"99999999999999999999999", None),
            (b"-1", None),
            (b"-01", Some(u64::MAX)),
            (b" 7", Some(7)),
            (b"\t+7", Some(7)),
            (b"7 ", None),
            (b"7\x00x", Some(7)),
            (b"", None),
            (b" ", None),
            (b"+", None),
            (b"0x10", None),
        ] {
            assert_eq!(parse_cursor(text), expected, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn keys_are_found() {
        check(
            "RANDOMKEY                              => nil
             SET ab 1                               => OK
             SET x 1 PXAT 1                         => OK
             RANDOMKEY                              => \"ab\"
             KEYS *                                 => [\"ab\"]
             KEYS ?b                                => [\"ab\"]
             KEYS b*                                => []
             SCAN 0 COUNT 1000                      => [\"0\", [\"ab\"]]
             SCAN 0 COUNT 1000 MATCH *a TYPE string => [\"0\", []]
             SCAN 0 MATCH * TYPE STRING COUNT 1000  => [\"0\", [\"ab\"]]
             SCAN 0 COUNT 1000 TYPE list            => [\"0\", []]
             SCAN 18446744073709551615              => [\"0\", []]
             SCAN x COUNT 0                         => ERR invalid cursor
             SCAN 0 COUNT 0                         => ERR syntax error
             SCAN 0 COUNT x nosuch                  => ERR value is not an integer or out of range
             SCAN 0 MATCH                           => ERR syntax error
             SCAN 0 NOVALUES                        => ERR NOVALUES option can only be used in HSCAN",
        );
    }
}
