//! SHA-1 (FIPS 180-4): not for secrets any more, but what dataset digests and script names are made of.

/// Bytes of a hash.
pub const SHA1_BYTES: usize = 20;

const BLOCK_BYTES: usize = 64;
const ROUNDS: usize = 80;
const START: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

/// Hashes `bytes`. O(len).
pub fn sha1(bytes: &[u8]) -> [u8; SHA1_BYTES] {
    let mut state = START;
    let mut blocks = bytes.chunks_exact(BLOCK_BYTES);
    for block in &mut blocks {
        mix(&mut state, block.try_into().expect("chunks have the size of a block"));
    }
    finish(&mut state, blocks.remainder(), bytes.len());
    let mut hash = [0; SHA1_BYTES];
    for (part, word) in hash.chunks_exact_mut(4).zip(state) {
        part.copy_from_slice(&word.to_be_bytes());
    }
    hash
}

/// Hashes `bytes` into lower-case hexadecimal digits. O(len).
pub fn sha1_hex(bytes: &[u8]) -> String {
    let digits = sha1(bytes).into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])).collect()
}

/// Mixes in what is left, a one bit, zeros, and the length in bits at the end of a block.
fn finish(state: &mut [u32; 5], rest: &[u8], len: usize) {
    let mut last = [0; 2 * BLOCK_BYTES];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x80;
    let end = if rest.len() < BLOCK_BYTES - size_of::<u64>() { BLOCK_BYTES } else { 2 * BLOCK_BYTES };
    last[end - size_of::<u64>()..end].copy_from_slice(&(len as u64 * 8).to_be_bytes());
    for block in last[..end].chunks_exact(BLOCK_BYTES) {
        mix(state, block.try_into().expect("chunks have the size of a block"));
    }
}

fn mix(state: &mut [u32; 5], block: &[u8; BLOCK_BYTES]) {
    let mut words = [0_u32; ROUNDS];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = u32::from_be_bytes(bytes.try_into().expect("chunks have four bytes"));
    }
    for round in 16..ROUNDS {
        let mixed = words[round - 3] ^ words[round - 8] ^ words[round - 14] ^ words[round - 16];
        words[round] = mixed.rotate_left(1);
    }
    let [mut a, mut b, mut c, mut d, mut last] = *state;
    for (round, word) in words.into_iter().enumerate() {
        let (choice, constant) = match round / 20 {
            0 => (b & c | !b & d, 0x5a82_7999),
            1 => (b ^ c ^ d, 0x6ed9_eba1),
            2 => (b & c | b & d | c & d, 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6_u32),
        };
        let next = a.rotate_left(5);
        let next = next.wrapping_add(choice).wrapping_add(last).wrapping_add(constant).wrapping_add(word);
        (last, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
    }
    for (sum, part) in state.iter_mut().zip([a, b, c, d, last]) {
        *sum = sum.wrapping_add(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_examples() {
        assert_eq!(sha1_hex(b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(sha1_hex(b""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        let two_blocks = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(sha1_hex(two_blocks), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
        assert_eq!(sha1_hex(&vec![b'a'; 1_000_000]), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    }

    #[test]
    fn padding_at_the_ends_of_blocks() {
        for (length, expected) in [
            (55, "c1c8bbdc22796e28c0e15163d20899b65621d65a"),
            (56, "c2db330f6083854c99d4b5bfb6e8f29f201be699"),
            (64, "0098ba824b5c16427bd7a1122a5a442a25ec644d"),
        ] {
            assert_eq!(sha1_hex(&vec![b'a'; length]), expected, "{length}");
        }
    }
}
