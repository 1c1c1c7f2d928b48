//! DEBUG HTSTATS and HTSTATS-KEY: how full tables are, as text.

use crate::command::call::Call;
use crate::error::Error;
use crate::keyspace::DbIndex;
use spinel_types::{HashRef, SetRef, SortedSetRef, TableStatistics, Value};
use std::fmt::Write;

const NO_TABLE: Error =
    Error::Text("ERR The value stored at the specified key is not represented using an hash table");

pub(super) fn of_database(call: &mut Call<'_>) -> Result<(), Error> {
    let number = call.args.integer();
    call.args.check()?;
    let db: DbIndex = call.keys.keyspace().db(number).ok_or(Error::Text("ERR Out of range database"))?;

    let statistics = call.keys.keyspace().table_statistics(db);

    call.reply.verbatim("txt", text("Keys", &statistics).as_bytes());
    Ok(())
}

pub(super) fn of_key(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    let (_, value) = call.keys.inspect(key).ok_or(Error::NoSuchKey)?;
    let statistics = match value {
        Value::Hash(HashRef::Large(hash)) => hash.statistics(),
        Value::Set(SetRef::Large(set)) => set.statistics(),
        Value::SortedSet(SortedSetRef::Large(set)) => set.statistics(),
        _ => return Err(NO_TABLE),
    };

    call.reply.verbatim("txt", text("Members", &statistics).as_bytes());
    Ok(())
}

fn text(title: &str, statistics: &TableStatistics) -> String {
    let TableStatistics { entries, segments, places, buckets, passed_buckets, .. } = statistics;
    let TableStatistics { index_bytes, entry_bytes, page_bytes, .. } = statistics;
    let mut text = format!("[{title}]\n number of elements: {entries}\n");
    let lines = [
        ("segments", segments),
        ("buckets", buckets),
        ("places", places),
        ("buckets searches go on behind", passed_buckets),
        ("bytes of the index", index_bytes),
        ("bytes of entries", entry_bytes),
        ("bytes of pages", page_bytes),
    ];
    for (name, number) in lines {
        writeln!(text, " {name}: {number}").expect("a string takes any text");
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn only_tables_have_statistics() {
        check(
            "RPUSH l a                     => 1
             SADD s a                      => 1
             DEBUG HTSTATS-KEY l           => ERR The value stored at the specified key is not represented using an hash table
             DEBUG HTSTATS-KEY s           => ERR The value stored at the specified key is not represented using an hash table
             DEBUG HTSTATS-KEY none        => ERR no such key
             DEBUG HTSTATS 99              => ERR Out of range database
             DEBUG HTSTATS x               => ERR value is not an integer or out of range",
        );
    }
}
