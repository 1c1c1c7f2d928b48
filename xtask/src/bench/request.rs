//! Requests that are built once and patched: a batch of equal commands whose keys, values and times change.
//!
//! Every word has a fixed width, so that a batch is one buffer in which a few holes are overwritten per request.
//! That keeps the generator several times cheaper than the server it measures.

/// One word of a command; those that vary do so with the index of the request's key.
#[derive(Clone, Copy)]
pub(crate) enum Word {
    /// The same in every request.
    Text(&'static str),
    /// A prefix and the key's index as digits, `width` bytes together.
    Key { prefix: &'static str, width: usize },
    /// Letters drawn from the key's index, `width` bytes.
    Value { width: usize },
    /// `from` plus a share of `spread` that depends on the key's index: seconds or milliseconds.
    Time { from: u64, spread: u64 },
    /// `from` plus up to `spread` degrees that depend on the key's index and on the axis, with six decimals.
    Degrees { from: u64, spread: u64, axis: u64 },
}

const MILLIONTHS: u64 = 1_000_000;

impl Word {
    fn width(self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Key { width, .. } | Self::Value { width } => width,
            Self::Time { from, spread } => digits_of(from + spread),
            Self::Degrees { from, spread, .. } => digits_of((from + spread) * MILLIONTHS) + 1,
        }
    }

    /// Overwrites `hole` with the word of the key `index`.
    fn write(self, hole: &mut [u8], index: u64) {
        match self {
            Self::Text(text) => hole.copy_from_slice(text.as_bytes()),
            Self::Key { prefix, .. } => {
                hole[..prefix.len()].copy_from_slice(prefix.as_bytes());
                write_digits(&mut hole[prefix.len()..], index);
            }
            Self::Value { .. } => write_letters(hole, index),
            Self::Time { from, spread } => write_digits(hole, from + scatter(index) % (spread + 1)),
            Self::Degrees { from, spread, axis } => {
                let millionths = from * MILLIONTHS + scatter(index + (axis << 40)) % (spread * MILLIONTHS);
                let (integral, decimals) = hole.split_at_mut(hole.len() - 6);
                write_digits(decimals, millionths % MILLIONTHS);
                let (point, degrees) = integral.split_last_mut().expect("a point follows the degrees");
                *point = b'.';
                write_digits(degrees, millionths / MILLIONTHS);
            }
        }
    }
}

/// What comes back for one request.
#[derive(Clone, Copy)]
pub(crate) enum Reply {
    /// Always this many bytes, of which the first is this one.
    Fixed { bytes: usize, first: u8 },
    /// One line of any length that isn't an error.
    Line,
    /// A bulk string of any length, without line breaks: its length on one line, itself on another.
    Bulk,
    /// So many lines of any length.
    Lines(usize),
    /// An array of any number of bulk strings without line breaks.
    Bulks,
}

impl Reply {
    /// The reply `+OK`.
    pub(crate) const OK: Self = Self::Fixed { bytes: 5, first: b'+' };

    /// The reply to a GET of a value of `width` bytes.
    pub(crate) fn bulk(width: usize) -> Self {
        Self::Fixed { bytes: 1 + digits_of(width as u64) + 2 + width + 2, first: b'$' }
    }
}

/// A part of the buffer that is overwritten for each request.
struct Hole {
    offset: usize,
    word: Word,
}

/// `pipeline` requests of one command, ready to be sent.
pub(crate) struct Batch {
    bytes: Vec<u8>,
    holes: Vec<Hole>,
    stride: usize,
    /// Requests in the batch.
    pub(crate) pipeline: usize,
    /// What comes back for each.
    pub(crate) reply: Reply,
}

impl Batch {
    /// Builds the buffer for `pipeline` requests of the command `words`.
    pub(crate) fn new(words: &[Word], pipeline: usize, reply: Reply) -> Self {
        Self::of_several(&[words], pipeline, reply)
    }

    /// As [`new`](Self::new), where a request is several commands, which are about the same key. `reply` is theirs
    /// together.
    pub(crate) fn of_several(commands: &[&[Word]], pipeline: usize, reply: Reply) -> Self {
        let (mut request, mut holes) = (Vec::new(), Vec::new());
        for words in commands {
            request.extend(format!("*{}\r\n", words.len()).into_bytes());
            for &word in *words {
                request.extend(format!("${}\r\n", word.width()).into_bytes());
                let offset = request.len();
                request.resize(offset + word.width(), b'0');
                word.write(&mut request[offset..], 0);
                request.extend(b"\r\n");
                if !matches!(word, Word::Text(_)) {
                    holes.push(Hole { offset, word });
                }
            }
        }
        let stride = request.len();
        Self { bytes: request.repeat(pipeline), holes, stride, pipeline, reply }
    }

