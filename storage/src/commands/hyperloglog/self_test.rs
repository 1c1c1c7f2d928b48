//! PFSELFTEST: registers and estimates are what they must be on this machine.

use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_types::HyperLogLog;
use spinel_types::hyperloglog::{self, Observation, Registers};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "pfselftest",
    flags: Flags::ADMIN,
    group: Group::HyperLogLog,
    since: "2.8.9",
    cost: "O(1): as many elements as are tried",
    about: "Tests HyperLogLogs: both forms against each other, and estimates against the truth.",
    run: Run::Data(pfselftest),
    ..Command::ROW
}];

/// How many different elements are tried.
const ELEMENTS: u64 = 100_000;

/// Bytes of a sparse sketch that is never promoted by its size.
const SPARSE_BYTES: usize = 1 << 20;

fn pfselftest(call: &mut Call<'_>) -> Result<(), Error> {
    let seed = call.keys.entropy.word();
    test(seed).map_err(Error::Text)?;

    call.reply.ok();
    Ok(())
}

/// Shows the same elements to a sketch of each form, looking at both after 1, 10, 100 … of them.
fn test(seed: u64) -> Result<(), &'static str> {
    const BROKEN: &str = "TESTFAILED a sketch is broken";
    let (mut sparse, mut dense) = (hyperloglog::empty().to_vec(), hyperloglog::empty().to_vec());
    let mut checkpoint = 1;
    for count in 1..=ELEMENTS {
        let observation = Observation::of(&(seed.wrapping_add(count)).to_le_bytes());
        if count <= ELEMENTS / 10 {
            hyperloglog::observe(&mut sparse, observation, SPARSE_BYTES).map_err(|_| BROKEN)?;
        }
        hyperloglog::observe(&mut dense, observation, 0).map_err(|_| BROKEN)?;
        if count == checkpoint {
            if count <= ELEMENTS / 10 && ranks(&sparse) != ranks(&dense) {
                return Err("TESTFAILED the forms of a sketch differ");
            }
            let estimate = HyperLogLog::of(&dense).and_then(|sketch| sketch.estimate().ok()).ok_or(BROKEN)?;
            // Five standard errors of 0.81 %, and one element for the smallest numbers.
            if estimate.abs_diff(count) > count / 24 + 1 {
                return Err("TESTFAILED an estimate is too far off");
            }
            checkpoint *= 10;
        }
    }
    Ok(())
}

fn ranks(bytes: &[u8]) -> Option<Registers> {
    let mut registers = Registers::new();
    HyperLogLog::of(bytes)?.merge_into(&mut registers).ok()?;
    Some(registers)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_test_passes() {
        for seed in 0..10 {
            assert_eq!(super::test(seed << 40), Ok(()));
        }
    }
}
