//! The life of variants under a virtual clock, against a model that knows nothing of deadlines.
//!
//! The model keeps what was given and what has happened, and works out from these what a client may get. Thousands of steps write,
//! renew, soften and remove variants of an entry; the clock jumps, now and then backwards; after each step all variants are asked for.

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use spinel_cache::freshen::{self, Keep};
use spinel_cache::lookup::{Decision, Failure, Reason, lookup};
use spinel_cache::storing::{self, Options};
use spinel_cache::timeline::{self, Deadlines, State};
use spinel_cache::{Head, Request, Times, selector};
use spinel_types::HttpCache;
use spinel_types::http_cache::{Fields, Parts, Variant};

const LANGUAGES: [&str; 3] = ["de", "en", "fr"];

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) % bound
    }

    /// Nothing, or up to a hundred seconds.
    fn span(&mut self) -> Option<u32> {
        (self.below(4) > 0).then(|| self.below(100) as u32)
    }
}

/// What was given for a variant, and what has become of it since.
#[derive(Clone, Copy, Debug)]
struct Life {
    since: i64,
    ttl: Option<u32>,
    swr: Option<u32>,
    grace: Option<u32>,
    softened: Option<i64>,
}

/// What a client gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Gets {
    Fresh,
    StaleAndRefreshed,
    /// The origin's answer, or this one if it fails.
    WhatFails,
    Miss,
}

impl Life {
    fn gets(self, now: i64) -> Gets {
        let end = self.ttl.map(|ttl| self.since + i64::from(ttl) * 1000);
        let end = match (end, self.softened) {
            (Some(end), Some(softened)) => Some(end.min(softened)),
            (end, softened) => end.or(softened),
        };
        let Some(end) = end else { return Gets::Fresh };
        let swr = i64::from(self.swr.unwrap_or(0)) * 1000;
        let grace = i64::from(self.grace.unwrap_or(0)) * 1000;
        match now - end {
            past if past < 0 => Gets::Fresh,
            past if past < swr => Gets::StaleAndRefreshed,
            past if past < swr + grace => Gets::WhatFails,
            _ => Gets::Miss,
        }
    }
}

fn language(index: usize) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("accept-language", HeaderValue::from_static(LANGUAGES[index]));
    headers
}

/// An entry and its model.
#[derive(Default)]
struct World {
    entry: HttpCache,
    lives: [Option<Life>; 3],
    now: i64,
}

impl World {
    fn write(&mut self, index: usize, random: &mut Random) {
        let life = Life {
            since: self.now,
            ttl: random.span(),
            swr: random.span(),
            grace: random.span(),
            softened: None,
        };
        let mut parts = Parts::default();
        let numbers = &mut parts.numbers;
        (numbers.ttl, numbers.swr, numbers.grace) = (life.ttl, life.swr, life.grace);
        numbers.stored_at = self.now;
        Deadlines::given(self.now, life.ttl, life.swr, life.grace).set(numbers);
        parts.fields = Fields::new([(&b"etag"[..], LANGUAGES[index].as_bytes())]);
        parts.selector = selector::given(&[(b"Accept-Language", LANGUAGES[index].as_bytes())]);
        self.entry.put(parts.into());
        self.lives[index] = Some(life);
    }

    /// The origin finds a variant valid. What is gone isn't asked for.
    fn renew(&mut self, index: usize) {
        let headers = language(index);
        let request = Request { method: &Method::GET, headers: &headers };
        let variants = self.entry.variants().to_vec();
        let asked = variants.iter().find(|variant| {
            selector::matches(variant.selector(), spinel_cache::Headers::Map(&headers))
                && !timeline::is_over(variant, self.now)
        });
        let Some(asked) = asked else { return };
        let head = Head { status: StatusCode::NOT_MODIFIED, headers: &HeaderMap::new() };
        let times = Times { asked: self.now, came: self.now };
        let renewed = freshen::not_modified(request, asked, &variants, head, times, &Options::default());
        assert_eq!(renewed.len(), 1);
        for freshened in renewed {
            assert_eq!(freshened.keep, Keep::New);
            self.entry.put(freshened.variant);
        }
        let life = self.lives[index].as_mut().expect("the model has what is there");
        (life.since, life.softened) = (self.now, None);
    }

    fn soften(&mut self, index: usize) {
        let name = LANGUAGES[index].as_bytes();
        let variants = self.entry.variants().to_vec();
        let Some(former) =
            variants.iter().find(|variant| variant.selector().first(b"accept-language") == Some(name))
        else {
            return;
        };
        let (mut variant, mut numbers) = (former.clone(), **former);
        Deadlines::softened(former, self.now).set(&mut numbers);
        variant.set_numbers(numbers);
        self.entry.put(variant);
        let life = self.lives[index].as_mut().expect("the model has what is there");
        life.softened = Some(life.softened.map_or(self.now, |at| at.min(self.now)));
    }

