//! Reading and editing collections by their types.

use super::Keyspace;
use super::guard::Expiry;
use super::guard::KeyGuard;
use super::view::View;
use crate::error::Error;
use spinel_types::list::End;
use spinel_types::{
    Gathering, HashMut, HashRef, ListMut, ListRef, OwnedValue, Place, SetMut, SetRef, SortedSetMut,
    SortedSetRef, Str, Value, ValueType,
};

impl Keyspace {
    /// Lets `fill` edit a set that belongs to no key yet.
    pub fn fill_set(&self, mut value: OwnedValue, fill: impl FnOnce(&mut SetMut<'_>)) -> OwnedValue {
        // Nobody asks how much changes in a set that nobody sees yet.
        let mut changes = 0;
        let place = Place::owned(&mut value, self.seed(), &mut changes);
        fill(&mut SetMut::new(place, self.thresholds().set_limits()));
        value
    }
}

impl View<'_> {
    /// Looks at a hash, counting a hit or a miss and marking it used.
    pub fn read_hash(&mut self, key: &[u8]) -> Result<Option<HashRef<'_>>, Error> {
        self.read_value(key).map(hash_in).transpose()
    }

    /// Looks at a hash [as it is](Self::read_value_as_is), counting a hit or a miss and marking it used.
    #[inline]
    pub fn read_hash_as_is(&mut self, key: &[u8]) -> Result<Option<HashRef<'_>>, Error> {
        self.read_value_as_is(key).map(hash_in).transpose()
    }

    /// Looks at a list, counting a hit or a miss and marking it used.
    pub fn read_list(&mut self, key: &[u8]) -> Result<Option<ListRef<'_>>, Error> {
        match self.read_value(key) {
            None => Ok(None),
            Some(Value::List(list)) => Ok(Some(list)),
            Some(_) => Err(Error::WrongType),
        }
    }

    /// Looks at a set, counting a hit or a miss and marking it used.
    #[inline]
    pub fn read_set(&mut self, key: &[u8]) -> Result<Option<SetRef<'_>>, Error> {
        self.read_value(key).map(set_in).transpose()
    }

    /// Looks at a set [as it is](Self::read_value_as_is), counting a hit or a miss and marking it used.
    #[inline]
    pub fn read_set_as_is(&mut self, key: &[u8]) -> Result<Option<SetRef<'_>>, Error> {
        self.read_value_as_is(key).map(set_in).transpose()
    }

    /// Looks at several sets at once, counting hits and misses and marking them used.
    pub fn read_sets<'v>(&'v mut self, keys: &[&[u8]]) -> Result<Vec<Option<SetRef<'v>>>, Error> {
        self.read_values(keys, |entry| ValueType::of(entry) == ValueType::Set)
            .into_iter()
            .map(|value| value.map(set_in).transpose())
            .collect()
    }

    /// Looks at a sorted set, counting a hit or a miss and marking it used.
    #[inline]
    pub fn read_sorted_set(&mut self, key: &[u8]) -> Result<Option<SortedSetRef<'_>>, Error> {
        self.read_value(key).map(sorted_set_in).transpose()
    }

    /// Looks at a sorted set [as it is](Self::read_value_as_is), counting a hit or a miss and marking it used.
    #[inline]
    pub fn read_sorted_set_as_is(&mut self, key: &[u8]) -> Result<Option<SortedSetRef<'_>>, Error> {
        self.read_value_as_is(key).map(sorted_set_in).transpose()
    }

    /// Makes room for members that may become a sorted set of this keyspace.
    pub fn gathering(&self) -> Gathering {
        Gathering::new(self.keyspace().seed())
    }

    /// Puts a sorted set in the place of whatever a key holds; an empty one removes it.
    pub fn store_sorted_set(&mut self, key: &[u8], gathering: Gathering) {
        if gathering.is_empty() {
            self.erase(key);
        } else {
            self.write(key).set_sorted_set(gathering);
        }
    }
}

