//! Lists of header fields (RFC 9110, section 5.6.1).

/// The elements of a list, without the space around them; empty ones too. A comma between quotes parts nothing. Where the second
/// quote is missing, no quote of the line counts from there on. Allocates nothing.
pub(crate) fn elements(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    let mut has_quotes = true;
    std::iter::from_fn(move || {
        let line = rest?;
        let end = end_of_element(line, &mut has_quotes);
        rest = line.get(end + 1..);
        Some(line[..end].trim_ascii())
    })
}

fn end_of_element(line: &[u8], has_quotes: &mut bool) -> usize {
    let mut at = 0;
    while let Some(byte) = line.get(at) {
        at += 1;
        match byte {
            b',' => return at - 1,
            b'"' if *has_quotes => match end_of_quoted(&line[at..]) {
                Some(end) => at += end + 1,
                None => *has_quotes = false,
            },
            _ => {}
        }
    }
    line.len()
}

/// Where the quote is that ends a text, if there is one.
fn end_of_quoted(text: &[u8]) -> Option<usize> {
    let mut is_escaped = false;
    text.iter().position(|byte| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn elements_end_at_commas_outside_of_quotes() {
        let table: [(&str, &[&str]); 7] = [
            ("", &[""]),
            ("a", &["a"]),
            (" a ,\tb,,", &["a", "b", "", ""]),
            ("a=\"b,c\"d, e", &["a=\"b,c\"d", "e"]),
            ("\"a\\\",b\",c", &["\"a\\\",b\"", "c"]),
            ("a=\"b,c", &["a=\"b", "c"]),
            ("\"a\",\"b,c", &["\"a\"", "\"b", "c"]),
        ];
        for (line, expected) in table {
            let found: Vec<_> = super::elements(line.as_bytes()).collect();
            let expected: Vec<_> = expected.iter().map(|element| element.as_bytes()).collect();
            assert_eq!(found, expected, "{line}");
        }
    }
}
