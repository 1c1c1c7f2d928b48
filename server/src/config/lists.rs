//! Readers of settings whose values have a form of their own.

use super::memory;
use super::value::Reason;
use crate::quorum::COPIES_MAX;
use crate::quotas::OPERATIONS_MAX;
use crate::replication::poison;
use std::collections::BTreeMap;
use std::fmt::Write;

const ADDRESSES_MAX: usize = 16;

/// Addresses to listen on; `-` in front of one means that it may be missing. None at all, or an empty one: do not listen.
pub(super) fn addresses(words: &[&[u8]], _: &[u8]) -> Result<Vec<u8>, Reason> {
    if words.len() > ADDRESSES_MAX {
        return Err("Too many bind addresses specified.".into());
    }
    Ok(words.join(&b' '))
}

/// Patterns.
pub(super) fn globs(words: &[&[u8]], _: &[u8]) -> Result<Vec<u8>, Reason> {
    Ok(words.join(&b' '))
}

/// Pairs of seconds and changes, added to those before; an empty word drops all.
pub(super) fn save_points(words: &[&[u8]], before: &[u8]) -> Result<Vec<u8>, Reason> {
    const INVALID: &str = "Invalid save parameters";
    if matches!(words, [] | [b""]) {
        return Ok(Vec::new());
    }
    if !words.len().is_multiple_of(2) {
        return Err(INVALID.into());
    }
    let mut text = before.to_vec();
    for pair in words.chunks(2) {
        let mut number = |word: &[u8], min: i64| {
            let number = spinel_resp::parse_integer(word).filter(|number| *number >= min);
            if !text.is_empty() {
                text.push(b' ');
            }
            number.map(|number| text.extend(number.to_string().bytes()))
        };
        number(pair[0], 1).and_then(|()| number(pair[1], 0)).ok_or(INVALID)?;
    }
    Ok(text)
}

/// Classes of clients with hard limit, soft limit and seconds above the soft one; other classes stay.
pub(super) fn output_limits(words: &[&[u8]], before: &[u8]) -> Result<Vec<u8>, Reason> {
    let mut limits: Vec<String> = String::from_utf8_lossy(before).split(' ').map(str::to_owned).collect();
    assert_eq!(limits.len(), 12, "three classes of four words");
    if matches!(words, [b""]) {
        return Ok(before.into());
    }
    if !words.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    for group in words.chunks(4) {
        let class = match &*group[0].to_ascii_lowercase() {
            b"normal" => 0,
            b"slave" | b"replica" => 1,
            b"pubsub" => 2,
            _ => return Err("Invalid client class specified in buffer limit configuration.".into()),
        };
        let seconds = spinel_resp::parse_integer(group[3]).and_then(|number| u32::try_from(number).ok());
        let (Some(hard), Some(soft), Some(seconds)) =
            (memory::parse(group[1]), memory::parse(group[2]), seconds)
        else {
            return Err("Error in hard, soft or soft_seconds setting in buffer limit configuration.".into());
        };
        for (place, number) in [(1, hard), (2, soft), (3, u64::from(seconds))] {
            limits[class * 4 + place] = number.to_string();
        }
    }
    Ok(limits.join(" ").into())
}

/// Numbers of databases, each with the bytes that it may take; 0: any. They add to those before; an empty word drops all.
pub(super) fn db_memory(words: &[&[u8]], before: &[u8]) -> Result<Vec<u8>, Reason> {
    by_database(words, before, memory::parse)
}

/// Numbers of databases, each with the operations that it may have in a second; 0: any. As above.
pub(super) fn db_operations(words: &[&[u8]], before: &[u8]) -> Result<Vec<u8>, Reason> {
    let operations = |word: &[u8]| u64::try_from(spinel_resp::parse_integer(word)?).ok();
    by_database(words, before, |word| operations(word).filter(|number| *number <= OPERATIONS_MAX))
}

/// Numbers of databases, each with how many replicas must have what is written there; also 0 says something. As above.
pub(super) fn db_quorum(words: &[&[u8]], before: &[u8]) -> Result<Vec<u8>, Reason> {
    let copies = |word: &[u8]| u64::try_from(spinel_resp::parse_integer(word)?).ok();
    let read = |word: &[u8]| copies(word).filter(|count| *count <= u64::from(COPIES_MAX));
    let invalid = "A number of a database and a number of replicas are expected, in turns";
    pairs(words, before, read, invalid).map(joined)
}

