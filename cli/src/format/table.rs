//! Tables for people: one row per element, one column per property.
//!
//! ```text
//! field  value
//! -----  -----
//! name   Ada
//! born   1815
//! ```
//!
//! A map has a row per pair; an array of maps has a column per name; an array of arrays has their elements as columns.
//! Other elements have a row each. What is nested deeper stands in its cell as JSON.

use super::{json, standard, text, write_quoted};
use spinel_resp::value::Value;

/// Appends `value` as a table with its end of line, or as the format for people does if it is no collection.
pub(super) fn write(value: &Value, out: &mut Vec<u8>) {
    let (headings, rows) = match value {
        Value::Attributed { value, .. } => return write(value, out),
        Value::Map(pairs) if !pairs.is_empty() => {
            let rows = pairs.iter().map(|(key, value)| vec![cell(key), cell(value)]).collect();
            (vec!["field".to_owned(), "value".to_owned()], rows)
        }
        Value::Array(elements) | Value::Set(elements) | Value::Push(elements) if !elements.is_empty() => {
            of_elements(elements)
        }
        other => return standard::write(other, 0, out),
    };
    write_rows(&headings, &rows, out);
}

type Rows = Vec<Vec<String>>;

fn of_elements(elements: &[Value]) -> (Vec<String>, Rows) {
    if let Some(Value::Map(first)) = elements.first() {
        let headings: Vec<String> = first.iter().map(|(key, _)| cell(key)).collect();
        let row = |element: &Value| match element {
            Value::Map(pairs) => headings
                .iter()
                .map(|heading| {
                    pairs
                        .iter()
                        .find(|(key, _)| cell(key) == *heading)
                        .map_or(String::new(), |(_, value)| cell(value))
                })
                .collect(),
            other => vec![cell(other)],
        };
        let rows = elements.iter().map(row).collect();
        return (headings, rows);
    }
    if elements.iter().all(|element| matches!(element, Value::Array(_))) {
        let row = |element: &Value| match element {
            Value::Array(cells) => cells.iter().map(cell).collect(),
            other => vec![cell(other)],
        };
        let rows: Rows = elements.iter().map(row).collect();
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        return ((1..=columns).map(|column| column.to_string()).collect(), rows);
    }
    let rows =
        elements.iter().enumerate().map(|(index, element)| vec![(index + 1).to_string(), cell(element)]);
    (vec!["#".to_owned(), "value".to_owned()], rows.collect())
}

/// A value in one line: texts without quotes but with escapes.
fn cell(value: &Value) -> String {
    let mut out = Vec::new();
    match value {
        Value::Null => out.extend_from_slice(b"(nil)"),
        other => match text(other) {
            Some(text) if std::str::from_utf8(text).is_ok_and(|text| !text.chars().any(char::is_control)) => {
                out.extend_from_slice(text);
            }
            Some(text) => write_quoted(text, &mut out),
            None => json::write(other, json::Strings::AsTheyAre, &mut out),
        },
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn write_rows(headings: &[String], rows: &Rows, out: &mut Vec<u8>) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).chain(headings.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    for row in [headings, &rule].into_iter().chain(rows.iter().map(Vec::as_slice)) {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        out.extend_from_slice(line.trim_end().as_bytes());
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::Bulk(text.into())
    }

    #[track_caller]
    fn check(value: &Value, expected: &str) {
        let mut out = Vec::new();
        write(value, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn collections_are_rows_and_columns() {
        let ada = Value::Map(vec![(bulk("name"), bulk("Ada")), (bulk("born"), Value::Integer(1815))]);
        check(&ada, "field  value\n-----  -----\nname   Ada\nborn   1815\n");
        let list = Value::Array(vec![bulk("a"), Value::Null]);
        check(&list, "#  value\n-  -----\n1  a\n2  (nil)\n");
        let nameless = Value::Map(vec![(bulk("name"), list.clone())]);
        check(
            &Value::Array(vec![ada, nameless]),
            "name        born\n----------  ----\nAda         1815\n[\"a\",null]\n",
        );
        let pairs = Value::Array(vec![
            Value::Array(vec![bulk("a"), Value::Integer(1)]),
            Value::Array(vec![bulk("é\n")]),
        ]);
        check(&pairs, "1             2\n------------  -\na             1\n\"\\xc3\\xa9\\n\"\n");
    }

    #[test]
    fn everything_else_is_as_for_people() {
        check(&bulk("a"), "\"a\"\n");
        check(&Value::Array(vec![]), "(empty array)\n");
        check(&Value::Error(b"ERR no".to_vec()), "(error) ERR no\n");
    }
}
