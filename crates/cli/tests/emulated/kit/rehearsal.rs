//! Rehearsals by the program, and what nodes and persons were told in them.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::said;

/// Rehearses a release on an estate.
pub(crate) fn rehearse(estate: &str, release: &str, more: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("estate.toml"), estate).unwrap();
    Command::new(env!("CARGO_BIN_EXE_kaketsugi"))
        .args(["rehearse", "estate.toml", "--release", release])
        .args(more)
        .current_dir(dir.path())
        .env("HOME", dir.path())
        .env("KAKETSUGI_STATE", Path::new("runs"))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What each node and person was told, as a rehearsal that ended well prints it.
pub(crate) fn told(output: &Output) -> Vec<String> {
    let (code, all) = said(output);
    assert_eq!(code, Some(0), "{all}");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let (_, told) = text.split_once("were told, in this order:").expect("it says what was told");
    let lines = told.lines().skip(1).take_while(|line| line.starts_with("  "));
    lines.map(|line| line.trim().to_owned()).collect()
}
