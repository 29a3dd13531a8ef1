//! What is to be installed, as a plan freezes it: nothing is looked up in a catalogue or an archive later on.

use std::collections::BTreeMap;

use kaketsugi_estate::{Product, ReleaseId, ServerId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A release, frozen.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Payload {
    /// Its id.
    pub id: ReleaseId,
    /// Its name for people.
    pub title: String,
    /// What it is for.
    pub product: Product,
    /// Service packs bind more rules than hotfixes do (backups, release notes, antivirus).
    pub service_pack: bool,
    /// Whether data that the new version wrote can't be opened by the old one any more.
    pub one_way: bool,
    /// Whether virtual servers are upgraded after the nodes (E03-CLU-09-UPGRADE-EVS; a newer exsetdata.dll).
    pub group_upgrade: bool,
    /// In which state the installer wants the cluster service.
    pub service: ServiceNeed,
    /// Whether the node is restarted after the install.
    pub restart: RestartNeed,
    /// The build afterwards, as the product writes it (`6.5.7638.2`). None: the release doesn't change it.
    pub to_build: Option<String>,
    /// How the installer is started by a machine. None: a person starts it.
    pub command: Option<String>,
    /// What a person is told to do where no command is known or allowed.
    pub instruction: String,
    /// What is installed.
    pub content: Content,
    /// Whether it is a fix of the operating system that goes along with the product: its installer leaves the product's
    /// services alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_system: bool,
    /// Whether servers of a pool may not serve together while some have it and some don't (E03-FE-TOGETHER).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alike_in_pools: bool,
    /// Whether all front-end servers get it before the first back-end server does (E03-FE-FIRST, E00-FE-FIRST).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub front_ends_first: bool,
    /// Whether its set-up works on a cluster node while that carries the product's group: it stops the group's services and
    /// starts them again, and the group stays where it is (E55-CLU-ACTIVE-FIRST).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_place: bool,
    /// Whether the product's optimizer is run after it (E55-PERFWIZ).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optimizer: bool,
    /// Releases that must be on a node before this one, installed while it is drained (831464).
    pub first: Vec<Payload>,
    /// Rules and articles that speak of it.
    pub cites: Vec<String>,
}

/// What a release consists of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// Debian packages, frozen; by node, because nodes need not have the same ones installed.
    Packages(BTreeMap<ServerId, Vec<Package>>),
    /// Files that the administrator has: path on the controller or a share, with digest.
    Media(Vec<Media>),
}

/// One Debian package at one version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Package {
    /// Name.
    pub name: String,
    /// Architecture.
    pub architecture: String,
    /// The version that will be installed.
    pub version: String,
    /// The version that is installed; None: a new package.
    pub from: Option<String>,
    /// SHA-256 of the .deb, hexadecimal.
    pub sha256: String,
    /// Size of the .deb in bytes.
    pub size_bytes: u64,
    /// Where it comes from: `o=…,n=…` of the archive's Release file, or the site.
    pub origin: String,
}

/// One file of a release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Media {
    /// Where the file lies, as nodes see it.
    pub path: String,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// In which state of the cluster service an installer may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceNeed {
    /// It must be stopped (ALL-CLU-STOP; updates of pacemaker, corosync, libqb, knet).
    Stopped,
    /// It must run.
    Running,
    /// It doesn't matter.
    Either,
}

/// Whether a node is restarted after an install.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RestartNeed {
    /// Never.
    Never,
    /// When the installer or the system asks.
    IfAsked,
    /// Always.
    Always,
}

impl Payload {
    /// The packages for one node; empty for media.
    #[must_use]
    pub fn packages(&self, node: &ServerId) -> &[Package] {
        match &self.content {
            Content::Packages(by_node) => by_node.get(node).map_or(&[], Vec::as_slice),
            Content::Media(_) => &[],
        }
    }

    /// This release or one of those that come first, by id.
    #[must_use]
    pub fn find(&self, id: &ReleaseId) -> Option<&Self> {
        if self.id == *id { Some(self) } else { self.first.iter().find_map(|p| p.find(id)) }
    }
}
