//! Paths and queries, whose escapes may stand for any bytes.

/// What is served at which path, by the parts of paths between their slashes.
///
/// A template's part in braces stands for any part, where no template has that very part; the last one of a path must not be
/// empty.
pub(super) struct Tree<T> {
    named: Vec<(&'static str, Tree<T>)>,
    /// The name in braces, and what comes behind it.
    any: Option<(&'static str, Box<Tree<T>>)>,
    values: Vec<T>,
}

/// The most parameters of a path.
const PARAMETERS_MAX: usize = 3;

/// What a path leads to.
pub(super) struct Found<'t, T> {
    pub(super) values: &'t [T],
    /// What stands for a name in braces: the name, where it begins in the path, and how long it is.
    parts: [(&'static str, usize, usize); PARAMETERS_MAX],
    count: usize,
}

/// What stands in a path for the names in braces, without escapes.
#[derive(Default)]
pub(super) struct Parameters {
    bytes: Vec<u8>,
    /// The names, and where the bytes of each end.
    ends: [(&'static str, usize); PARAMETERS_MAX],
    count: usize,
}

impl<T> Default for Tree<T> {
    fn default() -> Tree<T> {
        Tree { named: Vec::new(), any: None, values: Vec::new() }
    }
}

impl<T> Tree<T> {
    /// Adds what is served at the paths of a template.
    pub(super) fn add(&mut self, template: &'static str, value: T) {
        let parts = template.split('/').skip(1);
        parts.fold(self, Tree::branch).values.push(value);
    }

    fn branch(&mut self, part: &'static str) -> &mut Tree<T> {
        if let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            let (known, tree) = self.any.get_or_insert_with(|| (name, Box::default()));
            assert_eq!(*known, name, "one place in a path has one name");
            return tree;
        }
        let place = self.named.iter().position(|(known, _)| *known == part);
        let place = place.unwrap_or_else(|| {
            self.named.push((part, Tree::default()));
            self.named.len() - 1
        });
        &mut self.named[place].1
    }

    /// What is served at a path.
    pub(super) fn find(&self, path: &str) -> Option<Found<'_, T>> {
        let mut found = Found { values: &[], parts: Default::default(), count: 0 };
        let mut tree = self;
        let bytes = path.as_bytes();
        let mut end = 0;
        while end < bytes.len() {
            if bytes[end] != b'/' {
                return None;
            }
            let start = end + 1;
            let length = bytes[start..].iter().position(|byte| *byte == b'/');
            end = length.map_or(bytes.len(), |length| start + length);
            let part = &bytes[start..end];
            tree = match tree.named.iter().find(|(known, _)| known.as_bytes() == part) {
                Some((_, tree)) => tree,
                // The last part of a path has to be something.
                None if part.is_empty() && end == bytes.len() => return None,
                None => {
                    let (name, tree) = tree.any.as_ref()?;
                    found.parts[found.count] = (*name, start, part.len());
                    found.count += 1;
                    tree
                }
            };
        }
        found.values = &tree.values;
        (!found.values.is_empty()).then_some(found)
    }
}

impl<T> Found<'_, T> {
    /// The parameters in the path that was found; nothing if an escape is none.
    pub(super) fn parameters(&self, path: &str) -> Option<Parameters> {
        let parts = &self.parts[..self.count];
        let length = parts.iter().map(|(_, _, length)| length).sum();
        let mut parameters =
            Parameters { bytes: Vec::with_capacity(length), ends: Default::default(), count: self.count };
        for (end, (name, start, length)) in parameters.ends.iter_mut().zip(parts) {
            decode(&path.as_bytes()[*start..start + length], &mut parameters.bytes)?;
            *end = (*name, parameters.bytes.len());
        }
        Some(parameters)
    }
}

impl Parameters {
    /// What stands for a name.
    pub(super) fn find(&self, name: &str) -> Option<&[u8]> {
        let ends = &self.ends[..self.count];
        let place = ends.iter().position(|(known, _)| *known == name)?;
        let start = place.checked_sub(1).map_or(0, |before| ends[before].1);
        Some(&self.bytes[start..ends[place].1])
    }
}

/// Adds the bytes that a part of a path stands for; nothing if an escape is none.
fn decode(mut rest: &[u8], bytes: &mut Vec<u8>) -> Option<()> {
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
    Some(())
}

fn digit(letter: u8) -> Option<u8> {
    char::from(letter).to_digit(16).map(|value| value as u8)
}

/// The values of a name in a query, in their order; nothing if an escape is none. A plus is a space, as in forms.
pub(super) fn values(query: &str, name: &str) -> Option<Vec<Vec<u8>>> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let named = pairs.filter(|(found, _)| *found == name);
    let decoded = |value: &str| {
        let mut bytes = Vec::with_capacity(value.len());
        decode(value.replace('+', " ").as_bytes(), &mut bytes).map(|()| bytes)
    };
    named.map(|(_, value)| decoded(value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_stand_for_any_bytes() {
        let decoded = |text: &str| {
            let mut bytes = Vec::new();
            decode(text.as_bytes(), &mut bytes).map(|()| bytes)
        };
        assert_eq!(decoded("a%00%fF%2f%25+"), Some(b"a\0\xff/%+".to_vec()));
        for text in ["%", "%1", "%g0", "%+1", "%%%", "a%2"] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }

    #[test]
    fn paths_lead_where_their_template_says() {
        let mut tree = Tree::default();
        for (number, template) in
            ["/", "/about", "/console/", "/db/{db}", "/db/{db}/keys/{key}", "/db/{db}/keys/{key}/{part}"]
                .into_iter()
                .enumerate()
        {
            tree.add(template, number);
        }
        tree.add("/about", 10);
        let found = |path: &str| tree.find(path).map(|found| found.values.to_vec());
        for (path, expected) in [
            ("/", &[0][..]),
            ("/about", &[1, 10]),
            ("/console/", &[2]),
            ("/db/0", &[3]),
            ("/db/%2F/keys/b", &[4]),
            ("/db/0/keys/b/c", &[5]),
            ("/db//keys/b", &[4]),
            ("/db/0/keys//c", &[5]),
        ] {
            assert_eq!(found(path).as_deref(), Some(expected), "{path}");
        }
        for path in
            ["", "*", "about", "//", "/about/", "/console", "/db", "/db/", "/db/0/keys", "/db/0/keys/", "/x"]
        {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn parameters_are_found_where_the_template_names_them() {
        let mut tree = Tree::default();
        tree.add("/db/{db}/keys/{key}/{part}", ());
        let parameters = |path: &str| tree.find(path).expect("it leads somewhere").parameters(path);
        let found = parameters("/db/0/keys/a%2Fb/%00").expect("escapes are right");
        let all = ["db", "key", "part"].map(|name| found.find(name));
        assert_eq!(all, [Some(&b"0"[..]), Some(b"a/b"), Some(b"\0")]);
        assert_eq!(found.find("field"), None);
        assert!(parameters("/db/0/keys/%/x").is_none());
    }

    #[test]
    fn queries_have_values_by_name() {
        assert_eq!(values("a=1&b=2&a=x+y%2B", "a"), Some(vec![b"1".to_vec(), b"x y+".to_vec()]));
        assert_eq!(values("a&b=2", "a"), Some(vec![Vec::new()]));
        assert_eq!(values("", "a"), Some(Vec::new()));
        assert_eq!(values("a=%", "a"), None);
    }
}
