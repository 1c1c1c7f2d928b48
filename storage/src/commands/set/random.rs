//! Members chosen at random: SPOP, SRANDMEMBER.

use super::{READ_KEY, reply_member};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::commands::choice::{Choice, Chosen};
use crate::engine::effect::Effect;
use crate::entropy::Entropy;
use crate::error::Error;
use crate::keyspace::event::Event;
use spinel_types::{SetRef, Str};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "spop",
        event: "spop",
        usage: "key [count]",
        keys: &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::ACCESS).with(KeyUse::DELETE))],
        flags: Flags::WRITE.with(Flags::FAST),
        group: Group::Set,
        cost: "O(1) for each member",
        about: "Removes and returns members of a set chosen at random.",
        tips: &["nondeterministic_output"],
        run: Run::Data(spop),
        ..Command::ROW
    },
    Command {
        name: "srandmember",
        usage: "key [count]",
        keys: READ_KEY,
        flags: Flags::READONLY,
        group: Group::Set,
        cost: "O(1) for each member",
        about: "Returns members of a set chosen at random.",
        tips: &["nondeterministic_output"],
        run: Run::Data(srandmember),
        ..Command::ROW
    },
];

/// The most members a line of the journal removes.
const LINE_MEMBERS_MAX: usize = 1000;

fn spop(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let count = match call.args.remaining() {
        0 => None,
        1 => Some(call.args.not_negative(Error::Negative)?),
        _ => return Err(Error::Syntax),
    };

    let mut random = source(call.keys.entropy);
    let (mut guard, reply) = (call.keys.write(key), &mut *call.reply);
    let Some(mut set) = guard.existing_set()? else {
        match count {
            None => reply.null(),
            Some(_) => reply.set(0),
        }
        return Ok(());
    };
    match count {
        None => {}
        Some(count) if count >= set.view().len() => {
            reply.set(set.view().len());
            set.view().for_each(|member| reply_member(reply, member));
            guard.notify(Event::set("spop"));
            guard.remove();
            call.effect.rewrite(|| [b"DEL".to_vec(), key.to_vec()]);
            return Ok(());
        }
        Some(count) => reply.set(count),
    }
    let mut popped = Popped { effect: call.effect, key, members: 0 };
    set.pop(count.unwrap_or(1), &mut random, |member| {
        reply_member(reply, member);
        popped.push(member);
    });
    Ok(())
}

/// Records the members that went, in lines of a bounded length.
struct Popped<'e> {
    effect: &'e mut Effect,
    key: &'e [u8],
    members: usize,
}

impl Popped<'_> {
    fn push(&mut self, member: Str<'_>) {
        if self.members.is_multiple_of(LINE_MEMBERS_MAX) {
            self.effect.rewrite(|| [b"SREM".to_vec(), self.key.to_vec()]);
        }
        self.members += 1;
        self.effect.add_word(|| member.to_vec());
    }
}

/// A source of chance of its own, which can be used while keys are.
fn source(entropy: &mut Entropy) -> impl FnMut() -> u64 + use<> {
    let mut entropy = Entropy::new(entropy.word());
    move || entropy.word()
}

fn srandmember(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let choice = match call.args.remaining() {
        0 => None,
        1 => Some(Choice::parse(&mut call.args)?),
        _ => return Err(Error::Syntax),
    };

    let mut random = source(call.keys.entropy);
    let (set, reply) = (call.keys.read_set(key)?, &mut *call.reply);
    match (set, choice) {
        (None, None) => reply.null(),
        (None, Some(_)) => reply.array(0),
        (Some(set), None) => reply_member(reply, set.choose(&mut random)),
        (Some(set), Some(choice)) => match choice.of(set.len())? {
            Chosen::Any(count) => {
                reply.array(count);
                (0..count).for_each(|_| reply_member(reply, set.choose(&mut random)));
            }
            Chosen::Different(count) => {
                reply.array(count);
                different(set, count, &mut random, |member| reply_member(reply, member));
            }
        },
    }
    Ok(())
}

/// Visits different members, all of them in their order if so many are wanted.
fn different<'s>(
    set: SetRef<'s>,
    count: usize,
    random: &mut impl FnMut() -> u64,
    visit: impl FnMut(Str<'s>),
) {
    if count == set.len() { set.for_each(visit) } else { set.sample(count, random, visit) }
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn members_are_popped() {
        check(
            "SADD s a                      => 1
             SPOP s                        => \"a\"
             EXISTS s                      => 0
             SPOP s                        => nil
             SPOP s 3                      => []
             SADD s 1 2 3                  => 3
             SPOP s 0                      => []
             SPOP s 9                      => [\"1\", \"2\", \"3\"]
             EXISTS s                      => 0
             SADD s a b c                  => 3
             SPOP s -1                     => ERR value is out of range, must be positive
             SPOP s x                      => ERR value is out of range, must be positive
             SPOP s 1 1                    => ERR syntax error
             SET t v                       => OK
             SPOP t                        => WRONGTYPE Operation against a key holding the wrong kind of value
             SPOP t x                      => ERR value is out of range, must be positive",
        );
    }

    #[test]
    fn what_is_popped_is_what_replays_remove() {
        let numbers: Vec<String> = (0..3000).map(|number| format!("m{number}")).collect();
        let script = [
            format!("SADD s {} => 3000", numbers.join(" ")),
            "SINTERSTORE t s s => 3000".to_owned(),
            "SRANDMEMBER none 5 => []".to_owned(),
        ];
        check(&script.join("\n"));
        let db = crate::Db::memory();
        let members = numbers.iter().map(String::as_bytes);
        let sadd: Vec<&[u8]> = [&b"SADD"[..], b"s"].into_iter().chain(members).collect();
        db.execute(&sadd).expect("a set");
        let mut reader = db.engine().journal().attach();
        let popped = db.execute(["SPOP", "s", "2500"]).expect("a set");
        let crate::Value::Set(popped) = popped else { panic!("no set: {popped:?}") };
        let mut effects = Vec::new();
        reader.read(&mut effects);
        let lines = effects.windows(4).filter(|window| window == b"SREM").count();
        assert_eq!((popped.len(), lines), (2500, 3));
    }

    #[test]
    fn members_are_chosen() {
        check(
            "SADD s a                      => 1
             SRANDMEMBER s                 => \"a\"
             SRANDMEMBER s 5               => [\"a\"]
             SRANDMEMBER s -3              => [\"a\", \"a\", \"a\"]
             SRANDMEMBER s 0               => []
             SADD i 3 1 2                  => 3
             SRANDMEMBER i 3               => [\"1\", \"2\", \"3\"]
             SRANDMEMBER none              => nil
             SRANDMEMBER none 3            => []
             SRANDMEMBER s x               => ERR value is not an integer or out of range
             SRANDMEMBER s 1 1             => ERR syntax error
             SRANDMEMBER s -9223372036854775807 => ERR value is out of range
             SRANDMEMBER s -9223372036854775808 => ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
             SET t v                       => OK
             SRANDMEMBER t                 => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }
}
