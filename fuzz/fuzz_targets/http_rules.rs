//! The rules of the HTTP cache on any request and answer: what is stored answers who it was for, only in its time, and with nothing
//! that is not to be sent.
//!
//! Lines of a request's fields, an empty line, those of an answer. The first bytes choose the status and how much later it is asked for.

#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use libfuzzer_sys::fuzz_target;
use spinel_cache::answer::{Content, answer};
use spinel_cache::freshen::{self, Keep};
use spinel_cache::lookup::{Decision, Fetch, lookup, select};
use spinel_cache::storing::{self, Options};
use spinel_cache::timeline::Deadlines;
use spinel_cache::{Head, Headers, Request, Times, connection, forward, multipart::Multipart, rules};
use spinel_types::http_cache::{Body, Parts, Variant};

const CAME: i64 = 784_111_777_000;

fuzz_target!(|data: &[u8]| {
    let Some(([status, later, unit], rest)) = data.split_first_chunk() else { return };
    let statuses = [200, 200, 200, 200, 206, 301, 404, 500, 599, 304];
    let status = statuses[usize::from(*status) % statuses.len()];
    let later = i64::from(*later) * [1, 1000, 100_000, 1 << 40][usize::from(*unit) % 4];
    let mut lines = rest.split(|byte| *byte == b'\n');
    let asked = fields(lines.by_ref().take_while(|line| !line.is_empty()));
    let came = fields(lines);
    let request = Request { method: &Method::GET, headers: &asked };
    let head = Head { status: StatusCode::from_u16(status).expect("a status"), headers: &came };
    let times = Times { asked: CAME, came: CAME };

    let Ok(parts) = storing::judge(request, head, times, &Options::default()) else { return };
    let variants = [Variant::from(Parts { body: Body::Plain((*b"0123456789").into()), ..parts })];
    check_deadlines(&variants[0]);
    assert!(select(Headers::Map(&asked), &variants, CAME).is_some());
    let now = CAME + later;
    check_decision(request, &variants, now);
    check_answer(request, &variants[0], now);

    let update = Head { status: StatusCode::NOT_MODIFIED, headers: &came };
    let times = Times { asked: now, came: now };
    let renewed = freshen::not_modified(request, &variants[0], &variants, update, times, &Options::default());
    for freshened in renewed {
        check_deadlines(&freshened.variant);
        assert!(freshened.keep == Keep::New || !keeps_directives(&variants[0], &came), "it was stored once");
        check_answer(request, &freshened.variant, now);
    }
    let sent = forward::fields(request, &Fetch::again(&variants[0]));
    assert!(sent.keys().all(|name| !connection::is_for_one(name.as_str()) && name != "range"));
});

/// Whether all that was said about caching is stored: an answer may forbid even that.
fn keeps_directives(variant: &Variant, came: &HeaderMap) -> bool {
    ["cache-control", "cdn-cache-control"]
        .iter()
        .all(|name| variant.fields().all(name.as_bytes()).count() == came.get_all(*name).iter().count())
}

fn fields<'a>(lines: impl Iterator<Item = &'a [u8]>) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for line in lines.take(64) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            fields.append(name, value);
        }
    }
    fields
}

fn check_deadlines(variant: &Variant) {
    let Deadlines { fresh_until, stale_until, grace_until } = Deadlines::of(variant);
    assert!(fresh_until <= stale_until && stale_until <= grace_until);
}

fn check_decision(request: Request<'_>, variants: &[Variant], now: i64) {
    let variant = &variants[0];
    let is_fresh = now < variant.fresh_until;
    match lookup(request, variants, now) {
        Decision::Serve(_) => assert!(is_fresh || variant.rules & rules::NEVER_STALE == 0),
        Decision::ServeAndRefresh(_) => {
            assert!(!is_fresh && now < variant.stale_until && variant.rules & rules::NEVER_STALE == 0);
        }
        Decision::Fetch(_) | Decision::Unavailable => {}
    }
}

fn check_answer(request: Request<'_>, variant: &Variant, now: i64) {
    let answer = answer(request, variant, now);
    for (name, _) in answer.fields() {
        let name = str::from_utf8(name).expect("a name");
        assert!(!connection::is_for_one(name) && !["age", "content-length", "content-range"].contains(&name));
    }
    let length = variant.body().len() as u64;
    match answer.content {
        Content::Nothing => assert!(matches!(answer.status, 304 | 416)),
        Content::Whole => assert_eq!(answer.status, variant.status),
        Content::Part(part) => assert!(part.start < part.end && part.end <= length),
        Content::Parts(parts) => {
            let multipart = Multipart::new(variant, &parts, 7);
            assert!(multipart.length > parts.iter().map(|part| part.end - part.start).sum());
        }
    }
}
