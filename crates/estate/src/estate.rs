//! What the administrator wrote: servers, clusters, groups, policy, evidence.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Access, ClusterId, EvidenceKind, GroupId, Millis, Policy, PoolId, ReleaseId, ServerId};

/// An estate: the servers and clusters that one administrator mends together.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Estate {
    /// What the administrator calls it.
    pub name: String,
    /// Servers by name.
    pub servers: BTreeMap<ServerId, Server>,
    /// Clusters by name.
    pub clusters: BTreeMap<ClusterId, Cluster>,
    /// Pools of load-balanced servers by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pools: BTreeMap<PoolId, Pool>,
    /// What is allowed.
    pub policy: Policy,
    /// Evidence that the administrator brings: backups, attestations.
    pub evidence: Vec<EvidenceEntry>,
    /// Files of releases that the administrator has, with their digests.
    #[serde(default)]
    pub media: Vec<MediaEntry>,
    /// What a run logs in to beside the servers.
    #[serde(default, skip_serializing_if = "Access::is_empty")]
    pub access: Access,
    /// How emulated nodes start in `rehearse`; no part of a real run.
    pub rehearsal: Rehearsal,
}

/// A file of a release: where the nodes find it, and what it must be. `[[media]]` in the estate file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MediaEntry {
    /// Which release it belongs to, such as `exchange-2003-sp2`.
    pub release: ReleaseId,
    /// Its path as the nodes see it: the installer itself, such as `D:\SP2\setup\i386\update.exe`.
    pub path: String,
    /// SHA-256, hexadecimal.
    #[schemars(regex(pattern = "^[0-9A-Fa-f]{64}$"))]
    pub sha256: String,
}

/// How a server is reached and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Server {
    /// Where it is reached.
    pub address: Address,
    /// By which transport.
    pub transport: TransportKind,
    /// The account to log in with; absent: what ssh_config or the system says.
    pub user: Option<String>,
    /// Whether commands that need root go through `sudo -n`.
    pub r#become: bool,
    /// What runs on it.
    pub product: Product,
    /// Its operating system.
    pub os: Os,
    /// What it does for the product.
    pub roles: Vec<Role>,
}

/// Host name or IP address, and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Address {
    /// Host name, IP address, or an alias of ssh_config.
    pub host: String,
    /// TCP port; absent: the transport's own.
    pub port: Option<u16>,
}

/// How commands reach a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TransportKind {
    /// SSH, strict host keys.
    Ssh,
    /// This machine itself.
    Local,
    /// A person carries out each step and attests it: the default for Windows before 2008 R2.
    Operator,
}

/// What runs on a server, and so which rules and platform hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Product {
    /// Exchange Server 2003.
    #[serde(rename = "exchange-2003")]
    Exchange2003,
    /// Exchange 2000 Server.
    #[serde(rename = "exchange-2000")]
    Exchange2000,
    /// Exchange Server 5.5.
    #[serde(rename = "exchange-5.5")]
    Exchange55,
    /// Debian packages on a node, whatever the cluster above carries.
    #[serde(rename = "debian")]
    Debian,
}

impl Product {
    /// The name in estate files and catalogues.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exchange2003 => "exchange-2003",
            Self::Exchange2000 => "exchange-2000",
            Self::Exchange55 => "exchange-5.5",
            Self::Debian => "debian",
        }
    }

    /// Whether it is Exchange, of whatever version.
    #[must_use]
    pub fn is_exchange(self) -> bool {
        matches!(self, Self::Exchange2003 | Self::Exchange2000 | Self::Exchange55)
    }
}

