//! The bill of materials of programs: which packages are linked into them, in the form of `CycloneDX` 1.5.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::Outcome;

/// Makes the bill of programs from what `cargo metadata` tells. Packages that only tests or the build need are not on it.
///
/// # Errors
/// When one of the programs is no package.
pub(super) fn of(metadata: &Value, programs: &[&str]) -> Outcome<Value> {
    let packages: BTreeMap<&str, &Value> =
        list(&metadata["packages"]).map(|it| (text(&it["id"]), it)).collect();
    let nodes: BTreeMap<&str, &Value> =
        list(&metadata["resolve"]["nodes"]).map(|it| (text(&it["id"]), it)).collect();
    let roots = programs.iter().map(|name| Ok(text(&package(metadata, name)?["id"])));
    let roots = roots.collect::<Outcome<Vec<&str>>>()?;
    let (mut left, mut reached) = (roots.clone(), BTreeSet::new());
    while let Some(id) = left.pop() {
        if reached.insert(id) {
            left.extend(linked(nodes[id]));
        }
    }
    let name = |id: &str| reference(packages[id]);
    let libraries = reached.iter().filter(|id| !roots.contains(id));
    let dependencies = reached.iter().map(|id| {
        let on: BTreeSet<String> = linked(nodes[id]).map(name).collect();
        json!({ "ref": name(id), "dependsOn": on })
    });
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "spineldb",
                "name": "spineldb",
                "version": version(metadata, programs[0])?,
                "components": roots.iter().map(|id| component("application", packages[id])).collect::<Vec<_>>(),
            },
        },
        "components": libraries.map(|id| component("library", packages[id])).collect::<Vec<_>>(),
        "dependencies": dependencies.collect::<Vec<_>>(),
    }))
}

/// The version of a package of the workspace.
///
/// # Errors
/// When there is none of this name.
pub(super) fn version(metadata: &Value, name: &str) -> Outcome<String> {
    Ok(text(&package(metadata, name)?["version"]).to_owned())
}

fn package<'m>(metadata: &'m Value, name: &str) -> Outcome<&'m Value> {
    let found =
        list(&metadata["packages"]).find(|package| package["name"] == name && package["source"].is_null());
    found.ok_or_else(|| format!("no package of the workspace is called {name}").into())
}

/// The packages that a package is linked with.
fn linked(node: &Value) -> impl Iterator<Item = &str> {
    // Other kinds are for tests and for building.
    let is_linked = |dependency: &&Value| list(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null());
    list(&node["deps"]).filter(is_linked).map(|dependency| text(&dependency["pkg"]))
}

fn component(kind: &str, package: &Value) -> Value {
    let mut component = json!({
        "type": kind,
        "bom-ref": reference(package),
        "name": package["name"],
        "version": package["version"],
        "purl": reference(package),
    });
    if let Some(license) = package["license"].as_str() {
        // The slash is what it was before expressions had words.
        component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
    }
    component
}

/// What the world calls a package.
fn reference(package: &Value) -> String {
    format!("pkg:cargo/{}@{}", text(&package["name"]), text(&package["version"]))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Value {
        let package = |name: &str, source: Value, license: &str| json!({ "id": format!("{name} id"), "name": name, "version": "1.2.3", "source": source, "license": license });
        let needs =
            |name: &str, kind: Value| json!({ "pkg": format!("{name} id"), "dep_kinds": [{ "kind": kind }] });
        json!({
            "packages": [
                package("program", Value::Null, "MIT"),
                package("linked", "registry".into(), "MIT/Apache-2.0"),
                package("deeper", "registry".into(), "ISC"),
                package("for-tests", "registry".into(), "MIT"),
                package("for-builds", "registry".into(), "MIT"),
            ],
            "resolve": { "nodes": [
                { "id": "program id",
                  "deps": [needs("linked", Value::Null), needs("for-tests", "dev".into()), needs("for-builds", "build".into())] },
                { "id": "linked id", "deps": [needs("deeper", Value::Null)] },
                { "id": "deeper id", "deps": [] },
                { "id": "for-tests id", "deps": [] },
                { "id": "for-builds id", "deps": [] },
            ] },
        })
    }

    #[test]
    fn what_is_linked_is_on_the_bill_and_nothing_else() {
        let bill = of(&sample(), &["program"]).unwrap();
        let names: Vec<&str> = list(&bill["components"]).map(|it| text(&it["name"])).collect();
        assert_eq!(names, ["deeper", "linked"]);
        assert_eq!(bill["components"][1]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(bill["components"][0]["purl"], "pkg:cargo/deeper@1.2.3");
        let needs = list(&bill["dependencies"]).find(|it| it["ref"] == "pkg:cargo/program@1.2.3").unwrap();
        assert_eq!(needs["dependsOn"], json!(["pkg:cargo/linked@1.2.3"]));
        assert_eq!(bill["metadata"]["component"]["version"], "1.2.3");
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        assert!(of(&sample(), &["linked"]).is_err(), "it is somebody else's");
    }
}
