//! Sets against a model, in every form and over every change of form; and whether choices are fair.

use super::*;
use crate::fate::Fate;
use crate::kind::Kind;
use crate::place::Place;
use crate::random::{Random, model_steps};
use std::collections::{BTreeMap, BTreeSet};

/// Members and when they expire.
type Model = BTreeMap<Vec<u8>, Option<i64>>;

const SEED: HashSeed = HashSeed::new(3, 4);
const WIDE: SetLimits = SetLimits { integers_max: 1000, entries_max: 1000, value_bytes_max: 64 };

fn edited<T>(value: &mut OwnedValue, limits: SetLimits, edit: impl FnOnce(&mut SetMut<'_>) -> T) -> T {
    edit(&mut SetMut::new(Place::owned(value, SEED, &mut 0), limits))
}

fn members(value: &mut OwnedValue) -> Vec<Vec<u8>> {
    edited(value, WIDE, |set| set.view().iter().map(Str::to_vec).collect())
}

fn form(value: &OwnedValue) -> &'static str {
    match value {
        OwnedValue::Inline { kind, .. } => kind.encoding_name(),
        OwnedValue::Large(_) => "hashtable",
    }
}

/// What the set holds, counted and walked over in every way, and that its form may hold it.
fn check(value: &mut OwnedValue, limits: SetLimits, model: &Model) {
    let mut walked = members(value);
    if let OwnedValue::Inline { kind: Kind::IntSet, bytes } = value {
        assert_eq!(crate::intset::validate(bytes), Ok(()));
        assert!(model.len() <= limits.integers_max);
    } else if let OwnedValue::Inline { bytes, .. } = value {
        assert_eq!(crate::listpack::validate(bytes), Ok(crate::listpack::Shape::Canonical));
        assert!(model.len() <= limits.entries_max);
        assert!(model.keys().all(|member| member.len() <= limits.value_bytes_max));
    }
    walked.sort();
    assert!(walked.iter().eq(model.keys()));
    edited(value, limits, |set| {
        let view = set.view();
        assert_eq!((view.len(), view.is_empty()), (model.len(), model.is_empty()));
        let (mut visited, mut cursor) = (BTreeSet::new(), Some(Cursor::default()));
        while let Some(at) = cursor {
            cursor = view.scan(at, i64::MIN, |member| assert!(visited.insert(member.to_vec())));
        }
        assert!(visited.iter().eq(model.keys()));
        view.for_each(|member| assert!(view.contains(member)));
        for (member, expiry) in model {
            assert_eq!(view.expiry(Str::parse(member)), Some(*expiry));
        }
    });
}

/// A member: small integers, wide ones, short texts and long ones, of which some are alike but for their form.
fn member(random: &mut Random, variety: usize) -> Vec<u8> {
    match variety {
        0 => random.below(60).to_string().into(),
        1 => [0, i64::from(i16::MAX), 1 << 40][random.below(3)]
            .wrapping_sub(random.below(20) as i64)
            .to_string()
            .into(),
        2 => format!("m{}", random.below(60)).into(),
        _ => [&b"0"[..], b"00", b"+1", b"-0", b"", b"a longer member"][random.below(6)].into(),
    }
}

#[test]
fn sets_follow_a_model() {
    let mut random = Random::new(5);
    let mut forms = BTreeSet::new();
    for round in 0..model_steps(100_000) / 500 {
        let limits = SetLimits {
            integers_max: [0, 1, 8, 1000][round % 4],
            entries_max: [0, 1, 8, 1000][round / 4 % 4],
            value_bytes_max: [0, 1, 5, 64][round / 16 % 4],
        };
        let variety = 1 + random.below(4);
        let (first, expected) = (member(&mut random, variety - 1), 1 + random.below(12));
        let mut value = SetMut::fresh(Str::parse(&first), expected, limits, SEED);
        let mut model = Model::new();
        // What did not fit when the set was made stays as long as nothing is added.
        edited(&mut value, limits, |set| assert!(set.add(Str::parse(&first))));
        model.insert(first, None);
        for _ in 0..500 {
            let kind = random.below(variety);
            let text = member(&mut random, kind);
            step(&mut value, limits, &mut model, text, &mut random);
        }
        check(&mut value, limits, &model);
        forms.insert(form(&value));
    }
    assert_eq!(forms.len(), 3, "{forms:?}");
}

