//! Large lists against vectors.

use std::ops::ControlFlow;

use super::*;
use crate::listpack::Element;
use crate::random::{Random, model_steps};
use crate::sharing;

fn texts(list: &List, start: usize, count: usize, direction: Direction) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    let _ = list.visit(start, count, direction, |element| {
        texts.push(element.to_vec());
        ControlFlow::<()>::Continue(())
    });
    texts
}

fn random_text(random: &mut Random) -> Vec<u8> {
    match random.below(40) {
        0 => vec![b'l'; 9000 + random.below(2000)],
        1 => vec![b'm'; 100 + random.below(3000)],
        2..20 => random.below(30).to_string().into_bytes(),
        _ => b"some text that repeats itself, itself"[..random.below(30)].to_vec(),
    }
}

const LIMITS: [ListLimits; 5] = [
    ListLimits { listpack_max: -2, compress_depth: 0, plain_min: 0 },
    ListLimits { listpack_max: -1, compress_depth: 1, plain_min: 0 },
    ListLimits { listpack_max: 4, compress_depth: 2, plain_min: 0 },
    ListLimits { listpack_max: 5, compress_depth: 0, plain_min: 25 },
    ListLimits { listpack_max: 1, compress_depth: 0, plain_min: 0 },
];

#[test]
fn lists_are_vectors() {
    let mut random = Random::new(17);
    for limits in LIMITS {
        let (mut list, mut model) = (List::new(limits), Vec::<Vec<u8>>::new());
        let steps = model_steps(60_000) / LIMITS.len();
        for step in 0..steps {
            let is_growing = step / 400 % 2 == 0 && model.len() < 700;
            edit(&mut list, &mut model, &mut random, is_growing);
            assert_eq!(list.len(), model.len());
            if step % 16 == 0 {
                list.check();
                compare(&list, &model, &mut random);
            }
        }
        assert!(list.memory_bytes() > 0);
        list.remove_range(0, usize::MAX);
        assert_eq!((list.len(), list.nodes(), list.nodes_bytes), (0, 0, 0));
    }
}

fn edit(list: &mut List, model: &mut Vec<Vec<u8>>, random: &mut Random, is_growing: bool) {
    let text = random_text(random);
    let copy = text.clone();
    let element = Element::Text(&copy);
    let at = random.below(model.len() + 1);
    let is_there = at < model.len();
    match random.below(if is_growing { 12 } else { 18 }) {
        0..3 => {
            list.push(End::Head, element);
            model.insert(0, text);
        }
        3..6 => {
            list.push(End::Tail, element);
            model.push(text);
        }
        6..8 if is_there => {
            list.insert(at, Side::Before, element);
            model.insert(at, text);
        }
        8..10 if is_there => {
            list.insert(at, Side::After, element);
            model.insert(at + 1, text);
        }
        10 if is_there => {
            list.set(at, element);
            model[at] = text;
        }
        11 => {
            let max = 1 + random.below(20);
            let direction = if random.below(2) == 0 { Direction::Forwards } else { Direction::Backwards };
            let removed = list.remove_matches(element, max, direction);
            assert_eq!(removed, remove_matches(model, &text, max, direction));
        }
        _ => {
            let most = if random.below(50) == 0 { 200 } else { 8 };
            let count = 1 + random.below(most);
            list.remove_range(at, count);
            model.drain(at..(at + count).min(model.len()));
        }
    }
}

fn remove_matches(model: &mut Vec<Vec<u8>>, text: &[u8], max: usize, direction: Direction) -> usize {
    let mut matches: Vec<usize> = (0..model.len()).filter(|index| model[*index] == text).collect();
    if direction == Direction::Backwards {
        matches.reverse();
    }
    matches.truncate(max);
    matches.sort_unstable_by(|one, other| other.cmp(one));
    for index in &matches {
        model.remove(*index);
    }
    matches.len()
}

