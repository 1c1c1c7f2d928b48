//! Entries of HTTP caches. The layout is drawn beside what writes it.

use super::super::fault::Fault;
use super::super::table::value_type;
use super::input::Input;
use super::marks;
use super::value::Decoder;
use crate::rdb::Marks;
use spinel_types::http_cache::{VARIANTS_MAX, Variant};
use spinel_types::{HttpCache, Large, OwnedValue};

const HEAD: Fault = Fault::Malformed("the field spinel-httpcache is malformed");
const VARIANT: Fault = Fault::Malformed("a variant of an entry of an HTTP cache is malformed");
const TOO_MANY: Fault = Fault::Malformed("an entry of an HTTP cache has too many variants");
const TWICE: Fault = Fault::Malformed("an entry of an HTTP cache has the same variant twice");

impl Decoder {
    pub(super) fn http_cache(&mut self, input: &mut Input<'_>) -> Result<OwnedValue, Fault> {
        let mut cache = HttpCache::new();
        for _ in 0..input.length()? {
            input.text_into(&mut self.text)?;
            add(&self.text, self.is_own, &mut cache)?;
        }
        Ok(OwnedValue::Large(Large::HttpCache(cache)))
    }

    /// Reads the text of a field that stands for a key, whose variants follow.
    pub(super) fn http_cache_head(&mut self, key: &mut Vec<u8>) -> Result<(OwnedValue, Marks), Fault> {
        let text = std::mem::take(&mut self.text);
        let mut input = Input::of_bytes(&text, self.forms.string_bytes_max);
        let (marks, value_type) = marks(&mut input)?;
        if value_type != value_type::HTTP_CACHE {
            return Err(HEAD);
        }
        input.text_into(key)?;
        if input.peek()?.is_some() {
            return Err(HEAD);
        }
        Ok((OwnedValue::Large(Large::HttpCache(HttpCache::new())), marks))
    }

    /// Adds the variant that was read to the value that it stands behind.
    pub(super) fn add_variant(&mut self, value: &mut OwnedValue) -> Result<(), Fault> {
        let OwnedValue::Large(Large::HttpCache(cache)) = value else { return Err(VARIANT) };
        add(&self.text, self.is_own, cache)
    }
}

fn add(text: &[u8], is_own: bool, cache: &mut HttpCache) -> Result<(), Fault> {
    if cache.len() >= VARIANTS_MAX {
        return Err(TOO_MANY);
    }
    let decode = if is_own { Variant::decode_own } else { Variant::decode };
    let variant = decode(text).map_err(|_| VARIANT)?;
    if cache.put(variant).is_some() { Err(TWICE) } else { Ok(()) }
}
