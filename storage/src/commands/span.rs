//! Ranges of positions in a string, where negative positions count from the end.

use std::ops::Range;

/// The positions from `start` to `end`, both included, of a string with `len` of them; `None` if there are none.
///
/// Positions before the start mean the first one, positions after the end the last one. That goes for an end
/// before the start too, so the first position is in the range from any of them to any other.
pub(super) fn span(start: i64, end: i64, len: usize) -> Option<Range<usize>> {
    let len = len as i64;
    let absolute = |position: i64| if position < 0 { position.saturating_add(len).max(0) } else { position };
    let (start, end) = (absolute(start), absolute(end).min(len - 1));
    (start <= end).then(|| start as usize..end as usize + 1)
}

/// The same, but nothing is in a range whose negative bounds are in the wrong order.
pub(super) fn ordered_span(start: i64, end: i64, len: usize) -> Option<Range<usize>> {
    let is_backwards = start < 0 && end < 0 && start > end;
    if is_backwards { None } else { span(start, end, len) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_positions_count_from_the_end() {
        for (start, end, len, expected) in [
            (0, -1, 3, Some(0..3)),
            (1, 1, 3, Some(1..2)),
            (-2, -1, 3, Some(1..3)),
            (-9, 9, 3, Some(0..3)),
            (2, 1, 3, None),
            (3, 9, 3, None),
            (0, -9, 3, Some(0..1)),
            (-8, -9, 3, Some(0..1)),
            (0, -1, 0, None),
            (i64::MIN, i64::MAX, 3, Some(0..3)),
            (i64::MAX, i64::MIN, 3, None),
        ] {
            assert_eq!(span(start, end, len), expected, "{start} {end} of {len}");
        }
        assert_eq!(ordered_span(-8, -9, 3), None);
        assert_eq!(ordered_span(-9, -8, 3), Some(0..1));
    }
}
