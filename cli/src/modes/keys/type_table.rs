//! What is known of the types of keys: what counts their elements, and what these are called.

/// A type of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyType {
    /// As `TYPE` says it.
    pub(super) name: String,
    /// The command that counts the elements; missing for types of modules.
    pub(super) counter: Option<&'static str>,
    /// What the elements are called.
    pub(super) unit: &'static str,
}

/// The types every server has, in the order in which they are reported.
const KNOWN: [(&str, &str, &str); 6] = [
    ("list", "LLEN", "items"),
    ("hash", "HLEN", "fields"),
    ("stream", "XLEN", "entries"),
    ("string", "STRLEN", "bytes"),
    ("set", "SCARD", "members"),
    ("zset", "ZCARD", "members"),
];

/// Something told of each type that is there.
#[derive(Debug)]
pub(super) struct TypeTable<T> {
    pub(super) rows: Vec<(KeyType, T)>,
}

impl<T: Default> TypeTable<T> {
    pub(super) fn new() -> Self {
        let known = |(name, counter, unit): (&str, &'static str, &'static str)| {
            (KeyType { name: name.to_owned(), counter: Some(counter), unit }, T::default())
        };
        Self { rows: KNOWN.into_iter().map(known).collect() }
    }

    /// The row of a type, which is new if it is a module's. There are few types, so they are looked for in turn.
    pub(super) fn row(&mut self, name: &str) -> &mut (KeyType, T) {
        let index = self.rows.iter().position(|(key_type, _)| key_type.name == name);
        let index = index.unwrap_or_else(|| {
            let key_type = KeyType { name: name.to_owned(), counter: None, unit: "?" };
            self.rows.push((key_type, T::default()));
            self.rows.len() - 1
        });
        &mut self.rows[index]
    }

    /// What counts the elements of `key`, or at least finds it, if it is a module's.
    pub(super) fn count_question(&mut self, name: &str, key: &[u8]) -> Vec<Vec<u8>> {
        let counter = self.row(name).0.counter.unwrap_or("EXISTS");
        vec![counter.as_bytes().to_vec(), key.to_vec()]
    }
}