impl KeyGuard<'_, '_> {
    /// Opens the hash for editing; a new one if there is none.
    pub fn hash(&mut self) -> Result<HashMut<'_>, Error> {
        let limits = self.thresholds().hash();
        Ok(HashMut::new(self.open(ValueType::Hash, |_| HashMut::fresh())?, limits))
    }

    /// Opens the hash for editing, if there is one.
    pub fn existing_hash(&mut self) -> Result<Option<HashMut<'_>>, Error> {
        let limits = self.thresholds().hash();
        Ok(self.open_existing(ValueType::Hash)?.map(|place| HashMut::new(place, limits)))
    }

    /// Opens the list for editing; a new one if there is none.
    pub fn list(&mut self) -> Result<ListMut<'_>, Error> {
        let limits = self.thresholds().list();
        Ok(ListMut::new(self.open(ValueType::List, |_| ListMut::fresh())?, limits))
    }

    /// Opens the list for editing, if there is one.
    pub fn existing_list(&mut self) -> Result<Option<ListMut<'_>>, Error> {
        let limits = self.thresholds().list();
        Ok(self.open_existing(ValueType::List)?.map(|place| ListMut::new(place, limits)))
    }

    /// Stores elements as a list that does not expire; if there are none, removes the key.
    pub fn set_list(&mut self, elements: &[Str<'_>]) {
        let (mut value, mut changes) = (ListMut::fresh(), 0);
        let place = Place::owned(&mut value, self.seed(), &mut changes);
        ListMut::new(place, self.thresholds().list()).push(End::Tail, elements);
        self.set_value(value, Expiry::Never);
    }

    /// Opens the set for editing; a new one if there is none, in the form that suits its first member and the
    /// number of those expected.
    pub fn edit_set(&mut self, first: Str<'_>, expected: usize) -> Result<SetMut<'_>, Error> {
        let limits = self.thresholds().set_limits();
        let place = self.open(ValueType::Set, |seed| SetMut::fresh(first, expected, limits, seed))?;
        Ok(SetMut::new(place, limits))
    }

    /// Opens the set for editing, if there is one.
    pub fn existing_set(&mut self) -> Result<Option<SetMut<'_>>, Error> {
        let limits = self.thresholds().set_limits();
        Ok(self.open_existing(ValueType::Set)?.map(|place| SetMut::new(place, limits)))
    }

    /// Opens the sorted set for editing; a new one if there is none.
    #[inline]
    pub fn sorted_set(&mut self) -> Result<SortedSetMut<'_>, Error> {
        let limits = self.thresholds().sorted_set();
        Ok(SortedSetMut::new(self.open(ValueType::SortedSet, |_| SortedSetMut::fresh())?, limits))
    }

    /// Opens the sorted set for editing, if there is one.
    pub fn existing_sorted_set(&mut self) -> Result<Option<SortedSetMut<'_>>, Error> {
        let limits = self.thresholds().sorted_set();
        Ok(self.open_existing(ValueType::SortedSet)?.map(|place| SortedSetMut::new(place, limits)))
    }

    /// Stores what was gathered as a sorted set that does not expire; if that is nothing, removes the key.
    fn set_sorted_set(&mut self, gathering: Gathering) {
        let limits = self.thresholds().sorted_set();
        self.set_value(gathering.into_value(limits), Expiry::Never);
    }
}

#[inline]
fn hash_in(value: Value<'_>) -> Result<HashRef<'_>, Error> {
    match value {
        Value::Hash(hash) => Ok(hash),
        _ => Err(Error::WrongType),
    }
}

#[inline]
fn sorted_set_in(value: Value<'_>) -> Result<SortedSetRef<'_>, Error> {
    match value {
        Value::SortedSet(set) => Ok(set),
        _ => Err(Error::WrongType),
    }
}

fn set_in(value: Value<'_>) -> Result<SetRef<'_>, Error> {
    match value {
        Value::Set(set) => Ok(set),
        _ => Err(Error::WrongType),
    }
}
