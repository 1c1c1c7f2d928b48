//! Memory for entries: slots of a few fixed sizes, cut from small pages.
//!
//! ```text
//! Slot (u32):  page index (22 bits) | offset in the page / 4 (10 bits)
//!
//! class page, 512 to 4096 bytes      [slot 0][slot 1][slot 2] … [never used]
//! dedicated page, one slot above 1 KiB  [slot 0                        ]
//! ```
//!
//! A slot is named by 4 bytes instead of a pointer's 8, which is what makes the index above it small. Sizes
//! from 8 up to 128 bytes come in steps of 4, up to 256 in steps of 8, up to 1 KiB in the steps that divide a page
//! without a remainder. The
//! first page of a class is small and later ones double up to 4 KiB, so that a nearly empty table costs
//! little. A page whose last slot is freed goes back to the allocator at once. Freed slots of a page form a
//! list threaded through their first two bytes.
//!
//! A larger slot has a page of its own that may hold more than was asked for; see [`Arena::resize`].
//!
//! Allocation and release are O(1). The overhead is 36 bytes per page, 0.9 % of a full one, and the last
//! page of each size in use is on average half empty. A copy of an arena shares its pages until one of the two
//! writes to them (`Arena::share`).

mod sparse;

use crate::pages::{Location, Page, Pages};
use std::num::NonZeroU32;

/// Names a slot of an arena.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Slot(NonZeroU32);

const UNIT: usize = 4;
const PAGE_BYTES: usize = 4096;
const PAGE_BYTES_FIRST: usize = 512;
const OFFSET_BITS: u32 = 10;
const OFFSET_MASK: u32 = (1 << OFFSET_BITS) - 1;
const PAGES_MAX: usize = 1 << (32 - OFFSET_BITS);
const _: () = assert!(PAGE_BYTES / UNIT == 1 << OFFSET_BITS);

/// Slots above this get a page of their own.
const CLASS_BYTES_MAX: usize = 1024;
/// Classes of 8, 12 … 128 bytes, then of 136, 144 … 256, then those that fit 15, 14 … 4 times into a page.
const FINE_CLASSES: usize = (128 - 8) / 4 + 1;
const MIDDLE_CLASSES: usize = (256 - 128) / 8;
const CLASSES: usize = FINE_CLASSES + MIDDLE_CLASSES + 12;
const DEDICATED: u8 = CLASSES as u8;
const NONE: u32 = 0;

const CLASS_BYTES: [u16; CLASSES] = class_bytes();
const CLASS_OF_UNITS: [u8; CLASS_BYTES_MAX / UNIT + 1] = class_of_units();

const fn class_bytes() -> [u16; CLASSES] {
    let mut bytes = [0; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        bytes[class] = if class < FINE_CLASSES {
            8 + class as u16 * 4
        } else if class < FINE_CLASSES + MIDDLE_CLASSES {
            136 + (class - FINE_CLASSES) as u16 * 8
        } else {
            let per_page = 15 - (class - FINE_CLASSES - MIDDLE_CLASSES);
            (PAGE_BYTES / per_page / UNIT * UNIT) as u16
        };
        class += 1;
    }
    bytes
}

const fn class_of_units() -> [u8; CLASS_BYTES_MAX / UNIT + 1] {
    let mut classes = [0; CLASS_BYTES_MAX / UNIT + 1];
    let mut units = 0;
    let mut class = 0;
    while units < classes.len() {
        while (CLASS_BYTES[class] as usize) < units * UNIT {
            class += 1;
        }
        classes[units] = class as u8;
        units += 1;
    }
    classes
}

/// What is known of a page besides its bytes; kept apart so that lookups touch only the bytes' address.
#[derive(Clone, Copy)]
struct PageState {
    slot_bytes: u32,
    /// Neighbours in the list of this class's pages that have a free slot.
    previous: u32,
    next: u32,
    live: u16,
    /// How many slots from the start have ever been used; the memory behind them is untouched.
    fresh: u16,
    /// Index + 1 of the first freed slot.
    freed: u16,
    class: u8,
}

/// A growing set of slots. Freed memory is reused and empty pages are released.
#[derive(Default)]
#[repr(C)]
pub struct Arena {
    /// Page 0 is never used, so that no slot is named 0.
    pages: Pages<u8>,
    /// How often a slot was freed, modulo 2^32.
    frees: u32,
    states: Vec<PageState>,
    vacant_pages: Vec<u32>,
    /// First page with a free slot, and pages in use, per class; empty until the first allocation.
    open_pages: Vec<u32>,
    class_pages: Vec<u32>,
    live_bytes: usize,
    page_bytes: usize,
    /// The class whose pages are looked at next by who looks for sparse ones.
    next_class: u8,
}

