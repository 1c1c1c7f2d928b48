//! Where members are: GEODIST, GEOHASH, GEOPOS.

use super::unit::Unit;
use super::{READ_KEY, point_of, reply_distance, reply_point};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_resp::ReplyWriter;
use spinel_types::geo::{Point, geohash};

const MEMBERS_COST: &str = "O(1) for each member";

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "geodist",
        usage: "key member1 member2 unit=[M|KM|FT|MI]",
        keys: READ_KEY,
        flags: Flags::READONLY,
        group: Group::Geo,
        since: "3.2.0",
        about: "Returns the distance between two members.",
        run: Run::Data(geodist),
        ..Command::ROW
    },
    Command {
        name: "geohash",
        usage: "key [member]...",
        keys: READ_KEY,
        flags: Flags::READONLY,
        group: Group::Geo,
        since: "3.2.0",
        cost: MEMBERS_COST,
        about: "Returns the places of members as geohash strings.",
        run: Run::Data(geohash_strings),
        ..Command::ROW
    },
    Command {
        name: "geopos",
        usage: "key [member]...",
        keys: READ_KEY,
        flags: Flags::READONLY,
        group: Group::Geo,
        since: "3.2.0",
        cost: MEMBERS_COST,
        about: "Returns the longitudes and latitudes of members.",
        run: Run::Data(geopos),
        ..Command::ROW
    },
];

fn geodist(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, one, other) = (call.args.word(), call.args.word(), call.args.word());
    let unit = match call.args.remaining() {
        0 => Unit::METRE,
        1 => Unit::parse(&mut call.args)?,
        _ => return Err(Error::Syntax),
    };

    let now = call.now.0;
    let set = call.keys.read_sorted_set_as_is(key)?;
    let place = |member: &[u8]| set?.score_at(member, now).map(point_of);
    let distance_m = place(one).zip(place(other)).map(|(one, other)| one.distance_m(other));

    match distance_m {
        Some(distance_m) => reply_distance(call.reply, unit.of_metres(distance_m)),
        None => call.reply.null(),
    }
    Ok(())
}

fn geohash_strings(call: &mut Call<'_>) -> Result<(), Error> {
    places(call, ReplyWriter::null, |reply, point| reply.bulk(&geohash(point)))
}

fn geopos(call: &mut Call<'_>) -> Result<(), Error> {
    places(call, ReplyWriter::null_array, reply_point)
}

/// Replies something about each member's place, or something else where there is no such member.
fn places(
    call: &mut Call<'_>,
    missing: fn(&mut ReplyWriter),
    found: fn(&mut ReplyWriter, Point),
) -> Result<(), Error> {
    let (key, members) = (call.args.word(), call.args.rest());

    let now = call.now.0;
    let set = call.keys.read_sorted_set_as_is(key)?;

    call.reply.array(members.len());
    for member in members {
        match set.and_then(|set| set.score_at(member, now)) {
            Some(score) => found(call.reply, point_of(score)),
            None => missing(call.reply),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    const SICILY: &str = "GEOADD s 13.361389 38.115556 Palermo 15.087269 37.502669 Catania => 2";

    #[test]
    fn distances() {
        check(&format!(
            "{SICILY}
             GEODIST s Palermo Catania           => \"166274.1516\"
             GEODIST s Palermo Catania km        => \"166.2742\"
             GEODIST s Palermo Catania MI        => \"103.3182\"
             GEODIST s Palermo Catania ft        => \"545518.8700\"
             GEODIST s Palermo Palermo           => \"0.0000\"
             GEODIST s Palermo none              => nil
             GEODIST none a b                    => nil
             GEODIST none a b x                  => ERR unsupported unit provided. please use M, KM, FT, MI
             GEODIST s a b m m                   => ERR syntax error"
        ));
    }

    #[test]
    fn places() {
        check(&format!(
            "{SICILY}
             GEOPOS s Palermo none               => [[,13.361389338970184, ,38.1155563954963], nil]
             GEOPOS none a                       => [nil]
             GEOPOS s                            => []
             GEOHASH s Palermo none Catania      => [\"sqc8b49rny0\", nil, \"sqdtr74hyu0\"]
             GEOHASH none a                      => [nil]
             ZADD odd -1 negative inf infinite   => 2
             GEOPOS odd negative infinite        => [[,180, ,85.05112878], [,-179.99999731779099, ,-85.05112751263943]]"
        ));
    }
}
