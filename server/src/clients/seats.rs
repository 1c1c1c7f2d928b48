//! How many connections there may be, by where one comes from: whoever looks after the server gets in when it is full.
//!
//! ```text
//! 0 ──────────────────────── maxclients - kept ── maxclients ── maxclients + kept
//! from elsewhere ──────────┘                    │             │
//! from this machine ────────────────────────────┘             │
//! over the Unix socket ───────────────────────────────────────┘
//! ```

use crate::config::{Config, table};

/// No more than this part of all connections is kept.
const KEPT_PART_MAX: i64 = 100;

/// Where a connection comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    Elsewhere,
    ThisMachine,
    UnixSocket,
}

/// How many connections are kept for clients of this machine.
fn kept(maxclients: i64, reserved: i64) -> i64 {
    reserved.min(maxclients / KEPT_PART_MAX)
}

/// With how many others a connection may come.
fn seats(maxclients: i64, reserved: i64, origin: Origin) -> i64 {
    let kept = kept(maxclients, reserved);
    match origin {
        Origin::Elsewhere => maxclients - kept,
        Origin::ThisMachine => maxclients,
        Origin::UnixSocket => maxclients + kept,
    }
}

/// How many connections there may be when one comes from somewhere.
pub(crate) fn of(config: &Config, origin: Origin) -> i64 {
    seats(config.number(table::MAXCLIENTS), config.number(table::MAXCLIENTS_RESERVED), origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_kept_and_none_of_few() {
        let all = |maxclients, reserved| {
            [Origin::Elsewhere, Origin::ThisMachine, Origin::UnixSocket]
                .map(|origin| seats(maxclients, reserved, origin))
        };
        assert_eq!(all(10_000, 16), [9_984, 10_000, 10_016]);
        assert_eq!(all(500, 16), [495, 500, 505]);
        assert_eq!(all(99, 16), [99, 99, 99]);
        assert_eq!(all(10_000, 0), [10_000; 3]);
    }
}
