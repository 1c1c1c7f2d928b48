//! Groups of consumers: XGROUP.

use super::effects::{Place, set_group_id};
use super::{ids, millis, no_such_group};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::help::reply_help;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use crate::keyspace::guard::KeyGuard;
use spinel_types::stream::{self, GroupMut};
use spinel_types::{Stream, StreamId};

const fn key(usage: KeyUse) -> KeySpec {
    KeySpec::at(2, KeyUse::READ_WRITE.with(usage))
}

const ROW: Command = Command { flags: Flags::WRITE, group: Group::Stream, since: "5.0.0", ..Command::ROW };

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "xgroup",
        flags: Flags::NONE,
        cost: "Depends on the subcommand",
        about: "Holds the subcommands for groups of consumers.",
        run: Run::Container,
        ..ROW
    },
    Command {
        name: "xgroup|create",
        event: "xgroup-create",
        usage: "key group id-selector=<id|new-id=$> [MKSTREAM] [ENTRIESREAD entriesread:integer]",
        keys: &[key(KeyUse::INSERT)],
        flags: Flags::WRITE.with(Flags::DENYOOM),
        about: "Adds a group to a stream.",
        run: Run::Data(create),
        ..ROW
    },
    Command {
        name: "xgroup|createconsumer",
        event: "xgroup-createconsumer",
        usage: "key group consumer",
        keys: &[key(KeyUse::INSERT)],
        flags: Flags::WRITE.with(Flags::DENYOOM),
        since: "6.2.0",
        about: "Adds a consumer to a group.",
        run: Run::Data(create_consumer),
        ..ROW
    },
    Command {
        name: "xgroup|delconsumer",
        event: "xgroup-delconsumer",
        usage: "key group consumer",
        keys: &[key(KeyUse::DELETE)],
        cost: "O(N · log n) with N being the number of its pending entries",
        about: "Removes a consumer with its pending entries, and counts those.",
        run: Run::Data(delete_consumer),
        ..ROW
    },
    Command {
        name: "xgroup|destroy",
        event: "xgroup-destroy",
        usage: "key group",
        keys: &[key(KeyUse::DELETE)],
        cost: "O(N) with N being the number of the group's pending entries",
        about: "Removes a group.",
        run: Run::Data(destroy),
        ..ROW
    },
    Command {
        name: "xgroup|help",
        flags: Flags::LOADING.with(Flags::STALE),
        about: "Explains the subcommands.",
        run: Run::Data(help),
        ..ROW
    },
    Command {
        name: "xgroup|setid",
        event: "xgroup-setid",
        usage: "key group id-selector=<id|new-id=$> [ENTRIESREAD entriesread:integer]",
        keys: &[key(KeyUse::UPDATE)],
        about: "Sets the id after which a group goes on.",
        run: Run::Data(set_id),
        ..ROW
    },
];

const NO_KEY: Error = Error::Text(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM \
     option to create an empty stream automatically.",
);

/// Where a group starts.
struct Start<'a> {
    id: &'a [u8],
    entries_read: Option<i64>,
    /// A stream is created if there is none.
    makes_stream: bool,
    /// Options were repeated, which is found only after the key was looked at.
    has_too_many: bool,
}

/// The subcommands that say where a group starts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subcommand {
    Create,
    SetId,
}

#[cold]
fn wrong_words(args: &Args<'_>) -> Error {
    Error::wrong_subcommand("xgroup", args.words()[1])
}

