//! What a program around the engine records of its own commands.

use spinel_resp::{Protocol, ReplyWriter};
use spinel_storage::command::table::CommandTable;
use spinel_storage::engine::{EngineOptions, Executor, Setting};
use spinel_storage::{DbIndex, Engine, UnixMillis, commands};
use std::sync::Arc;

const FUNCTION: &[&[u8]] = &[b"FUNCTION", b"FLUSH"];

fn text(words: &[&[u8]]) -> String {
    words.iter().fold(format!("*{}\r\n", words.len()), |text, word| {
        format!("{text}${}\r\n{}\r\n", word.len(), String::from_utf8_lossy(word))
    })
}

#[test]
fn commands_of_the_host_stand_in_the_journal_where_they_happened() {
    let rows: Vec<_> = commands::all().collect();
    let engine =
        Arc::new(Engine::new(&EngineOptions { databases: 2, seed: (1, 2) }, CommandTable::new(&rows)));
    let mut executor = Executor::new(Arc::clone(&engine), 1);
    executor.begin(UnixMillis(1)).record(DbIndex(0), FUNCTION);

    let mut reader = engine.journal().attach();
    let mut turn = executor.begin(UnixMillis(1));
    turn.record(DbIndex(1), FUNCTION);
    let (set, setting): ([&[u8]; 3], _) = ([b"SET", b"k", b"v"], Setting::default());
    let prepared = engine.prepare(&set).expect("there is SET");
    let mut claim = turn.claim_all();
    turn.execute_claimed(&mut claim, &prepared, setting, &set, &mut ReplyWriter::new(Protocol::Resp2));
    turn.record(DbIndex(0), FUNCTION);
    turn.release(claim);

    let mut journal = Vec::new();
    reader.read(&mut journal);
    let lines: [&[&[u8]]; 7] =
        [&[b"SELECT", b"1"], FUNCTION, &[b"SELECT", b"0"], &[b"MULTI"], &set, FUNCTION, &[b"EXEC"]];
    assert_eq!(String::from_utf8_lossy(&journal), lines.map(text).concat());
    assert_eq!(engine.counters().changes, 4, "that before anybody read the journal counts, too");
}
