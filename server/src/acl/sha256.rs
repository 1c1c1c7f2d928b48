//! SHA-256, as FIPS 180-4 defines it.
//!
//! Passwords are kept and shown by this hash, because Redis keeps and shows them so. A password is at most as long as a
//! word of a request, so it is hashed at once.

/// The bytes of a digest.
pub(super) type Digest = [u8; 32];

/// The first words of the state: fractions of the square roots of the first eight primes.
const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// One word per round: fractions of the cube roots of the first 64 primes.
const ROUNDS: [u32; 64] = rounds();

/// Computes [`ROUNDS`]: the first 32 bits behind the point of each root, by integer arithmetic.
const fn rounds() -> [u32; 64] {
    let mut words = [0; 64];
    let (mut found, mut candidate) = (0, 2u128);
    while found < 64 {
        if is_prime(candidate) {
            words[found] = cube_root(candidate << 96) as u32;
            found += 1;
        }
        candidate += 1;
    }
    words
}

const fn is_prime(number: u128) -> bool {
    let mut divisor = 2;
    while divisor * divisor <= number {
        if number.is_multiple_of(divisor) {
            return false;
        }
        divisor += 1;
    }
    true
}

/// The largest number whose cube is not above `cube`, below 2^40.
const fn cube_root(cube: u128) -> u128 {
    let mut root = 0;
    let mut bit = 1u128 << 39;
    while bit > 0 {
        let next = root | bit;
        if next * next * next <= cube {
            root = next;
        }
        bit >>= 1;
    }
    root
}

/// Returns the digest of a message.
pub(super) fn sha256(message: &[u8]) -> Digest {
    let mut state = START;
    let (blocks, rest) = message.as_chunks::<64>();
    for block in blocks {
        absorb(&mut state, block);
    }
    // The rest, a bit that is set, and the number of bits at the end of a block.
    let mut end = [0; 128];
    end[..rest.len()].copy_from_slice(rest);
    end[rest.len()] = 0x80;
    let length = if rest.len() < 56 { 64 } else { 128 };
    end[length - 8..length].copy_from_slice(&(message.len() as u64 * 8).to_be_bytes());
    for block in end[..length].as_chunks::<64>().0 {
        absorb(&mut state, block);
    }

    let mut digest = [0; 32];
    for (bytes, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    digest
}

#[expect(clippy::many_single_char_names, reason = "the standard calls them so")]
fn absorb(state: &mut [u32; 8], block: &[u8; 64]) {
    let mut words = [0; 64];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    for at in 16..64 {
        let (early, late): (u32, u32) = (words[at - 15], words[at - 2]);
        let early = early.rotate_right(7) ^ early.rotate_right(18) ^ early >> 3;
        let late = late.rotate_right(17) ^ late.rotate_right(19) ^ late >> 10;
        words[at] = early.wrapping_add(words[at - 16]).wrapping_add(late).wrapping_add(words[at - 7]);
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for (word, constant) in words.iter().zip(ROUNDS) {
        let choice = e & f ^ !e & g;
        let mixed = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let first = h.wrapping_add(mixed).wrapping_add(choice).wrapping_add(constant).wrapping_add(*word);
        let majority = a & b ^ a & c ^ b & c;
        let second = (a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22)).wrapping_add(majority);
        (h, g, f, e, d, c, b, a) = (g, f, e, d.wrapping_add(first), c, b, a, first.wrapping_add(second));
    }
    for (word, addend) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = word.wrapping_add(addend);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(message: &[u8]) -> String {
        super::super::hex(&sha256(message))
    }

    #[test]
    fn digests_are_those_of_the_standard() {
        for (message, expected) in [
            (&b""[..], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
        ] {
            assert_eq!(hex(message), expected);
        }
        let million = vec![b'a'; 1_000_000];
        assert_eq!(hex(&million), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }

    #[test]
    fn every_length_of_the_last_block_has_room_for_its_padding() {
        let digests: std::collections::BTreeSet<Digest> =
            (0..200).map(|length| sha256(&vec![0; length])).collect();
        assert_eq!(digests.len(), 200);
    }
}
