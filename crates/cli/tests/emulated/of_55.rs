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

/// The active node loses its power amid set-up: its group can't start there, and the passive node, which is paused, doesn't
/// take it. The run says so, and is begun anew from there.
#[test]
fn a_power_cut_amid_set_up_brings_nothing_to_the_older_version() {
    let output = rehearse(CLUSTER, SP4, &["--fault", "NODE1:console=power-cut"]);
    let (code, text) = said(&output);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("(Install Exchange Server 5.5 Service Pack 4 on NODE1)"), "{text}");
    assert!(!text.contains("were opened by"), "{text}");
}

/// The passive node loses its power amid its own set-up: the group is served by the other one.
#[test]
fn a_power_cut_amid_the_second_set_up_leaves_users_served() {
    let output = rehearse(CLUSTER, SP4, &["--fault", "NODE2:console=power-cut"]);
    let (code, text) = said(&output);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("(Install Exchange Server 5.5 Service Pack 4 on NODE2)"), "{text}");
    assert!(!text.contains("were opened by"), "{text}");
}

/// A person who says that the optimizer was run, and didn't run it, is not believed: its own log is the proof.
#[test]
fn an_optimizer_that_was_not_run_is_found_out() {
    let estate = ALONE.replace("environment = \"production\"", "environment = \"test\"");
    // Three attestations and set-up are done, late; the optimizer isn't.
    let mut faults = ["--fault", "operator=late"].repeat(4);
    faults.extend(["--fault", "operator=claims-done"]);
    let (code, text) = said(&rehearse(&estate, SP4, &faults));
    assert_eq!(code, Some(3), "{text}");
    assert!(
        text.contains("the Performance Optimizer was run on EX55 since set-up last worked there"),
        "{text}"
    );
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

/// A store hotfix on servers that stand alone; on a cluster it is refused, with the way by hand.
#[test]
fn a_fix_goes_onto_servers_that_stand_alone_and_onto_no_cluster() {
    const FIX: &str = "exchange-5.5-kb894689";
    let at_sp4 = |estate: &str| estate.replace("5.5.2650.24", "5.5.2653.23");
    let told = told(&rehearse(&at_sp4(ALONE), FIX, &[]));
    let runs: Vec<&String> =
        told.iter().filter(|line| line.contains("Exchange5.5-KB894689-x86-ENU.exe")).collect();
    assert!(
        matches!(&runs[..], [one, two] if one.contains("at EX55") && two.contains("at SBS1")),
        "{told:#?}"
    );
    assert!(!told.iter().any(|line| line.contains("perfwiz") || line.contains("restart")), "{told:#?}");
    let (code, text) = said(&rehearse(&at_sp4(CLUSTER), FIX, &[]));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("doesn't know clusters") && text.contains("KB 271634"), "{text}");
}
