//! What probes saw, and when. A field that is `None` was not learned; unknown is never taken for true.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ClusterId, ClusterKind, GroupId, PoolId, ReleaseId, ResourceId, ServerId};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Millis(pub u64);

/// What tells one boot of a machine from the next: `/proc/sys/kernel/random/boot_id`, or Windows' last boot time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct BootId(pub String);

/// All that probes saw at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Snapshot {
    /// When the last probe answered.
    pub taken_at: Millis,
    /// Servers by name; one that was not reached is there with `reached: false`.
    pub servers: BTreeMap<ServerId, ServerSeen>,
    /// Clusters by name.
    pub clusters: BTreeMap<ClusterId, ClusterSeen>,
    /// Evidence known at that time: from the estate file, and what the run itself collected.
    pub evidence: Vec<Evidence>,
}

impl Snapshot {
    /// Whether the balancer gives no server of a pool any requests, as far as was seen.
    #[must_use]
    pub fn pool_is_out(&self, pool: &PoolId) -> bool {
        let mut servers = self.clusters.values().filter(|seen| seen.pool.as_ref() == Some(pool));
        servers.all(|seen| seen.nodes.values().all(|node| node.state == NodeState::Standby))
    }
}

/// What was seen of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ServerSeen {
    /// Whether the probe had an answer from it.
    pub reached: bool,
    /// Why it had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreached_why: Option<String>,
    /// The boot that answered.
    pub boot: Option<BootId>,
    /// The installed version as the product writes it; for display.
    pub version: Option<String>,
    /// State of the releases that were asked about.
    pub releases: BTreeMap<ReleaseId, ReleaseState>,
    /// Whether the cluster service (Pacemaker: pacemaker and corosync) runs.
    pub cluster_service: Option<bool>,
    /// Whether the system or an installer asks for a restart.
    pub restart_pending: Option<bool>,
    /// Whether an installer or package manager runs that this run did not start.
    pub installer_running: Option<bool>,
    /// Releases whose files lie on the node with the right digest.
    pub staged: BTreeSet<ReleaseId>,
    /// Settings that a run may change, as they are now.
    pub settings: BTreeMap<Setting, SettingValue>,
    /// Who holds the node's lock.
    pub lock: Option<LockSeen>,
    /// What stands in the way of an update of this server.
    pub trouble: Vec<Trouble>,
    /// Whether the Active Directory Connector is installed on it: its service is registered (E03-ADC, E00-ADC). None: not
    /// known, or the product has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connector: Option<bool>,
    /// Whether the Performance Optimizer of Exchange 5.5 was run since set-up last worked here (E55-PERFWIZ). None: not
    /// known, or the product has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimized: Option<bool>,
}

impl ServerSeen {
    /// Whether a release, or something newer, is whole there.
    #[must_use]
    pub fn has(&self, release: &ReleaseId) -> bool {
        self.releases.get(release).is_some_and(|state| state.is_whole())
    }

    /// Whether this release is there by half.
    #[must_use]
    pub fn has_half_of(&self, release: &ReleaseId) -> bool {
        self.releases.get(release) == Some(&ReleaseState::Partial)
    }

    /// Whether any release is there by half.
    #[must_use]
    pub fn half_done(&self) -> bool {
        self.releases.values().any(|state| *state == ReleaseState::Partial)
    }
}

/// How far a release is on a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseState {
    /// Nothing of it is there.
    Absent,
    /// It was begun and isn't whole: unpacked but not configured, or version without completion record.
    Partial,
    /// It is whole, with its completion record.
    Installed,
    /// Something newer is there.
    Newer,
}

impl ReleaseState {
    /// Whether the release, or something newer, is there as a whole.
    #[must_use]
    pub fn is_whole(self) -> bool {
        matches!(self, Self::Installed | Self::Newer)
    }
}

/// A setting that a run may change beside the patch, and has to put back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum Setting {
    /// Pacemaker's permanent standby attribute of the node.
    Standby,
    /// A systemd unit's active and enabled state: apt timers, unattended-upgrades.
    Unit(String),
    /// `/usr/sbin/policy-rc.d`.
    PolicyRcD,
    /// Start type and state of a Windows service.
    Service(String),
    /// Failback of a Windows cluster group.
    Failback(GroupId),
}

