//! Limits that close connections: idle too long, replies not read.

use super::{Client, Flag};
use crate::config::{Config, table};
use crate::log;
use crate::server::Shared;
use spinel_storage::UnixMillis;
use std::sync::atomic::Ordering;

/// How much a normal client may leave unread.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct OutputLimits {
    /// Bytes that close the connection at once; 0: any number.
    hard_bytes: usize,
    /// Bytes that close it after some seconds; 0: any number.
    soft_bytes: usize,
    soft_seconds: i64,
}

impl OutputLimits {
    /// Reads `client-output-buffer-limit`: classes of clients with three numbers each.
    pub(crate) fn of(config: &Config) -> OutputLimits {
        let text = config.text(table::CLIENT_OUTPUT_BUFFER_LIMIT);
        OutputLimits::read(&String::from_utf8_lossy(&text))
    }

    fn read(text: &str) -> OutputLimits {
        let mut words = text.split(' ').skip_while(|word| *word != "normal").skip(1);
        let mut number = || words.next().and_then(|word| word.parse::<usize>().ok()).unwrap_or(0);
        OutputLimits { hard_bytes: number(), soft_bytes: number(), soft_seconds: number() as i64 }
    }

    /// Whether so many bytes close the connection at once.
    pub(crate) fn is_over_hard(self, bytes: usize) -> bool {
        self.hard_bytes > 0 && bytes >= self.hard_bytes
    }

    fn is_over_soft(self, bytes: usize) -> bool {
        self.soft_bytes > 0 && bytes >= self.soft_bytes
    }
}

/// Ends connections that have been idle or above the soft limit for too long. Called once a second.
pub(crate) fn enforce(shared: &Shared, now: UnixMillis) {
    let timeout_ms = shared.config.number(table::TIMEOUT) * 1000;
    let limits = OutputLimits::of(&shared.config);
    if timeout_ms == 0 && limits.soft_bytes == 0 {
        return;
    }
    for client in shared.clients.all() {
        let is_idle = now.0 - client.active().0 > timeout_ms && !client.has(Flag::Held);
        if timeout_ms > 0 && is_idle {
            log::verbose(&format!("Closing idle client: id={} addr={}", client.id, client.peer.address));
            client.kill();
        } else if is_over_soft_for_too_long(&client, limits, now) {
            shared.clients.over_output_limit.fetch_add(1, Ordering::Relaxed);
            log::warning(&format!(
                "Client id={} addr={} scheduled to be closed ASAP for overcoming of output buffer limits.",
                client.id, client.peer.address
            ));
            client.kill();
        }
    }
}

fn is_over_soft_for_too_long(client: &Client, limits: OutputLimits, now: UnixMillis) -> bool {
    if !limits.is_over_soft(client.unsent_bytes.load(Ordering::Relaxed)) {
        client.over_soft_limit.store(0, Ordering::Relaxed);
        return false;
    }
    match client.over_soft_limit.load(Ordering::Relaxed) {
        0 => {
            client.over_soft_limit.store(now.0, Ordering::Relaxed);
            false
        }
        since => now.0 - since > limits.soft_seconds * 1000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::Peer;

    #[test]
    fn limits_of_normal_clients_are_read() {
        let limits = OutputLimits::read("normal 100 50 7 slave 1 2 3 pubsub 4 5 6");
        assert_eq!(limits, OutputLimits { hard_bytes: 100, soft_bytes: 50, soft_seconds: 7 });
        assert!(limits.is_over_hard(100) && !limits.is_over_hard(99));
        assert!(!OutputLimits::default().is_over_hard(usize::MAX));
    }

    #[test]
    fn the_soft_limit_gives_time() {
        let peer = Peer { address: "a:1".into(), local: "b:2".into(), descriptor: 3, worker: 0 };
        let client = Client::new(1, peer, UnixMillis(0));
        let limits = OutputLimits::read("normal 0 50 2");
        let is_over = |bytes, now| {
            client.unsent_bytes.store(bytes, Ordering::Relaxed);
            is_over_soft_for_too_long(&client, limits, UnixMillis(now))
        };
        assert!(!is_over(50, 1000) && !is_over(50, 3000) && is_over(50, 3001));
        assert!(!is_over(49, 4000) && !is_over(50, 5000) && !is_over(50, 7000) && is_over(50, 7001));
    }
}
