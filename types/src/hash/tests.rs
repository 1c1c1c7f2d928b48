//! Hashes against a model.

use super::*;
use crate::fate::Fate;
use crate::listpack::validate;
use crate::owned::OwnedValue;
use crate::place::Place;
use crate::random::{Random, model_steps};
use crate::table::Cursor;
use std::collections::{BTreeMap, BTreeSet, HashMap};

const SEED: HashSeed = HashSeed::new(3, 4);
const ROOMY: HashLimits = HashLimits { entries_max: 5000, value_bytes_max: 64 };

type Model = HashMap<Vec<u8>, (Vec<u8>, Option<i64>)>;

/// A hash that belongs to no key, with its model.
struct Pair {
    value: OwnedValue,
    limits: HashLimits,
    model: Model,
    changes: u64,
}

impl Pair {
    fn new(limits: HashLimits) -> Pair {
        Pair { value: HashMut::fresh(), limits, model: Model::new(), changes: 0 }
    }

    fn edit(&mut self) -> HashMut<'_> {
        HashMut::new(Place::owned(&mut self.value, SEED, &mut self.changes), self.limits)
    }

    fn view(&self) -> HashRef<'_> {
        match &self.value {
            OwnedValue::Inline { kind, bytes } => HashRef::of(*kind, bytes, None),
            OwnedValue::Large(large) => HashRef::of(Kind::Large(large.value_type()), &[], Some(large)),
        }
    }

    fn set(&mut self, field: &[u8], value: &[u8], expiry: FieldExpiry) {
        let is_new = self.edit().set(field, value, expiry);
        assert_eq!(is_new, !self.model.contains_key(field));
        self.note(field, value, expiry);
    }

    fn note(&mut self, field: &[u8], value: &[u8], expiry: FieldExpiry) {
        let entry = self.model.entry(field.to_vec()).or_default();
        entry.0 = value.to_vec();
        entry.1 = entry.1.filter(|_| expiry == FieldExpiry::Keep);
    }

    fn set_all(&mut self, pairs: &[Vec<u8>], expiry: FieldExpiry) {
        let words: Vec<&[u8]> = pairs.iter().map(Vec::as_slice).collect();
        let added = self.edit().set_all(&words, expiry);
        let before = self.model.len();
        words.chunks(2).for_each(|pair| self.note(pair[0], pair[1], expiry));
        assert_eq!(added, self.model.len() - before);
    }

    fn decide(&mut self, field: &[u8], fate: Fate) {
        let expiry = self.model.get(field).map(|(_, expiry)| *expiry);
        let mut seen = None;
        let decided = self.edit().decide(field, |expiry| {
            seen = Some(expiry);
            fate
        });
        assert_eq!(decided, expiry.map(|_| fate));
        assert_eq!(seen, expiry);
        match (self.model.get_mut(field), fate) {
            (None, _) | (_, Fate::Stays) => {}
            (Some(entry), Fate::Expires(at)) => entry.1 = Some(at),
            (Some(entry), Fate::Persists) => entry.1 = None,
            (Some(_), Fate::Goes) => _ = self.model.remove(field),
        }
    }

    fn expire(&mut self, now: i64) {
        let mut gone = BTreeSet::new();
        let report = |field: Str<'_>| assert!(gone.insert(field.to_vec()));
        match &mut self.value {
            OwnedValue::Inline { kind: kind @ Kind::ExpiringHashPack, bytes } => {
                FieldPackMut::new(*kind, crate::Buffer::Owned(bytes)).expire(now, report);
            }
            OwnedValue::Inline { .. } => {}
            OwnedValue::Large(large) => {
                let (fields, is_whole) = large.expire_in_portions(now, 50);
                gone = fields;
                if is_whole {
                    self.value = HashMut::fresh();
                }
            }
        }
        let is_due = |(_, expiry): &(Vec<u8>, Option<i64>)| expiry.is_some_and(|at| at <= now);
        let due = self.model.iter().filter(|(_, entry)| is_due(entry)).map(|(field, _)| field.clone());
        assert_eq!(gone, due.collect());
        self.model.retain(|_, entry| !is_due(entry));
    }

    /// Compares everything with the model, and checks the invariants of the form.
    fn check(&self) {
        let mut found = Model::new();
        self.view().for_each(|field, value, expiry| {
            let former = found.insert(field.to_vec(), (value.to_vec(), expiry));
            assert!(former.is_none(), "{field:?} stands twice");
        });
        assert_eq!(found, self.model);
        assert_eq!(self.view().len(), self.model.len());
        let soonest = self.model.values().filter_map(|(_, expiry)| *expiry).min().unwrap_or(i64::MAX);
        match &self.value {
            OwnedValue::Large(large) => assert!(large.next_due() <= soonest),
            OwnedValue::Inline { kind, bytes } => {
                validate(bytes).expect("a listpack");
                let pack = FieldPack::new(*kind, bytes);
                assert!(pack.len() <= self.limits.entries_max);
                assert_eq!(pack.next_due(), soonest);
                let mut last = Some(i64::MIN);
                for (field, value, expiry) in pack.iter() {
                    assert!(field.len().max(value.len()) <= self.limits.value_bytes_max);
                    assert!(expiry.is_none() || last.is_some_and(|last| Some(last) <= expiry), "in order");
                    last = expiry;
                }
            }
        }
    }
}

