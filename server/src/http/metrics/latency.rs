//! What LATENCY tells, as metrics: events that took long, and how many calls of each command took how long.

use super::exposition::{Exposition, Kind};
use super::info::Info;
use spinel_resp::Value;

/// Adds what LATENCY LATEST tells, to whom it tells it.
pub(super) fn events(latest: Option<&Value>, out: &mut Exposition) {
    let Some(Value::Array(events)) = latest else { return };
    let events: Vec<_> = events.iter().filter_map(event).collect();
    let mut family =
        out.family("redis_latency_spike_last", "When an event took long last, in Unix time.", Kind::Gauge);
    for (name, time, _) in &events {
        family.sample(&[("event_name", name)], time);
    }
    let name = "redis_latency_spike_duration_seconds";
    let mut family = out.family(name, "How long an event took when it took long last.", Kind::Gauge);
    for (name, _, milliseconds) in &events {
        family.sample(&[("event_name", name)], *milliseconds as f64 / 1000.0);
    }
}

/// Its name, when it took long last, and how many milliseconds.
fn event(value: &Value) -> Option<(String, i64, i64)> {
    let Value::Array(parts) = value else { return None };
    let [Value::Bulk(name), Value::Integer(time), Value::Integer(milliseconds), ..] = &parts[..] else {
        return None;
    };
    Some((String::from_utf8_lossy(name).into_owned(), *time, *milliseconds))
}

/// Adds what LATENCY HISTOGRAM tells, to whom it tells it: microseconds, in buckets that double.
pub(super) fn histograms(told: Option<&Value>, info: &Info<'_>, out: &mut Exposition) {
    let Some(Value::Map(commands)) = told else { return };
    let about = "Microseconds that calls of a command took.";
    let mut family = out.family("redis_commands_latencies_usec", about, Kind::Histogram);
    for (name, about) in commands {
        let (Value::Bulk(name), Value::Map(about)) = (name, about) else { continue };
        let name = String::from_utf8_lossy(name);
        let named =
            |wanted: &[u8]| about.iter().find(|(name, _)| is_text(name, wanted)).map(|(_, value)| value);
        let (Some(Value::Integer(calls)), Some(Value::Map(buckets))) =
            (named(b"calls"), named(b"histogram_usec"))
        else {
            continue;
        };
        for (bound, count) in buckets {
            let (Value::Integer(bound), Value::Integer(count)) = (bound, count) else { continue };
            family.suffixed("_bucket", &[("cmd", &name), ("le", &bound.to_string())], count);
        }
        family.suffixed("_bucket", &[("cmd", &name), ("le", "+Inf")], calls);
        let sum = info.command_part(&name, "usec").unwrap_or(0.0);
        family.suffixed("_sum", &[("cmd", &name)], sum);
        family.suffixed("_count", &[("cmd", &name)], calls);
    }
}

fn is_text(value: &Value, wanted: &[u8]) -> bool {
    matches!(value, Value::Simple(text) | Value::Bulk(text) if text == wanted)
}