/// Quotas by database, those left out that are none.
fn by_database(
    words: &[&[u8]],
    before: &[u8],
    read: impl Fn(&[u8]) -> Option<u64>,
) -> Result<Vec<u8>, Reason> {
    let mut quotas =
        pairs(words, before, read, "A number of a database and its quota are expected, in turns")?;
    quotas.retain(|_, quota| *quota > 0);
    Ok(joined(quotas))
}

fn pairs(
    words: &[&[u8]],
    before: &[u8],
    read: impl Fn(&[u8]) -> Option<u64>,
    invalid: &'static str,
) -> Result<BTreeMap<u16, u64>, Reason> {
    if matches!(words, [] | [b""]) {
        return Ok(BTreeMap::new());
    }
    let before: Vec<&[u8]> = before.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect();
    let mut numbers = BTreeMap::<u16, u64>::new();
    for pair in before.chunks(2).chain(words.chunks(2)) {
        let [db, number] = pair else { return Err(invalid.into()) };
        let db = spinel_resp::parse_integer(db).and_then(|db| u16::try_from(db).ok()).ok_or(invalid)?;
        let number = read(number).filter(|_| !number.is_empty()).ok_or(invalid)?;
        numbers.insert(db, number);
    }
    Ok(numbers)
}

fn joined(numbers: BTreeMap<u16, u64>) -> Vec<u8> {
    let pairs = numbers.into_iter().map(|(db, number)| format!("{db} {number}"));
    pairs.collect::<Vec<_>>().join(" ").into()
}

/// Classes of keyspace events as letters, in their one order. Behind an `A`, Redis shows no `n`: see [`shown_classes`].
pub(super) fn event_classes(words: &[&[u8]], _: &[u8]) -> Result<Vec<u8>, Reason> {
    const ALL: &[u8] = b"g$lshzxetd";
    let [letters] = words else { return Err("wrong number of arguments".into()) };
    if letters.iter().any(|letter| !b"Ag$lshzxeKEtmdnSTIV".contains(letter)) {
        return Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into());
    }
    let has = |letter: &u8| letters.contains(letter);
    let mut text = Vec::new();
    if has(&b'A') || ALL.iter().all(has) {
        text.push(b'A');
    } else {
        text.extend(ALL.iter().chain(b"n").filter(|letter| has(letter)));
    }
    text.extend(b"KEmSTIV".iter().filter(|letter| has(letter)));
    if text.starts_with(b"A") && has(&b'n') {
        text.push(b'n');
    }
    Ok(text)
}

/// Classes of keyspace events as CONFIG GET shows them.
pub(super) fn shown_classes(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"n").filter(|text| text.starts_with(b"A")).unwrap_or(text)
}

/// Percentiles from 0 to 100.
pub(super) fn percentiles(words: &[&[u8]], _: &[u8]) -> Result<Vec<u8>, Reason> {
    let mut text = String::new();
    if matches!(words, [b""]) {
        return Ok(Vec::new());
    }
    for word in words {
        let number: Option<f64> = std::str::from_utf8(word).ok().and_then(|word| word.parse().ok());
        let number = number
            .filter(|number| !number.is_nan())
            .ok_or("Invalid latency-tracking-info-percentiles parameters")?;
        if !(0.0..=100.0).contains(&number) {
            return Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".into());
        }
        let space = if text.is_empty() { "" } else { " " };
        let _ = write!(text, "{space}{number}");
    }
    Ok(text.into())
}

/// What is added to the out-of-memory score of the process in each of three roles.
pub(super) fn oom_scores(words: &[&[u8]], _: &[u8]) -> Result<Vec<u8>, Reason> {
    if words.len() != 3 {
        return Err("wrong number of arguments".into());
    }
    let is_score = |word: &&[u8]| {
        spinel_resp::parse_integer(word).is_some_and(|number| (-2000..=2000).contains(&number))
    };
    if !words.iter().all(is_score) {
        return Err("Invalid oom-score-adj-values, elements must be between -2000 and 2000.".into());
    }
    Ok(words.join(&b' '))
}

/// Host and port of a primary, or `no one`.
pub(super) fn primary(words: &[&[u8]], _: &[u8]) -> Result<Vec<u8>, Reason> {
    let [host, port] = words else { return Err("wrong number of arguments".into()) };
    if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
        return Ok(Vec::new());
    }
    match spinel_resp::parse_integer(port) {
        Some(0..=65535) => Ok(words.join(&b' ')),
        _ => Err("Invalid master port".into()),
    }
}

