//! Values under other keys and in other databases: COPY, MOVE.

use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Databases, Reach, Run};
use crate::error::Error;
use crate::keyspace::event::Event;
use crate::keyspace::{DbIndex, Keyspace};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "copy",
        databases: Databases::Option("DB", 3),
        event: "copy_to",
        usage: "source destination destination-db=[DB destination-db:integer] [REPLACE]",
        keys: &[
            KeySpec::at(1, KeyUse::READ_ONLY.with(KeyUse::ACCESS)),
            KeySpec::at(2, KeyUse::OVERWRITE.with(KeyUse::UPDATE)),
        ],
        flags: Flags::WRITE.with(Flags::DENYOOM),
        reach: Reach::WholeIf(may_leave_database),
        since: "6.2.0",
        cost: "O(N) where N is the size of the value",
        about: "Copies the value of a key, with its expiry, to another key.",
        run: Run::Data(copy),
        ..Command::ROW
    },
    Command {
        name: "move",
        databases: Databases::At(&[2]),
        usage: "key db:integer",
        keys: &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::ACCESS).with(KeyUse::UPDATE))],
        flags: Flags::WRITE.with(Flags::FAST),
        reach: Reach::Whole,
        cost: "O(N) where N is the size of the value",
        about: "Moves a key to another database unless that has one of the same name.",
        run: Run::Data(move_key),
        ..Command::ROW
    },
];

const SAME_OBJECT: Error = Error::Text("ERR source and destination objects are the same");

/// Whether a COPY may go to another database: the shard of its key there is not planned for.
fn may_leave_database(words: &[&[u8]]) -> bool {
    words.iter().skip(3).any(|word| word.eq_ignore_ascii_case(b"db"))
}

/// Where a copy goes, and whether it may replace what is there.
struct CopyOptions {
    db: DbIndex,
    replaces: bool,
}

impl CopyOptions {
    fn parse(args: &mut Args<'_>, db: DbIndex, keyspace: &Keyspace) -> Result<CopyOptions, Error> {
        let mut options = CopyOptions { db, replaces: false };
        while args.remaining() > 0 {
            if args.accept("REPLACE") {
                options.replaces = true;
            } else if args.remaining() >= 2 && args.accept("DB") {
                options.db = database(args, keyspace)?;
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }
}

/// The next word as the number of a database.
fn database(args: &mut Args<'_>, keyspace: &Keyspace) -> Result<DbIndex, Error> {
    let number = args.integer_between(i32::MIN.into(), i32::MAX.into());
    args.check()?;
    keyspace.db(number).ok_or(Error::DbIndexOutOfRange)
}

fn copy(call: &mut Call<'_>) -> Result<(), Error> {
    let (from, to) = (call.args.word(), call.args.word());
    let options = CopyOptions::parse(&mut call.args, call.keys.db(), call.keys.keyspace())?;
    if from == to && options.db == call.keys.db() {
        return Err(SAME_OBJECT);
    }

    let value = call.keys.copy_of(from);
    let is_copied = value.is_some_and(|value| {
        let mut guard = call.keys.write_in(options.db, to);
        let is_allowed = options.replaces || !guard.exists();
        if is_allowed {
            guard.put(value);
        }
        is_allowed
    });

    call.reply.integer(is_copied.into());
    Ok(())
}

fn move_key(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let db = database(&mut call.args, call.keys.keyspace())?;
    if db == call.keys.db() {
        return Err(SAME_OBJECT);
    }

    let is_moved = call.keys.peek(key).is_some() && call.keys.peek_in(db, key).is_none();
    if is_moved {
        let mut source = call.keys.write(key);
        let value = source.take().expect("the source was seen");
        source.keep_quiet();
        drop(source);
        let mut destination = call.keys.write_in(db, key);
        destination.put(value);
        destination.keep_quiet();
        drop(destination);
        call.keys.write(key).notify(Event::generic("move_from"));
        call.keys.write_in(db, key).notify(Event::generic("move_to"));
    }

    call.reply.integer(is_moved.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn a_copy_has_value_and_expiry() {
        check(
            "SET a 12 EX 10                => OK
             COPY a b                      => 1
             @encoding b                   => int
             @expiry b                     => 1010000
             SET b w                       => OK
             COPY a b                      => 0
             COPY a b REPLACE replace      => 1
             GET b                         => \"12\"
             COPY none b REPLACE           => 0
             COPY a a DB 1                 => 1
             COPY a a DB 1                 => 0
             COPY a c DB 1 DB 0            => 1
             EXISTS a b c                  => 3",
        );
    }

    #[test]
    fn copies_that_make_no_sense() {
        check(
            "SET a v                       => OK
             COPY a a                      => ERR source and destination objects are the same
             COPY none none DB 0           => ERR source and destination objects are the same
             COPY a b DB                   => ERR syntax error
             COPY a b nosuch               => ERR syntax error
             COPY a b DB 16 nosuch         => ERR DB index is out of range
             COPY a b DB x                 => ERR value is not an integer or out of range
             COPY a b DB 4294967296        => ERR value is out of range, value must between -2147483648 and 2147483647
             EXISTS b                      => 0",
        );
    }

    #[test]
    fn a_move_leaves_what_is_there() {
        check(
            "SET a v EX 10                 => OK
             MOVE a 1                      => 1
             EXISTS a                      => 0
             SET a w                       => OK
             MOVE a 1                      => 0
             GET a                         => \"w\"
             MOVE none 1                   => 0
             MOVE none 0                   => ERR source and destination objects are the same
             MOVE a 16                     => ERR DB index is out of range
             MOVE a x                      => ERR value is not an integer or out of range
             SWAPDB 0 1                    => OK
             GET a                         => \"v\"
             @expiry a                     => 1010000",
        );
    }
}
