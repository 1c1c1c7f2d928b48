//! Bodies that are stored, and how they get from there to clients.
//!
//! What is in memory as it is sent, is sent from there. What is compressed or in a file is sent in pieces, of which one is in memory
//! at a time; files are read and frames unpacked by other threads, so that none that serves clients waits for that.

use super::body::Body;
use super::unpack::Unpacking;
use hyper::body::Bytes;
use spinel_types::http_cache::{BodyRef, Content, Filed, Lost, Opened, Variant};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::task::{JoinHandle, spawn_blocking};

/// So much is unpacked, or read from a file, at once.
const PIECE_BYTES: u64 = 256 << 10;

/// A piece of an answer.
pub(super) enum Piece {
    /// Something around the body.
    Text(Bytes),
    /// A part of the body.
    Part(Range<u64>),
}

/// A variant, and what its body was opened to be, if it is in a file.
type Opening<'v> = (&'v Variant, Option<&'v Content>);

/// A body that is sent from where it is stored, which lives as long as anybody reads it.
struct Plain(Variant);

impl AsRef<[u8]> for Plain {
    fn as_ref(&self) -> &[u8] {
        self.0.body().plain().unwrap_or_default()
    }
}

/// All of a body.
pub(super) fn whole(variant: &Variant, held: Option<&Content>) -> Body {
    part((variant, held), 0..variant.body().len() as u64)
}

/// A part of a body.
pub(super) fn part(opening: Opening<'_>, part: Range<u64>) -> Body {
    match in_memory(opening) {
        Some(bytes) => Body::Whole(slice(&bytes, &part)),
        None => Body::Stored(Box::new(Stored::new(opening, [Piece::Part(part)].into()))),
    }
}

/// Several parts of a body, with what stands around them.
pub(super) fn pieces(opening: Opening<'_>, pieces: impl Iterator<Item = Piece>) -> Body {
    match in_memory(opening) {
        Some(bytes) => Body::Pieces(
            pieces
                .map(|piece| match piece {
                    Piece::Text(text) => text,
                    Piece::Part(part) => slice(&bytes, &part),
                })
                .collect(),
        ),
        None => Body::Stored(Box::new(Stored::new(opening, pieces.collect()))),
    }
}

/// The bytes of a body if they are in memory as they are sent.
fn in_memory((variant, held): Opening<'_>) -> Option<Bytes> {
    match variant.body() {
        BodyRef::Plain(_) => Some(Bytes::from_owner(Plain(variant.clone()))),
        BodyRef::Packed(_) => None,
        BodyRef::Filed(filed) => match held {
            Some(Content::Memory(bytes)) => Some(Bytes::from_owner(bytes.clone())),
            Some(Content::Stored(_)) => None,
            None => filed.waiting_bytes().map(Bytes::from_owner),
        },
    }
}

fn slice(body: &Bytes, part: &Range<u64>) -> Bytes {
    body.slice(part.start as usize..part.end as usize)
}

/// A body that is on its way.
pub(super) struct Stored {
    source: Source,
    pieces: VecDeque<Piece>,
    left: u64,
}

impl Stored {
    fn new(opening: Opening<'_>, pieces: VecDeque<Piece>) -> Stored {
        let length = |piece: &Piece| match piece {
            Piece::Text(text) => text.len() as u64,
            Piece::Part(part) => part.end - part.start,
        };
        Stored { source: Source::of(opening), left: pieces.iter().map(length).sum(), pieces }
    }

    /// How many bytes are still to come.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// The next piece.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            let bytes = match self.pieces.front_mut() {
                None => return Poll::Ready(None),
                Some(Piece::Text(text)) => {
                    let text = std::mem::take(text);
                    self.pieces.pop_front();
                    text
                }
                Some(Piece::Part(part)) if part.is_empty() => {
                    self.pieces.pop_front();
                    continue;
                }
                Some(Piece::Part(part)) => {
                    let next = part.start..part.end.min(part.start + PIECE_BYTES);
                    // The client sees that the end did not come.
                    let Ok(bytes) = ready!(self.source.poll_read(next, context)) else {
                        return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
                    };
                    part.start += bytes.len() as u64;
                    bytes
                }
            };
            self.left -= bytes.len() as u64;
            return Poll::Ready(Some(Ok(bytes)));
        }
    }
}

/// Bytes that were read, and the file, which is still open.
type Read = (Arc<dyn Opened>, Bytes);

/// Where bytes come from.
enum Source {
    Packed(Unpacking),
    File {
        body: Arc<Filed>,
        opened: Option<Arc<dyn Opened>>,
        reading: Option<JoinHandle<Result<Read, Lost>>>,
    },
    Memory(Bytes),
}

impl Source {
    fn of((variant, held): Opening<'_>) -> Source {
        match variant.body() {
            BodyRef::Plain(_) => Source::Memory(Bytes::from_owner(Plain(variant.clone()))),
            BodyRef::Packed(body) => Source::Packed(Unpacking::new(body)),
            BodyRef::Filed(body) => {
                let opened = match held {
                    Some(Content::Stored(opened)) => Some(Arc::clone(opened)),
                    _ => body.opened(),
                };
                Source::File { body: Arc::clone(body), opened, reading: None }
            }
        }
    }

    /// Reads bytes, all that are asked for. Whoever is told to wait asks for the same again.
    fn poll_read(&mut self, part: Range<u64>, context: &mut Context<'_>) -> Poll<Result<Bytes, Lost>> {
        match self {
            Source::Memory(bytes) => Poll::Ready(Ok(slice(bytes, &part))),
            Source::Packed(unpacking) => unpacking.poll_read(&part, context),
            Source::File { body, opened, reading } => {
                let reading_now = reading.get_or_insert_with(|| {
                    let (body, opened) = (Arc::clone(body), opened.take());
                    spawn_blocking(move || read(&body, opened, part))
                });
                let outcome = ready!(Pin::new(reading_now).poll(context));
                *reading = None;
                let (still_open, bytes) = outcome.unwrap_or(Err(Lost))?;
                *opened = Some(still_open);
                Poll::Ready(Ok(bytes))
            }
        }
    }
}

/// Reads a part of a body, on a thread that may wait.
fn read(body: &Filed, opened: Option<Arc<dyn Opened>>, part: Range<u64>) -> Result<Read, Lost> {
    let opened = match opened {
        Some(opened) => opened,
        None => match body.open()? {
            Content::Stored(opened) => opened,
            // It waited for its file a moment ago.
            Content::Memory(_) => return Err(Lost),
        },
    };
    let mut bytes = vec![0; (part.end - part.start) as usize];
    opened.read(part.start, &mut bytes).map_err(|Lost| body.miss())?;
    Ok((opened, bytes.into()))
}
