//! Reading and comparing bytes a word at a time.

#[inline]
pub(crate) fn word64(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// Whether two byte strings are equal; for keys, whose length is short and usually the same.
#[inline]
pub(crate) fn same_bytes(one: &[u8], other: &[u8]) -> bool {
    let length = one.len();
    if length != other.len() {
        return false;
    }
    if !(8..=32).contains(&length) {
        return one == other;
    }
    // Whole words, the last of which overlaps the one before it.
    let last = length - 8;
    let mut differing = word64(one, last) ^ word64(other, last);
    let mut start = 0;
    while start < last {
        differing |= word64(one, start) ^ word64(other, start);
        start += 8;
    }
    differing == 0
}
