//! What INFO tells, as metrics.

use super::exposition::{Exposition, Kind};
use super::fields::FIELDS;
use std::collections::HashMap;

/// The fields of INFO.
pub(super) struct Info<'t> {
    fields: HashMap<&'t str, &'t str>,
    /// The same in their order.
    lines: Vec<(&'t str, &'t str)>,
}

impl<'t> Info<'t> {
    /// Reads lines such as `name:value`.
    pub(super) fn read(text: &'t str) -> Info<'t> {
        let lines: Vec<_> = text.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
        Info { fields: lines.iter().copied().collect(), lines }
    }

    /// Adds all metrics.
    pub(super) fn write(&self, out: &mut Exposition) {
        self.instance(out);
        for field in FIELDS {
            if let Some(value) = self.fields.get(field.name).and_then(|text| number(text)) {
                out.family(field.metric, field.about, field.kind).sample(&[], value);
            }
        }
        self.databases(out);
        self.commands(out);
        self.latencies(out);
        self.cache_policies(out);
        let errors: Vec<_> = self
            .named("errorstat_")
            .filter_map(|(code, values)| Some((code, part(values, "count")?)))
            .collect();
        let mut family =
            out.family("redis_errors_total", "Errors that were replied, by code.", Kind::Counter);
        for (code, count) in errors {
            family.sample(&[("err", code)], count);
        }
    }

    fn field(&self, name: &str) -> &'t str {
        self.fields.get(name).copied().unwrap_or_default()
    }

    /// Fields whose names begin so, by the rest of their names.
    fn named(&self, start: &str) -> impl Iterator<Item = (&'t str, &'t str)> {
        self.lines.iter().filter_map(move |(name, values)| Some((name.strip_prefix(start)?, *values)))
    }

    /// Who this is.
    fn instance(&self, out: &mut Exposition) {
        let labels = [
            "role",
            "redis_version",
            "redis_build_id",
            "redis_mode",
            "os",
            "maxmemory_policy",
            "tcp_port",
            "run_id",
            "process_id",
            "master_replid",
        ];
        let labels = labels.map(|name| (name, self.field(name)));
        out.family("redis_instance_info", "What the server is.", Kind::Gauge).sample(&labels, 1);
        let seconds = |name| self.field(name).parse::<i64>().unwrap_or(0);
        let started = seconds("server_time_usec") / 1_000_000 - seconds("uptime_in_seconds");
        out.gauge("redis_start_time_seconds", "When the server started.", started);
    }

    /// All databases that have keys; database 0 always, as its dashboards expect a number.
    fn databases(&self, out: &mut Exposition) {
        let is_number = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        let mut databases: Vec<_> = self.named("db").filter(|(name, _)| is_number(name)).collect();
        if databases.first().is_none_or(|(name, _)| *name != "0") {
            databases.insert(0, ("0", "keys=0,expires=0,avg_ttl=0"));
        }
        for (metric, of, about) in [
            ("redis_db_keys", "keys", "Keys of a database."),
            ("redis_db_keys_expiring", "expires", "Keys of a database that expire."),
        ] {
            let mut family = out.family(metric, about, Kind::Gauge);
            for (number, values) in &databases {
                family.sample(&[("db", &format!("db{number}"))], part(values, of).unwrap_or(0.0));
            }
        }
        let about = "How long keys of a database that expire have left, on average.";
        let mut family = out.family("redis_db_avg_ttl_seconds", about, Kind::Gauge);
        for (number, values) in &databases {
            let seconds = part(values, "avg_ttl").unwrap_or(0.0) / 1000.0;
            family.sample(&[("db", &format!("db{number}"))], seconds);
        }
    }

    /// What became of the commands.
    fn commands(&self, out: &mut Exposition) {
        let commands: Vec<_> = self.named("cmdstat_").collect();
        for (metric, of, scale, about) in [
            ("redis_commands_total", "calls", 1.0, "Calls of a command."),
            ("redis_commands_duration_seconds_total", "usec", 1e6, "Time that a command took."),
            ("redis_commands_rejected_calls_total", "rejected_calls", 1.0, "Calls that did not run."),
            ("redis_commands_failed_calls_total", "failed_calls", 1.0, "Calls that replied an error."),
        ] {
            let mut family = out.family(metric, about, Kind::Counter);
            for (name, values) in &commands {
                family.sample(&[("cmd", name)], part(values, of).unwrap_or(0.0) / scale);
            }
        }
    }

