//! Finding elements: LPOS.

use super::READ_KEY;
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_types::list::Direction;
use spinel_types::{Element, ListRef};
use std::ops::ControlFlow;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "lpos",
    usage: "key element [RANK rank:integer] [COUNT num-matches:integer] [MAXLEN len:integer]",
    keys: READ_KEY,
    flags: Flags::READONLY,
    group: Group::List,
    since: "6.0.6",
    cost: "O(N) where N is the number of elements compared",
    about: "Returns the indexes of elements equal to one.",
    run: Run::Data(lpos),
    ..Command::ROW
}];

/// Which matches are wanted.
struct Wanted {
    direction: Direction,
    /// How many matches are passed over.
    passed: usize,
    /// How many are told, 0 for all; one, without an array, if it isn't said.
    count: Option<usize>,
    /// How many elements are compared.
    compared_max: usize,
}

impl Wanted {
    fn parse(args: &mut Args<'_>) -> Result<Wanted, Error> {
        let mut wanted =
            Wanted { direction: Direction::Forwards, passed: 0, count: None, compared_max: usize::MAX };
        while args.remaining() > 0 {
            if args.remaining() > 1 && args.accept("RANK") {
                wanted.set_rank(args.integer_between(-i64::MAX, i64::MAX), args)?;
            } else if args.remaining() > 1 && args.accept("COUNT") {
                wanted.count = Some(args.not_negative(Error::Text("ERR COUNT can't be negative"))?);
            } else if args.remaining() > 1 && args.accept("MAXLEN") {
                wanted.compared_max = match args.not_negative(Error::Text("ERR MAXLEN can't be negative"))? {
                    0 => usize::MAX,
                    max => max,
                };
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(wanted)
    }

    fn set_rank(&mut self, rank: i64, args: &mut Args<'_>) -> Result<(), Error> {
        args.check()?;
        if rank == 0 {
            return Err(Error::Text(
                "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative \
                 to start from the end of the list",
            ));
        }
        self.direction = if rank < 0 { Direction::Backwards } else { Direction::Forwards };
        self.passed = rank.unsigned_abs() as usize - 1;
        Ok(())
    }

    /// Finds the matches. O(elements compared).
    fn find(&self, list: ListRef<'_>, element: Element<'_>) -> Vec<usize> {
        let (mut left, mut found) = (self.passed, Vec::new());
        let count = match self.count {
            None => 1,
            Some(0) => usize::MAX,
            Some(count) => count,
        };
        let _ = list.each_match(element, self.compared_max, self.direction, |index| {
            if left > 0 {
                left -= 1;
                return ControlFlow::Continue(());
            }
            found.push(match self.direction {
                Direction::Forwards => index,
                Direction::Backwards => list.len() - 1 - index,
            });
            if found.len() < count { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        found
    }
}

fn lpos(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, element) = (call.args.word(), Element::Text(call.args.word()));
    let wanted = Wanted::parse(&mut call.args)?;

    let list = call.keys.read_list(key)?;
    let found = list.map_or(Vec::new(), |list| wanted.find(list, element));

    match (wanted.count, found.first()) {
        (Some(_), _) => {
            call.reply.array(found.len());
            for index in found {
                call.reply.integer(index as i64);
            }
        }
        (None, Some(index)) => call.reply.integer(*index as i64),
        (None, None) => call.reply.null(),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn matches_are_found_in_either_direction() {
        check(
            "RPUSH l a b 1 a b 1 a         => 7
             LPOS l a                      => 0
             LPOS l a RANK 2               => 3
             LPOS l a RANK -1              => 6
             LPOS l a RANK 4               => nil
             LPOS l 1 COUNT 0              => [2, 5]
             LPOS l a COUNT 2              => [0, 3]
             LPOS l a RANK -1 COUNT 2      => [6, 3]
             LPOS l a RANK 2 COUNT 0       => [3, 6]
             LPOS l a COUNT 0 MAXLEN 4     => [0, 3]
             LPOS l b RANK -1 MAXLEN 2     => nil
             LPOS l b RANK -1 MAXLEN 3     => 4
             LPOS l 01 COUNT 1             => []
             LPOS none a                   => nil
             LPOS none a COUNT 1           => []",
        );
    }

    #[test]
    fn options_are_checked_first() {
        check(
            "LPOS none a RANK 0            => ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list
             LPOS none a RANK -9223372036854775808 => ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
             LPOS none a COUNT -1          => ERR COUNT can't be negative
             LPOS none a COUNT x           => ERR COUNT can't be negative
             LPOS none a MAXLEN -1         => ERR MAXLEN can't be negative
             LPOS none a RANK              => ERR syntax error
             LPOS none a FIRST             => ERR syntax error",
        );
    }
}
