//! The request parser on any bytes: what it finds must not depend on how the bytes arrive.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_resp::request::{Batch, Limits, Parser};

/// The requests found, and the text of the error after them.
type Outcome = (Vec<Vec<Vec<u8>>>, Option<Vec<u8>>);

fuzz_target!(|data: &[u8]| {
    let Some((&choice, input)) = data.split_first() else {
        return;
    };
    let limits = if choice & 1 == 0 { Limits::DEFAULT } else { Limits::UNAUTHENTICATED };
    let piece_bytes = usize::from(choice >> 1) + 1;

    let whole = feed([input].into_iter(), &limits);
    let pieces = feed(input.chunks(piece_bytes), &limits);
    assert_eq!(whole, pieces);

    let words: usize = whole.0.iter().flatten().map(Vec::len).sum();
    assert!(words <= input.len(), "words come from the input");
    assert!(whole.0.iter().all(|request| !request.is_empty()), "a request has a name");
});

/// Feeds `pieces` one after the other, dropping consumed bytes as a connection does.
fn feed<'a>(pieces: impl Iterator<Item = &'a [u8]>, limits: &Limits) -> Outcome {
    let (mut parser, mut batch, mut buffer) = (Parser::new(), Batch::new(), Vec::new());
    let mut requests = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let outcome = parser.parse(&buffer, limits, &mut batch);
        let found = batch.requests(&buffer).map(|words| words.iter().map(<[u8]>::to_vec).collect());
        requests.extend(found);
        buffer.drain(..batch.consumed());
        if let Err(error) = outcome {
            return (requests, Some(error.text()));
        }
    }
    (requests, None)
}
