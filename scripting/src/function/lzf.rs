//! Decompression of LZF, in which Redis may store a library.

/// Bytes of the shortest repetition, less two.
const LONG: usize = 7;

/// Restores `length` bytes; `None` if the input is anything else than those.
pub(super) fn decompress(mut input: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut output = Vec::new();
    while let Some((&control, rest)) = input.split_first() {
        let control = usize::from(control);
        if control < 32 {
            let (literal, rest) = rest.split_at_checked(control + 1)?;
            output.extend_from_slice(literal);
            input = rest;
        } else {
            input = repeat(control, rest, &mut output)?;
        }
        if output.len() > length {
            return None;
        }
    }
    (output.len() == length).then_some(output)
}

/// Copies what stands further back; it may overlap with its copy.
fn repeat<'i>(control: usize, input: &'i [u8], output: &mut Vec<u8>) -> Option<&'i [u8]> {
    let (mut count, mut input) = (control >> 5, input);
    if count == LONG {
        let (&more, rest) = input.split_first()?;
        count += usize::from(more);
        input = rest;
    }
    let (&low, rest) = input.split_first()?;
    let distance = ((control & 31) << 8 | usize::from(low)) + 1;
    let start = output.len().checked_sub(distance)?;
    for index in start..start + count + 2 {
        output.push(output[index]);
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_repetitions() {
        assert_eq!(decompress(b"\x02abc", 3).as_deref(), Some(&b"abc"[..]));
        assert_eq!(decompress(b"\x00a\xe0\x00\x00", 10).as_deref(), Some(&b"aaaaaaaaaa"[..]));
        assert_eq!(decompress(b"\x00a\x20\x05", 4), None, "further back than there is");
        assert_eq!(decompress(b"\x05ab", 6), None, "cut off");
        assert_eq!(decompress(b"\x02abc", 4), None, "shorter than said");
    }
}
