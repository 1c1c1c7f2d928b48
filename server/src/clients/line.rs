//! The line that CLIENT LIST and CLIENT INFO show of a client.

use super::client::{Class, Client, Flag};
use spinel_storage::UnixMillis;
use spinel_storage::command::table::CommandTable;
use spinel_storage::engine::Change;
use std::io::Write;
use std::sync::atomic::Ordering;

/// What a connection costs besides its buffers: the task with its state, and its place in the registry. Resident
/// memory grows by 1264 bytes per idle connection, measured with 10,000 of them.
pub(crate) const FIXED_BYTES: usize = 1264;

/// Appends a client's line. `argument_bytes` is the size of the command it is just running.
///
/// Fields of features that do not exist show that nobody uses them: no reply buffer of its own while idle.
pub(crate) fn describe(
    client: &Client,
    table: &CommandTable,
    now: UnixMillis,
    argument_bytes: usize,
    out: &mut Vec<u8>,
) {
    let seconds = |since: UnixMillis| (now.0 - since.0).max(0) / 1000;
    let query = client.query_bytes.load(Ordering::Relaxed);
    let unsent = client.output_bytes();
    let subscriptions = client.subscriptions();
    let queued = client.queued_bytes.load(Ordering::Relaxed);
    let (names, traffic) = (client.names(), client.traffic());
    let command = client.command().and_then(|index| table.ids().nth(index));
    let mut write = |text: std::fmt::Arguments<'_>| out.write_fmt(text).expect("memory takes any text");
    write(format_args!(
        "id={} addr={} laddr={} fd={} name=",
        client.id, client.peer.address, client.peer.local, client.peer.descriptor
    ));
    out.extend_from_slice(&names.name);
    let mut write = |text: std::fmt::Arguments<'_>| out.write_fmt(text).expect("memory takes any text");
    write(format_args!(
        " age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={} watch={}",
        seconds(client.created),
        seconds(client.active()),
        flags(client),
        client.db(),
        subscriptions.channels,
        subscriptions.patterns,
        subscriptions.shard_channels,
        client.queued.load(Ordering::Relaxed),
        client.watched()
    ));
    write(format_args!(
        " qbuf={query} qbuf-free=0 argv-mem={argument_bytes} multi-mem={queued} rbs=0 rbp=0 obl=0 oll={} omem={unsent}",
        u8::from(unsent > 0)
    ));
    write(format_args!(
        " tot-mem={} events={} cmd={} user=",
        client.memory_bytes() + argument_bytes,
        if unsent > 0 { "rw" } else { "r" },
        command.map_or("NULL", |id| table.row(id).command.name),
    ));
    out.extend_from_slice(&client.account().name);
    let mut write = |text: std::fmt::Arguments<'_>| out.write_fmt(text).expect("memory takes any text");
    write(format_args!(
        " redir={} resp={} lib-name=",
        client.tracking().map_or(-1, |state| state.redirect as i64),
        client.protocol()
    ));
    out.extend_from_slice(&names.library);
    out.extend_from_slice(b" lib-ver=");
    out.extend_from_slice(&names.library_version);
    let mut write = |text: std::fmt::Arguments<'_>| out.write_fmt(text).expect("memory takes any text");
    write(format_args!(
        " io-thread={} capa={} tot-net-in={} tot-net-out={} tot-cmds={}",
        client.peer.worker,
        if client.has(Flag::Redirect) { "r" } else { "" },
        traffic.input_bytes,
        traffic.output_bytes,
        traffic.commands
    ));
    out.push(b'\n');
}

/// The letters of a client's flags, `N` if there are none.
pub(super) fn flags(client: &Client) -> String {
    const LETTERS: [(Flag, char); 4] =
        [(Flag::Killed, 'A'), (Flag::Unix, 'U'), (Flag::NoEvict, 'e'), (Flag::NoTouch, 'T')];
    let mut letters = String::new();
    for (flag, letter) in [(Flag::Replica, 'S'), (Flag::Primary, 'M'), (Flag::Monitor, 'O')] {
        if client.has(flag) {
            letters.push(letter);
        }
    }
    if client.class() == Class::PubSub {
        letters.push('P');
    }
    if client.queued.load(Ordering::Relaxed) >= 0 {
        letters.push('x');
    }
    if client.has(Flag::Held) {
        letters.push('b');
    }
    if let Some(state) = client.tracking() {
        let shown = [(true, 't'), (state.is_broken, 'R'), (state.broadcasts, 'B')];
        letters.extend(shown.into_iter().filter(|(is_set, _)| *is_set).map(|(_, letter)| letter));
    }
    if client.watched_change() != Change::None {
        letters.push('d');
    }
    letters.extend(LETTERS.iter().filter(|(flag, _)| client.has(*flag)).map(|(_, letter)| *letter));
    if letters.is_empty() { "N".to_owned() } else { letters }
}
