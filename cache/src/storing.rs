//! Whether an answer may be stored, and what is stored of it (RFC 9111, section 3).

#[cfg(test)]
mod tests;

use http::header::{AUTHORIZATION, CONTENT_RANGE, DATE, ETAG, LAST_MODIFIED, SET_COOKIE};
use http::{HeaderMap, Method};
use spinel_types::http_cache::{Fields, Numbers, Parts};

use crate::directives::{Directives, Wishes};
use crate::freshness::{self, Lifetime};
use crate::headers::Headers;
use crate::message::{Head, Request, Times};
use crate::policy::Orders;
use crate::timeline::{Deadlines, after};
use crate::{connection, date, range, rules, selector, tags};

/// What an operator may choose.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// What becomes of answers with `Set-Cookie`.
    pub cookies: Cookies,
    /// How much of the time since an answer was modified it is taken to be fresh, if nothing else says so; 0 for never.
    pub guess_percent: u32,
    /// For how many seconds it is taken to be fresh at most.
    pub guess_max_s: u32,
    /// For how many seconds an answer that is no longer fresh is kept, to be found valid, or for when its origin can't be reached.
    pub keep_s: u32,
    /// What is ordered about the answer to the request.
    pub orders: Orders,
}

/// What becomes of answers with `Set-Cookie`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Cookies {
    /// They are not stored: what one client is to remember is seldom meant for all.
    #[default]
    Refuse,
    /// They are stored as RFC 9111 allows, with their cookies.
    Store,
}

impl Default for Options {
    fn default() -> Options {
        let day_s = 86_400;
        Options {
            cookies: Cookies::Refuse,
            guess_percent: 10,
            guess_max_s: day_s,
            keep_s: day_s,
            orders: Orders::default(),
        }
    }
}

/// Why an answer must not be stored, or need not be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// Only answers to `GET` are stored.
    Method,
    /// The client says `no-store`.
    Wish,
    /// Answers with this status are not stored.
    Status,
    /// It is a part.
    Part,
    /// It says `no-store`.
    NoStore,
    /// It says `private`.
    Private,
    /// It is for one who said who he is, and doesn't say that others may have it.
    Authorization,
    /// It sets a cookie.
    Cookie,
    /// It answers no other request: `Vary: *`, or by too many fields.
    Vary,
    /// It neither says for how long it is fresh nor has a status of which that may be guessed.
    Unmarked,
    /// It is not fresh, and nothing could find out that it is still valid.
    Useless,
}

impl Refusal {
    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Refusal::Method => "method",
            Refusal::Wish => "request-no-store",
            Refusal::Status => "status",
            Refusal::Part => "partial",
            Refusal::NoStore => "no-store",
            Refusal::Private => "private",
            Refusal::Authorization => "authorization",
            Refusal::Cookie => "set-cookie",
            Refusal::Vary => "vary",
            Refusal::Unmarked => "no-freshness",
            Refusal::Useless => "no-validator",
        }
    }
}

/// Makes a variant of an answer, if it may be stored. Its body, URL and number are left to who has them; the length of the
/// body must be the one that was announced.
///
/// ```
/// use http::{HeaderMap, HeaderValue, Method, StatusCode, header::CACHE_CONTROL};
/// use spinel_cache::storing::{self, Options, Refusal};
/// use spinel_cache::{Head, Request, Times};
///
/// let mut headers = HeaderMap::new();
/// let request = Request { method: &Method::GET, headers: &headers.clone() };
/// headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
/// let head = Head { status: StatusCode::OK, headers: &headers };
/// let times = Times { asked: 0, came: 0 };
/// let parts = storing::judge(request, head, times, &Options::default()).expect("it is fresh");
/// assert_eq!(parts.numbers.fresh_until, 60_000);
///
/// let request = Request { method: &Method::POST, ..request };
/// assert_eq!(storing::judge(request, head, times, &Options::default()).err(), Some(Refusal::Method));
/// ```
pub fn judge(
    request: Request<'_>,
    head: Head<'_>,
    times: Times,
    options: &Options,
) -> Result<Parts, Refusal> {
    let directives = Directives::of_answer(head.fields());
    permitted(request, head, &directives, options)?;
    let orders = &options.orders;
    let selector =
        selector::of_answer_and(head.fields(), request.fields(), &orders.vary).ok_or(Refusal::Vary)?;
    let is_part = head.status.as_u16() == 206;

    let mut parts = Parts::default();
    parts.numbers.status = if is_part { 200 } else { head.status.as_u16() };
    parts.fields = kept(head.headers, &directives, options, times);
    parts.tags = tags::with(tags::of_answer(head.fields()).as_ref(), &orders.tags);
    parts.selector = selector;
    let date = made_at(head.fields(), times).unwrap_or(times.came);
    let age = freshness::initial_age(head.fields(), date, times);
    let assessment = assess(head.fields(), parts.numbers.status, &directives, age, times, options);
    assessment.set(&mut parts.numbers);
    let is_ordered = orders.settle(&mut parts.numbers, (&assessment, &directives), times.came);
    let is_useless = is_ordered && parts.numbers.grace_until <= times.came;
    let refusal = if is_ordered { is_useless.then_some(Refusal::Useless) } else { assessment.refusal };
    refusal.map_or(Ok(parts), Err)
}

