//! No traces: what a program does that is built without them.

use axum::http::{HeaderMap, StatusCode};
use spinel_storage::command::Command;
use std::time::Duration;

pub(crate) struct Telemetry;

pub(crate) struct RequestSpan;

pub(crate) struct CommandWatch;

impl Telemetry {
    pub(crate) fn from_environment() -> Telemetry {
        Telemetry
    }

    #[expect(clippy::unused_self, reason = "with the feature it is used")]
    pub(crate) fn request(&self, _method: &str, _path: &'static str, _headers: &HeaderMap) -> RequestSpan {
        RequestSpan
    }

    #[expect(clippy::unused_self, reason = "with the feature it is used")]
    #[inline]
    pub(crate) fn watch(&self, _command: &Command) -> CommandWatch {
        CommandWatch
    }

    #[expect(clippy::unused_self, reason = "with the feature it is used")]
    pub(crate) fn slow(&self, _command: &Command, _took: Duration) {}

    #[expect(clippy::unused_self, reason = "with the feature it is used")]
    pub(crate) fn stop(&self) {}
}

impl RequestSpan {
    #[expect(clippy::unused_self, reason = "with the feature it is used")]
    pub(crate) fn end(self, _status: StatusCode) {}
}

impl CommandWatch {
    #[expect(clippy::unused_self, reason = "with the feature it is used")]
    #[inline]
    pub(crate) fn end(self, _has_failed: bool) {}
}
