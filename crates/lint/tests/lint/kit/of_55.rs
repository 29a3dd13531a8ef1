//! Service Pack 4 of Exchange 5.5 on two nodes.

use kaketsugi_estate::{EvidenceKind, NodeState, Os, Product, ReleaseState};
use kaketsugi_plan::{Action, Condition, Payload, Plan, ServiceNeed};

use super::estates::{cluster, exchange, group, media, release, server};
use super::script::Script;

const SP4: &str = "exchange-5.5-sp4";

/// EVS1 and the cluster group on EXN1: there first, with EVS1 where it is, and then the passive node (E55-CLU-ACTIVE-FIRST).
pub(crate) fn of_55() -> Plan {
    let (mut estate, mut snapshot) = exchange("5.5.2650.24");
    for server in estate.servers.values_mut() {
        (server.product, server.os) = (Product::Exchange55, Os::WindowsNt4);
    }
    for server in snapshot.servers.values_mut() {
        server.releases = [(release(SP4), ReleaseState::Absent)].into();
        server.optimized = Some(true);
    }
    for seen in snapshot.clusters.values_mut().flat_map(|cluster| cluster.groups.values_mut()) {
        (seen.version, seen.storage_groups) = (None, None);
        seen.resources.iter_mut().for_each(|resource| resource.kept_online = false);
    }
    let payload = Payload {
        service_pack: true,
        one_way: true,
        in_place: true,
        optimizer: true,
        service: ServiceNeed::Stopped,
        to_build: Some("5.5.2653.23".into()),
        command: None,
        product: Product::Exchange55,
        restart: kaketsugi_plan::RestartNeed::Never,
        ..media(SP4, "Exchange 5.5 SP4", "KB328839")
    };
    let mut s = Script::new(estate, snapshot, payload);
    s.attest_service_pack();
    for node in ["EXN1", "EXN2"] {
        s.stage(node, SP4);
        s.quiet(node);
    }
    s.move_group("Cluster Group", "EXN2");
    // From here on only EXN1 can have it.
    s.exposed("EXN1", &["EVS1"]);
    s.pause("EXN2");
    s.install_where_it_is("EXN1", "EVS1", SP4, "EXN2");
    s.verify_group("EVS1", false);
    s.move_group("Cluster Group", "EXN1");
    s.soak("EXN1", 60);
    s.stop("EXN2", false);
    s.install("EXN2", SP4);
    s.start("EXN2");
    s.readmit("EXN2");
    s.safe();
    s.optimize("EXN1", "EVS1");
    for node in ["EXN1", "EXN2"] {
        s.put_back(node);
    }
    s.attest(EvidenceKind::ExtrasUpdated);
    s.attest(EvidenceKind::BackupAfter);
    s.verify_group("EVS1", false);
    for node in ["EXN1", "EXN2"] {
        s.verify_node(node);
    }
    s.verify_cluster();
    s.done("KB 328839, Exchange Server 5.5, clustered servers")
}

impl Script {
    /// On a node of a cluster, where its group is, while the other one may not take it.
    fn install_where_it_is(&mut self, node: &str, id: &str, release: &str, other: &str) {
        self.install(node, release);
        let running = Condition::Service { node: server(node), running: true };
        self.change_last(|step| {
            step.requires.retain(|c| !matches!(c, Condition::NodeEmpty { .. } | Condition::Service { .. }));
            step.requires.extend([owner(id, node), running, paused(other)]);
        });
        self.cut_off(id);
    }

    fn optimize(&mut self, node: &str, id: &str) {
        let expects = vec![
            Condition::Optimized { node: server(node) },
            Condition::Healthy { cluster: cluster(), group: group(id) },
        ];
        self.by_hand(Action::Optimize { node: server(node) }, expects);
        self.change_last(|step| step.requires.push(owner(id, node)));
        self.cut_off(id);
    }
}

fn owner(id: &str, node: &str) -> Condition {
    Condition::Owner { cluster: cluster(), group: group(id), node: server(node) }
}

/// What a node is while nothing may fail over to it.
pub(crate) fn paused(node: &str) -> Condition {
    Condition::NodeState { cluster: cluster(), node: server(node), state: NodeState::Standby }
}
