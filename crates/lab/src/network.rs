//! The lab's network: a namespace with a bridge, and the ways to cut it.
//!
//! Cuts are nftables rules inside the namespace: packets vanish without an answer, as behind a pulled cable; nothing
//! is refused and no carrier is lost.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::{FENCE_PORT, GATEWAY, PREFIX};
use crate::error::Result;
use crate::shell::{self, command};

/// The bridge's name inside the namespace.
pub(crate) const BRIDGE: &str = "br0";

/// Which way of a node's is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cut {
    /// Between the controller and the node's own address. Users and the other nodes still reach it, and its fence
    /// agent still reaches the supervisor.
    Controller,
    /// Between the node and the other nodes: the cluster falls apart, and somebody is fenced.
    Peers,
    /// Everything: the cable is out.
    All,
}

/// Where a namespace can be entered.
pub(crate) fn netns_path(name: &str) -> PathBuf {
    PathBuf::from("/run/netns").join(name)
}

/// Makes the namespace, empty.
pub(crate) fn create(name: &str) -> Result<()> {
    shell::run("making a network namespace", &mut command("ip", ["netns", "add", name]))?;
    Ok(())
}

/// Removes the namespace; that it isn't there is fine.
pub(crate) fn remove(name: &str) -> Result<()> {
    if netns_path(name).exists() {
        shell::run("removing a network namespace", &mut command("ip", ["netns", "delete", name]))?;
    }
    Ok(())
}

/// Sets up loopback, bridge and the empty table of cuts. Called inside the namespace.
pub(crate) fn set_up() -> Result<()> {
    let address = format!("{GATEWAY}/{PREFIX}");
    for args in [
        &["link", "set", "lo", "up"][..],
        &["link", "add", BRIDGE, "type", "bridge"],
        &["address", "add", &address, "dev", BRIDGE],
        &["link", "set", BRIDGE, "up"],
    ] {
        shell::run("setting up the lab's network", &mut command("ip", args))?;
    }
    Ok(())
}

/// Cuts as asked for each node, replacing what was cut before. Called inside the namespace.
pub(crate) fn apply_cuts(cuts: &[(String, Ipv4Addr, Cut)]) -> Result<()> {
    // `add` before `delete`, since deleting what isn't there is an error; all of it takes effect at once.
    let mut rules = String::from("add table bridge cuts\ndelete table bridge cuts\nadd table bridge cuts\n");
    rules += "add table ip cuts\ndelete table ip cuts\nadd table ip cuts\n";
    for hook in ["input", "forward", "output"] {
        rules += &format!("add chain bridge cuts {hook} {{ type filter hook {hook} priority 0; }}\n");
    }
    for hook in ["input", "output"] {
        rules += &format!("add chain ip cuts {hook} {{ type filter hook {hook} priority 0; }}\n");
    }
    for (node, address, cut) in cuts {
        let port = format!("\"vb-{node}\"");
        match cut {
            Cut::Controller => {
                rules +=
                    &format!("add rule ip cuts output ip daddr {address} tcp sport != {FENCE_PORT} drop\n");
                rules +=
                    &format!("add rule ip cuts input ip saddr {address} tcp dport != {FENCE_PORT} drop\n");
                rules += &format!("add rule ip cuts output ip daddr {address} ip protocol != tcp drop\n");
                rules += &format!("add rule ip cuts input ip saddr {address} ip protocol != tcp drop\n");
            }
            Cut::Peers | Cut::All => {
                rules += &format!("add rule bridge cuts forward iifname {port} drop\n");
                rules += &format!("add rule bridge cuts forward oifname {port} drop\n");
                if *cut == Cut::All {
                    rules += &format!("add rule bridge cuts input iifname {port} drop\n");
                    rules += &format!("add rule bridge cuts output oifname {port} drop\n");
                }
            }
        }
    }
    let mut nft = command("nft", ["-f", "-"]);
    let file = tempfile::tempfile()
        .map_err(crate::LabError::io("make a temporary file in", std::env::temp_dir()))?;
    let mut writer = &file;
    std::io::Write::write_all(&mut writer, rules.as_bytes())
        .and_then(|()| std::io::Seek::rewind(&mut writer))
        .map_err(crate::LabError::io("write", "a temporary file"))?;
    shell::run("changing the lab's network", nft.stdin(file))?;
    Ok(())
}
