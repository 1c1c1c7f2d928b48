//! Where in a stream of writes, which servers copy from each other, a data set stands.
//!
//! Snapshots say it in three fields, as Redis does: `repl-id`, `repl-offset` and `repl-stream-db`. So a server that is started
//! again can go on in the stream instead of copying everything.

use spinel_resp::parse_integer;
use std::str;

/// Offsets beyond this are not believed: counting on from there must not overflow.
const OFFSET_MAX: u64 = 1 << 62;

/// A place in a stream of writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamPlace {
    /// The name of the stream: letters and digits.
    pub id: [u8; 40],
    /// How many bytes of the stream are before here.
    pub offset: u64,
    /// The database that the stream has selected here.
    pub db: u16,
}

impl StreamPlace {
    /// Reads a place from its texts; none if one of them is no good.
    pub(crate) fn parse(id: &[u8], offset: &[u8], db: &[u8]) -> Option<StreamPlace> {
        let id = <[u8; 40]>::try_from(id).ok()?;
        let offset = u64::try_from(parse_integer(offset)?).ok().filter(|offset| *offset <= OFFSET_MAX)?;
        let db = u16::try_from(parse_integer(db)?).ok()?;
        id.iter().all(u8::is_ascii_alphanumeric).then_some(StreamPlace { id, offset, db })
    }

    /// The name as text.
    pub(crate) fn name(&self) -> &str {
        str::from_utf8(&self.id).unwrap_or_default()
    }

    /// The fields of a snapshot that stands here.
    pub fn fields(&self) -> [(&'static str, String); 3] {
        [
            ("repl-stream-db", self.db.to_string()),
            ("repl-id", self.name().to_owned()),
            ("repl-offset", self.offset.to_string()),
        ]
    }
}

/// Gathers the fields of a snapshot that say where it stands.
#[derive(Clone, Debug, Default)]
pub struct StreamFields {
    id: Vec<u8>,
    offset: Vec<u8>,
    db: Vec<u8>,
}

impl StreamFields {
    /// Hears a field of a snapshot; the last one of a name counts.
    pub fn hear(&mut self, name: &[u8], text: &[u8]) {
        let field = match name {
            b"repl-id" => &mut self.id,
            b"repl-offset" => &mut self.offset,
            b"repl-stream-db" => &mut self.db,
            _ => return,
        };
        text.clone_into(field);
    }

    /// The place, if all three fields came and are good.
    pub fn place(&self) -> Option<StreamPlace> {
        StreamPlace::parse(&self.id, &self.offset, &self.db)
    }

    /// The database that the stream had selected, if that was said; also of a snapshot that says nothing else.
    pub fn db(&self) -> Option<u16> {
        parse_integer(&self.db).and_then(|db| u16::try_from(db).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: [u8; 40] = [b'a'; 40];

    fn gathered(fields: &[(&str, &str)]) -> StreamFields {
        let mut gathered = StreamFields::default();
        for (name, text) in fields {
            gathered.hear(name.as_bytes(), text.as_bytes());
        }
        gathered
    }

    #[test]
    fn a_place_is_what_its_fields_say() {
        let place = StreamPlace { id: ID, offset: 1234, db: 5 };
        let fields = place.fields();
        let fields = fields.each_ref().map(|(name, text)| (*name, text.as_str()));
        assert_eq!(gathered(&fields).place(), Some(place));
        assert_eq!((gathered(&fields[1..]).place(), gathered(&fields[1..]).db()), (None, None));
        assert_eq!(gathered(&fields[..1]).db(), Some(5));
    }

    #[test]
    fn hostile_fields_are_no_place() {
        let id = "a".repeat(40);
        let beyond = (OFFSET_MAX + 1).to_string();
        for (id, offset, db) in [
            ("", "1", "0"),
            (&id[1..], "1", "0"),
            ("é12345678901234567890123456789012345678\r\n", "1", "0"),
            (&id, "-1", "0"),
            (&id, "", "0"),
            (&id, &beyond, "0"),
            (&id, "99999999999999999999", "0"),
            (&id, "1", "-1"),
            (&id, "1", "65536"),
        ] {
            let fields = gathered(&[("repl-id", id), ("repl-offset", offset), ("repl-stream-db", db)]);
            assert_eq!(fields.place(), None, "{id:?} {offset} {db}");
        }
    }
}