fn text(random: &mut Random, short: usize) -> Vec<u8> {
    match random.below(20) {
        0 => random.next().to_string().into_bytes(),
        1 => vec![b'x'; random.below(90)],
        2..6 => random.below(short).to_string().into_bytes(),
        _ => format!("field {}", random.below(short)).into_bytes(),
    }
}

fn expiry(random: &mut Random) -> FieldExpiry {
    if random.below(3) == 0 { FieldExpiry::Keep } else { FieldExpiry::Clear }
}

fn fate(random: &mut Random, now: i64) -> Fate {
    match random.below(8) {
        0 => Fate::Stays,
        1 => Fate::Persists,
        2..4 => Fate::Goes,
        _ => Fate::Expires(now + 1 + random.below(500) as i64 * 100),
    }
}

#[test]
fn behaves_as_a_map_in_every_form() {
    let mut random = Random::new(91);
    let (mut steps, steps_max) = (0, model_steps(60_000));
    while steps < steps_max {
        let entries_max = [0, 1, 3, 20, 200, 2000][random.below(6)];
        let value_bytes_max = [5, 12, 64, 100][random.below(4)];
        let mut pair = Pair::new(HashLimits { entries_max, value_bytes_max });
        let short = [4, 30, 400][random.below(3)];
        let mut now = 1_700_000_000_000_i64;
        for step in 0..random.below(2000) {
            steps += 1;
            let field = text(&mut random, short);
            match random.below(20) {
                0..8 => {
                    let (value, expiry) = (text(&mut random, 1000), expiry(&mut random));
                    pair.set(&field, &value, expiry);
                }
                8..10 => {
                    let words = 2 * (1 + random.below(6));
                    let pairs: Vec<_> = (0..words).map(|_| text(&mut random, short)).collect();
                    let expiry = expiry(&mut random);
                    pair.set_all(&pairs, expiry);
                }
                10..15 => {
                    let fate = fate(&mut random, now);
                    pair.decide(&field, fate);
                }
                15 => {
                    now += random.below(3000) as i64;
                    pair.expire(now);
                }
                16 => pair.edit().admit_expiries(),
                17 => assert_eq!(pair.edit().remove(&field), pair.model.remove(&field).is_some()),
                _ => {
                    let (view, expected) = (pair.view(), pair.model.get(&field));
                    assert_eq!(view.value(&field).map(Str::to_vec), expected.map(|entry| entry.0.clone()));
                    assert_eq!(view.expiry(&field), expected.map(|entry| entry.1));
                    assert_eq!(view.contains(&field), expected.is_some());
                }
            }
            if step % 16 == 0 || pair.model.len() < 8 {
                pair.check();
            }
        }
        pair.check();
    }
}

/// A hash of `fields` fields in each form.
fn forms(fields: u32) -> [Pair; 3] {
    let mut pairs = [ROOMY, ROOMY, HashLimits { entries_max: 0, ..ROOMY }].map(Pair::new);
    pairs[1].edit().admit_expiries();
    for pair in &mut pairs {
        for field in 0..fields {
            pair.set(&field.to_string().into_bytes(), format!("v{field}").as_bytes(), FieldExpiry::Clear);
        }
    }
    let is_large = |pair: &Pair| matches!(pair.value, OwnedValue::Large(_));
    assert_eq!(pairs.each_ref().map(is_large), [false, false, true]);
    pairs
}

/// Fails if counts that should be even are not: chi-square with `counts.len() - 1` degrees of freedom, at a level
/// that chance reaches about once in ten thousand runs. The random source has a seed, so it never comes as a surprise.
fn assert_even(counts: &Counts, cells: usize) {
    let total: u32 = counts.values().sum();
    let expected = f64::from(total) / cells as f64;
    let deviation = |count: f64| (count - expected).powi(2) / expected;
    let missing = (cells - counts.len()) as f64 * deviation(0.0);
    let chi_square: f64 = counts.values().map(|count| deviation(f64::from(*count))).sum::<f64>() + missing;
    let freedom = (cells - 1) as f64;
    let limit = freedom + 4.0 * (2.0 * freedom).sqrt();
    assert!(chi_square < limit, "chi-square {chi_square:.0} of {cells} cells, at most {limit:.0}");
}

type Counts = BTreeMap<Vec<u8>, u32>;

fn chosen_one_by_one(hash: HashRef<'_>, random: &mut Random) -> Counts {
    let mut counts = Counts::new();
    for _ in 0..60_000 {
        let (field, _) = hash.choose(|| random.next()).expect("it has fields");
        *counts.entry(field.to_vec()).or_default() += 1;
    }
    counts
}