impl<'a> Start<'a> {
    fn parse(args: &mut Args<'a>, subcommand: Subcommand) -> Result<Start<'a>, Error> {
        let is_create = subcommand == Subcommand::Create;
        let words_max = if is_create { 4 } else { 3 };
        let has_too_many = args.remaining() > words_max;
        let mut start =
            Start { id: args.word(), entries_read: None, makes_stream: false, has_too_many: false };
        while args.remaining() > 0 {
            if is_create && args.accept("MKSTREAM") {
                start.makes_stream = true;
            } else if args.remaining() > 1 && args.accept("ENTRIESREAD") {
                let read = args.integer();
                args.check()?;
                if read < -1 {
                    return Err(Error::Text("ERR value for ENTRIESREAD must be positive or -1"));
                }
                start.entries_read = Some(read).filter(|read| *read >= 0);
            } else {
                return Err(wrong_words(args));
            }
        }
        start.has_too_many = has_too_many;
        Ok(start)
    }

    fn id(&self, stream: Option<&Stream>, subcommand: Subcommand) -> Result<StreamId, Error> {
        match self.id {
            b"$" => Ok(stream.map_or(StreamId::MIN, Stream::last_id)),
            id if subcommand == Subcommand::SetId => ids::parse_or_end(id, 0),
            id => ids::parse(id),
        }
    }
}

fn create(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, name) = (call.args.word(), call.args.word());
    let start = Start::parse(&mut call.args, Subcommand::Create)?;

    let mut guard = call.keys.write(key);
    let stream = guard.existing_stream()?;
    if stream.is_none() && !start.makes_stream {
        return Err(NO_KEY);
    }
    if start.has_too_many {
        return Err(wrong_words(&call.args));
    }
    let id = start.id(stream.as_deref(), Subcommand::Create)?;
    let is_new = stream.is_none();
    let stream = guard.stream()?;
    if !stream.groups_mut().add(name, stream::Group::new(id, start.entries_read)) {
        return Err(Error::Text("BUSYGROUP Consumer Group name already exists"));
    }
    if is_new {
        guard.count_changes(1);
    } else {
        guard.count_hidden_changes(1);
    }
    if start.id == b"$" {
        call.effect.rewrite_line(|| start_line(key, name, &start, id));
    }

    call.reply.ok();
    Ok(())
}

/// XGROUP CREATE with an id in the place of `$`.
fn start_line(key: &[u8], name: &[u8], start: &Start<'_>, id: StreamId) -> Vec<Vec<u8>> {
    use super::effects::{decimal, id_word, line};
    let mut words = line(&[b"XGROUP", b"CREATE", key, name]);
    words.push(id_word(id));
    if start.makes_stream {
        words.push(b"MKSTREAM".to_vec());
    }
    words.extend([b"ENTRIESREAD".to_vec(), decimal(start.entries_read.unwrap_or(-1))]);
    words
}

fn set_id(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, name) = (call.args.word(), call.args.word());
    let start = Start::parse(&mut call.args, Subcommand::SetId)?;

    let mut guard = call.keys.write(key);
    let stream = guard.existing_stream()?.ok_or(NO_KEY)?;
    let last_id = start.id(Some(stream), Subcommand::SetId);
    let mut group = find(stream, key, name)?;
    if start.has_too_many {
        return Err(wrong_words(&call.args));
    }
    group.last_delivered = last_id?;
    group.entries_read = start.entries_read;
    call.effect.rewrite_line(|| set_group_id(Place { key, group: name }, &group));
    drop(group);
    guard.count_hidden_changes(1);

    call.reply.ok();
    Ok(())
}

fn find<'s>(stream: &'s mut Stream, key: &[u8], name: &[u8]) -> Result<GroupMut<'s>, Error> {
    stream.groups_mut().find_mut(name).ok_or_else(|| no_such_group(key, name))
}

/// The group of a stream that must be there.
fn existing<'g>(guard: &'g mut KeyGuard<'_, '_>, key: &[u8], name: &[u8]) -> Result<GroupMut<'g>, Error> {
    find(guard.existing_stream()?.ok_or(NO_KEY)?, key, name)
}

fn destroy(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, name) = (call.args.word(), call.args.word());

    let mut guard = call.keys.write(key);
    let is_removed = guard.existing_stream()?.ok_or(NO_KEY)?.groups_mut().remove(name).is_some();
    guard.count_hidden_changes(is_removed.into());
    guard.rouse_waiters();

    call.reply.integer(is_removed.into());
    Ok(())
}

