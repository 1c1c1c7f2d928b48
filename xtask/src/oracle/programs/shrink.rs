//! Making a program short that shows a difference.

use super::compare::Difference;
use super::program::{Action, Program, Step};
use crate::Outcome;
use crate::oracle::shrink::drop_runs;

/// Returns a short program that shows the same difference, or `None` if `program` does not show it again.
///
/// `shows` plays a program and tells whether it does.
pub(crate) fn shrink(
    program: &Program,
    difference: &Difference,
    mut shows: impl FnMut(&Program) -> Outcome<bool>,
) -> Outcome<Option<Program>> {
    let mut program = program.clone();
    program.steps.truncate(difference.step + 1);
    if !shows(&program)? {
        return Ok(None);
    }
    let protocols = program.protocols.clone();
    let mut fails = |steps: &[Step]| shows(&Program { protocols: protocols.clone(), steps: steps.to_vec() });
    drop_runs(&mut program.steps, &mut fails)?;
    drop_last(&mut program.steps, &mut fails)?;
    drop_words(&mut program.steps, &mut fails)?;
    drop_connections(&mut program, &mut shows)?;
    Ok(Some(program))
}

/// Leaves out steps at the end, which matter only where the difference is not in what is read after them.
fn drop_last(steps: &mut Vec<Step>, fails: &mut impl FnMut(&[Step]) -> Outcome<bool>) -> Outcome {
    while steps.len() > 1 && fails(&steps[..steps.len() - 1])? {
        steps.pop();
    }
    Ok(())
}

fn drop_words(steps: &mut [Step], fails: &mut impl FnMut(&[Step]) -> Outcome<bool>) -> Outcome {
    for index in 0..steps.len() {
        for word in (1..steps[index].words().len()).rev() {
            // Without it a database is emptied by another thread; see the themes.
            if steps[index].words()[word].eq_ignore_ascii_case(b"async") {
                continue;
            }
            let mut shorter = steps.to_vec();
            if let Action::Call(call) = &mut shorter[index].action {
                call.remove(word);
            }
            if fails(&shorter)? {
                steps[index] = shorter.swap_remove(index);
            }
        }
    }
    Ok(())
}

/// Leaves out connections at the end that do nothing.
fn drop_connections(program: &mut Program, shows: &mut impl FnMut(&Program) -> Outcome<bool>) -> Outcome {
    let used = program.steps.iter().map(|step| step.connection + 1).max().unwrap_or(1);
    let mut fewer = program.clone();
    fewer.protocols.truncate(used);
    if fewer != *program && shows(&fewer)? {
        *program = fewer;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_steps_words_and_connections_that_matter_stay() {
        let text = "@connections 2 3 2\n0: PING\n1: BLPOP l m 0\n0: GET k\n0: RPUSH l a b\n2: PING\n";
        let program = Program::parse(text).unwrap();
        let difference =
            Difference { step: 3, place: String::new(), reference: String::new(), ours: String::new() };
        let has = |program: &Program, name: &[u8]| {
            program.steps.iter().any(|step| step.words().len() > 1 && step.words()[0] == name)
        };
        let shows = |program: &Program| Ok(has(program, b"BLPOP") && has(program, b"RPUSH"));
        let short = shrink(&program, &difference, shows).unwrap().unwrap();
        assert_eq!(short.to_string(), "@connections 2 3\n1: BLPOP l\n0: RPUSH l\n");
        assert!(shrink(&program, &difference, |_| Ok(false)).unwrap().is_none());
    }
}
