//! Trees against a model.

use super::*;
use crate::random::{Random, model_steps};
use crate::sorted_set::ordered_score::Score;
use node::{INNER_BRANCHES, LEAF_ITEMS};
use std::collections::BTreeMap;

/// The tree with the members beside it, and what it should be.
struct Pair {
    tree: Tree,
    members: Vec<Vec<u8>>,
    scores: Vec<Option<f64>>,
    model: BTreeMap<(Score, Vec<u8>), Slot>,
}

fn slot(index: usize) -> Slot {
    Slot::from_raw(index as u32 + 1).expect("not 0")
}

fn index(slot: Slot) -> usize {
    slot.raw() as usize - 1
}

fn by_name(members: &[Vec<u8>]) -> impl Fn(Slot, Slot) -> Ordering {
    |left, right| members[index(left)].cmp(&members[index(right)])
}

impl Pair {
    fn new(members: usize) -> Pair {
        // The order of the names is not that of the slots.
        let members: Vec<_> = (0..members).map(|n| format!("{:x}", n * 7919 % 65_521).into_bytes()).collect();
        Pair { tree: Tree::new(), scores: vec![None; members.len()], members, model: BTreeMap::new() }
    }

    fn put(&mut self, at: usize, score: f64) {
        let (members, item) = (&self.members, Item { score, slot: slot(at) });
        let order = by_name(members);
        match self.scores[at] {
            None => self.tree.insert(item, order),
            Some(old) => {
                self.tree.rescore(Item { score: old, ..item }, score, order);
                self.model.remove(&(Score(old), self.members[at].clone()));
            }
        }
        self.model.insert((Score(score), self.members[at].clone()), slot(at));
        self.scores[at] = Some(score);
    }

    fn take(&mut self, at: usize) {
        if let Some(score) = self.scores[at].take() {
            let members = &self.members;
            self.tree.remove(Item { score, slot: slot(at) }, by_name(members));
            self.model.remove(&(Score(score), self.members[at].clone()));
        }
    }

    fn take_range(&mut self, ranks: Range<usize>) {
        let expected: Vec<_> = self
            .model
            .iter()
            .skip(ranks.start)
            .take(ranks.len())
            .map(|(key, slot)| (key.clone(), *slot))
            .collect();
        let mut removed = Vec::new();
        self.tree.remove_range(ranks, |slot| removed.push(slot));
        assert!(removed.iter().eq(expected.iter().map(|(_, slot)| slot)));
        for (key, slot) in expected {
            self.model.remove(&key);
            self.scores[index(slot)] = None;
        }
    }

    /// Looks up one member and one point.
    fn probe(&self, at: usize, bound: f64) {
        let before = self.model.range(..(Score(bound), Vec::new())).count();
        assert_eq!(self.tree.rank_of_point(|item| item.score < bound), before);
        if let Some(score) = self.scores[at] {
            let rank = self.model.range(..(Score(score), self.members[at].clone())).count();
            let path = self.tree.find(Item { score, slot: slot(at) }, by_name(&self.members));
            assert_eq!(path.rank(), rank);
            assert_eq!(self.tree.item_at(rank), Some(Item { score, slot: slot(at) }));
        }
    }

    /// Compares everything.
    fn compare(&self) {
        self.tree.check(by_name(&self.members));
        let expected: Vec<Slot> = self.model.values().copied().collect();
        let forward: Vec<Slot> = self.tree.forward(0, usize::MAX).map(|item| item.slot).collect();
        assert_eq!(forward, expected);
        if let Some(last) = expected.len().checked_sub(1) {
            let mut backward: Vec<Slot> =
                self.tree.backward(last, usize::MAX).map(|item| item.slot).collect();
            backward.reverse();
            assert_eq!(backward, expected);
        }
    }
}

impl Tree {
    /// Asserts order, counts, first items, links and fill.
    fn check(&self, order: impl Fn(Slot, Slot) -> Ordering) {
        let mut leaves = Vec::new();
        assert_eq!(self.check_below(self.root, self.height, &mut leaves), self.len);
        let mut previous = NONE;
        for (place, number) in leaves.iter().enumerate() {
            let leaf = &self.leaves[*number];
            assert_eq!(leaf.previous, previous);
            assert_eq!(leaf.next, leaves.get(place + 1).copied().unwrap_or(NONE));
            assert!(self.height == 0 || leaf.len() > 0);
            previous = *number;
        }
        assert_eq!(self.leaves.len(), leaves.len());
        let items: Vec<Item> = leaves
            .iter()
            .flat_map(|number| (0..self.leaves[*number].len()).map(|at| self.leaves[*number].item(at)))
            .collect();
        let is_ordered = |pair: &[Item]| {
            let by_score = Score(pair[0].score).cmp(&Score(pair[1].score));
            by_score.then_with(|| order(pair[0].slot, pair[1].slot)).is_lt()
        };
        assert!(items.windows(2).all(is_ordered));
    }

