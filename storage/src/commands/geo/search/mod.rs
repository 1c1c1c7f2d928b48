//! Searching for points in a shape: GEOSEARCH, GEOSEARCHSTORE.

mod found;
mod query;
pub(super) mod radius;

use super::READ_KEY;
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use found::Found;
use query::{Form, Query};
use spinel_types::SortedSetRef;

const COST: &str = "O(N+log(M)) where N is the number of members in the cells that cover the shape, and M the size of the \
                    sorted set";

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "geosearch",
        usage: "key from=<FROMMEMBER member|FROMLONLAT fromlonlat=(longitude:double latitude:double)> \
                by=<circle=(BYRADIUS radius:double unit=<M|KM|FT|MI>)|box=(BYBOX width:double height:double \
                unit=<M|KM|FT|MI>)|polygon=(BYPOLYGON num-vertices:integer vertices=(longitude:double \
                latitude:double)...)> order=[ASC|DESC] count-block=[COUNT count [ANY]] [WITHCOORD] [WITHDIST] \
                [WITHHASH]",
        keys: READ_KEY,
        flags: Flags::READONLY,
        group: Group::Geo,
        since: "6.2.0",
        cost: COST,
        about: "Returns the members in a circle, a rectangle or a polygon; a polygon needs no FROM.",
        run: Run::Data(geosearch),
        ..Command::ROW
    },
    Command {
        name: "geosearchstore",
        event: "geosearchstore",
        usage: "destination source from=<FROMMEMBER member|FROMLONLAT fromlonlat=(longitude:double \
                latitude:double)> by=<circle=(BYRADIUS radius:double unit=<M|KM|FT|MI>)|box=(BYBOX width:double \
                height:double unit=<M|KM|FT|MI>)|polygon=(BYPOLYGON num-vertices:integer \
                vertices=(longitude:double latitude:double)...)> order=[ASC|DESC] count-block=[COUNT count [ANY]] \
                [STOREDIST]",
        keys: &[
            KeySpec::at(1, KeyUse::OVERWRITE.with(KeyUse::UPDATE)),
            KeySpec::at(2, KeyUse::READ_ONLY.with(KeyUse::ACCESS)),
        ],
        flags: Flags::WRITE.with(Flags::DENYOOM),
        group: Group::Geo,
        since: "6.2.0",
        cost: COST,
        about: "Stores the members in a circle, a rectangle or a polygon as a sorted set.",
        run: Run::Data(geosearchstore),
        ..Command::ROW
    },
];

fn geosearch(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    search(call, key, |args, set| Query::parse(args, set, Form::Search))
}

fn geosearchstore(call: &mut Call<'_>) -> Result<(), Error> {
    let (destination, source) = (call.args.word(), call.args.word());
    search(call, source, |args, set| Query::parse(args, set, Form::SearchStore { destination }))
}

