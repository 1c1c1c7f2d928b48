//! `save`: how many changes in how much time make the data set worth saving.

/// One pair of the setting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SavePoint {
    /// So many seconds after the last save,
    pub(crate) seconds: i64,
    /// if there were so many changes.
    pub(crate) changes: u64,
}

impl SavePoint {
    fn is_reached(self, seconds: i64, changes: u64) -> bool {
        changes >= self.changes && seconds > self.seconds
    }
}

/// Reads the setting as it is stored: numbers with a space between them.
pub(crate) fn points(text: &[u8]) -> Vec<SavePoint> {
    let words: Vec<&[u8]> = text.split(|byte| *byte == b' ').collect();
    let point = |pair: &[&[u8]]| {
        let seconds = spinel_resp::parse_integer(pair[0])?;
        let changes = spinel_resp::parse_integer(pair[1])?;
        Some(SavePoint { seconds, changes: u64::try_from(changes).ok()? })
    };
    words.chunks_exact(2).filter_map(point).collect()
}

/// The point that says that it is time to save, if one does.
pub(crate) fn reached(points: &[SavePoint], seconds: i64, changes: u64) -> Option<SavePoint> {
    points.iter().copied().find(|point| point.is_reached(seconds, changes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_reached_by_changes_and_time_together() {
        let points = points(b"3600 1 60 10000");
        let [slow, fast] = points[..] else { panic!("two pairs: {points:?}") };
        assert_eq!((slow.seconds, slow.changes, fast.seconds, fast.changes), (3600, 1, 60, 10_000));
        assert_eq!(reached(&points, 61, 9999), None);
        assert_eq!(reached(&points, 60, 10_000), None);
        assert_eq!(reached(&points, 61, 10_000), Some(fast));
        assert_eq!(reached(&points, 3601, 1), Some(slow));
        assert_eq!(reached(&points, 1 << 40, 0), None, "nothing to save");
    }

    #[test]
    fn no_text_means_no_points() {
        assert_eq!(points(b""), []);
    }
}
