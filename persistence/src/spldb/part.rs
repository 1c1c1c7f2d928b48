//! Reading the keys of a part.

use super::archive::Archive;
use crate::rdb::decode::input::{Found, Input};
use crate::rdb::decode::{Decoder, marks};
use crate::rdb::table::{VERSION_MAX, value_type};
use crate::rdb::{Decoded, Fault, Forms, Marks, ReadError, Record};
use spinel_types::{OwnedValue, ValueType};

/// Reads parts, one after another, in any order.
pub struct PartReader<'a> {
    archive: &'a Archive<'a>,
    table: Input<'a>,
    values: Input<'a>,
    decoder: Decoder,
    key: Vec<u8>,
    /// The name of a field of our own.
    name: Vec<u8>,
    /// Where a block is read to before it is known what it becomes.
    stored: Vec<u8>,
    /// Where the part lies.
    offset: u64,
    /// How many keys are left, and how many of those expire.
    keys: u64,
    expiring: u64,
}

/// A value that was read; if it is a string, its bytes lie in the reader.
enum Value {
    String(Found),
    Collection(OwnedValue),
}

impl<'a> PartReader<'a> {
    pub(super) fn new(archive: &'a Archive<'a>) -> PartReader<'a> {
        let Forms { string_bytes_max, .. } = archive.forms;
        PartReader {
            archive,
            table: Input::of_vec(Vec::new(), string_bytes_max),
            values: Input::of_vec(Vec::new(), string_bytes_max),
            decoder: Decoder::of_own_file(archive.forms, VERSION_MAX),
            key: Vec::new(),
            name: Vec::new(),
            stored: Vec::new(),
            offset: 0,
            keys: 0,
            expiring: 0,
        }
    }

    /// Begins with a part, one of [`Archive::parts`]. What was left of another one is passed over.
    pub fn select(&mut self, part: usize) -> Result<(), ReadError> {
        let (offset, entry, columns) = self.archive.columns(part);
        self.offset = offset;
        (self.keys, self.expiring) = (entry.keys, entry.expiring);
        let text_bytes_max = self.archive.forms.string_bytes_max;
        for (column, input) in columns.into_iter().zip([&mut self.table, &mut self.values]) {
            let content = std::mem::replace(input, Input::of_vec(Vec::new(), text_bytes_max)).into_bytes();
            let column = column.with_room(std::mem::take(&mut self.stored), content);
            let filled = column.into_input(text_bytes_max, &mut self.stored);
            *input = filled.map_err(|fault| ReadError { offset, fault })?;
        }
        Ok(())
    }

    /// Reads the next key; none at the end of the part, once all of it was found right.
    #[inline]
    pub fn read(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        match self.next() {
            Err(fault) => Err(ReadError { offset: self.offset, fault }),
            Ok(None) => Ok(None),
            Ok(Some((value, marks))) => {
                let value = match value {
                    Value::String(found) => {
                        Decoded::String(self.values.found(found, &self.decoder.text).canonical())
                    }
                    Value::Collection(value) => Decoded::Collection(value),
                };
                Ok(Some(Record { key: &self.key, value, marks }))
            }
        }
    }

    #[inline]
    fn next(&mut self) -> Result<Option<(Value, Marks)>, Fault> {
        if self.keys == 0 {
            return self.end().map(|()| None);
        }
        self.keys -= 1;
        let (marks, value_type) = marks(&mut self.table)?;
        self.table.text_into(&mut self.key)?;
        let size = self.table.length()?;
        let end = self.values.offset().saturating_add(size);
        if marks.expiry_ms.is_some() {
            let left = self.expiring.checked_sub(1);
            self.expiring = left.ok_or(Fault::Malformed("more keys expire than the root says"))?;
        }
        let value = match value_type {
            value_type::STRING => Value::String(self.values.find_string(&mut self.decoder.text)?),
            _ => Value::Collection(self.collection(value_type, end)?),
        };
        if self.values.offset() != end {
            return Err(Fault::Malformed("a value has another size than its table says"));
        }
        Ok(Some((value, marks)))
    }

    fn collection(&mut self, value_type: u8, end: u64) -> Result<OwnedValue, Fault> {
        let mut value = self.decoder.collection(value_type, &mut self.values)?;
        while self.values.offset() < end {
            if !self.decoder.extension(&mut value, &mut self.values, &mut self.name)? {
                return Err(Fault::Malformed("a value is followed by what is not known"));
            }
        }
        if value.is_empty() && value.value_type() != ValueType::Stream {
            return Err(Fault::Malformed("a collection is empty"));
        }
        Ok(value)
    }

    fn end(&mut self) -> Result<(), Fault> {
        if self.table.peek()?.is_some() || self.values.peek()?.is_some() || self.expiring > 0 {
            return Err(Fault::Malformed("a part has more than the root says"));
        }
        Ok(())
    }
}
