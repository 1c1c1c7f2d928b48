//! Sorted sets against a model, in both forms and across the crossing between them.

use super::ordered_score::Score;
use super::*;
use crate::fate::Fate;
use crate::hash_seed::HashSeed;
use crate::large::Large;
use crate::owned::OwnedValue;
use crate::place::Place;
use crate::random::{Random, model_steps};
use crate::sharing;
use crate::table::Cursor;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

const SEED: HashSeed = HashSeed::new(3, 4);

fn member(random: &mut Random) -> Vec<u8> {
    match random.below(5) {
        0 => random.below(150).to_string().into_bytes(),
        1 => vec![b'm'; random.below(40)],
        2 => format!("-{}", random.below(60)).into_bytes(),
        _ => format!("member:{}", random.below(120)).into_bytes(),
    }
}

fn score(random: &mut Random) -> f64 {
    match random.below(5) {
        0 => [f64::INFINITY, f64::NEG_INFINITY, 0.0, 1e300, -1e-300][random.below(5)],
        1 => random.below(1000) as f64 / 8.0,
        _ => random.below(20) as f64 - 10.0,
    }
}

/// A sorted set on its own, and what it should be.
struct Pair {
    value: OwnedValue,
    limits: SortedSetLimits,
    changes: u64,
    scores: HashMap<Vec<u8>, f64>,
    expiries: HashMap<Vec<u8>, i64>,
    order: BTreeSet<(Score, Vec<u8>)>,
}

impl Pair {
    fn new(entries_max: usize, member_bytes_max: usize) -> Pair {
        let limits = SortedSetLimits { entries_max, member_bytes_max };
        Pair {
            value: SortedSetMut::fresh(),
            limits,
            changes: 0,
            scores: HashMap::new(),
            expiries: HashMap::new(),
            order: BTreeSet::new(),
        }
    }

    fn edit(&mut self) -> SortedSetMut<'_> {
        SortedSetMut::new(Place::owned(&mut self.value, SEED, &mut self.changes), self.limits)
    }

    fn is_large(&self) -> bool {
        matches!(self.value, OwnedValue::Large(_))
    }

    fn put(&mut self, member: &[u8], score: f64) {
        let old = self.scores.insert(member.to_vec(), score);
        let mut seen = None;
        let change = self.edit().update(member, |old| {
            seen = old;
            Some(score)
        });
        assert_eq!(seen, old);
        let expected = match old {
            None => Change::Added,
            Some(old) if is_same(old, score) => Change::Same,
            Some(_) => Change::Rescored,
        };
        assert_eq!(change, expected);
        if let Some(old) = old {
            self.order.remove(&(Score(old), member.to_vec()));
        }
        self.order.insert((Score(score), member.to_vec()));
    }

    fn take(&mut self, member: &[u8]) {
        let expected = self.forget(member);
        assert_eq!(self.edit().remove(member), expected);
    }

    /// Takes a member out of what should be there, and returns its score.
    fn forget(&mut self, member: &[u8]) -> Option<f64> {
        self.expiries.remove(member);
        let score = self.scores.remove(member)?;
        self.order.remove(&(Score(score), member.to_vec()));
        Some(score)
    }

    fn decide(&mut self, member: &[u8], fate: Fate) {
        let before = self.scores.get(member).map(|_| self.expiries.get(member).copied());
        let mut seen = None;
        let decided = self.edit().decide(member, |before| {
            seen = Some(before);
            fate
        });
        assert_eq!((decided, seen), (before.map(|_| fate), before));
        match fate {
            Fate::Expires(at) if before.is_some() => _ = self.expiries.insert(member.to_vec(), at),
            Fate::Persists => _ = self.expiries.remove(member),
            Fate::Goes => _ = self.forget(member),
            _ => {}
        }
    }

    fn expire(&mut self, now: i64) {
        let mut gone = BTreeSet::new();
        if let OwnedValue::Large(large) = &mut self.value {
            let is_whole;
            (gone, is_whole) = large.expire_in_portions(now, 3);
            if is_whole {
                self.value = SortedSetMut::fresh();
            }
        }
        let due = self.expiries.iter().filter(|(_, at)| **at <= now);
        let due: BTreeSet<_> = due.map(|(member, _)| member.clone()).collect();
        assert_eq!(gone, due);
        for member in due {
            self.forget(&member);
        }
    }

    fn take_range(&mut self, start: usize, count: usize) {
        let start = start.min(self.order.len());
        let gone: Vec<_> = self.order.iter().skip(start).take(count).cloned().collect();
        self.edit().remove_range(start..start + gone.len());
        for (_, member) in gone {
            self.forget(&member);
        }
    }

    fn probe(&mut self, member: &[u8], low: f64, high: f64) {
        let rank = self.scores.get(member).map(|score| {
            let rank = self.order.iter().position(|(_, other)| other == member).expect("in the order");
            (rank, *score)
        });
        let expiry = self.expiries.get(member).copied();
        let before = |bound: f64| self.order.iter().filter(|(score, _)| score.0 < bound).count();
        let up_to = |bound: f64| self.order.iter().filter(|(score, _)| score.0 <= bound).count();
        let expected = [before(low)..up_to(high).max(before(low)), up_to(low)..before(high).max(up_to(low))];
        let is_chosen = |score: f64| !(0.0..3.0).contains(&score);
        let in_range = self.order.iter().filter(|(score, _)| low <= score.0 && score.0 < high);
        let chosen = in_range.filter(|(score, _)| is_chosen(score.0));
        let chosen: Vec<_> = chosen.map(|(score, member)| (member.clone(), score.0)).collect();
        let edit = self.edit();
        let view = edit.view();
        for count in [usize::MAX, chosen.len() / 2] {
            let mut found = Vec::new();
            view.select(low..high, count, |score| is_chosen(score).then_some(score), &mut found);
            let found: Vec<_> = found.into_iter().map(|(member, score)| (member.to_vec(), score)).collect();
            assert_eq!(found, chosen[..chosen.len().min(count)]);
        }
        assert_eq!(view.rank(member), rank);
        assert_eq!(view.score(member), rank.map(|(_, score)| score));
        assert_eq!(view.expiry(member), rank.map(|_| expiry));
        assert_eq!(view.ranks_of_scores(Bound::Included(low), Bound::Included(high)), expected[0]);
        assert_eq!(view.ranks_of_scores(Bound::Excluded(low), Bound::Excluded(high)), expected[1]);
    }

    fn compare(&mut self) {
        let expected: Vec<_> = self.order.iter().map(|(score, member)| (member.clone(), score.0)).collect();
        let edit = self.edit();
        let view = edit.view();
        assert_eq!(view.len(), expected.len());
        let owned = |(member, score): (Str<'_>, f64)| (member.to_vec(), score);
        assert_eq!(view.iter().map(owned).collect::<Vec<_>>(), expected);
        let mut backward: Vec<_> = view.entries(0..view.len(), Direction::Backwards).map(owned).collect();
        backward.reverse();
        assert_eq!(backward, expected);
        let (mut scanned, mut cursor) = (Vec::new(), Some(Cursor::default()));
        while let Some(at) = cursor {
            cursor = view.scan(at, i64::MIN, |member, score| scanned.push((Score(score), member.to_vec())));
        }
        scanned.sort();
        assert!(scanned.into_iter().eq(self.order.iter().cloned()));
    }
}

