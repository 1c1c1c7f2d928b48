//! What is on disk, and what is being written.

use super::Text;
use crate::config::table;
use crate::persistence::{Activity, Kind, Loading, Work};
use crate::server::{Shared, now};

pub(super) fn persistence(shared: &Shared, text: &mut Text) {
    let persistence = &shared.persistence;
    let activity = persistence.activity();
    let loading = persistence.any_loading();
    let is_beside = loading.is_some_and(|loading| loading.is_beside);
    text.line("loading", u8::from(loading.is_some() && !is_beside));
    text.line("async_loading", u8::from(is_beside));
    progress(shared, activity, text);
    saves(shared, activity, text);
    let loaded = persistence.loaded();
    log(shared, activity, text);
    text.line("rdb_last_load_keys_expired", loaded.expired);
    text.line("rdb_last_load_keys_loaded", loaded.keys);
    text.lines(&["module_fork_in_progress", "module_fork_last_cow_size"], 0);
    if let Some(loading) = loading {
        load(&loading, text);
    }
}

/// How far the load is that runs.
fn load(loading: &Loading, text: &mut Text) {
    text.line("loading_start_time", loading.since.0 / 1000);
    text.line("loading_total_bytes", loading.total_bytes);
    text.line("loading_rdb_used_mem", loading.used_bytes);
    text.line("loading_loaded_bytes", loading.bytes);
    text.line("loading_loaded_perc", format_args!("{:.2}", loading.percent()));
    text.line("loading_eta_seconds", loading.rest_seconds(now()));
}

/// How far the walk over the data set is. Instead of copies of pages there are copies of values.
fn progress(shared: &Shared, activity: Option<Activity>, text: &mut Text) {
    let (kept, kept_peak) = if activity.is_some() { shared.engine.snapshot_bytes() } else { (0, 0) };
    let of = |what: fn(&Activity) -> u64| activity.as_ref().map_or(0, what);
    let (done, all) = (of(|activity| activity.keys_done), of(|activity| activity.keys));
    text.line("current_cow_peak", kept_peak);
    text.line("current_cow_size", kept);
    text.line("current_cow_size_age", 0);
    text.line("current_fork_perc", format!("{:.2}", done as f64 * 100.0 / all.max(1) as f64));
    text.line("current_save_keys_processed", done);
    text.line("current_save_keys_total", all);
}

fn saves(shared: &Shared, activity: Option<Activity>, text: &mut Text) {
    let saves = shared.persistence.saves();
    text.line("rdb_changes_since_last_save", shared.engine.counters().changes.saturating_sub(saves.changes));
    text.line("rdb_bgsave_in_progress", u8::from(is_running(activity, Work::Save)));
    text.line("rdb_last_save_time", saves.last.0 / 1000);
    text.line("rdb_last_bgsave_status", status(saves.is_ok));
    text.line("rdb_last_bgsave_time_sec", saves.took.map_or(-1, |millis| millis / 1000));
    text.line("rdb_current_bgsave_time_sec", running_seconds(activity, Work::Save));
    text.line("rdb_saves", saves.count);
    text.line("rdb_last_cow_size", saves.kept_bytes);
}

fn log(shared: &Shared, activity: Option<Activity>, text: &mut Text) {
    let log = &shared.persistence.log;
    let (rewrites, is_on) = (shared.persistence.rewrites(), shared.config.is_on(table::APPENDONLY));
    text.line("aof_enabled", u8::from(is_on));
    text.line("aof_rewrite_in_progress", u8::from(is_running(activity, Work::Rewrite)));
    text.line("aof_rewrite_scheduled", u8::from(shared.persistence.is_scheduled(Kind::Rewrite)));
    text.line("aof_last_rewrite_time_sec", rewrites.took.map_or(-1, |millis| millis / 1000));
    text.line("aof_current_rewrite_time_sec", running_seconds(activity, Work::Rewrite));
    text.line("aof_last_bgrewrite_status", status(rewrites.is_ok));
    text.line("aof_rewrites", rewrites.count);
    text.line("aof_rewrites_consecutive_failures", rewrites.failures_in_a_row);
    let failure = log.failure();
    text.line("aof_last_write_status", status(failure.is_none()));
    if let Some(failure) = failure {
        text.line("aof_last_write_error", failure);
    }
    text.line("aof_last_cow_size", rewrites.kept_bytes);
    if is_on {
        let sizes = log.sizes();
        text.line("aof_current_size", sizes.current);
        text.line("aof_base_size", sizes.base);
        text.line("aof_pending_rewrite", 0);
        text.line("aof_buffer_length", log.backlog());
        text.lines(&["aof_pending_bio_fsync", "aof_delayed_fsync"], 0);
    }
}

fn is_running(activity: Option<Activity>, work: Work) -> bool {
    activity.is_some_and(|activity| activity.work == work)
}

fn running_seconds(activity: Option<Activity>, work: Work) -> i64 {
    let running = activity.filter(|activity| activity.work == work);
    running.map_or(-1, |activity| (now().0 - activity.since.0) / 1000)
}

fn status(is_ok: bool) -> &'static str {
    if is_ok { "ok" } else { "err" }
}
