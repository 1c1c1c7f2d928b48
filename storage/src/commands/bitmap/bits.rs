//! Counting and finding bits in a text, eight bytes at a time.

use std::ops::Range;

/// Counts the set bits of a non-empty range that lies in the text.
pub(super) fn count(text: &[u8], bits: &Range<usize>) -> u64 {
    let bytes = &text[bits.start / 8..bits.end.div_ceil(8)];
    let (words, rest) = bytes.as_chunks();
    let of_words: u64 = words.iter().map(|word| u64::from(u64::from_ne_bytes(*word).count_ones())).sum();
    let of_rest: u64 = rest.iter().map(|byte| u64::from(byte.count_ones())).sum();
    let (first, last) = (bytes[0], bytes[bytes.len() - 1]);
    let before = (first & !from_bit(bits.start)).count_ones();
    let after = if bits.end.is_multiple_of(8) { 0 } else { (last & from_bit(bits.end)).count_ones() };
    of_words + of_rest - u64::from(before) - u64::from(after)
}

/// Finds the first bit that is set (or clear) in a non-empty range that lies in the text.
pub(super) fn find(text: &[u8], bits: &Range<usize>, is_set: bool) -> Option<usize> {
    // What is looked for becomes a set bit.
    let flip = if is_set { 0 } else { 0xff };
    let first = bits.start / 8;
    let head = (text[first] ^ flip) & from_bit(bits.start);
    let (byte, found) = if head != 0 {
        (first, head)
    } else {
        let rest = &text[first + 1..bits.end.div_ceil(8).max(first + 1)];
        let (words, _) = rest.as_chunks::<8>();
        let skipped = words.iter().take_while(|word| **word == [flip; 8]).count() * 8;
        let ahead = rest[skipped..].iter().position(|byte| *byte != flip)?;
        let byte = first + 1 + skipped + ahead;
        (byte, text[byte] ^ flip)
    };
    let position = byte * 8 + found.leading_zeros() as usize;
    (position < bits.end).then_some(position)
}

/// The bits of a byte from a position on.
fn from_bit(position: usize) -> u8 {
    0xff >> (position % 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], range: &Range<usize>) {
        let bit = |position: usize| text[position / 8] >> (7 - position % 8) & 1 == 1;
        let ones = range.clone().filter(|position| bit(*position)).count();
        assert_eq!(count(text, range), ones as u64, "{range:?}");
        for is_set in [true, false] {
            let found = range.clone().find(|position| bit(*position) == is_set);
            assert_eq!(find(text, range, is_set), found, "{range:?} {is_set}");
        }
    }

    /// Compares every range of a few texts with going bit by bit.
    #[test]
    fn ranges_count_and_find_as_bit_by_bit() {
        let scattered: Vec<u8> = (0..21_u32).map(|index| ((index * index * 37) >> 3) as u8).collect();
        let mut sparse = [0; 21];
        sparse[17] = 0x04;
        for text in [&scattered[..], &sparse, &[0; 21], &[0xff; 21], &[0xfe]] {
            let bits = text.len() * 8;
            let ranges = (0..bits).flat_map(|start| (start + 1..=bits).map(move |end| start..end));
            ranges.for_each(|range| check(text, &range));
        }
    }
}
