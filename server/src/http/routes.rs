//! The table of routes: what is served at which path, who may ask, and what the description of the interface says of it.

use super::answer::Problem;
use super::call::{Call, Pending};
use super::{command, events, health, metrics, openapi, rest};
use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};

/// What is done with one method at one path.
#[derive(Clone, Copy)]
pub(super) struct Operation {
    pub(super) method: Verb,
    pub(super) path: &'static str,
    pub(super) access: Access,
    pub(super) body: Content,
    /// What the query may have, and what it means.
    pub(super) query: &'static [(&'static str, &'static str)],
    pub(super) about: &'static str,
    /// The answer if all goes well.
    pub(super) answer: (u16, Content),
    pub(super) run: fn(Call) -> Pending,
}

/// Who may ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Access {
    Everybody,
    /// Who would be let in by the other port, too.
    Users,
}

/// What a request or an answer holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Content {
    Nothing,
    /// A value as it is.
    Bytes,
    Json,
    Text,
    Events,
}

impl Content {
    pub(super) fn is_some(self) -> bool {
        self != Content::Nothing
    }

    pub(super) fn is_json(self) -> bool {
        self == Content::Json
    }
}

/// The methods that are served. Who may `GET` may `HEAD`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verb {
    Get,
    Put,
    Post,
    Patch,
    Delete,
}

impl Verb {
    fn filter(self) -> MethodFilter {
        match self {
            Verb::Get => MethodFilter::GET,
            Verb::Put => MethodFilter::PUT,
            Verb::Post => MethodFilter::POST,
            Verb::Patch => MethodFilter::PATCH,
            Verb::Delete => MethodFilter::DELETE,
        }
    }

    /// As the description of the interface writes it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Verb::Get => "get",
            Verb::Put => "put",
            Verb::Post => "post",
            Verb::Patch => "patch",
            Verb::Delete => "delete",
        }
    }
}

impl Operation {
    /// What most have in common.
    pub(super) const ROW: Operation = Operation {
        method: Verb::Get,
        path: "",
        access: Access::Users,
        body: Content::Nothing,
        query: &[],
        about: "",
        answer: (200, Content::Json),
        run: health::alive,
    };
}

const OWN: &[Operation] = &[
    Operation {
        path: "/healthz",
        access: Access::Everybody,
        answer: (200, Content::Text),
        about: "Answers while the server lives.",
        run: health::alive,
        ..Operation::ROW
    },
    Operation {
        path: "/readyz",
        access: Access::Everybody,
        answer: (200, Content::Text),
        about: "Tells whether the data set is loaded and writes are taken.",
        run: health::ready,
        ..Operation::ROW
    },
    Operation {
        path: "/metrics",
        answer: (200, Content::Text),
        about: "Returns what Prometheus reads.",
        run: metrics::scrape,
        ..Operation::ROW
    },
    Operation {
        path: "/v1/openapi.json",
        about: "Returns this description.",
        run: openapi::describe,
        ..Operation::ROW
    },
    Operation {
        method: Verb::Post,
        path: "/v1/command",
        body: Content::Json,
        query: &[DB, ENCODING],
        about: "Runs a command, an array of words.",
        run: command::one,
        ..Operation::ROW
    },
    Operation {
        method: Verb::Post,
        path: "/v1/pipeline",
        body: Content::Json,
        query: &[DB, ENCODING, ("atomic", "true: all run as a transaction")],
        about: "Runs commands, an array of arrays of words.",
        run: command::many,
        ..Operation::ROW
    },
    Operation {
        path: "/v1/subscribe",
        answer: (200, Content::Events),
        query: &[
            ("channel", "A channel; may stand again"),
            ("pattern", "A pattern; may stand again"),
            ENCODING,
        ],
        about: "Sends messages as they are published.",
        run: events::subscribe,
        ..Operation::ROW
    },
];

pub(super) const DB: (&str, &str) = ("db", "The database; 0 without it");
pub(super) const ENCODING: (&str, &str) = ("encoding", "base64: all words of the answer stand in Base64");

/// All operations.
pub(super) fn operations() -> impl Iterator<Item = &'static Operation> {
    OWN.iter().chain(rest::operations())
}

/// The routes of the table.
pub(super) fn router() -> Router {
    let routed =
        operations().fold(Router::new(), |router, operation| router.route(operation.path, serve(operation)));
    routed.fallback(nothing).method_not_allowed_fallback(not_so)
}

fn serve(operation: &'static Operation) -> MethodRouter {
    on(operation.method.filter(), move |request: Request| async move {
        match run(operation, request).await {
            Ok(response) => response,
            Err(problem) => problem.into_response(),
        }
    })
}

async fn run(operation: &Operation, request: Request) -> Result<Response, Problem> {
    let call = Call::admit(operation, request).await?;
    (operation.run)(call).await
}

async fn nothing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "NOROUTE", "Nothing is served at this path.")
}

async fn not_so(method: Method) -> Problem {
    let message = format!("{method} is not served at this path.");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "NOROUTE", &message)
}
