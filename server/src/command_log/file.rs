//! The log of commands as bytes.
//!
//! ```text
//! spinel-command-log 1\n
//! 0123456789abcdef\n          the CRC-64 of what follows
//! *6                          an array in RESP: of each kind its next number and its entries
//!   :12  *2  …                an entry: number, seconds, value, address, name, words
//! ```

use super::{Caller, CommandLog, Entry, Kind, List};
use spinel_persistence::rdb::Checksum;
use spinel_resp::{Protocol, ReplyWriter, Value, decode};

const HEAD: &[u8] = b"spinel-command-log 1\n";
/// Hexadecimal digits and the end of their line.
const SUM_BYTES: usize = 17;

/// Entries of a kind that are kept on disk at most, so that the file stays small whatever the settings say.
const ENTRIES_MAX: usize = 1000;

/// The file is not as it was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Damaged;

/// All entries, the newest of those that are too many.
pub(super) fn encode(log: &CommandLog) -> Vec<u8> {
    let mut body = ReplyWriter::new(Protocol::Resp2);
    body.array(2 * Kind::ALL.len());
    for kind in Kind::ALL {
        let list = log.list(kind);
        body.integer(list.next_id as i64);
        body.array(list.entries.len().min(ENTRIES_MAX));
        list.entries.iter().take(ENTRIES_MAX).for_each(|entry| encode_entry(entry, &mut body));
    }
    let sum = format!("{:016x}\n", Checksum::of(body.bytes()).value());
    [HEAD, sum.as_bytes(), body.bytes()].concat()
}

fn encode_entry(entry: &Entry, body: &mut ReplyWriter) {
    body.array(6);
    body.integer(entry.id as i64);
    body.integer(entry.at_seconds);
    body.integer(entry.value as i64);
    body.bulk(entry.caller.address.as_bytes());
    body.bulk(&entry.caller.name);
    body.array(entry.words.len());
    entry.words.iter().for_each(|word| body.bulk(word));
}

/// What was encoded. It replaces nothing yet.
pub(super) fn decode_log(bytes: &[u8]) -> Result<CommandLog, Damaged> {
    let rest = bytes.strip_prefix(HEAD).ok_or(Damaged)?;
    let (sum, body) = rest.split_at_checked(SUM_BYTES).ok_or(Damaged)?;
    let expected = format!("{:016x}\n", Checksum::of(body).value());
    if sum != expected.as_bytes() {
        return Err(Damaged);
    }
    let Ok(Some((Value::Array(parts), length))) = decode(body) else { return Err(Damaged) };
    if length != body.len() || parts.len() != 2 * Kind::ALL.len() {
        return Err(Damaged);
    }
    let log = CommandLog::default();
    for (kind, pair) in Kind::ALL.into_iter().zip(parts.chunks(2)) {
        let [next_id, Value::Array(entries)] = pair else { return Err(Damaged) };
        let entries = entries.iter().map(decode_entry).collect::<Result<_, _>>()?;
        *log.list(kind) = List { entries, next_id: number(next_id)?, is_changed: false };
    }
    Ok(log)
}

fn decode_entry(value: &Value) -> Result<Entry, Damaged> {
    let Value::Array(fields) = value else { return Err(Damaged) };
    let [id, Value::Integer(at_seconds), value, address, name, Value::Array(words)] = &fields[..] else {
        return Err(Damaged);
    };
    let address = String::from_utf8(text(address)?).map_err(|_| Damaged)?.into();
    let caller = Caller { address, name: text(name)?.into() };
    let words = words.iter().map(text).collect::<Result<_, _>>()?;
    Ok(Entry { id: number(id)?, at_seconds: *at_seconds, value: number(value)?, caller, words })
}

fn number(value: &Value) -> Result<u64, Damaged> {
    let Value::Integer(number) = value else { return Err(Damaged) };
    u64::try_from(*number).map_err(|_| Damaged)
}

fn text(value: &Value) -> Result<Vec<u8>, Damaged> {
    let Value::Bulk(bytes) = value else { return Err(Damaged) };
    Ok(bytes.clone())
}

#[cfg(test)]
mod tests {
    use super::super::tests::entry;
    use super::*;

    fn filled() -> CommandLog {
        let log = CommandLog::default();
        (0..3).for_each(|value| log.note(Kind::Slow, entry(value), 2));
        log.note(Kind::LargeReply, entry(1 << 40), 9);
        log
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        let log = filled();
        let decoded = decode_log(&encode(&log)).expect("nothing has changed it");
        for kind in Kind::ALL {
            assert_eq!(decoded.newest(kind, 9), log.newest(kind, 9));
            assert_eq!(decoded.list(kind).next_id, log.list(kind).next_id);
        }
    }

    #[test]
    fn any_damage_is_found() {
        let bytes = encode(&filled());
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1;
            assert!(decode_log(&damaged).is_err(), "byte {place}");
            assert!(decode_log(&bytes[..place]).is_err(), "{place} bytes");
        }
        assert!(decode_log(&[&bytes[..], b"x"].concat()).is_err());
    }

    #[test]
    fn what_is_no_log_is_refused_though_its_sum_is_right() {
        for body in [
            "*0\r\n",
            ":1\r\n",
            "*6\r\n:-1\r\n*0\r\n:0\r\n*0\r\n:0\r\n*0\r\n",
            "*6\r\n:1\r\n*1\r\n:1\r\n:0\r\n*0\r\n:0\r\n*0\r\n",
        ] {
            let sum = format!("{:016x}\n", Checksum::of(body.as_bytes()).value());
            assert!(decode_log(&[HEAD, sum.as_bytes(), body.as_bytes()].concat()).is_err(), "{body}");
        }
    }
}
