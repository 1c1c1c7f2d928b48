//! The memory allocator of the process: mimalloc, on a range of addresses whose pages are touched ahead of it.
//!
//! Large pages spare address lookups in large data sets, but the first touch of one clears 2 MiB, which takes up to 5 ms
//! on a virtual machine. So a thread of its own touches them before they are needed (`ahead`), and only what it
//! touched is large: whoever is faster than that thread gets pages of 4 KiB, one at a time.
//!
//! Where the system refuses such a range, mimalloc gets its memory by itself.
//!
//! Invariants: the range is reserved once and stays as long as the process lives. Memory that mimalloc has committed
//! is its own: contents are discarded when mimalloc decommits them, else only under the lock of `BLOCKS` and only
//! of slices that aren't committed yet; mimalloc's commits take that lock, too. The functions that mimalloc calls don't
//! allocate.
#![allow(unsafe_code, reason = "the allocator's own functions are foreign, and so is the memory under it")]

mod ahead;
mod blocks;
mod global;

pub(crate) use blocks::SLICE_BYTES;
use blocks::{BLOCK_BYTES, Blocks};
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};
use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::ops::Range;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

pub(crate) use ahead::start;

#[global_allocator]
static ALLOCATOR: global::Global = global::Global;

/// The allocator's name in reports.
pub(crate) const NAME: &str = "mimalloc";

/// mimalloc's number for whether a thread takes a page that has no owner when it frees something in it: no. Else pages would
/// belong to threads that don't touch them for long, and what others free in these would not come back before.
const PAGE_RECLAIM_ON_FREE: c_int = 35;
/// Its number for how many full pages a thread keeps as its own: none, for the same reason.
const PAGE_FULL_RETAIN: c_int = 36;
/// Its number for how many milliseconds free pages wait before they go back to the system.
const PURGE_DELAY: c_int = 15;
/// How long that is, so that what is freed and taken again doesn't need the system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Return {
    /// A second.
    Late,
    /// A twentieth of it.
    Soon,
    /// No time.
    AtOnce,
}

/// What mimalloc is handed at a time.
const STEP_BYTES: usize = 1 << 30;
/// 128 steps, of the 160 that mimalloc can keep.
const RANGE_BYTES_MAX: usize = 128 * STEP_BYTES;

/// The addresses that mimalloc is handed step by step; unset where the system refused them.
static RANGE: OnceLock<Range<usize>> = OnceLock::new();

/// What is known of the range's memory, from its start.
static BLOCKS: Mutex<Blocks<{ RANGE_BYTES_MAX / BLOCK_BYTES }>> = Mutex::new(Blocks::EMPTY);

/// What [`Blocks::committed_bytes`] is, to be read without the lock.
static COMMITTED: AtomicU64 = AtomicU64::new(0);

/// With so much committed, or nearly so much, nothing is touched ahead.
static AHEAD_MAX: AtomicU64 = AtomicU64::new(u64::MAX);

/// Runs before anything is allocated, so that mimalloc has the range before it looks for memory by itself.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = reserve;

/// Tells mimalloc, or is told by it, that memory is about to be used or isn't used any more.
type OnCommit = unsafe extern "C" fn(bool, *mut c_void, usize, *mut bool, *mut c_void) -> bool;

unsafe extern "C" {
    /// Gives mimalloc memory to allocate from; `mimalloc.h` describes it.
    fn mi_manage_memory(
        start: *mut c_void,
        size: usize,
        is_committed: bool,
        is_pinned: bool,
        is_zero: bool,
        numa_node: c_int,
        exclusive: bool,
        on_commit: OnCommit,
        argument: *mut c_void,
        arena: *mut *mut c_void,
    ) -> bool;
}

/// Returns to the system what has been freed but not returned yet. The allocator does that by itself while
/// memory is being allocated; this is for when nothing is.
pub(crate) fn return_freed() {
    // SAFETY: mi_collect has no preconditions; it works on the calling thread's heap and on free memory.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

/// Bytes that the allocator has committed, as far as they come from its range. Costs one relaxed load.
#[inline]
pub(crate) fn committed_bytes() -> u64 {
    COMMITTED.load(Ordering::Relaxed)
}

/// Lets memory be touched ahead as long as what is committed is well below so much.
pub(crate) fn limit_ahead(bytes_max: u64) {
    AHEAD_MAX.store(bytes_max, Ordering::Relaxed);
}

/// Whether memory may be touched ahead. What is ready then, in vain perhaps, doesn't reach the limit.
fn may_touch_ahead() -> bool {
    let ready = ((ahead::BLOCKS_MAX + 1) * BLOCK_BYTES) as u64;
    committed_bytes().saturating_add(ready) <= AHEAD_MAX.load(Ordering::Relaxed)
}

/// The numbers of the slices of 64 KiB that some memory of the allocator's range touches; none for other memory.
pub(crate) fn slices_of(address: usize, bytes: usize) -> Option<Range<usize>> {
    let range = RANGE.get()?;
    let start = address.checked_sub(range.start).filter(|_| address < range.end)?;
    Some(start / SLICE_BYTES..(start + bytes).div_ceil(SLICE_BYTES))
}

/// How many slices the allocator has of its range, committed or not.
pub(crate) fn slices() -> usize {
    blocks().len() * (BLOCK_BYTES / SLICE_BYTES)
}

/// Says when free memory goes back to the system from now on. Costs a load if that is as before.
pub(crate) fn return_free(when: Return) {
    let delay: c_long = match when {
        Return::Late => 1000,
        Return::Soon => 50,
        Return::AtOnce => 0,
    };
    // SAFETY: it has no preconditions.
    if unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) } == delay {
        return;
    }
    if when == Return::AtOnce {
        // What waits already would not go back with the others.
        return_freed();
    }
    // SAFETY: as above.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, delay) }
}