fn permitted(
    request: Request<'_>,
    head: Head<'_>,
    directives: &Directives,
    options: &Options,
) -> Result<(), Refusal> {
    let status = head.status.as_u16();
    if request.method != Method::GET {
        return Err(Refusal::Method);
    }
    if let Some(refusal) = forbidden(status, request, directives) {
        return Err(refusal);
    }
    if status == 206 && !head.fields().first(&CONTENT_RANGE).is_some_and(range::is_whole) {
        return Err(Refusal::Part);
    }
    if sets_cookie(head.headers, directives) && options.cookies == Cookies::Refuse {
        return Err(Refusal::Cookie);
    }
    Ok(())
}

/// What the client or the answer's directives have against storing an answer with this status, if they have.
pub(crate) fn forbidden(status: u16, request: Request<'_>, directives: &Directives) -> Option<Refusal> {
    let is_understood = is_understood(status);
    let must_understand = directives.has(Directives::MUST_UNDERSTAND);
    match () {
        () if Wishes::of_request(request.fields()).no_store => Some(Refusal::Wish),
        () if is_never_stored(status) || must_understand && !is_understood => Some(Refusal::Status),
        // Who says that it must be understood says `no-store` to those who don't.
        () if directives.has(Directives::NO_STORE) && !must_understand => Some(Refusal::NoStore),
        () if directives.has(Directives::PRIVATE) => Some(Refusal::Private),
        () if request.headers.contains_key(AUTHORIZATION) && !allows_authorization(directives) => {
            Some(Refusal::Authorization)
        }
        () => None,
    }
}

/// Statuses that are not final, that mean something to the one request only, or of which RFC 6585 forbids it.
fn is_never_stored(status: u16) -> bool {
    status < 200 || matches!(status, 304 | 412 | 416 | 428 | 429 | 431 | 511)
}

/// Whether all is done here that caching this status takes, for `must-understand`.
fn is_understood(status: u16) -> bool {
    freshness::is_guessable(status)
        || matches!(status, 302 | 303 | 307 | 400 | 403 | 421 | 500 | 502 | 503 | 504)
}

fn allows_authorization(directives: &Directives) -> bool {
    directives.has(Directives::PUBLIC | Directives::MUST_REVALIDATE) || directives.s_maxage.is_some()
}

fn sets_cookie(headers: &HeaderMap, directives: &Directives) -> bool {
    headers.contains_key(SET_COOKIE) && !directives.left_out.iter().any(|name| name == b"set-cookie")
}

/// The fields of an answer that are stored: those that are forwarded and not to be left out. Its length and age are known in
/// other ways, and a date is put there if there is none.
fn kept(headers: &HeaderMap, directives: &Directives, options: &Options, times: Times) -> Fields {
    let date = made_at(Headers::Map(headers), times);
    let is_dated = date.is_some();
    let own_date = date::format(times.came);
    let forwarded =
        connection::forwarded(headers).map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    let kept =
        forwarded.filter(|(name, _)| is_kept(name, directives, options) && (is_dated || *name != b"date"));
    let added = (!is_dated).then_some((&b"date"[..], &own_date[..]));
    Fields::new(kept.chain(added))
}

