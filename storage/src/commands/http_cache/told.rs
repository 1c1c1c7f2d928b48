//! What replies tell, for tests.

use crate::{Db, Value};

/// What a map tells by a name.
pub(super) fn of(map: &Value, name: &str) -> Value {
    let Value::Map(pairs) = map else { panic!("{map:?} is no map") };
    let found = pairs.iter().find(|(other, _)| *other == bulk(name));
    found.unwrap_or_else(|| panic!("{name} is not told")).1.clone()
}

/// The state that a call of CACHE GET tells.
pub(super) fn state(db: &Db, words: &[&str]) -> String {
    let reply = db.execute(words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
    let Value::Bulk(state) = of(&reply, "state") else { panic!("{words:?} tells no state") };
    String::from_utf8_lossy(&state).into_owned()
}

pub(super) fn bulk(text: &str) -> Value {
    Value::Bulk(text.into())
}
