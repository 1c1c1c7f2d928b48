//! Edits of a listpack, against a vector.
//!
//! The input is a sequence of edits: an operation, an index, a length, a text of that length.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_types::listpack::{EMPTY, Element, Shape, validate};
use spinel_types::{Buffer, Listpack, ListpackMut};

fuzz_target!(|data: &[u8]| {
    let (mut bytes, mut model, mut rest) = (EMPTY.to_vec(), Vec::<Vec<u8>>::new(), data);
    while let [operation, index, length, tail @ ..] = rest {
        let (text, tail) = tail.split_at(tail.len().min(usize::from(*length)));
        let at = usize::from(*index) % (model.len() + 1);
        edit(*operation, at, text, &mut bytes, &mut model);
        rest = tail;
    }
    assert_eq!(validate(&bytes), Ok(Shape::Canonical));
    let pack = Listpack::new(&bytes);
    assert_eq!(pack.len(), model.len());
    assert!(pack.iter().map(Element::to_vec).eq(model.iter().cloned()));
    assert!(pack.iter().rev().map(Element::to_vec).eq(model.iter().rev().cloned()));
});

/// Makes one edit on both.
fn edit(operation: u8, at: usize, text: &[u8], bytes: &mut Vec<u8>, model: &mut Vec<Vec<u8>>) {
    let mut pack = ListpackMut::new(Buffer::Owned(bytes));
    let position = pack.view().seek(at).unwrap_or(pack.view().end());
    match operation % 6 {
        0 => {
            pack.insert(position, Element::Text(text));
            model.insert(at, text.to_vec());
        }
        1 => {
            pack.insert_all(position, &[Element::Text(text), Element::Integer(-5)]);
            model.splice(at..at, [text.to_vec(), b"-5".to_vec()]);
        }
        2 if at < model.len() => {
            pack.replace(position, Element::Text(text));
            model[at] = text.to_vec();
        }
        3 => {
            pack.remove(position, text.len());
            model.drain(at..model.len().min(at + text.len()));
        }
        4 => {
            let tail = pack.split_off(position);
            assert_eq!(validate(&tail), Ok(Shape::Canonical));
            pack.append_listpack(Listpack::new(&tail));
        }
        _ => {
            let found = pack.view().find(Element::Text(text), position, 0);
            let expected = (at..model.len()).find(|index| model[*index] == text);
            assert_eq!(found, expected.and_then(|index| pack.view().seek(index)));
        }
    }
}
