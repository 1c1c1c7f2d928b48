//! Whole databases: DBSIZE, FLUSHDB, FLUSHALL, SWAPDB.

use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Databases, Group, Reach, Run};
use crate::error::Error;
use crate::keyspace::DbIndex;
use std::ops::Range;

const FLUSH: Command = Command {
    usage: "flush-type=[ASYNC|SYNC]",
    flags: Flags::WRITE.with(Flags::KEYSPACE).with(Flags::DANGEROUS),
    group: Group::Server,
    reach: Reach::Whole,
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    ..Command::ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "dbsize",
        flags: Flags::READONLY.with(Flags::FAST).with(Flags::KEYSPACE),
        group: Group::Server,
        reach: Reach::Sweep,
        about: "Counts the keys of the database, those included that have expired but are still in memory.",
        tips: &["request_policy:all_shards", "response_policy:agg_sum"],
        run: Run::Data(dbsize),
        ..Command::ROW
    },
    Command {
        name: "flushdb",
        cost: "O(N) where N is the number of keys in the database; with ASYNC, others wait O(1)",
        about: "Removes all keys of the database.",
        run: Run::Data(flush_database),
        ..FLUSH
    },
    Command {
        name: "flushall",
        databases: Databases::All,
        cost: "O(N) where N is the number of keys in all databases; with ASYNC, others wait O(1)",
        about: "Removes all keys of all databases.",
        run: Run::Data(flush_all),
        ..FLUSH
    },
    Command {
        name: "swapdb",
        databases: Databases::At(&[1, 2]),
        usage: "index1 index2",
        flags: Flags::WRITE.with(Flags::FAST).with(Flags::KEYSPACE).with(Flags::DANGEROUS),
        group: Group::Server,
        reach: Reach::Whole,
        since: "4.0.0",
        about: "Exchanges the contents of two databases.",
        run: Run::Data(swap),
        ..Command::ROW
    },
];

fn dbsize(call: &mut Call<'_>) -> Result<(), Error> {
    let keys = call.keys.keyspace().len(call.keys.db());

    call.reply.integer(keys as i64);
    Ok(())
}

/// Who gives the memory of removed keys back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum FlushType {
    /// The command, before it replies.
    Sync,
    /// A thread, afterwards.
    Async,
}

impl FlushType {
    fn parse(args: &mut Args<'_>) -> Result<FlushType, Error> {
        let kind = if args.accept("ASYNC") { FlushType::Async } else { FlushType::Sync };
        if kind == FlushType::Sync {
            args.accept("SYNC");
        }
        args.finish()?;
        Ok(kind)
    }
}

fn flush_database(call: &mut Call<'_>) -> Result<(), Error> {
    let DbIndex(db) = call.keys.db();
    flush(call, db..db + 1)
}

fn flush_all(call: &mut Call<'_>) -> Result<(), Error> {
    let databases = call.keys.keyspace().databases();
    flush(call, 0..databases)
}

fn flush(call: &mut Call<'_>, databases: Range<u16>) -> Result<(), Error> {
    let kind = FlushType::parse(&mut call.args)?;

    let keyspace = call.keys.keyspace();
    let mut emptied = Vec::new();
    let keys: usize = databases.clone().map(|db| keyspace.empty(DbIndex(db), &mut emptied)).sum();
    // Whoever follows the journal must hear of it even if there was nothing to remove here.
    call.keys.count_changes(keys.max(1) as u64);
    databases.for_each(|db| call.keys.tell_emptied(DbIndex(db)));
    match kind {
        FlushType::Sync => drop(emptied),
        FlushType::Async => keyspace.reclaim().databases(emptied),
    }

    call.reply.ok();
    Ok(())
}

fn swap(call: &mut Call<'_>) -> Result<(), Error> {
    let one = number(&mut call.args, Error::Text("ERR invalid first DB index"))?;
    let other = number(&mut call.args, Error::Text("ERR invalid second DB index"))?;
    let keyspace = call.keys.keyspace();
    let (Some(one), Some(other)) = (keyspace.db(one.into()), keyspace.db(other.into())) else {
        return Err(Error::DbIndexOutOfRange);
    };

    keyspace.swap(one, other);
    call.keys.count_changes(1);
    call.keys.tell_exchanged(one);
    call.keys.tell_exchanged(other);

    call.reply.ok();
    Ok(())
}

fn number(args: &mut Args<'_>, otherwise: Error) -> Result<i32, Error> {
    let number = spinel_resp::parse_integer(args.word());
    number.and_then(|number| i32::try_from(number).ok()).ok_or(otherwise)
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn databases_are_emptied_and_exchanged() {
        check(
            "MSET a 1 b 2                  => OK
             DBSIZE                        => 2
             SWAPDB 0 3                    => OK
             DBSIZE                        => 0
             SWAPDB 3 0                    => OK
             SWAPDB 0 0                    => OK
             DBSIZE                        => 2
             FLUSHDB nosuch                => ERR syntax error
             FLUSHDB ASYNC SYNC            => ERR syntax error
             FLUSHDB async                 => OK
             DBSIZE                        => 0
             SET a 1                       => OK
             FLUSHALL SYNC                 => OK
             FLUSHALL                      => OK
             DBSIZE                        => 0
             SWAPDB x 0                    => ERR invalid first DB index
             SWAPDB 0 4294967296           => ERR invalid second DB index
             SWAPDB 0 16                   => ERR DB index is out of range",
        );
    }
}