/// How many bytes the allocator takes for so many.
pub(crate) fn rounded(bytes: usize) -> usize {
    // SAFETY: it has no preconditions.
    unsafe { libmimalloc_sys::mi_good_size(bytes) }
}

/// What mimalloc tells of itself, as text.
pub(crate) fn report() -> String {
    let mut text = String::new();
    let argument = ptr::from_mut(&mut text).cast();
    // SAFETY: mimalloc calls `add_to_report` with this argument before it returns, on this thread.
    unsafe { libmimalloc_sys::mi_stats_print_out(Some(add_to_report), argument) };
    text
}

/// Takes a part of mimalloc's report.
///
/// # Safety
/// `message` ends with a zero, and `text` is a string that nobody else uses meanwhile.
unsafe extern "C" fn add_to_report(message: *const c_char, text: *mut c_void) {
    // SAFETY: as the caller promises.
    let (message, text) = unsafe { (CStr::from_ptr(message), &mut *text.cast::<String>()) };
    text.push_str(&message.to_string_lossy());
}

fn blocks() -> MutexGuard<'static, Blocks<{ RANGE_BYTES_MAX / BLOCK_BYTES }>> {
    BLOCKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reserves as many addresses as the machine has memory. Addresses alone cost nothing.
extern "C" fn reserve() {
    // SAFETY: they have no preconditions. Options are read when threads begin, the first of which does next.
    unsafe {
        libmimalloc_sys::mi_option_set(PAGE_RECLAIM_ON_FREE, -1);
        libmimalloc_sys::mi_option_set(PAGE_FULL_RETAIN, 0);
        libmimalloc_sys::mi_process_init();
    }
    let system = rustix::system::sysinfo();
    let installed = (system.totalram as usize).saturating_mul(system.mem_unit as usize);
    let len = installed.next_multiple_of(STEP_BYTES).min(RANGE_BYTES_MAX);
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    // SAFETY: asks for addresses that nobody uses.
    let mapped =
        unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), len + BLOCK_BYTES, ProtFlags::empty(), flags) };
    if let Ok(start) = mapped {
        let start = start.addr().next_multiple_of(BLOCK_BYTES);
        let is_first = RANGE.set(start..start + len).is_ok();
        assert!(is_first, "the range is reserved once");
        extend();
    }
}

/// Hands mimalloc the next step of the range, if there is one and the system agrees.
fn extend() {
    let Some(range) = RANGE.get() else { return };
    let first = blocks().len();
    let step = range.start + first * BLOCK_BYTES;
    if step >= range.end {
        return;
    }
    let memory = ptr::with_exposed_provenance_mut(step);
    let access = MprotectFlags::READ | MprotectFlags::WRITE;
    // SAFETY: the step is a part of the range that nobody uses yet.
    if unsafe { rustix::mm::mprotect(memory, STEP_BYTES, access) }.is_err() {
        return;
    }
    let added = STEP_BYTES / BLOCK_BYTES;
    advise(first..first + added, Advice::LinuxNoHugepage);
    blocks().extend(added);
    let (argument, arena) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: the step is mapped for good, zero and used by nobody else; no arena's id is asked for. If mimalloc
    // refuses the step, it stays unused.
    unsafe {
        mi_manage_memory(memory, STEP_BYTES, false, false, true, -1, false, on_commit, argument, arena)
    };
}

/// What mimalloc calls before it uses memory of the range, and when it doesn't use it any more.
///
/// # Safety
/// Whoever calls to decommit owns that memory and doesn't need its contents.
unsafe extern "C" fn on_commit(
    is_commit: bool,
    start: *mut c_void,
    len: usize,
    _is_zero: *mut bool,
    _argument: *mut c_void,
) -> bool {
    let Some(range) = RANGE.get() else { return false };
    let offset = start.addr() - range.start;
    let slices = offset / SLICE_BYTES..(offset + len).div_ceil(SLICE_BYTES);
    if is_commit {
        let mut blocks = blocks();
        let has_opened = blocks.commit(slices, trim);
        COMMITTED.store(blocks.committed_bytes() as u64, Ordering::Relaxed);
        drop(blocks);
        if has_opened {
            ahead::wake();
        }
        return true;
    }
    // SAFETY: as the caller promises.
    let discarded = unsafe { rustix::mm::madvise(start, len, Advice::LinuxDontNeed) };
    if discarded.is_ok() {
        let mut blocks = blocks();
        blocks.decommit(slices, discard);
        COMMITTED.store(blocks.committed_bytes() as u64, Ordering::Relaxed);
    }
    discarded.is_ok()
}

