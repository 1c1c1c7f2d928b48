//! Files, piece by piece.

use super::super::fault::{Fault, ReadError};
use super::super::table::{
    MAGIC, MAGIC_OF_VALKEY, VERSION_MAX, VERSIONS_OF_VALKEY, extension, opcode, value_type,
};
use super::super::{Marks, Usage};
use super::input::{Found, Input};
use super::value::module_name;
use super::{Decoder, Forms};
use spinel_types::{OwnedValue, Str, ValueType};
use std::io::Read;

/// Whether the checksum at the end of a file must be right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verification {
    /// It is not looked at, as of `rdbchecksum no`.
    Off,
    /// It must be right, unless the file has none.
    On,
}

/// A piece of a file.
pub enum Item<'i> {
    /// A field about the file, with its name.
    Aux(&'i [u8], &'i [u8]),
    /// The keys that follow belong to this database.
    SelectDb(u64),
    /// The database has about so many keys, so many of which expire. It may be wrong.
    Sizes {
        /// All keys.
        keys: u64,
        /// Those that expire.
        expiring: u64,
    },
    /// The code of a function library.
    Function(&'i [u8]),
    /// A module left data here that is passed over; its name.
    ModuleAux(String),
    /// A key.
    Key(Record<'i>),
    /// A collection without members, as old servers left them by mistake: it counts as none.
    Empty(&'i [u8]),
}

/// A value that was read.
pub enum Decoded<'i> {
    /// A string, as it should be stored: decimals are integers.
    String(Str<'i>),
    /// A collection.
    Collection(OwnedValue),
}

impl Decoded<'_> {
    /// The value on its own.
    pub fn into_owned(self) -> OwnedValue {
        match self {
            Decoded::String(string) => OwnedValue::of_string(string),
            Decoded::Collection(value) => value,
        }
    }
}

/// A key that was read.
pub struct Record<'i> {
    /// Its name.
    pub key: &'i [u8],
    /// Its value.
    pub value: Decoded<'i>,
    /// What else is known of it.
    pub marks: Marks,
}

/// Reads a file. Nothing that it says is believed before it is seen: no announced size makes memory be taken.
pub struct Reader<'r> {
    input: Input<'r>,
    decoder: Decoder,
    key: Vec<u8>,
    /// The name of a field.
    name: Vec<u8>,
    /// Whether the name of the next field was read already, while looking for fields of our own.
    is_named: bool,
    is_over: bool,
}

/// A piece whose bytes lie in the reader.
enum Piece {
    Aux,
    SelectDb(u64),
    Sizes(u64, u64),
    Function,
    ModuleAux(String),
    String(Found, Marks),
    Collection(OwnedValue, Marks),
    Empty,
    Slot,
    End,
}

