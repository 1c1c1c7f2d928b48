//! Who is at the other end of an HTTP connection, and the line that runs his commands.

use super::answer::Problem;
use super::base64;
use super::line::{Commands, Line};
use crate::clients::{Client, Flag};
use crate::connection;
use crate::server::Shared;
use crate::stream::{Inside, Origin, Stream};
use crate::tokens;
use crate::worker::Worker;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use spinel_resp::Value;
use spinel_storage::DbIndex;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

/// What all connections share.
#[derive(Clone)]
pub(super) struct House {
    /// Who serves the other ends of lines.
    pub(super) worker: Rc<Worker>,
    pub(super) counts: Rc<Counts>,
}

/// What is counted of HTTP.
#[derive(Default)]
pub(super) struct Counts {
    /// Connections that are open.
    pub(super) connections: Cell<usize>,
    pub(super) requests: Cell<u64>,
    /// How often metrics were asked for.
    pub(super) scrapes: Cell<u64>,
    /// Bytes of bodies that are being held.
    pub(super) body_bytes: Cell<usize>,
}

/// One HTTP connection. Its line stays from request to request while they bring the same credentials.
pub(super) struct Visitor {
    pub(super) origin: Origin,
    pub(super) house: House,
    kept: RefCell<Option<Box<Entered>>>,
}

/// A line on which somebody is in.
pub(super) struct Entered {
    pub(super) line: Line,
    /// The database that its session uses.
    pub(super) db: DbIndex,
    /// What he said to be let in; nothing if nothing was asked for.
    credentials: Option<Vec<u8>>,
    /// The client that the line is.
    client: Arc<Client>,
}

impl Entered {
    /// Whether nobody has ended the session.
    fn is_in(&self) -> bool {
        self.line.is_open() && !self.client.has(Flag::Killed)
    }
}

impl Visitor {
    pub(super) fn new(origin: Origin, house: House) -> Visitor {
        house.counts.connections.update(|open| open + 1);
        Visitor { origin, house, kept: RefCell::default() }
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.house.worker.shared
    }

    pub(super) fn count_request(&self) {
        self.house.counts.requests.update(|requests| requests + 1);
    }

    /// The line of whoever sends these headers: the one from before, or another. Commands that somebody else's
    /// credentials would run never get on it.
    pub(super) async fn enter(&self, headers: &HeaderMap) -> Result<Box<Entered>, Problem> {
        let credentials = find(headers, &AUTHORIZATION).map(HeaderValue::as_bytes);
        let kept = self.kept.take().filter(|kept| is_same(kept.credentials.as_deref(), credentials));
        // Whoever was killed meanwhile has to come in again.
        match kept.filter(|kept| kept.is_in()) {
            Some(kept) => Ok(kept),
            None => self.enter_anew(credentials).await,
        }
    }

    /// As [`enter`](Self::enter), always on another line.
    async fn enter_anew(&self, credentials: Option<&[u8]>) -> Result<Box<Entered>, Problem> {
        let mut words: Vec<&[u8]> = vec![b"HELLO", b"3"];
        let said = credentials
            .map(|value| basic(value).or_else(|| bearer(value)).ok_or_else(Problem::bad_credentials));
        let said = said.transpose()?;
        match &said {
            Some((user, password)) => words.extend([&b"AUTH"[..], user, password]),
            None if !self.shared().acl.is_open() => return Err(Problem::needs_credentials()),
            None => {}
        }
        let mut line = self.open_line();
        match line.ask(&Commands::one(&words)).await {
            Ok(Value::Map(about)) => {
                let client = id_in(&about).and_then(|id| self.shared().clients.get(id));
                let client = client.ok_or_else(Problem::gone)?;
                let credentials = credentials.map(<[u8]>::to_vec);
                Ok(Box::new(Entered { line, db: DbIndex(0), credentials, client }))
            }
            Ok(Value::Error(text)) => Err(Problem::of_error(&text)),
            _ => Err(Problem::gone()),
        }
    }

    fn open_line(&self) -> Line {
        let (origin, worker) = (self.origin, Rc::clone(&self.house.worker));
        Line::open(|pipe| async move {
            let stream = Stream::Inside(Box::new(Inside { pipe, origin }));
            connection::serve(stream, &worker).await;
        })
    }

    /// Keeps a line for the next request.
    pub(super) fn keep(&self, entered: Box<Entered>) {
        self.kept.replace(Some(entered));
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        self.house.counts.connections.update(|open| open - 1);
    }
}

/// A header of a request. Most requests have so few that to look at each takes less than to hash its name.
pub(super) fn find<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    const FEW: usize = 8;
    if headers.len() > FEW {
        return headers.get(name);
    }
    headers.iter().find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// The number of the client, in the reply of HELLO.
fn id_in(about: &[(Value, Value)]) -> Option<u64> {
    about.iter().find_map(|pair| match pair {
        (Value::Bulk(name), Value::Integer(id)) if name == b"id" => u64::try_from(*id).ok(),
        _ => None,
    })
}

/// Whether somebody says what was said before, in a time that doesn't tell where it differs.
fn is_same(before: Option<&[u8]>, now: Option<&[u8]>) -> bool {
    let (Some(before), Some(now)) = (before, now) else { return before.is_none() && now.is_none() };
    let difference = before.iter().zip(now).fold(0, |sum, (left, right)| sum | (left ^ right));
    before.len() == now.len() && difference == 0
}

/// User and password of a header `Basic …`; who leaves out the user means the default one.
fn basic(value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (scheme, rest) = value.split_at_checked("Basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let said = base64::decode(rest.trim_ascii())?;
    let colon = said.iter().position(|byte| *byte == b':')?;
    let (user, password) = (&said[..colon], &said[colon + 1..]);
    let user = if user.is_empty() { b"default" } else { user };
    Some((user.to_vec(), password.to_vec()))
}

/// Nobody's name, and the token of a header `Bearer …`, which says who it is.
fn bearer(value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    let token = token.trim_ascii();
    let is_one = scheme.eq_ignore_ascii_case(b"Bearer ") && tokens::has_form(token);
    is_one.then(|| (Vec::new(), token.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_are_read() {
        let read = |header: &str| basic(header.as_bytes());
        let pair = |user: &str, password: &str| Some((user.into(), password.into()));
        assert_eq!(read("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), pair("Aladdin", "open sesame"));
        assert_eq!(read("basic  YTpiOmM="), pair("a", "b:c"));
        assert_eq!(read("Basic OnB3"), pair("default", "pw"));
        for header in ["", "Basic", "Basic ", "Basic YWJj", "Basic ?", "Bearer YTpi"] {
            assert_eq!(read(header), None, "{header}");
        }
    }

    #[test]
    fn tokens_are_read() {
        let read = |header: &str| bearer(header.as_bytes());
        assert_eq!(read("bearer  e.f.g"), Some((Vec::new(), b"e.f.g".to_vec())));
        for header in ["", "Bearer", "Bearer ", "Bearer a", "Bearer a b.c.d", "Basic e.f.g"] {
            assert_eq!(read(header), None, "{header}");
        }
    }

    #[test]
    fn only_the_same_credentials_are_the_same() {
        assert!(is_same(None, None) && is_same(Some(b"ab"), Some(b"ab")));
        for (before, now) in [
            (None, Some(&b""[..])),
            (Some(&b"ab"[..]), None),
            (Some(b"ab"), Some(b"ac")),
            (Some(b"a"), Some(b"ab")),
        ] {
            assert!(!is_same(before, now));
        }
    }
}
