//! Natural numbers of any size, as far as conversions need them.

use std::cmp::Ordering;
use std::fmt;

/// The most decimal digits that always fit into a limb, and their scale.
const LIMB_DIGITS: usize = 19;
const LIMB_SCALE: u64 = 10_000_000_000_000_000_000;

/// A natural number: 64-bit limbs, the lowest first, the highest one not zero.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Natural {
    limbs: Vec<u64>,
}

impl From<u64> for Natural {
    fn from(limb: u64) -> Natural {
        let mut natural = Natural { limbs: vec![limb] };
        natural.trim();
        natural
    }
}

impl Natural {
    /// Reads decimal digits. O(n²).
    pub(super) fn from_digits(digits: &[u8]) -> Natural {
        let mut natural = Natural { limbs: Vec::with_capacity(digits.len() / LIMB_DIGITS + 1) };
        for part in digits.chunks(LIMB_DIGITS) {
            let value = part.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
            natural.multiply_add(10_u64.pow(part.len() as u32), value);
        }
        natural
    }

    /// A power of ten. O(n²).
    pub(super) fn power_of_ten(exponent: u32) -> Natural {
        let mut natural = Natural::from(10_u64.pow(exponent % LIMB_DIGITS as u32));
        for _ in 0..exponent / LIMB_DIGITS as u32 {
            natural.multiply_add(LIMB_SCALE, 0);
        }
        natural
    }

    /// The product. O(n·m).
    pub(super) fn times(&self, other: &Natural) -> Natural {
        let mut sum = Natural { limbs: vec![0; self.limbs.len() + other.limbs.len()] };
        for (at, &limb) in self.limbs.iter().enumerate() {
            let mut carry = 0;
            for (place, &factor) in sum.limbs[at..].iter_mut().zip(other.limbs.iter().chain(&[0])) {
                let wide = u128::from(limb) * u128::from(factor) + u128::from(*place) + carry;
                *place = wide as u64;
                carry = wide >> 64;
            }
        }
        sum.trim();
        sum
    }

    fn multiply_add(&mut self, factor: u64, addend: u64) {
        let mut carry = addend;
        for limb in &mut self.limbs {
            let wide = u128::from(*limb) * u128::from(factor) + u128::from(carry);
            (*limb, carry) = (wide as u64, (wide >> 64) as u64);
        }
        self.limbs.push(carry);
        self.trim();
    }

    /// Divides and returns the remainder.
    fn divide(&mut self, divisor: u64) -> u64 {
        let mut rest = 0;
        for limb in self.limbs.iter_mut().rev() {
            let wide = u128::from(rest) << 64 | u128::from(*limb);
            (*limb, rest) = ((wide / u128::from(divisor)) as u64, (wide % u128::from(divisor)) as u64);
        }
        self.trim();
        rest
    }

    fn trim(&mut self) {
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
    }

    /// How many bits it has; 0 for 0.
    pub(super) fn bits(&self) -> u32 {
        self.limbs.last().map_or(0, |limb| self.limbs.len() as u32 * 64 - limb.leading_zeros())
    }

    /// The number times a power of two.
    pub(super) fn shifted_left(&self, shift: u32) -> Natural {
        let (whole, part) = (shift as usize / 64, shift % 64);
        let mut limbs = vec![0; whole];
        let mut carry = 0;
        for limb in &self.limbs {
            limbs.push(limb << part | carry);
            carry = limb.checked_shr(64 - part).unwrap_or(0);
        }
        limbs.push(carry);
        let mut natural = Natural { limbs };
        natural.trim();
        natural
    }

    fn halve(&mut self) {
        let mut carry = 0;
        for limb in self.limbs.iter_mut().rev() {
            (*limb, carry) = (*limb >> 1 | carry, *limb << 63);
        }
        self.trim();
    }

    fn subtract(&mut self, other: &Natural) {
        let mut borrow = false;
        for (limb, other) in self.limbs.iter_mut().zip(other.limbs.iter().chain(std::iter::repeat(&0))) {
            let (once, first) = limb.overflowing_sub(*other);
            let (twice, second) = once.overflowing_sub(borrow.into());
            (*limb, borrow) = (twice, first | second);
        }
        debug_assert!(!borrow, "the larger number is subtracted from");
        self.trim();
    }

    /// The highest bits: `bits · 2^exponent`, and whether there was more below.
    pub(super) fn top(&self) -> (u128, i32, bool) {
        let Some(skipped) = self.limbs.len().checked_sub(2).filter(|skipped| *skipped > 0) else {
            let bits = self.limbs.iter().rev().fold(0, |bits, limb| bits << 64 | u128::from(*limb));
            return (bits, 0, false);
        };
        let (below, top) = self.limbs.split_at(skipped);
        let bits = u128::from(top[1]) << 64 | u128::from(top[0]);
        (bits, skipped as i32 * 64, below.iter().any(|limb| *limb != 0))
    }

    /// The quotient with 67 or 68 bits, `bits · 2^exponent`, and whether there is a remainder.
    ///
    /// Long division bit by bit: few bits are needed, however long the numbers are.
    pub(super) fn divided_by(&self, divisor: &Natural) -> (u128, i32, bool) {
        const QUOTIENT_BITS: i32 = 67;
        let exponent = self.bits() as i32 - divisor.bits() as i32 - QUOTIENT_BITS;
        let mut rest = self.shifted_left((-exponent).max(0) as u32);
        let mut step = divisor.shifted_left(exponent.max(0) as u32 + QUOTIENT_BITS as u32);
        let mut quotient = 0;
        for _ in 0..=QUOTIENT_BITS {
            quotient <<= 1;
            if rest.compare(&step) != Ordering::Less {
                rest.subtract(&step);
                quotient |= 1;
            }
            step.halve();
        }
        (quotient, exponent, !rest.limbs.is_empty())
    }

    fn compare(&self, other: &Natural) -> Ordering {
        let by_length = self.limbs.len().cmp(&other.limbs.len());
        by_length.then_with(|| self.limbs.iter().rev().cmp(other.limbs.iter().rev()))
    }
}

/// In decimal. O(n²).
impl fmt::Display for Natural {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut rest, mut parts) = (self.clone(), Vec::new());
        while !rest.limbs.is_empty() {
            parts.push(rest.divide(LIMB_SCALE));
        }
        write!(f, "{}", parts.pop().unwrap_or(0))?;
        parts.iter().rev().try_for_each(|part| write!(f, "{part:0LIMB_DIGITS$}"))
    }
}
