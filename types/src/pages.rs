//! Rows of pages that are shared with copies of the row until somebody writes to them.
//!
//! ```text
//! pages    [start, len, state][start, len, state] …     all that a lookup needs, shared or not
//!               │
//!            elements                                   one allocation, without a header
//!               │
//! owners   [Arc ┘            ][none             ] …     of shared pages; empty until the row is shared
//! ```
//!
//! [`Pages::share`] makes a second row of the same pages. From then on either row copies a page before the first
//! write to it, unless the other has let go of it. Rows may go to other threads, and any number may share a page.
//!
//! Sharing costs some 20 ns per page, reading nothing, writing one comparison as long as nothing is shared. A
//! page takes 16 bytes beside its elements, and 40 more from when it is first shared until it is written to.
//!
//! Invariants:
//! - A page without an owner belongs to its row alone, which frees it: no other row has its address.
//! - The memory of a page with an owner belongs to the owner. Every row that has the page holds the owner, nobody
//!   writes to the page, and the last one to let go of the owner frees it.
//! - A `&mut Page` is given out only of a page without an owner.
//! - `start` and `len` are those of a boxed slice.
#![allow(unsafe_code, reason = "a page's owner stands apart from it, so that neither has a header")]

use std::mem;
use std::ops::{Deref, DerefMut, Index, IndexMut};
use std::ptr::NonNull;
use std::sync::Arc;

/// Some elements side by side, and a few words about them that are copied with the row.
pub(crate) struct Page<T, S = ()> {
    start: NonNull<T>,
    len: u32,
    /// What is known of the elements; each row has its own.
    pub(crate) state: S,
}

/// What a shared page belongs to.
struct Owner<T> {
    start: NonNull<T>,
    len: u32,
}

/// Numbered pages.
pub(crate) struct Pages<T, S = ()> {
    pages: Vec<Page<T, S>>,
    /// By the number of the page; may end before the pages do.
    owners: Vec<Option<Arc<Owner<T>>>>,
}

// SAFETY: a page is a boxed slice that others can at most read at the same time, through references like any other.
unsafe impl<T: Send + Sync, S: Send> Send for Page<T, S> {}
// SAFETY: a shared reference to a page gives shared references to its elements and its state, and nothing else.
unsafe impl<T: Send + Sync, S: Sync> Sync for Page<T, S> {}
// SAFETY: an owner does nothing but free a boxed slice, on whatever thread.
unsafe impl<T: Send + Sync> Send for Owner<T> {}
// SAFETY: nothing can be done with a shared reference to an owner.
unsafe impl<T: Send + Sync> Sync for Owner<T> {}

/// Where some memory lies, to be compared with other places.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Location {
    /// The address of its first byte.
    pub address: usize,
    /// How long it is.
    pub bytes: usize,
}

/// Turns a boxed slice into what [`into_box`] turns back.
fn from_box<T>(elements: Box<[T]>) -> (NonNull<T>, u32) {
    let len = u32::try_from(elements.len()).expect("a page has fewer than 2^32 elements");
    let start = Box::into_raw(elements).cast::<T>();
    (NonNull::new(start).expect("a box is somewhere"), len)
}

/// Takes a page's memory as a box again.
///
/// # Safety
/// Both must have come from [`from_box`], and nothing else may use the memory from now on.
unsafe fn into_box<T>(start: NonNull<T>, len: u32) -> Box<[T]> {
    let elements = NonNull::slice_from_raw_parts(start, len as usize);
    // SAFETY: it was a box of this length, as the caller promises, and is one again only now.
    unsafe { Box::from_raw(elements.as_ptr()) }
}

impl<T, S> Deref for Page<T, S> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: a boxed slice lies there for as long as the row has the page, and it is written to only through a
        // `&mut Page` of the one row that has it.
        unsafe { NonNull::slice_from_raw_parts(self.start, self.len as usize).as_ref() }
    }
}

impl<T, S> DerefMut for Page<T, S> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: whoever has a `&mut Page` has one without an owner, which nobody else knows.
        unsafe { NonNull::slice_from_raw_parts(self.start, self.len as usize).as_mut() }
    }
}

