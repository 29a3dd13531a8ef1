//! What must hold before a step, or proves it done.

use std::collections::BTreeMap;
use std::fmt;

use kaketsugi_estate::{
    BootId, ClusterId, EvidenceKind, GroupId, GroupState, NodeState, ReleaseId, ResourceId, ServerId,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One typed condition on what probes see.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "is")]
#[expect(
    missing_docs,
    reason = "the fields name the cluster, node, group or release that the variant speaks of"
)]
pub enum Condition {
    /// The node answers.
    Reached { node: ServerId },
    /// The node has this state in its cluster.
    NodeState { cluster: ClusterId, node: ServerId, state: NodeState },
    /// No group is on the node, the cluster group included (E03-CLU-02-EMPTY).
    NodeEmpty { cluster: ClusterId, node: ServerId },
    /// The cluster service runs, or doesn't.
    Service { node: ServerId, running: bool },
    /// The cluster keeps its quorum when this node leaves.
    QuorumWithout { cluster: ClusterId, node: ServerId },
    /// All nodes but those named are online members: nothing else is out at the same time.
    OthersOnline { cluster: ClusterId, except: Vec<ServerId> },
    /// The group's owner is this node.
    Owner { cluster: ClusterId, group: GroupId, node: ServerId },
    /// The group as a whole has this state.
    Group { cluster: ClusterId, group: GroupId, state: GroupState },
    /// Exactly the resources that were online when the run began are online.
    GroupAsBefore { cluster: ClusterId, group: GroupId, online: Vec<ResourceId> },
    /// The group's health command says yes; groups without one: the group is online.
    Healthy { cluster: ClusterId, group: GroupId },
    /// Only the kept-online set of the group is online (E03-EVS-CONDITIONS).
    OnlyKeptOnline { cluster: ClusterId, group: GroupId },
    /// A resource of this type is online somewhere in the cluster (E03-EVS-CONDITIONS: the DTC).
    KindOnline { cluster: ClusterId, kind: String },
    /// The group's directory object carries this build.
    GroupVersion { cluster: ClusterId, group: GroupId, build: String },
    /// The release is whole on the node, by version and completion record.
    Installed { node: ServerId, release: ReleaseId },
    /// The product's optimizer was run on the node since set-up last worked there (E55-PERFWIZ).
    Optimized { node: ServerId },
    /// The release's files are on the node with the right digests.
    Staged { node: ServerId, release: ReleaseId },
    /// No installer runs on the node that this run did not start (ALL-ONE-INSTALLER).
    NoInstaller { node: ServerId },
    /// The system or installer asks for a restart.
    RestartPending { node: ServerId },
    /// The node has started anew since the step began.
    Restarted { node: ServerId },
    /// What the run quiets on this node is quiet.
    IsQuiet { node: ServerId },
    /// What the run changed on this node beside the patch is as it was captured.
    PutBack { node: ServerId },
    /// Nothing stands in the way in the cluster: no failed action, no fail-count, no pending fencing.
    NoTrouble { cluster: ClusterId },
    /// The cluster's configuration is as it was when the run began, but for epochs.
    ConfigurationAsBefore { cluster: ClusterId },
    /// There is evidence, no older than this when the step begins. None: of any age.
    Evidence { kind: EvidenceKind, age_max_seconds: Option<u64> },
}

impl Condition {
    /// The node that it asks about, where it names one.
    #[must_use]
    pub fn node(&self) -> Option<&ServerId> {
        match self {
            Self::Reached { node }
            | Self::NodeState { node, .. }
            | Self::NodeEmpty { node, .. }
            | Self::Service { node, .. }
            | Self::QuorumWithout { node, .. }
            | Self::Owner { node, .. }
            | Self::Installed { node, .. }
            | Self::Optimized { node }
            | Self::Staged { node, .. }
            | Self::NoInstaller { node }
            | Self::RestartPending { node }
            | Self::Restarted { node }
            | Self::IsQuiet { node }
            | Self::PutBack { node } => Some(node),
            Self::OthersOnline { .. }
            | Self::Group { .. }
            | Self::GroupAsBefore { .. }
            | Self::Healthy { .. }
            | Self::OnlyKeptOnline { .. }
            | Self::KindOnline { .. }
            | Self::GroupVersion { .. }
            | Self::NoTrouble { .. }
            | Self::ConfigurationAsBefore { .. }
            | Self::Evidence { .. } => None,
        }
    }

    /// The cluster that it asks about, where it names one.
    #[must_use]
    pub fn cluster(&self) -> Option<&ClusterId> {
        match self {
            Self::NodeState { cluster, .. }
            | Self::NodeEmpty { cluster, .. }
            | Self::QuorumWithout { cluster, .. }
            | Self::OthersOnline { cluster, .. }
            | Self::Owner { cluster, .. }
            | Self::Group { cluster, .. }
            | Self::GroupAsBefore { cluster, .. }
            | Self::Healthy { cluster, .. }
            | Self::OnlyKeptOnline { cluster, .. }
            | Self::KindOnline { cluster, .. }
            | Self::GroupVersion { cluster, .. }
            | Self::NoTrouble { cluster }
            | Self::ConfigurationAsBefore { cluster } => Some(cluster),
            Self::Reached { .. }
            | Self::Service { .. }
            | Self::Installed { .. }
            | Self::Optimized { .. }
            | Self::Staged { .. }
            | Self::NoInstaller { .. }
            | Self::RestartPending { .. }
            | Self::Restarted { .. }
            | Self::IsQuiet { .. }
            | Self::PutBack { .. }
            | Self::Evidence { .. } => None,
        }
    }
}