#[test]
fn behaves_as_an_ordered_map_in_both_forms() {
    let mut random = Random::new(99);
    let mut crossings = 0;
    let mut done = 0;
    while done < model_steps(100_000) {
        let limits = [(0, 64), (5, 64), (128, 64), (128, 20), (100_000, 1000)][random.below(5)];
        let mut pair = Pair::new(limits.0, limits.1);
        let length = random.below(3000);
        for step in 0..length {
            let member = member(&mut random);
            let was_large = pair.is_large();
            match random.below(14) {
                0..=6 => {
                    let score = score(&mut random);
                    pair.put(&member, score);
                }
                7 | 8 => pair.take(&member),
                12 => {
                    let at = 1 + random.below(100) as i64;
                    let fates = [Fate::Stays, Fate::Persists, Fate::Goes, Fate::Expires(at)];
                    pair.decide(&member, fates[random.below(4)]);
                }
                13 => pair.expire(random.below(100) as i64),
                9 if step % 50 == 0 => pair.take_range(random.below(200), random.below(40)),
                _ => {
                    let (low, high) = (score(&mut random), score(&mut random));
                    pair.probe(&member, low, high);
                }
            }
            crossings += u32::from(!was_large && pair.is_large());
            let longest = pair.scores.keys().map(Vec::len).max().unwrap_or(0);
            let is_within = pair.scores.len() <= limits.0 && longest <= limits.1;
            assert!(pair.is_large() || is_within && pair.expiries.is_empty());
            if step % 400 == 0 {
                pair.compare();
            }
        }
        pair.compare();
        done += length + 1;
    }
    assert!(crossings > 10);
}

#[test]
fn members_between_bounds() {
    for entries_max in [0, 1000] {
        let mut pair = Pair::new(entries_max, 64);
        for member in ["", "a", "b", "bb", "c", "10", "9", "-5"] {
            pair.put(member.as_bytes(), 1.0);
        }
        let edit = pair.edit();
        let members = |low: Bound<&[u8]>, high: Bound<&[u8]>, direction| {
            let ranks = edit.view().ranks_of_members(low, high, direction);
            let entries = edit.view().entries(ranks, Direction::Forwards);
            entries.map(|(member, _)| String::from_utf8(member.to_vec()).expect("ASCII")).collect::<Vec<_>>()
        };
        for direction in [Direction::Forwards, Direction::Backwards] {
            let all = ["", "-5", "10", "9", "a", "b", "bb", "c"];
            assert_eq!(members(Bound::Unbounded, Bound::Unbounded, direction), all);
            assert_eq!(members(Bound::Included(b"a"), Bound::Excluded(b"c"), direction), ["a", "b", "bb"]);
            assert_eq!(members(Bound::Excluded(b"1"), Bound::Included(b"9"), direction), ["10", "9"]);
            assert_eq!(members(Bound::Excluded(b"b"), Bound::Included(b"a"), direction), [""; 0]);
            assert_eq!(members(Bound::Included(b"d"), Bound::Unbounded, direction), [""; 0]);
        }
    }
}