    /// What was counted for each policy of the HTTP cache: there are samples for those that exist, and no others.
    fn cache_policies(&self, out: &mut Exposition) {
        let policies: Vec<_> = self.named("cache_policy_").collect();
        if policies.is_empty() {
            return;
        }
        for (of, about) in [
            ("hits", "Requests of a policy answered with what is stored and fresh."),
            ("stale", "Requests of a policy answered with what is stored and no longer fresh."),
            ("revalidated", "Requests of a policy for which the origin found good what is stored."),
            ("misses", "Requests of a policy answered with what the origin sent."),
            ("collapsed", "Requests of a policy that read what another one fetches."),
            ("bytes_saved", "Bytes of bodies sent from memory for a policy."),
            ("origin_requests", "Requests to origins for a policy."),
            ("origin_failures", "Requests to origins for a policy that came to nothing."),
            ("origin_milliseconds", "Milliseconds until answers of origins began for a policy."),
        ] {
            let metric = format!("spinel_cache_policy_{of}_total");
            let mut family = out.family(&metric, about, Kind::Counter);
            for (name, values) in &policies {
                family.sample(&[("policy", name)], part(values, of).unwrap_or(0.0));
            }
        }
    }

    /// A number of what became of a command.
    pub(super) fn command_part(&self, command: &str, of: &str) -> Option<f64> {
        part(self.fields.get(&*format!("cmdstat_{command}"))?, of)
    }

    /// How long commands took, as percentiles that the settings ask for.
    fn latencies(&self, out: &mut Exposition) {
        let about = "Microseconds that a command took, by percent of its calls.";
        let mut family = out.family("redis_latency_percentiles_usec", about, Kind::Summary);
        for (name, values) in self.named("latency_percentiles_usec_") {
            for (percent, value) in values.split(',').filter_map(|pair| pair.split_once('=')) {
                let labels = [("cmd", name), ("quantile", percent.trim_start_matches('p'))];
                if let Some(value) = number(value) {
                    family.sample(&labels, value);
                }
            }
            for (suffix, of) in [("_sum", "usec"), ("_count", "calls")] {
                family.suffixed(suffix, &[("cmd", name)], self.command_part(name, of).unwrap_or(0.0));
            }
        }
    }
}

/// A number, or whether something went well.
fn number(text: &str) -> Option<f64> {
    match text {
        "ok" => Some(1.0),
        "err" => Some(0.0),
        text => text.parse().ok(),
    }
}

/// A part of a value such as `calls=1,usec=2`.
fn part(values: &str, name: &str) -> Option<f64> {
    let pairs = values.split(',').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(found, _)| *found == name).and_then(|(_, value)| number(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_parts_become_labels() {
        let text = "# Stats\r\nexpired_keys:7\r\nrdb_last_bgsave_status:err\r\n\
            db3:keys=5,expires=2,avg_ttl=1500,subexpiry=0\r\n\
            cmdstat_get:calls=4,usec=8,usec_per_call=2.00,rejected_calls=1,failed_calls=0\r\n\
            latency_percentiles_usec_get:p50=1.003,p99.9=4.015\r\nerrorstat_ERR:count=9\r\n\
            cache_policy_shop:hits=3,stale=1,origin_milliseconds=40\r\n";
        let mut out = Exposition::default();
        Info::read(text).write(&mut out);
        let text = out.into_text();
        for sample in [
            "redis_expired_keys_total 7",
            "redis_rdb_last_bgsave_status 0",
            "redis_db_keys{db=\"db0\"} 0",
            "redis_db_keys{db=\"db3\"} 5",
            "redis_db_keys_expiring{db=\"db3\"} 2",
            "redis_db_avg_ttl_seconds{db=\"db3\"} 1.5",
            "redis_commands_total{cmd=\"get\"} 4",
            "redis_commands_duration_seconds_total{cmd=\"get\"} 0.000008",
            "redis_commands_rejected_calls_total{cmd=\"get\"} 1",
            "redis_latency_percentiles_usec{cmd=\"get\",quantile=\"99.9\"} 4.015",
            "redis_latency_percentiles_usec_count{cmd=\"get\"} 4",
            "redis_errors_total{err=\"ERR\"} 9",
            "spinel_cache_policy_hits_total{policy=\"shop\"} 3",
            "spinel_cache_policy_origin_milliseconds_total{policy=\"shop\"} 40",
        ] {
            assert!(text.lines().any(|line| line == sample), "{sample} is not in {text}");
        }
    }
}
