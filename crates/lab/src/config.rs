//! What lab is wanted: how many nodes, which groups.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::error::{LabError, Result};

/// The lab's network, the same in every lab: each has a network namespace of its own.
pub(crate) const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// Length of the network's prefix, in bits.
pub(crate) const PREFIX: u8 = 24;
/// Where the supervisor answers fence agents, at [`GATEWAY`].
pub(crate) const FENCE_PORT: u16 = 7410;
/// Virtual address of the mail group.
pub const MAIL_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 100);
/// Virtual address of the second group, where there is one.
pub const WEB_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 101);

/// A lab to be built.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Config {
    /// How many nodes, 2 to 5. With two, corosync's `two_node` and `wait_for_all` are set.
    pub nodes: u8,
    /// The groups that the cluster carries.
    pub groups: Vec<Group>,
}

/// A group of the cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Group {
    /// Its name; its resources are called `NAME-…`.
    pub name: String,
    /// What it is made of.
    pub kind: GroupKind,
    /// Its virtual address, in 10.77.0.0/24.
    pub address: Ipv4Addr,
    /// A node that it prefers (location constraint, score 50), by name.
    pub preferred: Option<String>,
}

/// What a group is made of; the virtual address always comes last, so that users come when all is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupKind {
    /// Shared store, double-mount sentinel, Dovecot, Postfix. At most one group of this kind.
    Mail,
    /// A `Dummy` resource: little to start, little to wait for.
    Dummy,
}

impl Config {
    /// Nodes with the mail group alone.
    #[must_use]
    pub fn mail(nodes: u8) -> Config {
        let mail =
            Group { name: "mail".into(), kind: GroupKind::Mail, address: MAIL_ADDRESS, preferred: None };
        Config { nodes, groups: vec![mail] }
    }

    /// The same with a second, small group `web`.
    #[must_use]
    pub fn with_web(mut self) -> Config {
        self.groups.push(Group {
            name: "web".into(),
            kind: GroupKind::Dummy,
            address: WEB_ADDRESS,
            preferred: None,
        });
        self
    }

    /// The nodes' names: `n1`, `n2`, …
    #[must_use]
    pub fn node_names(&self) -> Vec<String> {
        (1..=self.nodes).map(|n| format!("n{n}")).collect()
    }

    /// The static address of the node at `index` (from 0).
    pub(crate) fn node_address(index: usize) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, u8::try_from(index + 11).unwrap_or(u8::MAX))
    }

    /// # Errors
    /// [`LabError::Config`]: a cluster that can't be.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |why: String| Err(LabError::Config { why });
        if !(2..=5).contains(&self.nodes) {
            return refuse(format!("{} nodes; 2 to 5 are possible", self.nodes));
        }
        if self.groups.iter().filter(|g| g.kind == GroupKind::Mail).count() > 1 {
            return refuse("two mail groups; there is one shared store".into());
        }
        for (i, group) in self.groups.iter().enumerate() {
            if self.groups[..i].iter().any(|g| g.name == group.name || g.address == group.address) {
                return refuse(format!("group {} shares its name or address with another", group.name));
            }
            if group.address.octets()[..3] != GATEWAY.octets()[..3] || group.address.octets()[3] < 100 {
                return refuse(format!("{} is no virtual address; 10.77.0.100 to .254 are", group.address));
            }
            if group.preferred.as_ref().is_some_and(|node| !self.node_names().contains(node)) {
                return refuse(format!("group {} prefers a node that isn't there", group.name));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_cluster_is_refused() {
        assert!(Config::mail(3).with_web().check().is_ok());
        assert!(Config::mail(1).check().is_err());
        let mut twice = Config::mail(2);
        twice.groups.push(twice.groups[0].clone());
        assert!(twice.check().is_err());
        let mut lost = Config::mail(2);
        lost.groups[0].preferred = Some("n3".into());
        assert!(lost.check().is_err());
        let mut taken = Config::mail(2);
        taken.groups[0].address = Config::node_address(0);
        assert!(taken.check().is_err());
    }
}
