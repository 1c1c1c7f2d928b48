//! Moving elements from an end of one list to an end of another, or of the same: LMOVE, RPOPLPUSH, LMOVEM.

use super::{INSERT_USE, end, reply_element};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::KeySpec;
use crate::command::{Command, Group, Run};
use crate::commands::taking::TAKE_USE;
use crate::error::Error;
use crate::keyspace::event::Event;
use spinel_resp::ReplyWriter;
use spinel_types::Element;
use spinel_types::list::{End, Taken};

const ROW: Command = Command {
    keys: &[KeySpec::at(1, TAKE_USE), KeySpec::at(2, INSERT_USE)],
    flags: Flags::WRITE.with(Flags::DENYOOM),
    group: Group::List,
    ..Command::ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "lmove",
        usage: "source destination wherefrom=<LEFT|RIGHT> whereto=<LEFT|RIGHT>",
        since: "6.2.0",
        about: "Moves an element from an end of a list to an end of another one and returns it.",
        run: Run::Data(lmove),
        ..ROW
    },
    Command {
        name: "rpoplpush",
        usage: "source destination",
        since: "1.2.0",
        about: "Moves the last element of a list to the start of another one and returns it.",
        deprecated: Some(("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments")),
        run: Run::Data(rpoplpush),
        ..ROW
    },
    Command {
        name: "lmovem",
        usage: "source destination wherefrom=<LEFT|RIGHT> whereto=<LEFT|RIGHT> \
                [how-many=(selector=<COUNT count|EXACTLY exactly:integer> ordering=<OBO|BULK>)]",
        since: "8.10.0",
        cost: "O(N) where N is the number of elements moved",
        about: "Moves elements from an end of a list to an end of another one and returns them.",
        run: Run::Data(lmovem),
        ..ROW
    },
];

/// What is moved, from where to where.
pub(super) struct Move<'a> {
    pub(super) source: &'a [u8],
    destination: &'a [u8],
    from: End,
    to: End,
    /// How many elements at most.
    count: usize,
    /// Whether nothing is moved if there are fewer.
    pub(super) is_exact: bool,
    /// Whether the reply is an element rather than a list of them.
    pub(super) is_single: bool,
    order: Order,
}

/// How several elements arrive.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// As if moved one by one.
    OneByOne,
    /// In the order they had.
    Bulk,
}

fn lmove(call: &mut Call<'_>) -> Result<(), Error> {
    let moving = Move::parse_one(&mut call.args)?;

    move_one(call, &moving)
}

fn rpoplpush(call: &mut Call<'_>) -> Result<(), Error> {
    let moving = Move::pop_and_push(&mut call.args);

    move_one(call, &moving)
}

fn move_one(call: &mut Call<'_>, moving: &Move<'_>) -> Result<(), Error> {
    let moved = moving.run(call)?;

    if !moving.reply(call.reply, moved) {
        call.reply.null();
    }
    Ok(())
}

fn lmovem(call: &mut Call<'_>) -> Result<(), Error> {
    let moving = Move::parse(&mut call.args)?;

    let moved = moving.run(call)?;

    if !moving.reply(call.reply, moved) {
        if moving.is_exact { call.reply.null() } else { call.reply.array(0) }
    }
    Ok(())
}

