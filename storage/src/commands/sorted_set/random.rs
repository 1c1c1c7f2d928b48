//! Members chosen at random: ZRANDMEMBER.

use super::{READ_KEY, Scores, reply_entries, reply_member};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::commands::choice::{Choice, Chosen};
use crate::entropy::Entropy;
use crate::error::Error;
use spinel_types::{Direction, SortedSetRef, Str};
use std::collections::HashSet;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "zrandmember",
    usage: "key options=[count [withscores=WITHSCORES]]",
    keys: READ_KEY,
    flags: Flags::READONLY,
    group: Group::SortedSet,
    since: "6.2.0",
    cost: "O(N*log(M)) where N is the number of members returned and M the size of the sorted set",
    about: "Returns members of a sorted set chosen at random.",
    tips: &["nondeterministic_output"],
    run: Run::Data(zrandmember),
    ..Command::ROW
}];

fn zrandmember(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let choice = Choice::parse_with(&mut call.args, "WITHSCORES")?;

    let mut entropy = Entropy::new(call.keys.entropy.word());
    let set = call.keys.read_sorted_set(key)?;
    match (set, choice) {
        (None, None) => call.reply.null(),
        (None, Some(_)) => call.reply.array(0),
        (Some(set), None) => {
            let (member, _) = at(set, entropy.below(set.len() as u64) as usize);
            reply_member(call.reply, member);
        }
        (Some(set), Some((choice, has_scores))) => {
            let scores = if has_scores { Scores::Shown } else { Scores::Hidden };
            match choice.of(set.len())? {
                Chosen::Any(count) => {
                    let any = (0..count).map(|_| at(set, entropy.below(set.len() as u64) as usize));
                    reply_entries(call.reply, any, count, scores);
                }
                Chosen::Different(count) if count == set.len() => {
                    reply_entries(call.reply, set.iter(), count, scores);
                }
                Chosen::Different(count) => {
                    let ranks = different(count, set.len(), &mut entropy);
                    let chosen = ranks.iter().map(|rank| at(set, *rank));
                    reply_entries(call.reply, chosen, count, scores);
                }
            }
        }
    }
    Ok(())
}

fn at(set: SortedSetRef<'_>, rank: usize) -> (Str<'_>, f64) {
    set.entries(rank..rank + 1, Direction::Forwards).next().expect("the rank is below the length")
}

/// Chooses `count` different numbers below `bound`, every choice equally likely. O(count).
///
/// Floyd's way: for each of the last `count` numbers, a number up to it is drawn; if that was chosen before,
/// the number itself is taken, which cannot have been.
fn different(count: usize, bound: usize, entropy: &mut Entropy) -> Vec<usize> {
    let (mut chosen, mut is_chosen) = (Vec::with_capacity(count), HashSet::with_capacity(count));
    for last in bound - count..bound {
        let drawn = entropy.below(last as u64 + 1) as usize;
        let number = if is_chosen.insert(drawn) { drawn } else { last };
        is_chosen.insert(number);
        chosen.push(number);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::script::check;

    #[test]
    fn choices_are_even() {
        let (mut entropy, mut counts) = (Entropy::new(3), [0_u32; 10]);
        for _ in 0..20_000 {
            let chosen = different(3, 10, &mut entropy);
            assert!(chosen[0] != chosen[1] && chosen[1] != chosen[2] && chosen[0] != chosen[2]);
            for number in chosen {
                counts[number] += 1;
            }
        }
        // Each number is expected 6,000 times; chi-square with 9 degrees of freedom is below 27.9 in 999 of
        // 1,000 cases.
        let chi_square: f64 = counts.iter().map(|count| (f64::from(*count) - 6000.0).powi(2) / 6000.0).sum();
        assert!(chi_square < 27.9, "{chi_square:.1}: {counts:?}");
    }

    #[test]
    fn members_are_chosen() {
        check(
            "ZADD z 1 a                        => 1
             ZRANDMEMBER z                     => \"a\"
             ZRANDMEMBER z 5                   => [\"a\"]
             ZRANDMEMBER z -3                  => [\"a\", \"a\", \"a\"]
             ZRANDMEMBER z -2 WITHSCORES       => [[\"a\", ,1], [\"a\", ,1]]
             ZRANDMEMBER z 1 WITHSCORES        => [[\"a\", ,1]]
             ZRANDMEMBER z 0                   => []
             ZRANDMEMBER none                  => nil
             ZRANDMEMBER none 1                => []
             ZRANDMEMBER z x                   => ERR value is not an integer or out of range
             ZRANDMEMBER z 1 WITHSCORE         => ERR syntax error
             ZRANDMEMBER z -9223372036854775807 => ERR value is out of range
             ZRANDMEMBER z -9223372036854775808 => ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
             ZRANDMEMBER z 9223372036854775807 WITHSCORES => ERR value is out of range",
        );
    }
}
