//! Finding keys: KEYS, SCAN, RANDOMKEY. Other commands go on meanwhile, so what changes during a search may or
//! may not be found.

use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Reach, Run};
use crate::error::Error;
use crate::pattern::{Case, matches};
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

fn keys(call: &mut Call<'_>) -> Result<(), Error> {
    let pattern = call.args.word();
    let matches_all = pattern == b"*";

    let (db, now) = (call.keys.db(), call.now);
    let deferred = call.reply.deferred_array();
    let mut count = 0;
    call.keys.keyspace().for_each(db, now, |entry, _| {
        if matches_all || matches(pattern, entry.key(), Case::Sensitive) {
            call.reply.bulk(entry.key());
            count += 1;
        }
    });
    call.reply.finish_array(deferred, count);
    Ok(())
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