/// Whether a field, named in lower case, is stored.
pub(crate) fn is_kept(name: &[u8], directives: &Directives, options: &Options) -> bool {
    !matches!(name, b"age" | b"content-length" | b"content-range")
        && (options.cookies == Cookies::Store || name != b"set-cookie")
        && !directives.left_out.iter().any(|left_out| left_out == name)
}

/// When the origin made an answer, if it says so.
pub(crate) fn made_at(answer: Headers<'_>, times: Times) -> Option<i64> {
    answer.first(&DATE).and_then(|date| date::parse(date, times.came))
}

/// What an answer's fields mean for how it is used.
pub(crate) struct Assessment {
    rules: u32,
    initial_age: u32,
    stored_at: i64,
    deadlines: Deadlines,
    /// For how long it is fresh.
    pub(crate) lifetime: Lifetime,
    /// Why it is of no use, if so.
    pub(crate) refusal: Option<Refusal>,
}

impl Assessment {
    /// Makes it that of a variant.
    pub(crate) fn set(&self, variant: &mut Numbers) {
        variant.rules = self.rules;
        variant.initial_age = self.initial_age;
        variant.stored_at = self.stored_at;
        self.deadlines.set(variant);
    }

    /// Until when the answer is fresh.
    pub(crate) fn fresh_until(&self) -> i64 {
        self.deadlines.fresh_until
    }

    /// Whether it must not be served when it is no longer fresh.
    pub(crate) fn is_never_stale(&self) -> bool {
        self.rules & rules::NEVER_STALE != 0
    }
}

/// Says what an answer's fields mean, for one that was `initial_age` seconds old when it came.
pub(crate) fn assess(
    answer: Headers<'_>,
    status: u16,
    directives: &Directives,
    initial_age: u32,
    times: Times,
    options: &Options,
) -> Assessment {
    let date = made_at(answer, times).unwrap_or(times.came);
    let lifetime = freshness::lifetime(answer, status, directives, date, options);
    let rules = rules(directives, lifetime);
    let (swr, sie) = match rules & rules::NEVER_STALE {
        0 => (directives.stale_while_revalidate.unwrap_or(0), directives.stale_if_error.unwrap_or(0)),
        _ => (0, 0),
    };
    let left_s = i64::from(lifetime.seconds()) - i64::from(initial_age);
    let fresh_until = times.came.saturating_add(left_s * 1000);
    let stale_until = after(fresh_until, swr);
    let has_validator = answer.has(&ETAG) || answer.has(&LAST_MODIFIED);
    let is_of_use_later = has_validator || rules & rules::NEVER_STALE == 0;
    let keep_s = if is_of_use_later { options.keep_s } else { 0 };
    let kept_until = after(fresh_until.max(times.came), keep_s);
    let grace_until = kept_until.max(stale_until).max(after(fresh_until, sie));
    // What was fresh once may be taken by who takes what is stale, or be left if the origin fails.
    let is_never_fresh = lifetime.seconds() == 0 || rules & rules::NEVER_STALE != 0;
    let is_useless = left_s <= 0 && is_never_fresh && swr == 0 && sie == 0 && !has_validator;
    let may_be_used = lifetime != Lifetime::Unknown
        || directives.has(Directives::PUBLIC)
        || freshness::is_guessable(status);
    let refusal = match () {
        () if !may_be_used => Some(Refusal::Unmarked),
        () if is_useless => Some(Refusal::Useless),
        () => None,
    };
    let deadlines = Deadlines { fresh_until, stale_until, grace_until };
    Assessment { rules, initial_age, stored_at: times.came, deadlines, lifetime, refusal }
}

fn rules(directives: &Directives, lifetime: Lifetime) -> u32 {
    let never_stale = Directives::MUST_REVALIDATE | Directives::PROXY_REVALIDATE | Directives::NO_CACHE;
    let mut rules = rules::BY_FIELDS;
    if directives.has(never_stale) || directives.s_maxage.is_some() {
        rules |= rules::NEVER_STALE;
    }
    if directives.has(Directives::NO_CACHE) {
        rules |= rules::ALWAYS_ASK;
    }
    if matches!(lifetime, Lifetime::Guessed(_)) {
        rules |= rules::GUESSED;
    }
    rules
}
