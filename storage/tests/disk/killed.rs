//! Processes that are killed: a child opens a data set, says what it was told is on disk, and gets no time to clean up.

use crate::support::{Folder, call};
use spinel_storage::{Db, Value};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// Names the folder to the child.
const FOLDER: &str = "SPINEL_TEST_FOLDER";

/// How many threads of a child count.
const COUNTERS: i64 = 3;

#[test]
#[ignore = "the child of another test, which runs it in a process of its own"]
fn child_that_counts_until_it_is_killed() {
    let folder = std::env::var_os(FOLDER).expect("its parent names a folder");
    let db = Db::open(folder).expect("the one before is gone");
    std::thread::scope(|scope| {
        for counter in 0..COUNTERS {
            let db = &db;
            scope.spawn(move || {
                loop {
                    let count = call(db, &format!("INCR counter:{counter}"));
                    let Value::Integer(count) = count else { panic!("{count:?}") };
                    // One write per line, so that lines stay whole.
                    let line = format!("count {counter} {count}\n");
                    std::io::stdout().lock().write_all(line.as_bytes()).expect("its parent listens");
                }
            });
        }
        scope.spawn(|| {
            loop {
                db.checkpoint().expect("the disk is well");
            }
        });
    });
}

/// Runs a child until it has said so much, and kills it. Notes the last counts that it was told are on disk.
fn run_and_kill(folder: &Folder, lines: usize, counts: &mut [i64]) {
    let program = std::env::current_exe().expect("a running test has a program");
    let mut child = Command::new(program)
        .args(["--ignored", "--exact", "killed::child_that_counts_until_it_is_killed", "--nocapture"])
        .env(FOLDER, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs already");
    let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut heard = 0;
    let mut line = String::new();
    loop {
        line.clear();
        // What it said before it was killed counts, too.
        if output.read_line(&mut line).expect("it is a pipe") == 0 {
            break;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["count", counter, count] = words[..] else { continue };
        if !line.ends_with('\n') {
            break;
        }
        counts[counter.parse::<usize>().expect("a number")] = count.parse().expect("a number");
        heard += 1;
        if heard == lines {
            child.kill().expect("it runs");
        }
    }
    let status = child.wait().expect("it is ours");
    assert!(heard >= lines, "it ended by itself: {status}");
}

#[test]
fn what_a_killed_process_was_told_is_there() {
    let folder = Folder::new();
    let mut counts = vec![0; COUNTERS as usize];
    for round in 1..=5 {
        run_and_kill(&folder, round * 100, &mut counts);
        let db = Db::open(folder.path()).expect("nothing is left of its lock");
        for (counter, told) in counts.iter_mut().enumerate() {
            let found = call(&db, &format!("INCRBY counter:{counter} 0"));
            let Value::Integer(found) = found else { panic!("{found:?}") };
            assert!(found == *told || found == *told + 1, "{told} told, {found} found in round {round}");
            *told = found;
        }
    }
}