    /// Fills the holes for the next keys and returns the bytes to send.
    pub(crate) fn fill(&mut self, keys: &mut Keys) -> &[u8] {
        for request in self.bytes.chunks_exact_mut(self.stride) {
            let index = keys.next();
            for hole in &self.holes {
                hole.word.write(&mut request[hole.offset..hole.offset + hole.word.width()], index);
            }
        }
        &self.bytes
    }
}

/// Which keys are asked for, in which order.
pub(crate) enum Keys {
    /// One after the other.
    Sequence { next: u64 },
    /// Any below `range`, from a seeded generator, so that every contender gets the same.
    Random { state: u64, range: u64 },
}

impl Keys {
    /// Keys from `next` upwards.
    pub(crate) fn from(next: u64) -> Self {
        Self::Sequence { next }
    }

    /// Random keys below `range`.
    pub(crate) fn random(seed: u64, range: u64) -> Self {
        Self::Random { state: seed, range }
    }

    fn next(&mut self) -> u64 {
        match self {
            Self::Sequence { next } => {
                *next += 1;
                *next - 1
            }
            Self::Random { state, range } => {
                *state = state.wrapping_add(1);
                // The high half times the range: uniform without a division.
                ((scatter(*state) >> 32) * *range) >> 32
            }
        }
    }
}

/// Mixes `index` so that neighbours have nothing in common (the finalizer of `SplitMix64`).
pub(crate) fn scatter(index: u64) -> u64 {
    let mut mixed = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn digits_of(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |power| power as usize + 1)
}

fn write_digits(hole: &mut [u8], mut number: u64) {
    for digit in hole.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    debug_assert_eq!(number, 0, "the index fits the width of the key");
}

fn write_letters(hole: &mut [u8], index: u64) {
    for (round, letters) in hole.chunks_mut(8).enumerate() {
        let mixed = scatter(index.wrapping_add((round as u64) << 40)).to_le_bytes();
        for (letter, byte) in letters.iter_mut().zip(mixed) {
            *letter = b'a' + byte % 16;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_valid_resp_with_the_keys_filled_in() {
        let words = [Word::Text("SET"), Word::Key { prefix: "k", width: 4 }, Word::Value { width: 2 }];
        let mut batch = Batch::new(&words, 2, Reply::OK);

        let text = String::from_utf8(batch.fill(&mut Keys::from(41)).to_vec()).unwrap();

        let requests: Vec<&str> = text.split_inclusive("*3\r\n$3\r\nSET\r\n$4\r\n").collect();
        assert_eq!(requests.len(), 3);
        assert!(requests[1].starts_with("k041\r\n$2\r\n"), "{text:?}");
        assert!(requests[2].starts_with("k042\r\n$2\r\n"), "{text:?}");
    }

    #[test]
    fn degrees_depend_on_the_axis() {
        let axis = |axis| Word::Degrees { from: 40, spread: 5, axis };
        let mut batch = Batch::new(&[axis(0), axis(1)], 1, Reply::Line);

        let text = String::from_utf8(batch.fill(&mut Keys::from(7)).to_vec()).unwrap();

        let words: Vec<&str> = text.split("\r\n").skip(2).step_by(2).collect();
        let degrees: Vec<f64> = words.iter().take(2).map(|word| word.parse().unwrap()).collect();
        assert!(degrees.iter().all(|degree| (40.0..45.0).contains(degree)), "{text:?}");
        assert!(degrees[0].total_cmp(&degrees[1]).is_ne() && words[0].len() == 9);
    }

    #[test]
    fn random_keys_stay_below_their_range_and_reach_all_of_it() {
        let mut keys = Keys::random(7, 10);
        let drawn: std::collections::BTreeSet<u64> = (0..1000).map(|_| keys.next()).collect();
        assert_eq!(drawn, (0..10).collect());
    }

    #[test]
    fn the_length_of_a_bulk_reply_counts_its_frame() {
        assert!(matches!(Reply::bulk(32), Reply::Fixed { bytes: 39, .. }));
        assert!(matches!(Reply::bulk(8), Reply::Fixed { bytes: 14, .. }));
    }
}
