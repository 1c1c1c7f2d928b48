//! The tables of rules name tests that are there.

use std::fs;
use std::path::Path;

#[test]
fn each_rule_names_tests_that_are_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(folder.join("../docs/design/http-cache-rules.md")).expect("the tables");
    let mut count = 0;
    for named in table.split('`').skip(1).step_by(2) {
        let Some((module, test)) = named.split_once("::") else { continue };
        let files = ["src/{}.rs", "src/{}/tests.rs", "tests/{}.rs"];
        let files = files.map(|file| folder.join(file.replace("{}", module)));
        let source: String = files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect();
        assert!(source.contains(&format!("fn {test}()")), "there is no {named}");
        count += 1;
    }
    assert!(count > 100, "{count} tests are named");
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| section"));
    for row in rows {
        assert!(row.contains("::"), "no test shows this: {row}");
    }
}
