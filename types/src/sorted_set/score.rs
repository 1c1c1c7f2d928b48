//! Scores as elements of a listpack: integers where they are integral, else their shortest decimal.

use crate::string::Str;
use std::fmt::Write;

/// Up to this magnitude (half the range of `i64`) integral scores are stored as integers.
const INTEGRAL_MAX: f64 = (i64::MAX / 2) as f64;

/// A sign, 17 digits with a point and up to 7 zeros, or an exponent; and what formatting needs meanwhile.
const TEXT_BYTES_MAX: usize = 32;

/// The text of a score that is no integer, on the stack.
#[derive(Default)]
pub(super) struct ScoreText {
    bytes: [u8; TEXT_BYTES_MAX],
    len: usize,
}

impl ScoreText {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).expect("only text was written")
    }
}

impl Write for ScoreText {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let room = self.bytes.get_mut(self.len..self.len + text.len()).ok_or(std::fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

/// The element that stands for a score.
pub(super) fn score_element(score: f64, text: &mut ScoreText) -> Str<'_> {
    if score.abs() <= INTEGRAL_MAX && score.fract() == 0.0 {
        return Str::Integer(score as i64);
    }
    *text = ScoreText::default();
    lay_out(score, text).expect("every score fits");
    Str::Text(&text.bytes[..text.len])
}

/// The score that an element stands for. Other texts count as 0, so that a damaged file cannot do harm.
#[inline]
pub(super) fn element_score(element: Str<'_>) -> f64 {
    match element {
        Str::Integer(integer) => integer as f64,
        Str::Text(text) => std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse::<f64>().ok())
            .filter(|score| !score.is_nan())
            .unwrap_or(0.0),
    }
}

/// Writes a score in as many digits as tell it from its neighbours, in the notation of Redis's files: zeros at
/// the end up to 7 of them, a point that is near, otherwise an exponent.
fn lay_out(score: f64, out: &mut ScoreText) -> std::fmt::Result {
    if score.is_infinite() {
        return out.write_str(if score > 0.0 { "inf" } else { "-inf" });
    }
    let mut scientific = ScoreText::default();
    write!(scientific, "{:e}", score.abs())?;
    let (mantissa, exponent) = scientific.as_str().split_once('e').expect("an exponent is always written");
    let exponent: i32 = exponent.parse().expect("an exponent is an integer");
    let count = mantissa.len() as i32 - i32::from(mantissa.len() > 1);
    let last = exponent + 1 - count;
    if score < 0.0 {
        out.write_str("-")?;
    }
    let is_near = if last >= 0 { exponent.abs() < count + 7 } else { last > -7 || exponent.abs() < 4 };
    if is_near { write!(out, "{}", score.abs()) } else { write!(out, "{mantissa}e{exponent:+}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_laid_out_as_in_files_of_redis() {
        for (score, text) in [
            (1.5, "1.5"),
            (-0.001, "-0.001"),
            (1e-7, "1e-7"),
            (1.25e-5, "1.25e-5"),
            (0.000_123, "0.000123"),
            (1e22, "1e+22"),
            (1.5e300, "1.5e+300"),
            (1.797_693_134_862_315_7e308, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (0.300_000_000_000_000_04, "0.30000000000000004"),
        ] {
            let mut room = ScoreText::default();
            let element = score_element(score, &mut room);
            assert_eq!(element, Str::Text(text.as_bytes()), "{text}");
            assert_eq!(element_score(element).to_bits(), score.to_bits());
        }
    }

    #[test]
    fn integral_scores_are_integers() {
        for score in [0.0, -0.0, 1.0, -17.0, 4.0e18, -9_007_199_254_740_993.0] {
            let mut room = ScoreText::default();
            assert_eq!(score_element(score, &mut room), Str::Integer(score as i64));
        }
        let mut room = ScoreText::default();
        assert!(matches!(score_element(9.3e18, &mut room), Str::Text(b"9.3e+18")));
        assert_eq!(element_score(Str::Text(b"not a number")).to_bits(), 0);
        assert_eq!(element_score(Str::Text(b"nan")).to_bits(), 0);
    }
}
