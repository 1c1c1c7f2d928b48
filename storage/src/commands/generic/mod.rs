//! Keys of any type: whether they are there, how long they live, what they are called, and all of them at once.

mod copy;
mod database;
mod dump;
mod expire;
mod expire_member;
mod memory;
mod object;
mod presence;
mod rename;
mod scan;
mod time_left;

pub(super) use object::references;
pub(super) use scan::parse_cursor;

use crate::command::Command;

/// The rows of this family.
pub(super) const COMMANDS: &[&[Command]] = &[
    presence::COMMANDS,
    expire::COMMANDS,
    expire_member::COMMANDS,
    time_left::COMMANDS,
    rename::COMMANDS,
    copy::COMMANDS,
    dump::COMMANDS,
    scan::COMMANDS,
    database::COMMANDS,
    object::COMMANDS,
    memory::COMMANDS,
];
