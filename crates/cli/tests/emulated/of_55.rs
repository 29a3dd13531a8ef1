//! Exchange 5.5 on Windows NT 4.0 and 2000, as the example estates have it: rehearsed by the program, and what each node and
//! person was told against transcripts written by hand.

use crate::kit::{Script, rehearse, said, told};

const CLUSTER: &str = include_str!("../../../../examples/exchange-5.5-active-passive.toml");
const ALONE: &str = include_str!("../../../../examples/exchange-5.5-stand-alone.toml");
const SP4: &str = "exchange-5.5-sp4";

const NODES: &str = include_str!("transcripts/5.5-sp4-active-passive.txt");

#[test]
fn active_first() {
    let output = rehearse(CLUSTER, SP4, &["--runbook"]);
    Script::read(NODES).check(&told(&output));
    let (_, text) = said(&output);
    for words in [
        "KB 328839, Exchange Server 5.5, clustered servers",
        "E55-CLU-ACTIVE-FIRST (",
        "E55-CLU-INTERRUPTION (",
        "KB278464 (",
        "Emulated nodes answer as documents say that Windows does. Nothing here was tried on Windows.",
    ] {
        assert!(text.contains(words), "{words:?} isn't said: {text}");
    }
}

/// The order is that of what the nodes carry, not that of their names.
#[test]
fn active_first_whatever_it_is_called() {
    let estate = CLUSTER.replace("owner = \"NODE1\"", "owner = \"NODE2\"");
    let changed = |line: &str| line.replace("NODE1", "?").replace("NODE2", "NODE1").replace('?', "NODE2");
    let script: Vec<String> = NODES
        .lines()
        .filter(|line| !line.contains("/moveto:NODE2"))
        .map(changed)
        .map(|line| line.replace("   | cluster group Cluster Group /moveto:NODE2", ""))
        .collect();
    // The cluster group starts on NODE1, which is passive then, and needn't leave the active node.
    Script::read(&script.join("\n")).check(&told(&rehearse(&estate, SP4, &[])));
}

/// The active node loses its power amid set-up: its group stays where it is, and no older version opens it.
#[test]
fn a_fault_amid_the_run_brings_nothing_to_the_older_version() {
    let output = rehearse(CLUSTER, SP4, &["--fault", "NODE2:clussvc=power-cut"]);
    let (code, text) = said(&output);
    assert!(!text.contains("were opened by"), "{text}");
    assert_ne!(code, Some(2), "{text}");
    assert!(text.contains("Pause NODE2"), "{text}");
}

/// A person who says that the optimizer was run, and didn't run it, is not believed.
#[test]
fn the_optimizer_s_own_log_is_the_proof() {
    let estate = ALONE.replace("environment = \"production\"", "environment = \"test\"");
    // What is claimed done first is set-up; the run stops there, and says which proof is missing.
    let (code, text) = said(&rehearse(&estate, SP4, &["--fault", "operator=claims-done"]));
    assert_ne!(code, Some(0), "{text}");
}

/// E55-ALONE, E55-SBS: set-up is run, nothing is restarted, and the optimizer comes after it.
#[test]
fn servers_that_stand_alone() {
    let output = rehearse(ALONE, SP4, &["--runbook"]);
    Script::read(include_str!("transcripts/5.5-sp4-stand-alone.txt")).check(&told(&output));
    let (_, text) = said(&output);
    for rule in ["E55-ALONE (", "E55-SBS (", "E55-PERFWIZ (", "E55-EXTRAS (", "E55-BACKUP-AFTER ("] {
        assert!(text.contains(rule), "{rule}: {text}");
    }
}
