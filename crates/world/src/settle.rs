//! The cluster's own reactions, run to quiescence at once.

use kaketsugi_estate::{BootId, ClusterKind, ServerId};

use crate::World;
use crate::{pacemaker, stand_alone, windows};

impl World {
    /// Runs the clusters' own reactions until nothing more happens by itself.
    pub(crate) fn settle(&mut self) {
        let clusters: Vec<_> = self.clusters.iter().map(|(id, c)| (id.clone(), c.truth.kind)).collect();
        for (id, kind) in clusters {
            match kind {
                ClusterKind::Pacemaker => pacemaker::settle(self, &id),
                ClusterKind::Windows => windows::settle(self, &id),
                ClusterKind::StandAlone => stand_alone::settle(self, &id),
            }
        }
        self.look_at_pools();
    }

    /// Starts a node's cluster service.
    pub(crate) fn start_service(&mut self, node: &ServerId) {
        let alone = self.stands_alone(node);
        let Some(server) = self.server_mut(node) else { return };
        if server.service {
            return;
        }
        server.service = true;
        server.formed = false;
        server.truth.cluster_service = (!alone).then_some(true);
        if let Some(cluster) = self.cluster_of(node).cloned() {
            windows::joined(self, &cluster, node);
        }
    }

    /// Stops a node's cluster service, cleanly.
    pub(crate) fn stop_service(&mut self, node: &ServerId) {
        let alone = self.stands_alone(node);
        if let Some(server) = self.server_mut(node) {
            server.service = false;
            server.formed = false;
            server.truth.cluster_service = (!alone).then_some(false);
        }
    }

    /// Takes a node's power. What ran there is gone; what lies on its disks stays.
    pub(crate) fn power_off(&mut self, node: &ServerId) {
        let pacemaker = self
            .cluster_of(node)
            .and_then(|c| self.cluster(c))
            .is_some_and(|c| c.truth.kind == ClusterKind::Pacemaker);
        self.kill_installer(node);
        let Some(server) = self.server_mut(node) else { return };
        // A Pacemaker node that leaves without a word has to be fenced before its groups may start elsewhere.
        server.lost |= pacemaker && server.service && server.power;
        server.power = false;
        server.service = false;
        server.formed = false;
    }

    /// Starts a node's system.
    pub(crate) fn boot(&mut self, node: &ServerId) {
        let starts = self.starts_by_itself(node);
        let alone = self.stands_alone(node);
        let Some(server) = self.server_mut(node) else { return };
        server.power = true;
        server.cut_off = false;
        server.lost = false;
        server.service = false;
        server.formed = false;
        // A snapshot that was taken from another world may hold an id that this one would give again.
        let before = server.truth.boot.take();
        while server.truth.boot.is_none() || server.truth.boot == before {
            server.boots += 1;
            server.truth.boot = Some(BootId(format!("{node}, start {}", server.boots)));
        }
        server.truth.reached = true;
        server.truth.unreached_why = None;
        server.truth.cluster_service = (!alone).then_some(false);
        if server.truth.restart_pending.is_some() {
            server.truth.restart_pending = Some(false);
        }
        if starts {
            self.start_service(node);
        }
    }
}
