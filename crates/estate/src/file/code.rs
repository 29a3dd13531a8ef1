//! The kinds of mistakes. Their names are stable: scripts and documentation rely on them.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What kind of mistake it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its stable name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("estate::", $name),)*
                }
            }
        }
    };
}

codes! {
    /// The file is no TOML.
    Syntax = "syntax",
    /// A key or table that is there twice.
    DuplicateKey = "duplicate-key",
    /// The file is longer than an estate file can be.
    TooBig = "too-big",
    /// A key that isn't known there.
    UnknownKey = "unknown-key",
    /// A string where a number belongs, and the like.
    WrongType = "wrong-type",
    /// A key that must be there isn't.
    MissingKey = "missing-key",
    /// The estate has no server.
    NoServers = "no-servers",
    /// A name that can't be one.
    InvalidName = "invalid-name",
    /// An address that can't be one.
    InvalidAddress = "invalid-address",
    /// An address that leads to no directory.
    InvalidDirectory = "invalid-directory",
    /// An account of which nothing, or too much, says where its password is.
    InvalidAccount = "invalid-account",
    /// Text that is empty, or holds control characters.
    InvalidText = "invalid-text",
    /// Two servers, clusters, or groups of a cluster have one name.
    DuplicateName = "duplicate-name",
    /// Two servers have one address.
    DuplicateAddress = "duplicate-address",
    /// A product that isn't known.
    UnknownProduct = "unknown-product",
    /// An operating system that isn't known.
    UnknownOs = "unknown-os",
    /// A transport that isn't known.
    UnknownTransport = "unknown-transport",
    /// A cluster software that isn't known.
    UnknownClusterKind = "unknown-cluster-kind",
    /// A role that isn't known.
    UnknownRole = "unknown-role",
    /// A kind of evidence that isn't known.
    UnknownEvidence = "unknown-evidence",
    /// A word of the policy that isn't known.
    UnknownPolicy = "unknown-policy",
    /// The product doesn't run on that system.
    ProductOnWrongOs = "product-on-wrong-os",
    /// The product isn't clustered with that software.
    ProductInWrongCluster = "product-in-wrong-cluster",
    /// A role that the server can't have.
    RoleDoesNotFit = "role-does-not-fit",
    /// A cluster's node is no server of the estate.
    UnknownNode = "unknown-node",
    /// A cluster names a node twice.
    NodeTwice = "node-twice",
    /// A server is a node of two clusters.
    NodeInTwoClusters = "node-in-two-clusters",
    /// A server is in two pools.
    ServerInTwoPools = "server-in-two-pools",
    /// A server that can't be in a pool.
    PoolDoesNotFit = "pool-does-not-fit",
    /// A cluster or pool has too few nodes.
    TooFewNodes = "too-few-nodes",
    /// A cluster has too many nodes.
    TooManyNodes = "too-many-nodes",
    /// An owner is no node of the group's cluster.
    UnknownOwner = "unknown-owner",
    /// A group names an owner twice.
    OwnerTwice = "owner-twice",
    /// A group that no cluster names.
    UnknownGroup = "unknown-group",
    /// A health command where no group is.
    HealthDoesNotFit = "health-does-not-fit",
    /// A health command that is empty.
    EmptyHealthCommand = "empty-health-command",
    /// A number that is too small or too great.
    OutOfBounds = "out-of-bounds",
    /// A waiver that nobody gave.
    WaiverWithoutName = "waiver-without-name",
    /// A waiver that gives no reason.
    WaiverWithoutReason = "waiver-without-reason",
    /// A waiver of a rule that can't be waived.
    WaiverOfRequiredRule = "waiver-of-required-rule",
    /// A waiver of a rule that isn't known.
    WaiverOfUnknownRule = "waiver-of-unknown-rule",
    /// Evidence that nobody vouches for.
    EvidenceWithoutName = "evidence-without-name",
    /// A time that can't be read.
    InvalidTime = "invalid-time",
    /// A digest that can't be one.
    InvalidDigest = "invalid-digest",
    /// The machine that would carry out the run is a node.
    ControllerIsANode = "controller-is-a-node",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