impl From<Setting> for String {
    fn from(setting: Setting) -> String {
        match setting {
            Setting::Standby => "standby".into(),
            Setting::Unit(name) => format!("unit:{name}"),
            Setting::PolicyRcD => "policy-rc.d".into(),
            Setting::Service(name) => format!("service:{name}"),
            Setting::Failback(group) => format!("failback:{group}"),
        }
    }
}

impl TryFrom<String> for Setting {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "standby" => return Ok(Self::Standby),
            "policy-rc.d" => return Ok(Self::PolicyRcD),
            _ => {}
        }
        match text.split_once(':') {
            Some(("unit", name)) => Ok(Self::Unit(name.into())),
            Some(("service", name)) => Ok(Self::Service(name.into())),
            Some(("failback", group)) => Ok(Self::Failback(GroupId::new(group).map_err(|e| e.to_string())?)),
            _ => Err(format!("`{text}` is no setting known here")),
        }
    }
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from(self.clone()))
    }
}

/// A setting's value; absent is a value of its own.
pub type SettingValue = Option<String>;

/// A lock as it was read back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct LockSeen {
    /// The run that holds it.
    pub run: String,
    /// Its epoch: grows each time the run is taken over.
    pub epoch: u64,
}

/// What was seen of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ClusterSeen {
    /// Which cluster software.
    pub kind: ClusterKind,
    /// Its nodes.
    pub nodes: BTreeMap<ServerId, NodeSeen>,
    /// Votes.
    pub quorum: QuorumSeen,
    /// Its groups.
    pub groups: BTreeMap<GroupId, GroupSeen>,
    /// What stands in the way.
    pub trouble: Vec<Trouble>,
    /// Digest of the configuration without what changes by itself (epochs, update stamps).
    pub configuration: Option<String>,
    /// Who holds the cluster's lock.
    pub lock: Option<LockSeen>,
    /// Of a server that stands alone: the pool that it is balanced in. Its one node is online while the balancer gives it
    /// requests, and in standby while it doesn't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolId>,
}

/// A node as its cluster sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct NodeSeen {
    /// Its state.
    pub state: NodeState,
}

/// The state of a node in its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NodeState {
    /// A member that carries groups.
    Online,
    /// A member that carries no groups (Pacemaker: standby), or takes no new ones (Windows: paused).
    Standby,
    /// A member whose groups the cluster leaves alone.
    Maintenance,
    /// Coming or going.
    Pending,
    /// No member, cleanly so.
    Offline,
    /// No member, and not known to be down: it is to be fenced.
    Unclean,
}

/// Votes of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct QuorumSeen {
    /// Whether the partition that answered has quorum.
    pub has: Option<bool>,
    /// `two_node: 1` of corosync's votequorum: one vote of two is enough.
    pub two_node: bool,
    /// `wait_for_all: 1`: after a full stop every node must have been seen once.
    pub wait_for_all: bool,
}

/// A group as it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct GroupSeen {
    /// What the group is to its cluster.
    pub role: GroupRole,
    /// The node that has it, online or not.
    pub owner: Option<ServerId>,
    /// Its state as a whole.
    pub state: GroupState,
    /// Its resources, in the order in which they start.
    pub resources: Vec<ResourceSeen>,
    /// Where it may run, and how willingly.
    pub placement: Placement,
    /// The version of the data or directory object that it carries (EVS: `serialNumber`), as a build.
    pub version: Option<String>,
    /// How many storage groups it brings to the node that has it (EVS), a recovery storage group not counted. None:
    /// not known, or it has nothing of that kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_groups: Option<u32>,
    /// Answer of its health command. None: it has none, or it wasn't asked.
    pub healthy: Option<bool>,
}

/// What a group is to its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GroupRole {
    /// It serves users.
    Service,
    /// It holds the quorum (`Cluster Group`); users notice nothing when it moves.
    ClusterGroup,
    /// A fencing device. Users notice nothing when it moves, but the cluster counts it when it places the others.
    Fencing,
}

