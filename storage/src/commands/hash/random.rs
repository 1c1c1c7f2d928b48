//! Fields chosen at random: HRANDFIELD.

use super::{READ_KEY, reply_text};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::commands::choice::{Choice, Chosen};
use crate::entropy::Entropy;
use crate::error::Error;
use spinel_resp::{Protocol, ReplyWriter};
use spinel_types::Str;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "hrandfield",
    usage: "key options=[count [WITHVALUES]]",
    keys: READ_KEY,
    flags: Flags::READONLY,
    group: Group::Hash,
    since: "6.2.0",
    cost: "O(N) where N is the number of fields returned",
    about: "Returns fields of a hash chosen at random.",
    tips: &["nondeterministic_output"],
    run: Run::Data(hrandfield),
    ..Command::ROW
}];

/// Whether a reply tells values, too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Values {
    Hidden,
    Shown,
}

fn hrandfield(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let choice = Choice::parse_with(&mut call.args, "WITHVALUES")?;

    let mut entropy = Entropy::new(call.keys.entropy.word());
    let random = || entropy.word();
    let (hash, reply) = (call.keys.read_hash(key)?, &mut *call.reply);
    match (hash, choice) {
        (None, None) => reply.null(),
        (None, Some(_)) => reply.array(0),
        (Some(hash), None) => {
            let (field, _) = hash.choose(random).expect("a hash that is there has a field");
            reply_text(reply, field);
        }
        (Some(hash), Some((choice, has_values))) => {
            let values = if has_values { Values::Shown } else { Values::Hidden };
            match choice.of(hash.len())? {
                Chosen::Any(count) => {
                    announce(reply, count, values);
                    hash.choose_any(count, random, |field, value| reply_field(reply, field, value, values));
                }
                Chosen::Different(count) => {
                    announce(reply, count, values);
                    hash.choose_different(count, random, |field, value| {
                        reply_field(reply, field, value, values);
                    });
                }
            }
        }
    }
    Ok(())
}

fn announce(reply: &mut ReplyWriter, count: usize, values: Values) {
    let is_flat = values == Values::Shown && reply.protocol() == Protocol::Resp2;
    reply.array(if is_flat { 2 * count } else { count });
}

/// Replies a field, or a field with its value: a pair in RESP3, in RESP2 one after the other.
fn reply_field(reply: &mut ReplyWriter, field: Str<'_>, value: Str<'_>, values: Values) {
    if values == Values::Shown && reply.protocol() == Protocol::Resp3 {
        reply.array(2);
    }
    reply_text(reply, field);
    if values == Values::Shown {
        reply_text(reply, value);
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn fields_are_chosen() {
        check(
            "HSET h a 1                    => 1
             HRANDFIELD h                  => \"a\"
             HRANDFIELD h 3                => [\"a\"]
             HRANDFIELD h -3               => [\"a\", \"a\", \"a\"]
             HRANDFIELD h -2 WITHVALUES    => [[\"a\", \"1\"], [\"a\", \"1\"]]
             HRANDFIELD h 0                => []
             HRANDFIELD none               => nil
             HRANDFIELD none -3            => []
             HRANDFIELD h x                => ERR value is not an integer or out of range
             HRANDFIELD h 1 nosuch         => ERR syntax error
             HRANDFIELD h 1 WITHVALUES 1   => ERR syntax error
             HRANDFIELD h -9223372036854775807 => ERR value is out of range
             HRANDFIELD none 4611686018427387904 WITHVALUES => ERR value is out of range
             HRANDFIELD h -9223372036854775808 => ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
             SET s v                       => OK
             HRANDFIELD s x                => ERR value is not an integer or out of range
             HRANDFIELD s                  => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }
}
