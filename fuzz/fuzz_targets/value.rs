//! The decoder of replies on any bytes: what it finds must not depend on how the bytes arrive.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_resp::value::{DecodeError, Decoder, Value, decode};

/// The values found, and the error after them.
type Outcome = (Vec<Value>, Option<DecodeError>);

fuzz_target!(|data: &[u8]| {
    let Some((&choice, input)) = data.split_first() else {
        return;
    };
    let piece_bytes = usize::from(choice) + 1;

    let whole = feed([input].into_iter());
    let pieces = feed(input.chunks(piece_bytes));
    assert_eq!(whole, pieces);

    if let Ok(Some((value, bytes))) = decode(input) {
        assert!(bytes <= input.len());
        assert_eq!(decode(&input[..bytes]), Ok(Some((value, bytes))), "its own bytes are all a value needs");
    }
});

/// Feeds `pieces` one after the other, dropping consumed bytes as a client does.
fn feed<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Outcome {
    let (mut decoder, mut buffer) = (Decoder::new(), Vec::new());
    let mut values = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        if let Err(error) = drain(&mut decoder, &mut buffer, &mut values) {
            return (values, Some(error));
        }
    }
    (values, None)
}

/// Decodes all that is complete in `buffer`.
fn drain(decoder: &mut Decoder, buffer: &mut Vec<u8>, values: &mut Vec<Value>) -> Result<(), DecodeError> {
    loop {
        let (consumed, value) = decoder.decode(buffer)?;
        buffer.drain(..consumed);
        match value {
            Some(value) => values.push(value),
            None => return Ok(()),
        }
    }
}