/// One by one, when few do, and by building the tree anew.
#[test]
fn members_expire() {
    for (share, members_max) in [(5, 10), (5, usize::MAX), (400, usize::MAX)] {
        let mut set = SortedSet::new(HashSeed::new(1, 2));
        for number in 0..5000 {
            set.update(Str::Integer(number), |_| Some((number % 7) as f64));
        }
        assert_eq!(set.next_due(), i64::MAX);
        for number in (0..5000).step_by(share) {
            assert!(set.set_stamp(Str::Integer(number), Some(number)));
            set.update(Str::Integer(number), |_| Some((number % 11) as f64));
        }
        let mut large = Large::SortedSet(Box::new(set));
        let (expired, is_whole) = large.expire_in_portions(2500, members_max);
        assert!(!is_whole);
        assert!(expired.into_iter().map(|member| String::from_utf8(member).expect("digits")).eq({
            let due = (0..=2500).step_by(share).map(|number: i32| number.to_string());
            due.collect::<BTreeSet<_>>()
        }));
        let set = large.as_sorted_set_mut();
        assert_eq!(set.len(), 5000 - 2500 / share - 1);
        assert!(set.next_due() <= 2900, "a lower bound of the next one");
        let entries = set.entries(0..set.len(), Direction::Forwards);
        assert!(entries.map(|(member, score)| (Score(score), member.to_vec())).is_sorted());
    }
}

#[test]
fn what_is_gathered_is_put_in_order() {
    let mut random = Random::new(7);
    for members in [0, 1, 30, 129, 5000] {
        let (mut gathering, mut pair) = (Gathering::new(SEED), Pair::new(128, 64));
        for _ in 0..members {
            let (member, score) = (member(&mut random), score(&mut random));
            let mut old = None;
            gathering.put(Str::Text(&member), |present| {
                old = present;
                present.map_or(score, |present| present.max(score))
            });
            assert_eq!(old, pair.scores.get(&member).copied());
            pair.put(&member, old.map_or(score, |old| old.max(score)));
        }
        assert_eq!(gathering.len(), pair.order.len());
        let sorted: Vec<_> =
            gathering.sorted().map(|(member, score)| (Score(score), member.to_vec())).collect();
        assert!(sorted.iter().eq(&pair.order));
        pair.value = gathering.into_value(pair.limits);
        assert_eq!(pair.is_large(), pair.order.len() > 128);
        pair.compare();
    }
}

#[test]
fn gathered_sorted_sets_have_the_form_the_limits_allow() {
    let limits = SortedSetLimits { entries_max: 3, member_bytes_max: 4 };
    let is_large = |members: &[&str]| {
        let mut gathering = Gathering::new(SEED);
        for member in members {
            gathering.put(Str::Text(member.as_bytes()), |_| 2.5);
        }
        matches!(gathering.into_value(limits), OwnedValue::Large(_))
    };
    assert!(!is_large(&["1", "2", "abcd"]));
    assert!(is_large(&["1", "2", "3", "4"]));
    assert!(is_large(&["12345"]));
}

/// Large sorted sets with some equal scores.
const SHARED: sharing::Kind<SortedSet, BTreeMap<Vec<u8>, f64>> = sharing::Kind {
    share: SortedSet::share,
    edit: |set, model, random| {
        let name = format!("member:{}", random.below(4000)).into_bytes();
        match random.below(if model.len() < 2000 { 8 } else { 12 }) {
            0..6 => {
                let score = random.below(3000) as f64;
                set.update(Str::Text(&name), |_| Some(score));
                model.insert(name, score);
            }
            6 => {
                let is_there = set.set_stamp(Str::Text(&name), Some(random.below(9) as i64));
                assert_eq!(is_there, model.contains_key(&name));
            }
            7 => {
                let start = random.below(model.len() + 1);
                let ranks = start..(start + random.below(4)).min(model.len());
                for (member, _) in set.entries(ranks.clone(), Direction::Forwards) {
                    model.remove(&member.to_vec());
                }
                set.remove_range(ranks);
            }
            _ => assert_eq!(set.remove(Str::Text(&name)), model.remove(&name)),
        }
    },
    compare: |set, model| {
        let mut expected: Vec<_> =
            model.iter().map(|(member, score)| (Score(*score), member.clone())).collect();
        expected.sort();
        let found = set.entries(0..set.len(), Direction::Forwards);
        assert!(found.map(|(member, score)| (Score(score), member.to_vec())).eq(expected));
        assert!(model.iter().all(|(member, score)| set.score(Str::Text(member)) == Some(*score)));
    },
};

#[test]
fn copies_share_their_nodes_until_they_differ() {
    sharing::check(&SHARED, (SortedSet::new(SEED), BTreeMap::new()), model_steps(40_000), 31);
}
