//! Setting and clearing when a key expires: EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT, PERSIST.
//!
//! The effect of all four on the journal is a PEXPIREAT, which means the same whenever it runs; where the time
//! has passed already it is the DEL that the command comes to.

use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Run};
use crate::commands::expiry::TimeForm;
use crate::error::Error;
use crate::time::UnixMillis;
use std::cmp::Ordering;

const ROW: Command = Command {
    keys: &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::UPDATE))],
    flags: Flags::WRITE.with(Flags::FAST),
    ..Command::ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "expire",
        event: "expire",
        usage: "key seconds condition=[NX|XX|GT|LT]",
        about: "Lets a key expire after some seconds.",
        run: Run::Data(|call| expire(call, TimeForm::Seconds, "expire")),
        ..ROW
    },
    Command {
        name: "pexpire",
        event: "expire",
        usage: "key milliseconds condition=[NX|XX|GT|LT]",
        since: "2.6.0",
        about: "Lets a key expire after some milliseconds.",
        run: Run::Data(|call| expire(call, TimeForm::Milliseconds, "pexpire")),
        ..ROW
    },
    Command {
        name: "expireat",
        event: "expire",
        usage: "key unix-time-seconds condition=[NX|XX|GT|LT]",
        since: "1.2.0",
        about: "Lets a key expire at a Unix time in seconds.",
        run: Run::Data(|call| expire(call, TimeForm::UnixSeconds, "expireat")),
        ..ROW
    },
    Command {
        name: "pexpireat",
        event: "expire",
        usage: "key unix-time-milliseconds condition=[NX|XX|GT|LT]",
        since: "2.6.0",
        about: "Lets a key expire at a Unix time in milliseconds.",
        run: Run::Data(|call| expire(call, TimeForm::UnixMilliseconds, "pexpireat")),
        ..ROW
    },
    Command {
        name: "persist",
        event: "persist",
        usage: "key",
        since: "2.2.0",
        about: "Lets a key live for ever.",
        run: Run::Data(persist),
        ..ROW
    },
];

/// On which present expiry a new one may replace it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Condition {
    presence: Option<Presence>,
    /// `GT`, `LT`: how the new time must compare with the present one. Never is later than all times.
    order: Option<Ordering>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Presence {
    /// `NX`: there is no expiry.
    Absent,
    /// `XX`: there is one.
    Present,
}

impl Condition {
    /// Reads all words left. A condition may be repeated, and `XX` stand beside `GT` or `LT`.
    fn parse(args: &mut Args<'_>) -> Result<Condition, Error> {
        const OPTIONS: [&str; 4] = ["NX", "XX", "GT", "LT"];
        let mut is_given = [false; OPTIONS.len()];
        while let Some(word) = args.peek() {
            let option = OPTIONS.iter().position(|option| args.accept(option));
            is_given[option.ok_or_else(|| Error::unsupported_option(word))?] = true;
        }
        match is_given {
            [true, present, later, earlier] if present || later || earlier => {
                Err(Error::Text("ERR NX and XX, GT or LT options at the same time are not compatible"))
            }
            [_, _, true, true] => {
                Err(Error::Text("ERR GT and LT options at the same time are not compatible"))
            }
            [absent, present, later, earlier] => Ok(Condition {
                presence: (absent.then_some(Presence::Absent)).or(present.then_some(Presence::Present)),
                order: (later.then_some(Ordering::Greater)).or(earlier.then_some(Ordering::Less)),
            }),
        }
    }

    fn allows(self, before: Option<UnixMillis>, after: UnixMillis) -> bool {
        match before {
            None => self.presence != Some(Presence::Present) && self.order != Some(Ordering::Greater),
            Some(before) => {
                self.presence != Some(Presence::Absent)
                    && self.order.is_none_or(|order| after.cmp(&before) == order)
            }
        }
    }
}

fn expire(call: &mut Call<'_>, form: TimeForm, command: &'static str) -> Result<(), Error> {
    let (key, amount) = (call.args.word(), call.args.word());
    let options = &call.args.words()[3..];
    let condition = Condition::parse(&mut call.args)?;
    let amount = spinel_resp::parse_integer(amount).ok_or(Error::NotAnInteger)?;
    let at = form.moment(amount, call.now).ok_or(Error::InvalidExpire(command))?;

    let mut guard = call.keys.write(key);
    let is_set = guard.exists() && condition.allows(guard.expiry(), at);
    if is_set && at <= call.now {
        guard.remove();
        call.effect.rewrite(|| [b"DEL".to_vec(), key.to_vec()]);
    } else if is_set {
        guard.set_expiry(Some(at));
        call.effect.rewrite_line(|| {
            let mut line = vec![b"PEXPIREAT".to_vec(), key.to_vec(), at.0.to_string().into_bytes()];
            line.extend(options.iter().map(|option| option.to_vec()));
            line
        });
    }

    call.reply.integer(is_set.into());
    Ok(())
}

