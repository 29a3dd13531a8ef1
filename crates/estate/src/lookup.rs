//! Questions that everybody asks of an estate.

use crate::{
    Cluster, ClusterId, ClusterKind, Estate, GroupEntry, GroupId, Os, Policy, Pool, PoolId, Product,
    ServerId, TransportKind, Waiver,
};

impl Estate {
    /// The cluster that a server is a node of, be it that of a server which stands alone; none: nothing is known of it.
    #[must_use]
    pub fn cluster_of(&self, server: &ServerId) -> Option<(&ClusterId, &Cluster)> {
        self.clusters.iter().find(|(_, cluster)| cluster.nodes.contains(server))
    }

    /// What the administrator says of a group; none: nothing.
    #[must_use]
    pub fn group(&self, cluster: &ClusterId, group: &GroupId) -> Option<&GroupEntry> {
        self.clusters.get(cluster)?.groups.get(group)
    }

    /// The pool that a server is balanced in; none: it is in none.
    #[must_use]
    pub fn pool_of(&self, server: &ServerId) -> Option<(&PoolId, &Pool)> {
        self.pools.iter().find(|(_, pool)| pool.servers.contains(server))
    }

    /// Whether a server stands alone.
    #[must_use]
    pub fn stands_alone(&self, server: &ServerId) -> bool {
        self.cluster_of(server).is_some_and(|(_, cluster)| cluster.kind == ClusterKind::StandAlone)
    }
}

impl Policy {
    /// The waiver of a rule, where there is one.
    #[must_use]
    pub fn waiver(&self, rule: &str) -> Option<&Waiver> {
        self.waivers.iter().find(|w| w.rule == rule)
    }
}

impl Product {
    /// The operating systems it runs on.
    #[must_use]
    pub fn systems(self) -> &'static [Os] {
        match self {
            // Exchange Server 2003 needs Windows 2000 SP3 or Windows Server 2003 (its system requirements, TechNet).
            Self::Exchange2003 => &[Os::Windows2003, Os::Windows2000],
            // Exchange 2000 doesn't run on Windows Server 2003 (its system requirements).
            Self::Exchange2000 => &[Os::Windows2000],
            // Its home is Windows NT 4.0; from Service Pack 3 on it runs on Windows 2000, too (KB191014 and its kin).
            Self::Exchange55 => &[Os::WindowsNt4, Os::Windows2000],
            Self::Debian => &[Os::Debian],
        }
    }

    /// The cluster software its nodes are clustered with.
    #[must_use]
    pub fn cluster_kind(self) -> ClusterKind {
        match self {
            Self::Exchange2003 | Self::Exchange2000 | Self::Exchange55 => ClusterKind::Windows,
            Self::Debian => ClusterKind::Pacemaker,
        }
    }
}

impl Os {
    /// How commands reach it unless the estate file says otherwise: Windows before 2008 R2 has no supported SSH server.
    #[must_use]
    pub fn usual_transport(self) -> TransportKind {
        match self {
            Self::Debian => TransportKind::Ssh,
            Self::WindowsNt4 | Self::Windows2000 | Self::Windows2003 => TransportKind::Operator,
        }
    }
}
