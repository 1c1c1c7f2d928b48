//! Powers of ten as 64-bit fractions, computed when compiled.

/// The least binary exponent of a scaled number: its integral part has at least 4 bits, so it has at least one digit.
const SCALED_EXPONENT_MIN: i32 = -60;

/// 10^`decimal_exponent`, rounded to `fraction` · 2^`exponent` with the fraction's highest bit set.
#[derive(Clone, Copy)]
pub(super) struct PowerOfTen {
    pub(super) fraction: u64,
    pub(super) exponent: i32,
    pub(super) decimal_exponent: i32,
}

/// Every eighth power of ten from 10^-348 to 10^340, enough to bring every double's exponent into a range of 28.
const POWERS: [PowerOfTen; 87] = powers_of_ten();
const DECIMAL_EXPONENT_MIN: i32 = -348;
const DECIMAL_EXPONENT_STEP: i32 = 8;

impl PowerOfTen {
    /// The least power whose product with a normalized number of this binary exponent has at least
    /// [`SCALED_EXPONENT_MIN`].
    pub(super) fn scaling(exponent: i32) -> PowerOfTen {
        let wanted = SCALED_EXPONENT_MIN - 64 - exponent;
        let index = POWERS.partition_point(|power| power.exponent < wanted);
        POWERS[index]
    }
}

/// 64-bit limbs, the lowest first; enough for 5^340 (790 bits) and for 2^960, of which 5^-348 leaves 152 bits.
const LIMBS: usize = 16;

/// Computes the table from whole numbers: 10^n is 5^n · 2^n, and multiplying or dividing by 5^8 fits a limb.
const fn powers_of_ten() -> [PowerOfTen; 87] {
    const SMALLEST: usize = (-DECIMAL_EXPONENT_MIN / DECIMAL_EXPONENT_STEP) as usize;
    let step = 5_u64.pow(DECIMAL_EXPONENT_STEP as u32);
    let mut powers = [PowerOfTen { fraction: 0, exponent: 0, decimal_exponent: 0 }; 87];

    // From 10^4 upwards: 5^4, times 5^8 each.
    let mut number = [0; LIMBS];
    number[0] = 5_u64.pow(4);
    let mut index = SMALLEST + 1;
    while index < 87 {
        powers[index] = rounded(&number, 0, index);
        number = multiplied(&number, step);
        index += 1;
    }

    // From 10^-4 downwards: 2^960 / 5^4, divided by 5^8 each. Dropping remainders on the way changes no digit, since
    // the floor of a floor's quotient is the floor of the whole quotient.
    let mut number = [0; LIMBS];
    number[LIMBS - 1] = 1;
    number = divided(&number, 5_u64.pow(4));
    let mut index = SMALLEST + 1;
    while index > 0 {
        index -= 1;
        powers[index] = rounded(&number, -64 * (LIMBS as i32 - 1), index);
        number = divided(&number, step);
    }
    powers
}

const fn multiplied(number: &[u64; LIMBS], factor: u64) -> [u64; LIMBS] {
    let mut product = [0; LIMBS];
    let mut carry = 0;
    let mut limb = 0;
    while limb < LIMBS {
        carry += number[limb] as u128 * factor as u128;
        product[limb] = carry as u64;
        carry >>= 64;
        limb += 1;
    }
    product
}

const fn divided(number: &[u64; LIMBS], divisor: u64) -> [u64; LIMBS] {
    let mut quotient = [0; LIMBS];
    let mut remainder = 0;
    let mut limb = LIMBS;
    while limb > 0 {
        limb -= 1;
        remainder = (remainder << 64) | number[limb] as u128;
        quotient[limb] = (remainder / divisor as u128) as u64;
        remainder %= divisor as u128;
    }
    quotient
}

/// Rounds `number` · 2^`exponent`, a power of five, to 64 bits and makes it entry `index` of the table.
const fn rounded(number: &[u64; LIMBS], exponent: i32, index: usize) -> PowerOfTen {
    let mut top = LIMBS - 1;
    while number[top] == 0 {
        top -= 1;
    }
    let shift = number[top].leading_zeros();
    let below = if top > 0 { number[top - 1] } else { 0 };
    let bits = (((number[top] as u128) << 64) | below as u128) << shift;
    let fraction = (bits >> 64) as u64 + (bits as u64 >> 63);
    let decimal_exponent = DECIMAL_EXPONENT_MIN + DECIMAL_EXPONENT_STEP * index as i32;
    let exponent = exponent + 64 * top as i32 - shift as i32 + decimal_exponent;
    PowerOfTen { fraction, exponent, decimal_exponent }
}

#[cfg(test)]
mod tests {
    use super::{DECIMAL_EXPONENT_MIN, DECIMAL_EXPONENT_STEP, POWERS};

    /// 10^n and 10^-n were computed in different ways; their product is 1 but for the rounding of both.
    #[test]
    fn each_power_is_the_inverse_of_its_mirror_image() {
        for (index, power) in POWERS.iter().enumerate() {
            assert_eq!(power.decimal_exponent, DECIMAL_EXPONENT_MIN + DECIMAL_EXPONENT_STEP * index as i32);
            assert!(power.fraction >> 63 == 1);
            if let Some(inverse) =
                POWERS.iter().find(|other| other.decimal_exponent == -power.decimal_exponent)
            {
                let product = u128::from(power.fraction) * u128::from(inverse.fraction);
                let one = 1_u128 << -(power.exponent + inverse.exponent);
                assert!(product.abs_diff(one) <= 1 << 64, "10^{}", power.decimal_exponent);
            }
        }
        let million_squared =
            POWERS.iter().find(|power| power.decimal_exponent == 12).expect("12 is in the table");
        assert_eq!(million_squared.fraction >> -million_squared.exponent, 1_000_000_000_000);
    }
}
