//! What commands were called, how long they took and how they failed.

use super::Text;
use crate::config::table;
use crate::server::Shared;
use crate::statistics;
use spinel_storage::command::table::CommandId;
use std::collections::BTreeMap;

pub(super) fn commands(shared: &Shared, text: &mut Text) {
    let source = (&shared.statistics[..], shared.engine.table());
    for id in statistics::shown(source.1) {
        let sum = |of| statistics::sum_of(source, id, of);
        let (calls, rejected, failed) =
            (sum(|command| &command.calls), sum(|command| &command.rejected), sum(|command| &command.failed));
        if calls + rejected + failed == 0 {
            continue;
        }
        let microseconds = sum(|command| &command.nanoseconds) / 1000;
        let each = if calls == 0 { 0.0 } else { microseconds as f64 / calls as f64 };
        text.line(
            format_args!("cmdstat_{}", name(shared, id)),
            format_args!(
                "calls={calls},usec={microseconds},usec_per_call={each:.2},rejected_calls={rejected},\
                 failed_calls={failed}"
            ),
        );
    }
}

pub(super) fn errors(shared: &Shared, text: &mut Text) {
    let mut sums = BTreeMap::<String, u64>::new();
    for worker in &shared.statistics {
        for (code, count) in worker.errors().iter() {
            *sums.entry(code.clone()).or_default() += count;
        }
    }
    for (code, count) in sums {
        text.line(format_args!("errorstat_{code}"), format_args!("count={count}"));
    }
}

pub(super) fn latencies(shared: &Shared, text: &mut Text) {
    let percentiles = shared.config.text(table::LATENCY_TRACKING_INFO_PERCENTILES);
    let percentiles = String::from_utf8_lossy(&percentiles).into_owned();
    let percentiles: Vec<f64> =
        percentiles.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect();
    if !shared.config.is_on(table::LATENCY_TRACKING) || percentiles.is_empty() {
        return;
    }
    let source = (&shared.statistics[..], shared.engine.table());
    for id in statistics::shown(source.1) {
        let latencies = statistics::durations_of(source, id);
        if !latencies.is_empty() {
            let values: Vec<String> = percentiles
                .iter()
                .map(|percent| format!("p{percent}={:.3}", latencies.percentile(*percent) as f64 / 1000.0))
                .collect();
            let name = format!("latency_percentiles_usec_{}", name(shared, id));
            text.line(name, values.join(","));
        }
    }
}

fn name(shared: &Shared, id: CommandId) -> &'static str {
    shared.engine.table().row(id).command.name
}
