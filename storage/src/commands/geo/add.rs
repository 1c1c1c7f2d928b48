//! Adding points: GEOADD.

use super::super::sorted_set::add::{AddOptions, add_scored};
use super::point;
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_types::geo::Cell;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "geoadd",
    event: "zadd",
    usage: "key condition=[NX|XX] [change=CH] data=(longitude:double latitude:double member)...",
    keys: &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::UPDATE))],
    flags: Flags::WRITE.with(Flags::DENYOOM),
    group: Group::Geo,
    since: "3.2.0",
    cost: "O(log(N)) for each member, where N is the size of the sorted set",
    about: "Adds members with places to a sorted set, or changes the places of those that are there.",
    run: Run::Data(geoadd),
    ..Command::ROW
}];

fn geoadd(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let mut options = AddOptions::default();
    while options.accept_condition(&mut call.args) {}
    let words = call.args.words();
    let (option_words, data) = words[2..].split_at(words.len() - 2 - call.args.remaining());
    let (triples, rest) = data.as_chunks::<3>();
    if triples.is_empty() || !rest.is_empty() || options.only_new && options.only_present {
        return Err(Error::Syntax);
    }
    let cell = |triple: &[&[u8]; 3]| {
        let point = point(&mut Args::new(triple, 0))?;
        Ok(Cell::containing(point, Cell::STEP_MAX))
    };
    let cells = triples.iter().map(cell).collect::<Result<Vec<Cell>, Error>>()?;
    let members: Vec<(f64, &[u8])> =
        cells.iter().zip(triples).map(|(cell, [_, _, member])| (cell.score(), *member)).collect();

    add_scored(call, key, options, &members)?;

    // As Redis does, so that whoever follows the journal need not know what a place is.
    call.effect.rewrite_line(|| {
        let mut line = vec![b"ZADD".to_vec(), key.to_vec()];
        line.extend(option_words.iter().map(|word| word.to_vec()));
        for (cell, (_, member)) in cells.iter().zip(&members) {
            line.extend([cell.bits().to_string().into_bytes(), member.to_vec()]);
        }
        line
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn points_are_scores() {
        check(
            "GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania => 2
             GEOADD g CH 13.361389 38.115556 Palermo 15.1 37.5 Catania => 1
             GEOADD g NX 0 0 Palermo 0 0 Null    => 1
             GEOADD g XX CH 1 1 Palermo 1 1 One  => 1
             ZSCORE g Catania                    => ,3479447216794612
             ZCARD g                             => 3
             GEOADD g 180 85.05112878 corner     => 1
             ZSCORE g corner                     => ,13510798882111488",
        );
    }

    #[test]
    fn what_is_no_place_is_refused() {
        check(
            "GEOADD g 1 2                        => ERR wrong number of arguments for 'geoadd' command
             GEOADD g CH NX CH                   => ERR syntax error
             GEOADD g 1 2 a 3                    => ERR syntax error
             GEOADD g NX XX 1 2 a                => ERR syntax error
             GEOADD g 1 2 a 181 1 b              => ERR invalid longitude,latitude pair 181.000000,1.000000
             GEOADD g 1 -85.06 a                 => ERR invalid longitude,latitude pair 1.000000,-85.060000
             GEOADD g x 2 a                      => ERR value is not a valid float
             EXISTS g                            => 0
             SET s 1                             => OK
             GEOADD s 1 1 a                      => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }
}
