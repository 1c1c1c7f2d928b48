//! The listpack validator on any bytes: what it lets through can be walked, from either end, to the last byte.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_types::listpack::{Element, Listpack, Shape, adopt, validate};

fuzz_target!(|data: &[u8]| {
    let as_given = validate(data);
    check(data);
    // Most mutations break the total; what lies behind it is worth reaching all the same.
    if as_given.is_err() && data.len() >= 7 {
        let mut mended = data.to_vec();
        let total = mended.len() as u32;
        mended[..4].copy_from_slice(&total.to_le_bytes());
        *mended.last_mut().expect("seven bytes") = 0xff;
        check(&mended);
    }
});

fn check(bytes: &[u8]) {
    let Ok(shape) = validate(bytes) else {
        assert!(adopt(bytes).is_err());
        return;
    };
    let pack = Listpack::new(bytes);
    let elements: Vec<Element<'_>> = pack.iter().collect();
    assert!(pack.iter().rev().eq(elements.iter().rev().copied()));
    assert!(elements.len() <= pack.len());
    let mut at = pack.first();
    for element in &elements {
        let position = at.expect("as many positions as elements");
        assert_eq!(pack.element(position), *element);
        at = pack.next(position);
    }
    assert_eq!(at, None);
    assert_eq!(shape == Shape::Loose, is_loose(bytes));
}

/// Whether adopting the bytes changes them, though not the texts in them.
fn is_loose(bytes: &[u8]) -> bool {
    let adopted = adopt(bytes).expect("valid");
    let texts = |bytes| Listpack::new(bytes).iter().map(Element::to_vec).collect::<Vec<_>>();
    assert_eq!(texts(&adopted), texts(bytes));
    assert_eq!(validate(&adopted), Ok(Shape::Canonical));
    adopted[6..] != bytes[6..]
}