impl<'r> Reader<'r> {
    /// Starts to read a file.
    pub fn new(
        source: impl Read + 'r,
        forms: &Forms,
        verification: Verification,
    ) -> Result<Reader<'r>, ReadError> {
        let mut input = Input::new(source, forms.string_bytes_max);
        if verification == Verification::On {
            input.keep_checksum();
        }
        let version = version(&mut input).map_err(|fault| ReadError { offset: input.offset(), fault })?;
        let decoder = Decoder::of_own_file(*forms, version);
        let (key, name, is_named, is_over) = (Vec::new(), Vec::new(), false, false);
        Ok(Reader { input, decoder, key, name, is_named, is_over })
    }

    /// The version of the file.
    pub fn version(&self) -> u16 {
        self.decoder.version
    }

    /// How many bytes were read. At the end, those are the bytes of the file.
    pub fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// Reads the next piece; none at the end, once the checksum was found right.
    #[inline]
    pub fn read(&mut self) -> Result<Option<Item<'_>>, ReadError> {
        loop {
            match self.piece() {
                Err(fault) => return Err(ReadError { offset: self.input.offset(), fault }),
                Ok(Piece::Slot) => {}
                Ok(piece) => return Ok(self.item(piece)),
            }
        }
    }

    #[inline]
    fn item(&self, piece: Piece) -> Option<Item<'_>> {
        let text = &self.decoder.text;
        Some(match piece {
            Piece::String(found, marks) => {
                let value = Decoded::String(self.input.found(found, text).canonical());
                Item::Key(Record { key: &self.key, value, marks })
            }
            Piece::Collection(value, marks) => {
                Item::Key(Record { key: &self.key, value: Decoded::Collection(value), marks })
            }
            Piece::Empty => Item::Empty(&self.key),
            Piece::Aux => Item::Aux(&self.name, text),
            Piece::SelectDb(db) => Item::SelectDb(db),
            Piece::Sizes(keys, expiring) => Item::Sizes { keys, expiring },
            Piece::Function => Item::Function(text),
            Piece::ModuleAux(name) => Item::ModuleAux(name),
            Piece::Slot | Piece::End => return None,
        })
    }

    fn piece(&mut self) -> Result<Piece, Fault> {
        if std::mem::take(&mut self.is_named) {
            return self.field();
        }
        if self.is_over {
            return Ok(Piece::End);
        }
        match marks(&mut self.input)? {
            (marks, value_type::STRING) => {
                self.input.text_into(&mut self.key)?;
                Ok(Piece::String(self.input.find_string(&mut self.decoder.text)?, marks))
            }
            (marks, value_type @ 1..opcode::SLOT_IMPORT) => self.collection(value_type, marks),
            (marks, _) if marks != Marks::default() => Err(Fault::Malformed("an expiry belongs to no key")),
            (_, other) => self.other(other),
        }
    }

    fn collection(&mut self, value_type: u8, marks: Marks) -> Result<Piece, Fault> {
        self.input.text_into(&mut self.key)?;
        let value = self.decoder.collection(value_type, &mut self.input)?;
        self.complete(value, marks)
    }

    /// Reads the text of a field whose name was read. It may stand for a key.
    fn field(&mut self) -> Result<Piece, Fault> {
        self.input.text_into(&mut self.decoder.text)?;
        if self.name != extension::HTTP_CACHE {
            return Ok(Piece::Aux);
        }
        let (value, marks) = self.decoder.http_cache_head(&mut self.key)?;
        self.complete(value, marks)
    }

    /// Reads what stands behind a collection.
    fn complete(&mut self, mut value: OwnedValue, marks: Marks) -> Result<Piece, Fault> {
        self.is_named = self.decoder.extensions(&mut value, &mut self.input, &mut self.name)?;
        let is_empty = value.is_empty() && value.value_type() != ValueType::Stream;
        Ok(if is_empty { Piece::Empty } else { Piece::Collection(value, marks) })
    }

    fn other(&mut self, opcode: u8) -> Result<Piece, Fault> {
        let input = &mut self.input;
        match opcode {
            opcode::AUX => {
                input.text_into(&mut self.name)?;
                self.field()
            }
            opcode::SELECT_DB => Ok(Piece::SelectDb(input.length()?)),
            opcode::SIZES => Ok(Piece::Sizes(input.length()?, input.length()?)),
            opcode::FUNCTION => {
                input.text_into(&mut self.decoder.text)?;
                Ok(Piece::Function)
            }
            opcode::FUNCTION_OF_CANDIDATES => Err(Fault::FunctionOfCandidates),
            opcode::MODULE_AUX => Ok(Piece::ModuleAux(pass_module_aux(input)?)),
            opcode::SLOT_INFO => {
                pass_slot(input)?;
                // How many keys it has, and how many of them expire.
                let _ = (input.length()?, input.length()?);
                Ok(Piece::Slot)
            }
            opcode::SLOT_IMPORT => {
                input.text_into(&mut self.name)?;
                for _ in 0..input.length()? {
                    pass_slot(input)?;
                    pass_slot(input)?;
                }
                Ok(Piece::Slot)
            }
            opcode::END => self.end(),
            unknown => Err(Fault::UnknownType(unknown)),
        }
    }

    fn end(&mut self) -> Result<Piece, Fault> {
        /// Files before this version have no checksum.
        const VERSION_OF_CHECKSUMS: u16 = 5;
        if self.decoder.version >= VERSION_OF_CHECKSUMS {
            let computed = self.input.checksum();
            let stored = self.input.u64()?;
            match computed {
                Some(computed) if stored != 0 && stored != computed => {
                    return Err(Fault::Checksum { stored, computed });
                }
                _ => {}
            }
        }
        self.is_over = true;
        Ok(Piece::End)
    }
}

/// Reads what stands before a key, and the byte behind that: the type of its value, if there is a key.
#[inline]
pub(crate) fn marks(input: &mut Input<'_>) -> Result<(Marks, u8), Fault> {
    let mut marks = Marks::default();
    loop {
        match input.byte()? {
            opcode::EXPIRY_MS => marks.expiry_ms = Some(input.i64()?),
            opcode::EXPIRY_SECONDS => {
                let seconds = i32::from_le_bytes(input.array()?);
                marks.expiry_ms = Some(i64::from(seconds) * 1000);
            }
            opcode::IDLE => marks.usage = Some(Usage::IdleSeconds(input.length()?)),
            opcode::FREQUENCY => marks.usage = Some(Usage::Frequency(input.byte()?)),
            other => return Ok((marks, other)),
        }
    }
}

/// Reads what a file starts with.
fn version(input: &mut Input<'_>) -> Result<u16, Fault> {
    let start = input.array::<9>().map_err(|fault| match fault {
        Fault::Truncated => Fault::NotRdb,
        fault => fault,
    })?;
    let digits = start.strip_prefix(MAGIC).or(start.strip_prefix(MAGIC_OF_VALKEY)).ok_or(Fault::NotRdb)?;
    let digits = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    let version: u16 = digits.ok_or(Fault::NotRdb)?;
    let is_read = (1..=VERSION_MAX).contains(&version) || VERSIONS_OF_VALKEY.contains(&version);
    if is_read { Ok(version) } else { Err(Fault::Version(version.into())) }
}

fn pass_slot(input: &mut Input<'_>) -> Result<(), Fault> {
    const SLOTS: u64 = 16_384;
    if input.length()? < SLOTS { Ok(()) } else { Err(Fault::Malformed("there is no slot of this number")) }
}

/// Passes over what a module left, each part of which says what it is, and returns the module's name.
fn pass_module_aux(input: &mut Input<'_>) -> Result<String, Fault> {
    const END: u64 = 0;
    const INTEGERS: std::ops::RangeInclusive<u64> = 1..=2;
    const FLOAT: u64 = 3;
    const DOUBLE: u64 = 4;
    const STRING: u64 = 5;
    let (name, mut room) = (module_name(input.length()?), Vec::new());
    loop {
        match input.length()? {
            END => return Ok(name),
            part if INTEGERS.contains(&part) => _ = input.length()?,
            FLOAT => _ = input.array::<4>()?,
            DOUBLE => _ = input.array::<8>()?,
            STRING => input.text_into(&mut room)?,
            _ => return Err(Fault::Malformed("the data of a module is malformed")),
        }
    }
}
