//! COMMAND DOCS: prose and the tree of arguments.

use super::{HostCall, top_level};
use spinel_resp::ReplyWriter;
use spinel_storage::Error;
use spinel_storage::command::keys::{Begin, KeySpec};
use spinel_storage::command::table::{CommandId, CommandTable};
use spinel_storage::command::usage::{Argument, Kind};

/// Unknown names are left out.
pub(super) fn docs(call: &mut HostCall<'_>) -> Result<(), Error> {
    let table = call.shared.engine.table();
    let ids: Vec<CommandId> = if call.args.remaining() == 0 {
        top_level(table).collect()
    } else {
        call.args.rest().iter().filter_map(|name| table.by_full_name(name)).collect()
    };

    document_all(table, &ids, call.reply);
    Ok(())
}

fn document_all(table: &CommandTable, ids: &[CommandId], reply: &mut ReplyWriter) {
    reply.map(ids.len());
    for id in ids {
        reply.bulk(table.row(*id).command.name.as_bytes());
        document(table, *id, reply);
    }
}

fn document(table: &CommandTable, id: CommandId, reply: &mut ReplyWriter) {
    let row = table.row(id);
    let command = row.command;
    let fields = reply.deferred_map();
    let mut count = 4;
    text_field(reply, "summary", command.about);
    text_field(reply, "since", command.since);
    text_field(reply, "group", command.group.name());
    text_field(reply, "complexity", command.cost);
    if let Some((since, instead)) = command.deprecated {
        reply.bulk(b"doc_flags");
        reply.set(1);
        reply.simple("deprecated");
        text_field(reply, "deprecated_since", since);
        text_field(reply, "replaced_by", instead);
        count += 3;
    }
    if !row.arguments.is_empty() {
        reply.bulk(b"arguments");
        let mut keys = KeyArguments::new(command.keys);
        document_arguments(&row.arguments, &mut keys, reply);
        count += 1;
    }
    let subcommands: Vec<CommandId> = table.shown_subcommands(id).collect();
    if !subcommands.is_empty() {
        reply.bulk(b"subcommands");
        document_all(table, &subcommands, reply);
        count += 1;
    }
    reply.finish_map(fields, count);
}

fn text_field(reply: &mut ReplyWriter, name: &str, value: &str) {
    reply.bulk(name.as_bytes());
    reply.bulk(value.as_bytes());
}

/// Tells arguments which specification of keys is about them: keys come in the same order, and the last
/// specification is about all that are left; a pattern that makes names of keys belongs to the derived one.
struct KeyArguments {
    keys: Vec<usize>,
    derived: Option<usize>,
    seen: usize,
}

impl KeyArguments {
    fn new(specs: &[KeySpec]) -> KeyArguments {
        let is_derived = |index: &usize| matches!(specs[*index].begin, Begin::Derived(_));
        let (derived, keys): (Vec<usize>, Vec<usize>) = (0..specs.len()).partition(is_derived);
        KeyArguments { keys, derived: derived.first().copied(), seen: 0 }
    }

    /// The specification that is about the next argument, which is of this kind.
    fn next(&mut self, kind: Kind) -> Option<usize> {
        match kind {
            Kind::Key => {
                self.seen += 1;
                self.keys.get(self.seen - 1).or(self.keys.last()).copied()
            }
            Kind::Pattern => self.derived,
            _ => None,
        }
    }
}

fn document_arguments(arguments: &[Argument], keys: &mut KeyArguments, reply: &mut ReplyWriter) {
    reply.array(arguments.len());
    for argument in arguments {
        document_argument(argument, keys, reply);
    }
}

fn document_argument(argument: &Argument, keys: &mut KeyArguments, reply: &mut ReplyWriter) {
    let fields = reply.deferred_map();
    let mut count = 2;
    text_field(reply, "name", &argument.name);
    text_field(reply, "type", argument.kind.name());
    if argument.children.is_empty() {
        text_field(reply, "display_text", &argument.name);
        count += 1;
    }
    if let Some(index) = keys.next(argument.kind) {
        reply.bulk(b"key_spec_index");
        reply.integer(index as i64);
        count += 1;
    }
    if let Some(token) = &argument.token {
        text_field(reply, "token", token);
        count += 1;
    }
    let flags = [
        (argument.is_optional, "optional"),
        (argument.is_multiple, "multiple"),
        (argument.is_multiple_token, "multiple_token"),
    ];
    let flags: Vec<&str> = flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, name)| name).collect();
    if !flags.is_empty() {
        reply.bulk(b"flags");
        reply.set(flags.len());
        for flag in flags {
            reply.simple(flag);
        }
        count += 1;
    }
    if !argument.children.is_empty() {
        reply.bulk(b"arguments");
        document_arguments(&argument.children, keys, reply);
        count += 1;
    }
    reply.finish_map(fields, count);
}
