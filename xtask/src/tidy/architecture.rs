//! The table of crates in ARCHITECTURE.md: it names every crate, what it depends on, and what it must not know.

use std::fs;
use std::path::Path;

use super::Finding;
use super::manifests::{dependencies, members};
use crate::Outcome;

const DOCUMENT: &str = "ARCHITECTURE.md";

/// The cell of a crate that depends on none of ours.
const NONE: &str = "–";

const WHY_ROW: &str = "whoever looks for a place asks there what each crate is for";
const WHY_DEPENDENCIES: &str = "the table is where people learn the layers";
const WHY_MUST_NOT: &str = "a crate stays usable alone only while it is said what it must not know";

/// A row: folder, the folders it depends on, its face, what it must not know.
struct Row<'t> {
    line: usize,
    depends_on: &'t str,
    must_not_know: &'t str,
}

/// Compares the table with the manifest of every member of the workspace.
pub(super) fn check(root: &Path, findings: &mut Vec<Finding>) -> Outcome {
    // That the document is there is for another check.
    let document = fs::read_to_string(root.join(DOCUMENT)).unwrap_or_default();
    for folder in members(&fs::read_to_string(root.join("Cargo.toml"))?) {
        let manifest = fs::read_to_string(root.join(&folder).join("Cargo.toml"))?;
        check_crate(&document, &folder, &manifest, findings);
    }
    Ok(())
}

fn check_crate(document: &str, folder: &str, manifest: &str, findings: &mut Vec<Finding>) {
    let Some(row) = row(document, folder) else {
        findings.push(Finding::new(DOCUMENT, 0, format!("has no row for the crate {folder}"), WHY_ROW));
        return;
    };
    let actual = ours(manifest);
    if sorted(row.depends_on) != sorted(&actual) {
        let what = format!("{folder} depends on {actual}, the table says {}", row.depends_on);
        findings.push(Finding::new(DOCUMENT, row.line, what, WHY_DEPENDENCIES));
    }
    if row.must_not_know.is_empty() || row.must_not_know == NONE {
        let what = format!("doesn't say what {folder} must not know");
        findings.push(Finding::new(DOCUMENT, row.line, what, WHY_MUST_NOT));
    }
}

/// Finds the row whose first cell is the folder as code.
fn row<'t>(document: &'t str, folder: &str) -> Option<Row<'t>> {
    let first_cell = format!("`{folder}`");
    document.lines().enumerate().find_map(|(index, line)| {
        let cells: Vec<&str> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
        match cells[..] {
            [name, depends_on, _, must_not_know] if name == first_cell => {
                Some(Row { line: index + 1, depends_on, must_not_know })
            }
            _ => None,
        }
    })
}

/// The order of a cell tells nothing.
fn sorted(cell: &str) -> Vec<&str> {
    let mut folders: Vec<&str> = cell.split(", ").collect();
    folders.sort_unstable();
    folders
}

/// Returns the cell for a manifest's dependencies among our crates.
fn ours(manifest: &str) -> String {
    let mut folders: Vec<String> = Vec::new();
    for (_, package) in dependencies(manifest) {
        let folder = package.strip_prefix("spinel-").map(|folder| format!("`{folder}`"));
        folders.extend(folder.filter(|folder| !folders.contains(folder)));
    }
    if folders.is_empty() { NONE.to_owned() } else { folders.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str =
        "[dependencies]\nspinel-types.workspace = true\nspinel-resp.workspace = true\nnom = \"8\"";

    fn found(row: &str) -> Vec<String> {
        let mut findings = Vec::new();
        check_crate(&format!("# Parts\n\n{row}\n"), "storage", MANIFEST, &mut findings);
        findings.into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_true_row_is_enough() {
        assert_eq!(found("| `storage` | `resp`, `types` | `Db` | sockets |"), [""; 0]);
    }

    #[test]
    fn what_is_missing_or_wrong_is_found() {
        assert_eq!(found("| `types` | – | `Table` | keys |"), ["has no row for the crate storage"]);
        assert_eq!(
            found("| `storage` | `types` | `Db` | – |"),
            [
                "storage depends on `types`, `resp`, the table says `types`",
                "doesn't say what storage must not know"
            ]
        );
    }
}