fn step(value: &mut OwnedValue, limits: SetLimits, model: &mut Model, text: Vec<u8>, random: &mut Random) {
    match random.below(14) {
        0..6 => {
            let is_new = edited(value, limits, |set| set.add(Str::parse(&text)));
            assert_eq!(is_new, !model.contains_key(&text));
            model.entry(text).or_insert(None);
        }
        6..9 => {
            let is_removed = edited(value, limits, |set| set.remove(Str::parse(&text)));
            assert_eq!(is_removed, model.remove(&text).is_some());
        }
        9 => {
            let is_there = edited(value, limits, |set| set.view().contains(Str::parse(&text)));
            assert_eq!(is_there, model.contains_key(&text));
        }
        10 => edited(value, limits, |set| {
            set.narrow();
        }),
        11 => decide(value, limits, model, text, random),
        12 => {
            let now = random.below(100) as i64;
            let OwnedValue::Large(large) = value else { return };
            let (gone, is_whole) = large.expire_in_portions(now, 3);
            if is_whole {
                *value = SetMut::fresh_pack();
            }
            let due = |expiry: Option<i64>| expiry.is_some_and(|at| at <= now);
            assert!(gone.iter().all(|member| model.remove(member).is_some_and(due)));
            assert!(!model.values().any(|expiry| due(*expiry)));
        }
        _ if model.len() > 1 => {
            let count = random.below(model.len());
            let mut popped = Vec::new();
            edited(value, limits, |set| {
                set.pop(count, &mut || random.next(), |member| popped.push(member.to_vec()));
            });
            assert_eq!(popped.len(), count);
            assert!(popped.iter().all(|member| model.remove(member).is_some()));
        }
        _ => {}
    }
    assert_eq!(edited(value, limits, |set| set.view().len()), model.len());
}

fn decide(value: &mut OwnedValue, limits: SetLimits, model: &mut Model, text: Vec<u8>, random: &mut Random) {
    let at = 1 + random.below(100) as i64;
    let fate = [Fate::Stays, Fate::Persists, Fate::Goes, Fate::Expires(at)][random.below(4)];
    let before = model.get(&text).copied();
    let mut seen = None;
    let decided = edited(value, limits, |set| {
        set.decide(Str::parse(&text), |before| {
            seen = Some(before);
            fate
        })
    });
    assert_eq!((decided, seen), (before.map(|_| fate), before));
    match fate {
        Fate::Goes => drop(model.remove(&text)),
        Fate::Expires(_) | Fate::Persists => {
            model.entry(text).and_modify(|expiry| *expiry = fate.stamp());
        }
        Fate::Stays => {}
    }
}

fn encoding(members: &[&str], limits: SetLimits) -> &'static str {
    let mut value = SetMut::fresh(Str::parse(members[0].as_bytes()), 1, limits, SEED);
    for member in members {
        edited(&mut value, limits, |set| set.add(Str::parse(member.as_bytes())));
    }
    form(&value)
}

#[test]
fn forms_change_at_their_limits() {
    let limits = SetLimits { integers_max: 3, entries_max: 2, value_bytes_max: 4 };
    for (members, expected) in [
        (&["1", "2", "3"][..], "intset"),
        (&["1", "2", "3", "4"], "hashtable"),
        (&["1", "a"], "listpack"),
        (&["1", "2", "a"], "hashtable"),
        (&["12345", "a"], "hashtable"),
        (&["-123", "abcd"], "listpack"),
        (&["1", "abcde"], "hashtable"),
        (&["a", "b"], "listpack"),
        (&["a", "b", "a"], "listpack"),
        (&["a", "b", "c"], "hashtable"),
        (&["a", "12345"], "hashtable"),
    ] {
        assert_eq!(encoding(members, limits), expected, "{members:?}");
    }
}

#[test]
fn orders_are_kept() {
    let value = &mut SetMut::fresh_pack();
    for member in ["b", "7", "a", "c"] {
        edited(value, WIDE, |set| set.add(Str::parse(member.as_bytes())));
    }
    edited(value, WIDE, |set| set.remove(Str::Integer(7)));
    assert_eq!(members(value), [b"b", b"a", b"c"]);
    let value = &mut SetMut::fresh_integers();
    for integer in [5, -70_000, 3] {
        edited(value, WIDE, |set| set.add(Str::Integer(integer)));
    }
    assert_eq!(members(value), [&b"-70000"[..], b"3", b"5"]);
}

