//! Whether the server lives, and whether it can be used: for whoever starts, stops and balances servers. They need no
//! password, and learn nothing else.

use super::answer::{Problem, TEXT, answer};
use super::call::{Call, Pending};
use crate::persistence;
use crate::server::Shared;
use axum::http::StatusCode;

/// The thread that serves HTTP runs.
pub(super) fn alive(_: &mut Call) -> Pending<'_> {
    Box::pin(async { Ok(answer(StatusCode::OK, TEXT, "ok\n")) })
}

/// The data set is loaded, and writes are not refused.
pub(super) fn ready(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        match hindrance(call.visitor.shared()) {
            None => Ok(answer(StatusCode::OK, TEXT, "ok\n")),
            Some((code, message)) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, message)),
        }
    })
}

/// Why clients would better go to another server, if there is a reason.
fn hindrance(shared: &Shared) -> Option<(&'static str, &'static str)> {
    if shared.persistence.loading().is_some() {
        return Some(("LOADING", "The data set is being loaded."));
    }
    let refuses = persistence::refusal(shared).is_some();
    refuses.then_some(("MISCONF", "Writes are refused because they can't be made durable."))
}
