//! The readers of header fields on any bytes: dates, dictionaries, directives, ranges, conditions and selectors.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_cache::directives::{self, Argument};
use spinel_cache::range::{self, PARTS_MAX, Wanted};
use spinel_cache::{Headers, condition, date, selector, structured, tags};
use spinel_types::http_cache::{Fields, Parts, Variant};

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else { return };
    match kind % 6 {
        0 => dates(rest),
        1 => dictionaries(rest),
        2 => lines_of_directives(rest),
        3 => ranges(rest),
        4 => conditions(rest),
        _ => selectors(rest),
    }
});

fn dates(text: &[u8]) {
    // Years 1 to 9999 have a date.
    let written = -62_135_596_800_000..253_402_300_800_000;
    if let Some(moment) = date::parse(text, 784_111_777_000).filter(|moment| written.contains(moment)) {
        assert_eq!(date::parse(&date::format(moment), 0), Some(moment));
    }
}

fn dictionaries(text: &[u8]) {
    let Some(members) = structured::dictionary(text) else { return };
    let mut names: Vec<_> = members.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), members.len());
    let padded = [b" ", text, b" "].concat();
    assert_eq!(structured::dictionary(&padded), Some(members.clone()));
}

fn lines_of_directives(line: &[u8]) {
    let mut names = Vec::new();
    directives::each(line, |name, argument| {
        assert!(!name.contains(&b'=') && name.trim_ascii().len() == name.len());
        if let Argument::Text(text) = argument {
            assert!(text.len() < line.len());
        }
        names.push(name);
    });
    // A directive in front takes nothing from those that follow.
    let longer = [b"first=\"a, b\" ,", line].concat();
    let mut again = Vec::new();
    directives::each(&longer, |name, _| again.push(name.to_vec()));
    assert_eq!(again[0], b"first");
    assert_eq!(again[1..].iter().map(Vec::as_slice).collect::<Vec<_>>(), names);
}

fn ranges(data: &[u8]) {
    let Some((length, value)) = data.split_first_chunk() else { return };
    let length = u64::from(u16::from_le_bytes(*length));
    let parts = match range::parse(value, length) {
        Wanted::Whole | Wanted::Unsatisfiable => return,
        Wanted::Part(part) => vec![part],
        Wanted::Parts(parts) => {
            assert!((2..=PARTS_MAX).contains(&parts.len()));
            parts
        }
    };
    assert!(parts.iter().all(|part| part.start < part.end && part.end <= length));
    let mut sorted = parts;
    sorted.sort_unstable_by_key(|part| part.start);
    assert!(sorted.windows(2).all(|pair| pair[0].end <= pair[1].start));
}

fn conditions(data: &[u8]) {
    let mut texts = data.splitn(3, |byte| *byte == b'\n');
    let [tag, list, since] = [(); 3].map(|()| texts.next().unwrap_or_default());
    let fields = Fields::new([(&b"etag"[..], tag), (b"last-modified", since)]);
    let variant = Variant::from(Parts { fields, ..Parts::default() });
    let unchanged = |name: &[u8], value: &[u8]| {
        condition::is_unchanged(Headers::Pairs(&[(name, value)]), &variant, 784_111_777_000)
    };
    let before = unchanged(b"if-none-match", list);
    assert_eq!(unchanged(b"if-none-match", &[list, b" "].concat()), before);
    // Who has what is dated has it, and an asterisk is any.
    assert_eq!(unchanged(b"if-modified-since", since), date::parse(since, 784_111_777_000).is_some());
    assert!(unchanged(b"if-none-match", b"*"));
}

fn selectors(data: &[u8]) {
    // No value of a field has a zero byte: it stands for what is not there.
    let values: Vec<_> = data.split(|byte| matches!(byte, b'\n' | 0)).collect();
    let names: [&[u8]; 4] = [b"Foo", b"accept-language", b"Accept-Encoding", b"foo"];
    let pairs: Vec<_> = values.iter().enumerate().map(|(at, value)| (names[at % 4], *value)).collect();
    let given = selector::given(&pairs);
    assert!(selector::matches(given.as_ref(), Headers::Pairs(&pairs)));
    assert!(!selector::matches(given.as_ref(), Headers::Pairs(&[])));
    assert!(
        tags::of_answer(Headers::Pairs(&[(b"surrogate-key", data)]))
            .as_ref()
            .iter()
            .all(|(tag, _)| !tag.is_empty())
    );
}