/// Makes an unused block one large page, whose memory is there; not if it is in use or ready. Whether it has.
fn warm(block: usize) -> bool {
    let is_due = blocks().warm(block);
    if is_due {
        advise(block..block + 1, Advice::LinuxHugepage);
        advise(block..block + 1, Advice::LinuxPopulateWrite);
    }
    is_due
}

/// Gives back what was made ready in vain, block by block, so that who commits waits for no more than one.
fn cool() {
    let len = blocks().len();
    (0..len).for_each(|block| blocks().cool(block, discard, trim));
}

/// Gives the memory of slices of one block back, and lets the block have small pages from now on: the system would
/// fill a large one up again by and by. Only called by `Blocks`, under its lock, for slices that aren't committed.
fn trim(slices: Range<usize>) {
    let Some(range) = RANGE.get() else { return };
    let memory = ptr::with_exposed_provenance_mut(range.start + slices.start * SLICE_BYTES);
    // SAFETY: the slices aren't committed, so they have no contents that anybody needs, and who wants to commit them
    // waits for the lock. A refusal leaves the memory as it is, which is harmless.
    let _ = unsafe { rustix::mm::madvise(memory, slices.len() * SLICE_BYTES, Advice::LinuxDontNeed) };
    let block = slices.start * SLICE_BYTES / BLOCK_BYTES;
    advise(block..block + 1, Advice::LinuxNoHugepage);
}

/// Gives a block's memory back. Only called by `Blocks`, under its lock, for blocks without committed memory.
fn discard(block: usize) {
    let Some(range) = RANGE.get() else { return };
    let memory = ptr::with_exposed_provenance_mut(range.start + block * BLOCK_BYTES);
    // SAFETY: nothing of the block is committed, so it has no contents that anybody needs, and who wants to commit
    // waits for the lock. A refusal leaves the memory as it is, which is harmless.
    let _ = unsafe { rustix::mm::madvise(memory, BLOCK_BYTES, Advice::LinuxDontNeed) };
    advise(block..block + 1, Advice::LinuxNoHugepage);
}

/// Says how blocks are to be backed, or has them backed: nothing that changes contents. A system that doesn't know the
/// advice does without.
fn advise(blocks: Range<usize>, advice: Advice) {
    debug_assert!(advice != Advice::LinuxDontNeed);
    let Some(range) = RANGE.get() else { return };
    let memory = ptr::with_exposed_provenance_mut(range.start + blocks.start * BLOCK_BYTES);
    // SAFETY: the memory is part of the range, and the advice leaves its contents as they are.
    let _ = unsafe { rustix::mm::madvise(memory, blocks.len() * BLOCK_BYTES, advice) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    const THREADS: usize = 3;
    const ROUNDS: usize = 60;

    /// Allocates and frees, and looks whether anybody else wrote what was allocated.
    fn allocate(mark: u8) {
        let range = RANGE.get().expect("the system gives addresses");
        for round in 1..=ROUNDS {
            // Sizes from slices to several blocks.
            let mut held: Vec<Vec<u8>> =
                (1..8).map(|part| vec![mark; part * round * SLICE_BYTES / 4]).collect();
            assert!(range.contains(&held[0].as_ptr().addr()));
            held.retain(|bytes| bytes.len() % 3 > 0);
            let zeroed = vec![0_u8; round * SLICE_BYTES];
            assert!(zeroed.iter().all(|byte| *byte == 0));
            assert!(held.iter().flatten().all(|byte| *byte == mark));
        }
    }

    #[test]
    fn contents_stay_while_memory_is_warmed_cooled_and_returned() {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let _ = (0..64).filter(|block| warm(*block)).count();
                    cool();
                    return_freed();
                }
            });
            let allocating: Vec<_> =
                (1..=THREADS).map(|mark| scope.spawn(move || allocate(mark as u8))).collect();
            for thread in allocating {
                thread.join().unwrap();
            }
            is_over.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn what_is_freed_goes_back_to_the_system() {
        let bytes = vec![1_u8; 64 << 20];
        let range = RANGE.get().expect("the system gives addresses");
        let first = bytes.as_ptr().addr().next_multiple_of(BLOCK_BYTES) + BLOCK_BYTES;
        let block = (first - range.start) / BLOCK_BYTES;
        assert!(blocks().is_open(block));
        drop(bytes);
        // Another test may be returning what is free, or have taken the block: then it takes a moment.
        while blocks().is_open(block) {
            return_freed();
        }
    }
}
