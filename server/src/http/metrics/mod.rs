//! `/metrics`: what Prometheus reads, under the names, types and labels of `redis_exporter`, so that dashboards and alert
//! rules made for it work unchanged; and under `spinel_` what only this server has.
//!
//! All of it is what `INFO` tells, asked as any client asks: one home for each fact, and the rights of the one who asks.

mod exposition;
mod fields;
mod info;
mod latency;

use super::answer::{Problem, answer};
use super::call::{Call, Pending};
use super::line::Commands;
use super::visitor::{Counts, Visitor};
use axum::http::StatusCode;
use exposition::{Exposition, Kind};
use info::Info;
use spinel_resp::Value;
use std::time::Instant;

const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers with all metrics.
pub(super) fn scrape(call: &mut Call) -> Pending<'_> {
    Box::pin(async move {
        let begun = Instant::now();
        call.visitor.house.counts.scrapes.update(|scrapes| scrapes + 1);
        let mut commands = Commands::one(&["INFO", "everything"]);
        commands.add(&["SLOWLOG", "LEN"]);
        commands.add(&["SLOWLOG", "GET", "1"]);
        commands.add(&["LATENCY", "LATEST"]);
        commands.add(&["LATENCY", "HISTOGRAM"]);
        let mut replies = call.ask_all(&commands).await?.into_iter();
        let mut out = Exposition::default();
        let outcome = match replies.next() {
            Some(Value::Verbatim { text, .. } | Value::Bulk(text)) => Ok(text),
            Some(Value::Error(text)) => Err(text),
            _ => Err(b"ERR no reply".to_vec()),
        };
        let error = match outcome {
            Ok(text) => {
                let text = String::from_utf8_lossy(&text);
                let info = Info::read(&text);
                info.write(&mut out);
                latency::histograms(replies.as_slice().get(3), &info, &mut out);
                String::new()
            }
            Err(text) if text.starts_with(b"NOPERM") => return Err(Problem::of_error(&text)),
            Err(text) => String::from_utf8_lossy(&text).into_owned(),
        };
        slow_commands(replies.as_slice(), &mut out);
        latency::events(replies.as_slice().get(2), &mut out);
        own(&call.visitor, &mut out);
        about_scrape(&error, begun, &call.visitor.house.counts, &mut out);
        Ok(answer(StatusCode::OK, FORMAT, out.into_text()))
    })
}

/// What SLOWLOG tells, to whom it tells it: how many entries there are, and the newest.
fn slow_commands(replies: &[Value], out: &mut Exposition) {
    /// Where an entry has its id, and the time it took.
    const ID: usize = 0;
    const MICROSECONDS: usize = 2;
    if let Some(Value::Integer(length)) = replies.first() {
        out.gauge("redis_slowlog_length", "Entries of the slow log.", length);
    }
    let Some(Value::Array(entries)) = replies.get(1) else { return };
    let number = |place: usize| match entries.first() {
        Some(Value::Array(parts)) => match parts.get(place) {
            Some(Value::Integer(number)) => *number,
            _ => 0,
        },
        _ => 0,
    };
    out.gauge("redis_slowlog_last_id", "The newest entry of the slow log.", number(ID));
    let seconds = number(MICROSECONDS) as f64 / 1e6;
    let name = "redis_last_slow_execution_duration_seconds";
    out.gauge(name, "How long the command of the newest entry of the slow log took.", seconds);
}

/// What only this server has.
fn own(visitor: &Visitor, out: &mut Exposition) {
    let counts = &visitor.house.counts;
    let labels = [("version", env!("CARGO_PKG_VERSION"))];
    out.family("spinel_build_info", "The version of the server.", Kind::Gauge).sample(&labels, 1);
    let open = counts.connections.get();
    out.gauge("spinel_http_connections", "HTTP connections that are open.", open);
    let requests = counts.requests.get();
    out.counter("spinel_http_requests_total", "HTTP requests.", requests);
}

/// What the exporter tells about itself.
fn about_scrape(error: &str, begun: Instant, counts: &Counts, out: &mut Exposition) {
    let is_up = error.is_empty();
    out.gauge("redis_up", "Whether the server tells about itself.", u8::from(is_up));
    out.family("redis_exporter_last_scrape_error", "Whether this scrape failed, and why.", Kind::Gauge)
        .sample(&[("err", error)], u8::from(!is_up));
    let scrapes = counts.scrapes.get();
    out.counter("redis_exporter_scrapes_total", "How often metrics were asked for.", scrapes);
    out.family("redis_exporter_build_info", "What made these metrics.", Kind::Gauge).sample(
        &[
            ("version", env!("CARGO_PKG_VERSION")),
            ("commit_sha", option_env!("SPINEL_COMMIT").unwrap_or("")),
            ("build_date", ""),
            ("golang_version", ""),
        ],
        1,
    );
    let name = "redis_exporter_last_scrape_connect_time_seconds";
    out.gauge(name, "How long it took to reach the server, which is in this program.", 0);
    let took = begun.elapsed().as_secs_f64();
    out.gauge("redis_exporter_last_scrape_duration_seconds", "How long this scrape took.", took);
}
