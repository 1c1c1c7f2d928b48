//! Changing sets, and turning one form into another.

use super::{Set, SetRef};
use crate::buffer::Buffer;
use crate::fate::Fate;
use crate::hash_seed::HashSeed;
use crate::intset::{self, Intset, IntsetMut};
use crate::kind::Kind;
use crate::large::Large;
use crate::listpack::{self, ListpackMut};
use crate::owned::OwnedValue;
use crate::place::{Form, Place};
use crate::string::Str;

/// The sizes at which a set changes its form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetLimits {
    /// The most members of a compact set of integers.
    pub integers_max: usize,
    /// The most members of a compact set of any strings.
    pub entries_max: usize,
    /// The longest member of a compact set of any strings in bytes.
    pub value_bytes_max: usize,
}

/// A set opened for editing.
pub struct SetMut<'a> {
    place: Place<'a>,
    limits: SetLimits,
    /// How many members the set may soon have, as far as anybody has said.
    expected: usize,
}

/// What a compact set has to say to a member that is added.
enum Verdict {
    Added,
    Known,
    /// It is none for this form.
    Outgrown,
}

impl<'a> SetMut<'a> {
    /// Edits the set in a place.
    pub fn new(place: Place<'a>, limits: SetLimits) -> SetMut<'a> {
        SetMut { place, limits, expected: 0 }
    }

    /// A set without members, in the form that suits the first one and the number of those expected.
    pub fn fresh(first: Str<'_>, expected: usize, limits: SetLimits, seed: HashSeed) -> OwnedValue {
        if matches!(first, Str::Integer(_)) && expected <= limits.integers_max {
            return SetMut::fresh_integers();
        }
        if expected <= limits.entries_max {
            SetMut::fresh_pack()
        } else {
            SetMut::fresh_large(expected, seed)
        }
    }

    /// A compact set of integers without members.
    pub fn fresh_integers() -> OwnedValue {
        OwnedValue::Inline { kind: Kind::IntSet, bytes: intset::EMPTY.to_vec() }
    }

    /// A compact set without members.
    pub fn fresh_pack() -> OwnedValue {
        OwnedValue::Inline { kind: Kind::SetPack, bytes: listpack::EMPTY.to_vec() }
    }

    /// A large set without members, with room for some.
    pub fn fresh_large(expected: usize, seed: HashSeed) -> OwnedValue {
        OwnedValue::Large(Large::Set(Box::new(Set::with_room(expected, seed))))
    }

    /// The set as it is.
    #[inline]
    pub fn view(&self) -> SetRef<'_> {
        match self.place.large() {
            Some(large) => SetRef::Large(large.as_set()),
            None => SetRef::of_bytes(self.place.kind(), self.place.bytes()),
        }
    }

    /// Makes a set large at once that is about to be given more members than its form may have.
    pub fn expect(&mut self, members: usize) {
        self.make_room(members);
        let members_max = match self.place.kind() {
            Kind::IntSet => self.limits.integers_max,
            Kind::SetPack => self.limits.entries_max,
            _ => return,
        };
        if members > members_max {
            self.enlarge();
        }
    }

    /// Lets a set that becomes large have room for so many members from the start.
    pub fn make_room(&mut self, members: usize) {
        self.expected = members;
    }

    /// Adds a member; whether it was not there.
    ///
    /// O(n) in a compact set, O(1) in a large one.
    #[inline]
    pub fn add(&mut self, member: Str<'_>) -> bool {
        let is_new = self.put(member);
        self.place.count_changes(is_new.into());
        is_new
    }

    /// Lets `decide` say what happens to a member by its expiry time, and returns that; nothing if there is no such
    /// member. A set in which a member expires becomes large.
    ///
    /// O(n) in a compact set, O(1) in a large one.
    pub fn decide(&mut self, member: Str<'_>, decide: impl FnOnce(Option<i64>) -> Fate) -> Option<Fate> {
        let before = self.view().expiry(member)?;
        let fate = decide(before);
        match fate {
            Fate::Stays => {}
            Fate::Persists if before.is_none() => {}
            Fate::Goes => _ = self.remove(member),
            Fate::Expires(_) | Fate::Persists => {
                self.set_expiry(member, fate.stamp());
                self.place.count_changes(1);
            }
        }
        Some(fate)
    }

