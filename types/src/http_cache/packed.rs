//! Bodies that are compressed in memory, as one frame of Zstandard.
//!
//! Whoever gave a compressed body is not trusted: it is unpacked once when it comes, in pieces, and has to become exactly as many
//! bytes as it says. So nobody who reads it later can be surprised, and a frame that would grow without end costs as much as
//! what it announces, which is limited.

use super::codec::Malformed;
use super::filed::Lost;
use std::fmt;
use zstd::stream::raw::{DParameter, Decoder, Operation};

/// How hard is tried: some 200 MB a second on one core, and most of what there is to be won.
const LEVEL: i32 = 3;
/// A body is kept compressed if that saves more than one part of so many.
const WORTH_ONE_IN: usize = 8;
/// How far a frame may look back, as a power of 2: what readers need as memory. Frames of [`LEVEL`] need 21.
const WINDOW_LOG_MAX: u32 = 23;
/// So much is unpacked at once where all of it is only looked at.
const PIECE_BYTES: usize = 64 << 10;

/// The most bytes that a compressed body may become.
pub const PACKED_BYTES_MAX: u64 = 512 << 20;

/// A body that is compressed.
#[derive(PartialEq, Eq)]
pub struct Packed {
    /// What it becomes.
    length: u64,
    frame: Box<[u8]>,
}

impl Packed {
    /// Compresses bytes; nothing if that is not worth it. O(bytes).
    pub(super) fn of(bytes: &[u8]) -> Option<Packed> {
        if bytes.len() as u64 > PACKED_BYTES_MAX {
            return None;
        }
        let frame = zstd::bulk::compress(bytes, LEVEL).ok()?;
        let is_worth_it = frame.len() < bytes.len() - bytes.len() / WORTH_ONE_IN;
        is_worth_it.then(|| Packed { length: bytes.len() as u64, frame: frame.into_boxed_slice() })
    }

    /// Takes a frame that says to become so many bytes, if it does. O(those).
    pub(super) fn checked(length: u64, frame: &[u8]) -> Result<Packed, Malformed> {
        if length > PACKED_BYTES_MAX {
            return Err(Malformed);
        }
        let packed = Packed { length, frame: frame.into() };
        let mut unpacker = Unpacker::new().map_err(|Lost| Malformed)?;
        let mut piece = vec![0; PIECE_BYTES.min(length as usize + 1)];
        let mut sum = 0;
        loop {
            let count = unpacker.next(&packed, &mut piece).map_err(|Lost| Malformed)?;
            sum += count as u64;
            if sum > length {
                return Err(Malformed);
            }
            if count < piece.len() {
                break;
            }
        }
        if sum == length && unpacker.is_over(&packed) { Ok(packed) } else { Err(Malformed) }
    }

    /// Length in bytes as it is sent.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing is sent.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// It as it lies in memory.
    pub(super) fn frame(&self) -> &[u8] {
        &self.frame
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Packed>() + self.frame.len()
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packed({} of {} bytes)", self.frame.len(), self.length)
    }
}

/// Unpacks a body, piece by piece.
pub struct Unpacker {
    decoder: Decoder<'static>,
    /// How much of the frame was read.
    read: usize,
    /// Whether the frame has ended.
    has_ended: bool,
}

impl Unpacker {
    /// Begins at the beginning. Fails if there is no memory for it.
    pub fn new() -> Result<Unpacker, Lost> {
        let mut decoder = Decoder::new().map_err(|_| Lost)?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX)).map_err(|_| Lost)?;
        Ok(Unpacker { decoder, read: 0, has_ended: false })
    }

    /// Fills a buffer with what comes next, always of the same body, and says how much that was: less only at the end.
    pub fn next(&mut self, packed: &Packed, bytes: &mut [u8]) -> Result<usize, Lost> {
        let mut filled = 0;
        while filled < bytes.len() && !self.has_ended {
            let (input, output) = (&packed.frame[self.read..], &mut bytes[filled..]);
            let status = self.decoder.run_on_buffers(input, output).map_err(|_| Lost)?;
            self.read += status.bytes_read;
            filled += status.bytes_written;
            self.has_ended = status.remaining == 0;
            if !self.has_ended && status.bytes_read == 0 && status.bytes_written == 0 {
                // It breaks off.
                return Err(Lost);
            }
        }
        Ok(filled)
    }

    /// All bytes of a body.
    pub(super) fn all(packed: &Packed) -> Result<Vec<u8>, Lost> {
        let mut bytes = vec![0; packed.length as usize];
        let count = Unpacker::new()?.next(packed, &mut bytes)?;
        if count == bytes.len() { Ok(bytes) } else { Err(Lost) }
    }

    /// Whether the whole frame was read and nothing stands behind it.
    fn is_over(&self, packed: &Packed) -> bool {
        self.has_ended && self.read == packed.frame.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: usize) -> Vec<u8> {
        b"a cache keeps answers. ".iter().copied().cycle().take(bytes).collect()
    }

    #[test]
    fn what_is_packed_comes_back_in_pieces_of_any_size() {
        for bytes in [100, PIECE_BYTES, 300_000] {
            let plain = text(bytes);
            let packed = Packed::of(&plain).expect("it repeats");
            assert!(packed.frame.len() < bytes / 2 && packed.len() == bytes as u64);
            assert_eq!(Unpacker::all(&packed), Ok(plain.clone()));
            let (mut unpacker, mut piece) = (Unpacker::new().expect("there is memory"), [0; 777]);
            let mut back = Vec::new();
            loop {
                let count = unpacker.next(&packed, &mut piece).expect("it is right");
                back.extend_from_slice(&piece[..count]);
                if count < piece.len() {
                    break;
                }
            }
            assert!(back == plain && unpacker.is_over(&packed));
        }
    }

    #[test]
    fn what_saves_too_little_is_not_packed() {
        let mut state = 1_u64;
        let chance = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        });
        let noise: Vec<u8> = chance.take(10_000).collect();
        assert_eq!(Packed::of(&noise), None);
        assert_eq!(Packed::of(b""), None);
        assert_eq!(Packed::of(b"short"), None);
        // A tenth repeats, which is less than an eighth.
        let mixed = [&noise[..9_000], &[0; 1_000]].concat();
        assert_eq!(Packed::of(&mixed), None);
        let mixed = [&noise[..8_000], &[0; 2_000]].concat();
        assert!(Packed::of(&mixed).is_some());
    }

    #[test]
    fn frames_that_lie_are_refused() {
        let plain = text(200_000);
        let frame = Packed::of(&plain).expect("it repeats").frame;
        assert!(Packed::checked(200_000, &frame).is_ok());
        for length in [0, 1, 199_999, 200_001, PACKED_BYTES_MAX, PACKED_BYTES_MAX + 1, u64::MAX] {
            assert_eq!(Packed::checked(length, &frame), Err(Malformed), "{length}");
        }
        for broken in
            [&frame[..frame.len() - 1], &[&*frame, b"x"].concat(), &[&*frame, &*frame].concat(), b""]
        {
            assert_eq!(Packed::checked(200_000, broken), Err(Malformed));
        }
    }
}
