//! XXH3, the 64-bit hash with seed 0 that DIGEST shows, after the xxHash specification.
//!
//! Inputs are hashed in one of five ways by their length, always ending in an avalanche:
//!
//! ```text
//!   0..=16   a few words of the input against words of the secret
//!  17..=128  pairs of 16 bytes from both ends inwards
//! 129..=240  16 bytes after another
//! 241..      stripes of 64 bytes into eight lanes, scrambled every 1024 bytes
//! ```
//!
//! It is no protection against chosen collisions; tables hash with [`crate::hash`].

const PRIME32_1: u64 = 0x9E37_79B1;
const PRIME32_2: u64 = 0x85EB_CA77;
const PRIME32_3: u64 = 0xC2B2_AE3D;
const PRIME64_1: u64 = 0x9E37_79B1_85EB_CA87;
const PRIME64_2: u64 = 0xC2B2_AE3D_27D4_EB4F;
const PRIME64_3: u64 = 0x1656_67B1_9E37_79F9;
const PRIME64_4: u64 = 0x85EB_CA77_C2B2_AE63;
const PRIME64_5: u64 = 0x27D4_EB2F_1656_67C5;
const PRIME_MIX_1: u64 = 0x1656_6791_9E37_79F9;
const PRIME_MIX_2: u64 = 0x9FB2_1C65_1E98_DF25;

const STRIPE: usize = 64;
const STRIPES_PER_BLOCK: usize = (SECRET.len() - STRIPE) / 8;
const BLOCK: usize = STRIPE * STRIPES_PER_BLOCK;
const _: () = assert!(BLOCK == 1024);

/// The default secret of the specification.
#[rustfmt::skip]
const SECRET: [u8; 192] = [
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
    0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
    0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
    0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
    0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
    0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
    0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
    0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
    0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
];

/// Hashes bytes. O(n).
pub fn hash(input: &[u8]) -> u64 {
    match input.len() {
        0 => avalanche_64(secret(56) ^ secret(64)),
        1..=3 => hash_to_3(input),
        4..=8 => hash_to_8(input),
        9..=16 => hash_to_16(input),
        17..=128 => hash_to_128(input),
        129..=240 => hash_to_240(input),
        _ => hash_long(input),
    }
}

fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

fn half_word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u64::from(u32::from_le_bytes(word))
}

fn secret(at: usize) -> u64 {
    word(&SECRET, at)
}

/// Multiplies to 128 bits and folds both halves together.
fn multiply_fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    product as u64 ^ (product >> 64) as u64
}

/// The avalanche of XXH64, which XXH3 uses for the shortest inputs.
fn avalanche_64(mut hash: u64) -> u64 {
    hash = (hash ^ hash >> 33).wrapping_mul(PRIME64_2);
    hash = (hash ^ hash >> 29).wrapping_mul(PRIME64_3);
    hash ^ hash >> 32
}

fn avalanche(mut hash: u64) -> u64 {
    hash = (hash ^ hash >> 37).wrapping_mul(PRIME_MIX_1);
    hash ^ hash >> 32
}

fn hash_to_3(input: &[u8]) -> u64 {
    let len = input.len();
    let (first, middle, last) = (u64::from(input[0]), u64::from(input[len >> 1]), u64::from(input[len - 1]));
    let combined = first << 16 | middle << 24 | last | (len as u64) << 8;
    avalanche_64(combined ^ half_word(&SECRET, 0) ^ half_word(&SECRET, 4))
}

fn hash_to_8(input: &[u8]) -> u64 {
    let len = input.len();
    let combined = half_word(input, len - 4) | half_word(input, 0) << 32;
    let mut hash = combined ^ secret(8) ^ secret(16);
    hash ^= hash.rotate_left(49) ^ hash.rotate_left(24);
    hash = hash.wrapping_mul(PRIME_MIX_2);
    hash ^= (hash >> 35).wrapping_add(len as u64);
    hash = hash.wrapping_mul(PRIME_MIX_2);
    hash ^ hash >> 28
}

fn hash_to_16(input: &[u8]) -> u64 {
    let len = input.len();
    let low = word(input, 0) ^ secret(24) ^ secret(32);
    let high = word(input, len - 8) ^ secret(40) ^ secret(48);
    let sum = (len as u64).wrapping_add(low.swap_bytes()).wrapping_add(high);
    avalanche(sum.wrapping_add(multiply_fold(low, high)))
}

/// Mixes 16 bytes of the input with 16 of the secret.
fn mix(input: &[u8], at: usize, secret_at: usize) -> u64 {
    multiply_fold(word(input, at) ^ secret(secret_at), word(input, at + 8) ^ secret(secret_at + 8))
}

fn hash_to_128(input: &[u8]) -> u64 {
    let len = input.len();
    let mut hash = (len as u64).wrapping_mul(PRIME64_1);
    for pair in 0..=(len - 1) / 32 {
        hash = hash.wrapping_add(mix(input, pair * 16, pair * 32)).wrapping_add(mix(
            input,
            len - 16 - pair * 16,
            pair * 32 + 16,
        ));
    }
    avalanche(hash)
}