/// Names of primaries that are not to be followed.
pub(super) fn primaries(words: &[&[u8]], _: &[u8]) -> Result<Vec<u8>, Reason> {
    if matches!(words, [b""]) {
        return Ok(Vec::new());
    }
    if words.len() > poison::NAMES_MAX || !words.iter().all(|word| poison::is_name(word)) {
        let most = poison::NAMES_MAX;
        return Err(format!("At most {most} replication IDs, or host:port of servers, are expected").into());
    }
    Ok(words.join(&b' '))
}

/// The name of a file in the data folder.
pub(super) fn file_name(word: &[u8]) -> Result<(), Reason> {
    if word.contains(&b'/') { Err("dbfilename can't be a path, just a filename".into()) } else { Ok(()) }
}

/// The name of the log's files.
pub(super) fn log_file_name(word: &[u8]) -> Result<(), Reason> {
    plain_name("appendfilename", word, "appendfilename can't be a path, just a filename")
}

/// The name of the log's folder.
pub(super) fn log_folder_name(word: &[u8]) -> Result<(), Reason> {
    plain_name("appenddirname", word, "appenddirname can't be a path, just a dirname")
}

fn plain_name(setting: &str, word: &[u8], reason: &'static str) -> Result<(), Reason> {
    if word.is_empty() {
        return Err(format!("{setting} can't be empty").into());
    }
    if word.contains(&b'/') { Err(reason.into()) } else { Ok(()) }
}

/// A name that can stand in a redirection.
pub(super) fn host_name(word: &[u8]) -> Result<(), Reason> {
    if word.len() >= 256 {
        return Err("Hostnames must be less than 256 characters".into());
    }
    if word.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')) {
        Ok(())
    } else {
        Err("Hostnames may only contain alphanumeric characters, hyphens or dots".into())
    }
}

