//! `cargo xtask tidy`: what the house asks of its rooms and no compiler checks.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The rooms, top to bottom: a crate depends only on crates that stand above it (ARCHITECTURE.md).
const LAYERS: [&str; 16] = [
    "estate",
    "knowledge",
    "world",
    "plan",
    "lint",
    "planner",
    "run",
    "checker",
    "transport",
    "platform",
    "runner",
    "report",
    "emulator",
    "cli",
    "lab",
    "xtask",
];

/// Dependencies that the layer rule forbids although the order would allow them.
const FORBIDDEN: [(&str, &str); 4] = [
    // The judge shares no code with those it judges, nor with what they foresee by.
    ("lint", "world"),
    ("lint", "planner"),
    // The emulator knows commands, not Kaketsugi.
    ("emulator", "plan"),
    ("emulator", "run"),
];

/// Crates that know no clock, I/O, randomness or unordered maps.
const PURE: [&str; 8] = ["estate", "knowledge", "world", "plan", "lint", "planner", "run", "checker"];

/// What a pure crate may not name outside its tests.
const IMPURE: [&str; 11] = [
    "std::time::",
    "std::fs",
    "std::env",
    "TcpStream",
    "UdpSocket",
    "ToSocketAddrs",
    "std::process",
    "HashMap",
    "HashSet",
    "tokio",
    "rand::",
];

/// Left-overs that mean "not done". Put together, so that this file doesn't hold them itself.
const MARKERS: [(&str, &str); 5] =
    [("FIX", "ME"), ("XX", "X:"), ("todo", "!("), ("unimplemented", "!("), ("#[ign", "ore]")];

/// Words that have no place in the project's own text.
const STRANGE: [(&str, &str); 2] = [("../sha", "red"), ("/wo", "rk/")];

/// Runs every check and lists all that is wrong.
pub(crate) fn run() -> Result<ExitCode, Box<dyn Error>> {
    let root = root();
    let mut wrong = Vec::new();
    layers(&root, &mut wrong)?;
    for file in files(&root, &mut wrong)? {
        source(&root, &file, &mut wrong)?;
    }
    if wrong.is_empty() {
        println!("tidy: {} crates, nothing to complain of", LAYERS.len());
        return Ok(ExitCode::SUCCESS);
    }
    wrong.sort();
    for line in &wrong {
        println!("tidy: {line}");
    }
    println!("tidy: {} complaints", wrong.len());
    Ok(ExitCode::FAILURE)
}

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

fn layers(root: &Path, wrong: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    let mut manifests: BTreeMap<String, PathBuf> = BTreeMap::new();
    for entry in std::fs::read_dir(root.join("crates"))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
        manifests.insert(name, path.join("Cargo.toml"));
    }
    manifests.insert("xtask".into(), root.join("xtask/Cargo.toml"));
    for (room, manifest) in manifests {
        let Some(place) = LAYERS.iter().position(|l| *l == room) else {
            wrong.push(format!("{room} is no room of ARCHITECTURE.md"));
            continue;
        };
        let table: toml::Table = std::fs::read_to_string(&manifest)?.parse()?;
        let dependencies = table.get("dependencies").and_then(toml::Value::as_table);
        for dependency in dependencies.into_iter().flat_map(toml::Table::keys) {
            let Some(other) = dependency.strip_prefix("kaketsugi-") else { continue };
            let below = LAYERS.iter().position(|l| *l == other).is_none_or(|p| p >= place);
            if below || FORBIDDEN.contains(&(room.as_str(), other)) {
                wrong.push(format!("{room} must not depend on {other}"));
            }
        }
    }
    Ok(())
}

fn files(root: &Path, wrong: &mut Vec<String>) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    let mut folders = vec![root.join("crates"), root.join("xtask"), root.join("docs"), root.join("examples")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            if path.is_dir() && name != "target" {
                folders.push(path);
            } else if name.ends_with(".snap.new") {
                wrong.push(format!("{}: a snapshot that nobody looked at", shown(root, &path)));
            } else if [".rs", ".md", ".toml", ".sh"].iter().any(|end| name.ends_with(end)) {
                found.push(path);
            }
        }
    }
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        let path = root.join(name);
        if path.is_file() {
            found.push(path);
        } else {
            wrong.push(format!("{name} is missing"));
        }
    }
    Ok(found)
}

fn source(root: &Path, path: &Path, wrong: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    let text = std::fs::read_to_string(path)?;
    let name = shown(root, path);
    for (left, right) in STRANGE {
        if text.contains(&format!("{left}{right}")) {
            wrong.push(format!("{name}: names {left}{right}"));
        }
    }
    if !name.ends_with(".rs") {
        return Ok(());
    }
    let first = text.lines().find(|l| !l.trim().is_empty()).unwrap_or_default();
    if !first.starts_with("//!") {
        wrong.push(format!("{name}: no module documentation"));
    }
    for (left, right) in MARKERS {
        if text.contains(&format!("{left}{right}")) {
            wrong.push(format!("{name}: {left}{right}"));
        }
    }
    let room = name.split('/').nth(1).unwrap_or_default();
    let in_tests = name.contains("/tests/") || name.ends_with("tests.rs") || name.contains("/testkit");
    // What tests share isn't used by each of them; there the other kind would complain by turns.
    if text.contains(concat!("[al", "low(")) && !in_tests {
        wrong.push(format!("{name}: allow instead of expect with a reason"));
    }
    if PURE.contains(&room) && !in_tests {
        // What stands behind `#[cfg(test)]` is the test's own affair.
        let body = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in body.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for word in IMPURE.iter().filter(|w| code.contains(**w)) {
                wrong.push(format!("{name}:{}: {word} in a pure crate", number + 1));
            }
        }
    }
    Ok(())
}

fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}
