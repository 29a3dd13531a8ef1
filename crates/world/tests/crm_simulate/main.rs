//! The world's Pacemaker against Pacemaker's own scheduler: cluster states of ours go to `crm_simulate` (Debian package
//! pacemaker-cli-utils), and where its scheduler leaves each resource must be where the world says.

mod case;
mod cib;
mod named;
mod random;

use std::process::Command;

use case::Case;

/// Whether `crm_simulate` can be asked. As root on Debian it is installed; with CI=true it may not be missing.
fn available() -> bool {
    let runs = || Command::new("crm_simulate").arg("--version").output().is_ok_and(|o| o.status.success());
    if runs() {
        return true;
    }
    // A process in /proc belongs to its user.
    let root = std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    if root && std::path::Path::new("/etc/debian_version").exists() {
        let install = || {
            Command::new("apt-get")
                .args(["install", "-y", "-q", "--no-install-recommends", "pacemaker-cli-utils"])
                .output()
        };
        if !install().is_ok_and(|o| o.status.success()) {
            let _ = Command::new("apt-get").args(["update", "-q"]).output();
            let _ = install();
        }
    }
    if runs() {
        return true;
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "crm_simulate is missing, and with CI=true nothing is left out"
    );
    eprintln!(
        "LEFT OUT: crm_simulate is missing (Debian: pacemaker-cli-utils); the world was not compared with it"
    );
    false
}

/// Compares all cases and reports every difference at once.
fn compare(cases: impl IntoIterator<Item = (String, Case)>) {
    if !available() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut differences = Vec::new();
    let mut compared = 0;
    for (name, case) in cases {
        let predicted = case.predicted();
        let quorate = case.world_after().has_quorum(&case::cluster());
        let real = cib::simulate(&case, quorate, directory.path());
        compared += 1;
        if predicted != real {
            differences
                .push(format!("{name}: {case:#?}\n  world:        {predicted:?}\n  crm_simulate: {real:?}"));
        }
    }
    assert!(compared > 0, "nothing was compared");
    assert!(
        differences.is_empty(),
        "{} of {compared} differ; the first: {}",
        differences.len(),
        differences[0]
    );
    eprintln!("{compared} cluster states, no difference");
}

#[test]
fn named_states_end_where_the_scheduler_leaves_them() {
    let cases = named::cases();
    assert!(cases.len() >= 20, "{} cases", cases.len());
    compare(cases);
}

#[test]
fn random_states_end_where_the_scheduler_leaves_them() {
    compare(random::cases(240));
}
