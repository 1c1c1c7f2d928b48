//! The caching of answers of HTTP origins: `CACHE.…`.
//!
//! What an entry is and what is done with it says `docs/design/http-cache.md`; what may be answered, the crate `cache`. Here are
//! words and replies.

mod explain;
mod get;
mod help;
mod info;
mod lock;
pub(crate) mod policy;
mod prewarm;
mod purge;
mod reply;
mod restore;
mod set;
#[cfg(test)]
mod told;

pub use reply::CacheReply;
pub(crate) use restore::restore_variant;

use crate::command::args::Args;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;

/// The rows of the family.
pub(super) const COMMANDS: &[&[Command]] = &[
    CONTAINER,
    set::COMMANDS,
    get::COMMANDS,
    info::COMMANDS,
    explain::COMMANDS,
    lock::COMMANDS,
    policy::COMMANDS,
    prewarm::COMMANDS,
    purge::COMMANDS,
    restore::COMMANDS,
    help::COMMANDS,
];

const CONTAINER: &[Command] = &[Command {
    name: "cache",
    is_dotted: true,
    cost: "Depends on the subcommand",
    about: "Holds the subcommands for entries of HTTP caches. Each may be called by one word, too: CACHE.GET is CACHE GET.",
    run: Run::Container,
    ..ROW
}];

const ROW: Command = Command { group: Group::HttpCache, since: "8.0.0", flags: Flags::NONE, ..Command::ROW };

const fn key(usage: KeyUse) -> KeySpec {
    KeySpec::after_name(usage)
}

/// Names with values, as words of a call.
type Pairs<'a> = Vec<(&'a [u8], &'a [u8])>;

/// Reads a count and so many words.
fn counted<'a>(args: &mut Args<'a>, words_each: usize) -> Result<&'a [&'a [u8]], Error> {
    let count = args.not_negative(Error::NotAnInteger)?;
    args.take(count.checked_mul(words_each).ok_or(Error::Syntax)?)
}

/// Reads a count and so many names with values.
fn pairs<'a>(args: &mut Args<'a>) -> Result<Pairs<'a>, Error> {
    Ok(counted(args, 2)?.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
}
