//! Values as bytes that other servers read: DUMP, RESTORE.

use crate::bodies::Patience;
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Run};
use crate::engine::errand::Errand;
use crate::error::Error;
use crate::keyspace::guard::Detached;
use crate::time::UnixMillis;
use spinel_persistence::dump::{self, DumpError};
use spinel_persistence::rdb::{Compression, Encoder, Usage};
use spinel_resp::ReplyWriter;
use spinel_types::http_cache::Body;
use spinel_types::{HttpCache, Large, OwnedValue, Value};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "dump",
        usage: "key",
        keys: &[KeySpec::at(1, KeyUse::READ_ONLY.with(KeyUse::ACCESS))],
        flags: Flags::READONLY,
        since: "2.6.0",
        cost: "O(N) where N is the size of the value",
        about: "Returns the value of a key as bytes that RESTORE takes.",
        tips: &["nondeterministic_output"],
        run: Run::Data(dump),
        ..Command::ROW
    },
    Command {
        name: "restore",
        event: "restore",
        usage: "key ttl:integer serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency:integer]",
        keys: &[KeySpec::at(1, KeyUse::OVERWRITE.with(KeyUse::UPDATE))],
        flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::DANGEROUS),
        since: "2.6.0",
        cost: "O(N) where N is the size of the value, O(N*log(N)) for sorted sets",
        about: "Makes a key of bytes that DUMP returned.",
        run: Run::Data(restore),
        ..Command::ROW
    },
];

const BUSY_KEY: Error = Error::Text("BUSYKEY Target key name already exists.");
const INVALID_TTL: Error = Error::Text("ERR Invalid TTL value, must be >= 0");
const INVALID_IDLE_TIME: Error = Error::Text("ERR Invalid IDLETIME value, must be >= 0");
const INVALID_FREQUENCY: Error = Error::Text("ERR Invalid FREQ value, must be >= 0 and <= 255");
const WRONG_FOOTER: Error = Error::Text("ERR DUMP payload version or checksum are wrong");
const BAD_FORMAT: Error = Error::Text("ERR Bad data format");

fn dump(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    match call.keys.read_value(key) {
        Some(Value::HttpCache(cache)) if cache.variants().iter().any(|one| one.body().filed().is_some()) => {
            let cache = Box::new(cache.clone());
            call.leave(Errand::new(move |_, reply| {
                dump_filed(cache, reply);
                Ok(())
            }));
        }
        Some(value) => call.reply.bulk(&payload(value)),
        None => call.reply.null(),
    }
    Ok(())
}

fn payload(value: Value<'_>) -> Vec<u8> {
    let mut payload = Vec::new();
    dump::encode(&mut Encoder::new(Compression::Lzf), value, &mut payload);
    payload
}

/// Replies an entry of which bodies are in files. What is lost of it is not there.
fn dump_filed(mut cache: Box<HttpCache>, reply: &mut ReplyWriter) {
    cache.move_bodies(|variant| {
        variant.body().filed()?;
        variant.body().bytes().ok().map(|bytes| Body::Plain((*bytes).into()))
    });
    cache.retain(|variant| !variant.body().is_lost());
    if cache.is_empty() {
        reply.null();
    } else {
        reply.bulk(&payload(Value::HttpCache(&cache)));
    }
}

/// What RESTORE is told beside the payload.
#[derive(Default)]
struct RestoreOptions {
    replaces: bool,
    is_absolute: bool,
    usage: Option<Usage>,
}

