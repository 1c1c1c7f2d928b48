//! The parser of usage lines on any text: a bounded tree, or an error that points into the line.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_storage::command::usage::{Argument, arity, parse};

fuzz_target!(|line: &str| {
    match parse(line) {
        Ok(arguments) => {
            let nodes: usize = arguments.iter().map(count).sum();
            assert!(nodes <= 2 * line.len(), "every argument takes a byte, every group its brackets");
            let fewest = arity(&arguments, 1).unsigned_abs() as usize;
            assert!((1..=line.len() + 1).contains(&fewest), "a word of the line for each word of a call");
        }
        Err(error) => assert!(error.at <= line.len()),
    }
});

/// Returns the number of arguments in a tree.
fn count(argument: &Argument) -> usize {
    1 + argument.children.iter().map(count).sum::<usize>()
}
