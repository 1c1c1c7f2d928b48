//! The memory allocator of the process.
//!
//! Invariants: the only foreign call takes no pointer and may come from any thread at any time; it gives
//! memory that nobody uses back to the system.
#![allow(unsafe_code, reason = "the allocator's own functions are foreign")]

/// Gives memory back early and asks for large pages, which spare address lookups in large data sets.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The allocator's name in reports.
pub(crate) const NAME: &str = "mimalloc";

/// Returns to the system what has been freed but not returned yet. The allocator does that by itself while
/// memory is being allocated; this is for when nothing is.
pub(crate) fn return_freed() {
    // SAFETY: mi_collect has no preconditions; it works on the calling thread's heap and on free memory.
    unsafe { libmimalloc_sys::mi_collect(true) }
}
