//! LZF, the compression that snapshot files use and lists use for their inner nodes.
//!
//! ```text
//! 000nnnnn               n + 1 bytes follow as they are
//! nnnooooo o8            n + 2 bytes as they were o + 1 bytes ago, n from 1 to 6
//! 111ooooo n8 o8         n + 9 bytes as they were o + 1 bytes ago
//! ```
//!
//! The upper bits of an offset stand in the first byte. A copy may overlap what it makes. Nothing says where the
//! bytes end or how many they become: both lengths are kept beside them.
//!
//! Worked example: `abcabcabc` becomes `02 'a' 'b' 'c'`, then `80 02`: 4 + 2 bytes as they were 3 bytes ago.

/// The longest run of bytes kept as they are.
const LITERAL_MAX: usize = 32;

/// The shortest and the longest copy.
const COPY_MIN: usize = 3;
const COPY_MAX: usize = 264;

/// The farthest copy.
const DISTANCE_MAX: usize = 1 << 13;

/// Positions of three bytes are remembered by so many bits of a hash of them.
const HASH_BITS: u32 = 12;

/// Compresses bytes, if the result takes at most `max` bytes. O(n).
pub fn compress(bytes: &[u8], max: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(max.min(bytes.len()));
    Compressor::new().compress(bytes, max, &mut out).then_some(out)
}

/// Compresses many runs of bytes, one after the other, without clearing 16 KiB for each.
pub struct Compressor {
    /// Where three bytes of this hash were last, counted over all runs; 0 where there were none.
    seen: [u32; 1 << HASH_BITS],
    /// Positions up to this one belong to earlier runs.
    base: u32,
}

impl Default for Compressor {
    fn default() -> Compressor {
        Compressor::new()
    }
}

impl Compressor {
    /// Makes one that has seen nothing.
    pub const fn new() -> Compressor {
        Compressor { seen: [0; 1 << HASH_BITS], base: 0 }
    }

    /// Appends the compressed form of `bytes` to `out` if it takes at most `max` bytes, and says so. O(n).
    pub fn compress(&mut self, bytes: &[u8], max: usize, out: &mut Vec<u8>) -> bool {
        let base = self.begin(bytes.len());
        let start = out.len();
        let (mut at, mut literal_start) = (0, 0);
        while let Some(three) = bytes.get(at..at + COPY_MIN) {
            let place = &mut self.seen[hash(three)];
            // Remembered positions are one more than the base, so that the last ones of earlier runs are told apart.
            let candidate = (*place as usize).checked_sub(base + 1);
            *place = (base + at) as u32 + 1;
            let length = match candidate {
                Some(candidate) if at - candidate <= DISTANCE_MAX => common_len(bytes, candidate, at),
                _ => 0,
            };
            if length < COPY_MIN {
                at += 1;
                continue;
            }
            write_literals(&bytes[literal_start..at], out);
            write_copy(at - candidate.expect("something is copied") - 1, length, out);
            if out.len() - start > max {
                break;
            }
            at += length;
            literal_start = at;
        }
        if out.len() - start <= max {
            write_literals(&bytes[literal_start..], out);
        }
        let fits = out.len() - start <= max;
        out.truncate(if fits { out.len() } else { start });
        fits
    }

    /// Makes positions for so many bytes, and says what they are counted from.
    fn begin(&mut self, len: usize) -> usize {
        let end = u32::try_from(len).ok().and_then(|len| self.base.checked_add(len)?.checked_add(1));
        let base = if end.is_some() { self.base } else { 0 };
        if end.is_none() {
            self.seen.fill(0);
        }
        self.base = end.unwrap_or((len as u64).min(u64::from(u32::MAX)) as u32);
        base as usize
    }
}

fn hash(three: &[u8]) -> usize {
    let word = u32::from_le_bytes([three[0], three[1], three[2], 0]);
    (word.wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS)) as usize
}

/// How many bytes at two places are the same, at most the longest copy.
fn common_len(bytes: &[u8], earlier: usize, later: usize) -> usize {
    let pairs = bytes[earlier..].iter().zip(&bytes[later..]).take(COPY_MAX);
    pairs.take_while(|(one, other)| one == other).count()
}

fn write_literals(bytes: &[u8], out: &mut Vec<u8>) {
    for run in bytes.chunks(LITERAL_MAX) {
        out.push(run.len() as u8 - 1);
        out.extend_from_slice(run);
    }
}

fn write_copy(offset: usize, length: usize, out: &mut Vec<u8>) {
    let (upper, lower) = ((offset >> 8) as u8, offset as u8);
    match length - 2 {
        short @ 0..7 => out.extend([(short as u8) << 5 | upper, lower]),
        long => out.extend([7 << 5 | upper, (long - 7) as u8, lower]),
    }
}

/// Decompresses bytes that become exactly `len` bytes; `None` if they don't. O(len).
///
/// No more memory is taken than the compressed bytes can fill, whatever `len` says.
pub fn decompress(bytes: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    decompress_into(bytes, len, &mut out).then_some(out)
}