    fn remove(&mut self, index: usize) {
        let name = LANGUAGES[index].as_bytes();
        self.entry.retain(|variant| variant.selector().first(b"accept-language") != Some(name));
        self.lives[index] = None;
    }

    fn check(&self, index: usize) {
        let expected = self.lives[index].map_or(Gets::Miss, |life| life.gets(self.now));
        let request = Request { method: &Method::GET, headers: &language(index) };
        let (found, variant) = match lookup(request, self.entry.variants(), self.now) {
            Decision::Serve(variant) => (Gets::Fresh, Some(variant)),
            Decision::ServeAndRefresh(variant) => (Gets::StaleAndRefreshed, Some(variant)),
            Decision::Fetch(fetch) if fetch.stored.is_some() => {
                assert_eq!(fetch.reason, Reason::Stale);
                assert!(fetch.fallback.allows(Failure::Status(503), self.now));
                assert!(fetch.fallback.allows(Failure::Unreachable, self.now));
                (Gets::WhatFails, fetch.stored)
            }
            Decision::Fetch(_) => (Gets::Miss, None),
            Decision::Unavailable => unreachable!("nobody wants only what is stored"),
        };
        assert_eq!(found, expected, "{:?} at {}", self.lives[index], self.now);
        if let Some(variant) = variant {
            let states = [State::Fresh, State::Stale, State::Grace];
            assert_eq!(timeline::state(variant, self.now), states[found as usize]);
            assert_eq!(variant.fields().first(b"etag"), Some(LANGUAGES[index].as_bytes()));
        }
    }
}

#[test]
fn clients_get_what_the_model_says() {
    for seed in 1..=40 {
        let mut random = Random(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let mut world = World { now: 1_000_000_000, ..World::default() };
        for _ in 0..3000 {
            let index = random.below(3) as usize;
            match random.below(12) {
                0..=1 => world.write(index, &mut random),
                2 => world.renew(index),
                3 => world.soften(index),
                4 if random.below(4) == 0 => world.remove(index),
                5 if random.below(8) == 0 => world.now -= random.below(50_000) as i64,
                _ => world.now += random.below(20_000) as i64,
            }
            (0..3).for_each(|index| world.check(index));
        }
    }
}

/// What an origin says of freshness, and what a client gets by it, over the seconds that follow.
#[test]
fn clients_get_what_origins_allow() {
    let mut random = Random(42);
    for _ in 0..2000 {
        let (ttl, swr, sie) = (random.below(50) as u32, random.below(50) as u32, random.below(100) as u32);
        let (age, is_strict) = (random.below(60) as u32, random.below(4) == 0);
        let strict = if is_strict { ", must-revalidate" } else { "" };
        let control = format!("max-age={ttl}, stale-while-revalidate={swr}, stale-if-error={sie}{strict}");
        let mut headers = HeaderMap::new();
        headers.insert("cache-control", HeaderValue::try_from(control.clone()).expect("a value"));
        headers.insert("age", HeaderValue::from(age));
        headers.insert("etag", HeaderValue::from_static("\"a\""));
        let request = Request { method: &Method::GET, headers: &HeaderMap::new() };
        let head = Head { status: StatusCode::OK, headers: &headers };
        let times = Times { asked: 1_000_000, came: 1_000_000 };
        let parts = storing::judge(request, head, times, &Options::default()).expect("it has a validator");
        let variants = [Variant::from(parts)];
        for second in 0..200_u32 {
            let now = times.came + i64::from(second) * 1000;
            let stale_for = i64::from(age + second) - i64::from(ttl);
            let in_window = !is_strict && stale_for < i64::from(swr);
            let may_fail = !is_strict && stale_for < i64::from(sie);
            let expected = match stale_for {
                ..0 => Gets::Fresh,
                _ if in_window => Gets::StaleAndRefreshed,
                _ => Gets::WhatFails,
            };
            let (found, fallback) = match lookup(request, &variants, now) {
                Decision::Serve(_) => (Gets::Fresh, None),
                Decision::ServeAndRefresh(_) => (Gets::StaleAndRefreshed, None),
                Decision::Fetch(fetch) if fetch.is_validation() => (Gets::WhatFails, Some(fetch.fallback)),
                _ => (Gets::Miss, None),
            };
            assert_eq!(found, expected, "{control}, age {age}, after {second} s");
            for failure in [Failure::Status(500), Failure::Unreachable] {
                let allows = fallback.map(|fallback| fallback.allows(failure, now));
                assert_eq!(allows, fallback.map(|_| may_fail), "{control}, age {age}, after {second} s");
            }
        }
    }
}
