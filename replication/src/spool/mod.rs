//! Bytes of a stream that others have yet to read: in memory, and on disk where that would be too much.
//!
//! ```text
//!    start                                                       end
//!      [ file ][ .. file .. ][ file ][ chunk ][ chunk ][ chunk ]
//!                   │ a slow reader               │ a quick one
//! ```
//!
//! Chunks are those of the journal or of a snapshot and are not copied. Offsets count all bytes of the stream.
//!
//! A file goes when nobody lacks anything of it. So that a reader who always lags does not keep what he has read, there are
//! several. One takes an eighth of what is on disk when it is begun, if that is more than may be in memory: then there are never
//! many files, and what was read and is still there is a small part.

mod spill;
mod stretch;

pub use spill::Spill;
use spinel_persistence::log::Chunk;
use spinel_persistence::vfs::File;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use stretch::Stretch;

/// A part of a stream, up to its end.
#[derive(Debug)]
pub struct Spool {
    /// What stands before the parts and was put on disk.
    stretches: VecDeque<Stretch>,
    /// How long the last of them may become.
    file_bytes: u64,
    /// Whether something is on its way to disk.
    is_spilling: bool,
    /// What nobody needs any more, and is still on disk.
    emptied: Vec<Stretch>,
    parts: VecDeque<Part>,
    end: u64,
    /// How many bytes are kept though nobody lacks them.
    size: u64,
}

#[derive(Debug)]
struct Part {
    offset: u64,
    bytes: Chunk,
}

impl Part {
    fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }
}

/// Why bytes can't be read.
#[derive(Debug)]
pub enum Missing {
    /// They are gone, or not there yet.
    Gone,
    /// They are on disk, which fails.
    Unreadable(io::Error),
}

impl Spool {
    /// An empty one of a stream that has had so many bytes; it is to keep the last `size` of what comes.
    pub fn new(offset: u64, size: u64) -> Spool {
        Spool {
            stretches: VecDeque::new(),
            file_bytes: 0,
            is_spilling: false,
            emptied: Vec::new(),
            parts: VecDeque::new(),
            end: offset,
            size,
        }
    }

    /// The offset of the first byte that is there, or of the next one if there is none.
    pub fn start(&self) -> u64 {
        self.stretches.front().map_or(self.memory_start(), Stretch::start)
    }

    /// The offset of the next byte that comes.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// How many bytes are kept though nobody lacks them.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that are in memory.
    pub fn memory_bytes(&self) -> u64 {
        self.end - self.memory_start()
    }

    /// Bytes that are on disk.
    pub fn disk_bytes(&self) -> u64 {
        self.memory_start() - self.start()
    }

    fn memory_start(&self) -> u64 {
        self.parts.front().map_or(self.end, |part| part.offset)
    }

    /// Has another number of bytes kept, from the next [`trim`](Spool::trim) on.
    pub fn resize(&mut self, size: u64) {
        self.size = size;
    }

    /// Appends what has come.
    pub fn push(&mut self, bytes: Chunk) {
        if !bytes.is_empty() {
            let part = Part { offset: self.end, bytes };
            self.end = part.end();
            self.parts.push_back(part);
        }
    }

    /// Whether who has all before `offset` can go on from here.
    pub fn reaches(&self, offset: u64) -> bool {
        (self.start()..=self.end).contains(&offset)
    }

    /// Drops what nobody lacks, beyond the size; `needed` is the lowest offset that somebody has yet to read. A file goes as a
    /// whole. O(chunks dropped).
    pub fn trim(&mut self, needed: Option<u64>) {
        let keep_from = self.end.saturating_sub(self.size).min(needed.unwrap_or(u64::MAX));
        let read = self.stretches.partition_point(|stretch| stretch.end() <= keep_from);
        self.emptied.extend(self.stretches.drain(..read));
        if self.stretches.is_empty() {
            while self.parts.front().is_some_and(|part| part.end() <= keep_from) {
                self.parts.pop_front();
            }
        }
    }

