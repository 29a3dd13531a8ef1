//! What a node or a cluster can be told to do, and what comes of it when all goes well.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use kaketsugi_estate::{ClusterId, GroupId, ReleaseId, ResourceId, ServerId, Setting, SettingValue};
use serde::{Deserialize, Serialize};

use crate::World;

/// Something that a node or a cluster can be told to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "command")]
#[expect(
    missing_docs,
    reason = "the fields name the cluster, node, group, resources or release of the variant"
)]
pub enum Command {
    /// Pacemaker: standby for good. Windows: pause, which takes no groups away. A server of a pool: out of it, also after a
    /// restart.
    Standby { cluster: ClusterId, node: ServerId },
    /// Ends standby, or the pause; a server of a pool: into it.
    Unstandby { cluster: ClusterId, node: ServerId },
    /// Moves a group; Pacemaker: by a constraint that is taken away again at once.
    MoveGroup { cluster: ClusterId, group: GroupId, to: ServerId },
    /// Takes a group offline but for its kept-online set.
    TakeOffline { cluster: ClusterId, group: GroupId },
    /// Brings these resources of a group online where the group is, and has them kept so.
    BringOnline { cluster: ClusterId, group: GroupId, resources: BTreeSet<ResourceId> },
    /// Upgrades a virtual server from a node's Cluster Administrator (E03-CLU-09-UPGRADE-EVS).
    UpgradeGroup { cluster: ClusterId, group: GroupId, from: ServerId, release: ReleaseId },
    /// Stops a node's cluster service.
    StopService { node: ServerId },
    /// Starts a node's cluster service.
    StartService { node: ServerId },
    /// Brings a release's files onto a node.
    Stage { node: ServerId, release: ReleaseId },
    /// Starts a release's installer on a node.
    Install {
        node: ServerId,
        release: ReleaseId,
        /// Whether installer or system ask for a restart afterwards.
        restart_asked: bool,
        /// Whether a person who looked said that it may be started again after an unknown end.
        agreed: bool,
    },
    /// `dpkg --configure -a`: brings what an interrupted package manager left behind into order.
    ConfigurePackages { node: ServerId },
    /// Runs the product's optimizer on a node; it stops what serves users and starts it again.
    Optimize { node: ServerId },
    /// Restarts a node.
    Restart { node: ServerId },
    /// Keeps other hands off a node: timers, unattended upgrades, failback.
    Quiet { node: ServerId },
    /// Writes these settings back.
    PutBack { node: ServerId, settings: BTreeMap<Setting, SettingValue> },
}

/// Why a command did nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "refused")]
#[expect(missing_docs, reason = "the fields name what the message says")]
pub enum Refusal {
    /// The node doesn't answer.
    #[error("{node} doesn't answer")]
    NoAnswer { node: ServerId },
    /// No member of the cluster answers.
    #[error("no node of {cluster} answers for it")]
    ClusterSilent { cluster: ClusterId },
    /// The node is no member.
    #[error("{node} is no member of its cluster")]
    NotAMember { node: ServerId },
    /// The node can't own the group.
    #[error("{node} can't own {group}")]
    CantOwn { group: GroupId, node: ServerId },
    /// The world knows nothing of that name.
    #[error("there is no {what}")]
    NoSuch { what: String },
    /// The release's files aren't on the node.
    #[error("the files of {release} are not on {node}")]
    NotStaged { node: ServerId, release: ReleaseId },
    /// The package manager was interrupted; `dpkg --configure -a` comes first.
    #[error("the package manager on {node} was interrupted and has to be put in order first")]
    Interrupted { node: ServerId },
    /// c1037b44: the versions of the virtual server's node and of the one used for the upgrade don't fit.
    #[error("{group} can't be upgraded from {node}: the versions don't fit (c1037b44)")]
    WrongVersion { group: GroupId, node: ServerId },
}

impl World {
    /// What comes of a command when all goes well, the cluster's own reactions to it included.
    ///
    /// # Errors
    /// Why the command did nothing. What it must not have been told to do is in [`World::harm`] either way, when the
    /// command did anything.
    pub fn command(&self, command: &Command) -> Result<Self, Refusal> {
        let mut world = self.clone();
        world.begin(command)?;
        world.end(command);
        world.settle();
        Ok(world)
    }

    /// The states in which a command can be found half done, at work.
    #[must_use]
    pub fn midway(&self, command: &Command) -> Vec<Self> {
        let mut world = self.clone();
        match world.begin(command) {
            Ok(()) if world != *self => vec![world],
            _ => Vec::new(),
        }
    }

    /// Goes on from a state of [`World::midway`] to the command's end; as far as it still can, when something went
    /// wrong meanwhile.
    #[must_use]
    pub fn finish(&self, command: &Command) -> Self {
        let mut world = self.clone();
        if world.can_end(command) {
            world.end(command);
        }
        world.settle();
        world
    }

