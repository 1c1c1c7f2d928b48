//! COMMAND INFO: what routes and checks a call, in numbers and words.

use super::{HostCall, top_level};
use spinel_resp::ReplyWriter;
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::keys::{Begin, Find, KeyRange, KeySpec, KeyUse};
use spinel_storage::command::table::{CommandId, CommandTable};

pub(super) fn info(call: &mut HostCall<'_>) -> Result<(), Error> {
    if call.args.remaining() == 0 {
        describe_all(call);
        return Ok(());
    }
    let table = call.shared.engine.table();
    let names = call.args.rest();

    call.reply.array(names.len());
    for name in names {
        match table.by_full_name(name) {
            Some(id) => describe(table, id, call.reply),
            None => call.reply.null(),
        }
    }
    Ok(())
}

/// Describes all commands, subcommands inside their containers.
pub(super) fn describe_all(call: &mut HostCall<'_>) {
    let table = call.shared.engine.table();
    call.reply.array(top_level(table).count());
    for id in top_level(table) {
        describe(table, id, call.reply);
    }
}

fn describe(table: &CommandTable, id: CommandId, reply: &mut ReplyWriter) {
    let row = table.row(id);
    let (command, range) = (row.command, KeyRange::of(row.command.keys));
    reply.array(10);
    reply.bulk(command.name.as_bytes());
    reply.integer(row.arity.into());
    let is_movable = command.keys.iter().any(KeySpec::is_movable);
    let flags = if is_movable { command.flags | Flags::MOVABLEKEYS } else { command.flags };
    let names: Vec<&str> = flags_of(flags).collect();
    simple_set(reply, &names);
    reply.integer(range.first.into());
    reply.integer(range.last.into());
    reply.integer(range.step.into());
    let categories: Vec<String> = command.categories().map(|category| format!("@{category}")).collect();
    simple_set(reply, &categories);
    reply.set(command.tips.len());
    for tip in command.tips {
        reply.bulk(tip.as_bytes());
    }
    reply.set(command.keys.len());
    for spec in command.keys {
        describe_keys(spec, reply);
    }
    let subcommands = table.shown_subcommands(id);
    // The reference has a set of none and an array of some.
    match subcommands.len() {
        0 => reply.set(0),
        count => reply.array(count),
    }
    for id in subcommands {
        describe(table, id, reply);
    }
}

fn flags_of(flags: Flags) -> impl Iterator<Item = &'static str> {
    Flags::ALL
        .iter()
        .filter(move |(flag, name)| flags.contains(*flag) && !name.is_empty())
        .map(|(_, name)| *name)
}

fn simple_set(reply: &mut ReplyWriter, words: &[impl AsRef<str>]) {
    reply.set(words.len());
    for word in words {
        reply.simple(word.as_ref());
    }
}

/// The names of a specification's uses.
pub(super) fn reply_use(usage: KeyUse, reply: &mut ReplyWriter) {
    let is_set = |(flag, _): &&(KeyUse, &str)| usage.contains(*flag);
    let names: Vec<&str> = KeyUse::ALL.iter().filter(is_set).map(|(_, name)| *name).collect();
    simple_set(reply, &names);
}

fn describe_keys(spec: &KeySpec, reply: &mut ReplyWriter) {
    reply.map(3);
    reply.bulk(b"flags");
    reply_use(spec.usage, reply);
    reply.bulk(b"begin_search");
    match spec.begin {
        Begin::Index(index) => {
            describe_search(reply, "index", &[("index", index as i64)]);
        }
        Begin::AfterName(index) => {
            describe_search(reply, "index", &[("index", index as i64 + 2)]);
        }
        Begin::Keyword(keyword, from) | Begin::Option { word: keyword, from, .. } => {
            search_header(reply, "keyword", 2);
            reply.bulk(b"keyword");
            reply.bulk(keyword.as_bytes());
            reply.bulk(b"startfrom");
            reply.integer(from.into());
        }
        Begin::Computed(_) | Begin::Derived(_) => describe_search(reply, "unknown", &[]),
    }
    reply.bulk(b"find_keys");
    match spec.find {
        _ if matches!(spec.begin, Begin::Computed(_) | Begin::Derived(_)) => {
            describe_search(reply, "unknown", &[]);
        }
        Find::Range { last, step, limit } => {
            let fields = [("lastkey", last.into()), ("keystep", step as i64), ("limit", limit as i64)];
            describe_search(reply, "range", &fields);
        }
        Find::Counted { count, first, step } => {
            let fields = [("keynumidx", count as i64), ("firstkey", first as i64), ("keystep", step as i64)];
            describe_search(reply, "keynum", &fields);
        }
    }
}

fn describe_search(reply: &mut ReplyWriter, kind: &str, fields: &[(&str, i64)]) {
    search_header(reply, kind, fields.len());
    for (name, value) in fields {
        reply.bulk(name.as_bytes());
        reply.integer(*value);
    }
}

fn search_header(reply: &mut ReplyWriter, kind: &str, fields: usize) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(kind.as_bytes());
    reply.bulk(b"spec");
    reply.map(fields);
}