    /// Hands out the files of which nothing is needed any more. They are large, and dropping one takes the system a while:
    /// better where nobody waits for it.
    pub fn take_emptied(&mut self) -> Vec<Arc<dyn File>> {
        self.emptied.drain(..).map(Stretch::into_file).collect()
    }

    /// What follows `offset`, in chunks of `most` bytes together, or one chunk at least; nothing at the end. O(log chunks) to
    /// find it.
    pub fn read(&self, offset: u64, most: usize) -> Result<Vec<Chunk>, Missing> {
        if !self.reaches(offset) {
            return Err(Missing::Gone);
        }
        let on_disk = self.stretches.partition_point(|stretch| stretch.end() <= offset);
        if let Some(stretch) = self.stretches.get(on_disk) {
            return stretch.read(offset, most).map(|chunk| vec![chunk]).map_err(Missing::Unreadable);
        }
        let (mut chunks, mut room) = (Vec::new(), most);
        let first = self.parts.partition_point(|part| part.end() <= offset);
        for part in self.parts.iter().skip(first) {
            let chunk = part.bytes.clone().behind(offset.saturating_sub(part.offset) as usize);
            let Some(left) = room.checked_sub(chunk.len()).or(chunks.is_empty().then_some(0)) else { break };
            room = left;
            chunks.push(chunk);
        }
        Ok(chunks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spinel_persistence::vfs::{Fault, SimulatedVfs, Vfs};
    use std::path::Path;
    use std::sync::atomic::{AtomicU64, Ordering};

    fn spool(offset: u64, size: u64, chunks: &[&str]) -> Spool {
        let mut spool = Spool::new(offset, size);
        for chunk in chunks {
            spool.push(chunk.as_bytes().to_vec().into());
        }
        spool
    }

    /// Another file each time.
    fn create(vfs: &SimulatedVfs) -> io::Result<Box<dyn File>> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        vfs.create(Path::new(&format!("/{}", MADE.fetch_add(1, Ordering::Relaxed))))
    }

    /// Has written what is too much for memory, once.
    fn spill(
        spool: &mut Spool,
        most: u64,
        create: impl FnOnce() -> io::Result<Box<dyn File>>,
    ) -> io::Result<bool> {
        let Some(mut spill) = spool.begin_spill(most) else { return Ok(false) };
        let outcome = spill.write(create);
        let has_more = spool.end_spill(spill);
        outcome.map(|()| has_more)
    }

    fn text(spool: &Spool, offset: u64, most: usize) -> Option<String> {
        let chunks = spool.read(offset, most).ok()?;
        Some(chunks.iter().map(|chunk| String::from_utf8_lossy(chunk)).collect())
    }

    #[test]
    fn what_follows_an_offset_is_read_in_portions() {
        let spool = spool(1000, 100, &["abc", "", "defg", "h"]);
        assert_eq!((spool.start(), spool.end()), (1000, 1008));
        assert_eq!(text(&spool, 1000, 100).unwrap(), "abcdefgh");
        assert_eq!(text(&spool, 1004, 100).unwrap(), "efgh");
        assert_eq!(text(&spool, 1000, 7).unwrap(), "abcdefg");
        assert_eq!(text(&spool, 1000, 6).unwrap(), "abc");
        assert_eq!(text(&spool, 1003, 1).unwrap(), "defg", "a chunk is not cut");
        assert_eq!(text(&spool, 1008, 9).unwrap(), "");
        assert_eq!(text(&spool, 1009, 9), None);
        assert_eq!(text(&spool, 999, 9), None);
    }

    #[test]
    fn what_nobody_lacks_goes_beyond_the_size() {
        let mut spool = spool(0, 4, &["abc", "def", "ghi"]);
        spool.trim(Some(2));
        assert_eq!(spool.start(), 0, "somebody has yet to read it");
        spool.trim(Some(9));
        assert_eq!(
            text(&spool, 3, 9).unwrap(),
            "defghi",
            "four bytes are kept, and what is in a chunk with them"
        );
        assert!(!spool.reaches(2));
        spool.resize(0);
        spool.trim(None);
        assert_eq!((spool.start(), spool.end()), (9, 9));
        assert_eq!(text(&spool, 9, 9).unwrap(), "");
    }

    #[test]
    fn what_is_too_much_for_memory_is_read_from_disk() {
        let vfs = SimulatedVfs::new(1);
        let mut spool = spool(10, 0, &["abc", "def", "ghi", "jkl"]);
        spill(&mut spool, 12, || unreachable!("it is not too much")).unwrap();
        assert_eq!((spool.memory_bytes(), spool.disk_bytes()), (12, 0));
        assert!(!spill(&mut spool, 3, || create(&vfs)).unwrap());
        assert_eq!((spool.memory_bytes(), spool.disk_bytes()), (3, 9));
        assert_eq!(text(&spool, 10, 2).unwrap(), "ab");
        assert_eq!(text(&spool, 14, 99).unwrap(), "efghi");
        assert_eq!(text(&spool, 19, 99).unwrap(), "jkl");
        spool.push(b"mno".to_vec().into());
        spill(&mut spool, 0, || create(&vfs)).unwrap();
        assert_eq!((spool.memory_bytes(), spool.disk_bytes()), (0, 15));
        assert_eq!(text(&spool, 16, 99).unwrap(), "ghi", "what follows is in another file");
        assert_eq!(text(&spool, 19, 99).unwrap(), "jklmno");
        spool.push(b"pqr".to_vec().into());
        spool.trim(Some(18));
        assert_eq!(spool.start(), 10, "a file goes as a whole");
        spool.trim(Some(24));
        assert_eq!((spool.start(), spool.take_emptied().len()), (19, 1));
        spool.trim(Some(25));
        assert_eq!((spool.start(), text(&spool, 25, 99).unwrap().as_str()), (25, "pqr"));
        assert_eq!((spool.take_emptied().len(), spool.disk_bytes()), (1, 0));
    }

    #[test]
    fn who_always_lags_does_not_keep_what_he_has_read() {
        const LAG: u64 = 10_000;
        let vfs = SimulatedVfs::new(1);
        let (mut spool, mut at, mut made, mut gone) = (spool(0, 0, &[]), 0, 0, 0);
        for round in 0..5_000_u64 {
            spool.push(vec![round as u8; 10].into());
            while spool.end() - at > LAG {
                let chunks = spool.read(at, 10).unwrap();
                assert!(chunks.iter().all(|chunk| chunk.iter().all(|byte| *byte == (at / 10) as u8)));
                at += chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>();
            }
            spool.trim(Some(at));
            gone += spool.take_emptied().len();
            let create = || {
                made += 1;
                create(&vfs)
            };
            spill(&mut spool, 100, create).unwrap();
            assert!(spool.memory_bytes() <= 110, "{round}");
            assert!(spool.end() - spool.start() <= LAG + LAG / 8 + 100, "{round}: {spool:?}");
        }
        assert!(gone > 20 && made - gone <= 20, "{made} files, of which {gone} have gone");
    }

    #[test]
    fn a_part_of_it_goes_to_disk_at_a_time() {
        let vfs = SimulatedVfs::new(1);
        let mut spool = spool(0, 0, &[]);
        (0..64).for_each(|_| spool.push(vec![7; 64 << 10].into()));
        let mut calls = 1;
        while spill(&mut spool, 0, || create(&vfs)).unwrap() {
            calls += 1;
        }
        assert_eq!((calls, spool.memory_bytes()), (4, 0));
    }

    #[test]
    fn what_is_on_its_way_to_disk_is_read_in_memory() {
        let vfs = SimulatedVfs::new(1);
        let mut spool = spool(0, 0, &["abc", "def", "ghi"]);
        let mut on_its_way = spool.begin_spill(3).unwrap();
        assert!(spool.begin_spill(0).is_none(), "one at a time");
        spool.push(b"jkl".to_vec().into());
        on_its_way.write(|| create(&vfs)).unwrap();
        assert_eq!((text(&spool, 1, 99).unwrap().as_str(), spool.disk_bytes()), ("bcdefghijkl", 0));
        assert!(spool.end_spill(on_its_way), "more has come");
        assert_eq!((spool.disk_bytes(), spool.memory_bytes()), (6, 6));
        assert_eq!(
            (text(&spool, 1, 99).unwrap(), text(&spool, 6, 99).unwrap()),
            ("bcdef".into(), "ghijkl".into())
        );
    }

    #[test]
    fn what_nobody_needs_any_more_once_it_is_on_disk_is_not_looked_for_there() {
        let vfs = SimulatedVfs::new(1);
        for (is_second, needed) in [(false, 3), (false, 4), (false, 9), (true, 6), (true, 9), (true, 12)] {
            let mut spool = spool(0, 0, &["abc", "def"]);
            if is_second {
                // It is appended to a file, all of which is read meanwhile.
                spill(&mut spool, 2, || create(&vfs)).unwrap();
                spool.file_bytes = 99;
            }
            spool.push(b"ghi".to_vec().into());
            spool.push(b"jkl".to_vec().into());
            let mut on_its_way = spool.begin_spill(2).unwrap();
            on_its_way.write(|| create(&vfs)).unwrap();
            spool.trim(Some(needed));
            spool.end_spill(on_its_way);
            while spill(&mut spool, 2, || create(&vfs)).unwrap() {}
            let mut read = String::new();
            while let Some(more) =
                text(&spool, needed + read.len() as u64, 99).filter(|more| !more.is_empty())
            {
                read.push_str(&more);
            }
            assert_eq!(read, "abcdefghijkl"[needed as usize..], "{is_second} {needed}: {spool:?}");
        }
    }

    #[test]
    fn what_is_on_its_way_when_the_stream_ends_goes_nowhere() {
        let vfs = SimulatedVfs::new(1);
        let mut on_its_way = spool(0, 0, &["abc", "def"]).begin_spill(0).unwrap();
        let mut next = spool(0, 0, &["ABC", "DEF"]);
        on_its_way.write(|| create(&vfs)).unwrap();
        assert!(!next.end_spill(on_its_way));
        assert_eq!((next.disk_bytes(), text(&next, 0, 99).unwrap().as_str()), (0, "ABCDEF"));
    }

    #[test]
    fn what_is_kept_for_those_who_come_back_goes_to_no_file() {
        let vfs = SimulatedVfs::new(1);
        let mut spool = spool(0, 30, &[]);
        for round in 1..=100 {
            spool.push(b"abc".to_vec().into());
            spool.trim(None);
            spill(&mut spool, 6, || unreachable!("nobody lacks anything")).unwrap();
            assert!(spool.end() - spool.start() <= 33, "{round}");
        }
        // Somebody stands still for a while; when he has gone on, the file goes.
        let needed = spool.end();
        for _ in 0..20 {
            spool.push(b"abc".to_vec().into());
            spool.trim(Some(needed));
            spill(&mut spool, 6, || create(&vfs)).unwrap();
        }
        assert!(spool.disk_bytes() > 0 && spool.memory_bytes() <= 36);
        for _ in 0..20 {
            spool.push(b"abc".to_vec().into());
            spool.trim(None);
            spill(&mut spool, 6, || unreachable!("there is a file, or no need of one")).unwrap();
        }
        assert_eq!(spool.disk_bytes(), 0);
    }

    #[test]
    fn nothing_is_lost_by_a_disk_that_fails() {
        let vfs = SimulatedVfs::new(1);
        let mut spool = spool(0, 0, &["abc", "def", "ghi"]);
        let mut failures = 0;
        for calls_ahead in [0, 1, 2, 3, 0, 1] {
            vfs.fail_call(calls_ahead, Fault::Error(28));
            failures += usize::from(spill(&mut spool, 2, || create(&vfs)).is_err());
            assert!(spool.stretches.len() <= 4, "{spool:?}");
            spool.push(b"xyz".to_vec().into());
        }
        assert!(failures >= 3, "{failures}");
        vfs.forget_faults();
        while spill(&mut spool, 2, || create(&vfs)).unwrap() {}
        let mut read = String::new();
        while let Some(more) = text(&spool, read.len() as u64, 99).filter(|more| !more.is_empty()) {
            read.push_str(&more);
        }
        assert!(read.starts_with("abcdefghixyz") && read.len() as u64 == spool.end(), "{read}");
    }
}
