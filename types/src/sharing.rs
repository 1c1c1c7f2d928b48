//! What every structure that can be shared is tested with: a family of copies, each with its model.

use crate::random::Random;
use std::thread;

/// How a structure is shared, changed at random, and compared with its model.
pub(crate) struct Kind<S, M> {
    pub(crate) share: fn(&mut S) -> S,
    pub(crate) edit: fn(&mut S, &mut M, &mut Random),
    pub(crate) compare: fn(&S, &M),
}

/// Changes a structure and copies of it, and copies of those, in turns, and compares all of them with their models.
/// Some copies go to other threads, which read and drop them meanwhile.
pub(crate) fn check<S, M>(kind: &Kind<S, M>, first: (S, M), steps: usize, seed: u64)
where
    S: Send + 'static,
    M: Clone + Send + 'static,
{
    const COPIES_MAX: usize = 5;
    let mut random = Random::new(seed);
    let (mut family, mut readers) = (vec![first], Vec::new());
    for step in 0..steps {
        let at = random.below(family.len());
        let (structure, model) = &mut family[at];
        (kind.edit)(structure, model, &mut random);
        if random.below(40) == 0 {
            let copy = ((kind.share)(structure), model.clone());
            family.push(copy);
        }
        if family.len() > COPIES_MAX {
            let (structure, model) = family.swap_remove(random.below(family.len()));
            let compare = kind.compare;
            match random.below(4) {
                0 => drop(structure),
                1 => compare(&structure, &model),
                _ => readers.push(thread::spawn(move || compare(&structure, &model))),
            }
        }
        if step % 500 == 0 {
            for (structure, model) in &family {
                (kind.compare)(structure, model);
            }
        }
    }
    for reader in readers {
        reader.join().expect("what the other thread had was as its model");
    }
    while let Some((mut structure, mut model)) = family.pop() {
        (kind.edit)(&mut structure, &mut model, &mut random);
        (kind.compare)(&structure, &model);
    }
}
