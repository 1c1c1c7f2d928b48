//! LCS: the longest common subsequence of two values.
//!
//! The textbook table: a cell holds the length of the longest common subsequence of a start of one text and a
//! start of the other. Walking back from the last cell, wherever both bytes are equal they belong to the
//! result; else the walk goes where the length stays, along the second text if both ways keep it.

use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{Begin, Find, KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use crate::keyspace::guard::STRING_BYTES_MAX;
use spinel_resp::ReplyWriter;
use spinel_types::string::INTEGER_DIGITS_MAX;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "lcs",
    usage: "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len:integer] [WITHMATCHLEN]",
    keys: &[KeySpec {
        begin: Begin::Index(1),
        find: Find::Range { last: 1, step: 1, limit: 0 },
        usage: KeyUse::READ_ONLY.with(KeyUse::ACCESS),
        varies: None,
    }],
    flags: Flags::READONLY,
    group: Group::String,
    since: "7.0.0",
    cost: "O(N*M) where N and M are the lengths of the two values",
    about: "Finds the longest common subsequence of two string values.",
    run: Run::Data(lcs),
    ..Command::ROW
}];

#[derive(Default)]
struct LcsOptions {
    is_length_only: bool,
    is_indexes: bool,
    has_match_lengths: bool,
    match_len_min: i64,
}

impl LcsOptions {
    fn parse(args: &mut Args<'_>) -> Result<LcsOptions, Error> {
        let mut options = LcsOptions::default();
        while args.remaining() > 0 {
            if args.accept("IDX") {
                options.is_indexes = true;
            } else if args.accept("LEN") {
                options.is_length_only = true;
            } else if args.accept("WITHMATCHLEN") {
                options.has_match_lengths = true;
            } else if args.remaining() > 1 && args.accept("MINMATCHLEN") {
                options.match_len_min = args.integer();
            } else {
                args.fail(Error::Syntax);
            }
            args.check()?;
        }
        if options.is_indexes && options.is_length_only {
            return Err(Error::Text("ERR If you want both the length and indexes, please just use IDX."));
        }
        Ok(options)
    }
}

fn lcs(call: &mut Call<'_>) -> Result<(), Error> {
    let (key1, key2) = (call.args.word(), call.args.word());
    let (one, other) = (text(call, key1)?, text(call, key2)?);
    let options = LcsOptions::parse(&mut call.args)?;
    check_memory(one.len(), other.len())?;

    if options.is_length_only {
        call.reply.integer(length(&one, &other).into());
        return Ok(());
    }
    let stretches = stretches(&one, &other);
    if options.is_indexes {
        reply_indexes(call.reply, &stretches, &options);
    } else {
        let parts = stretches.iter().rev().map(|stretch| &one[stretch.at..stretch.at + stretch.len]);
        call.reply.bulk(&parts.collect::<Vec<_>>().concat());
    }
    Ok(())
}

/// A value's text, empty for a missing key.
fn text(call: &mut Call<'_>, key: &[u8]) -> Result<Vec<u8>, Error> {
    match call.keys.read_string(key) {
        Ok(value) => Ok(value.map_or(Vec::new(), |value| value.text(&mut [0; INTEGER_DIGITS_MAX]).to_vec())),
        Err(_) => Err(Error::Text("ERR The specified keys must contain string values")),
    }
}

/// Refuses texts whose table would be larger than a string may be.
fn check_memory(one_len: usize, other_len: usize) -> Result<(), Error> {
    let cells = (one_len as u128 + 1) * (other_len as u128 + 1);
    if cells * size_of::<u32>() as u128 > STRING_BYTES_MAX as u128 {
        return Err(Error::Text(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ));
    }
    Ok(())
}

/// Fills the row of the table that follows `above`.
fn fill_row(byte: u8, other: &[u8], above: &[u32], row: &mut [u32]) {
    let mut left = 0;
    for (column, &other_byte) in other.iter().enumerate() {
        left = if byte == other_byte { above[column] + 1 } else { above[column + 1].max(left) };
        row[column + 1] = left;
    }
}

