//! Every data command: rows and handlers, one file or folder per family.

mod bitmap;
mod choice;
mod debug;
mod expiry;
mod generic;
mod geo;
mod hash;
pub(crate) mod http_cache;
mod hyperloglog;
mod lenient;
mod list;
mod members;
mod portion;
#[cfg(test)]
mod script;
mod set;
mod sort;
mod sorted_set;
mod span;
mod stream;
mod string;
mod taking;

pub use http_cache::CacheReply;
pub(crate) use http_cache::restore_variant;

use crate::command::Command;

/// The rows of all data commands.
pub fn all() -> impl Iterator<Item = &'static Command> {
    let families = [
        string::COMMANDS,
        bitmap::COMMANDS,
        hyperloglog::COMMANDS,
        list::COMMANDS,
        hash::COMMANDS,
        sort::COMMANDS,
        sorted_set::COMMANDS,
        set::COMMANDS,
        stream::COMMANDS,
        http_cache::COMMANDS,
        geo::COMMANDS,
        generic::COMMANDS,
        debug::COMMANDS,
    ];
    families.into_iter().flatten().copied().flatten()
}
