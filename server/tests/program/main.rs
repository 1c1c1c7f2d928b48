//! The program as those who run it and connect to it see it: starting, settings, sessions, clients, stopping.

mod clients;
mod debug;
mod process;
mod sessions;
mod settings;
mod start;
mod stop;
mod waits;