fn chosen_with_repetition(hash: HashRef<'_>, random: &mut Random) -> Counts {
    let mut counts = Counts::new();
    hash.choose_any(
        60_000,
        || random.next(),
        |field, value| {
            assert_eq!(value.to_vec(), [b"v", &*field.to_vec()].concat());
            *counts.entry(field.to_vec()).or_default() += 1;
        },
    );
    counts
}

/// Choices of few fields and of about half of them in turn: a table makes them in different ways.
fn chosen_without_repetition(hash: HashRef<'_>, random: &mut Random) -> Counts {
    let mut counts = Counts::new();
    for round in 0..40_000 / hash.len() {
        let count = if round % 2 == 0 { hash.len() / 5 } else { hash.len() / 2 };
        let mut chosen = BTreeSet::new();
        hash.choose_different(count, || random.next(), |field, _| assert!(chosen.insert(field.to_vec())));
        assert_eq!(chosen.len(), count);
        for field in chosen {
            *counts.entry(field).or_default() += 1;
        }
    }
    counts
}

#[test]
fn every_field_is_chosen_equally_often() {
    let mut random = Random::new(5);
    for (fields, pair) in
        [7, 90, 3000].into_iter().flat_map(|fields| forms(fields).map(|pair| (fields, pair)))
    {
        let hash = pair.view();
        for choose in [chosen_one_by_one, chosen_with_repetition, chosen_without_repetition] {
            assert_even(&choose(hash, &mut random), fields as usize);
        }
        let mut all = 0;
        hash.choose_different(usize::MAX, || random.next(), |_, _| all += 1);
        assert_eq!(all, fields);
    }
}

#[test]
fn nothing_is_chosen_from_an_empty_hash() {
    let empty = Pair::new(ROOMY);
    assert!(empty.view().choose(|| 1).is_none());
    empty.view().choose_any(3, || 1, |_, _| panic!("there is no field"));
    empty.view().choose_different(3, || 1, |_, _| panic!("there is no field"));
}

/// Adds a guest, or removes one.
fn come_and_go(pair: &mut Pair, guests: &mut usize, random: &mut Random, is_growing: bool) {
    let guest = format!("g{}", random.below(*guests + 1)).into_bytes();
    if is_growing || random.below(3) == 0 {
        pair.set(&guest, b"guest", FieldExpiry::Clear);
        *guests += 1;
    } else {
        pair.decide(&guest, Fate::Goes);
    }
}

#[test]
fn a_scan_meets_every_field_that_was_there_throughout() {
    let mut random = Random::new(12);
    for round in 0..60 {
        let mut pair = Pair::new(HashLimits { entries_max: [0, 10, 1000][round % 3], ..ROOMY });
        let residents: Vec<_> = (0..random.below(800)).map(|n| format!("r{n}").into_bytes()).collect();
        for field in &residents {
            pair.set(field, b"", FieldExpiry::Clear);
        }
        let (mut seen, mut cursor, mut guests) = (BTreeSet::new(), Some(Cursor::default()), 0);
        while let Some(at) = cursor {
            cursor = pair.view().scan(at, i64::MIN, |field, _| _ = seen.insert(field.to_vec()));
            for _ in 0..random.below(20) {
                come_and_go(&mut pair, &mut guests, &mut random, round % 2 == 0);
            }
        }
        assert!(residents.iter().all(|field| seen.contains(field)));
    }
}

#[test]
fn a_hash_changes_its_form_at_its_limits() {
    let limits = HashLimits { entries_max: 3, value_bytes_max: 5 };
    let form = |pair: &Pair| match &pair.value {
        OwnedValue::Inline { kind, .. } => *kind,
        OwnedValue::Large(large) => Kind::Large(large.value_type()),
    };
    let large = Kind::Large(crate::ValueType::Hash);

    let mut pair = Pair::new(limits);
    (0..3).for_each(|n| pair.set(&[n], b"12345", FieldExpiry::Clear));
    assert_eq!(form(&pair), Kind::HashPack);
    pair.decide(&[1], Fate::Expires(7));
    assert_eq!(form(&pair), Kind::ExpiringHashPack);
    pair.decide(&[1], Fate::Persists);
    assert_eq!(form(&pair), Kind::ExpiringHashPack);
    pair.set(&[3], b"", FieldExpiry::Clear);
    assert_eq!(form(&pair), large);
    (0..3).for_each(|n| pair.decide(&[n], Fate::Goes));
    assert_eq!(form(&pair), large);

    for (field, value) in [(&b"123456"[..], &b""[..]), (b"", b"123456")] {
        let mut pair = Pair::new(limits);
        pair.set(field, value, FieldExpiry::Clear);
        assert_eq!(form(&pair), large);
    }
    let mut same = Pair::new(limits);
    same.set_all(&vec![b"a".to_vec(); 8], FieldExpiry::Clear);
    assert_eq!((form(&same), same.view().len()), (large, 1));
}
