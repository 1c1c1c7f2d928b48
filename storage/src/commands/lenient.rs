//! Numbers that are read as C reads them.

/// Reads a double more leniently than a score: what is behind a zero byte does not count, nothing at all is 0,
/// and a number beyond the range of doubles is infinite or 0.
pub(super) fn lenient_double(text: &[u8]) -> Option<f64> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(0.0);
    }
    let number = std::str::from_utf8(text).ok()?.parse::<f64>().ok()?;
    (!number.is_nan()).then_some(number)
}
