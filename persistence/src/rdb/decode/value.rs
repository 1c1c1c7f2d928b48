//! One value of any type.

use super::super::fault::Fault;
use super::super::table::{VERSIONS_OF_VALKEY, extension, opcode, value_type};
use super::Forms;
use super::input::Input;
use spinel_types::{OwnedValue, Str};

/// Reads values, with room that is used again and again.
pub(crate) struct Decoder {
    pub(super) forms: Forms,
    /// The version of the file or payload.
    pub(super) version: u16,
    /// Texts that are read, one after another or in pairs.
    pub(crate) text: Vec<u8>,
    pub(super) other: Vec<u8>,
    /// Hashes of members, to find those that stand twice.
    pub(super) hashes: Vec<u64>,
    /// Whether it may name files of the server that reads it.
    pub(super) is_own: bool,
}

impl Decoder {
    pub(crate) fn new(forms: Forms, version: u16) -> Decoder {
        Decoder { forms, version, text: Vec::new(), other: Vec::new(), hashes: Vec::new(), is_own: false }
    }

    /// Reads a file that the server may have written for itself.
    pub(crate) fn of_own_file(forms: Forms, version: u16) -> Decoder {
        Decoder { is_own: true, ..Decoder::new(forms, version) }
    }

    /// Reads a value on its own. A collection may be empty.
    pub(crate) fn value(&mut self, value_type: u8, input: &mut Input<'_>) -> Result<OwnedValue, Fault> {
        if value_type == value_type::STRING {
            let string = input.string(&mut self.text)?;
            return Ok(OwnedValue::of_string(string.canonical()));
        }
        self.collection(value_type, input)
    }

    /// Reads a collection, which may be empty.
    pub(crate) fn collection(&mut self, value_type: u8, input: &mut Input<'_>) -> Result<OwnedValue, Fault> {
        match value_type {
            value_type::LIST => self.list(input),
            value_type::LIST_ZIPLIST => self.list_of_ziplist(input),
            value_type::LIST_ZIPLIST_NODES => self.list_of_ziplists(input),
            value_type::LIST_NODES => self.list_of_nodes(input),
            value_type::SET => self.set(input),
            value_type::SET_INTSET => self.intset(input),
            value_type::SET_LISTPACK => self.set_of_listpack(input),
            value_type::HASH => self.hash(input),
            value_type::HASH_ZIPMAP => self.hash_of_zipmap(input),
            value_type::HASH_ZIPLIST => self.hash_of_ziplist(input),
            value_type::HASH_LISTPACK => self.hash_of_listpack(input),
            value_type::HASH_EXPIRING => self.expiring_hash(input),
            value_type::HASH_LISTPACK_EXPIRING => self.expiring_hash_of_listpack(input),
            value_type::HASH_EXPIRING_OF_VALKEY if VERSIONS_OF_VALKEY.contains(&self.version) => {
                self.expiring_hash_of_valkey(input)
            }
            value_type::SORTED_SET_OF_TEXTS => self.sorted_set(input, super::sorted_set::score_of_text),
            value_type::SORTED_SET => self.sorted_set(input, super::sorted_set::score),
            value_type::SORTED_SET_ZIPLIST => self.sorted_set_of_ziplist(input),
            value_type::SORTED_SET_LISTPACK => self.sorted_set_of_listpack(input),
            value_type::STREAM | value_type::STREAM_COUNTED | value_type::STREAM_ACTIVE => {
                self.stream(value_type, input)
            }
            value_type::HTTP_CACHE => self.http_cache(input),
            value_type::MODULE | value_type::MODULE_OF_CANDIDATES => {
                Err(Fault::Module(module_name(input.length()?)))
            }
            unknown => Err(Fault::UnknownType(unknown)),
        }
    }

    /// Reads the fields of our own that may stand behind a collection, and completes it. If the field that stands
    /// there is another one, its name is left in `name`, and its text is next.
    pub(crate) fn extensions(
        &mut self,
        value: &mut OwnedValue,
        input: &mut Input<'_>,
        name: &mut Vec<u8>,
    ) -> Result<bool, Fault> {
        while input.peek()? == Some(opcode::AUX) {
            if !self.extension(value, input, name)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads a field that stands behind a collection, and completes it if the field is one of our own. If it is not, that
    /// is told, its name is left in `name`, and its text is next.
    pub(crate) fn extension(
        &mut self,
        value: &mut OwnedValue,
        input: &mut Input<'_>,
        name: &mut Vec<u8>,
    ) -> Result<bool, Fault> {
        if input.byte()? != opcode::AUX {
            return Err(Fault::Malformed("a field was expected behind a value"));
        }
        input.text_into(name)?;
        match &**name {
            extension::MEMBERS => {
                input.text_into(&mut self.text)?;
                self.expire_members(value)?;
            }
            extension::STREAM => {
                input.text_into(&mut self.text)?;
                self.complete_stream(value)?;
            }
            extension::VARIANT => {
                input.text_into(&mut self.text)?;
                self.add_variant(value)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether two of some members are the same. They are if their hashes are: the secret behind those makes it
    /// next to impossible for others.
    pub(super) fn has_twice<'m>(&mut self, members: impl Iterator<Item = Str<'m>>) -> bool {
        let seed = self.forms.seed;
        let hash = |member| match member {
            Str::Integer(integer) => seed.hash_integer(integer),
            Str::Text(text) => seed.hash(text),
        };
        self.hashes.clear();
        self.hashes.extend(members.map(hash));
        self.hashes.sort_unstable();
        self.hashes.windows(2).any(|pair| pair[0] == pair[1])
    }
}

/// The name in the number of a module: nine letters of six bits, above ten bits of a version.
pub(crate) fn module_name(number: u64) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let letter = |index: u32| char::from(LETTERS[(number >> (58 - 6 * index)) as usize & 0x3f]);
    (0..9).map(letter).collect()
}
