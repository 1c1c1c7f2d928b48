//! CACHE SET.

use super::lock::{LOCKED, token};
use super::restore::restore_variant;
use super::{Pairs, ROW, counted, key, pairs};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::KeyUse;
use crate::command::{Command, Run};
use crate::error::Error;
use crate::keyspace::guard::STRING_BYTES_MAX;
use crate::time::UnixMillis;
use spinel_cache::etag::EntityTag;
use spinel_cache::timeline::Deadlines;
use spinel_cache::{connection, date, selector};
use spinel_types::http_cache::{Body, Fields, Numbers, Parts, is_line, is_token};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "cache|set",
    event: "cache.set",
    usage: "key body [STATUS status:integer] [TTL ttl-seconds:integer] [SWR swr-seconds:integer] \
            [GRACE grace-seconds:integer] [ETAG etag] [LAST-MODIFIED date] \
            [HEADERS headers=(numheaders:integer header=(name value)...)] \
            [VARY vary=(numfields:integer field=(name value)...)] [TAGS tags=(numtags:integer tag...)] [REVALIDATE-URL url] [TOKEN token] \
            [COMPRESS] [place=<DISK|MEMORY>]",
    keys: &[key(KeyUse::READ_WRITE.with(KeyUse::UPDATE))],
    flags: Flags::WRITE.with(Flags::DENYOOM),
    cost: "O(N) where N is the number of variants of the entry and of words; with COMPRESS, also of bytes of the body, and slow",
    about: "Stores an answer under a key, as the variant for requests with the fields that are given.",
    run: Run::Data(set),
    ..ROW
}];

const NAME: Error = Error::Text("ERR a header name must be a token");
const VALUE: Error = Error::Text("ERR a header value must not contain control characters");
const TAG: Error = Error::Text("ERR a tag must not be empty");
const STATUS: Error = Error::Text("ERR STATUS must be a final HTTP status code, 200 to 599");
const URL: Error = Error::Text("ERR REVALIDATE-URL must be an http or https URL");
const DATE: Error = Error::Text("ERR LAST-MODIFIED must be an HTTP date");
const ETAG: Error = Error::Text("ERR ETAG must be an entity tag");

/// The options as they were given.
#[derive(Default)]
struct Options<'a> {
    status: Option<u16>,
    ttl: Option<u32>,
    swr: Option<u32>,
    grace: Option<u32>,
    etag: Option<&'a [u8]>,
    last_modified: Option<&'a [u8]>,
    headers: Pairs<'a>,
    vary: Pairs<'a>,
    tags: &'a [&'a [u8]],
    url: &'a [u8],
    token: Option<&'a [u8]>,
    compresses: bool,
    is_for_disk: bool,
}

impl<'a> Options<'a> {
    fn parse(args: &mut Args<'a>) -> Result<Options<'a>, Error> {
        let mut options = Options::default();
        while args.remaining() > 0 {
            if args.accept("STATUS") {
                options.status = Some(status(args)?);
            } else if args.accept("TTL") {
                options.ttl = Some(seconds(args)?);
            } else if args.accept("SWR") {
                options.swr = Some(seconds(args)?);
            } else if args.accept("GRACE") {
                options.grace = Some(seconds(args)?);
            } else if args.accept("ETAG") {
                options.etag = Some(args.word());
            } else if args.accept("LAST-MODIFIED") {
                options.last_modified = Some(args.word());
            } else if args.accept("HEADERS") {
                options.headers = pairs(args)?;
            } else if args.accept("VARY") {
                options.vary = pairs(args)?;
            } else if args.accept("TAGS") {
                options.tags = counted(args, 1)?;
            } else if args.accept("REVALIDATE-URL") {
                options.url = url(args)?;
            } else if args.accept("TOKEN") {
                options.token = Some(token(args)?);
            } else if args.accept("COMPRESS") {
                options.compresses = true;
            } else if args.accept("DISK") {
                options.is_for_disk = true;
            } else if args.accept("MEMORY") {
                options.is_for_disk = false;
            } else {
                return Err(Error::Syntax);
            }
        }
        args.finish()?;
        options.check()?;
        Ok(options)
    }

    /// Refuses what could not be sent as it was given: nothing in a field may end it, or the head.
    fn check(&self) -> Result<(), Error> {
        for (name, value) in self.headers.iter().chain(&self.vary) {
            if !is_token(name) {
                return Err(NAME);
            }
            if !is_line(value) {
                return Err(VALUE);
            }
        }
        if self.tags.iter().any(|tag| tag.is_empty()) { Err(TAG) } else { Ok(()) }
    }

    /// The fields to be stored: those given one by one stand for all of their names, and those that are about a message's way over
    /// one connection, or its length, are left out, because whoever sends it says them himself.
    fn fields(&self, now: UnixMillis) -> Result<Fields, Error> {
        let etag = self.etag.map(quoted).transpose()?;
        let is_date = |text: &[u8]| is_line(text) && date::parse(text, now.0).is_some();
        if self.last_modified.is_some_and(|text| !is_date(text)) {
            return Err(DATE);
        }
        let is_given = |name: &str| {
            name == "etag" && etag.is_some() || name == "last-modified" && self.last_modified.is_some()
        };
        let is_kept = |(name, _): &&(&[u8], &[u8])| {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            !connection::is_for_one(&name) && name != "content-length" && !is_given(&name)
        };
        let given = self.headers.iter().filter(is_kept).map(|(name, value)| (*name, value.trim_ascii()));
        let etag = etag.iter().map(|tag| (&b"ETag"[..], &**tag));
        let modified = self.last_modified.iter().map(|text| (&b"Last-Modified"[..], *text));
        Ok(Fields::new(given.chain(etag).chain(modified)))
    }
}

pub(super) fn seconds(args: &mut Args<'_>) -> Result<u32, Error> {
    let seconds = args.integer_between(0, u32::MAX.into());
    args.check()?;
    Ok(seconds as u32)
}

fn status(args: &mut Args<'_>) -> Result<u16, Error> {
    let status = args.integer();
    args.check()?;
    u16::try_from(status).ok().filter(|status| (200..=599).contains(status)).ok_or(STATUS)
}

pub(super) fn url<'a>(args: &mut Args<'a>) -> Result<&'a [u8], Error> {
    let url = args.word();
    let has_scheme = |scheme: &str| {
        url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
    };
    let is_one = (has_scheme("http://") || has_scheme("https://")) && url.iter().all(u8::is_ascii_graphic);
    if is_one { Ok(url) } else { Err(URL) }
}

