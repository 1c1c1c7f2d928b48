//! Metrics: what dashboards and alert rules made for `redis_exporter` ask for is there, in the format of Prometheus.

use super::{Http, start};
use crate::saving::call;
use spinel_tests::{Client, programs};
use std::collections::{HashMap, HashSet};
use std::fs;

/// What the dashboard 763 of Grafana and the overview and alert rules of the exporter's mixin query. The ratio of
/// fragmentation is made by a rule of the mixin, and what replicas tell about their primary only replicas have.
const QUERIED: &[&str] = &[
    "redis_up",
    "redis_uptime_in_seconds",
    "redis_connected_clients",
    "redis_blocked_clients",
    "redis_memory_used_bytes",
    "redis_memory_max_bytes",
    "redis_memory_used_rss_bytes",
    "redis_total_system_memory_bytes",
    "redis_commands_processed_total",
    "redis_commands_total",
    "redis_commands_duration_seconds_total",
    "redis_keyspace_hits_total",
    "redis_keyspace_misses_total",
    "redis_net_input_bytes_total",
    "redis_net_output_bytes_total",
    "redis_db_keys",
    "redis_db_keys_expiring",
    "redis_db_avg_ttl_seconds",
    "redis_expired_keys_total",
    "redis_evicted_keys_total",
    "redis_connected_slaves",
    "redis_instance_info",
    "redis_start_time_seconds",
    "redis_rejected_connections_total",
    "redis_rdb_last_save_timestamp_seconds",
    "redis_rdb_last_bgsave_status",
    "redis_rdb_changes_since_last_save",
    "redis_aof_enabled",
    "redis_aof_last_write_status",
    "redis_slowlog_length",
    "redis_config_maxclients",
    "redis_config_maxmemory",
    "redis_mem_fragmentation_ratio",
    "redis_cpu_sys_seconds_total",
    "redis_cpu_user_seconds_total",
    "redis_errors_total",
    "redis_latency_percentiles_usec",
    "redis_latency_percentiles_usec_sum",
    "redis_latency_percentiles_usec_count",
    "redis_commands_latencies_usec_bucket",
    "redis_commands_latencies_usec_sum",
    "redis_commands_latencies_usec_count",
    "redis_slowlog_last_id",
    "redis_last_slow_execution_duration_seconds",
    "redis_exporter_last_scrape_error",
    "redis_exporter_scrapes_total",
];

/// A scrape, taken apart: the types of families, and samples by their name with labels.
struct Scrape {
    types: HashMap<String, String>,
    samples: HashMap<String, f64>,
}

/// Reads a scrape, and checks that it keeps to the format: each family is typed once and before its samples.
fn scrape(http: &mut Http) -> Scrape {
    let answer = http.get("/metrics");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let mut scrape = Scrape { types: HashMap::new(), samples: HashMap::new() };
    assert!(answer.text().ends_with('\n'));
    for line in answer.text().lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type follows the name");
            assert!(scrape.types.insert(name.into(), kind.into()).is_none(), "{name} stands twice");
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').expect("a value follows the name");
            let family = name.split('{').next().expect("there is a first part");
            let base = ["_sum", "_count", "_bucket"]
                .iter()
                .fold(family, |name, end| name.strip_suffix(end).unwrap_or(name));
            assert!(scrape.types.contains_key(base) || scrape.types.contains_key(family), "{line}");
            let value = value.parse().expect("it is a number");
            assert!(scrape.samples.insert(name.into(), value).is_none(), "{name} stands twice");
        }
    }
    scrape
}

/// The names of metrics in a text.
fn metrics_in(text: &str) -> HashSet<&str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("redis_") || word.starts_with("spinel_")).collect()
}

#[test]
fn what_dashboards_and_alerts_query_is_there() {
    let (server, port) = start(&["--maxmemory", "1gb", "--appendonly", "yes"]);
    let mut client = Client::connect(server.port());
    call(&mut client, "SET k v EX 1000");
    call(&mut client, "GET k");
    call(&mut client, "GET nothing");
    call(&mut client, "LPUSH k v");
    client.call(["SELECT", "3"]);
    call(&mut client, "SET k v");
    let mut http = Http::connect(port);
    let first = scrape(&mut http);
    let names: HashSet<&str> =
        first.samples.keys().map(|name| name.split('{').next().expect("there is a first part")).collect();
    let missing: Vec<_> = QUERIED.iter().filter(|name| !names.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");

    for (sample, value) in [
        ("redis_up", 1.0),
        ("redis_connected_clients", 2.0),
        ("redis_keyspace_hits_total", 1.0),
        ("redis_keyspace_misses_total", 1.0),
        ("redis_memory_max_bytes", f64::from(1 << 30)),
        ("redis_db_keys{db=\"db0\"}", 1.0),
        ("redis_db_keys_expiring{db=\"db0\"}", 1.0),
        ("redis_db_keys{db=\"db3\"}", 1.0),
        ("redis_commands_total{cmd=\"get\"}", 2.0),
        ("redis_commands_failed_calls_total{cmd=\"lpush\"}", 1.0),
        ("redis_errors_total{err=\"WRONGTYPE\"}", 1.0),
        ("redis_latency_percentiles_usec_count{cmd=\"get\"}", 2.0),
        ("redis_commands_latencies_usec_bucket{cmd=\"get\",le=\"+Inf\"}", 2.0),
        ("redis_exporter_last_scrape_error{err=\"\"}", 0.0),
        ("redis_exporter_scrapes_total", 1.0),
        ("spinel_http_connections", 1.0),
    ] {
        assert_eq!(first.samples.get(sample), Some(&value), "{sample}");
    }
    assert!(first.samples.contains_key("redis_latency_percentiles_usec{cmd=\"get\",quantile=\"99.9\"}"));
    let ttl = first.samples["redis_db_avg_ttl_seconds{db=\"db0\"}"];
    assert!(ttl > 900.0 && ttl <= 1000.0, "{ttl}");
    for (family, kind) in [
        ("redis_memory_used_bytes", "gauge"),
        ("redis_commands_total", "counter"),
        ("redis_latency_percentiles_usec", "summary"),
    ] {
        assert_eq!(first.types[family], kind, "{family}");
    }

    for file in ["dashboard.json", "alerts.yaml"] {
        let text = fs::read_to_string(programs::workspace().join("packaging/monitoring").join(file));
        let text = text.expect("it is there");
        let queried = metrics_in(&text);
        assert!(queried.len() > 15, "{file} queries {queried:?}");
        let missing: Vec<_> = queried.iter().filter(|name| !names.contains(**name)).collect();
        assert!(missing.is_empty(), "{file}: {missing:?}");
    }

    // Counters count on.
    call(&mut client, "GET k");
    let second = scrape(&mut http);
    for (sample, value) in [("redis_commands_total{cmd=\"get\"}", 3.0), ("redis_exporter_scrapes_total", 2.0)]
    {
        assert_eq!(second.samples.get(sample), Some(&value), "{sample}");
    }
}
