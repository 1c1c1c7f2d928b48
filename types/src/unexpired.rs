//! Values as they are once members that have expired are left out, while these stay where they are.
//!
//! A data set that is a copy of another one removes nothing on its own, and shows nothing that has expired.

use crate::arena::Slot;
use crate::buffer::Buffer;
use crate::hash::{FieldPack, FieldPackMut};
use crate::kind::Kind;
use crate::large::Large;
use crate::owned::{OwnedValue, is_emptied};
use crate::values::Values;

/// Which members of a value have not expired.
pub enum Unexpired {
    /// All.
    All,
    /// Those of this value.
    Some(OwnedValue),
    /// None.
    None,
}

impl Values {
    /// Copies the value in a slot without members that have expired by `now`, if there are such.
    ///
    /// O(bytes) for what lies in the entry. What hangs off it is shared ([`Large::share`]), and the parts are copied in which
    /// those members are; if there are none, that takes a walk over what may be due, once.
    pub fn copy_unexpired(&mut self, slot: Slot, now: i64) -> Unexpired {
        let entry = self.table().entry(slot);
        match Kind::of(entry) {
            Kind::Large(_) => self.with_bounds_renewed(slot, |large| share_unexpired(large, now)),
            kind @ Kind::ExpiringHashPack if self.member_due(entry) <= now => {
                let mut bytes = entry.value().to_vec();
                FieldPackMut::new(kind, Buffer::Owned(&mut bytes)).expire(now, |_| {});
                if is_emptied(kind, &bytes) {
                    return Unexpired::None;
                }
                Unexpired::Some(OwnedValue::Inline { kind, bytes })
            }
            _ => Unexpired::All,
        }
    }

    /// Counts the members of the value in a slot that have expired by `now`. O(bytes) for what lies in the entry, else a walk over
    /// what may be due.
    pub fn count_expired(&mut self, slot: Slot, now: i64) -> usize {
        let entry = self.table().entry(slot);
        match Kind::of(entry) {
            Kind::Large(_) => self.with_bounds_renewed(slot, |large| large.list_due(now).len()),
            kind @ Kind::ExpiringHashPack => FieldPack::new(kind, entry.value())
                .iter()
                .filter(|(_, _, expiry)| expiry.is_some_and(|at| at <= now))
                .count(),
            _ => 0,
        }
    }

    /// Looks at what is due of a large value, after which it may be known better what is due next.
    fn with_bounds_renewed<T>(&mut self, slot: Slot, look: impl FnOnce(&mut Large) -> T) -> T {
        self.unsettle(slot);
        let seen = look(self.large_mut(slot));
        self.settle(slot);
        seen
    }
}

