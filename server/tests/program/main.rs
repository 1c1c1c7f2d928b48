//! The program as those who run it see it: starting, settings, stopping.

mod debug;
mod process;
mod settings;
mod start;
mod stop;
