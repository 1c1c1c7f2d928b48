//! PUBSUB: who listens to what.

use super::super::HostCall;
use crate::pubsub::Kind;
use spinel_storage::Error;
use spinel_storage::command::help::reply_help;

const HELP: &[(&str, &[&str])] = &[
    ("CHANNELS [<pattern>]", &["Return the currently active channels matching a <pattern> (default: '*')."]),
    ("NUMPAT", &["Return number of subscriptions to patterns."]),
    (
        "NUMSUB [<channel> ...]",
        &[
            "Return the number of subscribers for the specified channels, excluding",
            "pattern subscriptions(default: no channels).",
        ],
    ),
    (
        "SHARDCHANNELS [<pattern>]",
        &["Return the currently active shard level channels matching a <pattern> (default: '*')."],
    ),
    (
        "SHARDNUMSUB [<shardchannel> ...]",
        &["Return the number of subscribers for the specified shard level channel(s)"],
    ),
];

pub(super) fn help(call: &mut HostCall<'_>) -> Result<(), Error> {
    reply_help(call.reply, "PUBSUB", HELP);
    Ok(())
}

pub(super) fn channels(call: &mut HostCall<'_>) -> Result<(), Error> {
    reply_names(call, Kind::Channel)
}

pub(super) fn shard_channels(call: &mut HostCall<'_>) -> Result<(), Error> {
    reply_names(call, Kind::ShardChannel)
}

fn reply_names(call: &mut HostCall<'_>, kind: Kind) -> Result<(), Error> {
    let pattern = match call.args.rest() {
        [] => None,
        [pattern] => Some(*pattern),
        _ => {
            let name = String::from_utf8_lossy(call.args.words()[1]);
            let text =
                format!("ERR unknown subcommand or wrong number of arguments for '{name}'. Try PUBSUB HELP.");
            return Err(Error::Made(text));
        }
    };

    let names = call.shared.pubsub.names(kind, pattern);

    call.reply.array(names.len());
    for name in names {
        call.reply.bulk(&name);
    }
    Ok(())
}

pub(super) fn count_patterns(call: &mut HostCall<'_>) -> Result<(), Error> {
    call.reply.integer(call.shared.pubsub.count(Kind::Pattern) as i64);
    Ok(())
}

pub(super) fn count_subscribers(call: &mut HostCall<'_>) -> Result<(), Error> {
    reply_counts(call, Kind::Channel);
    Ok(())
}

pub(super) fn count_shard_subscribers(call: &mut HostCall<'_>) -> Result<(), Error> {
    reply_counts(call, Kind::ShardChannel);
    Ok(())
}

/// Names and numbers in turns, an array in both protocols.
fn reply_counts(call: &mut HostCall<'_>, kind: Kind) {
    let channels = call.args.rest();

    call.reply.array(channels.len() * 2);
    for channel in channels {
        call.reply.bulk(channel);
        call.reply.integer(call.shared.pubsub.subscribers(kind, channel) as i64);
    }
}
