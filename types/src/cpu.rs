//! The few processor instructions that the language has no safe name for: prefetching and comparing sixteen
//! bytes at once.
//!
//! Invariants: nothing here reads through a raw pointer. A prefetch takes an address, whatever is there, and
//! has no architectural effect. The comparison works on values in registers, and its instructions (SSE2) are
//! part of every x86-64 processor. Other processors get plain code with the same results.
#![allow(unsafe_code, reason = "the intrinsics are unsafe to call")]

/// Asks for the cache line of `place` to be loaded.
#[inline]
pub(crate) fn prefetch<T>(place: &T) {
    prefetch_at(std::ptr::from_ref(place).cast());
}

#[inline]
fn prefetch_at(place: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetching never faults, whatever the address, and has no architectural effect; SSE is part of x86-64.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// Bytes that are loaded at once.
const LINE: usize = 64;

/// Asks for all cache lines of `place` to be loaded: for what is of a few lines.
#[inline]
pub(crate) fn prefetch_all<T: ?Sized>(place: &T) {
    prefetch_from(std::ptr::from_ref(place).cast(), size_of_val(place));
}

/// Asks for the cache lines of so many bytes from an address on to be loaded, which nothing else is done with.
#[inline]
pub(crate) fn prefetch_from(first: *const u8, bytes: usize) {
    for at in (0..bytes).step_by(LINE) {
        prefetch_at(first.wrapping_add(at));
    }
}

/// Bit `i` of the result is set where byte `i` of `bytes` equals `byte`.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn equal_bytes(bytes: [u8; 16], byte: u8) -> u32 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8};
    let word = u128::from_le_bytes(bytes);
    // SAFETY: these instructions only compute on registers, and SSE2 is part of x86-64.
    let mask = unsafe {
        let all = _mm_set_epi64x((word >> 64) as i64, word as i64);
        _mm_movemask_epi8(_mm_cmpeq_epi8(all, _mm_set1_epi8(byte as i8)))
    };
    mask as u32
}

/// Bit `i` of the result is set where byte `i` of `bytes` equals `byte`.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(crate) fn equal_bytes(bytes: [u8; 16], byte: u8) -> u32 {
    let mut mask = 0;
    for (index, other) in bytes.into_iter().enumerate() {
        mask |= u32::from(other == byte) << index;
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bytes_sets_the_bits_of_equal_bytes() {
        let bytes = *b"a\0bcaaa\xffdefgh\xffa\0";
        for byte in 0..=u8::MAX {
            let expected =
                (0..16).filter(|index| bytes[*index] == byte).fold(0, |mask, index| mask | 1 << index);
            assert_eq!(equal_bytes(bytes, byte), expected);
        }
    }
}
