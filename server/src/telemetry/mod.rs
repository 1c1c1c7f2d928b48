//! Traces for OpenTelemetry: spans of HTTP requests, of slow commands, and of commands that administer the server.
//!
//! Only programs that are built with the feature `otel` have them, and only where the environment names a collector, by the
//! variables that OpenTelemetry defines (`OTEL_EXPORTER_OTLP_ENDPOINT` and its kin). Without the feature, what others
//! call here does nothing and costs nothing.

#[cfg(feature = "otel")]
mod client;
#[cfg(feature = "otel")]
mod tracer;
#[cfg(feature = "otel")]
pub(crate) use tracer::Telemetry;

#[cfg(not(feature = "otel"))]
mod absent;
#[cfg(not(feature = "otel"))]
pub(crate) use absent::Telemetry;
