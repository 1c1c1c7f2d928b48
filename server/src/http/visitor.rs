//! Who is at the other end of an HTTP connection, and the line that runs his commands.

use super::answer::Problem;
use super::base64;
use super::line::{Commands, Line};
use crate::server::Shared;
use crate::stream::{Inside, Origin, Socket};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};
use spinel_resp::Value;
use spinel_storage::DbIndex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::UnboundedSender;

/// What all connections share.
#[derive(Clone)]
pub(super) struct House {
    pub(super) shared: Arc<Shared>,
    /// Where the other ends of lines go to be served.
    pub(super) lines: UnboundedSender<Socket>,
    pub(super) counts: Arc<Counts>,
}

/// What is counted of HTTP.
#[derive(Default)]
pub(super) struct Counts {
    /// Connections that are open.
    pub(super) connections: AtomicUsize,
    pub(super) requests: AtomicU64,
    /// How often metrics were asked for.
    pub(super) scrapes: AtomicU64,
    /// Bytes of bodies that are being held.
    pub(super) body_bytes: AtomicUsize,
}

/// One HTTP connection. Its line stays from request to request while they bring the same credentials.
pub(super) struct Visitor {
    pub(super) origin: Origin,
    pub(super) house: House,
    kept: Mutex<Option<Entered>>,
}

/// A line on which somebody is in.
pub(super) struct Entered {
    pub(super) line: Line,
    /// The database that its session uses.
    pub(super) db: DbIndex,
    /// What he said to be let in; nothing if nothing was asked for.
    credentials: Option<Vec<u8>>,
    /// The number of the client that the line is.
    id: u64,
}

impl Visitor {
    pub(super) fn new(origin: Origin, house: House) -> Visitor {
        house.counts.connections.fetch_add(1, Ordering::Relaxed);
        Visitor { origin, house, kept: Mutex::default() }
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.house.shared
    }

    pub(super) fn count_request(&self) {
        self.house.counts.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// The line of whoever sends these headers: the one from before, or another. Commands that somebody else's
    /// credentials would run never get on it.
    pub(super) async fn enter(&self, headers: &HeaderMap) -> Result<Entered, Problem> {
        let credentials = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let kept = self.kept().take().filter(|kept| is_same(kept.credentials.as_deref(), credentials));
        // Whoever was killed meanwhile has to come in again.
        match kept.filter(|kept| self.shared().clients.get(kept.id).is_some()) {
            Some(kept) => Ok(kept),
            None => self.enter_anew(credentials).await,
        }
    }

    /// As [`enter`](Self::enter), always on another line.
    async fn enter_anew(&self, credentials: Option<&[u8]>) -> Result<Entered, Problem> {
        let mut words: Vec<&[u8]> = vec![b"HELLO", b"3"];
        let said = credentials.map(|value| basic(value).ok_or_else(Problem::bad_credentials)).transpose()?;
        match &said {
            Some((user, password)) => words.extend([&b"AUTH"[..], user, password]),
            None if !self.shared().acl.is_open() => return Err(Problem::needs_credentials()),
            None => {}
        }
        let (mut line, pipe) = Line::new();
        let socket = Socket::Inside(Inside { pipe, origin: self.origin });
        self.house.lines.send(socket).map_err(|_| Problem::gone())?;
        let replies = line.ask(&Commands::one(&words)).await.map_err(|_| Problem::gone())?;
        match replies.into_iter().next() {
            Some(Value::Map(about)) => {
                let id = id_in(&about).ok_or_else(Problem::gone)?;
                Ok(Entered { line, db: DbIndex(0), credentials: credentials.map(<[u8]>::to_vec), id })
            }
            Some(Value::Error(text)) => Err(Problem::of_error(&text)),
            _ => Err(Problem::gone()),
        }
    }

    /// Keeps a line for the next request.
    pub(super) fn keep(&self, entered: Entered) {
        *self.kept() = Some(entered);
    }

    fn kept(&self) -> MutexGuard<'_, Option<Entered>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        self.house.counts.connections.fetch_sub(1, Ordering::Relaxed);
    }
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
