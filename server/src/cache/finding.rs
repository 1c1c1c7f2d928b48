//! What a request comes to, before it is put into the words of who asks.

use super::body::{Body, Response};
use super::download::Download;
use super::exchange::Failure;
use super::flight::{Head, Reader};
use super::problem::Problem;
use super::reply;
use super::visit::Visit;
use crate::server::now;
use http::StatusCode;
use http::response::Parts;
use spinel_cache::cache_status::Forwarded;
use spinel_types::http_cache::{Content, Filed, Variant};
use std::sync::Arc;

/// What a request comes to.
pub(super) enum Finding {
    /// What is stored answers.
    Stored(Found),
    /// What comes answers. Others may read it, too.
    Coming(Box<Coming>),
    /// An answer for this client only, and a word why.
    Own(Box<http::Response<Download>>, Forwarded, Option<&'static str>),
    /// The origin gave no answer.
    Failed(Failure, Forwarded),
    /// The client wants nothing but what is stored, and there is nothing.
    Unavailable,
}

/// What is stored, as it is at a time.
pub(super) struct Found {
    pub(super) variant: Variant,
    pub(super) merit: Merit,
    pub(super) now: i64,
    /// Its body, if that is in a file and has been opened: so it can be sent whatever happens to the entry.
    pub(super) held: Option<Content>,
}

/// Why what is stored answers.
#[derive(Clone, Copy)]
pub(super) enum Merit {
    /// It is fresh.
    Fresh,
    /// It may be served though it is not fresh.
    Stale,
    /// The origin has found it valid.
    Renewed(Forwarded),
    /// It is left, because the origin failed.
    Left(Forwarded),
}

/// An answer that comes.
pub(super) struct Coming {
    pub(super) head: Arc<Head>,
    pub(super) reader: Reader,
    /// Its own head, if it came for this client.
    pub(super) own: Option<Parts>,
    pub(super) forwarded: Forwarded,
}

impl Finding {
    /// The same with a body that has been opened.
    pub(super) fn holding(mut self, content: Option<Content>) -> Finding {
        if let Finding::Stored(Found { held, .. }) = &mut self {
            *held = content;
        }
        self
    }

    /// The body that is to be sent, if it is in a file.
    pub(super) fn filed(&self) -> Option<&Arc<Filed>> {
        match self {
            Finding::Stored(found) => found.variant.body().filed(),
            _ => None,
        }
    }

    /// The same as an answer of HTTP.
    pub(super) fn into_response(self, visit: &Visit) -> Response {
        match self {
            Finding::Stored(Found { variant, merit, now, held }) => {
                let answer = reply::stored(visit, (&variant, held.as_ref()), now);
                visit.told(answer, merit.forwarded(), (&variant, now))
            }
            Finding::Coming(coming) => coming.into_response(visit),
            Finding::Own(answer, forwarded, why) => {
                visit.told_apart(answer.map(|body| Body::Origin(Box::new(body))), forwarded, why)
            }
            Finding::Failed(failure, forwarded) => {
                let answer = Problem::new(failure.status(), failure.why()).into_response();
                visit.told_apart(answer, forwarded, Some(failure.name()))
            }
            Finding::Unavailable => {
                Problem::new(StatusCode::GATEWAY_TIMEOUT, "It is not stored.").into_response()
            }
        }
    }
}

impl Merit {
    /// What was asked of the origin, if anything.
    fn forwarded(self) -> Option<Forwarded> {
        match self {
            Merit::Fresh | Merit::Stale => None,
            Merit::Renewed(forwarded) | Merit::Left(forwarded) => Some(forwarded),
        }
    }
}

impl Coming {
    fn into_response(self, visit: &Visit) -> Response {
        let Coming { head, reader, own, forwarded } = self;
        let now = now().0;
        let answer = match own {
            Some(own) => Response::from_parts(own, Body::Flight(reader)),
            None => reply::coming(visit, &head.variant, Body::Flight(reader), head.length, now),
        };
        visit.told(answer, Some(forwarded), (&head.variant, now))
    }
}
