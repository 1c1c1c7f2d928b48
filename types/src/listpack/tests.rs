//! Listpacks against vectors, byte by byte and with changed bytes.

use super::*;
use crate::buffer::Buffer;
use crate::random::{Random, model_steps};

/// A text near the borders of the encodings.
fn random_text(random: &mut Random) -> Vec<u8> {
    match random.below(10) {
        0..4 => {
            let width = 1_i128 << [0, 7, 12, 15, 23, 31, 63][random.below(7)];
            let near = random.below(5) as i128 - 2;
            (near + if random.below(2) == 0 { width } else { -width }).to_string().into_bytes()
        }
        4 => format!("0{}", random.below(20)).into_bytes(),
        5 => vec![b'l'; [62, 63, 64, 65, 124, 125, 126, 127][random.below(8)]],
        _ => {
            let len = random.below(12);
            (0..len).map(|_| b"ab\xff\0-1"[random.below(6)]).collect()
        }
    }
}

fn pack(texts: &[&[u8]]) -> Vec<u8> {
    let elements: Vec<Element<'_>> = texts.iter().map(|text| Element::Text(text)).collect();
    let mut bytes = EMPTY.to_vec();
    ListpackMut::new(Buffer::Owned(&mut bytes)).append_all(&elements);
    bytes
}

fn texts(pack: Listpack<'_>) -> Vec<Vec<u8>> {
    pack.iter().map(Element::to_vec).collect()
}

/// Compares everything that can be read with a model.
fn check(bytes: &[u8], model: &[Vec<u8>]) {
    assert_eq!(validate(bytes), Ok(Shape::Canonical));
    let pack = Listpack::new(bytes);
    assert_eq!((pack.len(), pack.is_empty()), (model.len(), model.is_empty()));
    assert_eq!(texts(pack), model);
    assert!(pack.iter().rev().map(Element::to_vec).eq(model.iter().rev().cloned()));
    let (mut forwards, mut backwards) = (pack.first(), pack.last());
    for index in 0..model.len() {
        let (front, back) = (forwards.expect("not over"), backwards.expect("not over"));
        assert_eq!(pack.element(front).to_vec(), model[index]);
        assert_eq!(pack.element(back).to_vec(), model[model.len() - 1 - index]);
        assert_eq!(pack.seek(index), Some(front));
        (forwards, backwards) = (pack.next(front), pack.previous(back));
    }
    assert_eq!((forwards, backwards, pack.seek(model.len())), (None, None, None));
}

#[test]
fn bytes_are_as_documented() {
    assert_eq!(pack(&[]), EMPTY);
    assert_eq!(pack(&[b"hi", b"300"]), b"\x0e\0\0\0\x02\0\x82hi\x03\xc1\x2c\x02\xff");
    for (text, body) in [
        (&b"0"[..], &b"\0"[..]),
        (b"127", b"\x7f"),
        (b"128", b"\xc0\x80"),
        (b"-1", b"\xdf\xff"),
        (b"4095", b"\xcf\xff"),
        (b"-4096", b"\xd0\0"),
        (b"4096", b"\xf1\0\x10"),
        (b"-32768", b"\xf1\0\x80"),
        (b"32768", b"\xf2\0\x80\0"),
        (b"-8388608", b"\xf2\0\0\x80"),
        (b"8388608", b"\xf3\0\0\x80\0"),
        (b"-2147483648", b"\xf3\0\0\0\x80"),
        (b"2147483648", b"\xf4\0\0\0\x80\0\0\0\0"),
        (b"-9223372036854775808", b"\xf4\0\0\0\0\0\0\0\x80"),
        (b"9223372036854775808", b"\x939223372036854775808"),
        (b"", b"\x80"),
        (b"-0", b"\x82-0"),
    ] {
        let bytes = pack(&[text]);
        assert_eq!(&bytes[HEAD..bytes.len() - 2], body);
        assert_eq!(usize::from(bytes[bytes.len() - 2]), body.len());
    }
}

