//! Tables that fit a width: columns at the right are left out where there is no room.

use super::canvas::{Line, Look};

/// How a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// A column: its title, how it stands, and the letters it has at least.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) title: &'static str,
    pub(super) align: Align,
    pub(super) width: usize,
}

impl Column {
    pub(super) const fn left(title: &'static str, width: usize) -> Self {
        Self { title, align: Align::Left, width }
    }

    pub(super) const fn right(title: &'static str, width: usize) -> Self {
        Self { title, align: Align::Right, width }
    }
}

/// A heading and rows of cells. The column `ordered_by`, if there is one, stands out.
pub(super) fn table(
    columns: &[Column],
    rows: &[Vec<(Look, String)>],
    ordered_by: Option<usize>,
    width: usize,
) -> Vec<Line> {
    let widths = widths(columns, rows, width);
    let titles: Vec<(Look, String)> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let look = if ordered_by == Some(index) { Look::Chosen } else { Look::Inverse };
            (look, column.title.to_owned())
        })
        .collect();
    let mut lines = vec![line(columns, &titles, &widths, width, Look::Inverse)];
    lines.extend(rows.iter().map(|row| line(columns, row, &widths, width, Look::Plain)));
    lines
}

/// How wide each column is; as many columns as there is room for.
fn widths(columns: &[Column], rows: &[Vec<(Look, String)>], width: usize) -> Vec<usize> {
    let mut widths = Vec::new();
    let mut used = 1;
    for (index, column) in columns.iter().enumerate() {
        let cells = rows.iter().filter_map(|row| row.get(index)).map(|(_, text)| text.chars().count());
        let needed = cells.chain([column.width, column.title.chars().count()]).max().unwrap_or(0);
        let room = width.saturating_sub(used);
        // Text at the end may be cut, numbers never.
        let fits = needed < room || (column.align == Align::Left && column.width < room);
        if !fits {
            break;
        }
        widths.push(needed.min(room - 1));
        used += needed.min(room - 1) + 2;
    }
    widths
}

fn line(columns: &[Column], cells: &[(Look, String)], widths: &[usize], width: usize, filling: Look) -> Line {
    let mut line = Line::of(filling, " ");
    for (index, column_width) in widths.iter().enumerate() {
        let (look, text) = cells.get(index).cloned().unwrap_or((Look::Plain, String::new()));
        let text: String = text.chars().take(*column_width).collect();
        let gap = " ".repeat(column_width - text.chars().count());
        match columns[index].align {
            Align::Left => {
                line.push(look, text);
                line.push(filling, gap);
            }
            Align::Right => {
                line.push(filling, gap);
                line.push(look, text);
            }
        }
        line.push(filling, "  ");
    }
    line.cut(width);
    line.pad(width, filling);
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] =
        [Column::left("NAME", 4), Column::right("COUNT", 3), Column::left("TEXT", 4)];

    fn drawn(width: usize) -> Vec<String> {
        let cells = |cells: [&str; 3]| cells.map(|cell| (Look::Plain, cell.to_owned())).to_vec();
        let rows = [cells(["a", "1,234", "something long"]), cells(["longer", "7", ""])];
        table(&COLUMNS, &rows, None, width).iter().map(|line| line.text().trim_end().to_owned()).collect()
    }

    #[test]
    fn columns_are_as_wide_as_their_cells() {
        assert_eq!(drawn(40), [" NAME    COUNT  TEXT", " a       1,234  something long", " longer      7"]);
    }

    #[test]
    fn what_has_no_room_is_cut_or_left_out() {
        assert_eq!(drawn(24)[1], " a       1,234  somethi");
        assert_eq!(drawn(20)[1], " a       1,234");
        assert_eq!(drawn(10)[2], " longer");
        assert_eq!(drawn(3), ["", "", ""]);
    }
}