/// Runs a search, whose words after the key are read with the sorted set at hand: a member may be its centre.
fn search<'a>(
    call: &mut Call<'a>,
    key: &[u8],
    parse: impl FnOnce(&mut Args<'a>, Option<SortedSetRef<'_>>) -> Result<Query<'a>, Error>,
) -> Result<(), Error> {
    let seed = call.keys.keyspace().seed();
    let set = call.keys.read_sorted_set(key)?;
    let query = parse(&mut call.args, set)?;

    let found = set.map_or_else(Found::none, |set| query.find(set));
    let Some(destination) = query.destination else {
        found.reply(call.reply, &query);
        return Ok(());
    };
    let (count, gathering) = (found.len(), found.gathered(seed, &query));
    call.keys.store_sorted_set(destination, gathering);

    call.reply.integer(count as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    const SICILY: &str = "GEOADD s 13.361389 38.115556 Palermo 15.087269 37.502669 Catania => 2
                          GEOADD s 12.758489 38.788135 west 17.241510 38.788135 east => 2";

    #[test]
    fn circles_and_rectangles() {
        check(&format!(
            "{SICILY}
             GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 200 km ASC            => [\"Catania\", \"Palermo\"]
             GEOSEARCH s FROMLONLAT 15 37 BYBOX 400 400 km DESC          => [\"west\", \"east\", \"Palermo\", \"Catania\"]
             GEOSEARCH s FROMMEMBER Palermo BYRADIUS 0 m                 => [\"Palermo\"]
             GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 1 km                  => []
             GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 400 km COUNT 3        => [\"Catania\", \"Palermo\", \"east\"]
             GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 400 km COUNT 1 ANY WITHHASH => [[\"Palermo\", 3479099956230698]]
             GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 60 km WITHDIST WITHCOORD => [[\"Catania\", \"56.4413\", [,15.087267458438873, ,37.50266842333162]]]
             GEOSEARCH none FROMMEMBER x BYRADIUS 1 m                    => []"
        ));
    }

    #[test]
    fn polygons() {
        check(&format!(
            "{SICILY}
             GEOSEARCH s BYPOLYGON 3 12 37 18 37 18 40 WITHDIST          => [[\"Catania\", \"97777.0459\"], [\"east\", \"138756.0454\"]]
             GEOSEARCH s BYPOLYGON 2 12 37 18 37 ASC                     => ERR GEOSEARCH BYPOLYGON must have at least 3 vertices
             GEOSEARCH s BYPOLYGON 3 12 37 18 37 18                      => ERR GEOSEARCH BYPOLYGON must have at least 3 vertices
             GEOSEARCH s BYPOLYGON x 12 37 18 37 18 40                   => ERR invalid number of vertices
             GEOSEARCH s BYPOLYGON 3 12 37 18 37 18 40 FROMLONLAT 1 1    => ERR syntax error
             GEOSEARCH s FROMLONLAT 1 1 BYPOLYGON 3 12 37 18 37 18 40    => ERR syntax error
             GEOSEARCHSTORE d s BYPOLYGON 3 12 37 18 37 18 40 STOREDIST  => 2
             ZRANGE d 0 -1                                               => [\"Catania\", \"east\"]"
        ));
    }

    #[test]
    fn results_are_stored() {
        check(&format!(
            "{SICILY}
             GEOSEARCHSTORE d s FROMLONLAT 15 37 BYRADIUS 200 km         => 2
             GEOSEARCH d FROMLONLAT 15 37 BYRADIUS 200 km ASC            => [\"Catania\", \"Palermo\"]
             GEOSEARCHSTORE d s FROMLONLAT 15 37 BYRADIUS 200 km COUNT 1 STOREDIST => 1
             ZRANGE d 0 -1 WITHSCORES                                    => [[\"Catania\", ,56.4412578701582]]
             GEOSEARCHSTORE d s FROMLONLAT 15 37 BYRADIUS 1 km           => 0
             EXISTS d                                                    => 0
             GEOSEARCHSTORE s none FROMMEMBER a BYRADIUS 1 m             => 0
             EXISTS s                                                    => 0"
        ));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        check(&format!(
            "{SICILY}
             GEOSEARCH s FROMMEMBER none BYRADIUS 1 m            => ERR could not decode requested zset member
             GEOSEARCH s FROMMEMBER Palermo BYRADIUS -1 m        => ERR radius cannot be negative
             GEOSEARCH s FROMMEMBER Palermo BYRADIUS x m         => ERR need numeric radius
             GEOSEARCH s FROMMEMBER Palermo BYRADIUS 1 x         => ERR unsupported unit provided. please use M, KM, FT, MI
             GEOSEARCH s FROMMEMBER Palermo BYBOX -1 1 m         => ERR height or width cannot be negative
             GEOSEARCH s FROMMEMBER Palermo BYRADIUS 1 m COUNT 0 => ERR COUNT must be > 0
             GEOSEARCH s FROMMEMBER Palermo BYRADIUS 1 m ANY     => ERR the ANY argument requires COUNT argument
             GEOSEARCH s FROMMEMBER Palermo FROMLONLAT 1 1 BYRADIUS 1 m => ERR syntax error
             GEOSEARCH s FROMLONLAT 1 1 BYRADIUS 1 m BYBOX 1 1 m => ERR syntax error
             GEOSEARCH s FROMMEMBER Palermo ASC DESC ASC         => ERR exactly one of BYRADIUS and BYBOX can be specified for GEOSEARCH
             geosearch s BYRADIUS 1 m ASC DESC                   => ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for geosearch
             GEOSEARCH s FROMLONLAT 1 1 BYRADIUS 1 m STOREDIST   => ERR syntax error
             GEOSEARCHSTORE d s FROMLONLAT 1 1 BYRADIUS 1 m WITHDIST => ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
        ));
    }
}
