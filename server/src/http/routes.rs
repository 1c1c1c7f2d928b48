//! The table of routes: what is served at which path, who may ask, and what the description of the interface says of it.

use super::answer::Problem;
use super::visitor::Visitor;
use super::{health, metrics};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::ORIGIN;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use std::pin::Pin;
use std::sync::Arc;

/// A request on its way to its handler.
pub(super) struct Call {
    pub(super) visitor: Arc<Visitor>,
    pub(super) parts: Parts,
}

/// What a handler returns.
pub(super) type Pending = Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>>;

/// What is done with one method at one path.
#[derive(Clone, Copy)]
pub(super) struct Operation {
    pub(super) method: Verb,
    pub(super) path: &'static str,
    pub(super) run: fn(Call) -> Pending,
}

/// The methods that are served. Who may `GET` may `HEAD`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verb {
    Get,
}

impl Verb {
    fn filter(self) -> MethodFilter {
        match self {
            Verb::Get => MethodFilter::GET,
        }
    }
}

/// All operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation { method: Verb::Get, path: "/healthz", run: health::alive },
    Operation { method: Verb::Get, path: "/readyz", run: health::ready },
    Operation { method: Verb::Get, path: "/metrics", run: metrics::scrape },
];

/// The routes of the table.
pub(super) fn router() -> Router {
    let mut router = Router::new();
    for operation in OPERATIONS {
        router = router.route(operation.path, serve(*operation));
    }
    router.fallback(nothing).method_not_allowed_fallback(not_so)
}

fn serve(operation: Operation) -> MethodRouter {
    on(operation.method.filter(), move |request: Request| async move {
        match run(operation, request).await {
            Ok(response) => response,
            Err(problem) => problem.into_response(),
        }
    })
}

async fn run(operation: Operation, request: Request<Body>) -> Result<Response, Problem> {
    let (mut parts, _body) = request.into_parts();
    let visitor = parts.extensions.remove::<Arc<Visitor>>().ok_or_else(Problem::gone)?;
    // A page of another site sends this header; there is no page of ours.
    if parts.headers.contains_key(ORIGIN) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "ORIGIN", "Web pages are not served."));
    }
    (operation.run)(Call { visitor, parts }).await
}

async fn nothing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "NOROUTE", "Nothing is served at this path.")
}

async fn not_so(method: Method) -> Problem {
    let message = format!("{method} is not served at this path.");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "NOROUTE", &message)
}
