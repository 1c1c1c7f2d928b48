//! The table of routes: what is served at which path, who may ask, and what the description of the interface says of it.

use super::answer::{Problem, Response};
use super::call::{Call, Pending};
use super::console::{self, Page};
use super::path::{Found, Tree};
use super::schema::{Kind, Parameter, Shape};
use super::visitor::Visitor;
use super::{command, events, health, metrics, openapi, rest, websocket};
use crate::config::table;
use crate::server::Shared;
use axum::http::header::{ALLOW, CONTENT_LENGTH};
use axum::http::{HeaderValue, Method, Request, StatusCode};
use hyper::body::{Body as _, Incoming};
use std::rc::Rc;

/// What is done with one method at one path.
#[derive(Clone, Copy)]
pub(super) struct Operation {
    pub(super) method: Verb,
    pub(super) path: &'static str,
    pub(super) access: Access,
    pub(super) body: Content,
    /// What the query may have, and what it means.
    pub(super) query: &'static [Parameter],
    pub(super) about: &'static str,
    /// The answer if all goes well.
    pub(super) answer: (u16, Content),
    /// What a body has to look like, and what an answer does.
    pub(super) shapes: (Shape, Shape),
    pub(super) run: for<'c> fn(&'c mut Call) -> Pending<'c>,
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
    /// What a method asks for.
    fn of(method: &Method) -> Option<Verb> {
        Some(match *method {
            Method::GET | Method::HEAD => Verb::Get,
            Method::PUT => Verb::Put,
            Method::POST => Verb::Post,
            Method::PATCH => Verb::Patch,
            Method::DELETE => Verb::Delete,
            _ => return None,
        })
    }

    /// The methods that ask for it, as the header `Allow` lists them.
    fn methods(self) -> &'static str {
        match self {
            Verb::Get => "GET,HEAD",
            Verb::Put => "PUT",
            Verb::Post => "POST",
            Verb::Patch => "PATCH",
            Verb::Delete => "DELETE",
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
    /// Whether a request is worth a span: who asks again and again whether all is well would bury the rest.
    fn is_traced(&self) -> bool {
        self.access != Access::Everybody && self.path != "/metrics"
    }

    /// What most have in common.
    pub(super) const ROW: Operation = Operation {
        method: Verb::Get,
        path: "",
        access: Access::Users,
        body: Content::Nothing,
        query: &[],
        about: "",
        answer: (200, Content::Json),
        shapes: (Shape::Any, Shape::Any),
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
        shapes: (Shape::Words, Shape::Result),
        about: "Runs a command, an array of words.",
        run: command::one,
        ..Operation::ROW
    },
    Operation {
        method: Verb::Post,
        path: "/v1/pipeline",
        body: Content::Json,
        query: &[DB, ENCODING, ATOMIC],
        shapes: (Shape::Commands, Shape::Results),
        about: "Runs commands, an array of arrays of words.",
        run: command::many,
        ..Operation::ROW
    },
    Operation {
        path: "/v1/subscribe",
        answer: (200, Content::Events),
        query: &[
            Parameter { name: "channel", kind: Kind::Texts, about: "Channels" },
            Parameter { name: "pattern", kind: Kind::Texts, about: "Patterns of channels" },
            ENCODING,
        ],
        about: "Sends messages as they are published.",
        run: events::subscribe,
        ..Operation::ROW
    },
    Operation {
        path: "/v1/websocket",
        answer: (101, Content::Nothing),
        query: &[DB, ENCODING],
        about: "Opens a session over a WebSocket. Each text that a client sends is a command, an array of words. \
            Each that it gets is a reply, in the order of the commands, {\"result\": …} or {\"error\": …}, or a message \
            that nobody asked for, {\"push\": […]}, as SUBSCRIBE and CLIENT TRACKING bring them in RESP 3.",
        run: websocket::open,
        ..Operation::ROW
    },
];

const DB: Parameter =
    Parameter { name: "db", kind: Kind::Number(0, u16::MAX as u64), about: "The database; 0 without it" };
const ATOMIC: Parameter = Parameter {
    name: "atomic",
    kind: Kind::OneOf(&["false", "true"]),
    about: "true: all run as a transaction",
};
pub(super) const ENCODING: Parameter = Parameter {
    name: "encoding",
    kind: Kind::OneOf(&["text", "base64"]),
    about: "base64: all words of the answer stand in Base64",
};

/// All operations.
pub(super) fn operations() -> impl Iterator<Item = &'static Operation> {
    OWN.iter().chain(rest::operations())
}

/// What is served at a path.
#[derive(Clone, Copy)]
enum Target {
    Operation(&'static Operation),
    Page(Page),
}

impl Target {
    fn verb(&self) -> Verb {
        match self {
            Target::Operation(operation) => operation.method,
            Target::Page(_) => Verb::Get,
        }
    }
}

/// The routes: those of the table, and those of the console.
pub(super) struct Routes(Tree<Target>);

impl Routes {
    pub(super) fn new(shared: &Shared) -> Routes {
        let mut tree = Tree::default();
        for operation in operations() {
            tree.add(operation.path, Target::Operation(operation));
        }
        if shared.config.is_on(table::HTTP_CONSOLE) {
            for (path, page) in console::pages() {
                tree.add(path, Target::Page(page));
            }
        }
        Routes(tree)
    }

    /// Answers a request.
    pub(super) async fn serve(&self, visitor: Rc<Visitor>, request: Request<Incoming>) -> Response {
        let is_head = *request.method() == Method::HEAD;
        let mut response = self.answer(visitor, request).await;
        // Of an answer without its body, hyper tells the length only if there is one.
        if is_head && response.body().is_end_stream() && response.status() == StatusCode::OK {
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        response
    }

    async fn answer(&self, visitor: Rc<Visitor>, request: Request<Incoming>) -> Response {
        let Some(found) = self.0.find(request.uri().path()) else {
            let message = "Nothing is served at this path.";
            return Problem::new(StatusCode::NOT_FOUND, "NOROUTE", message).into_response();
        };
        let verb = Verb::of(request.method());
        match found.values.iter().find(|target| Some(target.verb()) == verb) {
            Some(Target::Operation(operation)) => obey(operation, visitor, found, request).await,
            Some(Target::Page(page)) => page.answer(),
            None => not_so(request.method(), found.values),
        }
    }
}

async fn obey(
    operation: &'static Operation,
    visitor: Rc<Visitor>,
    found: Found<'_, Target>,
    request: Request<Incoming>,
) -> Response {
    let telemetry = operation.is_traced().then(|| &visitor.house.worker.shared.telemetry);
    let span = telemetry
        .map(|telemetry| telemetry.request(operation.method.name(), operation.path, request.headers()));
    let parameters = found.parameters(request.uri().path());
    let (parts, content) = request.into_parts();
    let mut call = Call::new(visitor, parts);
    let outcome = match call.admit(operation, parameters, content).await {
        Ok(()) => (operation.run)(&mut call).await,
        Err(problem) => Err(problem),
    };
    let response = outcome.unwrap_or_else(Problem::into_response);
    if let Some(span) = span {
        span.end(response.status());
    }
    response
}

fn not_so(method: &Method, targets: &[Target]) -> Response {
    let message = format!("{method} is not served at this path.");
    let mut response = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "NOROUTE", &message).into_response();
    let methods: Vec<_> = targets.iter().map(|target| target.verb().methods()).collect();
    if let Ok(methods) = HeaderValue::try_from(methods.join(",")) {
        response.headers_mut().insert(ALLOW, methods);
    }
    response
}
