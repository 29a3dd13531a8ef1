//! The words: what the administrator wrote ([`Estate`]), what probes saw ([`Snapshot`]), and the typed ids both
//! are keyed by.
//!
//! Nothing here decides, opens a file, or knows the time: text comes in as `&str` ([`mod@file`]), times as milliseconds
//! since the epoch. Maps are ordered, so that the same input gives the same bytes everywhere.

mod access;
mod address;
mod estate;
pub mod file;
mod id;
mod lookup;
mod policy;
mod seen_words;
mod snapshot;

pub use access::{Access, Account, DirectoryAccess};
pub use address::InvalidAddress;
pub use estate::{
    Address, Cluster, ClusterKind, Estate, EvidenceEntry, GroupEntry, Health, MediaEntry, Os, Pool, Product,
    Rehearsal, RehearsalGroup, RehearsalNode, Role, Server, TransportKind,
};
pub use id::{ClusterId, GroupId, InvalidId, PoolId, ReleaseId, ResourceId, ServerId};
pub use policy::{Environment, Home, Policy, RestartPolicy, Waiver};
pub use snapshot::{
    BootId, ClusterSeen, Evidence, EvidenceKind, GroupRole, GroupSeen, GroupState, LockSeen, Millis,
    NodeSeen, NodeState, Placement, QuorumSeen, ReleaseState, ResourceSeen, ResourceState, ServerSeen,
    Setting, SettingValue, Snapshot, Trouble,
};