fn compare(list: &List, model: &[Vec<u8>], random: &mut Random) {
    let (start, count) = (random.below(model.len() + 1), random.below(model.len() + 9));
    let expected: Vec<_> = model.iter().skip(start).take(count).cloned().collect();
    assert_eq!(texts(list, start, count, Direction::Forwards), expected);
    let expected: Vec<_> = model.iter().rev().skip(start).take(count).cloned().collect();
    assert_eq!(texts(list, start, count, Direction::Backwards), expected);

    let wanted = random_text(random);
    let max = random.below(model.len() + 9);
    for direction in [Direction::Forwards, Direction::Backwards] {
        let mut found = Vec::new();
        let _ = list.each_match(Element::Text(&wanted), max, direction, |index| {
            found.push(index);
            ControlFlow::<()>::Continue(())
        });
        let mut in_order: Vec<&Vec<u8>> = model.iter().collect();
        if direction == Direction::Backwards {
            in_order.reverse();
        }
        let expected: Vec<_> =
            (0..model.len().min(max)).filter(|index| *in_order[*index] == wanted).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn a_million_short_texts_take_little_more_than_themselves() {
    for end in [End::Head, End::Tail] {
        let mut list = List::new(ListLimits::default());
        for index in 0..1_000_000_u32 {
            list.push(end, Element::Text(format!("{index:x>8}").as_bytes()));
        }
        let per_item = list.memory_bytes() as f64 / 1e6;
        assert!(per_item < 10.2, "{per_item}");
        let shared = list.nodes.iter().filter(|node| node.is_packed()).count();
        assert!(list.nodes() - shared < 10, "full nodes lie in slabs");
        list.check();
    }
}

#[test]
fn slabs_are_given_up_before_they_are_empty() {
    let mut list = List::new(ListLimits::default());
    for index in 0..40_000_u32 {
        list.push(End::Tail, Element::Text(format!("{index:x>8}").as_bytes()));
    }
    let copy = list.share();
    for node in 0..list.nodes() {
        list.set(node * 817, Element::Integer(7));
    }
    assert!(list.nodes.iter().all(|node| !node.is_packed()), "also while another list has the slabs");
    let (mut list, copy) = (copy, list);
    drop(copy);
    // One edit in every node, nodes that go whole, and ends that shrink.
    for node in 0..list.nodes() {
        list.set(node * 817, Element::Integer(7));
        list.check();
    }
    assert!(list.nodes.iter().all(|node| !node.is_packed()));
    while !list.is_empty() {
        let (start, count) = (list.len() / 3, 1 + list.len() / 10);
        list.remove_range(start, count);
        list.remove_range(list.len().saturating_sub(900), 900);
        list.check();
    }
}

#[test]
fn inner_nodes_are_compressed() {
    let memory_bytes = |compress_depth| {
        let mut list = List::new(ListLimits { compress_depth, ..ListLimits::default() });
        for index in 0..20_000_u32 {
            list.push(End::Tail, Element::Text(format!("an element with the number {index}").as_bytes()));
        }
        list.check();
        list.memory_bytes()
    };
    assert!(memory_bytes(1) * 3 < memory_bytes(0));
}

#[test]
fn nodes_split_and_merge_by_their_limits() {
    let limits = ListLimits { listpack_max: 4, ..ListLimits::default() };
    let mut list = List::new(limits);
    let counts = |list: &List| list.nodes.iter().map(Node::count).collect::<Vec<_>>();
    (0..10).for_each(|index| list.push(End::Tail, Element::Integer(index)));
    assert_eq!(counts(&list), [4, 4, 2]);
    list.insert(5, Side::After, Element::Integer(99));
    assert_eq!(counts(&list), [4, 2, 3, 2]);
    list.insert(9, Side::Before, Element::Integer(98));
    assert_eq!(counts(&list), [4, 2, 3, 3]);
    list.set(5, Element::Text(&[b'x'; 9000]));
    assert_eq!(counts(&list), [4, 1, 1, 3, 3]);
    list.set(5, Element::Integer(5));
    assert_eq!(counts(&list), [4, 1, 4, 3]);
    list.remove_range(0, 9);
    assert_eq!((counts(&list), list.compact_again(limits)), (vec![3], None));
    list.remove_range(0, 1);
    assert!(list.compact_again(limits).is_some());
}

#[test]
fn copies_share_their_nodes_until_they_differ() {
    const KIND: sharing::Kind<List, Vec<Vec<u8>>> = sharing::Kind {
        share: List::share,
        edit: |list, model, random| {
            let is_growing = model.len() < 900 || random.below(3) == 0;
            edit(list, model, random, is_growing);
        },
        compare: |list, model| {
            assert_eq!(texts(list, 0, usize::MAX, Direction::Forwards), *model);
            assert_eq!(list.nodes_bytes, list.nodes.iter().map(Node::memory_bytes).sum::<usize>());
        },
    };
    for (seed, limits) in (1..).zip(LIMITS) {
        let steps = model_steps(40_000) / LIMITS.len();
        sharing::check(&KIND, (List::new(limits), Vec::new()), steps, seed);
    }
}

#[test]
fn slabs_are_shared() {
    let mut list = List::new(ListLimits::default());
    let text = |index: u32| format!("{index:x>8}").into_bytes();
    (0..40_000).for_each(|index| list.push(End::Tail, Element::Text(&text(index))));
    let copy = list.share();
    assert!(
        list.nodes.iter().zip(&copy.nodes).all(|(one, other)| one.bytes().as_ptr() == other.bytes().as_ptr())
    );
    let model: Vec<_> = (0..40_000).map(text).collect();
    let reader = std::thread::spawn(move || {
        assert_eq!(texts(&copy, 0, usize::MAX, Direction::Forwards), model);
    });
    (0..40_000).for_each(|index| list.set(index, Element::Integer(index as i64)));
    assert!(
        texts(&list, 0, usize::MAX, Direction::Forwards)
            .iter()
            .eq(&(0..40_000).map(|index: u32| index.to_string().into_bytes()).collect::<Vec<_>>())
    );
    reader.join().expect("the copy is as the list was");
}