impl Slot {
    #[inline]
    pub(crate) fn from_raw(raw: u32) -> Option<Slot> {
        NonZeroU32::new(raw).map(Slot)
    }

    #[inline]
    pub(crate) fn raw(self) -> u32 {
        self.0.get()
    }

    fn new(page: u32, offset: usize) -> Slot {
        let raw = page << OFFSET_BITS | (offset / UNIT) as u32;
        Slot(NonZeroU32::new(raw).expect("page 0 is never used"))
    }

    #[inline]
    fn page(self) -> usize {
        (self.raw() >> OFFSET_BITS) as usize
    }

    #[inline]
    fn offset(self) -> usize {
        (self.raw() & OFFSET_MASK) as usize * UNIT
    }
}

impl Arena {
    /// Makes an arena that owns no memory yet.
    pub const fn new() -> Arena {
        Arena {
            pages: Pages::new(),
            frees: 0,
            states: Vec::new(),
            vacant_pages: Vec::new(),
            open_pages: Vec::new(),
            class_pages: Vec::new(),
            live_bytes: 0,
            page_bytes: 0,
            next_class: 0,
        }
    }

    /// Allocates a slot of at least `len` bytes. Its contents are unspecified.
    ///
    /// # Panics
    /// When all 2^22 pages are in use: more than 16 GiB in small slots, or 4 million large ones.
    pub fn allocate(&mut self, len: usize) -> Slot {
        if len > CLASS_BYTES_MAX {
            return self.allocate_dedicated(len);
        }
        if self.open_pages.is_empty() {
            self.open_pages = vec![NONE; CLASSES];
            self.class_pages = vec![0; CLASSES];
        }
        let class = usize::from(CLASS_OF_UNITS[len.div_ceil(UNIT)]);
        let page = match self.open_pages[class] {
            NONE => self.open_page(class),
            page => page,
        };
        self.take_slot(page, class)
    }

    /// Frees a slot. It must have come from this arena and not be used again.
    pub fn free(&mut self, slot: Slot) {
        self.frees = self.frees.wrapping_add(1);
        let page = slot.page() as u32;
        let state = &mut self.states[slot.page()];
        self.live_bytes -= state.slot_bytes as usize;
        if state.class == DEDICATED {
            self.release_page(page);
            return;
        }
        let was_full = state.is_full(self.pages[slot.page()].len());
        debug_assert!(state.live > 0);
        state.live -= 1;
        let class = usize::from(state.class);
        if state.live == 0 {
            if !was_full {
                self.unlink(page, class);
            }
            self.class_pages[class] -= 1;
            self.release_page(page);
            return;
        }
        let (at, next_freed) = (slot.offset(), state.freed);
        state.freed = (at / state.slot_bytes as usize) as u16 + 1;
        self.pages[slot.page()][at..at + 2].copy_from_slice(&next_freed.to_le_bytes());
        if was_full {
            self.link(page, class);
        }
    }

    /// Makes a dedicated slot hold at least `len` bytes, keeping its name and contents; whether it could.
    ///
    /// Grows with an eighth to spare, so that appending piece by piece costs linear time.
    pub fn resize(&mut self, slot: Slot, len: usize) -> bool {
        let state = &mut self.states[slot.page()];
        if state.class != DEDICATED || len <= CLASS_BYTES_MAX {
            return false;
        }
        let capacity = self.pages[slot.page()].len();
        if len <= capacity && len >= capacity / 2 {
            return true;
        }
        let wanted = if len > capacity { len + len / 8 } else { len };
        let mut bytes = self.pages.take(slot.page()).into_vec();
        bytes.truncate(wanted);
        bytes.reserve_exact(wanted - bytes.len());
        bytes.resize(wanted, 0);
        self.pages.replace(slot.page(), bytes.into_boxed_slice());
        state.slot_bytes = wanted as u32;
        self.live_bytes = self.live_bytes - capacity + wanted;
        self.page_bytes = self.page_bytes - capacity + wanted;
        true
    }

    /// The bytes from the start of the slot to the end of its page.
    #[inline]
    pub fn tail(&self, slot: Slot) -> &[u8] {
        &self.pages[slot.page()][slot.offset()..]
    }

    /// The bytes from the start of the slot to the end of its page, of which the first
    /// [`capacity`](Arena::capacity) are the slot's.
    #[inline]
    pub fn tail_mut(&mut self, slot: Slot) -> &mut [u8] {
        &mut self.pages[slot.page()][slot.offset()..]
    }

