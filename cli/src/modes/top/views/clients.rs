//! The table of clients.

use super::super::canvas::{Line, Look};
use super::super::figures;
use super::super::sample::{Clients, Sample};
use super::super::state::Top;
use super::super::table::{Column, table};
use std::cmp::Ordering;
use std::collections::HashMap;

/// How a field is shown and ordered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Count,
    Seconds,
    Bytes,
}

/// A column, and the field of `CLIENT LIST` that it shows.
struct Field {
    column: Column,
    name: &'static str,
    kind: Kind,
}

const fn field(column: Column, name: &'static str, kind: Kind) -> Field {
    Field { column, name, kind }
}

const FIELDS: [Field; 11] = [
    field(Column::left("ADDRESS", 15), "addr", Kind::Text),
    field(Column::left("NAME", 6), "name", Kind::Text),
    field(Column::left("USER", 7), "user", Kind::Text),
    field(Column::right("DB", 2), "db", Kind::Count),
    field(Column::left("COMMAND", 8), "cmd", Kind::Text),
    field(Column::right("AGE", 6), "age", Kind::Seconds),
    field(Column::right("IDLE", 6), "idle", Kind::Seconds),
    field(Column::right("MEMORY", 6), "tot-mem", Kind::Bytes),
    field(Column::right("UNSENT", 6), "omem", Kind::Bytes),
    field(Column::right("SUBS", 4), "sub", Kind::Count),
    field(Column::right("CALLS", 7), "tot-cmds", Kind::Count),
];

/// How many columns there are.
pub(in crate::modes::top) const COLUMN_COUNT: usize = FIELDS.len();

/// The column that they are ordered by at first.
pub(in crate::modes::top) const BY_MEMORY: usize = 7;

/// Unsent bytes from which on somebody should look: a client that does not read.
const UNSENT_MANY: u64 = 1024 * 1024;

pub(super) fn lines(top: &Top, latest: &Sample, width: usize) -> Vec<Line> {
    let note = |text: String| vec![Line::default(), Line::of(Look::Dim, format!(" {text}"))];
    match &latest.clients {
        Clients::NotAsked => note("Asking for the clients.".to_owned()),
        Clients::TooMany(count) => note(format!(
            "{} clients are too many to list again and again. CLIENT LIST lists them once.",
            figures::count(*count as f64)
        )),
        Clients::Refused(text) => note(text.clone()),
        Clients::List(clients) => list(top, clients, width),
    }
}

fn list(top: &Top, clients: &[HashMap<String, String>], width: usize) -> Vec<Line> {
    let order = top.clients_order;
    let mut clients: Vec<_> = clients.iter().collect();
    clients.sort_by(|left, right| {
        let ordering = compare(left, right, &FIELDS[order.column]);
        let ordering = if order.reversed { ordering.reverse() } else { ordering };
        ordering.then_with(|| number(left, "id").cmp(&number(right, "id")))
    });
    // What the server does not tell has no column.
    let shown: Vec<usize> = (0..FIELDS.len())
        .filter(|index| clients.iter().any(|client| client.contains_key(FIELDS[*index].name)))
        .collect();
    let columns: Vec<Column> = shown.iter().map(|index| FIELDS[*index].column).collect();
    let rows: Vec<Vec<_>> = clients
        .iter()
        .map(|client| shown.iter().map(|index| cell(client, &FIELDS[*index])).collect())
        .collect();
    let ordered_by = shown.iter().position(|index| *index == order.column);
    table(&columns, &rows, ordered_by, width)
}

fn number(client: &HashMap<String, String>, name: &str) -> u64 {
    client.get(name).and_then(|value| value.parse().ok()).unwrap_or(0)
}

/// Texts from A on, numbers from the largest on.
fn compare(left: &HashMap<String, String>, right: &HashMap<String, String>, field: &Field) -> Ordering {
    match field.kind {
        Kind::Text => left.get(field.name).cmp(&right.get(field.name)),
        Kind::Count | Kind::Seconds | Kind::Bytes => number(right, field.name).cmp(&number(left, field.name)),
    }
}

fn cell(client: &HashMap<String, String>, field: &Field) -> (Look, String) {
    let value = client.get(field.name).map_or("", String::as_str);
    let figure = number(client, field.name);
    let text = match field.kind {
        Kind::Text => value.replace('|', " "),
        Kind::Count => figures::count(figure as f64),
        Kind::Seconds => figures::age(figure),
        Kind::Bytes => figures::bytes(figure as f64),
    };
    let look = match field.name {
        "omem" if figure >= UNSENT_MANY => Look::Warning,
        "addr" => Look::Strong,
        _ => Look::Plain,
    };
    (look, text)
}