    fn put(&mut self, member: Str<'_>) -> bool {
        let limits = self.limits;
        let verdict = match self.place.form() {
            Form::Large(large) => return large.as_set_mut().add(member),
            Form::Compact(Kind::IntSet, _) => return self.put_among_integers(member, limits),
            Form::Compact(_, buffer) => put_in_pack(buffer, member, limits),
        };
        match verdict {
            Verdict::Added => true,
            Verdict::Known => false,
            Verdict::Outgrown => {
                self.enlarge();
                self.put(member)
            }
        }
    }

    fn put_among_integers(&mut self, member: Str<'_>, limits: SetLimits) -> bool {
        let Str::Integer(integer) = member else {
            self.leave_integers(member);
            return self.put(member);
        };
        let is_new = IntsetMut::new(self.place.buffer()).insert(integer);
        if is_new && self.view().len() > limits.integers_max {
            self.enlarge();
        }
        is_new
    }

    /// Gives a set of integers a form in which a text has room.
    fn leave_integers(&mut self, member: Str<'_>) {
        let integers = Intset::new(self.place.bytes());
        let longest = [integers.iter().next(), integers.iter().next_back()];
        let longest = longest.into_iter().flatten().map(|integer| Str::Integer(integer).len()).max();
        let SetLimits { entries_max, value_bytes_max, .. } = self.limits;
        let fits = integers.len() < entries_max
            && member.len() <= value_bytes_max
            && longest.unwrap_or(0) <= value_bytes_max
            && integers.len() * PACKED_INTEGER_BYTES_MAX + member.len() <= PACK_BYTES_MAX;
        if !fits {
            self.enlarge();
            return;
        }
        let members: Vec<Str<'_>> = integers.iter().map(Str::Integer).collect();
        let mut bytes = listpack::EMPTY.to_vec();
        ListpackMut::new(Buffer::Owned(&mut bytes)).append_all(&members);
        self.place.set_compact(Kind::SetPack, &bytes);
    }

    /// Removes a member; whether it was there.
    ///
    /// O(n) in a compact set, O(1) in a large one.
    pub fn remove(&mut self, member: Str<'_>) -> bool {
        let is_removed = match self.place.form() {
            Form::Large(large) => large.as_set_mut().remove(member),
            Form::Compact(Kind::IntSet, buffer) => {
                matches!(member, Str::Integer(integer) if IntsetMut::new(buffer).remove(integer))
            }
            Form::Compact(_, buffer) => {
                let mut pack = ListpackMut::new(buffer);
                let found = pack.view().find(member, pack.view().start(), 0);
                if let Some(at) = found {
                    pack.remove(at, 1);
                }
                found.is_some()
            }
        };
        self.place.count_changes(is_removed.into());
        is_removed
    }

    /// Makes a set all of whose members are integers a compact set of integers, unless there are too many, or some
    /// that expire.
    pub fn narrow(&mut self) {
        let view = self.view();
        let is_expiring = matches!(view, SetRef::Large(set) if set.next_due() != i64::MAX);
        if matches!(view, SetRef::Integers(_)) || is_expiring || view.len() > self.limits.integers_max {
            return;
        }
        let Some(mut integers) = view.iter().map(Str::integer).collect::<Option<Vec<i64>>>() else { return };
        integers.sort_unstable();
        let bytes = intset_of(&integers);
        self.place.set_compact(Kind::IntSet, &bytes);
    }

