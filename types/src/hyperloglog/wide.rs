//! Registers 32 at a time, on processors that have AVX2.
//!
//! ```text
//! 12 packed bytes   aaa bbb ccc ddd          each letter four registers of 6 bits
//! 16 bytes          aaa0 bbb0 ccc0 ddd0      a shuffle gives every four registers a word,
//! 16 bytes          aaaa bbbb cccc dddd      shifts and masks every register a byte
//! ```
//!
//! Invariants: the instructions run only after the processor has said that it has them. Nothing here reads or
//! writes through a raw pointer: arrays become values of vector types and back, which have the same size and no
//! invalid values. What is left undone is done by plain code, so both must agree: see the tests of `dense`.
#![allow(unsafe_code, reason = "what a processor may lack is unsafe to call, and vectors are made of arrays")]

/// Lifts ranks to what is higher in packed registers; says how many from the first on are done.
pub(super) fn merge(packed: &[u8], ranks: &mut [u8]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { avx2::merge(packed, ranks) };
    }
    let _ = (packed, ranks);
    0
}

/// Packs ranks, none of which is above 63; says how many from the first on are done.
pub(super) fn pack(ranks: &[u8], packed: &mut [u8]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { avx2::pack(ranks, packed) };
    }
    let _ = (ranks, packed);
    0
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m128i, __m256i, _mm256_and_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_max_epu8,
        _mm256_or_si256, _mm256_set_m128i, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_shuffle_epi8,
        _mm256_slli_epi32,
    };

    /// Registers at a time, and the bytes they are packed in.
    const REGISTERS: usize = 32;
    const PACKED: usize = 24;
    /// Bytes that are read to get those; the second half of a vector starts in the middle of them.
    const WINDOW: usize = PACKED / 2 + 16;

    const NONE: u8 = 0x80;
    /// Three bytes into each word.
    const INTO_WORDS: [u8; 16] = [0, 1, 2, NONE, 3, 4, 5, NONE, 6, 7, 8, NONE, 9, 10, 11, NONE];
    /// Three bytes out of each word.
    const OUT_OF_WORDS: [u8; 16] = [0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, NONE, NONE, NONE, NONE];

    #[target_feature(enable = "avx2")]
    pub(super) fn merge(packed: &[u8], ranks: &mut [u8]) -> usize {
        let (groups, _) = ranks.as_chunks_mut::<REGISTERS>();
        let mut done = 0;
        for group in groups {
            let window = packed.get(done / REGISTERS * PACKED..).and_then(<[u8]>::first_chunk::<WINDOW>);
            let Some(window) = window else { break };
            *group = array(_mm256_max_epu8(vector(*group), spread(window)));
            done += REGISTERS;
        }
        done
    }

    /// The registers in the first 24 bytes of a window, a byte each.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn spread(window: &[u8; WINDOW]) -> __m256i {
        let lower = half(*window.first_chunk().expect("16 of 28"));
        let upper = half(*window.last_chunk().expect("16 of 28"));
        let words = _mm256_shuffle_epi8(_mm256_set_m128i(upper, lower), both(INTO_WORDS));
        let register = |word, mask| _mm256_and_si256(word, _mm256_set1_epi32(mask));
        let first_two =
            _mm256_or_si256(register(words, 0x3f), register(_mm256_slli_epi32::<2>(words), 0x3f00));
        let last_two = _mm256_or_si256(
            register(_mm256_slli_epi32::<4>(words), 0x3f_0000),
            register(_mm256_slli_epi32::<6>(words), 0x3f00_0000),
        );
        _mm256_or_si256(first_two, last_two)
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn pack(ranks: &[u8], packed: &mut [u8]) -> usize {
        let (groups, _) = ranks.as_chunks::<REGISTERS>();
        let (places, _) = packed.as_chunks_mut::<PACKED>();
        let mut done = 0;
        for (group, place) in groups.iter().zip(places) {
            // One register + 64 times the next; then one such pair + 4096 times the next.
            let pairs = _mm256_maddubs_epi16(vector(*group), _mm256_set1_epi16(0x4001));
            let fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x1000_0001));
            let bytes: [u8; 32] = array(_mm256_shuffle_epi8(fours, both(OUT_OF_WORDS)));
            place[..PACKED / 2].copy_from_slice(&bytes[..PACKED / 2]);
            place[PACKED / 2..].copy_from_slice(&bytes[16..16 + PACKED / 2]);
            done += REGISTERS;
        }
        done
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn both(bytes: [u8; 16]) -> __m256i {
        _mm256_set_m128i(half(bytes), half(bytes))
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn half(bytes: [u8; 16]) -> __m128i {
        // SAFETY: both are 16 bytes, and any are a vector.
        unsafe { std::mem::transmute(bytes) }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn vector(bytes: [u8; 32]) -> __m256i {
        // SAFETY: both are 32 bytes, and any are a vector.
        unsafe { std::mem::transmute(bytes) }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn array(vector: __m256i) -> [u8; 32] {
        // SAFETY: both are 32 bytes, and any are an array.
        unsafe { std::mem::transmute(vector) }
    }
}
