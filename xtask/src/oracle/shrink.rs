//! Making a failing sequence short: delta debugging by replay.

use super::generate::Call;
use crate::Outcome;

/// Returns a short sequence that still ends in the same failure as `calls`, or `None` if `calls` itself does not.
///
/// `fails` replays a sequence on empty servers and tells whether its last call, and none before it, fails in that
/// way. Calls before the last are left out in ever smaller runs, then single words of what remains. Takes about
/// 2 n log n replays at worst, and few when most calls don't matter.
pub(crate) fn shrink(
    calls: &[Call],
    mut fails: impl FnMut(&[Call]) -> Outcome<bool>,
) -> Outcome<Option<Vec<Call>>> {
    if !fails(calls)? {
        return Ok(None);
    }
    let mut calls = calls.to_vec();
    // What failed may need nothing that came before it; then one replay does.
    if let Some(last) = calls.last().cloned()
        && fails(std::slice::from_ref(&last))?
    {
        calls = vec![last];
    }
    drop_runs(&mut calls, &mut fails)?;
    drop_words(&mut calls, &mut fails)?;
    Ok(Some(calls))
}

/// Leaves out ever smaller runs of what stands before the last item, as long as the rest fails.
pub(super) fn drop_runs<T: Clone>(
    items: &mut Vec<T>,
    fails: &mut impl FnMut(&[T]) -> Outcome<bool>,
) -> Outcome {
    let mut run = items.len().saturating_sub(1) / 2;
    while run > 0 {
        let before = items.len();
        let mut start = 0;
        while start + run < items.len() {
            let mut fewer = items.clone();
            fewer.drain(start..start + run);
            if fails(&fewer)? {
                *items = fewer;
            } else {
                start += run;
            }
        }
        // At the finest grain one success can make others possible.
        if run > 1 || items.len() == before {
            run /= 2;
        }
    }
    Ok(())
}

fn drop_words(calls: &mut [Call], fails: &mut impl FnMut(&[Call]) -> Outcome<bool>) -> Outcome {
    for index in 0..calls.len() {
        for word in (1..calls[index].len()).rev() {
            let mut shorter = calls.to_vec();
            shorter[index].remove(word);
            if fails(&shorter)? {
                calls[index].remove(word);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(line: &str) -> Call {
        line.split(' ').map(Into::into).collect()
    }

    #[test]
    fn only_the_calls_and_words_that_matter_stay() {
        let mut calls: Vec<Call> = (0..300).map(|number| call(&format!("NOISE {number}"))).collect();
        calls[40] = call("SET k v EX 5");
        calls[250] = call("APPEND k w");
        calls.push(call("GET k"));
        let has = |calls: &[Call], line: &str| {
            let wanted = call(line);
            calls.iter().any(|call| call.starts_with(&wanted[..]))
        };
        let fails = |calls: &[Call]| {
            Ok(has(calls, "SET k v")
                && has(calls, "APPEND k w")
                && calls.last().is_some_and(|last| *last == call("GET k")))
        };
        let short = shrink(&calls, fails).unwrap().unwrap();
        assert_eq!(short, [call("SET k v"), call("APPEND k w"), call("GET k")]);
    }

    #[test]
    fn a_failure_that_does_not_come_back_is_said() {
        assert!(shrink(&[call("GET k")], |_| Ok(false)).unwrap().is_none());
    }
}