fn persist(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    let mut guard = call.keys.write(key);
    let had_expiry = guard.expiry().is_some();
    if had_expiry {
        guard.set_expiry(None);
    }

    call.reply.integer(had_expiry.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::script::check;

    fn parse(line: &str) -> Result<Condition, Error> {
        let words: Vec<&[u8]> = line.split_whitespace().map(str::as_bytes).collect();
        Condition::parse(&mut Args::new(&words, 0))
    }

    #[test]
    fn conditions_compare_with_the_present_expiry() {
        let (early, middle, late) = (UnixMillis(1), UnixMillis(2), UnixMillis(3));
        for (line, on_none, on_early, on_same, on_late) in [
            ("", true, true, true, true),
            ("nx", true, false, false, false),
            ("NX nx", true, false, false, false),
            ("XX", false, true, true, true),
            ("GT", false, true, false, false),
            ("LT", true, false, false, true),
            ("LT xx", false, false, false, true),
            ("XX GT", false, true, false, false),
        ] {
            let condition = parse(line).expect("a valid condition");
            let allowed =
                [None, Some(early), Some(middle), Some(late)].map(|at| condition.allows(at, middle));
            assert_eq!(allowed, [on_none, on_early, on_same, on_late], "{line}");
        }
    }

    #[test]
    fn an_unknown_option_is_found_before_a_contradiction() {
        assert_eq!(
            parse("NX XX nosuch"),
            Err(Error::UnsupportedOption(b"ERR Unsupported option nosuch".into()))
        );
        for line in ["NX XX", "GT NX", "LT NX", "GT LT", "GT LT NX"] {
            assert!(matches!(parse(line), Err(Error::Text(_))), "{line}");
        }
    }

    #[test]
    fn an_expiry_is_set_and_cleared() {
        check(
            "SET k v                         => OK
             EXPIRE k 10                     => 1
             @expiry k                       => 1010000
             PEXPIRE k 10                    => 1
             @expiry k                       => 1000010
             EXPIREAT k 2000                 => 1
             @expiry k                       => 2000000
             PEXPIREAT k 9223372036854775807 => 1
             @expiry k                       => 9223372036854775807
             EXPIRE k 10 NX                  => 0
             EXPIRE k 10 GT                  => 0
             EXPIRE k 10 xx lt               => 1
             @expiry k                       => 1010000
             PERSIST k                       => 1
             PERSIST k                       => 0
             EXPIRE k 10 GT                  => 0
             EXPIRE k 10 XX                  => 0
             @expiry k                       => never
             EXPIRE k 10 LT                  => 1
             EXPIRE none 10                  => 0
             PERSIST none                    => 0",
        );
    }

    #[test]
    fn a_past_time_removes_the_key() {
        check(
            "MSET a 1 b 2 c 3 d 4 e 5         => OK
             EXPIRE a 0                       => 1
             EXPIRE b -9223372036854775       => 1
             EXPIREAT c 1000                  => 1
             PEXPIREAT d -9223372036854775808 => 1
             EXPIRE e -1 GT                   => 0
             EXISTS a b c d e                 => 1
             EXPIRE e -1 LT                   => 1
             EXISTS e                         => 0",
        );
    }

    #[test]
    fn times_that_are_refused() {
        check(
            "SET k v                       => OK
             EXPIRE k 9223372036854775     => ERR invalid expire time in 'expire' command
             EXPIRE k -9223372036854776    => ERR invalid expire time in 'expire' command
             PEXPIRE k 9223372036854775807 => ERR invalid expire time in 'pexpire' command
             EXPIREAT k 9223372036854776   => ERR invalid expire time in 'expireat' command
             PEXPIREAT none 1.5            => ERR value is not an integer or out of range
             PEXPIREAT none 01             => ERR value is not an integer or out of range
             EXPIRE k abc nosuch           => ERR Unsupported option nosuch
             EXPIRE none x NX XX           => ERR NX and XX, GT or LT options at the same time are not compatible
             @expiry k                     => never",
        );
    }
}
