//! What must never happen, whatever fails; once it has happened the world remembers it.

use std::collections::BTreeSet;
use std::fmt;

use kaketsugi_estate::{GroupId, PoolId, ReleaseId, ServerId, Setting};
use serde::{Deserialize, Serialize};

use crate::World;

/// Something that was done and must never be done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "harm")]
#[expect(
    missing_docs,
    reason = "the fields name the node, group, release or setting that the variant speaks of"
)]
pub enum Harm {
    /// A version older than the one that last wrote a group's data has opened it.
    OlderOpened { group: GroupId, node: ServerId, release: ReleaseId },
    /// Two installers ran on a node at once.
    TwoInstallers { node: ServerId },
    /// An installer that isn't safe twice was started again unasked.
    InstallerTwice { node: ServerId, release: ReleaseId },
    /// An installer was started on a node that carries a started group.
    InstalledUnderGroup { node: ServerId, group: GroupId, release: ReleaseId },
    /// An installer was started in a state of the cluster service that it doesn't stand.
    InstalledInWrongService { node: ServerId, release: ReleaseId, running: bool },
    /// A node was restarted while an installer was at work on it.
    RestartedAmidInstall { node: ServerId, release: ReleaseId },
    /// A group was started on a node while another one may still have been writing its data.
    StartedTwice { group: GroupId, first: ServerId, second: ServerId },
    /// A virtual server was upgraded against E03-EVS-CONDITIONS.
    UpgradedAgainstConditions { group: GroupId, why: UpgradeFlaw },
    /// The servers of a pool began to answer its users with two versions (E03-FE-TOGETHER, E03-FE-SYNCKEY).
    PoolOfTwoVersions { pool: PoolId, with: ServerId, without: ServerId, release: ReleaseId },
    /// A setting was put back to something that it was not when it was found.
    SettingLost { node: ServerId, setting: Setting },
}

/// Which of E03-EVS-CONDITIONS did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpgradeFlaw {
    /// The node that has the virtual server, or whose Cluster Administrator was used, isn't at the release.
    NodeNotInstalled,
    /// More than the kept-online set was online, such as the System Attendant.
    NotOffline,
    /// The kept-online set was not online.
    KeptOnlineOffline,
    /// No Distributed Transaction Coordinator resource was online.
    DtcOffline,
    /// Another virtual server was being upgraded.
    AnotherInWork,
}

impl fmt::Display for UpgradeFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NodeNotInstalled => "a node that isn't at the release had it or was used for it",
            Self::NotOffline => "more than IP address, network name and disks was online",
            Self::KeptOnlineOffline => "IP address, network name and disks were not online",
            Self::DtcOffline => "no Distributed Transaction Coordinator was online",
            Self::AnotherInWork => "another virtual server was being upgraded",
        })
    }
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OlderOpened { group, node, release } => {
                write!(f, "{node}, without {release}, opened data of {group} that {release} had written")
            }
            Self::TwoInstallers { node } => write!(f, "two installers ran on {node} at once"),
            Self::InstallerTwice { node, release } => {
                write!(f, "the installer of {release} was started a second time on {node}, unasked")
            }
            Self::InstalledUnderGroup { node, group, release } => {
                write!(f, "the installer of {release} was started on {node} while {group} was started there")
            }
            Self::InstalledInWrongService { node, release, running } => write!(
                f,
                "the installer of {release} was started on {node} while the cluster service {}",
                if *running { "ran" } else { "was stopped" }
            ),
            Self::RestartedAmidInstall { node, release } => {
                write!(f, "{node} was restarted while the installer of {release} was at work")
            }
            Self::StartedTwice { group, first, second } => {
                write!(
                    f,
                    "{group} was started on {second} while {first} may still have been writing its data"
                )
            }
            Self::UpgradedAgainstConditions { group, why } => {
                write!(f, "{group} was upgraded although {why} (E03-EVS-CONDITIONS)")
            }
            Self::PoolOfTwoVersions { pool, with, without, release } => {
                write!(
                    f,
                    "{with}, with {release}, and {without}, without it, served the users of {pool} together"
                )
            }
            Self::SettingLost { node, setting } => {
                write!(f, "{setting} on {node} was put back to another value than it was found with")
            }
        }
    }
}

impl World {
    /// What was done that must never be done, so far.
    #[must_use]
    pub fn harm(&self) -> &BTreeSet<Harm> {
        &self.harm
    }

    /// Notes what opening a group's data on a node does to it.
    pub(crate) fn open_data(
        &mut self,
        cluster: &kaketsugi_estate::ClusterId,
        group: &GroupId,
        node: &ServerId,
    ) {
        let Some(server) = self.server(node) else { return };
        let (has, lacks): (Vec<_>, Vec<_>) = self
            .facts
            .releases
            .values()
            .filter(|r| r.one_way)
            .map(|r| r.id.clone())
            .partition(|r| server.has(r));
        let Some(hidden) = self.cluster_mut(cluster).and_then(|c| c.hidden.get_mut(group)) else { return };
        let closed: Vec<_> = lacks.into_iter().filter(|r| hidden.written.contains(r)).collect();
        // Only what isn't noted yet, so that a group that stays where it is doesn't cost a copy.
        hidden.written.extend(has);
        for release in closed {
            self.harm.insert(Harm::OlderOpened { group: group.clone(), node: node.clone(), release });
        }
    }
}
