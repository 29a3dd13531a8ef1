//! `rehearse --fault`: what goes wrong with commands, nodes and people, and what the run says and ends with.
//!
//! Each case is a whole rehearsal by the program itself. Expected ends are written from the contract: 0 done, 3 stopped
//! at a failed step, 4 waits for a person; and whatever happens, the run stops with what to do next.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::kit::said;

/// A hotfix onto two nodes with SP2; asks for a restart on NODE2, where it is installed first.
const HOTFIX: &str = r#"
    [rehearsal.nodes.NODE1]
    installed = "6.5.7638.2"
    hotfixes = ["windows-2003-kb831464"]
    [rehearsal.nodes.NODE2]
    installed = "6.5.7638.2"
    hotfixes = ["windows-2003-kb831464"]
    asks-for-restart = true
    [rehearsal.groups.EVS1]
    owner = "NODE1"
    version = "6.5.7638.2"
"#;

/// A service pack onto two nodes with SP1.
const SERVICE_PACK: &str = r#"
    [rehearsal.nodes.NODE1]
    installed = "6.5.7226.6"
    hotfixes = ["windows-2003-kb831464"]
    [rehearsal.nodes.NODE2]
    installed = "6.5.7226.6"
    hotfixes = ["windows-2003-kb831464"]
    [rehearsal.groups.EVS1]
    owner = "NODE1"
    version = "6.5.7226.6"
"#;

const ESTATE: &str = r#"
    name = "mail-osaka"
    [policy]
    home = "return"
    soak-seconds = 0
    [[server]]
    name = "NODE1"
    address = "10.20.0.11"
    product = "exchange-2003"
    os = "windows-2003"
    [[server]]
    name = "NODE2"
    address = "10.20.0.12"
    product = "exchange-2003"
    os = "windows-2003"
    [[cluster]]
    name = "CLUS1"
    kind = "windows"
    nodes = ["NODE1", "NODE2"]
    [[cluster.group]]
    name = "EVS1"
    preferred = ["NODE1"]
"#;

fn rehearse(dir: &Path, rehearsal: &str, faults: &[&str]) -> (Option<i32>, String) {
    // Everything that is only to be attested is attested, so that the faulty person's turn is at the console.
    let at = jiff::Timestamp::now();
    let mut text = String::from(ESTATE);
    for kind in ["full-backup", "release-notes-read", "tried-in-test", "protection-off"] {
        text.push_str(&format!("[[evidence]]\nkind = \"{kind}\"\nat = \"{at}\"\nby = \"Sato\"\n"));
    }
    let file = dir.join("estate.toml");
    std::fs::write(&file, text + rehearsal).unwrap();
    let release = if rehearsal == HOTFIX { "exchange-2003-kb916803" } else { "exchange-2003-sp2" };
    let mut command = Command::new(env!("CARGO_BIN_EXE_kaketsugi"));
    command.args(["rehearse", file.to_str().unwrap(), "--release", release]).stdin(Stdio::null());
    for fault in faults {
        command.args(["--fault", fault]);
    }
    let output = command.env("HOME", dir).env("KAKETSUGI_STATE", dir.join("runs")).output().unwrap();
    let runs = std::fs::read_dir(dir.join("runs")).map(|found| found.map(|e| e.unwrap().file_name()));
    let kept: Vec<_> = runs.into_iter().flatten().collect();
    assert!(kept.iter().all(|name| name == "rehearsals"), "a rehearsal isn't kept among the runs: {kept:?}");
    said(&output)
}

/// A rehearsal with faults ends with this code and says this.
fn ends(rehearsal: &str, faults: &[&str], code: i32, words: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let (ended, text) = rehearse(dir.path(), rehearsal, faults);
    let end = text.split("The rehearsal begins").nth(1).unwrap_or(&text);
    assert_eq!(ended, Some(code), "{faults:?}: {end}");
    for word in words {
        assert!(end.contains(word), "{faults:?}: {word:?} isn't said: {end}");
    }
    if code != 0 {
        assert!(end.contains("Stopped, safe: nothing more is begun."), "{end}");
        assert!(end.contains("What to do next: 1."), "{end}");
    }
}

/// The line that stands in the README, from the repository's root.
#[test]
fn the_readme_s_first_command() {
    let dir = tempfile::tempdir().unwrap();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let line = "rehearse examples/exchange-2003-two-node.toml --release exchange-2003-sp2";
    assert!(std::fs::read_to_string(format!("{root}/README.md")).unwrap().contains(line));
    let mut command = Command::new(env!("CARGO_BIN_EXE_kaketsugi"));
    command.args(line.split(' ')).current_dir(root).stdin(Stdio::null());
    let output = command.env("HOME", dir.path()).env("KAKETSUGI_STATE", dir.path().join("runs")).output();
    let (code, text) = said(&output.unwrap());
    assert_eq!(code, Some(0), "{text}");
    let upgrade = "person at NODE2: Cluster Administrator: upgrade EVS1";
    for word in ["check: safe", "The rehearsal begins", upgrade, "All 36 steps are done"] {
        assert!(text.contains(word), "{word:?} isn't said: {text}");
    }
}

