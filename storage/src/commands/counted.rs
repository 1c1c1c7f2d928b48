//! Counts among arguments: of keys that follow, and of elements to take.

use crate::command::args::Args;
use crate::error::Error;

/// Reads the number of keys and the keys.
pub(super) fn counted_keys<'a>(args: &mut Args<'a>) -> Result<&'a [&'a [u8]], Error> {
    let count = args.positive(Error::Text("ERR numkeys should be greater than 0"))?;
    // Something has to follow.
    if count >= args.remaining() {
        return Err(Error::Syntax);
    }
    args.take(count)
}

/// Reads `COUNT count` if it is there, and nothing else; 1 otherwise.
pub(super) fn pop_count(args: &mut Args<'_>) -> Result<usize, Error> {
    let mut count = 1;
    if args.remaining() > 1 && args.accept("COUNT") {
        count = args.positive(Error::Text("ERR count should be greater than 0"))?;
    }
    args.finish()?;
    Ok(count)
}