fn share_unexpired(large: &mut Large, now: i64) -> Unexpired {
    let due = large.list_due(now);
    if due.is_empty() {
        return Unexpired::All;
    }
    if due.len() == large.len() {
        return Unexpired::None;
    }
    let mut share = large.share();
    share.remove_all(&due, |_| {});
    Unexpired::Some(OwnedValue::Large(share))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Parity;
    use crate::fate::Fate;
    use crate::hash::{FieldExpiry, HashLimits, HashMut};
    use crate::hash_seed::HashSeed;
    use crate::place::Place;
    use crate::random::Random;
    use crate::set::{SetLimits, SetMut};
    use crate::sorted_set::{SortedSetLimits, SortedSetMut};
    use crate::string::Str;
    use crate::value::Value;
    use crate::values::{Marks, Remains};
    use std::collections::BTreeMap;

    const SEED: HashSeed = HashSeed::new(3, 4);
    const KEY: &[u8] = b"key";

    /// Members and when they expire.
    type Model = BTreeMap<Vec<u8>, Option<i64>>;

    /// As a hash, a small one if there is room; or as a set, or a sorted set.
    fn value_of(model: &Model, form: usize) -> OwnedValue {
        let fate = |expiry: Option<i64>| move |_: Option<i64>| expiry.map_or(Fate::Stays, Fate::Expires);
        let mut value = match form {
            0 => HashMut::fresh(),
            1 => SetMut::fresh_large(0, SEED),
            _ => SortedSetMut::fresh(),
        };
        for (index, (member, expiry)) in model.iter().enumerate() {
            let mut changes = 0;
            let place = Place::owned(&mut value, SEED, &mut changes);
            match form {
                0 => {
                    let mut hash = HashMut::new(place, HashLimits { entries_max: 100, value_bytes_max: 64 });
                    hash.set(member, b"v", FieldExpiry::Clear);
                    hash.decide(member, fate(*expiry));
                }
                1 => {
                    let limits = SetLimits { integers_max: 0, entries_max: 0, value_bytes_max: 0 };
                    let mut set = SetMut::new(place, limits);
                    set.add(Str::parse(member));
                    set.decide(Str::parse(member), fate(*expiry));
                }
                _ => {
                    let limits = SortedSetLimits { entries_max: 0, member_bytes_max: 0 };
                    let mut set = SortedSetMut::new(place, limits);
                    set.update(member, |_| Some((index % 7) as f64));
                    set.decide(member, fate(*expiry));
                }
            }
        }
        value
    }

    /// What is in a value, counted and walked over.
    fn members(value: Value<'_>) -> Vec<Vec<u8>> {
        let (mut members, len): (Vec<Vec<u8>>, usize) = match value {
            Value::Hash(hash) => {
                let mut fields = Vec::new();
                hash.for_each(|field, _, _| fields.push(field.to_vec()));
                (fields, hash.len())
            }
            Value::Set(set) => (set.iter().map(Str::to_vec).collect(), set.len()),
            Value::SortedSet(set) => (set.iter().map(|(member, _)| member.to_vec()).collect(), set.len()),
            _ => panic!("it is a collection of members that expire"),
        };
        assert_eq!(members.len(), len);
        members.sort();
        members
    }

    fn model(random: &mut Random, members: usize) -> Model {
        let expiry = |random: &mut Random| (random.below(3) > 0).then(|| 1 + random.below(100) as i64);
        (0..members).map(|number| (format!("m{number}").into_bytes(), expiry(random))).collect()
    }

    #[test]
    fn what_has_expired_is_left_out_and_stays() {
        let mut random = Random::new(5);
        for (form, members_max) in [(0, 60), (0, 4_000), (1, 4_000), (2, 4_000)] {
            let mut model = model(&mut random, members_max);
            let (mut values, hash) = (Values::new(SEED), SEED.hash(KEY));
            let marks = Marks { stamp: None, clock: 0, parity: Parity::Even };
            let (mut slot, _) = values.put(hash, None, KEY, value_of(&model, form), marks);
            for now in [0, 10, 10, 60, 40, 99, 1_000] {
                let is_due = |expiry: &Option<i64>| expiry.is_some_and(|at| at <= now);
                let due = model.values().filter(|expiry| is_due(expiry)).count();
                let alive: Vec<_> =
                    model.iter().filter(|(_, expiry)| !is_due(expiry)).map(|(member, _)| member).collect();
                match values.copy_unexpired(slot, now) {
                    Unexpired::All => assert_eq!(due, 0),
                    Unexpired::Some(value) => assert!(members(Value::of_owned(&value)).iter().eq(alive)),
                    Unexpired::None => panic!("some never expire"),
                }
                assert_eq!(values.count_expired(slot, now), due);
                assert_eq!(values.first_due(now).is_some(), due > 0);
                let entry = values.table().entry(slot);
                assert!(members(Value::of(entry, &values)).iter().eq(model.keys()), "nothing has gone");
                if now == 60 {
                    let remains = values.expire_members(hash, &mut slot, now, usize::MAX, |_| {});
                    assert!(matches!(remains, Remains::Members));
                    model.retain(|_, expiry| !is_due(expiry));
                }
            }
        }
    }

    #[test]
    fn nothing_is_left_of_what_has_expired_as_a_whole() {
        for form in 0..3 {
            let model = Model::from([(b"a".to_vec(), Some(5)), (b"b".to_vec(), Some(7))]);
            let (mut values, hash) = (Values::new(SEED), SEED.hash(KEY));
            let marks = Marks { stamp: None, clock: 0, parity: Parity::Even };
            let (slot, _) = values.put(hash, None, KEY, value_of(&model, form), marks);
            assert!(matches!(values.copy_unexpired(slot, 4), Unexpired::All));
            assert!(matches!(values.copy_unexpired(slot, 6), Unexpired::Some(_)));
            assert!(matches!(values.copy_unexpired(slot, 7), Unexpired::None));
            assert_eq!(values.count_expired(slot, 7), 2);
        }
    }
}
