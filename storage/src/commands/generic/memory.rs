//! How much memory a key takes: MEMORY USAGE. The other subcommands are the host's.

use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;

const ROW: Command = Command { group: Group::Server, since: "4.0.0", ..Command::ROW };

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "memory",
        cost: "Depends on the subcommand",
        about: "Holds the subcommands about memory.",
        run: Run::Container,
        ..ROW
    },
    Command {
        name: "memory|usage",
        usage: "key [SAMPLES count]",
        keys: &[KeySpec::at(2, KeyUse::READ_ONLY)],
        flags: Flags::READONLY,
        about: "Tells how many bytes a key and its value take, with their share of the index.",
        run: Run::Data(usage),
        ..ROW
    },
];

fn usage(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    check_samples(&mut call.args)?;

    match call.keys.memory_bytes(key) {
        Some(bytes) => call.reply.integer(bytes as i64),
        None => call.reply.null(),
    }
    Ok(())
}

/// Reads `SAMPLES count`. Memory is known exactly here, so no number of samples makes a difference.
fn check_samples(args: &mut Args<'_>) -> Result<(), Error> {
    while args.remaining() > 0 {
        if args.remaining() < 2 || !args.accept("SAMPLES") {
            return Err(Error::Syntax);
        }
        let samples = args.integer();
        args.check()?;
        if samples < 0 {
            return Err(Error::Syntax);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn options_of_usage() {
        check(
            "MEMORY USAGE none                     => nil
             MEMORY USAGE none SAMPLES 5 samples 0 => nil
             MEMORY USAGE none SAMPLES             => ERR syntax error
             MEMORY USAGE none SAMPLES -1          => ERR syntax error
             MEMORY USAGE none SAMPLES x           => ERR value is not an integer or out of range
             MEMORY USAGE none nosuch 1            => ERR syntax error",
        );
    }
}
