//! What a running lab tells about itself: written as `lab.json` into its state directory, for whoever writes an
//! estate file or a script.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::error::{LabError, Result};
use crate::shell::write_atomic;

/// The file's name in the state directory.
pub const FACTS_FILE: &str = "lab.json";

/// A lab's facts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Facts {
    /// The lab's id; its network namespace and its cgroups carry it.
    pub id: String,
    /// The network namespace's name, as `ip netns` has it. Nothing of the lab can be reached from outside it.
    pub netns: String,
    /// The state directory.
    pub state: PathBuf,
    /// The supervisor's control socket.
    pub control: PathBuf,
    /// The cluster's name.
    pub cluster: String,
    /// The nodes, in order.
    pub nodes: Vec<NodeFacts>,
    /// The groups, in order, with their virtual addresses.
    pub groups: Vec<GroupFacts>,
    /// The controller's address in the lab's network.
    pub controller: Ipv4Addr,
    /// The client's private key, for every account.
    pub key: PathBuf,
    /// The nodes' host keys.
    pub known_hosts: PathBuf,
    /// The repository's directory, which nodes see as `/srv/repo`.
    pub repository: PathBuf,
    /// The cache directory of the base tree.
    pub base: PathBuf,
    /// What the lab was asked to be.
    pub config: Config,
}

/// One node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeFacts {
    /// Its name.
    pub name: String,
    /// Its static address.
    pub address: Ipv4Addr,
    /// The SSH port.
    pub port: u16,
    /// Accounts: `root`; `admin`, who may become root by sudo without a password; `guest`, who may not.
    pub users: Vec<String>,
}

/// One group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GroupFacts {
    /// Its name.
    pub name: String,
    /// Its virtual address.
    pub address: Ipv4Addr,
    /// A command that succeeds on any node while the group serves its users, where there is one.
    pub health: Option<String>,
}

impl Facts {
    /// Reads the facts of the lab in `state`.
    ///
    /// # Errors
    /// No lab there.
    pub fn read(state: &Path) -> Result<Facts> {
        let path = state.join(FACTS_FILE);
        let text =
            std::fs::read(&path).map_err(LabError::io("read the lab's facts (is a lab up?)", &path))?;
        serde_json::from_slice(&text)
            .map_err(|e| LabError::Unexpected { what: path.display().to_string(), detail: e.to_string() })
    }

    /// The facts of one node.
    ///
    /// # Errors
    /// No such node.
    pub fn node(&self, name: &str) -> Result<&NodeFacts> {
        self.nodes.iter().find(|n| n.name == name).ok_or_else(|| LabError::Config {
            why: format!("no node {name}; there are {}", self.config.node_names().join(", ")),
        })
    }

    /// The shared store, as the host sees it.
    #[must_use]
    pub fn shared(&self) -> PathBuf {
        self.state.join("shared")
    }

    /// What a node's console said, over all its boots.
    #[must_use]
    pub fn console(&self, node: &str) -> PathBuf {
        self.state.join(format!("{node}.console.log"))
    }

    pub(crate) fn write(&self) -> Result<()> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|e| LabError::Unexpected { what: "the lab's facts".into(), detail: e.to_string() })?;
        write_atomic(&self.state.join(FACTS_FILE), &text)
    }
}
