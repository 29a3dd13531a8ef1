//! The hosts of Debian nodes in Pacemaker clusters, and the [`Platform`] that they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use kaketsugi_estate::{Cluster, ClusterId, ClusterKind, Estate, LockSeen, Product, ServerId, Snapshot};
use kaketsugi_plan::Payload;
use kaketsugi_transport::Host;
use kaketsugi_transport::privilege::Sudo;

use crate::{Begun, Error, Order, Platform, Progress, Question};

/// How errors call this platform.
pub(super) const NAME: &str = "Debian with Pacemaker";

/// Debian nodes, most of them in Pacemaker clusters.
#[derive(Debug)]
pub struct LinuxCluster {
    pub(super) estate: Estate,
    pub(super) hosts: BTreeMap<ServerId, Arc<dyn Host>>,
    pub(super) controller: Arc<dyn Host>,
}

impl LinuxCluster {
    /// Speaks for the Debian servers of this estate that a host leads to.
    ///
    /// Hosts of servers with `become` are wrapped in `sudo -n` here. `controller` is the machine that the run is
    /// controlled from; health commands are run there.
    #[must_use]
    pub fn new(
        estate: &Estate,
        hosts: &BTreeMap<ServerId, Arc<dyn Host>>,
        controller: Arc<dyn Host>,
    ) -> Self {
        let debian = estate.servers.iter().filter(|(_, server)| server.product == Product::Debian);
        let hosts = debian.filter_map(|(id, server)| {
            let host = hosts.get(id)?.clone();
            let host: Arc<dyn Host> = if server.r#become { Arc::new(Sudo::root(host)) } else { host };
            Some((id.clone(), host))
        });
        Self { estate: estate.clone(), hosts: hosts.collect(), controller }
    }

    /// The Pacemaker clusters that one of these servers is in.
    pub(super) fn clusters_of<'a>(
        &'a self,
        servers: &'a BTreeSet<ServerId>,
    ) -> impl Iterator<Item = (&'a ClusterId, &'a Cluster)> {
        self.estate.clusters.iter().filter(|(_, cluster)| {
            cluster.kind == ClusterKind::Pacemaker && cluster.nodes.iter().any(|node| servers.contains(node))
        })
    }

    /// A cluster's nodes with the host part of their addresses.
    pub(super) fn hosts_of(&self, cluster: &Cluster) -> BTreeMap<ServerId, String> {
        let host =
            |id: &ServerId| self.estate.servers.get(id).map(|s| s.address.host.clone()).unwrap_or_default();
        cluster.nodes.iter().map(|id| (id.clone(), host(id))).collect()
    }
}

#[async_trait]
impl Platform for LinuxCluster {
    async fn probe(&self, question: &Question<'_>) -> Snapshot {
        self.look(question).await
    }

    async fn freeze(&self, release: &str, snapshot: &Snapshot) -> Result<Payload, Error> {
        self.resolve(release, snapshot).await
    }

    async fn begin(&self, order: &Order<'_>) -> Result<Begun, Error> {
        self.start(order).await
    }

    async fn poll(&self, order: &Order<'_>) -> Result<Progress, Error> {
        self.progress(order).await
    }

    async fn lock(&self, token: &LockSeen) -> Result<(), Error> {
        self.take_locks(token).await
    }

    async fn unlock(&self, token: &LockSeen) -> Result<(), Error> {
        self.give_locks_back(token).await
    }

    fn clusters(&self) -> Vec<ClusterId> {
        let servers = self.hosts.keys().cloned().collect();
        self.clusters_of(&servers).map(|(id, _)| id.clone()).collect()
    }
}
