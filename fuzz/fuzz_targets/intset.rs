//! Intsets: any bytes are refused or can be searched to the last integer; edits are those of a set.
//!
//! The rest of the input, after a first byte, is the bytes, or (if it is odd) integers to add and to remove.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_types::intset::{EMPTY, validate};
use spinel_types::{Buffer, Intset, IntsetMut};
use std::collections::BTreeSet;

fuzz_target!(|data: &[u8]| {
    match data {
        [first, rest @ ..] if first % 2 == 0 => walk(rest),
        [_, rest @ ..] => edit(rest),
        [] => {}
    }
});

fn walk(bytes: &[u8]) {
    if validate(bytes).is_err() {
        return;
    }
    let set = Intset::new(bytes);
    assert_eq!(set.iter().count(), set.len());
    for (index, integer) in set.iter().enumerate() {
        assert_eq!(set.search(integer), Ok(index));
        assert_eq!(set.at(index), integer);
    }
    assert_eq!(set.contains(i64::MAX), set.iter().next_back() == Some(i64::MAX));
}

/// A byte that says what to do and how many bytes the integer has, then the integer.
fn edit(mut rest: &[u8]) {
    let (mut bytes, mut model) = (EMPTY.to_vec(), BTreeSet::new());
    while let [operation, tail @ ..] = rest {
        let (own, tail) = tail.split_at(tail.len().min(usize::from(*operation >> 4)));
        rest = tail;
        let mut word = [if *operation & 2 == 0 { 0 } else { 0xff }; 8];
        word.iter_mut().zip(own).for_each(|(byte, given)| *byte = *given);
        let integer = i64::from_le_bytes(word);
        let mut set = IntsetMut::new(Buffer::Owned(&mut bytes));
        if operation & 1 == 0 {
            assert_eq!(set.insert(integer), model.insert(integer));
        } else {
            assert_eq!(set.remove(integer), model.remove(&integer));
        }
    }
    assert_eq!(validate(&bytes), Ok(()));
    assert!(Intset::new(&bytes).iter().eq(model));
}
