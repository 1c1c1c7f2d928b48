//! Collections that lie in one string: their bytes, checked.

use super::super::fault::Fault;
use super::input::Input;
use super::value::Decoder;
use super::ziplist;
use spinel_types::{Element, Listpack, Str, listpack};
use std::borrow::Cow;

impl Decoder {
    /// The listpack that lies in the next string, on its own.
    pub(super) fn listpack(&mut self, input: &mut Input<'_>) -> Result<Vec<u8>, Fault> {
        match input.string(&mut self.text)? {
            Str::Text(bytes) => Ok(listpack::adopt(bytes).map(Cow::into_owned)?),
            Str::Integer(_) => Err(Fault::Malformed("a listpack is malformed")),
        }
    }

    /// The elements of the ziplist that lies in the next string, as a listpack.
    pub(super) fn ziplist(&mut self, input: &mut Input<'_>) -> Result<Vec<u8>, Fault> {
        match input.string(&mut self.text)? {
            Str::Text(bytes) => ziplist::to_listpack(bytes),
            Str::Integer(_) => Err(ziplist::MALFORMED),
        }
    }

    /// Checks that a listpack holds groups of `width` elements, and that the first ones of all groups differ. Returns
    /// how many groups there are.
    pub(super) fn check_groups(&mut self, pack: Listpack<'_>, width: usize) -> Result<usize, Fault> {
        let len = pack.iter().count();
        if !len.is_multiple_of(width) {
            return Err(Fault::Malformed("a collection has an incomplete pair"));
        }
        if self.has_twice(pack.iter().step_by(width)) {
            return Err(Fault::Malformed(TWICE));
        }
        Ok(len / width)
    }
}

/// A listpack of elements that were found in another form; `malformed` if they were not.
pub(super) fn listpack_of(elements: Option<Vec<Element<'_>>>, malformed: Fault) -> Result<Vec<u8>, Fault> {
    let mut pack = listpack::EMPTY.to_vec();
    listpack::extend(&mut pack, elements.ok_or(malformed)?);
    Ok(pack)
}

/// What is wrong with a collection in which a member or field stands twice.
pub(super) const TWICE: &str = "a collection has the same member twice";

/// The length of the longest element.
pub(super) fn longest(pack: Listpack<'_>) -> usize {
    pack.iter().map(Str::len).max().unwrap_or(0)
}