#[test]
fn long_texts_and_their_back_lengths() {
    for (len, head, back) in [
        (64, &b"\xe0\x40"[..], &b"\x42"[..]),
        (125, b"\xe0\x7d", b"\x7f"),
        (126, b"\xe0\x7e", b"\x01\x80"),
        (4095, b"\xef\xff", b"\x20\x81"),
        (4096, b"\xf0\0\x10\0\0", b"\x20\x85"),
        (16_377, b"\xf0\xf9\x3f\0\0", b"\x7f\xfe"),
        (16_378, b"\xf0\xfa\x3f\0\0", b"\0\xff\xff"),
        (2_097_145, b"\xf0\xf9\xff\x1f\0", b"\x7f\xff\xfe"),
        (2_097_146, b"\xf0\xfa\xff\x1f\0", b"\0\xff\xff\xff"),
    ] {
        let text = vec![b'x'; len];
        let bytes = pack(&[b"a", &text, b"b"]);
        let entry = &bytes[HEAD + 3..bytes.len() - 4];
        assert!(entry.starts_with(head) && entry.ends_with(back), "{len}");
        assert_eq!(entry.len(), head.len() + len + back.len());
        assert_eq!(entry.len(), encoded_len(Element::Text(&text)));
        check(&bytes, &[b"a".to_vec(), text, b"b".to_vec()]);
    }
}

#[test]
fn edits_are_those_of_a_vector() {
    let steps = model_steps(20_000);
    let (mut bytes, mut model, mut random) = (EMPTY.to_vec(), Vec::<Vec<u8>>::new(), Random::new(99));
    for step in 0..steps {
        let bound = if step / 500 % 2 == 0 { 40 } else { 6 };
        let text = random_text(&mut random);
        let at = random.below(model.len() + 1);
        let mut pack = ListpackMut::new(Buffer::Owned(&mut bytes));
        let position = pack.view().seek(at).unwrap_or(pack.view().end());
        match random.below(8) {
            0..3 if model.len() < bound => {
                pack.insert(position, Element::Text(&text));
                model.insert(at, text);
            }
            3 if model.len() < bound => {
                let other = random_text(&mut random);
                pack.insert_all(position, &[Element::Text(&text), Element::Text(&other)]);
                model.splice(at..at, [text, other]);
            }
            4 if at < model.len() => {
                pack.replace(position, Element::Text(&text));
                model[at] = text;
            }
            5 => {
                let tail = pack.split_off(position);
                check(&tail, &model[at..]);
                pack.append_listpack(Listpack::new(&tail));
            }
            6 => {
                let (integer, other) = (random.next() as i64 >> random.below(64), random.below(99) as i64);
                pack.prepend(Element::Integer(integer));
                extend(&mut bytes, [Element::Integer(other), Element::Text(&text)]);
                model.insert(0, integer.to_string().into_bytes());
                model.extend([other.to_string().into_bytes(), text]);
            }
            _ => {
                let count = random.below(4);
                pack.remove(position, count);
                model.drain(at..(at + count).min(model.len()));
            }
        }
        check(&bytes, &model);
    }
}

#[test]
fn elements_are_found_at_their_places_only() {
    let mut random = Random::new(5);
    for _ in 0..3000 {
        let model: Vec<Vec<u8>> = (0..random.below(20)).map(|_| random_text(&mut random)).collect();
        let slices: Vec<&[u8]> = model.iter().map(Vec::as_slice).collect();
        let bytes = pack(&slices);
        let pack = Listpack::new(&bytes);
        let (from, skip, wanted) = (random.below(model.len() + 1), random.below(3), random_text(&mut random));
        let expected = (from..model.len()).step_by(skip + 1).find(|index| model[*index] == wanted);
        let start = pack.seek(from).unwrap_or(pack.end());
        let found = pack.find(Element::Text(&wanted), start, skip);
        assert_eq!(found, expected.and_then(|index| pack.seek(index)));
    }
}

