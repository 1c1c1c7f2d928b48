//! What tests build messages and variants from.

use http::{HeaderMap, HeaderName, HeaderValue};
use spinel_types::http_cache::{Numbers, Variant};

use crate::message::Times;

/// Sun, 06 Nov 1994 08:49:37 GMT, when most tests begin.
pub(crate) const NOW: i64 = 784_111_777_000;

/// An answer that came at once.
pub(crate) const AT_ONCE: Times = Times { asked: NOW, came: NOW };

/// The date `seconds` after [`NOW`].
pub(crate) fn date(seconds: i64) -> String {
    String::from_utf8_lossy(&crate::date::format(NOW + seconds * 1000)).into_owned()
}

/// Gathers fields.
pub(crate) fn map<V: AsRef<str>>(fields: &[(&str, V)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        map.append(name, HeaderValue::from_bytes(value.as_ref().as_bytes()).expect("a value"));
    }
    map
}

/// A variant of which numbers are others.
pub(crate) fn changed(mut variant: Variant, change: impl FnOnce(&mut Numbers)) -> Variant {
    let mut numbers = *variant;
    change(&mut numbers);
    variant.set_numbers(numbers);
    variant
}