    /// Removes `count` members chosen at random, of which there must be as many, and reports each.
    ///
    /// O(n) in a compact set. A large one of which little is left gets a compact form again if that has room:
    /// O(count) then, and else.
    pub fn pop(&mut self, count: usize, random: &mut impl FnMut() -> u64, mut report: impl FnMut(Str<'_>)) {
        debug_assert!(count <= self.view().len());
        match self.place.form() {
            Form::Large(large) => {
                let set = large.as_set_mut();
                let left = set.len() - count;
                if left * POP_BY_ONE_FACTOR > count {
                    (0..count).for_each(|_| report(Str::Text(&set.pop_one(random).0)));
                } else {
                    let kept: Vec<_> = (0..left).map(|_| set.pop_one(random)).collect();
                    set.table.iter().for_each(|member| report(member.key()));
                    self.replace_by(&kept);
                }
            }
            Form::Compact(Kind::IntSet, buffer) => pop_integers(buffer, count, random, report),
            Form::Compact(_, buffer) => pop_from_pack(buffer, count, random, report),
        }
        self.place.count_changes(count as u64);
    }

    /// Starts again with these members and their expiry times.
    fn replace_by(&mut self, members: &[(Vec<u8>, Option<i64>)]) {
        self.place.set_compact(Kind::SetPack, listpack::EMPTY);
        for (member, _) in members {
            self.put(Str::parse(member));
        }
        for (member, expiry) in members {
            if let Some(at) = *expiry {
                self.set_expiry(Str::parse(member), Some(at));
            }
        }
    }

    /// Sets or clears when a member expires that is there, which makes the set large.
    fn set_expiry(&mut self, member: Str<'_>, expiry: Option<i64>) {
        self.enlarge();
        self.place.large_mut().expect("just made").as_set_mut().set_stamp(member, expiry);
    }

    /// Turns a compact form into the large one.
    fn enlarge(&mut self) {
        if self.place.large().is_some() {
            return;
        }
        let mut set = Set::with_room(self.expected.max(self.view().len()), self.place.seed());
        self.view().for_each(|member| {
            set.add(member);
        });
        self.place.set_large(Large::Set(Box::new(set)));
    }
}

/// A large set loses members one by one unless this many times those left are fewer than those that go.
const POP_BY_ONE_FACTOR: usize = 5;

/// The longest listpack that members are added to.
const PACK_BYTES_MAX: usize = 1 << 30;

/// The most bytes of an integer in a listpack: its encoding, itself and its back length.
const PACKED_INTEGER_BYTES_MAX: usize = 10;

impl Set {
    /// Removes a member chosen at random, and returns it and when it expires; the set must have one.
    fn pop_one(&mut self, random: &mut impl FnMut() -> u64) -> (Vec<u8>, Option<i64>) {
        let slot = self.table.choose(random).expect("the set is not empty");
        let entry = self.table.entry(slot);
        let (member, expiry) = (entry.key(), entry.stamp());
        let (hash, text) = (self.table.hash(member), member.to_vec());
        self.table.remove(hash, slot);
        (text, expiry)
    }
}

fn put_in_pack(buffer: Buffer<'_>, member: Str<'_>, limits: SetLimits) -> Verdict {
    let mut pack = ListpackMut::new(buffer);
    let view = pack.view();
    if view.find(member, view.start(), 0).is_some() {
        return Verdict::Known;
    }
    let len = member.len();
    let has_room = view.len() < limits.entries_max
        && len <= limits.value_bytes_max
        && view.bytes().len() + len <= PACK_BYTES_MAX;
    if !has_room {
        return Verdict::Outgrown;
    }
    pack.append(member);
    Verdict::Added
}

fn intset_of(ascending: &[i64]) -> Vec<u8> {
    let mut bytes = intset::EMPTY.to_vec();
    let mut integers = IntsetMut::new(Buffer::Owned(&mut bytes));
    // The ends first: one of them needs the most bytes, so that the others are never widened.
    ascending.last().into_iter().chain(ascending).for_each(|integer| {
        integers.insert(*integer);
    });
    bytes
}

fn pop_integers(
    mut buffer: Buffer<'_>,
    count: usize,
    random: &mut impl FnMut() -> u64,
    mut report: impl FnMut(Str<'_>),
) {
    let integers = Intset::new(&buffer);
    if count == 1 {
        let index = crate::chance::below(integers.len(), random());
        report(Str::Integer(integers.at(index)));
        IntsetMut::new(buffer).remove_at(index, 1);
        return;
    }
    let mut kept = Vec::with_capacity(integers.len() - count);
    crate::chance::part(integers.iter(), (count, integers.len()), random, |integer, is_chosen| {
        if is_chosen { report(Str::Integer(integer)) } else { kept.push(integer) }
    });
    replace(&mut buffer, &intset_of(&kept));
}

fn pop_from_pack(
    mut buffer: Buffer<'_>,
    count: usize,
    random: &mut impl FnMut() -> u64,
    mut report: impl FnMut(Str<'_>),
) {
    let mut bytes = listpack::EMPTY.to_vec();
    let pack = listpack::Listpack::new(&buffer);
    let mut kept = Vec::with_capacity(pack.len() - count);
    crate::chance::part(pack.iter(), (count, pack.len()), random, |member, is_chosen| {
        if is_chosen { report(member) } else { kept.push(member) }
    });
    ListpackMut::new(Buffer::Owned(&mut bytes)).append_all(&kept);
    replace(&mut buffer, &bytes);
}

/// Puts other bytes in place of all those of a buffer.
fn replace(buffer: &mut Buffer<'_>, bytes: &[u8]) {
    buffer.splice(0, buffer.len(), bytes.len());
    buffer.bytes_mut().copy_from_slice(bytes);
}
