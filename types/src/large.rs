//! Collections that are too large for their entries.

use crate::arena::Slot;
use crate::hash::{Hash, HashRef};
use crate::http_cache::HttpCache;
use crate::kind::ValueType;
use crate::list::List;
use crate::set::Set;
use crate::sorted_set::SortedSet;
use crate::stream::Stream;
use crate::string::Str;
#[cfg(test)]
use {crate::set::SetRef, crate::sorted_set::SortedSetRef, std::collections::BTreeSet};

/// A collection in its large form.
pub enum Large {
    /// A hash as a table.
    Hash(Box<Hash>),
    /// A list as a row of nodes.
    List(Box<List>),
    /// A set as a table.
    Set(Box<Set>),
    /// A sorted set as a table and a tree.
    SortedSet(Box<SortedSet>),
    /// A stream, which has no other form.
    Stream(Box<Stream>),
    /// Answers of HTTP origins, which have no other form.
    HttpCache(HttpCache),
}

impl Large {
    /// The hash this is.
    ///
    /// # Panics
    /// If it is another type.
    pub fn as_hash_mut(&mut self) -> &mut Hash {
        let Large::Hash(hash) = self else { panic!("it is no hash") };
        hash
    }

    /// The list this is.
    ///
    /// # Panics
    /// If it is another type.
    #[inline]
    pub fn as_list(&self) -> &List {
        let Large::List(list) = self else { panic!("it is no list") };
        list
    }

    /// The list this is.
    ///
    /// # Panics
    /// If it is another type.
    #[inline]
    pub fn as_list_mut(&mut self) -> &mut List {
        let Large::List(list) = self else { panic!("it is no list") };
        list
    }

    /// The sorted set this is.
    ///
    /// # Panics
    /// If it is another type.
    #[inline]
    pub fn as_sorted_set_mut(&mut self) -> &mut SortedSet {
        let Large::SortedSet(set) = self else { panic!("it is no sorted set") };
        set
    }

    /// The set this is.
    ///
    /// # Panics
    /// If it is another type.
    #[inline]
    pub fn as_set(&self) -> &Set {
        let Large::Set(set) = self else { panic!("it is no set") };
        set
    }

    /// The set this is.
    ///
    /// # Panics
    /// If it is another type.
    #[inline]
    pub fn as_set_mut(&mut self) -> &mut Set {
        let Large::Set(set) = self else { panic!("it is no set") };
        set
    }

    /// The stream this is.
    ///
    /// # Panics
    /// If it is another type.
    #[inline]
    pub fn as_stream_mut(&mut self) -> &mut Stream {
        let Large::Stream(stream) = self else { panic!("it is no stream") };
        stream
    }

    /// The entry of an HTTP cache this is.
    ///
    /// # Panics
    /// If it is another type.
    #[inline]
    pub fn as_http_cache_mut(&mut self) -> &mut HttpCache {
        let Large::HttpCache(cache) = self else { panic!("it is no entry of an HTTP cache") };
        cache
    }

    /// Makes a second collection with the same contents. Both share their memory and copy parts of some kilobytes
    /// before the first write to them; either may go to another thread. O(those parts): some 20 ns for each.
    pub fn share(&mut self) -> Large {
        match self {
            Large::Hash(hash) => Large::Hash(Box::new(hash.share())),
            Large::List(list) => Large::List(Box::new(list.share())),
            Large::Set(set) => Large::Set(Box::new(set.share())),
            Large::SortedSet(set) => Large::SortedSet(Box::new(set.share())),
            Large::Stream(stream) => Large::Stream(Box::new(stream.share())),
            Large::HttpCache(cache) => Large::HttpCache(cache.clone()),
        }
    }

    /// Its type.
    pub fn value_type(&self) -> ValueType {
        match self {
            Large::Hash(_) => ValueType::Hash,
            Large::List(_) => ValueType::List,
            Large::Set(_) => ValueType::Set,
            Large::SortedSet(_) => ValueType::SortedSet,
            Large::Stream(_) => ValueType::Stream,
            Large::HttpCache(_) => ValueType::HttpCache,
        }
    }

