//! The same transcripts without a server: what consists of data commands alone runs on the engine, too.

use spinel_resp::{Protocol, ReplyWriter};
use spinel_storage::command::table::CommandTable;
use spinel_storage::engine::{Outcome, Patience, Setting};
use spinel_storage::system::{SystemClock, random_word};
use spinel_storage::{Clock, Engine, EngineOptions, Error, Executor, commands};
use spinel_tests::transcript::{self, Section, Step, Transcript};
use std::sync::Arc;

/// An engine with all data commands and nothing in it.
fn executor() -> Executor {
    let rows: Vec<_> = commands::all().collect();
    let options = EngineOptions { databases: 16, seed: (random_word(), random_word()) };
    Executor::new(Arc::new(Engine::new(&options, CommandTable::new(&rows))), random_word())
}

/// Whether the engine has all commands of a section. It hasn't those of sessions and servers, nor all of DEBUG,
/// nor several connections.
fn is_data_alone(section: &Section, engine: &Engine) -> bool {
    let table = engine.table();
    let is_known = |name: &Vec<u8>| table.by_name(name).is_some_and(|id| !table.row(id).is_guarded);
    // Of some containers the server has more than the engine.
    let is_whole = |step: &Step| {
        let words: Vec<&[u8]> = step.words.iter().map(Vec::as_slice).collect();
        !matches!(engine.prepare(&words), Err(Error::UnknownSubcommand(_)))
    };
    section
        .steps
        .iter()
        .all(|step| step.connection.is_empty() && step.words.first().is_some_and(is_known) && is_whole(step))
}

/// Plays a section and returns the differences, as text.
fn play(transcript: &Transcript, section: &Section) -> String {
    let mut executor = executor();
    let engine = Arc::clone(executor.engine());
    let protocol = if section.is_resp3 { Protocol::Resp3 } else { Protocol::Resp2 };
    let mut reply = ReplyWriter::new(protocol);
    let mut differences = String::new();
    for step in &section.steps {
        let words: Vec<&[u8]> = step.words.iter().map(Vec::as_slice).collect();
        reply.clear();
        match engine.prepare(&words) {
            Err(error) => reply.error_bytes(&error.bytes()),
            Ok(prepared) => {
                let mut turn = executor.begin(SystemClock.now());
                let setting = Setting { patience: Patience::Waits, ..Setting::default() };
                let outcome = turn.execute(&prepared, setting, &words, &mut reply);
                if let Outcome::Waiting(waiter) = &outcome {
                    // Nobody else is there who could end the wait.
                    waiter.give_up();
                    let served = turn.leave(waiter).expect("it gave up");
                    reply.raw(&served.reply);
                }
                assert!(!matches!(outcome, Outcome::ForHost), "{}", section.title);
            }
        }
        differences.push_str(&transcript.difference_of_reply(step, reply.bytes()));
    }
    differences
}

#[test]
fn transcripts_of_data_commands_need_no_server() {
    let transcripts = transcript::groups().into_iter().flat_map(|group| transcript::of_group(&group));
    let executor = executor();
    let engine = executor.engine();
    let (mut played, mut differences) = (0, String::new());
    for transcript in transcripts.filter(|transcript| transcript.settings().is_empty()) {
        for section in transcript.sections().iter().filter(|section| is_data_alone(section, engine)) {
            played += 1;
            differences.push_str(&play(&transcript, section));
        }
    }
    assert!(differences.is_empty(), "\n{differences}");
    assert!(played > 200, "only {played} sections were played");
}
