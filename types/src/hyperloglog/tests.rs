//! Sketches against a plain array of ranks, and bytes that nobody should trust.

use super::*;

/// A small generator of random words.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

fn sketch(bytes: &[u8]) -> HyperLogLog<'_> {
    HyperLogLog::of(bytes).expect("a sketch")
}

fn ranks(bytes: &[u8]) -> Vec<u8> {
    let mut registers = Registers::new();
    sketch(bytes).merge_into(&mut registers).expect("sound");
    registers.ranks().to_vec()
}

/// Every run that could be joined with its neighbour and is within reach of a change must have been.
fn check(bytes: &[u8], model: &[u8]) {
    assert_eq!(ranks(bytes), model);
    let sketch = sketch(bytes);
    let dense = sketch.to_dense().expect("sound");
    assert_eq!(ranks(&dense), model);
    assert_eq!(sketch.estimate(), super::HyperLogLog { bytes: &dense }.estimate());
    assert!(sketch.runs().all(|run| run != Run::Value(0, 0)));
}

#[test]
fn hashes_are_those_of_other_servers() {
    // From the registers that Redis shows after PFADD h a b c.
    let mut bytes = empty().to_vec();
    for element in ["a", "b", "c"] {
        assert_eq!(observe(&mut bytes, Observation::of(element.as_bytes()), 3000), Ok(true));
    }
    let runs: Vec<Run> = sketch(&bytes).runs().collect();
    let zeros = Run::LongZero;
    let value = |rank| Run::Value(rank, 1);
    assert_eq!(runs, [zeros(8436), value(1), zeros(4274), value(2), zeros(3068), value(1), zeros(603)]);
    assert_eq!(sketch(&bytes).estimate(), Ok(3));
}

#[test]
fn sketches_follow_a_model() {
    let mut random = Random(1);
    for round in 0..60 {
        let sparse_bytes_max = [0, 20, 100, 3000, 30_000][round % 5];
        // Few registers side by side make runs that split and join.
        let spread = [10, 300, REGISTERS][round % 3];
        let (mut bytes, mut model) = (empty().to_vec(), vec![0; REGISTERS]);
        for step in 0..1500 {
            let register = random.below(spread);
            let rank = 1 + (random.next().trailing_zeros() as u8).min(if round % 7 == 0 { 50 } else { 31 });
            let observation = Observation { register: register as u16, rank };
            let is_higher = rank > model[register];
            assert_eq!(observe(&mut bytes, observation, sparse_bytes_max), Ok(is_higher));
            model[register] = rank.max(model[register]);
            if step % 100 == 0 {
                check(&bytes, &model);
            }
        }
        check(&bytes, &model);
    }
}

#[test]
fn raising_at_once_is_raising_one_after_the_other() {
    let mut random = Random(2);
    for round in 0..200 {
        let spread = [20, 400, REGISTERS][round % 3];
        let mut registers = Registers::new();
        let mut start = empty().to_vec();
        for _ in 0..random.below(500) {
            let register = random.below(spread);
            let rank = 1 + (random.next().trailing_zeros() as u8).min(3);
            if random.below(2) == 0 {
                observe(&mut start, Observation { register: register as u16, rank }, 3000).expect("sound");
            }
            registers.raise(register, 1, rank);
        }
        sketch(&start).merge_into(&mut registers).expect("sound");
        let (mut at_once, mut one_by_one) = (start.clone(), start);
        raise(&mut at_once, &registers, 3000).expect("sound");
        for (register, rank) in (0..).zip(registers.ranks()) {
            if *rank > 0 {
                observe(&mut one_by_one, Observation { register, rank: *rank }, 3000).expect("sound");
            }
        }
        mark_stale(&mut one_by_one);
        assert!(at_once == one_by_one, "round {round}");
    }
}

#[test]
fn estimates_are_close() {
    for count in [1, 10, 100, 1000, 10_000, 100_000_u64] {
        let mut bytes = empty().to_vec();
        for element in 0..count {
            observe(&mut bytes, Observation::of(&element.to_le_bytes()), 3000).expect("sound");
        }
        let estimate = sketch(&bytes).estimate().expect("sound");
        assert!(estimate.abs_diff(count) <= count / 33, "{estimate} for {count}");
    }
}

#[test]
fn headers_are_checked() {
    assert!(HyperLogLog::of(b"").is_none() && HyperLogLog::of(b"HYLL\x01").is_none());
    assert!(HyperLogLog::of(&empty()).is_some());
    let mut other = empty();
    other[FORM_AT] = 2;
    assert!(HyperLogLog::of(&other).is_none());
    let mut dense = vec![0; DENSE_BYTES];
    dense[..4].copy_from_slice(&MAGIC);
    assert!(HyperLogLog::of(&dense).is_some());
    assert!(HyperLogLog::of(&dense[..DENSE_BYTES - 1]).is_none());
    dense[0] = b'h';
    assert!(HyperLogLog::of(&dense).is_none());
}

#[test]
fn runs_that_do_not_add_up_are_refused() {
    for code in [&b""[..], b"\x7f", b"\x7f\xfe", b"\x7f\xff\x00", b"\x7f\xff\x7f\xff", b"\x80", b"\x00"] {
        let bytes = [&empty()[..HEADER_BYTES], code].concat();
        assert_eq!(sketch(&bytes).estimate(), Err(Corrupted), "{code:x?}");
        assert_eq!(sketch(&bytes).to_dense(), Err(Corrupted));
        assert_eq!(sketch(&bytes).merge_into(&mut Registers::new()), Err(Corrupted));
    }
}

#[test]
fn any_bytes_are_survived() {
    let mut random = Random(3);
    for _ in 0..20_000 {
        let mut bytes = empty()[..HEADER_BYTES].to_vec();
        bytes.extend((0..random.below(40)).map(|_| random.next() as u8));
        let observation =
            Observation { register: random.below(REGISTERS) as u16, rank: 1 + random.below(51) as u8 };
        let _ = observe(&mut bytes, observation, 60);
        let _ = sketch(&bytes).estimate();
    }
}
