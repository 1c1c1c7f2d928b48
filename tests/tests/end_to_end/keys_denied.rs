//! Every command with keys, as the server lists them, is denied to who may use none.

use crate::saving::{call, shown};
use spinel_resp::Value;
use spinel_tests::{Client, Server};

const NO_KEY: &str = "NOPERM No permissions to access a key";

/// Calls whose keys stand behind words that can't be made up from their number.
const CALLS: &[&str] = &[
    "xread STREAMS k 0",
    "xreadgroup GROUP g c STREAMS k >",
    "bitop AND k k",
    "memory usage k",
    "object encoding k",
];

/// A command or a subcommand of the list: its name and its arity, if it has keys.
fn with_keys(row: &Value, found: &mut Vec<(String, i64)>) {
    let Value::Array(fields) = row else { panic!("{row:?} is no row") };
    let (Value::Integer(arity), Value::Array(specs), Value::Array(subcommands)) =
        (&fields[1], &fields[8], &fields[9])
    else {
        panic!("{row:?} is no row")
    };
    // Channels that are spread like keys are none.
    if specs.iter().any(|spec| !shown(spec).contains("not_key")) {
        found.push((shown(&fields[0]), *arity));
    }
    for row in subcommands {
        with_keys(row, found);
    }
}

/// Calls of a command that may be well-formed: of as few words as it takes, and of more.
fn calls(name: &str, arity: i64) -> Vec<Vec<String>> {
    let own: Vec<String> = name.split('|').map(str::to_owned).collect();
    let least = arity.unsigned_abs() as usize;
    let counts = if arity < 0 { least..least + 5 } else { least..least + 1 };
    // A number of keys and a key may both be 1.
    let padded =
        |count: usize| own.iter().cloned().chain(std::iter::repeat_n("1".to_owned(), count - own.len()));
    counts.map(|count| padded(count).collect()).collect()
}

#[test]
fn every_command_with_keys_is_denied_to_who_may_use_none() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut admin = Client::connect(server.port());
    assert_eq!(call(&mut admin, "ACL SETUSER nobody on nopass +@all &*"), "OK");
    let mut nobody = Client::connect(server.port());
    assert_eq!(call(&mut nobody, "AUTH nobody x"), "OK");
    let Value::Array(rows) = admin.call(["COMMAND"]) else { panic!("it is a list") };
    let mut commands = Vec::new();
    for row in &rows {
        with_keys(row, &mut commands);
    }
    assert!(commands.len() > 200, "only {} have keys", commands.len());
    let mut missing = Vec::new();
    for (name, arity) in commands {
        let prepared = CALLS.iter().map(|call| call.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let is_own = |words: &Vec<String>| words.join("|").starts_with(&format!("{name}|"));
        let mut has_keys = |words: &Vec<String>| {
            let all = ["COMMAND", "GETKEYS"].into_iter().chain(words.iter().map(String::as_str));
            matches!(admin.call(all), Value::Array(keys) if !keys.is_empty())
        };
        let Some(words) = prepared.filter(is_own).chain(calls(&name, arity)).find(&mut has_keys) else {
            missing.push(name);
            continue;
        };
        assert_eq!(shown(&nobody.call(&words)), NO_KEY, "{words:?}");
        let asked = ["ACL", "DRYRUN", "nobody"].into_iter().chain(words.iter().map(String::as_str));
        let verdict = shown(&admin.call(asked));
        assert!(
            verdict.starts_with("User nobody has no permissions to access the '"),
            "{words:?}: {verdict}"
        );
        // Inside of a transaction it is denied, too, and what may be in none is refused for that.
        call(&mut nobody, "MULTI");
        let queued = shown(&nobody.call(&words));
        assert!(
            queued == NO_KEY || queued.contains("not allowed inside a transaction"),
            "{words:?}: {queued}"
        );
        assert!(call(&mut nobody, "DISCARD") == "OK", "{words:?}");
    }
    assert_eq!(missing, [""; 0], "no call is known");
    assert_eq!(call(&mut admin, "DBSIZE"), "0");
}
