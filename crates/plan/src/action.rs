//! What a step does. One enum for every platform; a platform that can't do an action refuses the plan.

use kaketsugi_estate::{ClusterId, EvidenceKind, GroupId, ReleaseId, ServerId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Action {
    /// A person attests something; the answer is evidence.
    Attest {
        /// What is attested.
        evidence: EvidenceKind,
    },
    /// Brings the release's files onto a node and checks their digests. Nothing is installed.
    Stage {
        /// Onto which node.
        node: ServerId,
        /// Which release.
        release: ReleaseId,
    },
    /// Keeps other hands off a node for the time of the run: timers, unattended upgrades, service starts by packages.
    Quiet {
        /// Which node.
        node: ServerId,
    },
    /// Has the cluster move everything off a node and keep it off (Pacemaker: standby, lifetime forever).
    Drain {
        /// In which cluster.
        cluster: ClusterId,
        /// Which node.
        node: ServerId,
    },
    /// Keeps the cluster from bringing groups to a node; what it carries stays there (Windows: pauses the node).
    Pause {
        /// In which cluster.
        cluster: ClusterId,
        /// Which node.
        node: ServerId,
    },
    /// Lets a drained or paused node carry groups again.
    Readmit {
        /// In which cluster.
        cluster: ClusterId,
        /// Which node.
        node: ServerId,
    },
    /// Moves a group to a node. What was online in it is online there afterwards, and nothing else.
    Move {
        /// In which cluster.
        cluster: ClusterId,
        /// Which group.
        group: GroupId,
        /// To which node.
        to: ServerId,
        /// Whether the move itself is the proof that the group fails over (E03-CLU-14-FAILOVER).
        proof: bool,
    },
    /// Takes a group offline but for its kept-online set (E03-CLU-06-OFFLINE).
    TakeOffline {
        /// In which cluster.
        cluster: ClusterId,
        /// Which group.
        group: GroupId,
    },
    /// Upgrades a virtual server on the node that has it (E03-CLU-09-UPGRADE-EVS).
    UpgradeGroup {
        /// In which cluster.
        cluster: ClusterId,
        /// Which group.
        group: GroupId,
        /// On which node, and from whose Cluster Administrator.
        node: ServerId,
    },
    /// Brings a group's resources online that were online before (E03-CLU-10-ONLINE).
    BringOnline {
        /// In which cluster.
        cluster: ClusterId,
        /// Which group.
        group: GroupId,
        /// On which node.
        node: ServerId,
    },
    /// Stops the cluster service on a node (E03-CLU-03-STOP; Pacemaker: pacemaker, then corosync).
    StopService {
        /// In which cluster.
        cluster: ClusterId,
        /// On which node.
        node: ServerId,
    },
    /// Starts the cluster service on a node; done when the node is a member again.
    StartService {
        /// In which cluster.
        cluster: ClusterId,
        /// On which node.
        node: ServerId,
    },
    /// Installs a release on a node.
    Install {
        /// On which node.
        node: ServerId,
        /// Which release.
        release: ReleaseId,
    },
    /// Runs the product's optimizer on a node, which stops what serves users for a while (E55-PERFWIZ).
    Optimize {
        /// On which node.
        node: ServerId,
    },
    /// Restarts a node.
    Restart {
        /// Which node.
        node: ServerId,
    },
    /// Lets a patched node carry its groups for a while, and looks at their health.
    Soak {
        /// In which cluster.
        cluster: ClusterId,
        /// Which node.
        node: ServerId,
        /// For how long.
        seconds: u32,
    },
    /// Puts back what the run changed on a node beside the patch.
    PutBack {
        /// On which node.
        node: ServerId,
    },
    /// Only looks: the step is its `expects`.
    Verify {
        /// At what.
        target: Target,
    },
}

/// What a step is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// The estate as a whole.
    Estate,
    /// A server.
    Node(ServerId),
    /// A group of a cluster.
    Group(ClusterId, GroupId),
    /// A cluster.
    Cluster(ClusterId),
}

/// Who carries a step out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// The machine.
    Machine,
    /// A person, who says so when it is done.
    Operator,
}