    /// Whether a slot that was allocated for `old_len` bytes is what `new_len` bytes would get too.
    #[inline]
    pub fn same_class(old_len: usize, new_len: usize) -> bool {
        old_len <= CLASS_BYTES_MAX
            && new_len <= CLASS_BYTES_MAX
            && CLASS_OF_UNITS[old_len.div_ceil(UNIT)] == CLASS_OF_UNITS[new_len.div_ceil(UNIT)]
    }

    /// How many bytes the slot holds.
    pub fn capacity(&self, slot: Slot) -> usize {
        self.states[slot.page()].slot_bytes as usize
    }

    /// Bytes in slots that are in use, rounded up to their classes.
    pub fn live_bytes(&self) -> usize {
        self.live_bytes
    }

    /// Bytes taken from the allocator: pages and the bookkeeping about them.
    pub fn allocated_bytes(&self) -> usize {
        self.page_bytes
            + self.pages.row_bytes()
            + self.states.capacity() * size_of::<PageState>()
            + (self.open_pages.len() + self.class_pages.len() + self.vacant_pages.capacity()) * 4
    }

    /// How many pages there are, vacant ones included.
    pub(crate) fn pages(&self) -> usize {
        self.pages.len()
    }

    /// Puts a page into other memory if `is_misplaced` says so of where it is, and says where it is then; see
    /// [`Pages::relocate`].
    pub(crate) fn relocate(
        &mut self,
        page: usize,
        is_misplaced: impl FnOnce(Location) -> bool,
    ) -> Option<Location> {
        self.pages.relocate(page, is_misplaced)
    }

    /// Makes a second arena with the same slots, of which pages are copied one by one before the first write to
    /// them on either side. O(pages).
    pub(crate) fn share(&mut self) -> Arena {
        Arena {
            pages: self.pages.share(),
            states: self.states.clone(),
            vacant_pages: self.vacant_pages.clone(),
            open_pages: self.open_pages.clone(),
            class_pages: self.class_pages.clone(),
            ..*self
        }
    }

    /// An arena without memory that goes on counting what is freed.
    pub(crate) fn emptied(&self) -> Arena {
        Arena { frees: self.frees, ..Arena::new() }
    }

    /// How often a slot was freed, modulo 2^32. As long as it is the same, slots hold what they held.
    #[inline]
    pub(crate) fn frees(&self) -> u32 {
        self.frees
    }

    #[inline]
    pub(crate) fn prefetch_page(&self, slot: Slot) {
        if let Some(page) = self.pages.get(slot.page()) {
            crate::cpu::prefetch::<Page<u8>>(page);
        }
    }

    #[inline]
    pub(crate) fn prefetch(&self, slot: Slot) {
        if let Some(first) = self.pages.get(slot.page()).and_then(|page| page.get(slot.offset())) {
            crate::cpu::prefetch(first);
        }
    }

    fn allocate_dedicated(&mut self, len: usize) -> Slot {
        let len = len.next_multiple_of(UNIT);
        let page = self.add_page(len, len, DEDICATED);
        self.states[page as usize].live = 1;
        self.states[page as usize].fresh = 1;
        self.live_bytes += len;
        Slot::new(page, 0)
    }

    fn take_slot(&mut self, page: u32, class: usize) -> Slot {
        let page_len = self.pages[page as usize].len();
        let state = &mut self.states[page as usize];
        let slot_bytes = state.slot_bytes as usize;
        let index = if state.freed > 0 {
            let index = usize::from(state.freed) - 1;
            let at = index * slot_bytes;
            let link = &self.pages[page as usize][at..at + 2];
            state.freed = u16::from_le_bytes([link[0], link[1]]);
            index
        } else {
            state.fresh += 1;
            usize::from(state.fresh) - 1
        };
        state.live += 1;
        let is_full = state.is_full(page_len);
        self.live_bytes += slot_bytes;
        if is_full {
            self.unlink(page, class);
        }
        Slot::new(page, index * slot_bytes)
    }

    /// Adds a page to a class: the first holds a few slots, each later one twice as many up to a full page.
    fn open_page(&mut self, class: usize) -> u32 {
        let slot_bytes = usize::from(CLASS_BYTES[class]);
        let pages = self.class_pages[class];
        let wanted = (PAGE_BYTES_FIRST << pages.min(3)).max(slot_bytes);
        let page = self.add_page(wanted / slot_bytes * slot_bytes, slot_bytes, class as u8);
        self.class_pages[class] += 1;
        self.link(page, class);
        page
    }

