//! Data sets that outlive the process: what is promised of them when they are closed, copied, killed, and when the disk fails.

mod copies;
mod crash;
mod failures;
mod killed;
mod opening;
mod support;
