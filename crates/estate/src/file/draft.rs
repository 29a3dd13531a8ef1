//! The file as far as it could be read, each value with its place: what the cross-checks look at.

use crate::{
    Access, Address, Cluster, ClusterId, ClusterKind, Estate, EvidenceEntry, GroupEntry, GroupId, Health,
    MediaEntry, Os, Policy, Product, Rehearsal, RehearsalGroup, RehearsalNode, Role, Server, ServerId,
    TransportKind,
};

use super::pools::PoolDraft;
use super::read::At;

/// A whole file. What is `None` was missing or unreadable, and a mistake says so.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub name: Option<String>,
    pub servers: Vec<ServerDraft>,
    pub clusters: Vec<ClusterDraft>,
    pub pools: Vec<PoolDraft>,
    pub policy: Policy,
    pub evidence: Vec<EvidenceEntry>,
    pub media: Vec<MediaEntry>,
    pub access: Access,
    pub rehearsal_nodes: Vec<(At<ServerId>, RehearsalNode)>,
    pub rehearsal_groups: Vec<(At<GroupId>, Option<At<ServerId>>, RehearsalGroup)>,
}

/// A `[[server]]`.
#[derive(Debug)]
pub(super) struct ServerDraft {
    pub name: Option<At<ServerId>>,
    pub address: Option<At<Address>>,
    pub user: Option<String>,
    pub r#become: bool,
    pub product: Option<At<Product>>,
    /// Where it isn't written, it is that of the product.
    pub os: Option<At<Os>>,
    /// Where it isn't written, it is that of the system.
    pub transport: Option<At<TransportKind>>,
    pub roles: Vec<At<Role>>,
    /// Whether these are all: none was unreadable.
    pub roles_known: bool,
    /// Of a server that stands alone.
    pub health: Option<At<Health>>,
}

/// A `[[cluster]]`.
#[derive(Debug)]
pub(super) struct ClusterDraft {
    pub name: Option<At<ClusterId>>,
    pub kind: Option<At<ClusterKind>>,
    pub nodes: Vec<At<ServerId>>,
    /// Where the list of nodes is, and how many were written, readable or not.
    pub written: Option<At<usize>>,
    pub groups: Vec<GroupDraft>,
}

/// A `[[cluster.group]]`.
#[derive(Debug)]
pub(super) struct GroupDraft {
    pub name: Option<At<GroupId>>,
    pub preferred: Vec<At<ServerId>>,
    pub health: Option<Health>,
}

impl Draft {
    /// The server of that name.
    pub(super) fn server(&self, id: &ServerId) -> Option<&ServerDraft> {
        self.servers.iter().find(|s| s.name.as_ref().is_some_and(|name| name.value == *id))
    }

    /// The estate; none where something that it needs is missing.
    pub(super) fn finish(self) -> Option<Estate> {
        let mut clusters = self
            .clusters
            .into_iter()
            .map(ClusterDraft::finish)
            .collect::<Option<std::collections::BTreeMap<_, _>>>()?;
        let clustered: Vec<ServerId> =
            clusters.values().flat_map(|cluster: &Cluster| cluster.nodes.iter().cloned()).collect();
        let in_cluster = |id: &ServerId| clustered.contains(id);
        for server in &self.servers {
            let (Some(id), Some(product)) = (&server.name, &server.product) else { continue };
            if product.value.is_exchange() && !in_cluster(&id.value) {
                let health = server.health.as_ref().map(|health| health.value.clone());
                let (id, cluster) = stand_alone(&id.value, health)?;
                clusters.insert(id, cluster);
            }
        }
        let servers = self
            .servers
            .into_iter()
            .map(|server| {
                let (id, mut server) = server.finish()?;
                if in_cluster(&id) && !server.roles.contains(&Role::Node) {
                    server.roles.insert(0, Role::Node);
                }
                Some((id, server))
            })
            .collect::<Option<_>>()?;
        Some(Estate {
            name: self.name?,
            servers,
            clusters,
            pools: self.pools.into_iter().map(PoolDraft::finish).collect::<Option<_>>()?,
            policy: self.policy,
            evidence: self.evidence,
            media: self.media,
            access: self.access,
            rehearsal: Rehearsal {
                nodes: self.rehearsal_nodes.into_iter().map(|(id, node)| (id.value, node)).collect(),
                groups: self.rehearsal_groups.into_iter().map(|(id, _, group)| (id.value, group)).collect(),
            },
        })
    }
}

/// A server by itself: a cluster of one node, with one group.
fn stand_alone(server: &ServerId, health: Option<Health>) -> Option<(ClusterId, Cluster)> {
    let id = ClusterId::new(server.as_str()).ok()?;
    let group = GroupId::new(server.as_str()).ok()?;
    let entry = GroupEntry { preferred: vec![server.clone()], health };
    let cluster = Cluster {
        kind: ClusterKind::StandAlone,
        nodes: vec![server.clone()],
        groups: [(group, entry)].into(),
    };
    Some((id, cluster))
}

impl ServerDraft {
    fn finish(self) -> Option<(ServerId, Server)> {
        let os = self.os?.value;
        let server = Server {
            address: self.address?.value,
            transport: self.transport.map_or(os.usual_transport(), |t| t.value),
            user: self.user,
            r#become: self.r#become,
            product: self.product?.value,
            os,
            roles: self.roles.into_iter().map(|role| role.value).collect(),
        };
        Some((self.name?.value, server))
    }
}

impl ClusterDraft {
    fn finish(self) -> Option<(ClusterId, Cluster)> {
        let groups = self
            .groups
            .into_iter()
            .map(|group| {
                let preferred = group.preferred.into_iter().map(|owner| owner.value).collect();
                Some((group.name?.value, GroupEntry { preferred, health: group.health }))
            })
            .collect::<Option<_>>()?;
        let nodes = self.nodes.into_iter().map(|node| node.value).collect();
        Some((self.name?.value, Cluster { kind: self.kind?.value, nodes, groups }))
    }
}
