//! One integer of 1 to 64 bits at any bit of a text.

/// Holds any value of a field, and sums of them with 64-bit integers.
pub(super) type Integer = i128;

/// Where an integer is and how it is coded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Field {
    pub(super) is_signed: bool,
    /// 1 to 64, unsigned ones to 63.
    pub(super) width: usize,
    /// Its highest bit.
    pub(super) offset: usize,
}

/// What happens to an integer that does not fit its field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Overflow {
    /// It loses its higher bits.
    #[default]
    Wrap,
    /// It becomes the nearest that fits.
    Saturate,
    /// It is not written.
    Fail,
}

impl Field {
    /// The bit after the last.
    pub(super) fn end(self) -> usize {
        self.offset + self.width
    }

    fn range(self) -> (Integer, Integer) {
        let values = 1 << self.width;
        if self.is_signed { (-values / 2, values / 2 - 1) } else { (0, values - 1) }
    }

    /// The integer to be written for `value`; `None` if it must not be.
    pub(super) fn fit(self, value: Integer, overflow: Overflow) -> Option<Integer> {
        let (min, max) = self.range();
        match overflow {
            _ if (min..=max).contains(&value) => Some(value),
            Overflow::Wrap => Some(self.decode(value as u128)),
            Overflow::Saturate => Some(value.clamp(min, max)),
            Overflow::Fail => None,
        }
    }

    /// Reads the low bits of `bits` as an integer.
    fn decode(self, bits: u128) -> Integer {
        let unused = 128 - self.width;
        let high = bits << unused;
        if self.is_signed { high as Integer >> unused } else { (high >> unused) as Integer }
    }

    /// The bytes the field lies in, at most 9.
    fn bytes(self) -> std::ops::Range<usize> {
        self.offset / 8..self.end().div_ceil(8)
    }

    /// How far the field is from the end of its last byte.
    fn shift(self) -> usize {
        self.bytes().end * 8 - self.end()
    }

    /// The field's bytes as one number; those beyond the text are zero.
    fn window(self, text: &[u8]) -> u128 {
        let byte = |index| u128::from(text.get(index).copied().unwrap_or(0));
        self.bytes().fold(0, |window, index| window << 8 | byte(index))
    }

    /// The integer in a text, which ends in zeros.
    pub(super) fn read(self, text: &[u8]) -> Integer {
        self.decode(self.window(text) >> self.shift())
    }

    /// Writes an integer that fits into a text that is long enough.
    pub(super) fn write(self, text: &mut [u8], value: Integer) {
        let mask = (1_u128 << self.width) - 1;
        let kept = self.window(text) & !(mask << self.shift());
        let mut window = kept | (value as u128 & mask) << self.shift();
        for byte in text[self.bytes()].iter_mut().rev() {
            *byte = window as u8;
            window >>= 8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes the ends of the range and what lies between over clear and over set bits.
    fn check(field: Field) {
        let (min, max) = field.range();
        let mask = (1_u128 << field.width) - 1;
        for value in [min, max, 0, max / 3, min / 3] {
            let (mut clear, mut set) = ([0x00; 12], [0xff; 12]);
            field.write(&mut clear, value);
            field.write(&mut set, value);
            assert_eq!((field.read(&clear), field.read(&set)), (value, value), "{field:?}");
            let ones = clear.iter().map(|byte| byte.count_ones()).sum::<u32>();
            let zeros = set.iter().map(|byte| byte.count_zeros()).sum::<u32>();
            let bits = value as u128 & mask;
            assert_eq!((ones, zeros), (bits.count_ones(), (!bits & mask).count_ones()), "{field:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else_changes() {
        for (is_signed, width_max) in [(false, 63), (true, 64)] {
            let fields = (1..=width_max).flat_map(|width| (0..20).map(move |offset| (width, offset)));
            fields.for_each(|(width, offset)| check(Field { is_signed, width, offset }));
        }
    }
}
