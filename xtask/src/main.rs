//! Developer verbs of the workspace.

fn main() {}
