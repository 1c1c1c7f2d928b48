//! `cjson`, `cmsgpack` and `struct` on the caller's own stack, for whoever tries them with any bytes.
//!
//! `AddressSanitizer` knows the stacks of threads, but not that of a script: what runs there it takes for an overflow. Without a
//! stack of their own the functions of the libraries are the same; only nobody is asked whether they may go on.

use mlua::{Function, LuaString};

use crate::interpreter::Settings;
use crate::limit::Limit;
use crate::machine::Machine;
use crate::redis::Version;
use crate::sandbox::Kind;

/// A library.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Codec {
    /// `cjson`
    Json,
    /// `cmsgpack`
    MessagePack,
    /// `struct`: the first eight bytes are a format.
    Struct,
}

/// Each decodes bytes and encodes what came of them; nil if they are refused. An error is a broken promise.
const ROUNDS: [&str; 3] = [
    "local ok, value = pcall(cjson.decode, (...))
     if not ok then return nil end
     local ok, once = pcall(cjson.encode, value)
     if not ok then return nil end
     local again = cjson.encode(cjson.decode(once))
     assert(#again == #once, 'what was encoded is decoded to something else')
     return once",
    "local values = {pcall(cmsgpack.unpack, (...))}
     if not values[1] then return nil end
     local once = cmsgpack.pack(values)
     -- What is too deep was packed as nil: tables have no such values, and refuse such a key.
     local ok, value = pcall(cmsgpack.unpack, once)
     if not ok then
         assert(string.find(value, 'table index is nil', 1, true), value)
         return nil
     end
     local second = cmsgpack.pack(value)
     local third = cmsgpack.pack(cmsgpack.unpack(second))
     assert(#third == #second, 'what was packed is unpacked to something else')
     return second",
    "local bytes = ...
     local format, data = string.sub(bytes, 1, 8), string.sub(bytes, 9)
     pcall(struct.size, format)
     local values = {pcall(struct.unpack, format, data)}
     if not values[1] then return nil end
     table.remove(values, 1)
     local place = table.remove(values)
     assert(place <= #data + 1, 'no place behind the end')
     local ok, once = pcall(struct.pack, format, unpack(values))
     return ok and once or nil",
];

/// The libraries, in a state of their own.
pub struct Codecs {
    machine: Machine,
    rounds: [Function; 3],
}

impl Codecs {
    /// Makes them.
    ///
    /// # Errors
    /// With what Lua says, when there is no memory.
    pub fn new() -> Result<Codecs, String> {
        let settings = Settings::default();
        let version = Version { text: settings.version, number: settings.version_number };
        let limit = Limit { bytes_max: settings.memory_bytes_max };
        let machine = Machine::new(Kind::Scripts, 1, limit, &version).map_err(|error| error.to_string())?;
        let compile = |text: &str| {
            let compiled = machine.compile(text.as_bytes(), "@round");
            compiled.map_err(|error| String::from_utf8_lossy(&error).into_owned())
        };
        let rounds = [compile(ROUNDS[0])?, compile(ROUNDS[1])?, compile(ROUNDS[2])?];
        Ok(Codecs { machine, rounds })
    }

    /// Decodes bytes and encodes what came of them; nothing if they are refused.
    ///
    /// # Errors
    /// When that does not come back as it was.
    pub fn round(&self, codec: Codec, bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let lua = &self.machine.parts.lua;
        let bytes = lua.create_string(bytes).map_err(|error| error.to_string())?;
        let encoded = self.rounds[codec as usize].call::<Option<LuaString>>(bytes);
        Ok(encoded.map_err(|error| error.to_string())?.map(|text| text.as_bytes().to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_too_deep_for_packing_is_refused_when_it_comes_back() {
        let codecs = Codecs::new().expect("there is memory");
        let nested_keys = [[0x81].repeat(40), vec![0x01; 41]].concat();
        assert_eq!(codecs.round(Codec::MessagePack, &nested_keys), Ok(None));
        assert!(codecs.round(Codec::MessagePack, &[0x81, 0x01, 0x02]).expect("it comes back").is_some());
    }
}