impl Action {
    /// What the action is about.
    #[must_use]
    pub fn target(&self) -> Target {
        match self {
            Self::Attest { .. } => Target::Estate,
            Self::Stage { node, .. }
            | Self::Quiet { node }
            | Self::Drain { node, .. }
            | Self::Pause { node, .. }
            | Self::Readmit { node, .. }
            | Self::StopService { node, .. }
            | Self::StartService { node, .. }
            | Self::Install { node, .. }
            | Self::Optimize { node }
            | Self::Restart { node }
            | Self::Soak { node, .. }
            | Self::PutBack { node } => Target::Node(node.clone()),
            Self::Move { cluster, group, .. }
            | Self::TakeOffline { cluster, group }
            | Self::UpgradeGroup { cluster, group, .. }
            | Self::BringOnline { cluster, group, .. } => Target::Group(cluster.clone(), group.clone()),
            Self::Verify { target } => target.clone(),
        }
    }

    /// The node whose machine does the work or is worked on, where there is one.
    #[must_use]
    pub fn node(&self) -> Option<&ServerId> {
        match self {
            Self::Stage { node, .. }
            | Self::Quiet { node }
            | Self::Drain { node, .. }
            | Self::Pause { node, .. }
            | Self::Readmit { node, .. }
            | Self::StopService { node, .. }
            | Self::StartService { node, .. }
            | Self::Install { node, .. }
            | Self::Optimize { node }
            | Self::Restart { node }
            | Self::Soak { node, .. }
            | Self::PutBack { node }
            | Self::Move { to: node, .. }
            | Self::UpgradeGroup { node, .. }
            | Self::BringOnline { node, .. }
            | Self::Verify { target: Target::Node(node) } => Some(node),
            Self::Attest { .. } | Self::TakeOffline { .. } | Self::Verify { .. } => None,
        }
    }

    /// The cluster it happens in, where there is one.
    #[must_use]
    pub fn cluster(&self) -> Option<&ClusterId> {
        match self {
            Self::Drain { cluster, .. }
            | Self::Pause { cluster, .. }
            | Self::Readmit { cluster, .. }
            | Self::Move { cluster, .. }
            | Self::TakeOffline { cluster, .. }
            | Self::UpgradeGroup { cluster, .. }
            | Self::BringOnline { cluster, .. }
            | Self::StopService { cluster, .. }
            | Self::StartService { cluster, .. }
            | Self::Soak { cluster, .. }
            | Self::Verify { target: Target::Cluster(cluster) | Target::Group(cluster, _) } => Some(cluster),
            _ => None,
        }
    }

    /// The action's name in step ids and events.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Attest { .. } => "attest",
            Self::Stage { .. } => "stage",
            Self::Quiet { .. } => "quiet",
            Self::Drain { .. } => "drain",
            Self::Pause { .. } => "pause",
            Self::Readmit { .. } => "readmit",
            Self::Move { .. } => "move",
            Self::TakeOffline { .. } => "take-offline",
            Self::UpgradeGroup { .. } => "upgrade-group",
            Self::BringOnline { .. } => "bring-online",
            Self::StopService { .. } => "stop-service",
            Self::StartService { .. } => "start-service",
            Self::Install { .. } => "install",
            Self::Optimize { .. } => "optimize",
            Self::Restart { .. } => "restart",
            Self::Soak { .. } => "soak",
            Self::PutBack { .. } => "put-back",
            Self::Verify { .. } => "verify",
        }
    }

    /// Whether the work itself is the evidence: such a step is never skipped because the state looks right already.
    #[must_use]
    pub fn work_is_evidence(&self) -> bool {
        matches!(
            self,
            Self::Attest { .. } | Self::Restart { .. } | Self::Soak { .. } | Self::Move { proof: true, .. }
        )
    }

    /// Whether nothing on any machine changes by it.
    #[must_use]
    pub fn only_looks(&self) -> bool {
        matches!(self, Self::Attest { .. } | Self::Soak { .. } | Self::Verify { .. })
    }
}