impl RestoreOptions {
    fn parse(args: &mut Args<'_>) -> Result<RestoreOptions, Error> {
        let mut options = RestoreOptions::default();
        while args.remaining() > 0 {
            let may_idle = !matches!(options.usage, Some(Usage::Frequency(_)));
            let may_count = !matches!(options.usage, Some(Usage::IdleSeconds(_)));
            if args.accept("REPLACE") {
                options.replaces = true;
            } else if args.accept("ABSTTL") {
                options.is_absolute = true;
            } else if args.remaining() >= 2 && may_idle && args.accept("IDLETIME") {
                let seconds = args.not_negative_or(INVALID_IDLE_TIME)?;
                options.usage = Some(Usage::IdleSeconds(seconds));
            } else if args.remaining() >= 2 && may_count && args.accept("FREQ") {
                let frequency = args.not_negative_or(INVALID_FREQUENCY)?;
                let frequency = u8::try_from(frequency).map_err(|_| INVALID_FREQUENCY)?;
                options.usage = Some(Usage::Frequency(frequency));
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }

    /// When a key expires with this time to live in milliseconds, which is 0 if never.
    fn expiry(&self, ttl: u64, now: UnixMillis) -> Option<UnixMillis> {
        let ttl = i64::try_from(ttl).unwrap_or(i64::MAX);
        let expiry = if self.is_absolute { ttl } else { now.0.saturating_add(ttl) };
        (ttl > 0).then_some(UnixMillis(expiry))
    }
}

fn restore(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let mut ttl = Args::new(call.args.take(1)?, 0);
    let payload = call.args.word();
    let options = RestoreOptions::parse(&mut call.args)?;
    if !options.replaces && call.keys.peek(key).is_some() {
        return Err(BUSY_KEY);
    }
    let expiry = options.expiry(ttl.not_negative_or(INVALID_TTL)?, call.now);
    let mut value = dump::decode(payload, &call.keys.keyspace().forms()).map_err(|error| match error {
        DumpError::VersionOrChecksum => WRONG_FOOTER,
        DumpError::Value(_) => BAD_FORMAT,
    })?;

    if expiry.is_some_and(|expiry| expiry <= call.now) {
        // The key would have expired already; what it replaces goes all the same.
        if call.keys.write(key).remove() {
            call.effect.rewrite(|| [b"DEL".to_vec(), key.to_vec()]);
        }
    } else {
        if let (OwnedValue::Large(Large::HttpCache(cache)), Some(bodies)) =
            (&mut value, call.keys.keyspace().bodies())
        {
            bodies.take_in((call.keys.db(), key), cache, Patience::None);
        }
        let clock = call.keys.access_policy().of_usage(options.usage, call.now);
        call.keys.write(key).put(Detached::made(value, expiry, clock));
    }
    if let Some(expiry) = expiry.filter(|expiry| !options.is_absolute && *expiry > call.now) {
        let words = call.args.words();
        call.effect.rewrite_line(|| absolute(words, expiry));
    }

    call.reply.ok();
    Ok(())
}

/// The words of a call with the time when the key expires in place of its time to live.
fn absolute(words: &[&[u8]], expiry: UnixMillis) -> Vec<Vec<u8>> {
    const TTL: usize = 2;
    let mut words: Vec<Vec<u8>> = words.iter().map(|word| word.to_vec()).collect();
    words[TTL] = expiry.0.to_string().into_bytes();
    words.push(b"ABSTTL".to_vec());
    words
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;
    use crate::{Db, Value};

    const PAYLOAD: &str = r#""\x00\x01v\x0a\x00\x91\x08\xce\xb2\x198\x8a\xce""#;

    #[test]
    fn a_payload_becomes_a_key() {
        check(&format!(
            "RESTORE k 0 {PAYLOAD}               => OK
             GET k                               => \"v\"
             @expiry k                           => never
             RESTORE k 0 {PAYLOAD}               => BUSYKEY Target key name already exists.
             RESTORE k 500 {PAYLOAD} REPLACE     => OK
             @expiry k                           => 1000500
             RESTORE k 1700000 {PAYLOAD} REPLACE ABSTTL => OK
             @expiry k                           => 1700000
             RESTORE k 9223372036854775807 {PAYLOAD} REPLACE => OK
             @expiry k                           => 9223372036854775807
             RESTORE k 0 {PAYLOAD} REPLACE IDLETIME 7 => OK
             OBJECT IDLETIME k                   => 7
             RESTORE k 0 {PAYLOAD} REPLACE FREQ 7 => OK
             OBJECT IDLETIME k                   => 0"
        ));
    }

    #[test]
    fn what_would_have_expired_only_removes() {
        check(&format!(
            "RESTORE k 1 {PAYLOAD} ABSTTL        => OK
             EXISTS k                            => 0
             SET k w                             => OK
             RESTORE k 1 {PAYLOAD} ABSTTL        => BUSYKEY Target key name already exists.
             RESTORE k 1 {PAYLOAD} ABSTTL REPLACE => OK
             EXISTS k                            => 0"
        ));
    }

    #[test]
    fn waiting_clients_get_what_is_restored() {
        let db = Db::memory();
        db.execute(["RPUSH", "from", "a"]).unwrap();
        let Value::Bulk(payload) = db.execute(["DUMP", "from"]).unwrap() else { panic!("there is a value") };
        let waiting = std::thread::spawn({
            let db = db.clone();
            move || db.execute(["BLPOP", "to", "0"])
        });
        while db.engine().waiters() == 0 {
            std::thread::yield_now();
        }
        db.execute([&b"RESTORE"[..], b"to", b"0", &payload]).unwrap();
        let got = Value::Array(vec![Value::Bulk(b"to".to_vec()), Value::Bulk(b"a".to_vec())]);
        assert_eq!(waiting.join().unwrap(), Ok(got));
    }
}