/// Where a group may run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Placement {
    /// Score by node; a node that isn't named can't own the group. Pacemaker's INFINITY is 1,000,000.
    pub scores: BTreeMap<ServerId, i32>,
    /// What is added for the node that has it now (resource-stickiness, summed over the group).
    pub stickiness: i32,
    /// Its turn when the cluster places groups, lowest first; equal turns go by name. Pacemaker: descending
    /// priority, then the order of the configuration, which `crm_mon` shows.
    #[serde(default)]
    pub turn: u32,
}

/// The state of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GroupState {
    /// Every resource is online.
    Online,
    /// Some are.
    Partial,
    /// None is.
    Offline,
    /// At least one has failed.
    Failed,
    /// On the way.
    Pending,
}

/// A resource as it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ResourceSeen {
    /// Its name.
    pub id: ResourceId,
    /// Its type as the cluster names it: `IP Address`, `ocf:heartbeat:IPaddr2`.
    pub kind: String,
    /// Its state.
    pub state: ResourceState,
    /// Whether it stays online while its virtual server is upgraded (the kept-online set of E03-CLU-06-OFFLINE).
    pub kept_online: bool,
}

/// The state of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceState {
    /// It runs.
    Online,
    /// It doesn't.
    Offline,
    /// It failed.
    Failed,
    /// On the way.
    Pending,
}

/// Something that stands in the way of a run; each kind becomes a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
#[expect(missing_docs, reason = "the fields are what the variant says: a node, a group, a resource")]
pub enum Trouble {
    /// The whole cluster is in maintenance mode.
    MaintenanceMode,
    /// A resource the cluster doesn't manage.
    Unmanaged { resource: String },
    /// A failed action in the operation history.
    FailedAction { resource: String, node: String, what: String },
    /// A fail-count above zero.
    FailCount { resource: String, node: String, count: u32 },
    /// A fencing action that waits.
    FencingPending { target: String },
    /// A fencing action that failed.
    FencingFailed { target: String },
    /// `stonith-enabled=false`, or no fencing device.
    FencingDisabled,
    /// A node that is to be fenced.
    Unclean { node: String },
    /// No quorum.
    NoQuorum,
    /// An enabled unit that the cluster manages as well.
    UnitEnabled { unit: String },
    /// A constraint whose effect on placement isn't modelled here, so moves can't be foreseen.
    UnmodelledConstraint { id: String, what: String },
    /// A stop took this share of its time-out, in percent; a stop that times out means fencing.
    StopNearTimeout { resource: String, percent: u32 },
    /// Packages on hold.
    PackagesHeld { packages: Vec<String> },
    /// Packages that are neither installed nor removed.
    PackagesBroken { packages: Vec<String> },
    /// The package manager's lock is held.
    PackageLockHeld { by: String },
    /// Resources that are neither started nor disabled by the administrator.
    Stopped { resource: String },
    /// Anything a probe could not read, in its words.
    Unreadable { what: String },
}

/// A fact with a source and an age.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Of what.
    pub kind: EvidenceKind,
    /// When it came to be.
    pub at: Millis,
    /// Who or what says so.
    pub by: String,
}

/// What evidence is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EvidenceKind {
    /// Full backup of all databases, system state of the servers and of the domain controllers (E03-BACKUP).
    FullBackup,
    /// The release notes have been read (E03-RELEASE-NOTES).
    ReleaseNotesRead,
    /// The release was tried in a test environment (ALL-TEST-FIRST).
    TriedInTest,
    /// Antivirus and what else isn't needed were ended (ALL-AV-OFF).
    ProtectionOff,
    /// A full backup after the service pack (E03-BACKUP-AFTER).
    BackupAfter,
    /// The directory's schema maps of the Active Directory Connector were saved to a file (E03-ADC-MAPS).
    ConnectorMapsSaved,
    /// The Active Directory Connector was upgraded by its own set-up (E03-ADC).
    ConnectorUpgraded,
    /// Components that a service pack leaves alone were updated by their own programs (E55-EXTRAS).
    ExtrasUpdated,
}
