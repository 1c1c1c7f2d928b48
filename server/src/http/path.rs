//! Paths and queries, whose escapes may stand for any bytes.

/// The bytes that a part of a path stands for; nothing if an escape is none.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, behind) = rest.split_at_checked(2)?;
        rest = behind;
        bytes.push(digit(digits[0])? << 4 | digit(digits[1])?);
    }
    Some(bytes)
}

fn digit(letter: u8) -> Option<u8> {
    char::from(letter).to_digit(16).map(|value| value as u8)
}

/// The parts of a path that stand where a template has names in braces; nothing if an escape is none.
pub(super) fn parameters(template: &'static str, path: &str) -> Option<Vec<(&'static str, Vec<u8>)>> {
    let names = template.split('/').zip(path.split('/'));
    let named = names.filter_map(|(name, part)| Some((name.strip_prefix('{')?.strip_suffix('}')?, part)));
    named.map(|(name, part)| Some((name, decode(part)?))).collect()
}

/// The values of a name in a query, in their order; nothing if an escape is none. A plus is a space, as in forms.
pub(super) fn values(query: &str, name: &str) -> Option<Vec<Vec<u8>>> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let named = pairs.filter(|(found, _)| *found == name);
    named.map(|(_, value)| decode(&value.replace('+', " "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_stand_for_any_bytes() {
        assert_eq!(decode("a%00%fF%2f%25+"), Some(b"a\0\xff/%+".to_vec()));
        for text in ["%", "%1", "%g0", "%+1", "%%%", "a%2"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn parameters_are_found_where_the_template_names_them() {
        let found = parameters("/v1/db/{db}/keys/{key}", "/v1/db/0/keys/a%2Fb");
        assert_eq!(found, Some(vec![("db", b"0".to_vec()), ("key", b"a/b".to_vec())]));
        assert_eq!(parameters("/{key}", "/%"), None);
    }

    #[test]
    fn queries_have_values_by_name() {
        assert_eq!(values("a=1&b=2&a=x+y%2B", "a"), Some(vec![b"1".to_vec(), b"x y+".to_vec()]));
        assert_eq!(values("a&b=2", "a"), Some(vec![Vec::new()]));
        assert_eq!(values("", "a"), Some(Vec::new()));
        assert_eq!(values("a=%", "a"), None);
    }
}