    /// Whether what is at work can still come to its end: an installer that was killed doesn't.
    fn can_end(&self, command: &Command) -> bool {
        match command {
            Command::Install { node, release, .. } => {
                self.server(node).is_some_and(|s| s.answers() && s.installing.as_ref() == Some(release))
            }
            Command::Restart { node } => self.server(node).is_some_and(|s| !s.power),
            Command::MoveGroup { cluster, to, .. } => self.members(cluster).contains(to),
            Command::UpgradeGroup { cluster, group, from, .. } => {
                self.owner(cluster, group) == Some(from)
                    && self.cluster(cluster).and_then(|c| c.hidden.get(group)).is_some_and(|h| h.upgrading)
                    && self.answers(from)
            }
            Command::StopService { node }
            | Command::StartService { node }
            | Command::Stage { node, .. }
            | Command::Optimize { node }
            | Command::Quiet { node }
            | Command::PutBack { node, .. }
            | Command::ConfigurePackages { node } => self.answers(node),
            Command::Standby { cluster, .. }
            | Command::Unstandby { cluster, .. }
            | Command::TakeOffline { cluster, .. }
            | Command::BringOnline { cluster, .. } => {
                self.cluster(cluster).is_some_and(|c| self.is_visible(c))
            }
        }
    }

    /// The first half: what is there while the command is at work.
    fn begin(&mut self, command: &Command) -> Result<(), Refusal> {
        match command {
            Command::Standby { cluster, node } => self.begin_standby(cluster, node),
            Command::Unstandby { cluster, node } => self.check_member(cluster, node),
            Command::MoveGroup { cluster, group, to } => self.begin_move(cluster, group, to),
            Command::TakeOffline { cluster, group } => self.check_group(cluster, group),
            Command::BringOnline { cluster, group, .. } => self.check_group(cluster, group),
            Command::UpgradeGroup { cluster, group, from, release } => {
                self.begin_upgrade(cluster, group, from, release)
            }
            Command::StopService { node } | Command::StartService { node } => self.check_answers(node),
            Command::Stage { node, .. } | Command::Quiet { node } | Command::PutBack { node, .. } => {
                self.check_answers(node)
            }
            Command::Install { node, release, agreed, .. } => self.begin_install(node, release, *agreed),
            Command::ConfigurePackages { node } => self.check_answers(node),
            Command::Optimize { node } => self.begin_optimizer(node),
            Command::Restart { node } => self.begin_restart(node),
        }
    }

    /// The second half, which leaves the reactions to be run.
    fn end(&mut self, command: &Command) {
        match command {
            Command::Standby { node, .. } => self.set_standby(node, true),
            Command::Unstandby { node, .. } => self.set_standby(node, false),
            Command::MoveGroup { cluster, group, to } => self.end_move(cluster, group, to),
            Command::TakeOffline { cluster, group } => self.take_offline(cluster, group),
            Command::BringOnline { cluster, group, resources } => {
                self.bring_online(cluster, group, resources)
            }
            Command::UpgradeGroup { cluster, group, release, .. } => {
                self.end_upgrade(cluster, group, release)
            }
            Command::StopService { node } => self.stop_service(node),
            Command::StartService { node } => self.start_service(node),
            Command::Stage { node, release } => {
                if let Some(server) = self.server_mut(node) {
                    server.truth.staged.insert(release.clone());
                }
            }
            Command::Install { node, release, restart_asked, .. } => {
                self.end_install(node, release, *restart_asked);
            }
            Command::ConfigurePackages { node } => {
                if let Some(server) = self.server_mut(node) {
                    server.interrupted = false;
                }
            }
            Command::Optimize { node } => self.end_optimizer(node),
            Command::Restart { node } => self.boot(node),
            Command::Quiet { node } => self.quiet(node),
            Command::PutBack { node, settings } => self.put_back(node, settings),
        }
    }

    pub(crate) fn check_answers(&self, node: &ServerId) -> Result<(), Refusal> {
        match self.server(node) {
            None => Err(Refusal::NoSuch { what: format!("server {node}") }),
            Some(server) if server.answers() => Ok(()),
            Some(_) => Err(Refusal::NoAnswer { node: node.clone() }),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standby { node, .. } => write!(f, "put {node} in standby"),
            Self::Unstandby { node, .. } => write!(f, "let {node} carry groups again"),
            Self::MoveGroup { group, to, .. } => write!(f, "move {group} to {to}"),
            Self::TakeOffline { group, .. } => write!(f, "take {group} offline"),
            Self::BringOnline { group, resources, .. } => {
                write!(f, "bring {} resources of {group} online", resources.len())
            }
            Self::UpgradeGroup { group, from, release, .. } => {
                write!(f, "upgrade {group} to {release} from {from}")
            }
            Self::StopService { node } => write!(f, "stop the cluster service on {node}"),
            Self::StartService { node } => write!(f, "start the cluster service on {node}"),
            Self::Stage { node, release } => write!(f, "bring the files of {release} onto {node}"),
            Self::Install { node, release, .. } => write!(f, "install {release} on {node}"),
            Self::ConfigurePackages { node } => write!(f, "configure half-installed packages on {node}"),
            Self::Optimize { node } => write!(f, "run the optimizer on {node}"),
            Self::Restart { node } => write!(f, "restart {node}"),
            Self::Quiet { node } => write!(f, "keep other hands off {node}"),
            Self::PutBack { node, .. } => write!(f, "put settings back on {node}"),
        }
    }
}
