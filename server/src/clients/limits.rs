//! Limits that close connections: idle too long, replies not read.

use super::{Class, Client, Flag};
use crate::config::{Config, table};
use crate::log;
use crate::pubsub::HardLimits;
use crate::server::Shared;
use spinel_storage::UnixMillis;
use std::sync::atomic::Ordering;

/// How much the clients of a class may leave unread.
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
    pub(crate) fn of(config: &Config, class: Class) -> OutputLimits {
        let text = config.text(table::CLIENT_OUTPUT_BUFFER_LIMIT);
        OutputLimits::read(&String::from_utf8_lossy(&text), class)
    }

    fn read(text: &str, class: Class) -> OutputLimits {
        let name = match class {
            Class::Normal | Class::Primary => "normal",
            Class::Replica => "slave",
            Class::PubSub => "pubsub",
        };
        let mut words = text.split(' ').skip_while(|word| *word != name).skip(1);
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

/// Tells those who put messages into mailboxes how many may lie there.
pub(crate) fn apply_hard_limits(config: &Config, limits: &HardLimits) {
    limits.normal.store(OutputLimits::of(config, Class::Normal).hard_bytes, Ordering::Relaxed);
    limits.subscriber.store(OutputLimits::of(config, Class::PubSub).hard_bytes, Ordering::Relaxed);
}

/// Ends connections that have been idle or above the soft limit for too long, or whose token has expired. Called once a second.
pub(crate) fn enforce(shared: &Shared, now: UnixMillis) {
    let timeout_ms = shared.config.number(table::TIMEOUT) * 1000;
    let normal = OutputLimits::of(&shared.config, Class::Normal);
    let subscriber = OutputLimits::of(&shared.config, Class::PubSub);
    let has_subscribers = subscriber.soft_bytes > 0 && shared.pubsub.clients() > 0;
    let has_passes = shared.tokens.are_used();
    if timeout_ms == 0 && normal.soft_bytes == 0 && !has_subscribers && !has_passes {
        return;
    }
    for client in shared.clients.all() {
        if client.has(Flag::Replica) || client.has(Flag::Primary) {
            // How much of the stream is lacking is known elsewhere.
            continue;
        }
        let waits = [Flag::Held, Flag::Away, Flag::Monitor].into_iter().any(|flag| client.has(flag))
            || client.class() == Class::PubSub;
        let limits = if client.class() == Class::PubSub { subscriber } else { normal };
        let is_idle = now.0 - client.active().0 > timeout_ms && !waits;
        if timeout_ms > 0 && is_idle {
            log::verbose!(id = client.id, addr = %client.peer.address, "Closing idle client:");
            shared.clients.kill(&client, &shared.engine);
        } else if has_passes && client.has_pass(|pass| pass.until <= now) {
            let (id, address) = (client.id, &client.peer.address);
            log::verbose!("Closing client whose token has expired: id={id} addr={address}");
            shared.clients.kill(&client, &shared.engine);
        } else if is_over_soft_for_too_long(&client, limits, now) {
            shared.clients.over_output_limit.fetch_add(1, Ordering::Relaxed);
            log::warning!(
                "Client id={} addr={} scheduled to be closed ASAP for overcoming of output buffer limits.",
                client.id,
                client.peer.address
            );
            shared.clients.kill(&client, &shared.engine);
        }
    }
}

fn is_over_soft_for_too_long(client: &Client, limits: OutputLimits, now: UnixMillis) -> bool {
    limits.are_exceeded_for_too_long(client, client.output_bytes(), now)
}

impl OutputLimits {
    /// Whether a client must go that has so many bytes to read.
    pub(crate) fn are_broken_by(self, client: &Client, bytes: usize, now: UnixMillis) -> bool {
        self.is_over_hard(bytes) || self.are_exceeded_for_too_long(client, bytes, now)
    }

    fn are_exceeded_for_too_long(self, client: &Client, bytes: usize, now: UnixMillis) -> bool {
        if !self.is_over_soft(bytes) {
            client.over_soft_limit.store(0, Ordering::Relaxed);
            return false;
        }
        match client.over_soft_limit.load(Ordering::Relaxed) {
            0 => {
                client.over_soft_limit.store(now.0, Ordering::Relaxed);
                false
            }
            since => now.0 - since > self.soft_seconds * 1000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::Peer;

    #[test]
    fn each_class_has_its_limits() {
        let text = "normal 100 50 7 slave 1 2 3 pubsub 4 5 6";
        let limits = OutputLimits::read(text, Class::Normal);
        assert_eq!(limits, OutputLimits { hard_bytes: 100, soft_bytes: 50, soft_seconds: 7 });
        assert_eq!(OutputLimits::read(text, Class::PubSub).hard_bytes, 4);
        assert!(limits.is_over_hard(100) && !limits.is_over_hard(99));
        assert!(!OutputLimits::default().is_over_hard(usize::MAX));
    }

    #[test]
    fn the_soft_limit_gives_time() {
        let peer = Peer { address: "a:1".into(), local: "b:2".into(), descriptor: 3, worker: 0 };
        let client = Client::new(1, peer, crate::acl::Account::for_tests(b"default"), UnixMillis(0));
        let limits = OutputLimits::read("normal 0 50 2", Class::Normal);
        let is_over = |bytes, now| {
            client.unsent_bytes.store(bytes, Ordering::Relaxed);
            is_over_soft_for_too_long(&client, limits, UnixMillis(now))
        };
        assert!(!is_over(50, 1000) && !is_over(50, 3000) && is_over(50, 3001));
        assert!(!is_over(49, 4000) && !is_over(50, 5000) && !is_over(50, 7000) && is_over(50, 7001));
    }
}
