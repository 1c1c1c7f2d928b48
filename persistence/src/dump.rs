//! The payloads of DUMP and RESTORE: one value as it stands in a file, with a footer.
//!
//! ```text
//! type | value | fields of our own | version u16 | checksum u64          little-endian
//! ```

use crate::rdb::decode::Decoder;
use crate::rdb::decode::input::Input;
use crate::rdb::table::{VERSION_MAX, VERSIONS_OF_VALKEY};
use crate::rdb::{Checksum, Encoder, Fault, Forms};
use spinel_types::{OwnedValue, Value, ValueType};
use std::fmt;

const VERSION_BYTES: usize = 2;
const CHECKSUM_BYTES: usize = 8;

/// Why a payload is refused.
#[derive(Debug)]
pub enum DumpError {
    /// Its version is none that is read here, or its checksum is wrong.
    VersionOrChecksum,
    /// What it holds is no value.
    Value(Fault),
}

impl fmt::Display for DumpError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DumpError::VersionOrChecksum => out.write_str("the version or the checksum is wrong"),
            DumpError::Value(fault) => fault.fmt(out),
        }
    }
}

impl std::error::Error for DumpError {}

/// Appends the payload of a value to `out`. O(size of the value).
///
/// ```
/// use spinel_persistence::dump;
/// use spinel_persistence::rdb::{Compression, Encoder};
/// use spinel_types::{Str, Value};
///
/// let mut payload = Vec::new();
/// dump::encode(&mut Encoder::new(Compression::Lzf), Value::String(Str::Text(b"v")), &mut payload);
/// assert_eq!(payload, b"\x00\x01v\x0a\x00\x91\x08\xce\xb2\x198\x8a\xce");
/// ```
pub fn encode(encoder: &mut Encoder, value: Value<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    let version = encoder.value(value, out);
    out.extend_from_slice(&version.to_le_bytes());
    let checksum = Checksum::of(&out[start..]);
    out.extend_from_slice(&checksum.value().to_le_bytes());
}

/// Reads the value of a payload, which is never an empty collection but may be an empty stream.
///
/// Bytes behind the value are ignored, as Redis does.
pub fn decode(payload: &[u8], forms: &Forms) -> Result<OwnedValue, DumpError> {
    let (content, version) = checked(payload).ok_or(DumpError::VersionOrChecksum)?;
    value(content, version, forms).map_err(DumpError::Value)
}

/// What stands before the footer, and the version.
fn checked(payload: &[u8]) -> Option<(&[u8], u16)> {
    let (summed, checksum) = payload.split_last_chunk::<CHECKSUM_BYTES>()?;
    let (content, version) = summed.split_last_chunk::<VERSION_BYTES>()?;
    let version = u16::from_le_bytes(*version);
    let is_read = version <= VERSION_MAX || VERSIONS_OF_VALKEY.contains(&version);
    let is_right = u64::from_le_bytes(*checksum) == Checksum::of(summed).value();
    (is_read && is_right).then_some((content, version))
}

fn value(content: &[u8], version: u16, forms: &Forms) -> Result<OwnedValue, Fault> {
    let mut input = Input::of_bytes(content, forms.string_bytes_max);
    let mut decoder = Decoder::new(*forms, version);
    let value_type = input.byte()?;
    let mut value = decoder.value(value_type, &mut input)?;
    if value.is_empty() && value.value_type() != ValueType::Stream {
        return Err(Fault::Malformed("a collection is empty"));
    }
    decoder.extensions(&mut value, &mut input, &mut Vec::new())?;
    Ok(value)
}