/// A set of 10 members in each form.
fn sets_of_ten() -> [OwnedValue; 3] {
    [SetMut::fresh_integers(), SetMut::fresh_pack(), SetMut::fresh_large(0, SEED)].map(|mut value| {
        for integer in 0..10 {
            edited(&mut value, WIDE, |set| set.add(Str::Integer(integer)));
        }
        value
    })
}

/// Fails if counts that should be even are not, by more than chance does once in a million tests.
fn assert_even(counts: &[u32]) {
    let expected = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
    let squares: f64 = counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
    // The quantile of the chi-square distribution, after Wilson and Hilferty.
    let spread = 2.0 / (9.0 * (counts.len() as f64 - 1.0));
    let limit = (counts.len() as f64 - 1.0) * (1.0 - spread + 4.75 * spread.sqrt()).powi(3);
    assert!(squares < limit, "{squares} above {limit}: {counts:?}");
}

fn index_of(member: Str<'_>) -> usize {
    member.integer().expect("all are integers") as usize
}

#[test]
fn choices_are_fair_in_every_form() {
    let mut random = Random::new(11);
    for mut value in sets_of_ten() {
        edited(&mut value, WIDE, |set| {
            let mut counts = [0; 10];
            (0..20_000).for_each(|_| counts[index_of(set.view().choose(&mut || random.next()))] += 1);
            assert_even(&counts);
        });
    }
}

/// How often each pair of members is together in samples of this size.
fn pairs_of_samples(set: SetRef<'_>, count: usize, random: &mut Random) -> Vec<u32> {
    let mut pairs = [0; 100];
    for _ in 0..10_000 {
        let mut chosen = Vec::new();
        set.sample(count, &mut || random.next(), |member| chosen.push(index_of(member)));
        assert_eq!(chosen.len(), count);
        for one in &chosen {
            chosen.iter().filter(|other| one < *other).for_each(|other| pairs[one * 10 + other] += 1);
        }
    }
    (0..100).filter(|index| index / 10 < index % 10).map(|index| pairs[index]).collect()
}

#[test]
fn samples_are_fair_in_every_form() {
    let mut random = Random::new(12);
    for mut value in sets_of_ten() {
        for count in [2, 5, 9] {
            // Pairs of one sample are not independent, so that they can only be more even.
            assert_even(&edited(&mut value, WIDE, |set| pairs_of_samples(set.view(), count, &mut random)));
        }
    }
}

#[test]
fn pops_are_fair_in_every_form() {
    let mut random = Random::new(13);
    for count in [1, 3, 9] {
        for mut value in sets_of_ten() {
            let mut counts = [0; 10];
            for _ in 0..5000 {
                let mut copy = value.share();
                edited(&mut copy, WIDE, |set| {
                    set.pop(count, &mut || random.next(), |member| counts[index_of(member)] += 1);
                    assert_eq!(set.view().len(), 10 - count);
                });
            }
            assert_even(&counts);
        }
    }
}

#[test]
fn scans_visit_what_stays_while_others_come_and_go() {
    let mut random = Random::new(14);
    let mut value = SetMut::fresh_large(0, SEED);
    let stays = |number: usize| Str::Integer(number as i64 * 2);
    for number in 0..2000 {
        assert!(edited(&mut value, WIDE, |set| set.add(stays(number))));
    }
    let (mut visited, mut cursor) = (BTreeSet::new(), Some(Cursor::default()));
    while let Some(at) = cursor {
        cursor = edited(&mut value, WIDE, |set| {
            set.view().scan(at, i64::MIN, |member| {
                visited.insert(member.to_vec());
            })
        });
        edited(&mut value, WIDE, |set| {
            for _ in 0..40 {
                let odd = Str::Integer(random.below(10_000) as i64 * 2 + 1);
                if random.below(3) == 0 {
                    set.remove(odd)
                } else {
                    set.add(odd)
                };
            }
        });
    }
    assert!((0..2000).all(|number| visited.contains(&stays(number).to_vec())));
}
