//! The data types of SpinelDB and the memory they live in.
//!
//! A [`Table`] maps byte-string keys to packed entries. It is the one hash table of the engine: the keyspace
//! is made of tables, and the large forms of hashes, sets and sorted sets are tables too. Below it stand the
//! [`Arena`], which hands out memory in fine size classes, and the [`entry`] layout, which packs a key, its
//! value and an optional time stamp into one slot of the arena.
//!
//! This crate must not know keyspaces, commands, RESP, files on disks, sockets or clocks: a stamp is a number that its
//! user orders, and hash seeds come in from outside.
//!
//! ```
//! use spinel_types::{Fields, HashSeed, Keys, Parity, Table};
//!
//! let mut table = Table::<Keys>::new(HashSeed::new(1, 2));
//! let hash = table.hash(b"greeting");
//! let fields = Fields { kind: 1, value: b"hello", stamp: None, clock: 0, parity: Parity::Even };
//! table.insert(hash, b"greeting", &fields);
//! let slot = table.find(hash, b"greeting").expect("just inserted");
//! assert_eq!(table.entry(slot).value(), b"hello");
//! ```
//!
//! Start reading at [`table`], then [`entry`] and [`arena`].

pub mod arena;
pub mod blob;
pub mod buffer;
mod bytes;
mod chance;
pub mod copies;
mod cpu;
pub mod direction;
pub mod entry;
mod fate;
pub mod geo;
pub mod hash;
pub mod hash_seed;
pub mod http_cache;
pub mod hyperloglog;
pub mod intset;
pub mod kind;
pub mod large;
pub mod list;
pub mod listpack;
pub mod lzf;
pub mod member;
pub mod owned;
mod pages;
pub mod place;
#[cfg(test)]
mod random;
pub mod run;
pub mod set;
pub mod sha1;
#[cfg(test)]
mod sharing;
pub mod sorted_set;
pub mod stream;
pub mod string;
pub mod table;
pub mod unexpired;
pub mod value;
pub mod values;
pub mod xxh3;

pub use arena::{Arena, Slot};
pub use buffer::Buffer;
pub use copies::Copies;
pub use direction::Direction;
pub use entry::{Entry, EntryMut, Fields, Keys, Parity};
pub use fate::Fate;
pub use hash::{FieldExpiry, Hash, HashLimits, HashMut, HashRef};
pub use hash_seed::HashSeed;
pub use http_cache::HttpCache;
pub use hyperloglog::HyperLogLog;
pub use intset::{Intset, IntsetMut};
pub use kind::{Kind, ValueType};
pub use large::Large;
pub use list::{List, ListLimits, ListMut, ListRef};
pub use listpack::{Element, Listpack, ListpackMut};
pub use member::{Member, MemberFields, MemberValue, Members};
pub use owned::OwnedValue;
pub use pages::Location;
pub use place::{Form, Place};
pub use set::{Set, SetLimits, SetMut, SetRef};
pub use sorted_set::{Gathering, SortedSet, SortedSetLimits, SortedSetMut, SortedSetRef};
pub use stream::{Stream, StreamId};
pub use string::{Str, StringEncoding};
pub use table::{Cursor, Guess, Home, Layout, Look, Table, TableStatistics};
pub use unexpired::Unexpired;
pub use value::Value;
pub use values::{LargeNumber, Marks, Remains, Values};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