fn create_consumer(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, name, consumer) = (call.args.word(), call.args.word(), call.args.word());
    let now_ms = millis(call.keys.today());

    let mut guard = call.keys.write(key);
    let (_, is_new) = existing(&mut guard, key, name)?.consumer_or_add(consumer, now_ms);
    guard.count_hidden_changes(is_new.into());

    call.reply.integer(is_new.into());
    Ok(())
}

fn delete_consumer(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, name, consumer) = (call.args.word(), call.args.word(), call.args.word());

    let mut guard = call.keys.write(key);
    let pending = existing(&mut guard, key, name)?.remove_consumer(consumer);
    guard.count_hidden_changes(pending.is_some().into());

    call.reply.integer(pending.unwrap_or(0) as i64);
    Ok(())
}

fn help(call: &mut Call<'_>) -> Result<(), Error> {
    let forms: &[(&str, &[&str])] = &[
        (
            "CREATE <key> <group> <id|$> [option]",
            &[
                "Add a group that starts after <id>, or after the last entry. Options are:",
                "* MKSTREAM: create the stream if there is none.",
                "* ENTRIESREAD <count>: how many entries stand up to <id>.",
            ],
        ),
        ("CREATECONSUMER <key> <group> <consumer>", &["Add a consumer to a group."]),
        ("DELCONSUMER <key> <group> <consumer>", &["Remove a consumer with its pending entries."]),
        ("DESTROY <key> <group>", &["Remove a group."]),
        (
            "SETID <key> <group> <id|$> [ENTRIESREAD <count>]",
            &["Let a group go on after <id>, or after the last entry."],
        ),
    ];
    reply_help(call.reply, "XGROUP", forms);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn groups_come_and_go() {
        check(
            "XGROUP CREATE s g $            => ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.
             XGROUP CREATE s g $ MKSTREAM   => OK
             XGROUP CREATE s g $            => BUSYGROUP Consumer Group name already exists
             XADD s 1-1 f v                 => \"1-1\"
             XGROUP CREATE s h $ ENTRIESREAD 1 => OK
             XGROUP SETID s g 1-1           => OK
             XGROUP SETID s g $ ENTRIESREAD 1 => OK
             XGROUP SETID s none 1-1        => NOGROUP No such consumer group 'none' for key name 's'
             XGROUP SETID s g x             => ERR Invalid stream ID specified as stream command argument
             XGROUP SETID s g 0 ENTRIESREAD -2 => ERR value for ENTRIESREAD must be positive or -1
             XGROUP SETID s g 0 MKSTREAM    => ERR unknown subcommand or wrong number of arguments for 'SETID'. Try XGROUP HELP.
             XGROUP DESTROY s g             => 1
             XGROUP DESTROY s g             => 0
             XGROUP CREATECONSUMER s h c    => 1
             XGROUP CREATECONSUMER s h c    => 0
             XGROUP DELCONSUMER s h c       => 0
             XGROUP DELCONSUMER s none c    => NOGROUP No such consumer group 'none' for key name 's'
             XINFO GROUPS s                 => *",
        );
    }

    #[test]
    fn a_consumer_takes_its_pending_entries_along() {
        check(
            "XADD s 1-1 f v                 => \"1-1\"
             XADD s 2-1 f v                 => \"2-1\"
             XGROUP CREATE s g 0            => OK
             XREADGROUP GROUP g a COUNT 1 STREAMS s > => *
             XREADGROUP GROUP g b COUNT 1 STREAMS s > => *
             XGROUP DELCONSUMER s g a       => 1
             XPENDING s g - + 10            => [[\"2-1\", \"b\", 0, 1]]
             XGROUP CREATECONSUMER s g c    => 1
             XPENDING s g - + 10 c          => []",
        );
    }
}
