//! What is stored, as those read and write it who answer for origins, on the thread of whoever asks.
//!
//! Who writes is nobody's session: it acts for the server, and reaches entries of HTTP caches only. It waits for no disk, because
//! nobody is promised that an answer is kept.

use super::stock::Stock;
use crate::config::table;
use crate::memory_limit;
use crate::persistence;
use crate::server::now;
use crate::worker::Worker;
use spinel_resp::ReplyWriter;
use spinel_storage::DbIndex;
use spinel_storage::engine::{Outcome, Prepared, Setting, Turn};
use spinel_storage::keyspace::Epoch;
use spinel_types::HttpCache;
use spinel_types::http_cache::{Numbers, Variant};

/// A key of a database.
pub(super) type Place<'k> = (DbIndex, &'k [u8]);

/// Looks at the entry of a key; nothing if there is none. No lock is held when this returns.
pub(super) fn look<R>(
    worker: &Worker,
    place: Place<'_>,
    look: impl FnOnce(&HttpCache, i64) -> R,
) -> Option<R> {
    let desk = &mut *worker.desk.borrow_mut();
    let now = now();
    // While somebody has the keyspace for himself for long, or it is loaded, there is nothing.
    let mut turn = desk.executor.enter(now).filter(|turn| !turn.is_outside())?;
    turn.http_cache(place.0, place.1, |entry| look(entry, now.0)).ok().flatten()
}

/// What is stored under a key now.
pub(super) fn stock(worker: &Worker, place: Place<'_>) -> Stock {
    look(worker, place, Stock::of).unwrap_or_default()
}

/// So many bytes make a body one for a file of this server; none do if it keeps no files.
pub(super) fn file_bytes_min(worker: &Worker) -> u64 {
    match worker.shared.engine.keyspace().bodies() {
        Some(_) => worker.shared.config.number(table::CACHE_DISK_THRESHOLD) as u64,
        None => u64::MAX,
    }
}

/// Whether a body of so many bytes is for a file of this server, which may also be said of it.
pub(super) fn is_for_file(worker: &Worker, is_for_disk: bool, bytes: usize) -> bool {
    let keeps_files = worker.shared.engine.keyspace().bodies().is_some();
    is_for_disk && keeps_files || bytes as u64 >= file_bytes_min(worker)
}

/// Stores a variant that was asked for in this epoch, unless it was purged since, and if `may` says so of it and of the entry that is
/// there at this time; whether it did. Long bodies are for files, if there are any.
pub(super) fn put(
    worker: &Worker,
    (db, key): Place<'_>,
    (mut variant, asked): (Variant, Epoch),
    may: impl FnOnce(&Variant, Option<&HttpCache>, i64) -> bool,
) -> bool {
    let shared = &worker.shared;
    if let Some(bodies) = shared.engine.keyspace().bodies()
        && variant.body().filed().is_none()
    {
        let length = variant.body().len();
        let is_for_disk = is_for_file(worker, variant.is_for_disk, length);
        if is_for_disk && !bodies.fits(length as u64, key) {
            return false;
        }
        variant.set_numbers(Numbers { is_for_disk, ..*variant });
    }
    let stored = write(worker, &[b"CACHE.RESTORE", key, b""], |turn, _, _| {
        let now = turn.now().0;
        turn.store_variant((db, key), (variant, asked), |variant, entry| may(variant, entry, now))
    });
    stored.is_some_and(|stored| stored == Ok(true))
}

/// Removes the entry of a key; whether there was one.
pub(super) fn remove(worker: &Worker, place: Place<'_>) -> bool {
    let selectors = look(worker, place, |entry, _| {
        entry.variants().iter().map(|variant| variant.selector().encoded().to_vec()).collect::<Vec<_>>()
    });
    selectors.is_some_and(|selectors| take(worker, place, selectors.iter().map(Vec::as_slice)))
}

/// Runs a command that purges entries of a database; whether that was possible.
pub(super) fn purge(worker: &Worker, db: DbIndex, name: &[u8], meant: &[&[u8]]) -> bool {
    let words = [&[name], meant].concat();
    let purged = write(worker, &words, |turn, prepared, reply| {
        turn.execute(prepared, Setting { db, ..Setting::default() }, &words, reply)
    });
    matches!(purged, Some(Outcome::Done))
}

/// Removes one variant.
pub(super) fn remove_variant(worker: &Worker, place: Place<'_>, variant: &Variant) -> bool {
    take(worker, place, std::iter::once(variant.selector().encoded()))
}

fn take<'s>(worker: &Worker, (db, key): Place<'s>, selectors: impl Iterator<Item = &'s [u8]>) -> bool {
    let words = [&b"CACHE.DROP"[..], key].into_iter().chain(selectors).collect::<Vec<_>>();
    let taken = write(worker, &words, |turn, prepared, reply| {
        turn.execute(prepared, Setting { db, ..Setting::default() }, &words, reply)
    });
    matches!(taken, Some(Outcome::Done))
}

/// Writes, unless no client might write now. It counts as this call of a command, whatever that is called by clients.
fn write<R>(
    worker: &Worker,
    words: &[&[u8]],
    write: impl FnOnce(&mut Turn<'_>, &Prepared, &mut ReplyWriter) -> R,
) -> Option<R> {
    let shared = &worker.shared;
    let prepared = shared.engine.prepare_by_own_name(words)?;
    let now = now();
    let is_refused = shared.upstream.refuses_writes()
        || shared.memory_limit.is_exceeded() && memory_limit::measure(shared)
        || shared.persistence.has_failed() && persistence::refusal(shared).is_some()
        || shared.clients.pause.mode(now).is_some();
    if is_refused {
        return None;
    }
    let desk = &mut *worker.desk.borrow_mut();
    let mut turn = desk.executor.enter(now).filter(|turn| !turn.is_outside())?;
    memory_limit::make_room(shared, &mut turn);
    let reply: &mut ReplyWriter = &mut desk.reply;
    reply.clear();
    let written = write(&mut turn, &prepared, reply);
    drop(turn);
    reply.clear();
    desk.meter.statistics.command(prepared.id).calls.add(1);
    shared.pubsub.end_round();
    shared.persistence.log.wake();
    Some(written)
}
