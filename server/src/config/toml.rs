//! Files in TOML: the names of the table as keys.
//!
//! Underscores stand for dashes, a table's name is put before those of its keys, booleans are `yes` and `no`. In an
//! array each element of a repeatable directive is one of its own (`save = ["3600 1", "300 100"]`), elsewhere a word.

use super::draft::Draft;
use super::failure::{ConfigError, Place};
use super::setting::{Kind, Repeat};
use super::table::Key;
use super::value::Reason;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Obeys a text.
pub(super) fn read(
    draft: &mut Draft,
    text: &[u8],
    place: &dyn Fn(usize) -> Place,
) -> Result<(), ConfigError> {
    let line_of = |at: usize| text[..at.min(text.len())].split(|byte| *byte == b'\n').count();
    let refuse = |at: usize, reason: Reason| {
        let line = line_of(at);
        let shown = text.split(|byte| *byte == b'\n').nth(line - 1).unwrap_or_default();
        ConfigError::directive(place(line), shown.trim_ascii(), reason)
    };
    let source = std::str::from_utf8(text)
        .map_err(|error| refuse(error.valid_up_to(), "not UTF-8, as TOML must be".into()))?;
    let table = DeTable::parse(source).map_err(|error| {
        refuse(error.span().map_or(0, |span| span.start), error.message().to_owned().into())
    })?;
    let mut found = Vec::new();
    flatten("", table.get_ref(), &mut found).map_err(|(at, reason)| refuse(at, reason))?;
    found.sort_by_key(|(at, _)| *at);
    for (at, words) in found {
        draft.obey(&words).map_err(|reason| refuse(at, reason))?;
    }
    Ok(())
}

/// A directive and where it stands.
type Found = (usize, Vec<Vec<u8>>);

fn flatten(prefix: &str, table: &DeTable<'_>, found: &mut Vec<Found>) -> Result<(), (usize, Reason)> {
    for (key, value) in table {
        let at = key.span().start;
        let name = format!("{prefix}{}", key.get_ref().replace('_', "-"));
        match value.get_ref() {
            DeValue::Table(inner) => flatten(&format!("{name}-"), inner, found)?,
            DeValue::Array(elements) if is_repeatable(&name) => {
                for element in elements {
                    let text = scalar(element).map_err(|reason| (at, reason))?;
                    let words = spinel_resp::request::split_line(text.as_bytes())
                        .ok_or((at, "Unbalanced quotes in configuration line".into()))?;
                    found.push((at, [vec![name.clone().into()], words].concat()));
                }
            }
            DeValue::Array(elements) => {
                let mut words = vec![name.into_bytes()];
                for element in elements {
                    words.push(scalar(element).map_err(|reason| (at, reason))?.into_bytes());
                }
                found.push((at, words));
            }
            _ => {
                let text = scalar(value).map_err(|reason| (at, reason))?;
                found.push((at, vec![name.into_bytes(), text.into_bytes()]));
            }
        }
    }
    Ok(())
}

/// Whether naming it again adds to what was said before.
fn is_repeatable(name: &str) -> bool {
    match Key::by_name(name.as_bytes()) {
        Some(key) if key == super::table::CLIENT_OUTPUT_BUFFER_LIMIT => true,
        Some(key) => matches!(key.setting().kind, Kind::List { repeat: Repeat::Append, .. }),
        None => true,
    }
}

fn scalar(value: &Spanned<DeValue<'_>>) -> Result<String, Reason> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Boolean(is_on) => Ok(if *is_on { "yes" } else { "no" }.to_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(|number| number.to_string())
            .map_err(|_| "a number beyond 64 bits".into()),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        _ => Err("neither text nor number nor boolean".into()),
    }
}