/// The length alone, which needs two rows at a time.
fn length(one: &[u8], other: &[u8]) -> u32 {
    let mut above = vec![0; other.len() + 1];
    let mut row = above.clone();
    for &byte in one {
        fill_row(byte, other, &above, &mut row);
        std::mem::swap(&mut above, &mut row);
    }
    above[other.len()]
}

/// Equal bytes in a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stretch {
    /// Where they start in the first text.
    at: usize,
    /// Where they start in the second text.
    other_at: usize,
    len: usize,
}

/// The longest common subsequence as stretches, the last one first.
fn stretches(one: &[u8], other: &[u8]) -> Vec<Stretch> {
    let width = other.len() + 1;
    let mut cells = vec![0; (one.len() + 1) * width];
    for (index, &byte) in one.iter().enumerate() {
        let (above, row) = cells[index * width..].split_at_mut(width);
        fill_row(byte, other, above, row);
    }
    let (mut stretches, mut at, mut other_at) = (Vec::<Stretch>::new(), one.len(), other.len());
    let mut is_extending = false;
    while at > 0 && other_at > 0 {
        let is_match = one[at - 1] == other[other_at - 1];
        if is_match {
            (at, other_at) = (at - 1, other_at - 1);
            match stretches.last_mut() {
                Some(stretch) if is_extending => *stretch = Stretch { at, other_at, len: stretch.len + 1 },
                _ => stretches.push(Stretch { at, other_at, len: 1 }),
            }
        } else if cells[(at - 1) * width + other_at] > cells[at * width + other_at - 1] {
            at -= 1;
        } else {
            other_at -= 1;
        }
        is_extending = is_match;
    }
    stretches
}

fn reply_indexes(reply: &mut ReplyWriter, stretches: &[Stretch], options: &LcsOptions) {
    let is_shown = |stretch: &&Stretch| stretch.len as i64 >= options.match_len_min;
    reply.map(2);
    reply.bulk(b"matches");
    reply.array(stretches.iter().filter(is_shown).count());
    for stretch in stretches.iter().filter(is_shown) {
        reply.array(if options.has_match_lengths { 3 } else { 2 });
        for start in [stretch.at, stretch.other_at] {
            reply.array(2);
            reply.integer(start as i64);
            reply.integer((start + stretch.len - 1) as i64);
        }
        if options.has_match_lengths {
            reply.integer(stretch.len as i64);
        }
    }
    reply.bulk(b"len");
    reply.integer(stretches.iter().map(|stretch| stretch.len as i64).sum());
}

#[cfg(test)]
mod tests {
    use super::super::super::script::check;

    #[test]
    fn the_longest_common_subsequence() {
        check(
            r#"MSET a ohmytext b mynewtext n 12345 => OK
               LCS a b                       => "mytext"
               LCS a b LEN                   => 6
               LCS a b IDX                   => {"matches": [[[4, 7], [5, 8]], [[2, 3], [0, 1]]], "len": 6}
               LCS a b idx minmatchlen 4     => {"matches": [[[4, 7], [5, 8]]], "len": 6}
               LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN => {"matches": [[[4, 7], [5, 8], 4]], "len": 6}
               LCS a b IDX MINMATCHLEN -1 WITHMATCHLEN => {"matches": [[[4, 7], [5, 8], 4], [[2, 3], [0, 1], 2]], "len": 6}
               LCS a none                    => ""
               LCS a none LEN                => 0
               LCS none a IDX                => {"matches": [], "len": 0}
               LCS n n                       => "12345"
               LCS a a IDX                   => {"matches": [[[0, 7], [0, 7]]], "len": 8}"#,
        );
    }

    #[test]
    fn options_and_sizes_that_are_refused() {
        check(
            r#"LCS a b LEN IDX               => ERR If you want both the length and indexes, please just use IDX.
               LCS a b nosuch                => ERR syntax error
               LCS a b MINMATCHLEN           => ERR syntax error
               LCS a b MINMATCHLEN x         => ERR value is not an integer or out of range
               SET a "x"*12000               => OK
               LCS a a LEN                   => ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len
               LCS a none LEN                => 0"#,
        );
    }
}
