//! The server and the command line client as their users meet them: processes, sockets, real clients.

mod access;
mod backups;
mod blocking;
mod caching;
mod command_line;
mod embedded;
mod eviction;
mod foreign_programs;
mod hostile;
mod http;
mod in_process;
mod latency;
mod loading;
mod logging;
mod long_reads;
mod messages;
mod monitoring;
mod reloading;
mod restoring;
mod rust_client;
mod saving;
mod scripts;
mod slow_commands;
mod snapshot_formats;
mod transactions;
mod transcripts;
