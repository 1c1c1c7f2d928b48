//! How long a stream remembers messages: XCFGSET, XIDMPRECORD.

use super::{UPDATE_KEY, ids, millis};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_types::stream::Window;

const ROW: Command =
    Command { keys: UPDATE_KEY, flags: Flags::WRITE.with(Flags::FAST), group: Group::Stream, ..Command::ROW };

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "xcfgset",
        usage: "key [IDMP-DURATION idmp-duration:integer] [IDMP-MAXSIZE idmp-maxsize:integer]",
        since: "8.6.0",
        about: "Sets for how long, and how many, messages of a producer are remembered.",
        run: Run::Data(xcfgset),
        ..ROW
    },
    Command {
        name: "xidmprecord",
        usage: "key pid iid stream-id",
        since: "8.8.0",
        about: "Remembers the message that an entry was added for.",
        run: Run::Data(xidmprecord),
        ..ROW
    },
];

const SECONDS_MAX: i64 = 86_400;
const MESSAGES_MAX: i64 = 10_000;

#[derive(Default)]
struct WindowOptions {
    seconds: Option<i64>,
    messages: Option<i64>,
}

impl WindowOptions {
    fn parse(args: &mut Args<'_>) -> Result<WindowOptions, Error> {
        let mut options = WindowOptions::default();
        while args.remaining() > 0 {
            if args.remaining() > 1 && args.accept("IDMP-DURATION") {
                let error = "ERR IDMP-DURATION must be between 1 and 86400 seconds";
                options.seconds = Some(parse_within(args, SECONDS_MAX, error)?);
            } else if args.remaining() > 1 && args.accept("IDMP-MAXSIZE") {
                let error = "ERR IDMP-MAXSIZE must be between 1 and 10000 entries";
                options.messages = Some(parse_within(args, MESSAGES_MAX, error)?);
            } else {
                return Err(Error::Syntax);
            }
        }
        match options {
            WindowOptions { seconds: None, messages: None } => Err(Error::Syntax),
            options => Ok(options),
        }
    }
}

fn parse_within(args: &mut Args<'_>, max: i64, error: &'static str) -> Result<i64, Error> {
    let number = args.integer();
    args.check()?;
    if (1..=max).contains(&number) { Ok(number) } else { Err(Error::Text(error)) }
}

fn xcfgset(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let options = WindowOptions::parse(&mut call.args)?;

    let mut guard = call.keys.write(key);
    let known = guard.existing_stream()?.ok_or(Error::NoSuchKey)?.idempotence_mut();
    let Window { seconds, messages } = known.window();
    known.set_window(Window {
        seconds: options.seconds.map_or(seconds, |seconds| seconds as u64),
        messages: options.messages.map_or(messages, |messages| messages as usize),
    });
    guard.count_changes(1);

    call.reply.ok();
    Ok(())
}

fn xidmprecord(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, producer, message) = (call.args.word(), call.args.word(), call.args.word());
    let id = ids::parse(call.args.word())?;
    let now_ms = millis(call.keys.today());
    if producer.is_empty() || message.is_empty() {
        return Err(Error::Text("ERR the producer and the message must not be empty"));
    }

    let mut guard = call.keys.write(key);
    let stream = guard.existing_stream()?.ok_or(Error::NoSuchKey)?;
    if stream.entry(id).is_none() {
        return Err(Error::Text("ERR the stream has no entry of this ID"));
    }
    let known = stream.idempotence_mut();
    match known.find(producer, message, now_ms) {
        Some(other) if other != id => {
            return Err(Error::Text("ERR the message is recorded for another entry"));
        }
        Some(_) => {}
        None => {
            known.remember(producer, message, id, now_ms);
            guard.count_changes(1);
        }
    }

    call.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn windows_have_bounds() {
        check(
            "XCFGSET s IDMP-DURATION 1      => ERR no such key
             XADD s 1-1 f v                 => \"1-1\"
             XCFGSET s IDMP-DURATION 10 IDMP-MAXSIZE 20 => OK
             XCFGSET s IDMP-DURATION 0      => ERR IDMP-DURATION must be between 1 and 86400 seconds
             XCFGSET s IDMP-MAXSIZE 10001   => ERR IDMP-MAXSIZE must be between 1 and 10000 entries
             XCFGSET s IDMP-MAXSIZE x       => ERR value is not an integer or out of range
             XCFGSET s                      => ERR syntax error
             XCFGSET s WHAT 1               => ERR syntax error",
        );
    }

    #[test]
    fn messages_are_recorded_for_entries() {
        check(
            "XADD s 1000000-0 f v           => \"1000000-0\"
             XADD s 1000001-0 f v           => \"1000001-0\"
             XIDMPRECORD s p a 1000000-0    => OK
             XIDMPRECORD s p a 1000000-0    => OK
             XIDMPRECORD s p a 1000001-0    => ERR the message is recorded for another entry
             XIDMPRECORD s p b 5-0          => ERR the stream has no entry of this ID
             XIDMPRECORD none p b 5-0       => ERR no such key
             XADD s IDMP p a * f v          => \"1000000-0\"",
        );
    }
}