    fn check_below(&self, number: u32, height: usize, leaves: &mut Vec<u32>) -> usize {
        let Some(below) = height.checked_sub(1) else {
            leaves.push(number);
            return self.leaves[number].len();
        };
        let inner = &self.inners[number];
        assert!(inner.len() >= 2 && inner.len() <= INNER_BRANCHES);
        for place in 0..inner.len() {
            let child = inner.children[place];
            let first = if below == 0 { self.leaves[child].item(0) } else { self.inners[child].first(0) };
            assert_eq!(inner.first(place), first);
            assert_eq!(self.check_below(child, below, leaves), inner.counts[place] as usize);
        }
        inner.counts[..inner.len()].iter().map(|count| *count as usize).sum()
    }

    fn fill(&self) -> f64 {
        self.len as f64 / (self.leaves.len() * LEAF_ITEMS) as f64
    }
}

/// Scores of several kinds: many equal ones, all equal, all different, the extremes.
fn score(random: &mut Random, step: usize) -> f64 {
    match step / 9000 % 4 {
        0 => random.below(50) as f64,
        1 => 0.0,
        2 => random.next() as f64 / 1e12 - 9e6,
        _ => [f64::NEG_INFINITY, f64::INFINITY, -0.0, 0.0, f64::MIN_POSITIVE][random.below(5)],
    }
}

#[test]
fn behaves_as_an_ordered_map() {
    let (mut pair, mut random, mut height) = (Pair::new(20_000), Random::new(11), 0);
    for step in 0..model_steps(90_000) {
        let at = random.below(20_000);
        let is_growing = step / 30_000 % 2 == 0;
        match random.below(16) {
            0..=11 if is_growing => {
                let score = score(&mut random, step);
                pair.put(at, score);
            }
            12 => {
                let start = random.below(pair.model.len() + 1);
                let most = if random.below(400) == 0 { 3000 } else { 6 };
                let end = (start + random.below(most)).min(pair.model.len());
                pair.take_range(start..end);
            }
            13 if step % 64 == 0 => {
                let bound = score(&mut random, step);
                pair.probe(at, bound);
            }
            _ => pair.take(at),
        }
        if step % 2999 == 0 {
            pair.compare();
        }
        height = height.max(pair.tree.height);
    }
    assert!(height >= 2, "three levels were in use");
    pair.take_range(0..pair.model.len());
    pair.compare();
    assert_eq!(pair.tree.height, 0);
}

#[test]
fn rescoring_keeps_the_order() {
    let (mut pair, mut random) = (Pair::new(3000), Random::new(5));
    for step in 0..60_000 {
        let at = random.below(3000);
        let near = pair.scores[at].map_or(0.0, |score| score + random.below(7) as f64 - 3.0);
        pair.put(at, if step % 3 == 0 { random.below(2000) as f64 } else { near });
        if step % 5000 == 0 {
            pair.compare();
            pair.probe(at, near);
        }
    }
    pair.compare();
}

#[test]
fn leaves_are_well_filled() {
    const ITEMS: usize = 60_000;
    let filled = |scores: &mut dyn FnMut(usize) -> f64| {
        let mut tree = Tree::new();
        for at in 0..ITEMS {
            tree.insert(Item { score: scores(at), slot: slot(at) }, |left, right| {
                left.raw().cmp(&right.raw())
            });
        }
        (tree.fill(), tree.memory_bytes() as f64 / ITEMS as f64)
    };
    let mut random = Random::new(3);
    let (fill, bytes) = filled(&mut |_| random.next() as f64);
    assert!(fill > 0.8 && bytes < 15.5, "random: {fill:.3}, {bytes:.2} bytes");
    let (fill, bytes) = filled(&mut |at| at as f64);
    assert!(fill > 0.95 && bytes < 13.0, "ascending: {fill:.3}, {bytes:.2} bytes");
    let (fill, bytes) = filled(&mut |at| -(at as f64));
    assert!(fill > 0.95 && bytes < 13.0, "descending: {fill:.3}, {bytes:.2} bytes");
}

#[test]
fn builds_from_sorted_items() {
    for count in [0, 1, 2, 83, 84, 85, 169, 4200, 4201, 9999] {
        let mut pair = Pair::new(count.max(1));
        let mut items: Vec<Item> =
            (0..count).map(|at| Item { score: (at % 97) as f64, slot: slot(at) }).collect();
        items.sort_by(|left, right| {
            let by_score = Score(left.score).cmp(&Score(right.score));
            by_score.then_with(|| by_name(&pair.members)(left.slot, right.slot))
        });
        pair.tree = Tree::from_sorted(&items);
        for item in items {
            pair.scores[index(item.slot)] = Some(item.score);
            pair.model.insert((Score(item.score), pair.members[index(item.slot)].clone()), item.slot);
        }
        pair.compare();
        for at in 0..count / 2 {
            pair.take(at * 2);
        }
        pair.compare();
    }
}

#[test]
fn a_moved_member_keeps_its_place() {
    let mut pair = Pair::new(500);
    (0..400).for_each(|at| pair.put(at, (at % 10) as f64));
    for at in (0..400).step_by(3) {
        let (item, to) = (Item { score: (at % 10) as f64, slot: slot(at) }, at % 100 + 400);
        if pair.scores[to].is_some() {
            continue;
        }
        let path = pair.tree.find(item, by_name(&pair.members));
        pair.members.swap(at, to);
        pair.tree.relocate(&path, slot(to));
        pair.scores.swap(at, to);
        pair.model.insert((Score(item.score), pair.members[to].clone()), slot(to));
    }
    pair.compare();
}