impl<'a> Move<'a> {
    /// One element from an end to an end.
    fn one(source: &'a [u8], destination: &'a [u8], from: End, to: End) -> Move<'a> {
        let order = Order::OneByOne;
        Move { source, destination, from, to, count: 1, is_exact: true, is_single: true, order }
    }

    /// Reads the keys and the ends of LMOVE.
    pub(super) fn parse_one(args: &mut Args<'a>) -> Result<Move<'a>, Error> {
        let (source, destination) = (args.word(), args.word());
        Ok(Move::one(source, destination, end(args)?, end(args)?))
    }

    /// Reads the keys of RPOPLPUSH.
    pub(super) fn pop_and_push(args: &mut Args<'a>) -> Move<'a> {
        Move::one(args.word(), args.word(), End::Tail, End::Head)
    }

    /// Reads the keys and the ends of LMOVEM.
    pub(super) fn parse_several(args: &mut Args<'a>) -> Result<Move<'a>, Error> {
        Ok(Move { is_exact: false, is_single: false, ..Move::parse_one(args)? })
    }

    /// Reads all of LMOVEM.
    fn parse(args: &mut Args<'a>) -> Result<Move<'a>, Error> {
        let mut moving = Move::parse_several(args)?;
        moving.parse_count(args)?;
        args.finish()?;
        Ok(moving)
    }

    /// Reads how many elements are moved, and in which order.
    pub(super) fn parse_count(&mut self, args: &mut Args<'a>) -> Result<(), Error> {
        if args.remaining() == 0 {
            return Ok(());
        }
        self.is_exact = args.accept("EXACTLY");
        if !self.is_exact && !args.accept("COUNT") {
            return Err(Error::Syntax);
        }
        self.count = args.not_negative(Error::Negative)?;
        self.order = if args.accept("OBO") { Order::OneByOne } else { Order::Bulk };
        if self.order == Order::Bulk && !args.accept("BULK") {
            return Err(Error::Syntax);
        }
        Ok(())
    }

    /// Replies what was moved; whether there was a source with enough elements.
    pub(super) fn reply(&self, reply: &mut ReplyWriter, moved: Option<Vec<Taken>>) -> bool {
        let Some(mut moved) = moved else { return false };
        if self.is_single {
            for element in &moved {
                reply_element(reply, element.element());
            }
            return true;
        }
        // What is told is how they lie in the destination.
        if self.to == End::Head {
            moved.reverse();
        }
        reply.array(moved.len());
        for element in &moved {
            reply_element(reply, element.element());
        }
        true
    }

    /// Moves the elements and returns them in the order in which they were added; `None` if there is no source,
    /// or not enough in it.
    pub(super) fn run(&self, call: &mut Call<'_>) -> Result<Option<Vec<Taken>>, Error> {
        let len = call.keys.write(self.source).existing_list()?.map_or(0, |list| list.view().len());
        if len == 0 || self.is_exact && len < self.count {
            return Ok(None);
        }
        // Both types are right before anything changes.
        call.keys.write(self.destination).existing_list()?;

        let mut guard = call.keys.write(self.source);
        let mut list = guard.existing_list()?.expect("it was there");
        let mut moved = list.cut(self.from, self.count);
        self.arrange(&mut moved);
        let elements: Vec<Element<'_>> = moved.iter().map(Taken::element).collect();
        if self.source == self.destination {
            list.push(self.to, &elements);
            list.settle();
            guard.notify(self.arrival());
            guard.notify(self.departure());
        } else {
            list.settle();
            // What arrives is told first.
            guard.keep_quiet();
            drop(guard);
            if !elements.is_empty() {
                let mut guard = call.keys.write(self.destination);
                guard.list()?.push(self.to, &elements);
                guard.notify(self.arrival());
                drop(guard);
                self.tell_departure(call);
            }
        }
        Ok(Some(moved))
    }

    /// What the source tells of.
    fn departure(&self) -> Event {
        Event::list(if self.from == End::Head { "lpop" } else { "rpop" })
    }

    fn tell_departure(&self, call: &mut Call<'_>) {
        let mut guard = call.keys.write(self.source);
        guard.notify(self.departure());
        if !guard.exists() {
            guard.notify(Event::DEL);
        }
    }

    /// What the destination tells of.
    fn arrival(&self) -> Event {
        Event::list(if self.to == End::Head { "lpush" } else { "rpush" })
    }

    /// Brings elements in the order of their list into that in which they are added.
    fn arrange(&self, moved: &mut [Taken]) {
        let added_backwards = match self.order {
            Order::OneByOne => self.from == End::Tail,
            Order::Bulk => self.to == End::Head,
        };
        if added_backwards {
            moved.reverse();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn an_element_is_moved() {
        check(
            "RPUSH a 1 2 3                 => 3
             LMOVE a b LEFT RIGHT          => \"1\"
             LMOVE a b right left          => \"3\"
             LRANGE b 0 -1                 => [\"3\", \"1\"]
             RPOPLPUSH a b                 => \"2\"
             LLEN a                        => 0
             RPOPLPUSH a b                 => nil
             LRANGE b 0 -1                 => [\"2\", \"3\", \"1\"]
             RPOPLPUSH b b                 => \"1\"
             LMOVE b b LEFT LEFT           => \"1\"
             LRANGE b 0 -1                 => [\"1\", \"2\", \"3\"]
             SET s v                       => OK
             LMOVE none s LEFT LEFT        => nil
             LMOVE b s LEFT LEFT           => WRONGTYPE Operation against a key holding the wrong kind of value
             LMOVE s b LEFT LEFT           => WRONGTYPE Operation against a key holding the wrong kind of value
             LMOVE b b LEFT MIDDLE         => ERR syntax error",
        );
    }

    #[test]
    fn a_list_of_one_element_keeps_its_expiry_when_it_turns() {
        check(
            "RPUSH l x                     => 1
             EXPIRE l 10                   => 1
             LMOVE l l LEFT RIGHT          => \"x\"
             @expiry l                     => 1010000",
        );
    }

    #[test]
    fn several_elements_are_moved() {
        check(
            "RPUSH a 1 2 3 4 5 6 7 8       => 8
             LMOVEM a b LEFT LEFT COUNT 2 OBO => [\"2\", \"1\"]
             LMOVEM a b LEFT LEFT COUNT 2 BULK => [\"3\", \"4\"]
             LRANGE b 0 -1                 => [\"3\", \"4\", \"2\", \"1\"]
             LMOVEM a c RIGHT LEFT COUNT 2 OBO => [\"7\", \"8\"]
             LMOVEM a c RIGHT RIGHT EXACTLY 2 BULK => [\"5\", \"6\"]
             LRANGE c 0 -1                 => [\"7\", \"8\", \"5\", \"6\"]
             LLEN a                        => 0
             LMOVEM c d RIGHT RIGHT COUNT 9 OBO => [\"6\", \"5\", \"8\", \"7\"]
             LMOVEM d e LEFT RIGHT         => [\"6\"]
             LMOVEM d e LEFT RIGHT EXACTLY 4 OBO => nil
             LMOVEM none e LEFT RIGHT EXACTLY 1 OBO => nil
             LMOVEM none e LEFT RIGHT COUNT 1 OBO => []
             LMOVEM none e LEFT RIGHT      => []
             LMOVEM d e LEFT RIGHT COUNT 0 OBO => []
             LMOVEM d e LEFT RIGHT COUNT 1 => ERR syntax error
             LMOVEM d e LEFT RIGHT OBO     => ERR syntax error
             LMOVEM d e LEFT RIGHT COUNT -1 OBO => ERR value is out of range, must be positive
             LMOVEM d e LEFT RIGHT COUNT 1 OBO BULK => ERR syntax error",
        );
    }

    #[test]
    fn a_list_moves_onto_itself() {
        check(
            "RPUSH l a b c                 => 3
             LMOVEM l l LEFT LEFT EXACTLY 2 OBO => [\"b\", \"a\"]
             LRANGE l 0 -1                 => [\"b\", \"a\", \"c\"]
             LMOVEM l l LEFT LEFT COUNT 3 BULK => [\"b\", \"a\", \"c\"]
             LMOVEM l l LEFT RIGHT COUNT 2 BULK => [\"b\", \"a\"]
             LRANGE l 0 -1                 => [\"c\", \"b\", \"a\"]",
        );
    }
}
