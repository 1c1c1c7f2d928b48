//! Visiting a sorted set in portions: ZSCAN.

use super::{READ_KEY, reply_member};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::commands::portion::{Portion, cursor};
use crate::error::Error;
use spinel_resp::number::format_double;
use spinel_types::SortedSetRef;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "zscan",
    usage: "key cursor [MATCH pattern] [COUNT count]",
    keys: READ_KEY,
    flags: Flags::READONLY,
    group: Group::SortedSet,
    since: "2.8.0",
    cost: "O(1) for a call, O(N) for all until the cursor is 0 again, where N is the size of the sorted set",
    about: "Lists members and scores in portions, from a cursor on.",
    tips: &["nondeterministic_output"],
    run: Run::Data(zscan),
    ..Command::ROW
}];

fn zscan(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let start = cursor(call.args.word())?;
    let now = call.now.0;
    let Some(set) = call.keys.read_sorted_set_as_is(key)? else {
        Portion::reply_empty(call.reply);
        return Ok(());
    };
    let portion = Portion::parse(&mut call.args)?;

    portion.list(call.reply, start, |at, page| {
        set.scan(at, now, |member, score| {
            let Some(reply) = page.place(member, 2) else { return };
            reply_member(reply, member);
            match set {
                SortedSetRef::Compact(_) => reply.bulk(&format_double(score)),
                SortedSetRef::Large(_) => reply.bulk(in_full(score).as_bytes()),
            }
        })
    });
    Ok(())
}

/// Writes a score in 17 digits without zeros at the end, as `%.17g` of C does: so the reference server shows
/// scores of large sorted sets here, and only here.
fn in_full(score: f64) -> String {
    if score.is_infinite() {
        return score.to_string();
    }
    let scientific = format!("{score:.16e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("an exponent is always written");
    let exponent: i32 = exponent.parse().expect("an exponent is an integer");
    if (-4..DIGITS).contains(&exponent) {
        let decimals = (DIGITS - 1 - exponent) as usize;
        return without_zeros(&format!("{score:.decimals$}")).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", without_zeros(mantissa), exponent.abs())
}

/// Digits that tell every double from its neighbours.
const DIGITS: i32 = 17;

fn without_zeros(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::script::check;

    #[test]
    fn scores_have_seventeen_digits() {
        for (score, text) in [
            (38.532, "38.531999999999996"),
            (-683.541_300_000_000_1, "-683.54130000000009"),
            (0.5, "0.5"),
            (-0.0, "-0"),
            (5000.0, "5000"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (1.5e300, "1.5000000000000001e+300"),
            (0.0001, "0.0001"),
            (0.000_01, "1.0000000000000001e-05"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(in_full(score), text);
        }
    }

    #[test]
    fn members_are_listed_with_scores() {
        check(
            "ZADD z 1 a 2.5 12                => 2
             ZSCAN z 0                        => [\"0\", [\"a\", \"1\", \"12\", \"2.5\"]]
             ZSCAN z 77 COUNT 1 MATCH 1*      => [\"0\", [\"12\", \"2.5\"]]
             ZSCAN none 0 COUNT 0             => [\"0\", []]
             ZSCAN z 0 COUNT 0                => ERR syntax error
             ZSCAN z 0 COUNT x                => ERR value is not an integer or out of range
             ZSCAN z 0 NOVALUES               => ERR NOVALUES option can only be used in HSCAN
             ZSCAN none x                     => ERR invalid cursor",
        );
    }
}
