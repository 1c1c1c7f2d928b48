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

    #[test]
    fn what_is_written_is_read_and_nothing_else_changes() {
        for is_signed in [false, true] {
            for width in 1..=if is_signed { 64 } else { 63 } {
                for offset in 0..20 {
                    let field = Field { is_signed, width, offset };
                    let (min, max) = field.range();
                    for value in [min, max, 0, max / 3, min / 3] {
                        for background in [0x00, 0xff] {
                            let mut text = [background; 12];
                            field.write(&mut text, value);
                            assert_eq!(field.read(&text), value, "{field:?}");
                            let outside =
                                text.iter().map(|byte| (byte ^ background).count_ones()).sum::<u32>();
                            let bits = (value as u128) & ((1 << width) - 1);
                            let flipped = if background == 0 { bits } else { !bits & ((1 << width) - 1) };
                            assert_eq!(outside, flipped.count_ones(), "{field:?}");
                        }
                    }
                }
            }
        }
    }
}