/// The answer to a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It holds.
    Yes,
    /// It doesn't.
    No,
    /// It could not be learned. Never taken for yes.
    Unknown,
}

impl Answer {
    /// From something that may not be known.
    #[must_use]
    pub fn known(value: Option<bool>) -> Self {
        match value {
            Some(true) => Self::Yes,
            Some(false) => Self::No,
            None => Self::Unknown,
        }
    }

    /// Both: no beats unknown beats yes.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }
}

/// What was captured when a step, or the run, began; `expects` is judged against it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Baseline {
    /// Boots of the nodes when the step began.
    pub boots: BTreeMap<ServerId, BootId>,
    /// Configuration digests when the run began.
    pub configurations: BTreeMap<ClusterId, String>,
    /// Settings by node when the run began.
    pub settings: BTreeMap<ServerId, BTreeMap<kaketsugi_estate::Setting, kaketsugi_estate::SettingValue>>,
    /// When the step began.
    pub at: kaketsugi_estate::Millis,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reached { node } => write!(f, "{node} answers"),
            // Of a server by itself, which is called as its cluster is, the balancer of its pool is asked.
            Self::NodeState { cluster, node, state } if cluster.as_str() == node.as_str() => match state {
                NodeState::Online => write!(f, "the balancer gives {node} requests"),
                NodeState::Standby => write!(f, "the balancer gives {node} no requests"),
                other => write!(f, "{node} is {other} to the balancer"),
            },
            Self::NodeState { node, state, .. } => write!(f, "{node} is {state}"),
            Self::NodeEmpty { node, .. } => write!(f, "no group is on {node}"),
            Self::Service { node, running } => {
                write!(f, "the cluster service on {node} {}", if *running { "runs" } else { "is stopped" })
            }
            Self::QuorumWithout { cluster, node } => {
                write!(f, "cluster {cluster} keeps its quorum without {node}")
            }
            Self::OthersOnline { cluster, except } => {
                write!(f, "every node of cluster {cluster} but {} is online", join(except))
            }
            Self::Owner { group, node, .. } => write!(f, "{group} is on {node}"),
            Self::Group { group, state, .. } => write!(f, "{group} is {state}"),
            Self::GroupAsBefore { group, online, .. } => {
                write!(f, "exactly what was online in {group} is online again ({} resources)", online.len())
            }
            Self::Healthy { group, .. } => write!(f, "{group} serves its users"),
            Self::OnlyKeptOnline { group, .. } => {
                write!(f, "in {group} only IP address, disks and network name are online")
            }
            Self::KindOnline { kind, cluster } => {
                write!(f, "a {kind} resource of cluster {cluster} is online")
            }
            Self::GroupVersion { group, build, .. } => write!(f, "the directory says {build} for {group}"),
            Self::Installed { node, release } => write!(f, "{release} is installed on {node}"),
            Self::Optimized { node } => {
                write!(f, "the Performance Optimizer was run on {node} since set-up last worked there")
            }
            Self::Staged { node, release } => {
                write!(f, "the files of {release} are on {node}, digests checked")
            }
            Self::NoInstaller { node } => write!(f, "no other installer runs on {node}"),
            Self::RestartPending { node } => write!(f, "{node} asks for a restart"),
            Self::Restarted { node } => write!(f, "{node} has started anew"),
            Self::IsQuiet { node } => write!(f, "timers and service starts are held on {node}"),
            Self::PutBack { node } => write!(f, "the settings of {node} are as they were"),
            Self::NoTrouble { cluster } => {
                write!(f, "cluster {cluster} reports no failed action and no pending fencing")
            }
            Self::ConfigurationAsBefore { cluster } => {
                write!(f, "the configuration of {cluster} is as it was")
            }
            Self::Evidence { kind, age_max_seconds: None } => write!(f, "{}", evidence(*kind)),
            Self::Evidence { kind, age_max_seconds: Some(age) } => {
                write!(f, "{}, not older than {} h", evidence(*kind), age / 3600)
            }
        }
    }
}

fn join(names: &[ServerId]) -> String {
    if names.is_empty() {
        return "none".into();
    }
    names.iter().map(ServerId::as_str).collect::<Vec<_>>().join(", ")
}

fn evidence(kind: EvidenceKind) -> &'static str {
    match kind {
        EvidenceKind::FullBackup => "there is a full backup of databases and system states",
        EvidenceKind::ReleaseNotesRead => "the release notes have been read",
        EvidenceKind::TriedInTest => "the release was tried in a test environment",
        EvidenceKind::ProtectionOff => "antivirus and unneeded services are ended",
        EvidenceKind::BackupAfter => "there is a full backup made after the service pack",
        EvidenceKind::ConnectorMapsSaved => "the schema maps of the Active Directory Connector are saved",
        EvidenceKind::ConnectorUpgraded => "the Active Directory Connector is upgraded",
        EvidenceKind::ExtrasUpdated => "components that the service pack leaves alone are updated",
    }
}