/// A template of words and known names in braces.
pub(super) fn process_title(word: &[u8]) -> Result<(), Reason> {
    const KNOWN: [&str; 7] =
        ["title", "listen-addr", "server-mode", "port", "tls-port", "unixsocket", "config-file"];
    let template = String::from_utf8_lossy(word);
    let mut rest = &*template;
    while let Some((_, after)) = rest.split_once('{') {
        rest = match after.split_once('}') {
            Some((name, rest)) if KNOWN.contains(&name) => rest,
            _ => return Err("template format is invalid or contains unknown variables".into()),
        };
    }
    if template.trim().is_empty() {
        return Err("template format is invalid or contains unknown variables".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::setting::ReadList;
    use super::*;

    #[track_caller]
    fn check(read: ReadList, before: &str, words: &str, expected: Result<&str, &str>) {
        let split: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
        let outcome = read(&split, before.as_bytes());
        let outcome = outcome.map(|text| String::from_utf8(text).expect("text"));
        assert_eq!(
            outcome,
            expected.map(str::to_owned).map_err(|reason| reason.to_owned().into()),
            "{words}"
        );
    }

    #[test]
    fn save_points_add_up_until_they_are_dropped() {
        const INVALID: Result<&str, &str> = Err("Invalid save parameters");
        check(save_points, "", "60 1", Ok("60 1"));
        check(save_points, "60 1", "10 1000 5 0", Ok("60 1 10 1000 5 0"));
        check(save_points, "60 1", "", Ok(""));
        for words in ["60", "0 1", "60 -1", "a 1", "60 1 ", "60  1", "1 9223372036854775808"] {
            check(save_points, "", words, INVALID);
        }
    }

    #[test]
    fn output_limits_change_by_class() {
        let before = "normal 0 0 0 slave 5 6 7 pubsub 8 9 10";
        check(
            output_limits,
            before,
            "replica 1mb 2k 3",
            Ok("normal 0 0 0 slave 1048576 2000 3 pubsub 8 9 10"),
        );
        check(
            output_limits,
            before,
            "normal 1 1 1 pubsub 2 2 2",
            Ok("normal 1 1 1 slave 5 6 7 pubsub 2 2 2"),
        );
        check(output_limits, before, "", Ok(before));
        let wrong = "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
        for words in ["normal 0 0 -1", "normal x 0 0", "normal 0 1.5gb 0", "normal 0 0 99999999999"] {
            check(output_limits, before, words, Err(wrong));
        }
        let class = "Invalid client class specified in buffer limit configuration.";
        check(output_limits, before, "master 0 0 0", Err(class));
        check(
            output_limits,
            before,
            "normal 0 0",
            Err("Wrong number of arguments in buffer limit configuration."),
        );
    }

    #[test]
    fn quotas_add_up_by_database() {
        check(db_memory, "", "3 1mb 0 100", Ok("0 100 3 1048576"));
        check(db_memory, "0 100 3 5", "3 0 1 1k", Ok("0 100 1 1000"));
        check(db_memory, "0 100", "", Ok(""));
        check(db_operations, "1 5", "0 1000000000", Ok("0 1000000000 1 5"));
        let invalid = "A number of a database and its quota are expected, in turns";
        for words in ["0", "0 x", "-1 5", "65536 5", "0 ", "0 -1", "a 1", "0 1 2"] {
            check(db_memory, "", words, Err(invalid));
            check(db_operations, "", words, Err(invalid));
        }
        for words in ["0 1000000001", "0 1k"] {
            check(db_operations, "", words, Err(invalid));
        }
    }

    #[test]
    fn quorums_of_databases_may_be_none() {
        check(db_quorum, "0 1", "3 0 2 1000000", Ok("0 1 2 1000000 3 0"));
        check(db_quorum, "0 1", "", Ok(""));
        let invalid = "A number of a database and a number of replicas are expected, in turns";
        for words in ["0", "0 1000001", "0 -1", "0 1k", "0 "] {
            check(db_quorum, "", words, Err(invalid));
        }
    }

    #[test]
    fn event_classes_have_one_order() {
        for (letters, expected) in [
            ("KEA", "AKE"),
            ("xK", "xK"),
            ("tslzh$gdxeE", "AE"),
            ("nEg", "gnE"),
            ("KEA$lshzxgetdmn", "AKEmn"),
            ("An", "An"),
            ("VITSh", "hSTIV"),
            ("nAS", "ASn"),
            ("", ""),
        ] {
            check(event_classes, "", letters, Ok(expected));
        }
        check(event_classes, "", "KQ", Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'."));
    }

    #[test]
    fn new_keys_are_not_shown_beside_all() {
        for (text, shown) in [("AKEmn", "AKEm"), ("nKE", "nKE"), ("$n", "$n"), ("An", "A"), ("", "")] {
            assert_eq!(shown_classes(text.as_bytes()), shown.as_bytes());
        }
    }

    #[test]
    fn numbers_in_lists_have_bounds() {
        check(percentiles, "", "50 99.9 1e1", Ok("50 99.9 10"));
        check(percentiles, "", "", Ok(""));
        for words in ["1 a", "NaN", "0x10"] {
            check(percentiles, "", words, Err("Invalid latency-tracking-info-percentiles parameters"));
        }
        let outside = "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]";
        for words in ["101", "-1"] {
            check(percentiles, "", words, Err(outside));
        }
        check(oom_scores, "", "-2000 0 2000", Ok("-2000 0 2000"));
        let outside = "Invalid oom-score-adj-values, elements must be between -2000 and 2000.";
        check(oom_scores, "", "0 0 2001", Err(outside));
        check(oom_scores, "", "0 0", Err("wrong number of arguments"));
        check(primary, "", "no one", Ok(""));
        check(primary, "", "host 65536", Err("Invalid master port"));
        let id = "0123456789".repeat(4);
        check(primaries, "", &format!("{id} host:1"), Ok(&format!("{id} host:1")));
        check(primaries, "a:1", "", Ok(""));
        let expected = "At most 1000 replication IDs, or host:port of servers, are expected";
        check(primaries, "", "host", Err(expected));
    }

    #[test]
    fn texts_are_checked() {
        assert!(file_name(b"dump.rdb").is_ok() && file_name(b"a/b").is_err());
        assert!(log_file_name(b"").is_err() && log_folder_name(b"a/b").is_err());
        assert!(
            host_name(b"a-b.c").is_ok() && host_name(b"a b").is_err() && host_name(&[b'a'; 256]).is_err()
        );
        assert!(process_title(b"{title} x {port}").is_ok());
        assert!(
            process_title(b"{foo}").is_err()
                && process_title(b"{title").is_err()
                && process_title(b"").is_err()
        );
    }
}