/// An entity tag, in quotes if it was given without.
pub(super) fn quoted(tag: &[u8]) -> Result<Vec<u8>, Error> {
    let tag = if tag.contains(&b'"') { tag.to_vec() } else { [b"\"", tag, b"\""].concat() };
    let is_one = is_line(&tag) && EntityTag::parse(&tag).is_some();
    if is_one { Ok(tag) } else { Err(ETAG) }
}

fn set(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, body) = (call.args.word(), call.args.word());
    let options = Options::parse(&mut call.args)?;
    let mut numbers = Numbers {
        status: options.status.unwrap_or(200),
        stored_at: call.now.0,
        ttl: options.ttl,
        swr: options.swr,
        grace: options.grace,
        is_for_disk: options.is_for_disk,
        ..Numbers::default()
    };
    Deadlines::given(call.now.0, options.ttl, options.swr, options.grace).set(&mut numbers);
    let parts = Parts {
        numbers,
        fields: options.fields(call.now)?,
        selector: selector::given(&options.vary),
        tags: Fields::new(options.tags.iter().map(|tag| (*tag, &b""[..]))),
        url: options.url.into(),
        body: if options.compresses { Body::packed(body) } else { Body::Plain(body.into()) },
    };
    if parts.bytes() > STRING_BYTES_MAX {
        return Err(Error::StringTooLong);
    }

    let (keyspace, caller) = (call.keys.keyspace(), (call.keys.client(), options.token));
    if keyspace.is_entry_locked((call.keys.db(), key), caller, call.now) {
        return Err(LOCKED);
    }
    restore_variant(call, key, parts.into())?;

    call.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn what_is_stored_is_of_a_type_of_its_own() {
        check(
            "CACHE.SET k body                => OK
             TYPE k                          => httpcache
             OBJECT ENCODING k               => \"httpcache\"
             cache set k other TTL 5         => OK
             GET k                           => WRONGTYPE Operation against a key holding the wrong kind of value
             SET s v                         => OK
             CACHE.SET s body                => WRONGTYPE Operation against a key holding the wrong kind of value
             GET s                           => \"v\"
             EXPIRE k 100                    => 1
             CACHE.SET k third               => OK
             @expiry k                       => 1100000
             RENAME k l                      => OK
             COPY l m                        => 1
             EXISTS k l m                    => 2
             DEL l m                         => 2",
        );
    }

    #[test]
    fn options_are_checked() {
        check(
            "CACHE.SET k b STATUS 199        => ERR STATUS must be a final HTTP status code, 200 to 599
             CACHE.SET k b STATUS 600        => ERR STATUS must be a final HTTP status code, 200 to 599
             CACHE.SET k b STATUS x          => ERR value is not an integer or out of range
             CACHE.SET k b TTL -1            => ERR value is out of range, value must between 0 and 4294967295
             CACHE.SET k b TTL               => ERR syntax error
             CACHE.SET k b ETAG              => ERR syntax error
             CACHE.SET k b NOSUCH            => ERR syntax error
             CACHE.SET k b HEADERS 2 a b     => ERR syntax error
             CACHE.SET k b HEADERS -1        => ERR value is not an integer or out of range
             CACHE.SET k b TAGS 1 \"\"       => ERR a tag must not be empty
             CACHE.SET k b HEADERS 1 \"a b\" c => ERR a header name must be a token
             CACHE.SET k b HEADERS 1 a \"b\\r\\nSet-Cookie: c\" => ERR a header value must not contain control characters
             CACHE.SET k b VARY 1 a \"b\\n\" => ERR a header value must not contain control characters
             CACHE.SET k b ETAG \"a b\\n\"   => ERR ETAG must be an entity tag
             CACHE.SET k b LAST-MODIFIED now => ERR LAST-MODIFIED must be an HTTP date
             CACHE.SET k b REVALIDATE-URL ftp://x/ => ERR REVALIDATE-URL must be an http or https URL
             CACHE.SET k b REVALIDATE-URL \"http://x/ y\" => ERR REVALIDATE-URL must be an http or https URL
             CACHE.SET k                     => ERR wrong number of arguments for 'cache|set' command
             CACHE SET k                     => ERR wrong number of arguments for 'cache|set' command
             EXISTS k                        => 0",
        );
    }
}
