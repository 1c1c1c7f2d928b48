//! The program as those who run it and connect to it see it: starting, settings, sessions, clients, stopping.

mod clients;
mod debug;
mod log;
mod process;
mod sessions;
mod settings;
mod start;
mod stop;
#[cfg(feature = "otel")]
mod traces;
mod waits;