impl<T> Drop for Owner<T> {
    fn drop(&mut self) {
        // SAFETY: the last row that had the page has let go of it.
        drop(unsafe { into_box(self.start, self.len) });
    }
}

impl<T, S> Pages<T, S> {
    /// Makes a row without pages.
    pub(crate) const fn new() -> Pages<T, S> {
        Pages { pages: Vec::new(), owners: Vec::new() }
    }

    /// Adds a page behind the others.
    pub(crate) fn push(&mut self, elements: Box<[T]>, state: S) {
        let (start, len) = from_box(elements);
        self.pages.push(Page { start, len, state });
    }

    /// Puts other elements in the place of a page's, which are let go.
    pub(crate) fn replace(&mut self, number: usize, elements: Box<[T]>) {
        let owner = self.take_owner(number);
        let page = &mut self.pages[number];
        let former = (page.start, page.len);
        (page.start, page.len) = from_box(elements);
        if owner.is_none() {
            // SAFETY: without an owner it was this row's alone, and the row has just forgotten it.
            drop(unsafe { into_box(former.0, former.1) });
        }
    }

    /// Lets go of a page's elements, of which it then has none.
    pub(crate) fn clear(&mut self, number: usize) {
        self.replace(number, Box::default());
    }

    /// What is known of a page's elements, to be changed without touching them.
    pub(crate) fn state_mut(&mut self, number: usize) -> &mut S {
        &mut self.pages[number].state
    }

    /// Memory of the row itself in bytes, as long as nothing is shared.
    pub(crate) fn row_bytes(&self) -> usize {
        self.pages.capacity() * size_of::<Page<T, S>>()
    }

    #[inline]
    fn take_owner(&mut self, number: usize) -> Option<Arc<Owner<T>>> {
        self.owners.get_mut(number).and_then(Option::take)
    }
}

impl<T: Copy, S: Copy> Pages<T, S> {
    /// Makes a second row of the same pages. O(pages).
    pub(crate) fn share(&mut self) -> Pages<T, S> {
        self.owners.resize(self.pages.len(), None);
        for (page, owner) in self.pages.iter().zip(&mut self.owners) {
            owner.get_or_insert_with(|| Arc::new(Owner { start: page.start, len: page.len }));
        }
        let pages = self.pages.iter().map(|page| Page { ..*page }).collect();
        Pages { pages, owners: self.owners.clone() }
    }

    /// Takes a page's elements away, copied if they are shared. The page then has none.
    pub(crate) fn take(&mut self, number: usize) -> Box<[T]> {
        let page = &mut self[number];
        let (start, len) = from_box(Box::default());
        let (start, len) = (mem::replace(&mut page.start, start), mem::replace(&mut page.len, len));
        // SAFETY: it was given out as `&mut Page`, so it was this row's alone, and the row has just forgotten it.
        unsafe { into_box(start, len) }
    }

    /// Puts a page's elements into other memory if `is_misplaced` says so of where they lie, and says where that is. What
    /// is empty, or shared with another row, stays.
    pub(crate) fn relocate(
        &mut self,
        number: usize,
        is_misplaced: impl FnOnce(Location) -> bool,
    ) -> Option<Location> {
        let location = self.location(number);
        let is_shared = self.owners.get(number).is_some_and(Option::is_some);
        if location.bytes == 0 || is_shared || !is_misplaced(location) {
            return None;
        }
        let copy = Box::from(&**self.pages.get(number)?);
        self.replace(number, copy);
        Some(self.location(number))
    }

    fn location(&self, number: usize) -> Location {
        let page = &self.pages[number];
        Location { address: page.start.as_ptr().addr(), bytes: size_of_val::<[T]>(page) }
    }

    /// Makes a page this row's alone: it is copied if another row still has it.
    #[cold]
    #[inline(never)]
    fn unshare(&mut self, number: usize) {
        let Some(owner) = self.take_owner(number) else { return };
        match Arc::try_unwrap(owner) {
            // No other row has it any more, so it is this one's without an owner, which must not free it.
            Ok(owner) => mem::forget(owner),
            Err(owner) => {
                let page = &mut self.pages[number];
                (page.start, page.len) = from_box(Box::from(&**page));
                drop(owner);
            }
        }
    }
}

