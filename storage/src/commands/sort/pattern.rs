//! Names made from elements: the patterns of BY and GET.

use crate::keyspace::view::View;
use spinel_types::{Str, Value};

/// A pattern with a place for an element: `weight_*`, or `user:*->age` for a field of a hash.
#[derive(Clone, Copy)]
pub(super) struct Pattern<'a> {
    text: &'a [u8],
    /// Where the first star is.
    star: Option<usize>,
    /// Where the field's name starts, if one is named.
    field: Option<usize>,
}

const ARROW: &[u8] = b"->";

impl<'a> Pattern<'a> {
    pub(super) fn new(text: &'a [u8]) -> Pattern<'a> {
        let star = text.iter().position(|byte| *byte == b'*');
        let field = star.and_then(|star| {
            let arrow = text[star + 1..].windows(ARROW.len()).position(|window| window == ARROW)?;
            let start = star + 1 + arrow + ARROW.len();
            (start < text.len()).then_some(start)
        });
        Pattern { text, star, field }
    }

    /// Whether it has a place for an element, so that it makes a name of its own for each.
    pub(super) fn has_place(&self) -> bool {
        self.star.is_some()
    }

    /// Whether it stands for the element itself.
    pub(super) fn is_element(&self) -> bool {
        self.text == b"#"
    }

    /// What an element's name leads to: the string under it, or the field of the hash under it; nothing if it leads to a
    /// key and there are none.
    pub(super) fn look_up(&self, keys: &mut Option<&mut View<'_>>, element: &[u8]) -> Option<Vec<u8>> {
        if self.is_element() {
            return Some(element.to_vec());
        }
        let keys = keys.as_deref_mut()?;
        let star = self.star?;
        let end = self.field.map_or(self.text.len(), |field| field - ARROW.len());
        let name = [&self.text[..star], element, &self.text[star + 1..end]].concat();
        let now = keys.now().0;
        match (keys.read_value_as_is(&name)?, self.field) {
            (Value::String(string), None) => Some(string.to_vec()),
            (Value::Hash(hash), Some(field)) => hash.value_at(&self.text[field..], now).map(Str::to_vec),
            _ => None,
        }
    }
}
