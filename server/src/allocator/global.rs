//! The allocator of Rust code: mimalloc's plain functions where they align well enough, and its others where they don't.
//!
//! mimalloc's functions that take an alignment look at the page first, and often round up; nearly no allocation needs
//! them. They took a twentieth of the instructions of a script.
//!
//! Invariants: mimalloc gives memory aligned to sixteen bytes to who asks for more than eight, and to eight bytes to who
//! asks for less. Either way of allocating gives memory that either way of resizing takes, and `mi_free`.
#![allow(unsafe_code, reason = "the allocator's own functions are foreign")]

use std::alloc::{GlobalAlloc, Layout};

use libmimalloc_sys as mi;

/// The alignment of whatever is as large as this.
const ALIGNED_BYTES: usize = 16;

/// mimalloc, as Rust's allocator.
pub(super) struct Global;

/// Whether each allocation of this size is aligned as it has to be.
#[inline]
fn is_plain(size: usize, align: usize) -> bool {
    align <= ALIGNED_BYTES && align <= size
}

// SAFETY: mimalloc's functions keep the promises of `GlobalAlloc`; the alignment is what the invariants say.
unsafe impl GlobalAlloc for Global {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: they have no preconditions but that the alignment is a power of two.
        unsafe {
            if is_plain(size, align) { mi::mi_malloc(size) } else { mi::mi_malloc_aligned(size, align) }
                .cast()
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: as in `alloc`.
        unsafe {
            if is_plain(size, align) { mi::mi_zalloc(size) } else { mi::mi_zalloc_aligned(size, align) }
                .cast()
        }
    }

    #[inline]
    unsafe fn dealloc(&self, memory: *mut u8, _: Layout) {
        // SAFETY: it was allocated here.
        unsafe { mi::mi_free(memory.cast()) }
    }

    #[inline]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (memory, align) = (memory.cast(), layout.align());
        // SAFETY: it was allocated here, and the alignment is a power of two.
        unsafe {
            if is_plain(size, align) {
                mi::mi_realloc(memory, size)
            } else {
                mi::mi_realloc_aligned(memory, size, align)
            }
            .cast()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every size up to a page, and some above, in every alignment, allocated, zeroed and resized.
    #[test]
    fn all_is_aligned_as_it_was_asked_for() {
        let sizes = (1..5000).chain([1 << 16, (1 << 16) + 8, 1 << 20, (3 << 20) + 1]);
        for (size, bits) in sizes.flat_map(|size| (0..=12).map(move |bits| (size, bits))) {
            let layout = Layout::from_size_align(size, 1 << bits).unwrap();
            // SAFETY: the layout has a size; what is allocated is resized and freed once, and written within its size.
            unsafe {
                let memory = Global.alloc_zeroed(layout);
                assert!(memory.cast::<u8>().addr().is_multiple_of(layout.align()), "zeroed {layout:?}");
                assert!(std::slice::from_raw_parts(memory, size).iter().all(|byte| *byte == 0));
                memory.write_bytes(7, size);
                let half = size.div_ceil(2);
                let memory = Global.realloc(memory, layout, half);
                assert!(memory.addr().is_multiple_of(layout.align()), "half of {layout:?}");
                assert!(std::slice::from_raw_parts(memory, half).iter().all(|byte| *byte == 7));
                Global.dealloc(memory, Layout::from_size_align(half, layout.align()).unwrap());
                let memory = Global.alloc(layout);
                assert!(memory.addr().is_multiple_of(layout.align()), "{layout:?}");
                Global.dealloc(memory, layout);
            }
        }
    }
}