#[test]
fn ranges_start_anywhere() {
    let bytes = pack(&[b"a", b"1", b"b", b"2"]);
    let range =
        |start, count| Listpack::new(&bytes).range(start, count).map(Element::to_vec).collect::<Vec<_>>();
    assert_eq!(range(1, 2), [b"1", b"b"]);
    assert_eq!(range(3, 9), [b"2"]);
    assert_eq!(range(4, 9), [b""; 0]);
    assert_eq!(Listpack::new(&bytes).iter().nth(2), Some(Element::Text(b"b")));
    assert_eq!(Listpack::new(&bytes).iter().nth(4), None);
}

fn count_bytes(pack: Listpack<'_>) -> [u8; 2] {
    [pack.bytes()[4], pack.bytes()[5]]
}

#[test]
fn many_elements_are_counted_by_walking() {
    let mut bytes = EMPTY.to_vec();
    let mut pack = ListpackMut::new(Buffer::Owned(&mut bytes));
    pack.append_all(&vec![Element::Integer(7); 65_534]);
    assert_eq!(pack.view().len(), 65_534);
    pack.append(Element::Integer(8));
    assert_eq!(count_bytes(pack.view()), [0xff, 0xff]);
    pack.append(Element::Integer(9));
    assert_eq!(pack.view().len(), 65_536);
    assert_eq!(pack.view().get(65_535), Some(Element::Integer(9)));
    pack.remove(pack.view().start(), 65_000);
    assert_eq!((pack.view().len(), count_bytes(pack.view())), (536, [0xff, 0xff]));
    assert_eq!(validate(&bytes), Ok(Shape::Canonical));
}

#[test]
fn malformed_bytes_are_refused() {
    let good = pack(&[b"hi", b"300", &[b'x'; 70], b"-9999999999", b"5"]);
    for len in 0..good.len() {
        assert!(validate(&good[..len]).is_err());
    }
    // Every single changed byte is refused, or makes a listpack that can be walked.
    for at in 0..good.len() {
        for byte in 0..=255 {
            let mut bytes = good.clone();
            bytes[at] = byte;
            if validate(&bytes).is_ok() {
                let there = Listpack::new(&bytes).iter().count();
                assert_eq!(Listpack::new(&bytes).iter().rev().count(), there);
            }
        }
    }
    assert_eq!(validate(b"\x07\0\0\0\x01\0\xff"), Err(Malformed::Count));
    assert_eq!(validate(b"\x08\0\0\0\0\0\xff"), Err(Malformed::Frame));
    assert_eq!(validate(b"\x09\0\0\0\x01\0\x05\x02\xff"), Err(Malformed::Element(6)));
    assert_eq!(validate(b"\x0c\0\0\0\x01\0\xf0\xff\xff\xff\xff\xff"), Err(Malformed::Element(6)));
}

#[test]
fn loose_elements_are_encoded_anew() {
    let loose: [(&[u8], &[u8]); 4] = [
        (b"\x0a\0\0\0\x01\0\x817\x02\xff", b"7"),
        (b"\x0a\0\0\0\x01\0\xc0\x07\x02\xff", b"7"),
        (b"\x0b\0\0\0\x01\0\xe0\x01a\x03\xff", b"a"),
        (b"\x0e\0\0\0\x01\0\xf0\x01\0\0\0a\x06\xff", b"a"),
    ];
    for (bytes, text) in loose {
        assert_eq!(validate(bytes), Ok(Shape::Loose));
        assert_eq!(adopt(bytes).expect("well-formed").as_ref(), pack(&[text]));
    }
    let canonical = pack(&[b"7"]);
    assert!(matches!(adopt(&canonical), Ok(std::borrow::Cow::Borrowed(_))));
    assert_eq!(adopt(b""), Err(Malformed::Frame));
}
