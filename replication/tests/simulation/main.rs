//! Servers that copy each other, in one thread and under virtual time: `SPINEL_REPLICATION_RUNS` says how often.
//!
//! ```text
//! server 0: Primary ─ wire ─→ server 1: Link, Primary ─ wire ─→ server 2: Link …
//! ```
//!
//! Wires delay and are cut in the middle of anything, servers crash and forget all, change whom they copy, and take over. The data
//! of a server is the sum of the writes that it has applied, in their order. Whoever is at the same place of the same stream must
//! hold the same, at every moment; and when all is quiet, everybody holds what the last primary holds.

mod random;
mod server;
mod wire;
mod world;

use world::World;

/// Runs without being asked for more.
const RUNS: u64 = 300;

#[test]
fn copies_at_the_same_place_hold_the_same() {
    let runs = std::env::var("SPINEL_REPLICATION_RUNS").ok().and_then(|runs| runs.parse().ok());
    let mut counts = world::Counts::default();
    for seed in 1..=runs.unwrap_or(RUNS) {
        counts.add(World::new(seed).run());
    }
    println!("{counts:?}");
    assert!(
        counts.full > 0 && counts.partial > 0 && counts.takeovers > 0,
        "something never happens: {counts:?}"
    );
}
