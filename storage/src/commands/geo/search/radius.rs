//! The older searches in circles: GEORADIUS, GEORADIUSBYMEMBER and their forms that can't store.

use super::super::{READ_KEY, point};
use super::query::{Form, Query, place};
use super::{COST, search};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{Begin, KeySpec, KeyUse};
use crate::command::{Command, Group, Reach, Run};
use crate::error::Error;

const BY_RADIUS: &str = "`GEOSEARCH` with the `BYRADIUS` argument";
const BY_RADIUS_STORE: &str = "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument";
const BY_MEMBER: &str = "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments";
const BY_MEMBER_STORE: &str =
    "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments";

const fn keys(options: i32) -> [KeySpec; 3] {
    let stored = KeySpec::at(0, KeyUse::OVERWRITE.with(KeyUse::UPDATE));
    [
        READ_KEY[0],
        KeySpec { begin: Begin::Keyword("STORE", options), ..stored },
        KeySpec { begin: Begin::Keyword("STOREDIST", options), ..stored },
    ]
}

/// The rows of this file.
pub(in super::super) const COMMANDS: &[Command] = &[
    Command {
        name: "georadius",
        event: "georadiusstore",
        usage: "key longitude:double latitude:double radius:double unit=<M|KM|FT|MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
                count-block=[COUNT count [ANY]] order=[ASC|DESC] store=[STORE storekey:key|STOREDIST \
                storedistkey:key]",
        keys: &keys(6),
        deprecated: Some(("6.2.0", BY_RADIUS_STORE)),
        about: "Returns the members in a circle around a place, or stores them.",
        run: Run::Data(georadius),
        ..STORING
    },
    Command {
        name: "georadius_ro",
        usage: "key longitude:double latitude:double radius:double unit=<M|KM|FT|MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
                count-block=[COUNT count [ANY]] order=[ASC|DESC]",
        deprecated: Some(("6.2.0", BY_RADIUS)),
        about: "Returns the members in a circle around a place.",
        run: Run::Data(georadius_read_only),
        ..READING
    },
    Command {
        name: "georadiusbymember",
        event: "georadiusstore",
        usage: "key member radius:double unit=<M|KM|FT|MI> [WITHCOORD] [WITHDIST] [WITHHASH] count-block=[COUNT count \
                [ANY]] order=[ASC|DESC] store=[STORE storekey:key|STOREDIST storedistkey:key]",
        keys: &keys(5),
        deprecated: Some(("6.2.0", BY_MEMBER_STORE)),
        about: "Returns the members in a circle around a member, or stores them.",
        run: Run::Data(georadiusbymember),
        ..STORING
    },
    Command {
        name: "georadiusbymember_ro",
        usage: "key member radius:double unit=<M|KM|FT|MI> [WITHCOORD] [WITHDIST] [WITHHASH] count-block=[COUNT count \
                [ANY]] order=[ASC|DESC]",
        deprecated: Some(("6.2.0", BY_MEMBER)),
        about: "Returns the members in a circle around a member.",
        run: Run::Data(georadiusbymember_read_only),
        ..READING
    },
];

const STORING: Command = Command {
    flags: Flags::WRITE.with(Flags::DENYOOM),
    group: Group::Geo,
    reach: Reach::WholeIf(may_store),
    since: "3.2.0",
    cost: COST,
    ..Command::ROW
};

const READING: Command = Command {
    keys: READ_KEY,
    flags: Flags::READONLY,
    group: Group::Geo,
    since: "3.2.10",
    cost: COST,
    ..Command::ROW
};

/// Whether a call may store its result. Under which key, the specifications can't tell if several are named: it
/// is the last one.
fn may_store(words: &[&[u8]]) -> bool {
    let names = |name: &str| words.iter().any(|word| word.eq_ignore_ascii_case(name.as_bytes()));
    names("STORE") || names("STOREDIST")
}

fn georadius(call: &mut Call<'_>) -> Result<(), Error> {
    around_point(call, Form::Radius)
}

fn georadius_read_only(call: &mut Call<'_>) -> Result<(), Error> {
    around_point(call, Form::RadiusReadOnly)
}

fn georadiusbymember(call: &mut Call<'_>) -> Result<(), Error> {
    around_member(call, Form::Radius)
}

fn georadiusbymember_read_only(call: &mut Call<'_>) -> Result<(), Error> {
    around_member(call, Form::RadiusReadOnly)
}

fn around_point(call: &mut Call<'_>, form: Form<'static>) -> Result<(), Error> {
    let key = call.args.word();
    search(call, key, |args, _| {
        let center = point(args)?;
        Query::parse_radius(args, Some(center), form)
    })
}

fn around_member(call: &mut Call<'_>, form: Form<'static>) -> Result<(), Error> {
    let (key, member) = (call.args.word(), call.args.word());
    search(call, key, |args, set| {
        let center = set.map(|set| place(set, member)).transpose()?;
        Query::parse_radius(args, center, form)
    })
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    const SICILY: &str = "GEOADD s 13.361389 38.115556 Palermo 15.087269 37.502669 Catania => 2";

    #[test]
    fn circles() {
        check(&format!(
            "{SICILY}
             GEORADIUS s 15 37 200 km                           => [\"Palermo\", \"Catania\"]
             GEORADIUS s 15 37 200 km WITHDIST DESC             => [[\"Palermo\", \"190.4424\"], [\"Catania\", \"56.4413\"]]
             GEORADIUS_RO s 15 37 200 km COUNT 1                => [\"Catania\"]
             GEORADIUSBYMEMBER s Palermo 1 km                   => [\"Palermo\"]
             GEORADIUSBYMEMBER_RO s Palermo 200 km ASC          => [\"Palermo\", \"Catania\"]
             GEORADIUSBYMEMBER s none 1 km                      => ERR could not decode requested zset member
             GEORADIUSBYMEMBER none a x parsec                  => []
             GEORADIUS none 1 1 x m                             => ERR need numeric radius"
        ));
    }

    #[test]
    fn results_are_stored() {
        check(&format!(
            "{SICILY}
             GEORADIUS s 15 37 200 km STORE d                   => 2
             GEODIST d Palermo Catania                          => \"166274.1516\"
             GEORADIUS s 15 37 200 km STORE a STOREDIST b       => 2
             ZRANGE b 0 -1 WITHSCORES                           => [[\"Catania\", ,56.4412578701582], [\"Palermo\", ,190.44242984775784]]
             EXISTS a                                           => 0
             GEORADIUSBYMEMBER s Palermo 1 km COUNT 1 STORE s   => 1
             ZCARD s                                            => 1
             GEORADIUSBYMEMBER none a x parsec STORE d          => 0
             EXISTS d                                           => 0
             GEORADIUS s 15 37 200 km WITHDIST STORE d          => ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options
             GEORADIUS_RO s 15 37 200 km STORE d                => ERR syntax error
             GEORADIUS s 15 37 200 km STORE                     => ERR syntax error"
        ));
    }
}
