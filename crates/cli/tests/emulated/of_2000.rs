//! Exchange 2000 on Windows 2000, as the example estates have it: rehearsed by the program, and what each node and person
//! was told against transcripts written by hand. The nodes lack what came with Windows Server 2003: every look and every
//! detached command goes by the script.

use crate::kit::{Script, rehearse, said, told};

const ACTIVE_PASSIVE: &str = include_str!("../../../../examples/exchange-2000-active-passive.toml");
const ACTIVE_ACTIVE: &str = include_str!("../../../../examples/exchange-2000-active-active.toml");
const FRONT_AND_BACK: &str = include_str!("../../../../examples/exchange-2000-front-end-back-end.toml");
const BALANCED: &str = include_str!("../../../../examples/exchange-2003-balanced-front-ends.toml");
const SP3: &str = "exchange-2000-sp3";
const HOTFIX: &str = "exchange-2000-kb870540";

const NODES: &str = include_str!("transcripts/2000-sp3-active-passive.txt");

/// Who was told to run the installer, in this order.
fn installs(told: &[String]) -> Vec<&str> {
    let run = format!(r": run C:\media\{SP3}\setup\i386\update.exe");
    told.iter().filter_map(|line| line.strip_suffix(run.as_str())).collect()
}

#[test]
fn active_passive() {
    let output = rehearse(ACTIVE_PASSIVE, SP3, &["--runbook"]);
    Script::read(NODES).check(&told(&output));
    let (_, text) = said(&output);
    for words in [
        "KB 328839, Exchange 2000 Server, clustered servers",
        "E00-AP-PASSIVE-FIRST (",
        "E00-AP-STORE-UPGRADE (",
        "Emulated nodes answer as documents say that Windows does. Nothing here was tried on Windows.",
    ] {
        assert!(text.contains(words), "{words:?} isn't said: {text}");
    }
}

#[test]
fn active_active() {
    let told = told(&rehearse(ACTIVE_ACTIVE, SP3, &[]));
    Script::read(include_str!("transcripts/2000-sp3-active-active.txt")).check(&told);
}

/// Five storage groups don't fit on one node's store (E00-AA-CONSOLIDATE): nothing is begun.
#[test]
fn active_active_with_too_many_storage_groups() {
    let estate = ACTIVE_ACTIVE.replacen("storage-groups = 2", "storage-groups = 3", 1);
    let (code, text) = said(&rehearse(&estate, SP3, &[]));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("E00-AA-CONSOLIDATE") && text.contains("4 storage groups at most"), "{text}");
}

/// E00-AP-HOTFIX-STOP: the same way, and the cluster service is stopped for it, too.
#[test]
fn a_store_hotfix() {
    let estate = ACTIVE_PASSIVE.replace("6.0.5762.3", "6.0.6249.4");
    let told = told(&rehearse(&estate, HOTFIX, &[]));
    let package = format!(r"C:\media\{HOTFIX}\Exchange2000-KB870540-x86-ENU.exe");
    let script = NODES.replace(&format!(r"C:\media\{SP3}\setup\i386\update.exe"), &package);
    Script::read(&script).check(&told);
}

/// The passive node was patched earlier, and EVS1 has failed over to it since: only NODE1 is left, and EVS1 stays.
#[test]
fn half_way() {
    let estate = ACTIVE_PASSIVE
        .replace(
            "[rehearsal.nodes.NODE2]\ninstalled = \"6.0.5762.3\"",
            "[rehearsal.nodes.NODE2]\ninstalled = \"6.0.6249.4\"",
        )
        .replace("owner = \"NODE1\"", "owner = \"NODE2\"");
    let told = told(&rehearse(&estate, SP3, &[]));
    assert_eq!(installs(&told), ["person at NODE1"], "{told:#?}");
    let all = told.join("\n");
    assert!(!all.contains("cluster group \"EVS1\""), "{all}");
    let (pause, stop) = (all.find("NODE1\" /pause").unwrap(), all.find("NODE1: net stop clussvc").unwrap());
    assert!(pause < stop, "{all}");
}

#[test]
fn front_ends_before_back_ends() {
    let told = told(&rehearse(FRONT_AND_BACK, SP3, &[]));
    let order = ["FE1", "FE2", "BE1", "NODE2", "NODE1"].map(|server| format!("person at {server}"));
    assert_eq!(installs(&told), order, "{told:#?}");
}

/// E00-ALONE, E00-SBS: just run it; a restart where set-up asks for it.
#[test]
fn servers_that_stand_alone() {
    let (servers, _) = FRONT_AND_BACK.split_once("[[server]]\nname = \"NODE1\"").unwrap();
    let servers = servers.replace("roles = [\"mailbox\"]", "roles = [\"small-business-server\"]");
    let estate = format!(
        "{servers}[policy]\nbackup-age-max-hours = 24\n[rehearsal.nodes.BE1]\ninstalled = \"6.0.5762.3\"\n\
         asks-for-restart = true\n"
    );
    let output = rehearse(&estate, SP3, &["--runbook"]);
    let told = told(&output);
    assert_eq!(
        installs(&told),
        ["FE1", "FE2", "BE1"].map(|server| format!("person at {server}")),
        "{told:#?}"
    );
    // The script is asked for it, and the whole word of the transcript is what it was told.
    let restarts: Vec<_> = told.iter().filter(|line| line.contains(" restart ")).collect();
    assert!(matches!(&restarts[..], [one] if one.starts_with("BE1: cscript ")), "{told:#?}");
    let (_, text) = said(&output);
    for rule in ["E00-ALONE (", "E00-SBS (", "E00-SBS-SP1 ("] {
        assert!(text.contains(rule), "{rule}: {text}");
    }
}

/// E00-FE-FIRST: several front ends need not be done at the same time, those of a pool neither.
#[test]
fn a_pool_one_by_one() {
    let estate = BALANCED
        .replace("product = \"exchange-2003\"", "product = \"exchange-2000\"")
        .replace("os = \"windows-2003\"\n", "")
        .replace("6.5.7226.6", "6.0.5762.3")
        .replace("hotfixes = [\"windows-2003-kb831464\"]\n", "");
    let told = told(&rehearse(&estate, SP3, &[]));
    let installed =
        |line: &str| line.replace(&format!(r": run C:\media\{SP3}\setup\i386\update.exe"), " installs");
    let course: Vec<String> =
        told.iter().map(|line| installed(line)).filter(|line| line.contains("FE")).collect();
    let each = |server| {
        [
            format!(r"{server}: C:\balancer\out.cmd"),
            format!("person at {server} installs"),
            format!(r"{server}: C:\balancer\in.cmd"),
        ]
    };
    assert_eq!(course, ["FE1", "FE2", "FE3"].map(each).concat(), "{told:#?}");
}

/// The patched node loses its power right after it has upgraded the databases: they are not opened by the old store.
#[test]
fn a_power_cut_right_after_the_databases_are_upgraded() {
    let output = rehearse(ACTIVE_PASSIVE, SP3, &["--fault", "NODE2:Cluster Group\" /moveto=power-cut"]);
    let (code, text) = said(&output);
    assert!(!text.contains("were opened by"), "{text}");
    assert_ne!(code, Some(2), "{text}");
    assert!(text.contains("Pause NODE1"), "{text}");
}
