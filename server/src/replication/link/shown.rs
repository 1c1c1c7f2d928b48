//! What is told of the primary: `ROLE` and `INFO replication`.

use super::Upstream;
use super::thread::now_ms;
use crate::config::table;
use crate::info::Text;
use crate::server::Shared;
use spinel_replication::LinkStatus;
use spinel_resp::ReplyWriter;

/// Writes the reply to `ROLE` of a server that copies another; whether it is one.
pub(crate) fn role(upstream: &Upstream, reply: &mut ReplyWriter) -> bool {
    let state = upstream.state();
    let Some(primary) = &state.primary else { return false };
    let status = match state.progress.status {
        LinkStatus::Connect => "connect",
        LinkStatus::Connecting => "connecting",
        LinkStatus::Handshake => "handshake",
        LinkStatus::Sync => "sync",
        LinkStatus::Connected => "connected",
    };
    reply.array(5);
    reply.bulk(b"slave");
    reply.bulk(primary.host.as_bytes());
    reply.integer(i64::from(primary.port));
    reply.bulk(status.as_bytes());
    reply.integer(state.progress.position.map_or(-1, |position| position.offset as i64));
    true
}

/// Writes what a server that copies another has in `INFO replication` before all others have; whether it is one.
pub(crate) fn info(shared: &Shared, text: &mut Text) -> bool {
    let (upstream, config) = (&shared.upstream, &shared.config);
    let state = upstream.state();
    let (Some(primary), progress, now) = (&state.primary, state.progress, now_ms()) else { return false };
    let seconds_since = |at: Option<u64>| at.map_or(-1, |at| (now.saturating_sub(at) / 1000) as i64);
    let is_up = progress.status == LinkStatus::Connected;
    let is_syncing = progress.status == LinkStatus::Sync;
    let offset = progress.position.map_or(0, |position| position.offset);
    text.line("role", "slave");
    text.line("master_host", &primary.host);
    text.line("master_port", primary.port);
    text.line("master_link_status", if is_up { "up" } else { "down" });
    if let Some(name) = &state.poison {
        text.line("master_poisoned", name);
    }
    text.line("master_last_io_seconds_ago", if is_up { seconds_since(progress.heard_ms) } else { -1 });
    text.line("master_sync_in_progress", u8::from(is_syncing));
    text.line("slave_read_repl_offset", offset);
    text.line("slave_repl_offset", offset);
    text.line("replica_full_sync_buffer_size", 0);
    text.line("replica_full_sync_buffer_peak", 0);
    if is_syncing {
        let (total, read) = progress.snapshot_bytes;
        let percent = if total > 0 { read as f64 * 100.0 / total as f64 } else { 0.0 };
        text.line("master_sync_total_bytes", total);
        text.line("master_sync_read_bytes", read);
        text.line("master_sync_left_bytes", total - read);
        text.line("master_sync_perc", format_args!("{percent:.2}"));
        text.line("master_sync_last_io_seconds_ago", seconds_since(progress.heard_ms));
    }
    if !is_up {
        text.line("master_link_down_since_seconds", seconds_since(progress.down_since_ms));
    }
    text.line("slave_priority", config.number(table::REPLICA_PRIORITY));
    text.line("slave_read_only", config.number(table::REPLICA_READ_ONLY));
    text.line("replica_announced", config.number(table::REPLICA_ANNOUNCED));
    true
}
