//! Units that are known from their numbers.

use spinel_persistence::log::Unit;
use spinel_resp::encode_request;
use std::sync::OnceLock;

/// No life is so long that it writes more.
const UNITS_MAX: u64 = 5000;

/// Pseudo-random numbers from a seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16) % bound
    }

    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// How many commands a unit has; more than one are a transaction.
fn parts(number: u64) -> u64 {
    if number % 4 == 3 { 2 + number % 3 } else { 1 }
}

/// Mostly short values, some longer than a sector, few longer than several.
fn value(number: u64, part: u64) -> Vec<u8> {
    let length = match number % 16 {
        5 => 700,
        10 => 3000,
        rest => rest * 2 + part,
    };
    vec![b'a' + (number % 26) as u8; length as usize]
}

/// Encodes a unit.
pub(crate) fn encode(number: u64, out: &mut Vec<u8>) {
    let is_group = parts(number) > 1;
    if is_group {
        encode_request(["MULTI"], out);
    }
    for part in 0..parts(number) {
        let (name, index) = (number.to_string().into_bytes(), part.to_string().into_bytes());
        encode_request([b"SET".to_vec(), name, index, value(number, part)], out);
    }
    if is_group {
        encode_request(["EXEC"], out);
    }
}

/// Returns how many bytes the first units take.
pub(crate) fn offset_of(number: u64) -> u64 {
    static OFFSETS: OnceLock<Vec<u64>> = OnceLock::new();
    let offsets = OFFSETS.get_or_init(|| {
        let (mut bytes, mut offsets) = (Vec::new(), vec![0]);
        for number in 0..UNITS_MAX {
            encode(number, &mut bytes);
            offsets.push(bytes.len() as u64);
        }
        offsets
    });
    offsets[number as usize]
}

/// Says what is wrong with a unit of which the number is given, if anything.
pub(crate) fn check(unit: Unit<'_>, number: u64) -> Result<(), String> {
    let commands: Vec<Vec<Vec<u8>>> =
        unit.commands().map(|command| command.words().map(<[u8]>::to_vec).collect()).collect();
    let expected: Vec<Vec<Vec<u8>>> = (0..parts(number))
        .map(|part| {
            vec![b"SET".to_vec(), number.to_string().into(), part.to_string().into(), value(number, part)]
        })
        .collect();
    if commands != expected || unit.is_transaction() != (parts(number) > 1) {
        let name = commands.first().map(|words| String::from_utf8_lossy(&words[1]).into_owned());
        return Err(format!("unit {number} is {name:?} with {} commands", commands.len()));
    }
    Ok(())
}
