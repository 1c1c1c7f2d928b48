use super::*;

fn variant(selector: &[(&[u8], &[u8])], body: &[u8]) -> Arc<Variant> {
    let selector = Fields::new(selector.iter().copied());
    Arc::new(Variant { selector, body: Body::Plain(body.into()), ..Variant::default() })
}

/// An entry of variants that are gone at these times.
fn gone_at(times: &[i64]) -> HttpCache {
    let mut entry = HttpCache::new();
    for at in times {
        let name = at.to_string();
        let selector = Fields::new([(&b"x"[..], name.as_bytes())]);
        let times = Variant { fresh_until: 0, stale_until: 0, grace_until: *at, ..Variant::default() };
        entry.put(Arc::new(Variant { selector, ..times }));
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
    assert_eq!(former.body, Body::Plain(b"eins"[..].into()));
    assert_eq!(entry.len(), 2);
    assert_eq!(entry.variants()[1].body, Body::Plain(b"zwei"[..].into()));
    assert_eq!(
        entry.of_selector(&Fields::default()).map(|variant| variant.body.clone()),
        Some(Body::Plain(b"one"[..].into()))
    );
    assert_eq!(entry.retain(|variant| variant.selector.is_empty()), 1);
    assert_eq!(entry.len(), 1);
}

#[test]
fn uses_are_counted_in_place() {
    let variant = variant(&[], b"one");
    variant.note_use(7);
    variant.note_use(9);
    assert_eq!((variant.hits(), variant.used_at()), (2, 9));
    assert_eq!(Variant::clone(&variant).hits(), 2);
}

#[test]
fn memory_is_that_of_the_variants() {
    let mut entry = HttpCache::new();
    let before = entry.memory_bytes();
    entry.put(variant(&[(b"a", b"b")], &[0; 1000]));
    assert!(entry.memory_bytes() > before + 1000 + size_of::<Variant>());
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
    assert!(before.variants()[0].body == entry.variants()[0].body);
}

#[test]
fn variants_become_others_in_their_places() {
    let mut entry = gone_at(&[10, 20, 30]);
    entry.revise(|variant| match variant.grace_until {
        10 => Revision::Goes,
        20 => Revision::Becomes(Box::new(Variant { grace_until: 5, ..variant.clone() })),
        _ => Revision::Stays,
    });
    let left: Vec<_> = entry.variants().iter().map(|variant| variant.grace_until).collect();
    assert_eq!((left, entry.next_due()), (vec![5, 30], 5));
}
