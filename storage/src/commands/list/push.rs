//! Adding elements at an end: LPUSH, RPUSH, LPUSHX, RPUSHX.

use super::INSERT_KEY;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_types::Element;
use spinel_types::list::{End, ListMut};

const ROW: Command = Command {
    usage: "key element...",
    keys: INSERT_KEY,
    flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
    group: Group::List,
    cost: "O(N) where N is the number of elements added",
    ..Command::ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "lpush",
        event: "lpush",
        about: "Adds elements before the first one of a list, which is made if there is none, and returns its length.",
        run: Run::Data(lpush),
        ..ROW
    },
    Command {
        name: "rpush",
        event: "rpush",
        about: "Adds elements after the last one of a list, which is made if there is none, and returns its length.",
        run: Run::Data(rpush),
        ..ROW
    },
    Command {
        name: "lpushx",
        event: "lpush",
        since: "2.2.0",
        about: "Adds elements before the first one of a list, if there is one, and returns its length.",
        run: Run::Data(lpushx),
        ..ROW
    },
    Command {
        name: "rpushx",
        event: "rpush",
        since: "2.2.0",
        about: "Adds elements after the last one of a list, if there is one, and returns its length.",
        run: Run::Data(rpushx),
        ..ROW
    },
];

fn lpush(call: &mut Call<'_>) -> Result<(), Error> {
    push(call, End::Head)
}

fn rpush(call: &mut Call<'_>) -> Result<(), Error> {
    push(call, End::Tail)
}

fn push(call: &mut Call<'_>, end: End) -> Result<(), Error> {
    let (key, words) = (call.args.word(), call.args.rest());

    let len = push_words(&mut call.keys.write(key).list()?, end, words);

    call.reply.integer(len as i64);
    Ok(())
}

fn lpushx(call: &mut Call<'_>) -> Result<(), Error> {
    push_if_there(call, End::Head)
}

fn rpushx(call: &mut Call<'_>) -> Result<(), Error> {
    push_if_there(call, End::Tail)
}

fn push_if_there(call: &mut Call<'_>, end: End) -> Result<(), Error> {
    let (key, words) = (call.args.word(), call.args.rest());

    let len = call.keys.write(key).existing_list()?.map_or(0, |mut list| push_words(&mut list, end, words));

    call.reply.integer(len as i64);
    Ok(())
}

#[inline]
fn push_words(list: &mut ListMut<'_>, end: End, words: &[&[u8]]) -> usize {
    if let [word] = words {
        return list.push(end, &[Element::Text(word)]);
    }
    let elements: Vec<Element<'_>> = words.iter().map(|word| Element::Text(word)).collect();
    list.push(end, &elements)
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn elements_are_added_one_after_the_other() {
        check(
            "RPUSH l a 1 -5                => 3
             LPUSH l x y                   => 5
             LRANGE l 0 -1                 => [\"y\", \"x\", \"a\", \"1\", \"-5\"]
             @encoding l                   => listpack
             LPUSHX l z                    => 6
             RPUSHX l 9 8                  => 8
             LRANGE l 0 -1                 => [\"z\", \"y\", \"x\", \"a\", \"1\", \"-5\", \"9\", \"8\"]
             LPUSHX none a                 => 0
             RPUSHX none a                 => 0
             LLEN none                     => 0
             SET s v                       => OK
             LPUSH s a                     => WRONGTYPE Operation against a key holding the wrong kind of value
             RPUSHX s a                    => WRONGTYPE Operation against a key holding the wrong kind of value
             LPUSH l                       => ERR wrong number of arguments for 'lpush' command",
        );
    }

    #[test]
    fn lists_keep_their_expiry() {
        check(
            "RPUSH l a                     => 1
             EXPIRE l 10                   => 1
             RPUSH l b                     => 2
             @expiry l                     => 1010000",
        );
    }

    #[test]
    fn lists_become_large() {
        check(
            "RPUSH l \"a\"*8000            => 1
             @encoding l                   => listpack
             RPUSH l \"a\"*300             => 2
             @encoding l                   => quicklist
             LTRIM l 0 0                   => OK
             @encoding l                   => quicklist
             LSET l 0 x                    => OK
             @encoding l                   => listpack
             RPUSH m \"a\"*9000            => 1
             @encoding m                   => quicklist",
        );
    }
}