impl std::fmt::Display for Product {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The operating system of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Os {
    /// Debian GNU/Linux.
    Debian,
    /// Windows NT Server 4.0.
    #[serde(rename = "windows-nt4")]
    WindowsNt4,
    /// Windows 2000 Server.
    #[serde(rename = "windows-2000")]
    Windows2000,
    /// Windows Server 2003.
    #[serde(rename = "windows-2003")]
    Windows2003,
}

/// What a server does for its product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A member of a cluster.
    Node,
    /// Holds mailboxes.
    Mailbox,
    /// Front-end server.
    FrontEnd,
    /// Small Business Server, which carries the ordinary Exchange (E03-SBS, E00-SBS).
    SmallBusinessServer,
    /// It has the Standard Edition of its product, which isn't made for clusters (ALL-SCOPE).
    StandardEdition,
}

/// A cluster as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Cluster {
    /// Which cluster software.
    pub kind: ClusterKind,
    /// Its nodes.
    pub nodes: Vec<ServerId>,
    /// What is said of its groups. Groups that aren't named here are found by probing.
    pub groups: BTreeMap<GroupId, GroupEntry>,
}

/// Servers that stand alone and serve the same users: a balancer gives each request to one of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Pool {
    /// Its servers.
    pub servers: Vec<ServerId>,
    /// Command line on a server of the pool that prints `in` where the balancer gives it requests, and `out` where it
    /// doesn't. Anything else: nobody knows.
    pub state: String,
    /// Command line on a server that has the balancer give it no more requests, also after a restart. None: a person
    /// sees to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out: Option<String>,
    /// Command line on a server that has the balancer give it requests again. None: a person sees to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#in: Option<String>,
}

/// Which cluster software.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClusterKind {
    /// Pacemaker on corosync.
    Pacemaker,
    /// Microsoft Cluster Server: Windows 2000 and 2003.
    Windows,
    /// None: one server by itself. It is a cluster of one node, with its product as the one group, both called as the
    /// server is; no estate file writes it, each server of Exchange that is in no cluster becomes one.
    StandAlone,
}

/// What the administrator says of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct GroupEntry {
    /// Owners it prefers, first choice first (Windows: the preferred owners).
    pub preferred: Vec<ServerId>,
    /// How to see that its users are served. None: the cluster's word is all there is.
    pub health: Option<Health>,
}

/// A command that says, by exit code 0, that a group serves its users.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Health {
    /// Shell command, run on the controller, where users are.
    pub command: String,
    /// How long it may take.
    #[serde(default = "timeout_usual")]
    #[schemars(range(min = *Self::TIMEOUT_SECONDS.start(), max = *Self::TIMEOUT_SECONDS.end()))]
    pub timeout_seconds: u32,
}

impl Health {
    /// What an estate file may say of [`Health::timeout_seconds`].
    pub const TIMEOUT_SECONDS: RangeInclusive<u32> = 1..=600;
    /// Where it says nothing.
    pub const TIMEOUT_SECONDS_USUAL: u32 = 10;
}

fn timeout_usual() -> u32 {
    Health::TIMEOUT_SECONDS_USUAL
}

/// Evidence that the administrator brings along.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceEntry {
    /// Of what.
    pub kind: EvidenceKind,
    /// When it came to be.
    pub at: Millis,
    /// Who says so.
    pub by: String,
}

/// How emulated nodes start in `rehearse`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Rehearsal {
    /// Nodes that start otherwise than the release's prerequisites ask.
    pub nodes: BTreeMap<ServerId, RehearsalNode>,
    /// Groups that start otherwise than online on their first preferred owner.
    pub groups: BTreeMap<GroupId, RehearsalGroup>,
}

/// How one emulated node starts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct RehearsalNode {
    /// The installed build, such as `6.5.7226.6`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installed: Option<String>,
    /// Whether the installer asks for a restart there.
    pub asks_for_restart: bool,
    /// Whether the balancer of its pool gives it no requests.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub out_of_pool: bool,
    /// Releases (hotfixes) that are there already.
    pub hotfixes: Vec<String>,
    /// Services that run there beside those of Windows, cluster and Exchange, by name: antivirus, backup, `MSADC`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
}

/// How one emulated group starts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct RehearsalGroup {
    /// Its owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<ServerId>,
    /// The version in its directory object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How many storage groups it has; 1 where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_groups: Option<u32>,
}
