//! Clusters beyond two nodes and one virtual server, as the example estates have them: rehearsed by the program, and what
//! each node and person was told against transcripts written by hand.

use std::process::Output;

use crate::kit::{self, Script, said, told};

const ACTIVE_ACTIVE: &str = include_str!("../../../../examples/exchange-2003-active-active.toml");
const FOUR_NODES: &str = include_str!("../../../../examples/exchange-2003-four-node.toml");

/// Rehearses the service pack on an estate.
fn rehearse(estate: &str) -> Output {
    kit::rehearse(estate, "exchange-2003-sp2", &[])
}

#[test]
fn active_active() {
    let told = told(&rehearse(ACTIVE_ACTIVE));
    Script::read(include_str!("transcripts/sp2-active-active.txt")).check(&told);
}

#[test]
fn four_nodes_of_which_three_carry_a_virtual_server() {
    let told = told(&rehearse(FOUR_NODES));
    Script::read(include_str!("transcripts/sp2-four-nodes.txt")).check(&told);
}

/// Together they have more storage groups than one node's store runs (E00-AA-CONSOLIDATE): nothing is begun.
#[test]
fn active_active_with_too_many_storage_groups() {
    let estate = ACTIVE_ACTIVE.replacen("storage-groups = 2", "storage-groups = 3", 1);
    let (code, text) = said(&rehearse(&estate));
    assert_eq!(code, Some(2), "{text}");
    for words in ["NODE1", "EVS1 3, EVS2 2", "4 storage groups at most"] {
        assert!(text.contains(words), "{words:?} isn't said: {text}");
    }
}

/// Somebody has patched the free node and brought EVS2 over: the rehearsal begins there.
#[test]
fn four_nodes_half_way() {
    let estate = FOUR_NODES
        .replace(
            "[rehearsal.nodes.NODE4]\ninstalled = \"6.5.7226.6\"",
            "[rehearsal.nodes.NODE4]\ninstalled = \"6.5.7638.2\"",
        )
        .replace(
            "[rehearsal.groups.EVS2]\nowner = \"NODE2\"\nversion = \"6.5.7226.6\"",
            "[rehearsal.groups.EVS2]\nowner = \"NODE4\"\nversion = \"6.5.7638.2\"",
        );
    let told = told(&rehearse(&estate));
    let told = told.join("\n");
    assert!(!told.contains("person at NODE4") && !told.contains("upgrade EVS2"), "{told}");
    let first = told.find("update.exe").unwrap();
    assert!(
        told[..first].ends_with(r"person at NODE2: run C:\media\exchange-2003-sp2\setup\i386\"),
        "{told}"
    );
    // Where a virtual server was found is its home. It proves that it fails over while a node is free, and comes back.
    let moves: Vec<&str> = told.lines().filter(|line| line.contains("cluster group \"EVS2\"")).collect();
    assert!(
        matches!(moves[..], [away, home] if away.starts_with("NODE3:") && home.starts_with("NODE4:")),
        "{told}"
    );
}
