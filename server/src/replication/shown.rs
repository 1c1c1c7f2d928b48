//! What INFO and ROLE show.

use super::{link, now_ms};
use crate::info::Text;
use crate::server::Shared;
use spinel_replication::{Phase, Replica, Spool};
use spinel_resp::ReplyWriter;
use std::sync::atomic::Ordering;

/// How a phase is called.
fn state(replica: &Replica) -> &'static str {
    match replica.phase {
        Phase::Waiting => "wait_bgsave",
        Phase::Receiving | Phase::Loading => "send_bulk",
        Phase::Online => "online",
    }
}

/// The section `replication`.
pub(crate) fn info(shared: &Shared, lines: &mut Text) {
    if !link::info(shared, lines) {
        lines.line("role", "master");
    }
    let failover = shared.replication.failover.state();
    let (mut state, now) = (shared.replication.state(), now_ms());
    state.advance();
    lines.line("connected_slaves", state.seats.len());
    for (number, (key, replica)) in state.primary.replicas().enumerate() {
        let Some(seat) = state.seats.get(&key) else { continue };
        lines.line(
            format_args!("slave{number}"),
            format_args!(
                "ip={},port={},state={},offset={},lag={}",
                String::from_utf8_lossy(&seat.address()),
                seat.introduction.port,
                self::state(replica),
                replica.acknowledged,
                now.saturating_sub(replica.heard_ms) / 1000
            ),
        );
    }
    let (primary, history) = (&state.primary, state.primary.history());
    lines.line("master_failover_state", failover);
    lines.line("master_replid", history.id());
    match history.previous() {
        Some(previous) => lines.line("master_replid2", previous.id),
        None => lines.line("master_replid2", "0".repeat(40)),
    }
    lines.line("master_repl_offset", primary.offset());
    // Bytes are numbered from 1 here: the first that has not the old name.
    let second = history.previous().map_or(-1, |previous| previous.end as i64 + 1);
    lines.line("second_repl_offset", second);
    let backlog = primary.backlog();
    lines.line("repl_backlog_active", u8::from(backlog.is_some()));
    lines.line("repl_backlog_size", primary.backlog_bytes());
    lines.line("repl_backlog_first_byte_offset", backlog.map_or(0, |backlog| backlog.start() + 1));
    lines.line("repl_backlog_histlen", backlog.map_or(0, |backlog| backlog.end() - backlog.start()));
    lines.line("repl_backlog_disk_bytes", backlog.map_or(0, Spool::disk_bytes));
    lines.line("write_quorum_good_replicas", shared.replication.good().in_memory);
    lines.line("write_quorum_good_logs", shared.replication.good().on_disk);
    lines.line("write_quorum_waiting", state.pledges.len());
    lines.line("write_quorum_failed", shared.replication.broken_promises.load(Ordering::Relaxed));
}

/// What ROLE replies.
pub(crate) fn role(shared: &Shared, reply: &mut ReplyWriter) {
    if link::role(&shared.upstream, reply) {
        return;
    }
    let mut state = shared.replication.state();
    state.advance();
    let online = |replica: &Replica| replica.phase == Phase::Online;
    let replicas: Vec<_> = state.primary.replicas().filter(|(_, replica)| online(replica)).collect();
    reply.array(3);
    reply.bulk(b"master");
    reply.integer(state.primary.offset() as i64);
    reply.array(replicas.len());
    for (key, replica) in replicas {
        reply.array(3);
        let seat = &state.seats[&key];
        reply.bulk(&seat.address());
        reply.bulk(seat.introduction.port.to_string().as_bytes());
        reply.bulk(replica.acknowledged.to_string().as_bytes());
    }
}
