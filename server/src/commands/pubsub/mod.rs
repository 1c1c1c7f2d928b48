//! Pub/Sub: SUBSCRIBE and its kin, PUBLISH, and PUBSUB, which tells who listens.

mod listening;
mod registry;

use super::{HostCall, HostRow};
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::keys::{KeySpec, KeyUse};
use spinel_storage::command::{Channels, Command, Group, Run};

const ANYTIME: Flags = Flags::PUBSUB.with(Flags::LOADING).with(Flags::STALE);
/// Flags of commands that a client which only listens may send, too.
const LISTENING: Flags = ANYTIME.with(Flags::NOSCRIPT).with(Flags::LISTENS);
const PUBLISHING: Flags = ANYTIME.with(Flags::FAST).with(Flags::MAY_REPLICATE);
const ROW: Command = Command { group: Group::PubSub, flags: ANYTIME, since: "2.8.0", ..Command::ROW };

/// Where shard channels are among the words: they are routed as keys are.
const SHARD_CHANNELS: &[KeySpec] = &[KeySpec::from(1, 1, KeyUse::NOT_KEY)];
const SHARD_CHANNEL: &[KeySpec] = &[KeySpec::at(1, KeyUse::NOT_KEY)];

/// The rows of this family.
pub(super) const COMMANDS: &[HostRow] = &[
    (
        Command {
            name: "psubscribe",
            usage: "pattern:pattern...",
            channels: Channels::Patterns,
            flags: LISTENING,
            since: "2.0.0",
            cost: "O(N) where N is the number of patterns",
            about: "Listens to channels that match patterns.",
            ..ROW
        },
        listening::subscribe_to_patterns,
    ),
    (
        Command {
            name: "publish",
            usage: "channel message",
            channels: Channels::First,
            flags: PUBLISHING,
            since: "2.0.0",
            cost: "O(N+M) where N is the number of subscribers and M the number of patterns anybody listens to",
            about: "Sends a message to all who listen to a channel, and counts them.",
            ..ROW
        },
        publish,
    ),
    (
        Command {
            name: "pubsub",
            flags: Flags::NONE,
            cost: "Depends on subcommand.",
            about: "Holds the commands about subscriptions.",
            run: Run::Container,
            ..ROW
        },
        registry::help,
    ),
    (
        Command {
            name: "pubsub|channels",
            usage: "[pattern:pattern]",
            flags: ANYTIME.with(Flags::LENIENT),
            cost: "O(N) where N is the number of channels with subscribers",
            about: "Returns the channels that somebody listens to.",
            ..ROW
        },
        registry::channels,
    ),
    (
        Command {
            name: "pubsub|help",
            flags: Flags::LOADING.with(Flags::STALE),
            since: "6.2.0",
            about: "Explains the subcommands.",
            ..ROW
        },
        registry::help,
    ),
    (
        Command {
            name: "pubsub|numpat",
            about: "Returns how many different patterns are listened to.",
            ..ROW
        },
        registry::count_patterns,
    ),
    (
        Command {
            name: "pubsub|numsub",
            usage: "[channel...]",
            cost: "O(N) where N is the number of channels asked for",
            about: "Returns how many clients listen to channels.",
            ..ROW
        },
        registry::count_subscribers,
    ),
    (
        Command {
            name: "pubsub|shardchannels",
            usage: "[pattern:pattern]",
            flags: ANYTIME.with(Flags::LENIENT),
            since: "7.0.0",
            cost: "O(N) where N is the number of shard channels with subscribers",
            about: "Returns the shard channels that somebody listens to.",
            ..ROW
        },
        registry::shard_channels,
    ),
    (
        Command {
            name: "pubsub|shardnumsub",
            usage: "[shardchannel...]",
            since: "7.0.0",
            cost: "O(N) where N is the number of shard channels asked for",
            about: "Returns how many clients listen to shard channels.",
            ..ROW
        },
        registry::count_shard_subscribers,
    ),
    (
        Command {
            name: "punsubscribe",
            usage: "[pattern:pattern...]",
            flags: LISTENING,
            since: "2.0.0",
            cost: "O(N) where N is the number of patterns",
            about: "Stops listening to patterns, all if none is named.",
            ..ROW
        },
        listening::unsubscribe_from_patterns,
    ),
    (
        Command {
            name: "spublish",
            usage: "shardchannel message",
            channels: Channels::First,
            keys: SHARD_CHANNEL,
            flags: PUBLISHING,
            since: "7.0.0",
            cost: "O(N) where N is the number of subscribers",
            about: "Sends a message to all who listen to a shard channel, and counts them.",
            ..ROW
        },
        publish_to_shard,
    ),
    (
        Command {
            name: "ssubscribe",
            usage: "shardchannel...",
            channels: Channels::All,
            keys: SHARD_CHANNELS,
            flags: LISTENING,
            since: "7.0.0",
            cost: "O(N) where N is the number of shard channels",
            about: "Listens to shard channels.",
            ..ROW
        },
        listening::subscribe_to_shard_channels,
    ),
    (
        Command {
            name: "subscribe",
            usage: "channel...",
            channels: Channels::All,
            flags: LISTENING,
            since: "2.0.0",
            cost: "O(N) where N is the number of channels",
            about: "Listens to channels.",
            ..ROW
        },
        listening::subscribe,
    ),
    (
        Command {
            name: "sunsubscribe",
            usage: "[shardchannel...]",
            keys: SHARD_CHANNELS,
            flags: LISTENING,
            since: "7.0.0",
            cost: "O(N) where N is the number of shard channels",
            about: "Stops listening to shard channels, all if none is named.",
            ..ROW
        },
        listening::unsubscribe_from_shard_channels,
    ),
    (
        Command {
            name: "unsubscribe",
            usage: "[channel...]",
            flags: LISTENING,
            since: "2.0.0",
            cost: "O(N) where N is the number of channels",
            about: "Stops listening to channels, all if none is named.",
            ..ROW
        },
        listening::unsubscribe,
    ),
];

fn publish(call: &mut HostCall<'_>) -> Result<(), Error> {
    let (channel, message) = (call.args.word(), call.args.word());

    let receivers = call.shared.pubsub.publish(channel, message);

    call.reply.integer(receivers as i64);
    Ok(())
}

fn publish_to_shard(call: &mut HostCall<'_>) -> Result<(), Error> {
    let (channel, message) = (call.args.word(), call.args.word());

    let receivers = call.shared.pubsub.publish_to_shard(channel, message);

    call.reply.integer(receivers as i64);
    Ok(())
}
