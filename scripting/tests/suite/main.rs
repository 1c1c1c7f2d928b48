//! What scripts see and do, over a world that is a small map.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod front;
mod host;
mod hostile;
mod suspended;
mod transcript;

#[test]
fn scripts_reply_as_recorded() {
    front::check("scripts.txt");
}

#[test]
fn the_sandbox_is_as_recorded() {
    front::check("sandbox.txt");
}

#[test]
fn conversions_are_as_recorded() {
    front::check("conversions.txt");
}

#[test]
fn lua_is_as_recorded() {
    front::check("lua.txt");
}

#[test]
fn functions_reply_as_recorded() {
    front::check("functions.txt");
}

#[test]
fn libraries_are_as_recorded() {
    front::check("libraries.txt");
}
