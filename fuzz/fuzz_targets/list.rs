//! Edits of a large list, against a vector.
//!
//! The first byte chooses the limits. Then comes a sequence of edits: an operation, an index, a length, a text of that
//! length, which operations of the upper half repeat sixty times.

#![no_main]

use std::ops::ControlFlow;

use libfuzzer_sys::fuzz_target;
use spinel_types::list::{Direction, End, List, ListLimits, Side};
use spinel_types::listpack::Element;

/// Elements that a list may have: more only makes it slow.
const LEN_MAX: usize = 400;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, mut rest)) = data.split_first() else { return };
    let limits = ListLimits {
        listpack_max: [-1, -2, 1, 3, 4, 100][usize::from(choice) % 6],
        compress_depth: u32::from(choice / 6 % 3),
        plain_min: [0, 0, 5][usize::from(choice / 18) % 3],
    };
    let (mut list, mut model) = (List::new(limits), Vec::<Vec<u8>>::new());
    while let [operation, index, length, tail @ ..] = rest {
        let (text, tail) = tail.split_at(tail.len().min(usize::from(*length)));
        let text = if *operation < 0x80 { text.to_vec() } else { text.repeat(60) };
        let at = usize::from(*index) % (model.len() + 1);
        edit(*operation, at, text, &mut list, &mut model);
        compare(&list, &model, at);
        rest = tail;
    }
});

/// Makes one edit on both.
fn edit(operation: u8, at: usize, text: Vec<u8>, list: &mut List, model: &mut Vec<Vec<u8>>) {
    let (is_there, is_full) = (at < model.len(), model.len() >= LEN_MAX);
    match operation % 8 {
        0 if !is_full => {
            list.push(End::Head, Element::Text(&text));
            model.insert(0, text);
        }
        1 if !is_full => {
            list.push(End::Tail, Element::Text(&text));
            model.push(text);
        }
        2 if is_there && !is_full => {
            list.insert(at, Side::Before, Element::Text(&text));
            model.insert(at, text);
        }
        3 if is_there && !is_full => {
            list.insert(at, Side::After, Element::Text(&text));
            model.insert(at + 1, text);
        }
        4 if is_there => {
            list.set(at, Element::Text(&text));
            model[at] = text;
        }
        5 => {
            let removed = list.remove_matches(Element::Text(&text), usize::MAX, Direction::Forwards);
            let before = model.len();
            model.retain(|element| *element != text);
            assert_eq!(removed, before - model.len());
        }
        _ => {
            let count = text.len();
            list.remove_range(at, count);
            model.drain(at..model.len().min(at + count));
        }
    }
}

fn compare(list: &List, model: &[Vec<u8>], start: usize) {
    assert_eq!(list.len(), model.len());
    let mut expected = model.iter().skip(start);
    let _ = list.visit(start, usize::MAX, Direction::Forwards, |element| {
        assert_eq!(Some(&element.to_vec()), expected.next());
        ControlFlow::<()>::Continue(())
    });
    assert_eq!(expected.next(), None);
}
