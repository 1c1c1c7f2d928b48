//! Spans, made where something happens and exported in batches by a thread of their own.

use super::client::Client;
use crate::log;
use axum::http::{HeaderMap, StatusCode};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Span, SpanBuilder, SpanKind, Status, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span as SdkSpan};
use spinel_storage::command::Command;
use spinel_storage::command::flags::Flags;
use std::time::{Duration, Instant, SystemTime};

/// Where a collector is named; without one nothing is traced.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
/// What the service is called if the environment doesn't say.
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// Makes spans, if somebody collects them.
pub(crate) struct Telemetry(Option<Tracing>);

struct Tracing {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Telemetry {
    /// As the environment says. Whoever serves doesn't fail to because nobody can watch: what is wrong is logged.
    pub(crate) fn from_environment() -> Telemetry {
        let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if !ENDPOINTS.iter().any(is_set) {
            return Telemetry(None);
        }
        let exporter = match SpanExporter::builder().with_http().with_http_client(Client).build() {
            Ok(exporter) => exporter,
            Err(error) => {
                log::warning!("Nothing is traced: {error}");
                return Telemetry(None);
            }
        };
        let mut resource = Resource::builder();
        if !is_set(&SERVICE_NAME) {
            resource = resource.with_service_name("spineldb");
        }
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = resource.with_attribute(version).build();
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        let tracer = provider.tracer("spinel-server");
        Telemetry(Some(Tracing { provider, tracer }))
    }

    /// Begins the span of an HTTP request, as a part of the trace that its headers name.
    pub(crate) fn request(&self, method: &str, path: &'static str, headers: &HeaderMap) -> RequestSpan {
        let Some(Tracing { tracer, .. }) = &self.0 else { return RequestSpan(None) };
        let method = method.to_ascii_uppercase();
        let headers = HeaderExtractor(headers);
        let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &headers);
        let builder = SpanBuilder::from_name(format!("{method} {path}")).with_kind(SpanKind::Server);
        let attributes = [
            KeyValue::new("http.request.method", method),
            KeyValue::new("http.route", path),
            KeyValue::new("url.scheme", "http"),
        ];
        RequestSpan(Some(builder.with_attributes(attributes).start_with_context(tracer, &parent)))
    }

    /// Looks at the clock, if the command administers the server and somebody collects spans.
    #[inline]
    pub(crate) fn watch<'t>(&'t self, command: &Command) -> CommandWatch<'t> {
        let watched = self.0.as_ref().filter(|_| command.flags.contains(Flags::ADMIN));
        CommandWatch(watched.map(|tracing| (tracing, command.name, Instant::now())))
    }

    /// Makes the span of a slow command, which has just ended.
    pub(crate) fn slow(&self, command: &Command, took: Duration) {
        // Those that administer are traced anyhow.
        if let Some(tracing) = &self.0
            && !command.flags.contains(Flags::ADMIN)
        {
            tracing.command(command.name, "slow", took, false);
        }
    }

    /// Exports what is left.
    pub(crate) fn stop(&self) {
        if let Some(Tracing { provider, .. }) = &self.0
            && let Err(error) = provider.shutdown()
        {
            log::warning!("The last spans are lost: {error}");
        }
    }
}

impl Tracing {
    /// Makes the span of a command that has ended. Its words may be secret, so that only its name is told.
    fn command(&self, name: &'static str, reason: &'static str, took: Duration, has_failed: bool) {
        let end = SystemTime::now();
        let name = name.to_ascii_uppercase();
        let attributes = [
            KeyValue::new("db.system.name", "redis"),
            KeyValue::new("db.operation.name", name.clone()),
            KeyValue::new("spinel.reason", reason),
        ];
        let builder = SpanBuilder::from_name(name).with_kind(SpanKind::Server).with_attributes(attributes);
        let start = end.checked_sub(took).unwrap_or(end);
        let mut span = builder.with_start_time(start).start_with_context(&self.tracer, &Context::new());
        if has_failed {
            span.set_status(Status::error("the command replied an error"));
        }
        span.end_with_timestamp(end);
    }
}

/// The span of a request that is being answered. Dropped, it ends without a status: the visitor has gone.
pub(crate) struct RequestSpan(Option<SdkSpan>);

impl RequestSpan {
    pub(crate) fn end(self, status: StatusCode) {
        let Some(mut span) = self.0 else { return };
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        if status.is_server_error() {
            span.set_status(Status::error(status.to_string()));
        }
        span.end();
    }
}

/// A command that administers the server and runs.
pub(crate) struct CommandWatch<'t>(Option<(&'t Tracing, &'static str, Instant)>);

impl CommandWatch<'_> {
    #[inline]
    pub(crate) fn end(self, has_failed: bool) {
        if let Some((tracing, name, begun)) = self.0 {
            tracing.command(name, "admin", begun.elapsed(), has_failed);
        }
    }
}