    fn add_page(&mut self, len: usize, slot_bytes: usize, class: u8) -> u32 {
        let bytes = vec![0; len].into_boxed_slice();
        let slot_bytes = u32::try_from(slot_bytes).expect("an entry is below 4 GiB");
        let state = PageState { slot_bytes, previous: NONE, next: NONE, live: 0, fresh: 0, freed: 0, class };
        self.page_bytes += len;
        if let Some(page) = self.vacant_pages.pop() {
            self.pages.replace(page as usize, bytes);
            self.states[page as usize] = state;
            return page;
        }
        if self.pages.is_empty() {
            self.pages.push(Box::default(), ());
            self.states.push(PageState { class: DEDICATED, ..state });
        }
        assert!(self.pages.len() < PAGES_MAX, "an arena holds at most {PAGES_MAX} pages");
        self.pages.push(bytes, ());
        self.states.push(state);
        self.pages.len() as u32 - 1
    }

    fn release_page(&mut self, page: u32) {
        self.page_bytes -= self.pages[page as usize].len();
        self.pages.clear(page as usize);
        self.vacant_pages.push(page);
        if self.vacant_pages.len() + 1 == self.pages.len() {
            *self = self.emptied();
        }
    }

    fn link(&mut self, page: u32, class: usize) {
        let head = self.open_pages[class];
        self.states[page as usize].previous = NONE;
        self.states[page as usize].next = head;
        if head != NONE {
            self.states[head as usize].previous = page;
        }
        self.open_pages[class] = page;
    }

    fn unlink(&mut self, page: u32, class: usize) {
        let PageState { previous, next, .. } = self.states[page as usize];
        if previous == NONE {
            self.open_pages[class] = next;
        } else {
            self.states[previous as usize].next = next;
        }
        if next != NONE {
            self.states[next as usize].previous = previous;
        }
    }
}

impl PageState {
    fn is_full(&self, page_len: usize) -> bool {
        usize::from(self.live) == page_len / self.slot_bytes as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_ascend_and_fit() {
        assert_eq!(CLASS_BYTES[0], 8);
        assert_eq!(usize::from(CLASS_BYTES[CLASSES - 1]), CLASS_BYTES_MAX);
        assert!(CLASS_BYTES.windows(2).all(|pair| pair[0] < pair[1]));
        for len in 0..=CLASS_BYTES_MAX {
            let class = usize::from(CLASS_OF_UNITS[len.div_ceil(UNIT)]);
            assert!(usize::from(CLASS_BYTES[class]) >= len);
            assert!(class == 0 || usize::from(CLASS_BYTES[class - 1]) < len.next_multiple_of(UNIT));
        }
    }

    #[test]
    fn slots_never_overlap_and_memory_returns() {
        let mut arena = Arena::new();
        let mut live: Vec<(Slot, usize, u8)> = Vec::new();
        let mut random = 9_u64;
        for step in 0..60_000_u32 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let roll = (random >> 33) as usize;
            let grow = if step < 40_000 { 3 } else { 1 };
            if live.is_empty() || roll % 4 < grow {
                let len = if roll.is_multiple_of(97) { 1000 + roll % 5000 } else { roll % 300 };
                let slot = arena.allocate(len);
                let mark = (step % 251) as u8;
                arena.tail_mut(slot)[..len].fill(mark);
                live.push((slot, len, mark));
            } else {
                let (slot, len, mark) = live.swap_remove(roll / 4 % live.len());
                assert!(arena.tail(slot)[..len].iter().all(|byte| *byte == mark));
                arena.free(slot);
            }
        }
        for (slot, len, mark) in live {
            assert!(arena.tail(slot)[..len].iter().all(|byte| *byte == mark));
            arena.free(slot);
        }
        assert_eq!((arena.live_bytes(), arena.allocated_bytes()), (0, 0));
    }

    #[test]
    fn small_slots_cost_little_more_than_their_bytes() {
        let mut arena = Arena::new();
        for _ in 0..20_000 {
            arena.allocate(22);
        }
        assert_eq!(arena.live_bytes(), 20_000 * 24);
        assert!(arena.allocated_bytes() < 20_000 * 25, "{}", arena.allocated_bytes());
    }

    #[test]
    fn dedicated_slots_resize_under_their_name() {
        let mut arena = Arena::new();
        let slot = arena.allocate(2000);
        arena.tail_mut(slot)[..4].copy_from_slice(b"head");
        assert!(arena.resize(slot, 100_000));
        assert!(arena.capacity(slot) >= 100_000 && arena.tail(slot).starts_with(b"head"));
        assert!(arena.resize(slot, 3000));
        assert_eq!(arena.capacity(slot), 3000);
        assert!(!arena.resize(slot, 10), "small slots live in class pages");
        let small = arena.allocate(20);
        assert!(!arena.resize(small, 4000));
    }
}
