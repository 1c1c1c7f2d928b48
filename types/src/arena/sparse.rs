//! Emptying pages of which little is in use, so that they go back to the allocator.
//!
//! ```text
//! before   [aa·a····]  [b·b·····]  [cccc·ccc]      open pages of a class
//! after    [aabbaa··]  gone        [cccccccc]      the sparsest one's slots went to the others
//! ```
//!
//! Pages with a free slot of the same class are looked at, so many at a time that they can't take long. The sparsest goes
//! if it is at most three quarters full and the others have room for what is in it; so each that is emptied is a page
//! less, and costs at most three moved bytes for each byte that becomes free.

use super::{Arena, CLASS_BYTES_MAX, CLASSES, NONE, PAGE_BYTES, Slot, UNIT};

/// Open pages of a class that are looked at together.
const PAGES_PER_LOOK: usize = 32;
/// Open pages that are looked at in one search.
const PAGES_PER_SEARCH: usize = 256;

/// The most slots of a page, as words of a map of bits.
const MAP_WORDS: usize = PAGE_BYTES / (2 * UNIT) / 64;

/// Free slots of the pages of one class that were looked at, and the page that has the fewest in use.
#[derive(Default)]
struct Look {
    pages: usize,
    free: usize,
    sparsest: Option<(u32, usize, usize)>,
}

impl Look {
    fn add(&mut self, page: u32, live: usize, slots: usize) {
        self.pages += 1;
        self.free += slots - live;
        if self.sparsest.is_none_or(|(_, fewest, _)| live < fewest) {
            self.sparsest = Some((page, live, slots));
        }
    }

    /// The page that is worth emptying, if there is one.
    fn verdict(&self) -> Option<u32> {
        let (page, live, slots) = self.sparsest?;
        let free_elsewhere = self.free - (slots - live);
        (live * 4 <= slots * 3 && live <= free_elsewhere).then_some(page)
    }
}

impl Arena {
    /// Bytes of pages that aren't in slots in use.
    pub(crate) fn spare_bytes(&self) -> usize {
        self.page_bytes - self.live_bytes
    }

    /// A page that is worth emptying, if one is found: all classes have their turn. O(1).
    pub(crate) fn sparse_page(&mut self) -> Option<u32> {
        let mut looked = 0;
        for _ in 0..self.open_pages.len() {
            let class = usize::from(self.next_class);
            self.next_class = ((class + 1) % CLASSES) as u8;
            let look = self.look(class);
            if let Some(page) = look.verdict() {
                self.next_class = class as u8;
                return Some(page);
            }
            looked += look.pages;
            if looked >= PAGES_PER_SEARCH {
                break;
            }
        }
        None
    }

    fn look(&self, class: usize) -> Look {
        let (mut look, mut page) = (Look::default(), self.open_pages[class]);
        while page != NONE && look.pages < PAGES_PER_LOOK {
            let state = &self.states[page as usize];
            look.add(page, usize::from(state.live), self.slots_of(page));
            page = state.next;
        }
        look
    }

    fn slots_of(&self, page: u32) -> usize {
        self.pages[page as usize].len() / self.states[page as usize].slot_bytes as usize
    }

    /// The slots of a page of a class that are in use. O(slots).
    pub(crate) fn live_slots(&self, page: u32) -> Vec<Slot> {
        let state = &self.states[page as usize];
        let (bytes, slot_bytes) = (&self.pages[page as usize], state.slot_bytes as usize);
        let mut freed = [0_u64; MAP_WORDS];
        let mut next = usize::from(state.freed);
        while next > 0 {
            let index = next - 1;
            freed[index / 64] |= 1 << (index % 64);
            let at = index * slot_bytes;
            next = usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
        }
        let is_live = |index: &usize| freed[index / 64] >> (index % 64) & 1 == 0;
        let live = (0..usize::from(state.fresh)).filter(is_live);
        let slots: Vec<Slot> = live.map(|index| Slot::new(page, index * slot_bytes)).collect();
        debug_assert_eq!(slots.len(), usize::from(state.live));
        slots
    }

    /// Moves what is in a slot to another page of its class that has room, and frees the slot; where it is then. `None` if
    /// no other page has room, or the slot has a page of its own. O(1).
    pub(crate) fn move_slot(&mut self, slot: Slot) -> Option<Slot> {
        let (page, state) = (slot.page() as u32, self.states[slot.page()]);
        let class = usize::from(state.class);
        let target = match *self.open_pages.get(class)? {
            head if head == page => state.next,
            head => head,
        };
        if target == NONE {
            return None;
        }
        let (len, mut moved) = (state.slot_bytes as usize, [0; CLASS_BYTES_MAX]);
        moved[..len].copy_from_slice(&self.tail(slot)[..len]);
        let new = self.take_slot(target, class);
        self.tail_mut(new)[..len].copy_from_slice(&moved[..len]);
        self.free(slot);
        Some(new)
    }
}
