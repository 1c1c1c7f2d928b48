//! The layers of the workspace, and the home of each third-party package.

use std::fs;
use std::path::Path;

use super::Finding;
use crate::Outcome;

/// A crate of the workspace.
struct Layer {
    folder: &'static str,
    /// The folders of ours that it may depend on: arrows point down.
    below: &'static [&'static str],
}

const LAYERS: [Layer; 12] = [
    Layer { folder: "types", below: &[] },
    Layer { folder: "resp", below: &[] },
    Layer { folder: "persistence", below: &["types", "resp"] },
    Layer { folder: "cache", below: &["types"] },
    Layer { folder: "storage", below: &["types", "resp", "persistence", "cache"] },
    Layer { folder: "scripting", below: &["types", "resp"] },
    Layer { folder: "replication", below: &["resp", "persistence"] },
    Layer { folder: "cluster", below: &["resp"] },
    Layer {
        folder: "server",
        below: &["types", "resp", "persistence", "cache", "storage", "scripting", "replication", "cluster"],
    },
    Layer { folder: "cli", below: &["resp"] },
    Layer { folder: "tests", below: &["server", "storage", "resp"] },
    Layer { folder: "xtask", below: &[] },
];

/// A third-party package and the folders that may use it.
struct Home {
    package: &'static str,
    folders: &'static [&'static str],
}

const HOMES: [Home; 35] = [
    Home { package: "tokio", folders: &["server", "cli", "tests"] },
    Home { package: "tokio-util", folders: &["server"] },
    Home { package: "argon2", folders: &["server"] },
    Home { package: "axum", folders: &["server"] },
    Home { package: "http", folders: &["cache", "server"] },
    Home { package: "hyper", folders: &["server"] },
    Home { package: "hyper-util", folders: &["server"] },
    Home { package: "tracing", folders: &["server"] },
    Home { package: "opentelemetry", folders: &["server"] },
    Home { package: "opentelemetry-http", folders: &["server"] },
    Home { package: "opentelemetry-otlp", folders: &["server"] },
    Home { package: "opentelemetry_sdk", folders: &["server"] },
    Home { package: "rustix", folders: &["types", "server", "persistence", "cli", "tests"] },
    Home { package: "libmimalloc-sys", folders: &["server"] },
    Home { package: "socket2", folders: &["server"] },
    Home { package: "toml", folders: &["server"] },
    Home { package: "ring", folders: &["server"] },
    Home { package: "rustls", folders: &["server", "cli", "tests"] },
    Home { package: "rustyline", folders: &["cli"] },
    Home { package: "mlua", folders: &["scripting"] },
    Home { package: "corosensei", folders: &["scripting"] },
    Home { package: "lz4_flex", folders: &["persistence"] },
    Home { package: "triomphe", folders: &["types"] },
    Home { package: "zstd", folders: &["types"] },
    Home { package: "nom", folders: &["resp"] },
    Home { package: "geo", folders: &["types", "storage"] },
    Home { package: "crc16", folders: &["cluster"] },
    Home { package: "bincode", folders: &["cluster"] },
    Home { package: "clap", folders: &["server", "cli", "xtask"] },
    Home { package: "clap_complete", folders: &["cli"] },
    Home { package: "clap_mangen", folders: &["cli"] },
    Home { package: "serde", folders: &["types", "server", "cli", "xtask"] },
    Home { package: "serde_json", folders: &["types", "server", "cli", "xtask"] },
    Home { package: "rcgen", folders: &["tests"] },
    Home { package: "redis", folders: &["tests"] },
];

/// Packages that any crate may use.
const EVERYWHERE: [&str; 1] = ["bytes"];

const WHY_LAYERS: &str = "arrows point down only, so that every crate can be used without those above it";
const WHY_HOMES: &str =
    "a package has one home, so that it can be judged, upgraded and replaced in one place";