impl<T, S> Deref for Pages<T, S> {
    type Target = [Page<T, S>];

    #[inline]
    fn deref(&self) -> &[Page<T, S>] {
        &self.pages
    }
}

impl<T, S> Index<usize> for Pages<T, S> {
    type Output = Page<T, S>;

    #[inline]
    fn index(&self, number: usize) -> &Page<T, S> {
        &self.pages[number]
    }
}

/// A page to be written to, which is copied first if it is shared.
impl<T: Copy, S: Copy> IndexMut<usize> for Pages<T, S> {
    #[inline]
    fn index_mut(&mut self, number: usize) -> &mut Page<T, S> {
        if !self.owners.is_empty() {
            self.unshare(number);
        }
        &mut self.pages[number]
    }
}

impl<T, S> Default for Pages<T, S> {
    fn default() -> Pages<T, S> {
        Pages::new()
    }
}

impl<T, S> Drop for Pages<T, S> {
    fn drop(&mut self) {
        let mut owners = mem::take(&mut self.owners).into_iter();
        for page in &self.pages {
            if owners.next().flatten().is_none() {
                // SAFETY: without an owner it is this row's alone, and the row is about to be gone.
                drop(unsafe { into_box(page.start, page.len) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Random, model_steps};
    use crate::sharing;

    type Model = Vec<(Vec<u64>, u32)>;

    fn edit(pages: &mut Pages<u64, u32>, model: &mut Model, random: &mut Random) {
        let elements = vec![random.next(); random.below(9)];
        if model.len() < 50 {
            pages.push(elements.clone().into(), 0);
            model.push((elements, 0));
            return;
        }
        let at = random.below(model.len());
        match random.below(8) {
            0 => {
                pages.replace(at, elements.clone().into());
                model[at].0 = elements;
            }
            1 => {
                pages.clear(at);
                model[at].0.clear();
            }
            2 => assert_eq!(*pages.take(at), std::mem::take(&mut model[at].0)),
            3 => {
                *pages.state_mut(at) += 1;
                model[at].1 += 1;
            }
            _ => {
                let page = &mut pages[at];
                page.iter_mut().for_each(|element| *element ^= 1);
                page.state += 1;
                model[at].0.iter_mut().for_each(|element| *element ^= 1);
                model[at].1 += 1;
            }
        }
    }

    fn compare(pages: &Pages<u64, u32>, model: &Model) {
        assert_eq!(pages.len(), model.len());
        assert!(
            pages
                .iter()
                .zip(model)
                .all(|(page, (elements, state))| **page == **elements && page.state == *state)
        );
    }

    #[test]
    fn rows_differ_where_they_were_written_to() {
        const KIND: sharing::Kind<Pages<u64, u32>, Model> =
            sharing::Kind { share: Pages::share, edit, compare };
        sharing::check(&KIND, (Pages::new(), Model::new()), model_steps(100_000), 23);
    }

    #[test]
    fn only_what_another_row_has_is_copied() {
        let mut pages: Pages<u64> = Pages::new();
        (0..9).for_each(|number| pages.push(vec![number; 10].into(), ()));
        let address = |pages: &Pages<u64>, at: usize| pages[at].as_ptr();
        let mut copy = pages.share();
        let mut third = copy.share();
        assert!((0..9).all(|at| address(&pages, at) == address(&third, at)));
        copy[4][0] = 7;
        assert_ne!(address(&pages, 4), address(&copy, 4));
        assert_eq!(address(&pages, 4), address(&third, 4));
        third.clear(4);
        drop(copy);
        let before = address(&pages, 4);
        pages[4][0] = 8;
        assert_eq!((address(&pages, 4), pages[4][0]), (before, 8), "no other row has it any more");
        assert_eq!(*pages.take(5), [5; 10]);
        assert_eq!(*third.take(5), [5; 10]);
    }

    #[test]
    fn pages_take_no_more_than_was_said() {
        assert_eq!((size_of::<Page<u8>>(), size_of::<Page<[u64; 128], u8>>()), (16, 16));
        assert_eq!(size_of::<Option<Arc<Owner<u8>>>>() + 2 * size_of::<usize>() + size_of::<Owner<u8>>(), 40);
    }
}
