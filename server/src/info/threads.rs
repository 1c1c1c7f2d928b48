//! The threads that serve connections: each reads, runs and replies by itself.

use super::Text;
use crate::config::table;
use crate::server::Shared;

pub(super) fn threads(shared: &Shared, text: &mut Text) {
    let clients = shared.clients.all();
    // Behind the workers stands who serves HTTP.
    let workers = shared.config.number(table::IO_THREADS) as usize;
    for (number, worker) in shared.statistics.iter().enumerate().take(workers) {
        let served = clients.iter().filter(|client| client.peer.worker == number).count();
        let (reads, writes) = (worker.reads.value(), worker.writes.value());
        text.line(
            format_args!("io_thread_{number}"),
            format_args!("clients={served},reads={reads},writes={writes}"),
        );
    }
}
