//! `cargo xtask lab`, as somebody types it: up, status, a look at a node, mail, a power cut, down.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use kaketsugi_lab::possible_for;

fn lab(state: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .arg("lab")
        .args(arguments.first())
        .arg("--state")
        .arg(state)
        .args(&arguments[1..])
        .output()
        .unwrap()
}

/// Wants success; gives back what was printed.
fn want(state: &Path, arguments: &[&str]) -> String {
    let output = lab(state, arguments);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// Waits until the status says so.
fn until(state: &Path, what: &str, says: impl Fn(&str) -> bool) {
    let begun = Instant::now();
    loop {
        let status = lab(state, &["status"]);
        let said = String::from_utf8_lossy(&status.stdout).into_owned();
        if status.status.success() && says(&said) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(180), "{what}: {said}");
        std::thread::sleep(Duration::from_secs(1));
    }
}

#[test]
fn a_lab_by_hand() {
    if !possible_for("a_lab_by_hand") {
        return;
    }
    let directory = tempfile::tempdir_in("/var/tmp").unwrap();
    let state = directory.path();
    assert!(!lab(state, &["status"]).status.success(), "there is no lab yet");

    let up = want(state, &["up", "--nodes", "2", "--web"]);
    for word in ["n1", "n2", "group mail", "group web", "known_hosts"] {
        assert!(up.contains(word), "{word}: {up}");
    }
    assert!(!lab(state, &["up", "--nodes", "2"]).status.success(), "one at a time in one directory");
    assert_eq!(want(state, &["ssh", "n2", "hostname"]).trim(), "n2");
    let inside = want(state, &["run", "--", "ip", "-brief", "address"]);
    assert!(inside.contains("10.77.0.1/24"), "{inside}");

    want(state, &["power-off", "n2"]);
    until(state, "n2 is fenced and comes back", |said| {
        said.contains("fenced: n2") && said.lines().any(|l| l.starts_with("n2") && l.contains("boots 2"))
    });
    want(state, &["cut", "n1", "controller"]);
    assert!(!lab(state, &["ssh", "n1", "true"]).status.success());
    want(state, &["restore", "n1"]);
    want(state, &["ssh", "n1", "true"]);

    let mail: serde_json::Value = serde_json::from_str(&want(state, &["mail", "--seconds", "3"])).unwrap();
    assert_eq!(mail["lost"], serde_json::json!([]), "{mail}");
    assert!(mail["accepted"].as_array().is_some_and(|a| !a.is_empty()), "{mail}");

    want(state, &["down"]);
    assert!(!lab(state, &["status"]).status.success(), "nothing is left to ask");
}
