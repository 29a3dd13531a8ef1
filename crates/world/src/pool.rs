//! Pools: servers that stand alone, to which a balancer gives the requests of the same users.
//!
//! Each is a cluster of one node by itself. Its node is online while the balancer gives it requests and in standby while
//! it doesn't, which a restart doesn't change: what takes a server out of its pool has to outlive one.

use std::collections::{BTreeMap, BTreeSet};

use kaketsugi_estate::{ClusterId, GroupRole, PoolId, ReleaseId, ServerId};

use crate::{Harm, World};

impl World {
    /// Whether the users of the pool that this one is a server of are served; None: it is in no pool.
    pub(crate) fn pool_serves(&self, cluster: &ClusterId) -> Option<bool> {
        Some(self.pool_mates(cluster)?.into_iter().any(|mate| self.answers_its_pool(mate)))
    }

    /// The servers of the same pool, this one among them; None: it is in no pool.
    pub(crate) fn pool_mates(&self, cluster: &ClusterId) -> Option<Vec<&ClusterId>> {
        let pool = self.cluster(cluster)?.truth.pool.as_ref()?;
        Some(
            self.clusters
                .iter()
                .filter(|(_, c)| c.truth.pool.as_ref() == Some(pool))
                .map(|(id, _)| id)
                .collect(),
        )
    }

    /// Whether a server of a pool is given requests, and answers them.
    fn answers_its_pool(&self, mate: &ClusterId) -> bool {
        let Some(cluster) = self.cluster(mate) else { return false };
        let is_in =
            cluster.truth.nodes.keys().filter_map(|node| self.server(node)).all(|server| !server.standby);
        let mut groups = cluster.truth.groups.iter().filter(|(_, group)| group.role == GroupRole::Service);
        is_in && groups.all(|(id, _)| self.is_online(mate, id))
    }

    /// Notes pools that have begun to serve with two versions.
    pub(crate) fn look_at_pools(&mut self) {
        let mixed = self.mixed_pools();
        let now: BTreeSet<PoolId> = mixed.keys().cloned().collect();
        for (pool, (release, with, without)) in mixed {
            if !self.mixed.contains(&pool) {
                self.harm.insert(Harm::PoolOfTwoVersions { pool, with, without, release });
            }
        }
        if self.mixed != now {
            self.mixed = now;
        }
    }

    /// Pools that serve with two versions: the release, a server with it and one without it.
    pub(crate) fn mixed_pools(&self) -> BTreeMap<PoolId, (ReleaseId, ServerId, ServerId)> {
        let mut serving: BTreeMap<&PoolId, Vec<&ServerId>> = BTreeMap::new();
        for (id, cluster) in &self.clusters {
            if let Some(pool) = cluster.truth.pool.as_ref().filter(|_| self.answers_its_pool(id)) {
                serving.entry(pool).or_default().extend(cluster.truth.nodes.keys());
            }
        }
        let mut mixed = BTreeMap::new();
        for release in self.facts.releases.values().filter(|facts| facts.alike_in_pools) {
            for (pool, nodes) in &serving {
                let with = |node: &&&ServerId| self.installed(node, &release.id);
                let (Some(has), Some(lacks)) =
                    (nodes.iter().find(with), nodes.iter().find(|node| !with(node)))
                else {
                    continue;
                };
                mixed.insert((*pool).clone(), (release.id.clone(), (*has).clone(), (*lacks).clone()));
            }
        }
        mixed
    }
}
