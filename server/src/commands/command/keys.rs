//! COMMAND GETKEYS: the keys of a call, without running it.

use super::HostCall;
use super::info::reply_use;
use spinel_storage::Error;
use spinel_storage::command::keys::{KeySpec, KeyUse};

const NO_COMMAND: Error = Error::Text("ERR Invalid command specified");
const WRONG_ARITY: Error = Error::Text("ERR Invalid number of arguments specified for command");
const NO_KEYS: Error = Error::Text("ERR The command has no key arguments");

pub(super) fn keys(call: &mut HostCall<'_>) -> Result<(), Error> {
    let words = call.args.rest();
    let found = find(call, words)?;

    call.reply.array(found.len());
    for (position, _) in found {
        call.reply.bulk(words[position]);
    }
    Ok(())
}

pub(super) fn keys_and_flags(call: &mut HostCall<'_>) -> Result<(), Error> {
    let words = call.args.rest();
    let found = find(call, words)?;

    call.reply.array(found.len());
    for (position, usage) in found {
        call.reply.array(2);
        call.reply.bulk(words[position]);
        reply_use(usage, call.reply);
    }
    Ok(())
}

/// The positions of the keys among the words of a call, each with what is done with it.
fn find(call: &HostCall<'_>, words: &[&[u8]]) -> Result<Vec<(usize, KeyUse)>, Error> {
    let table = call.shared.engine.table();
    let command = table.row(table.find_called(words).ok_or(NO_COMMAND)?).command;
    let has_keys = |spec: &&KeySpec| !spec.usage.contains(KeyUse::NOT_KEY);
    if !command.keys.iter().any(|spec| has_keys(&spec)) {
        return Err(NO_KEYS);
    }
    table.resolve(words).map_err(|_| WRONG_ARITY)?;
    let specs = command.keys.iter().filter(has_keys);
    Ok(specs
        .flat_map(|spec| {
            let usage = spec.usage_in(words);
            spec.positions(words).map(move |position| (position, usage))
        })
        .collect())
}