fn hash_to_240(input: &[u8]) -> u64 {
    const FIRST_ROUNDS: usize = 8;
    let len = input.len();
    let mut hash = (len as u64).wrapping_mul(PRIME64_1);
    for round in 0..FIRST_ROUNDS {
        hash = hash.wrapping_add(mix(input, round * 16, round * 16));
    }
    hash = avalanche(hash);
    for round in FIRST_ROUNDS..len / 16 {
        hash = hash.wrapping_add(mix(input, round * 16, (round - FIRST_ROUNDS) * 16 + 3));
    }
    avalanche(hash.wrapping_add(mix(input, len - 16, 136 - 17)))
}

type Lanes = [u64; 8];

fn hash_long(input: &[u8]) -> u64 {
    let len = input.len();
    let mut lanes: Lanes =
        [PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3, PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1];
    // The last block and the last stripe are never empty, so they end one byte early.
    let full_len = (len - 1) / BLOCK * BLOCK;
    let (full, rest) = input.split_at(full_len);
    for block in full.chunks_exact(BLOCK) {
        accumulate_block(&mut lanes, block);
        scramble(&mut lanes);
    }
    accumulate_block(&mut lanes, &rest[..(rest.len() - 1) / STRIPE * STRIPE]);
    accumulate(&mut lanes, &input[len - STRIPE..], SECRET.len() - STRIPE - 7);
    merge(&lanes, len)
}

fn accumulate_block(lanes: &mut Lanes, block: &[u8]) {
    for (index, stripe) in block.chunks_exact(STRIPE).enumerate() {
        accumulate(lanes, stripe, index * 8);
    }
}

fn accumulate(lanes: &mut Lanes, stripe: &[u8], secret_at: usize) {
    for lane in 0..8 {
        let data = word(stripe, lane * 8);
        let key = data ^ secret(secret_at + lane * 8);
        lanes[lane ^ 1] = lanes[lane ^ 1].wrapping_add(data);
        lanes[lane] = lanes[lane].wrapping_add((key & 0xffff_ffff) * (key >> 32));
    }
}

fn scramble(lanes: &mut Lanes) {
    for (index, lane) in lanes.iter_mut().enumerate() {
        let mixed = *lane ^ *lane >> 47 ^ secret(SECRET.len() - STRIPE + index * 8);
        *lane = mixed.wrapping_mul(PRIME32_1);
    }
}

fn merge(lanes: &Lanes, len: usize) -> u64 {
    let mut hash = (len as u64).wrapping_mul(PRIME64_1);
    for (pair, two) in lanes.chunks_exact(2).enumerate() {
        let at = 11 + pair * 16;
        hash = hash.wrapping_add(multiply_fold(two[0] ^ secret(at), two[1] ^ secret(at + 8)));
    }
    avalanche(hash)
}

#[cfg(test)]
mod tests {
    use super::hash;

    /// Made with the reference implementation: every way of hashing and the lengths at its ends.
    #[test]
    fn hashes_are_those_of_the_reference() {
        for (text, repetitions, expected) in [
            ("Hello world", 1, 0xb6ac_b9d8_4a38_ff74),
            ("a", 1, 0xe6c6_32b6_1e96_4e1f),
            ("test", 1, 0x9ec9_f791_8d7d_fc40),
            ("", 1, 0x2d06_8005_38d3_94c2),
            ("ab", 1, 0xa873_719c_24d5_735c),
            ("a", 3, 0xe4ba_3228_795d_c9ef),
            ("ab", 2, 0xa4c6_7586_c62f_5e7f),
            ("a", 7, 0x2a29_a3f6_6d42_4793),
            ("ab", 4, 0x1763_56ec_babb_0fcf),
            ("a", 9, 0xe213_7e26_d8ee_d2c4),
            ("a", 15, 0x2a10_b7ca_d91d_4ce6),
            ("ab", 8, 0x1405_803c_86ab_1295),
            ("a", 17, 0x3912_7b68_16c5_f92a),
            ("ab", 16, 0x0b7f_e0ec_0e56_f88b),
            ("a", 33, 0x2bf5_e46a_4187_1e0d),
            ("ab", 32, 0x53df_bcb3_1fef_9619),
            ("a", 65, 0xfcf3_52f3_db82_a064),
            ("ab", 48, 0x3a5d_7660_7ad3_de30),
            ("a", 97, 0xfb22_fdde_7556_5533),
            ("ab", 64, 0xfedb_b99f_8606_5dd6),
            ("a", 129, 0x1586_e7ed_07cb_a75b),
            ("ab", 80, 0xcad7_838e_6fe2_93be),
            ("ab", 100, 0xc537_48e7_dd91_694d),
            ("a", 239, 0xba1d_0f1f_5195_9be4),
            ("ab", 120, 0x1290_c0bc_d308_074a),
            ("a", 241, 0xf6cf_ef5c_5aca_1930),
            ("ab", 128, 0x1a1c_80fd_4d4b_ad96),
            ("ab", 256, 0x02f6_13c7_28d7_8f50),
            ("a", 1023, 0x1ed5_a781_38cf_3f85),
            ("ab", 512, 0x7b4b_8b10_fdd5_774a),
            ("a", 1025, 0xd46a_63ac_fb8d_a1ea),
            ("ab", 1024, 0x96db_dbfe_1f62_8db6),
            ("ab", 2048, 0x1082_52e8_a1f2_0da3),
            ("ab", 2500, 0x21bd_41f9_6ac0_a88a),
            ("ab", 50_000, 0x928f_1db3_dc7f_0c6b),
        ] {
            let digest = hash(text.repeat(repetitions).as_bytes());
            assert_eq!(digest, expected, "{text:?} * {repetitions}: {digest:016x}");
        }
    }
}