/// Decompresses bytes that become exactly `len` bytes in place of what `out` held; whether they do. O(len).
///
/// No more memory is taken than the compressed bytes can fill, whatever `len` says.
pub fn decompress_into(bytes: &[u8], len: usize, out: &mut Vec<u8>) -> bool {
    out.clear();
    if len > bytes.len().saturating_mul(COPY_MAX / 3) {
        return false;
    }
    out.reserve(len);
    restore(bytes, len, out).is_some() && out.len() == len
}

fn restore(bytes: &[u8], len: usize, out: &mut Vec<u8>) -> Option<()> {
    let mut rest = bytes;
    while let Some((&first, behind)) = rest.split_first() {
        rest = if usize::from(first) < LITERAL_MAX {
            let (literal, behind) = behind.split_at_checked(usize::from(first) + 1)?;
            out.extend_from_slice(literal);
            behind
        } else {
            copy(first, behind, out)?
        };
        if out.len() > len {
            return None;
        }
    }
    Some(())
}

/// Copies what `first` and the bytes after it say, and returns what is behind them.
fn copy<'a>(first: u8, rest: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (length, rest) = match usize::from(first >> 5) {
        7 => {
            let (&more, rest) = rest.split_first()?;
            (usize::from(more) + 9, rest)
        }
        short => (short + 2, rest),
    };
    let (&lower, rest) = rest.split_first()?;
    let distance = (usize::from(first & 0x1f) << 8 | usize::from(lower)) + 1;
    let start = out.len().checked_sub(distance)?;
    // What is copied may be made by the copy itself, a distance at a time.
    let mut left = length;
    while left > 0 {
        let piece = left.min(out.len() - start);
        out.extend_from_within(start..start + piece);
        left -= piece;
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn round_trip(bytes: &[u8]) -> usize {
        let compressed = compress(bytes, usize::MAX).expect("no limit");
        assert_eq!(decompress(&compressed, bytes.len()).as_deref(), Some(bytes));
        assert!(compress(bytes, compressed.len()).is_some());
        assert!(compress(bytes, compressed.len() - 1).is_none());
        compressed.len()
    }

    #[test]
    fn compressed_bytes_come_back() {
        assert_eq!(compress(b"abcabcabc", 99).as_deref(), Some(&b"\x02abc\x80\x02"[..]));
        assert_eq!(round_trip(b"a"), 2);
        assert!(round_trip(&b"x".repeat(100_000)) < 1200);
        assert!(round_trip(&b"some words, ".repeat(700)) < 150);
        let mut random = Random::new(11);
        for _ in 0..2000 {
            let letters = 1 + random.below(20);
            let len = 1 + random.below(5000);
            let bytes: Vec<u8> = (0..len).map(|_| random.below(letters) as u8).collect();
            round_trip(&bytes);
        }
        let noise: Vec<u8> = (0..50_000).map(|_| random.next() as u8).collect();
        assert!(round_trip(&noise) <= 50_000 + 50_000 / 32 + 1);
    }

    #[test]
    fn one_run_knows_nothing_of_another() {
        let (mut compressor, mut random, mut out) = (Compressor::new(), Random::new(5), Vec::new());
        compressor.base = u32::MAX - 50_000;
        for _ in 0..1000 {
            let bytes: Vec<u8> = (0..random.below(200)).map(|_| random.below(4) as u8).collect();
            out.clear();
            assert!(compressor.compress(&bytes, usize::MAX, &mut out));
            assert_eq!(Some(&out), compress(&bytes, usize::MAX).as_ref(), "as if it were the only one");
        }
        assert!(compressor.base < 200_000, "the positions started again");
        out.clear();
        out.extend(b"before");
        assert!(!compressor.compress(b"nothing to gain", 9, &mut out));
        assert_eq!(out, b"before");
    }

    #[test]
    fn far_bytes_are_not_copied() {
        for distance in [8190, 8191, 8192, 8193] {
            let mut random = Random::new(4);
            let mut bytes: Vec<u8> = (0..distance).map(|_| random.next() as u8).collect();
            bytes.extend_from_within(..50);
            round_trip(&bytes);
        }
    }

    #[test]
    fn malformed_bytes_are_refused() {
        let good = compress(&b"words and words and other words".repeat(9), 999).expect("no limit");
        let len = 31 * 9;
        for cut in 0..good.len() {
            assert_eq!(decompress(&good[..cut], len), None);
        }
        for wrong in [0, len - 1, len + 1, usize::MAX] {
            assert_eq!(decompress(&good, wrong), None);
        }
        assert_eq!(decompress(b"\x20\x00", 3), None, "a copy of what is not there");
        assert_eq!(decompress(b"\x00a\x20\x01", 4), None, "a copy from before the start");
        assert_eq!(decompress(b"\x00a\xe0", 4), None, "a copy without its length");
        assert_eq!(decompress(b"\x00a\x20\x00", 4).as_deref(), Some(&b"aaaa"[..]));
        assert_eq!(decompress(b"", 0).as_deref(), Some(&b""[..]));
    }

    #[test]
    fn any_bytes_end_in_an_answer() {
        let mut random = Random::new(8);
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..random.below(40)).map(|_| random.next() as u8).collect();
            let len = random.below(600);
            assert!(decompress(&bytes, len).is_none_or(|out| out.len() == len));
        }
    }
}