    /// Memory in bytes. O(1).
    pub fn memory_bytes(&self) -> usize {
        match self {
            Large::Hash(hash) => hash.memory_bytes(),
            Large::List(list) => list.memory_bytes(),
            Large::Set(set) => set.memory_bytes(),
            Large::SortedSet(set) => set.memory_bytes(),
            Large::Stream(stream) => stream.memory_bytes(),
            Large::HttpCache(cache) => cache.memory_bytes(),
        }
    }

    /// How many elements it has: what freeing it costs grows with this. O(1).
    pub fn len(&self) -> usize {
        match self {
            Large::Hash(hash) => hash.len(),
            Large::List(list) => list.len(),
            Large::Set(set) => set.len(),
            Large::SortedSet(set) => set.len(),
            Large::Stream(stream) => stream.len() as usize,
            Large::HttpCache(cache) => cache.len(),
        }
    }

    /// Whether nothing is in it, so that its key should go. O(1).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes members that have expired by `now`, at most about `members_max`, and reports each. Of a stream, entries
    /// that are due come into sight, and the ids are reported under which they were kept; of an entry of an HTTP cache, variants
    /// go that are gone, and their selectors are reported.
    ///
    /// If those are all members, none is removed or reported, because it is cheaper to drop the whole value.
    pub(crate) fn expire_members(
        &mut self,
        now: i64,
        members_max: usize,
        report: impl FnMut(Str<'_>),
    ) -> Expiration {
        let mut due = Vec::new();
        let has_more = match self {
            Large::Hash(hash) => hash.collect_due(now, members_max, &mut due),
            Large::List(_) => false,
            Large::Stream(stream) => return release_due(stream, now, members_max, report),
            Large::HttpCache(cache) => return expire_variants(cache, now, members_max, report),
            Large::Set(set) => set.collect_due(now, members_max, &mut due),
            Large::SortedSet(set) => set.collect_due(now, members_max, &mut due),
        };
        if due.len() == self.len() {
            return Expiration::Whole;
        }
        self.remove_all(&due, report);
        if has_more { Expiration::Unfinished } else { Expiration::Finished }
    }

    /// Lists the slots of members that have expired by `now` and stay; see [`Table::list_due`](crate::table::Table::list_due).
    pub(crate) fn list_due(&mut self, now: i64) -> Vec<Slot> {
        match self {
            Large::Hash(hash) => hash.list_due(now),
            Large::List(_) | Large::Stream(_) | Large::HttpCache(_) => Vec::new(),
            Large::Set(set) => set.list_due(now),
            Large::SortedSet(set) => set.list_due(now),
        }
    }

    /// Removes the members in some slots and reports each.
    pub(crate) fn remove_all(&mut self, slots: &[Slot], report: impl FnMut(Str<'_>)) {
        match self {
            Large::Hash(hash) => hash.remove_all(slots, report),
            Large::List(_) | Large::Stream(_) | Large::HttpCache(_) => {}
            Large::Set(set) => set.remove_all(slots, report),
            Large::SortedSet(set) => set.remove_all(slots, report),
        }
    }

    /// Visits the fields of a hash; nothing of another type.
    pub fn for_each_field(&self, mut visit: impl FnMut(Str<'_>)) {
        if let Large::Hash(hash) = self {
            HashRef::Large(hash).for_each(|field, _, _| visit(field));
        }
    }

    /// A lower bound of the times at which members expire, or delayed entries are due; `i64::MAX` when there is none. O(1).
    pub fn next_due(&self) -> i64 {
        match self {
            Large::Hash(hash) => hash.next_due(),
            Large::List(_) => i64::MAX,
            Large::Stream(stream) => stream.next_due(),
            Large::HttpCache(cache) => cache.next_due(),
            Large::Set(set) => set.next_due(),
            Large::SortedSet(set) => set.next_due(),
        }
    }
}

#[cfg(test)]
impl Large {
    /// Removes all members that have expired and returns them, and whether they were all and are still there.
    pub(crate) fn expire_in_portions(&mut self, now: i64, members_max: usize) -> (BTreeSet<Vec<u8>>, bool) {
        let mut gone = BTreeSet::new();
        let mut report = |member: Str<'_>| assert!(gone.insert(member.to_vec()), "reported twice");
        loop {
            match self.expire_members(now, members_max, &mut report) {
                Expiration::Unfinished => {}
                Expiration::Finished => return (gone, false),
                Expiration::Whole => break,
            }
        }
        match self {
            Large::Hash(hash) => HashRef::Large(hash).for_each(|field, _, _| report(field)),
            Large::Set(set) => SetRef::Large(set).for_each(report),
            Large::SortedSet(set) => SortedSetRef::Large(set).iter().for_each(|(member, _)| report(member)),
            Large::List(_) | Large::Stream(_) | Large::HttpCache(_) => {}
        }
        (gone, true)
    }
}

fn release_due(stream: &mut Stream, now: i64, max: usize, mut report: impl FnMut(Str<'_>)) -> Expiration {
    let has_more = stream.release_due(now, max, |id| report(Str::Text(&id.text())));
    if has_more { Expiration::Unfinished } else { Expiration::Finished }
}

fn expire_variants(
    cache: &mut HttpCache,
    now: i64,
    max: usize,
    mut report: impl FnMut(Str<'_>),
) -> Expiration {
    match cache.expire(now, max, |selector| report(Str::Text(selector))) {
        None => Expiration::Whole,
        Some(true) => Expiration::Unfinished,
        Some(false) => Expiration::Finished,
    }
}

// The numbering of a map has one of these for each large value: a word for the type, and one for what hangs off it.
const _: () = assert!(size_of::<Option<Large>>() == 16);

/// How far the removal of expired members came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Expiration {
    /// There may be more.
    Unfinished,
    /// All are gone that had expired.
    Finished,
    /// All members have expired, and are still there.
    Whole,
}

/// The large values of a map, numbered.
pub(crate) struct Larges {
    larges: Vec<Option<Large>>,
    vacant: Vec<u32>,
}

impl Larges {
    pub(crate) const fn new() -> Larges {
        Larges { larges: Vec::new(), vacant: Vec::new() }
    }

    /// Takes a value in and returns its number.
    pub(crate) fn put(&mut self, large: Large) -> u32 {
        if let Some(number) = self.vacant.pop() {
            self.larges[number as usize] = Some(large);
            return number;
        }
        self.larges.push(Some(large));
        u32::try_from(self.larges.len() - 1).expect("a map has fewer than 2^32 large values")
    }

    /// Gives a value away; its number will be used again.
    pub(crate) fn take(&mut self, number: u32) -> Large {
        let large = self.larges[number as usize].take().expect("an entry names a value that is there");
        self.vacant.push(number);
        if self.vacant.len() == self.larges.len() {
            *self = Larges::new();
        }
        large
    }

    #[inline]
    pub(crate) fn at(&self, number: u32) -> &Large {
        self.larges[number as usize].as_ref().expect("an entry names a value that is there")
    }

    /// Asks for what names a value to be loaded into the cache.
    #[inline]
    pub(crate) fn prefetch(&self, number: u32) {
        if let Some(place) = self.larges.get(number as usize) {
            crate::cpu::prefetch(place);
        }
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, number: u32) -> &mut Large {
        self.larges[number as usize].as_mut().expect("an entry names a value that is there")
    }

    pub(crate) fn elements(&self) -> usize {
        self.larges.iter().flatten().map(Large::len).sum()
    }

    /// Memory in bytes of the numbering.
    pub(crate) fn table_bytes(&self) -> usize {
        self.larges.capacity() * size_of::<Option<Large>>() + self.vacant.capacity() * size_of::<u32>()
    }
}
