use super::body::SMALL_BYTES_MAX;
use super::*;

fn variant(selector: &[(&[u8], &[u8])], body: &[u8]) -> Variant {
    let selector = Fields::new(selector.iter().copied());
    Variant::from(Parts { selector, body: Body::Plain(body.into()), ..Parts::default() })
}

/// An entry of variants that are gone at these times.
fn gone_at(times: &[i64]) -> HttpCache {
    let mut entry = HttpCache::new();
    for at in times {
        let name = at.to_string();
        let selector = Fields::new([(&b"x"[..], name.as_bytes())]);
        let numbers = Numbers { fresh_until: 0, stale_until: 0, grace_until: *at, ..Numbers::default() };
        entry.put(Variant::from(Parts { numbers, selector, ..Parts::default() }));
    }
    entry
}

#[test]
fn a_variant_takes_the_place_of_one_with_its_selector() {
    let mut entry = HttpCache::new();
    let german: [(&[u8], &[u8]); 1] = [(b"accept-language", b"de")];
    assert!(entry.put(variant(&german, b"eins")).is_none());
    assert!(entry.put(variant(&[], b"one")).is_none());
    let former = entry.put(variant(&german, b"zwei")).expect("there was one");
    assert_eq!(former.body(), BodyRef::Plain(b"eins"));
    assert_eq!(entry.len(), 2);
    assert_eq!(entry.variants()[1].body(), BodyRef::Plain(b"zwei"));
    let plain = entry.of_selector(FieldsRef::default());
    assert_eq!(plain.map(Variant::body), Some(BodyRef::Plain(b"one")));
    assert_eq!(entry.retain(|variant| variant.selector().is_empty()), 1);
    assert_eq!(entry.len(), 1);
}

#[test]
fn uses_are_counted_in_place() {
    let mut variant = variant(&[], b"one");
    let other = variant.clone();
    variant.note_use(7);
    variant.note_use(9);
    assert_eq!((other.hits(), other.used_at()), (2, 9));
    // One that becomes another has been used as often.
    variant.set_numbers(Numbers { status: 404, ..*variant });
    let parts = Parts { body: Body::Plain([0; 2 * SMALL_BYTES_MAX].into()), ..variant.to_parts() };
    let variant = variant.successor(parts);
    assert!(!variant.is_same(&other) && (variant.status, other.status) == (404, 200));
    assert_eq!((variant.hits(), variant.used_at(), variant.body().len()), (2, 9, 2 * SMALL_BYTES_MAX));
}

#[test]
fn memory_is_that_of_the_variants() {
    let mut entry = HttpCache::new();
    let before = entry.memory_bytes();
    entry.put(variant(&[(b"a", b"b")], &[0; 1000]));
    assert!(entry.memory_bytes() > before + 1000 + size_of::<Numbers>());
    let one = entry.memory_bytes();
    entry.put(variant(&[(b"a", b"b")], &[0; 500]));
    assert_eq!(entry.memory_bytes(), one - 500);
    entry.retain(|_| false);
    assert!(entry.memory_bytes() < one - 1000);
}

#[test]
fn variants_that_are_gone_go() {
    let mut entry = gone_at(&[30, 10, 20, NEVER]);
    assert_eq!(entry.next_due(), 10);
    let mut gone = Vec::new();
    assert_eq!(entry.expire(9, 10, |_| panic!("nothing is due")), Some(false));
    assert_eq!(entry.expire(30, 2, |selector| gone.push(selector.to_vec())), Some(true));
    assert_eq!(gone, [b"\x01x\x0230".to_vec(), b"\x01x\x0210".to_vec()]);
    assert_eq!(entry.expire(30, 2, |selector| gone.push(selector.to_vec())), Some(false));
    assert_eq!((gone.len(), entry.len(), entry.next_due()), (3, 1, NEVER));
    let mut entry = gone_at(&[10, 20]);
    assert_eq!(entry.expire(20, 1, |_| panic!("it would be all")), None);
    assert_eq!(entry.len(), 2);
}

#[test]
fn a_write_gives_its_number_to_all_variants_and_leaves_shared_ones_alone() {
    let mut entry = gone_at(&[10, 20]);
    let before = entry.clone();
    entry.renumber(7);
    assert!(entry.variants().iter().all(|variant| variant.sequence == 7));
    assert!(before.variants().iter().all(|variant| variant.sequence == 0));
    assert!(before.variants()[0].body() == entry.variants()[0].body());
}

#[test]
fn variants_become_others_in_their_places() {
    let mut entry = gone_at(&[10, 20, 30]);
    entry.revise(|variant| match variant.grace_until {
        10 => Revision::Goes,
        20 => Revision::Becomes(Numbers { grace_until: 5, ..**variant }),
        _ => Revision::Stays,
    });
    let left: Vec<_> = entry.variants().iter().map(|variant| variant.grace_until).collect();
    assert_eq!((left, entry.next_due()), (vec![5, 30], 5));
}

#[test]
fn a_variant_is_its_parts_wherever_they_lie() {
    let fields = Fields::new([(&b"ETag"[..], &b"\"a\""[..]), (b"X", &[b'x'; 300])]);
    let selector = Fields::new([(&b"accept"[..], &b"text/html"[..])]);
    let tags = Fields::new([(&b"one"[..], &b""[..])]);
    let numbers = Numbers { status: 203, sequence: 7, ..Numbers::default() };
    for bytes in [0, 1, SMALL_BYTES_MAX, SMALL_BYTES_MAX + 1, 100_000] {
        for body in [Body::Plain(vec![b'a'; bytes].into()), Body::packed(&vec![b'a'; bytes])] {
            let (fields, selector, tags) = (fields.clone(), selector.clone(), tags.clone());
            let parts = Parts { numbers, fields, selector, tags, url: b"http://o/"[..].into(), body };
            let variant = Variant::from(parts.clone());
            assert_eq!(
                (variant.fields(), variant.selector()),
                (parts.fields.as_ref(), parts.selector.as_ref())
            );
            assert_eq!((variant.tags(), variant.url()), (parts.tags.as_ref(), &*parts.url));
            assert_eq!((variant.body(), *variant), (parts.body.as_ref(), parts.numbers));
            let again = variant.to_parts();
            assert_eq!(
                (&again.fields, &again.selector, &again.tags),
                (&parts.fields, &parts.selector, &parts.tags)
            );
            assert_eq!((&again.url, again.numbers, &again.body), (&parts.url, parts.numbers, &parts.body));
            assert!(Variant::from(again).body().is_same(variant.body()), "{bytes}");
            assert!(variant.memory_bytes() >= parts.texts_len() + size_of::<Numbers>());
        }
    }
}
