//! For tests and the curious: the subcommands of DEBUG that concern data. Whether clients may use DEBUG at all
//! is up to the program around the engine, which also has subcommands of its own.

pub(super) mod digest;
mod layout;
mod object;
mod populate;
mod tables;

use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Reach, Run};
use crate::error::Error;
use crate::keyspace::guard::STRING_BYTES_MAX;
use crate::pattern::{Case, matches};
use digest::Digest;

const FLAGS: Flags = Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::LOADING).with(Flags::STALE);
const ROW: Command = Command { group: Group::Server, flags: FLAGS, reach: Reach::Sweep, ..Command::ROW };

/// The rows of this family.
pub(super) const COMMANDS: &[&[Command]] = &[ROWS];

const ROWS: &[Command] = &[
    Command {
        name: "debug",
        flags: FLAGS.with(Flags::HIDES_SUBCOMMANDS).with(Flags::GUARDED),
        cost: "Depends on the subcommand",
        about: "Holds the subcommands for debugging.",
        run: Run::Container,
        ..ROW
    },
    Command {
        name: "debug|digest",
        reach: Reach::Whole,
        cost: "O(N) where N is the size of all data",
        about: "Makes a digest of all data.",
        run: Run::Data(digest),
        ..ROW
    },
    Command {
        name: "debug|digest-value",
        usage: "[key...]",
        keys: &[KeySpec::from(2, 1, KeyUse::READ_ONLY)],
        reach: Reach::Keys,
        cost: "O(N) where N is the size of the values",
        about: "Makes digests of the values of keys.",
        run: Run::Data(digest_value),
        ..ROW
    },
    Command {
        name: "debug|htstats",
        usage: "db:integer [FULL]",
        cost: "O(N) where N is the number of keys in the database",
        about: "Tells how full the tables of a database are.",
        run: Run::Data(tables::of_database),
        ..ROW
    },
    Command {
        name: "debug|htstats-key",
        usage: "key [FULL]",
        keys: &[KeySpec::at(2, KeyUse::READ_ONLY)],
        reach: Reach::Keys,
        cost: "O(N) where N is the number of members",
        about: "Tells how full the table of a large collection is.",
        run: Run::Data(tables::of_key),
        ..ROW
    },
    Command {
        name: "debug|jmap",
        about: "Does nothing: there is no heap to dump.",
        run: Run::Data(accept),
        ..ROW
    },
    Command {
        name: "debug|listpack",
        usage: "key",
        keys: &[KeySpec::at(2, KeyUse::READ_ONLY)],
        reach: Reach::Keys,
        cost: "O(N) where N is the number of elements",
        about: "Prints how the elements of a small collection lie in memory.",
        run: Run::Data(layout::listpack),
        ..ROW
    },
    Command {
        name: "debug|object",
        usage: "key",
        keys: &[KeySpec::at(2, KeyUse::READ_ONLY)],
        reach: Reach::Keys,
        about: "Describes how a key is stored.",
        run: Run::Data(object::describe),
        ..ROW
    },
    Command {
        name: "debug|populate",
        usage: "count [prefix [size:integer]]",
        flags: FLAGS.with(Flags::WRITE),
        reach: Reach::Whole,
        cost: "O(N) where N is the number of keys",
        about: "Makes string keys with numbers in their names; those that exist stay as they are.",
        run: Run::Data(populate::populate),
        ..ROW
    },
    Command {
        name: "debug|quicklist",
        usage: "key [is-full:integer]",
        keys: &[KeySpec::at(2, KeyUse::READ_ONLY)],
        reach: Reach::Keys,
        cost: "O(N) where N is the number of elements",
        about: "Prints how the nodes of a large list lie in memory, and with 1 their bytes.",
        run: Run::Data(layout::quicklist),
        ..ROW
    },
    Command {
        name: "debug|set-active-expire",
        usage: "is-active:integer",
        about: "Lets expired keys be removed in the background, or, with 0, only when they are asked for.",
        run: Run::Data(set_active_expire),
        ..ROW
    },
    Command {
        name: "debug|stringmatch-len",
        usage: "length:integer pattern",
        cost: "O(N*M) where N is the length and M that of the longest part of the pattern without stars",
        about: "Tells whether a glob pattern matches a text of that many letters `a`.",
        run: Run::Data(match_letters),
        ..ROW
    },
];

fn digest(call: &mut Call<'_>) -> Result<(), Error> {
    let digest = Digest::of_keyspace(call.keys.keyspace(), call.now);

    call.reply.simple(&digest.to_string());
    Ok(())
}

fn digest_value(call: &mut Call<'_>) -> Result<(), Error> {
    let keys = call.args.rest();

    call.reply.array(keys.len());
    for key in keys {
        let digest =
            call.keys.inspect(key).map(|(entry, value)| Digest::of_value(entry, value)).unwrap_or_default();
        call.reply.simple(&digest.to_string());
    }
    Ok(())
}

fn accept(call: &mut Call<'_>) -> Result<(), Error> {
    call.reply.ok();
    Ok(())
}

/// Any text whose leading digits aren't zero means yes, as in Redis.
fn set_active_expire(call: &mut Call<'_>) -> Result<(), Error> {
    let text = call.args.word();
    let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    let is_active = digits.into_iter().any(|digit| *digit != b'0');

    call.keys.keyspace().set_active_expiry(is_active);

    call.reply.ok();
    Ok(())
}

fn match_letters(call: &mut Call<'_>) -> Result<(), Error> {
    let length = call.args.integer_between(0, STRING_BYTES_MAX as i64);
    let pattern = call.args.word();
    call.args.check()?;

    let is_match = matches(pattern, &vec![b'a'; length as usize], Case::Sensitive);

    call.reply.integer(is_match.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn digests_are_those_of_redis() {
        check(
            "DEBUG DIGEST                  => 0000000000000000000000000000000000000000
             SET k v                       => OK
             DEBUG DIGEST-VALUE k none     => [d79ee9fe5d5ad902d7f6620efc3b07b75ddd742f, 0000000000000000000000000000000000000000]
             DEBUG DIGEST-VALUE            => []
             SET n 12345 EX 100            => OK
             DEBUG DIGEST                  => 72a563c2a7fbdc82ccaae85e3d65d9153dd8a347
             COPY k k DB 3                 => 1
             DEBUG DIGEST                  => 863cb6925c6b0ce3ffd72ff40d5dedd3f43acf09",
        );
    }

    #[test]
    fn wrong_names_and_wrong_numbers_of_words_look_alike() {
        check(
            "DEBUG nosuch                  => ERR unknown subcommand or wrong number of arguments for 'nosuch'. Try DEBUG HELP.
             DEBUG Digest x                => ERR unknown subcommand or wrong number of arguments for 'Digest'. Try DEBUG HELP.
             DEBUG OBJECT none             => ERR no such key
             DEBUG JMAP                    => OK
             DEBUG                         => ERR wrong number of arguments for 'debug' command",
        );
    }

    #[test]
    fn patterns_are_tried_on_letters() {
        check(
            "DEBUG STRINGMATCH-LEN 5 a?a*           => 1
             DEBUG STRINGMATCH-LEN 5 *b             => 0
             DEBUG STRINGMATCH-LEN 20000 \"*a\"*50000 => 0
             DEBUG STRINGMATCH-LEN -1 *             => ERR value is out of range, value must between 0 and 536870912",
        );
    }
}
