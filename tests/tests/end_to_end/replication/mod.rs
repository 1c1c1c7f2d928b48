//! Copies of a server: what it sends to its replicas, and what it makes of what a primary sends.

mod copy;
mod failover;
mod full_disk;
mod hostile;
mod on_disk;
mod poison;
mod primary;
mod quorum;
mod replica;
mod restarting;
mod shown;
mod slow;
mod swap;
mod upstream;
