//! What the server says of itself in `INFO`.

use crate::format::text;
use crate::session::{Session, SessionError};
use std::collections::HashMap;

/// The fields of `INFO`; one that is missing reads as nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Info {
    fields: HashMap<String, String>,
}

impl Info {
    /// Asks the server for all sections it tells unasked.
    pub(crate) fn ask(session: &mut Session) -> Result<Self, SessionError> {
        Self::ask_for(session, &["INFO"])
    }

    /// Asks the server for some sections.
    pub(crate) fn ask_for(session: &mut Session, words: &[&str]) -> Result<Self, SessionError> {
        let reply = session.ask(words)?;
        Ok(Self::parse(&String::from_utf8_lossy(text(&reply).unwrap_or_default())))
    }

    pub(crate) fn parse(text: &str) -> Self {
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        Self { fields: fields.map(|(name, value)| (name.to_owned(), value.trim_end().to_owned())).collect() }
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap_or(0)
    }

    /// The fields whose names begin with `prefix`, as what follows it and the value.
    pub(crate) fn with_prefix<'own>(
        &'own self,
        prefix: &str,
    ) -> impl Iterator<Item = (&'own str, &'own str)> {
        let prefix = prefix.to_owned();
        self.fields
            .iter()
            .filter_map(move |(name, value)| Some((name.strip_prefix(&prefix)?, value.as_str())))
    }

    /// How many keys there are in all databases.
    pub(crate) fn keys(&self) -> u64 {
        let databases =
            self.with_prefix("db").filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
        databases.map(|(_, value)| property(value, "keys").parse().unwrap_or(0)).sum()
    }
}

/// The value of `name` in `name=value,…`.
pub(crate) fn property<'text>(properties: &'text str, name: &str) -> &'text str {
    let mut pairs = properties.split(',').filter_map(|pair| pair.split_once('='));
    pairs.find(|(found, _)| *found == name).map_or("", |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_name() {
        let info = Info::parse(
            "# Memory\r\nused_memory:12\r\nratio:1.5\r\nname:a:b\r\ndb0:keys=3,expires=1\r\ndb1:keys=4\r\ndbx:keys=9\r\n",
        );

        assert_eq!(info.number("used_memory"), 12);
        assert_eq!(info.text("name"), "a:b");
        assert_eq!((info.text("none"), info.number("name")), ("", 0));
        assert_eq!(info.keys(), 7);
        assert_eq!(property("keys=3,expires=1", "expires"), "1");
    }
}
