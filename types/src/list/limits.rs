//! When a list becomes large, and how its large form is cut into nodes.

/// Bytes of a listpack for the limits −1 to −5.
const BYTES: [usize; 5] = [4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10];

/// Bytes of a listpack whose limit is a count of elements.
const BYTES_BESIDE_COUNT: usize = 8 << 10;

/// What one element may add to a listpack beside its text.
const OVERHEAD: usize = 8;

/// The settings of lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListLimits {
    /// How large one listpack gets: elements, or from −1 to −5 one of 4, 8, 16, 32 and 64 KiB; as of
    /// `list-max-listpack-size`.
    pub listpack_max: i32,
    /// How many nodes at each end stay as they are while those between are compressed; 0 compresses none. As of
    /// `list-compress-depth`.
    pub compress_depth: u32,
    /// Texts of this length or more get a node of their own; 0 leaves that to the limit of a listpack.
    pub plain_min: usize,
}

impl Default for ListLimits {
    fn default() -> ListLimits {
        ListLimits { listpack_max: -2, compress_depth: 0, plain_min: 0 }
    }
}

impl ListLimits {
    /// The limits as a large list keeps them.
    pub(super) fn clamped(self) -> ListLimits {
        let listpack_max = self.listpack_max.clamp(-(BYTES.len() as i32), i32::from(i16::MAX));
        ListLimits { listpack_max, compress_depth: self.compress_depth.min(u32::from(u16::MAX)), ..self }
    }

    /// Bytes and elements that one listpack may have; only one of them limits, but for the safety of long
    /// elements.
    fn listpack(self) -> (Option<usize>, usize) {
        if let Ok(count) = usize::try_from(self.listpack_max) {
            return (None, count.max(1));
        }
        let class = self.listpack_max.unsigned_abs() as usize - 1;
        (Some(BYTES[class.min(BYTES.len() - 1)]), usize::MAX)
    }

    /// Whether a listpack of so many bytes and elements is too large.
    pub(super) fn exceeds(self, bytes: usize, count: usize) -> bool {
        match self.listpack() {
            (Some(bytes_max), _) => bytes > bytes_max,
            (None, count_max) => bytes > BYTES_BESIDE_COUNT || count > count_max,
        }
    }

    /// Whether a listpack of so many bytes and elements would be too large with another text.
    pub(super) fn refuses(self, bytes: usize, count: usize, text_len: usize) -> bool {
        self.exceeds(bytes + text_len + OVERHEAD, count + 1)
    }

    /// Whether a large list of one listpack is small enough to be compact again after it has shrunk: half of
    /// what would make it large, so that it doesn't go back and forth.
    pub(super) fn is_compact_again(self, bytes: usize, count: usize) -> bool {
        match self.listpack() {
            (Some(bytes_max), _) => bytes <= bytes_max / 2,
            (None, count_max) => count <= count_max / 2,
        }
    }

    /// Whether a text gets a node of its own.
    pub(super) fn is_plain(self, text_len: usize) -> bool {
        if self.plain_min > 0 {
            return text_len >= self.plain_min;
        }
        text_len > self.listpack().0.unwrap_or(BYTES_BESIDE_COUNT)
    }
}
