//! The check, over all rows of the command table.

use super::role::NO_ROLES;
use super::rule::join_selectors;
use super::{Book, Denial, Reason, User};
use crate::commands::roster::Roster;
use spinel_storage::DbIndex;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::keys::{Begin, Find, KeySpec, KeyUse};
use spinel_storage::command::table::{CommandId, CommandTable};
use spinel_storage::command::{Channels, Command, Reach, Run};

fn table() -> CommandTable {
    CommandTable::new(Roster::new().entries().iter().map(|(command, _)| command))
}

fn book(table: &CommandTable) -> Book<'_> {
    Book { table, renamed: &[], opens_channels: false, databases: 16, roles: &NO_ROLES }
}

fn user(rules: &str, table: &CommandTable) -> User {
    let words: Vec<&[u8]> = rules.split(' ').filter(|rule| !rule.is_empty()).map(str::as_bytes).collect();
    let mut user = User::new(book(table));
    for rule in join_selectors(&words).expect("matched") {
        user.apply(&rule, book(table)).unwrap_or_else(|error| panic!("{rules}: {}", error.text()));
    }
    user
}

/// A call whose words fit a specification, so that there is at least one key.
fn call(command: &'static Command, spec: &KeySpec) -> Vec<&'static [u8]> {
    let mut words: Vec<&[u8]> = command.name.split('|').map(str::as_bytes).collect();
    match spec.begin {
        // An option's word, the number of keys and a key may all be the same: 1.
        Begin::Index(at) => words.resize(words.len().max(at), b"1"),
        Begin::AfterName(index) => words.resize(2 + index, b"1"),
        Begin::Keyword(word, from) => {
            words.resize(words.len().max(from.unsigned_abs() as usize), b"1");
            words.push(word.as_bytes());
        }
        Begin::Option { word, others, .. } => {
            if command.name == "xreadgroup" {
                words.extend([&b"GROUP"[..], b"g", b"c"]);
            }
            assert!(others.iter().any(|(name, _)| *name == "GROUP"));
            words.push(word.as_bytes());
        }
        Begin::Computed(_) => words.extend([&b"1"[..], b"STORE", b"1"]),
        Begin::Derived(_) => words.push(b"1"),
    }
    if let Find::Range { limit: 2.., .. } = spec.find {
        words.extend([&b"1"[..], b"1"]);
    } else {
        words.extend([&b"1"[..]; 6]);
    }
    words
}

fn rows(table: &CommandTable) -> impl Iterator<Item = (CommandId, &'static Command)> {
    table.ids().map(|id| (id, table.row(id).command))
}

fn is_denied(user: &User, id: CommandId, words: &[&[u8]], table: &CommandTable) -> Option<Reason> {
    user.check(id, words, DbIndex(0), book(table)).err().map(|Denial { reason, .. }| reason)
}

#[test]
fn every_command_with_keys_is_denied_to_who_may_use_none() {
    let table = table();
    let (nobody, reader, writer) = (
        user("+@all allchannels", &table),
        user("+@all allchannels %R~*", &table),
        user("+@all allchannels %W~*", &table),
    );
    let everybody = user("+@all ~* &*", &table);
    let mut checked = 0;
    for (id, command) in rows(&table) {
        for spec in command.keys.iter().filter(|spec| !spec.usage.contains(KeyUse::NOT_KEY)) {
            if matches!(spec.begin, Begin::Derived(_)) {
                continue;
            }
            let words = call(command, spec);
            assert!(spec.positions(&words).next().is_some(), "{}: no key in {words:?}", command.name);
            assert_eq!(is_denied(&nobody, id, &words, &table), Some(Reason::Key), "{}", command.name);
            assert_eq!(is_denied(&everybody, id, &words, &table), None, "{}", command.name);
            let does =
                |wanted: KeyUse| command.keys.iter().any(|spec| spec.usage_in(&words).contains(wanted));
            let changes = [KeyUse::INSERT, KeyUse::DELETE, KeyUse::UPDATE].into_iter().any(does);
            if changes && matches!(spec.begin, Begin::Index(_)) && command.keys.len() == 1 {
                assert_eq!(is_denied(&reader, id, &words, &table), Some(Reason::Key), "{}", command.name);
            }
            if does(KeyUse::ACCESS) && command.keys.len() == 1 {
                assert_eq!(is_denied(&writer, id, &words, &table), Some(Reason::Key), "{}", command.name);
            }
            checked += 1;
        }
    }
    assert!(checked > 200, "only {checked} were checked");
}

/// What a handler can reach: the shards of its keys, or what its row asks for. So the only commands that use keys which
/// are not checked are these, and those for debugging, which a setting guards.
#[test]
fn only_these_use_the_keyspace_without_naming_keys() {
    let table = table();
    let mut found: Vec<&str> = rows(&table)
        .filter(|(id, command)| matches!(command.run, Run::Data(_)) && !table.row(*id).is_guarded)
        .filter(|(_, command)| !matches!(command.reach, Reach::Keys) && command.keys.is_empty())
        .map(|(_, command)| command.name)
        .collect();
    found.sort_unstable();
    let expected = [
        "cache|policy|del",
        "cache|policy|set",
        "cache|prewarm",
        "cache|purge",
        "cache|purgeprefix",
        "cache|purgetag",
        "cache|softpurge",
        "cache|softpurgetag",
        "cache|stale",
        "dbsize",
        "flushall",
        "flushdb",
        "keys",
        "randomkey",
        "scan",
        "swapdb",
    ];
    assert_eq!(found, expected);
}

#[test]
fn commands_whose_keys_derive_from_data_need_the_right_to_read_all() {
    let table = table();
    let (some, all) = (user("+@all ~1", &table), user("+@all ~1 %R~*", &table));
    let mut checked = 0;
    for (id, command) in rows(&table) {
        if command.keys.iter().any(|spec| matches!(spec.begin, Begin::Derived(_))) {
            let words: [&[u8]; 4] = [command.name.as_bytes(), b"1", b"BY", b"x*"];
            assert!(some.check_derived(id, &words, DbIndex(0), book(&table)).is_err(), "{}", command.name);
            assert!(all.check_derived(id, &words, DbIndex(0), book(&table)).is_ok(), "{}", command.name);
            checked += 1;
        }
    }
    assert_eq!(checked, 2);
}

#[test]
fn every_command_is_denied_to_who_may_call_none_but_those_that_let_in() {
    let table = table();
    let nobody = user("~* &*", &table);
    for (id, command) in rows(&table) {
        let words: Vec<&[u8]> = command.name.split('|').map(str::as_bytes).chain([&b"1"[..]; 6]).collect();
        let expected = (!command.flags.contains(Flags::NO_AUTH)).then_some(Reason::Command);
        assert_eq!(is_denied(&nobody, id, &words, &table), expected, "{}", command.name);
    }
}

#[test]
fn every_command_with_channels_is_denied_to_who_may_use_none() {
    let table = table();
    let nobody = user("+@all ~*", &table);
    let found: Vec<&str> = rows(&table)
        .filter(|(_, command)| command.channels != Channels::None)
        .inspect(|(id, command)| {
            let words = [command.name.as_bytes(), b"c", b"c"];
            assert_eq!(is_denied(&nobody, *id, &words, &table), Some(Reason::Channel), "{}", command.name);
        })
        .map(|(_, command)| command.name)
        .collect();
    assert_eq!(found, ["psubscribe", "publish", "spublish", "ssubscribe", "subscribe"]);
}

#[test]
fn hidden_subcommands_need_the_right_to_their_container() {
    let table = table();
    let debugger = user("+debug ~*", &table);
    let sleeper = user("+debug|sleep ~*", &table);
    let (sleep, id) = ([&b"DEBUG"[..], b"SLEEP", b"0"], table.resolve(&[b"debug", b"sleep", b"0"]));
    let id = id.expect("there is one");
    assert_eq!(is_denied(&debugger, id, &sleep, &table), None);
    assert_eq!(is_denied(&sleeper, id, &sleep, &table), None);
    let object = [&b"DEBUG"[..], b"OBJECT", b"k"];
    let id = table.resolve(&object).expect("there is one");
    assert_eq!(is_denied(&sleeper, id, &object, &table), Some(Reason::Command));
}

#[test]
fn commands_go_by_their_own_names_whatever_a_setting_calls_them() {
    let mut roster = Roster::new();
    roster.rename(b"get", b"fetch").expect("a free name");
    roster.rename(b"fetch", b"take").expect("a free name");
    roster.rename(b"keys", b"").expect("it is there");
    let table = CommandTable::new(roster.entries().iter().map(|(command, _)| command));
    let book = Book {
        table: &table,
        renamed: roster.renamed(),
        opens_channels: false,
        databases: 16,
        roles: &NO_ROLES,
    };
    let mut user = User::new(book);
    for rule in [&b"+get"[..], b"-keys", b"+cluster|slots", b"~*"] {
        user.apply(rule, book).expect("it is known");
    }
    let id = table.by_name(b"take").expect("it is there");
    assert_eq!(user.check(id, &[b"take", b"k"], DbIndex(0), book), Ok(()));
    assert_eq!(user.line(), b"off sanitize-payload ~* resetchannels -@all +get -keys +cluster|slots");
}

#[test]
fn lines_make_the_same_user_again() {
    let table = table();
    for rules in [
        "",
        "on nopass ~* &* +@all",
        ">a >b skip-sanitize-payload ~a %R~b %W~c &d -@all +@read -get +config|get +select|0",
        "on (+get ~a) (%R~b &* +@all -@dangerous) ()",
        "+@all -get +cluster -debug",
        "on nopass ~* &* +@all db=3,0 (resetdbs +get ~a) (db=7)",
    ] {
        let one = user(rules, &table);
        let line = String::from_utf8(one.line()).expect("text");
        assert_eq!(user(&line, &table), one, "{line}");
    }
}

#[test]
fn who_may_use_no_database_reaches_no_data() {
    let table = table();
    let nowhere = user("+@all ~* &* resetdbs", &table);
    assert!(nowhere.is_restricted());
    for (id, command) in rows(&table) {
        let reaches_beyond = matches!(command.run, Run::Data(_))
            && !matches!(command.reach, Reach::Keys)
            && !table.row(id).is_guarded;
        let has_keys = command.keys.iter().any(|spec| !spec.usage.contains(KeyUse::NOT_KEY));
        let words: Vec<&[u8]> = command.name.split('|').map(str::as_bytes).chain([&b"1"[..]; 6]).collect();
        if reaches_beyond || has_keys {
            let denied = is_denied(&nowhere, id, &words, &table);
            assert_eq!(denied, Some(Reason::Database), "{}", command.name);
        }
    }
}