const WHY_README: &str = "every crate is published, and its page opens with its README";
const WHY_LINTS: &str = "the lints are chosen once, for all crates";

/// Checks the manifest of every member of the workspace.
pub(super) fn check(root: &Path, findings: &mut Vec<Finding>) -> Outcome {
    for folder in members(&fs::read_to_string(root.join("Cargo.toml"))?) {
        let path = format!("{folder}/Cargo.toml");
        let text = fs::read_to_string(root.join(&path))?;
        check_manifest(&folder, &path, &text, findings);
        if !root.join(&folder).join("README.md").is_file() {
            findings.push(Finding::new(&folder, 0, "has no README.md", WHY_README));
        }
    }
    Ok(())
}

fn check_manifest(folder: &str, path: &str, text: &str, findings: &mut Vec<Finding>) {
    let Some(layer) = LAYERS.iter().find(|layer| layer.folder == folder) else {
        findings.push(Finding::new(path, 0, "is in no layer: see LAYERS in xtask", WHY_LAYERS));
        return;
    };
    for (line, package) in dependencies(text) {
        if let Some(below) = package.strip_prefix("spinel-") {
            if !layer.below.contains(&below) {
                let what = format!("{folder} must not depend on {package}");
                findings.push(Finding::new(path, line, what, WHY_LAYERS));
            }
        } else if !is_at_home(package, folder) {
            let what = format!("{package} is not at home in {folder}: see HOMES in xtask");
            findings.push(Finding::new(path, line, what, WHY_HOMES));
        }
    }
    if !text.contains("[lints]\nworkspace = true") {
        findings.push(Finding::new(path, 0, "does not take the workspace's lints", WHY_LINTS));
    }
}

fn is_at_home(package: &str, folder: &str) -> bool {
    let home = HOMES.iter().find(|home| home.package == package);
    EVERYWHERE.contains(&package) || home.is_some_and(|home| home.folders.contains(&folder))
}

/// Returns the folders of the workspace's members.
pub(super) fn members(manifest: &str) -> Vec<String> {
    let list = manifest.split_once("\nmembers = [").and_then(|(_, rest)| rest.split_once(']'));
    let names = list.map_or("", |(list, _)| list).split(',');
    names.map(|name| name.trim().trim_matches('"').to_owned()).filter(|name| !name.is_empty()).collect()
}

/// Returns the packages named in the dependency tables, with their lines.
pub(super) fn dependencies(manifest: &str) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut packages = Vec::new();
    for (index, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            inside = line.trim_end().ends_with("dependencies]");
        } else if inside && line.starts_with(|char: char| char.is_alphabetic()) {
            let end = line.find([' ', '.', '=']).unwrap_or(line.len());
            packages.push((index + 1, &line[..end]));
        }
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINTS: &str = "[lints]\nworkspace = true\n";

    fn found(folder: &str, dependencies: &str) -> Vec<String> {
        let mut findings = Vec::new();
        let text = format!("[package]\nname = \"a\"\n[dependencies]\n{dependencies}\n{LINTS}");
        check_manifest(folder, "a", &text, &mut findings);
        findings.into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn arrows_point_down() {
        assert_eq!(found("storage", "spinel-types.workspace = true"), [""; 0]);
        assert_eq!(found("types", "spinel-storage = { path = \"../storage\" }").len(), 1);
        assert_eq!(found("unknown", "").len(), 1);
    }

    #[test]
    fn packages_stay_at_home() {
        assert_eq!(found("server", "tokio.workspace = true\nbytes = \"1\""), [""; 0]);
        assert_eq!(found("storage", "tokio.workspace = true").len(), 1);
        assert_eq!(found("server", "leftpad = \"1\"").len(), 1);
    }

    #[test]
    fn members_are_read_from_the_list() {
        assert_eq!(members("[workspace]\nmembers = [\"a\",\n  \"b\"]\nx = [\"c\"]"), ["a", "b"]);
    }
}