/// What a rehearsal says of itself at its end is so: its evidence can be read, and there is nothing to go on with.
#[test]
fn a_rehearsal_s_evidence_can_be_read_and_nothing_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let (ended, text) = rehearse(dir.path(), HOTFIX, &["operator=late"]);
    assert_eq!(ended, Some(0), "{text}");
    assert!(text.contains("marked as a rehearsal: kaketsugi report"), "{text}");
    assert!(!text.contains("resume or report"), "{text}");
    let ask = |command: &str| {
        let mut asked = Command::new(env!("CARGO_BIN_EXE_kaketsugi"));
        asked.args([command, "last"]).env("HOME", dir.path()).env("KAKETSUGI_STATE", dir.path().join("runs"));
        said(&asked.stdin(Stdio::null()).output().unwrap())
    };
    let (code, report) = ask("report");
    assert_eq!(code, Some(0), "{report}");
    assert!(report.contains("emulated"), "{report}");
    let (code, refused) = ask("resume");
    assert_eq!(code, Some(1), "{refused}");
    assert!(refused.contains("was a rehearsal"), "{refused}");
}

#[test]
fn a_command_that_fails() {
    ends(
        HOTFIX,
        &["NODE1:/stop=fail"],
        3,
        &[
            "Stop the cluster service on NODE2",
            "failed with exit code 1",
            "a fault of the rehearsal",
            "kaketsugi resume",
        ],
    );
}

#[test]
fn an_installer_that_fails() {
    ends(
        HOTFIX,
        &["NODE2:/quiet=fail"],
        3,
        &[
            "on NODE2) failed with exit code 1",
            "EVS1 on NODE1 (online)",
            "never tried twice unasked",
            "--retry",
        ],
    );
}

#[test]
fn a_command_that_hangs() {
    ends(
        HOTFIX,
        &["NODE2:/moveto=hang"],
        3,
        &["Move EVS1 to NODE2", "its end is not in sight", "See whether NODE2 answers"],
    );
}

#[test]
fn an_installer_that_hangs() {
    ends(
        HOTFIX,
        &["NODE2:/quiet=hang"],
        3,
        &["its end is not in sight", "Do not start an installer by hand"],
    );
}

#[test]
fn done_but_the_answer_was_lost_and_lost_on_the_way() {
    for fault in ["NODE2:schtasks=lost-after", "NODE2:schtasks=lost-before", "NODE1:cluster node=lost-after"]
    {
        ends(HOTFIX, &[fault], 0, &["All 23 steps are done."]);
    }
}

#[test]
fn power_that_fails_in_an_install() {
    ends(
        HOTFIX,
        &["NODE2:/quiet=power-cut"],
        3,
        &[
            "its end is not in sight",
            "EVS1 on NODE1 (online)",
            "See whether NODE2 answers",
            "looks first how far",
        ],
    );
}

#[test]
fn a_node_that_does_not_come_back() {
    ends(
        HOTFIX,
        &["NODE2=stays-off"],
        3,
        &["NODE2 doesn't answer", "(Restart NODE2)", "EVS1 on NODE1 (online)", "NODE2"],
    );
}

#[test]
fn a_file_in_use() {
    ends(
        HOTFIX,
        &["NODE2:/quiet=file-in-use"],
        3,
        &["FileInUse:: Added to Filelist:", "EVS1 on NODE1 (online)", "on NODE2"],
    );
}

#[test]
fn a_person_who_is_late() {
    ends(SERVICE_PACK, &["operator=late"], 0, &["steps are done."]);
}

#[test]
fn a_person_who_forgets() {
    ends(
        SERVICE_PACK,
        &["operator=forgetful"],
        4,
        &["waits for a person", "To be done: On NODE2", "update.exe"],
    );
}

#[test]
fn a_person_who_says_done_when_it_is_not() {
    ends(
        SERVICE_PACK,
        &["operator=claims-done"],
        3,
        &["Install Exchange Server 2003 Service Pack 2 on NODE2", "is not proven done", "exchange-2003-sp2"],
    );
}

#[test]
fn a_person_who_upgrades_another_virtual_server() {
    // Two virtual servers, one on each node: the person takes the one that still serves its users.
    let second = "[[cluster.group]]\nname = \"EVS2\"\npreferred = [\"NODE1\"]\n";
    let of_second = "[rehearsal.groups.EVS2]\nowner = \"NODE1\"\nversion = \"6.5.7226.6\"\n";
    ends(
        &format!("{second}{SERVICE_PACK}{of_second}"),
        &["operator=wrong-evs"],
        3,
        &["Upgrade the Exchange virtual server EVS", "was not done:", "c1037b44"],
    );
}

#[test]
fn a_fault_that_is_none() {
    let dir = tempfile::tempdir().unwrap();
    for fault in ["operator=asleep", "NODE9=stays-off", "NODE9:net=fail", "NODE2:net=explode", "fail"] {
        let (code, text) = rehearse(dir.path(), HOTFIX, &[fault]);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("is no fault") && text.contains("stays-off"), "{text}");
    }
}
