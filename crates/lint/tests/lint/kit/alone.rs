//! Two servers that stand alone, one of them in front of the other.

use std::collections::BTreeMap;

use kaketsugi_estate::{
    Cluster, ClusterId, ClusterKind, ClusterSeen, Estate, EvidenceKind, GroupEntry, GroupSeen, GroupState,
    NodeSeen, NodeState, Pool, PoolId, ReleaseState, ResourceId, ResourceSeen, ResourceState, Role, Snapshot,
};
use kaketsugi_plan::{Payload, Phase, Plan};

use super::estates::{exchange, group, release, server, sp2};
use super::script::Script;

/// Both are servers, the second one a front end.
const SERVERS: [&str; 2] = ["BE1", "FE1"];

fn estate() -> (Estate, Snapshot) {
    servers(SERVERS, |name| name == "FE1")
}

/// Two servers that stand alone, some of them front ends.
fn servers(names: [&str; 2], front_end: impl Fn(&str) -> bool) -> (Estate, Snapshot) {
    let (mut estate, mut snapshot) = exchange("6.5.7226.6");
    let nodes = std::mem::take(&mut estate.servers).into_values();
    let seen = std::mem::take(&mut snapshot.servers).into_values();
    (estate.clusters, snapshot.clusters) = (BTreeMap::new(), BTreeMap::new());
    for ((name, mut node), mut seen) in names.into_iter().zip(nodes).zip(seen) {
        node.roles = if front_end(name) { vec![Role::FrontEnd] } else { Vec::new() };
        seen.cluster_service = None;
        seen.settings.clear();
        seen.releases.insert(release("windows-2003-kb831464"), ReleaseState::Installed);
        estate.servers.insert(server(name), node);
        snapshot.servers.insert(server(name), seen);
        let id = ClusterId::new(name).unwrap();
        let cluster = Cluster {
            kind: ClusterKind::StandAlone,
            nodes: vec![server(name)],
            groups: [(group(name), GroupEntry::default())].into(),
        };
        estate.clusters.insert(id.clone(), cluster);
        snapshot.clusters.insert(id, unit(name));
    }
    (estate, snapshot)
}

fn unit(name: &str) -> ClusterSeen {
    let services = ["MSExchangeSA", "MSExchangeIS"].map(|service| ResourceSeen {
        id: ResourceId::new(service).unwrap(),
        kind: service.into(),
        state: ResourceState::Online,
        kept_online: false,
    });
    let (_, snapshot) = exchange("6.5.7226.6");
    let (like, evs) = {
        let cluster = snapshot.clusters.into_values().next().unwrap();
        let evs = cluster.groups[&group("EVS1")].clone();
        (cluster, evs)
    };
    let carried = GroupSeen {
        owner: Some(server(name)),
        resources: services.into(),
        placement: kaketsugi_estate::Placement { scores: [(server(name), 0)].into(), ..evs.placement },
        storage_groups: None,
        ..evs
    };
    ClusterSeen {
        kind: ClusterKind::StandAlone,
        nodes: [(server(name), NodeSeen { state: NodeState::Online })].into(),
        groups: [(group(name), carried)].into(),
        ..like
    }
}

fn fixed() -> Payload {
    Payload { first: Vec::new(), ..sp2() }
}

/// Service Pack 2 on both, the front end first.
pub(crate) fn alone() -> Plan {
    let (estate, snapshot) = estate();
    written(estate, snapshot)
}

/// The same, begun on a front end whose installer was cut off: its services lie still.
pub(crate) fn alone_half_done() -> Plan {
    let (estate, mut snapshot) = estate();
    let seen = snapshot.servers.get_mut(&server("FE1")).unwrap();
    seen.releases.insert(release("exchange-2003-sp2"), ReleaseState::Partial);
    let unit = snapshot.clusters.get_mut(&ClusterId::new("FE1").unwrap()).unwrap();
    let carried = unit.groups.get_mut(&group("FE1")).unwrap();
    carried.state = GroupState::Offline;
    carried.resources.iter_mut().for_each(|r| r.state = ResourceState::Offline);
    written(estate, snapshot)
}

/// What comes before the first install.
fn begun(estate: Estate, snapshot: Snapshot, payload: Payload, names: [&str; 2]) -> Script {
    let mut s = Script::new(estate, snapshot, payload);
    s.attest_service_pack();
    for name in names {
        s.stage(name, "exchange-2003-sp2");
    }
    s
}

fn written(estate: Estate, snapshot: Snapshot) -> Plan {
    let mut s = begun(estate, snapshot, fixed(), SERVERS);
    for name in ["FE1", "BE1"] {
        s.install_in_place(name, "exchange-2003-sp2");
        s.restart_in_place(name);
        s.look(name);
    }
    s.attest(EvidenceKind::BackupAfter);
    for name in SERVERS {
        s.verify_node(name);
    }
    s.done("KB 328839, Exchange Server 2003, stand-alone servers")
}

const POOL: [&str; 2] = ["FE1", "FE2"];

/// Service Pack 2 on two front ends that are balanced: both are taken out, each is upgraded, both are brought in.
pub(crate) fn balanced() -> Plan {
    let (mut estate, mut snapshot) = servers(POOL, |_| true);
    let owa = PoolId::new("owa").unwrap();
    snapshot.clusters.values_mut().for_each(|seen| seen.pool = Some(owa.clone()));
    let pool = Pool {
        servers: POOL.map(server).to_vec(),
        state: "s".into(),
        out: Some("o".into()),
        r#in: Some("i".into()),
    };
    estate.pools.insert(owa, pool);
    let payload = Payload { alike_in_pools: true, ..fixed() };
    let mut s = begun(estate, snapshot, payload, POOL);
    s.balance("FE1", NodeState::Standby, &POOL, None);
    // One is left: if it fails, nobody serves the pool.
    s.exposed("FE2", &POOL);
    s.balance("FE2", NodeState::Standby, &POOL, Some(Phase::Begins));
    s.safe();
    for name in POOL {
        s.mend_balanced(name, "exchange-2003-sp2", &POOL, Some(Phase::LastsOn));
    }
    s.exposed("FE1", &POOL);
    s.balance("FE1", NodeState::Online, &POOL, Some(Phase::Ends));
    s.balance("FE2", NodeState::Online, &POOL, None);
    s.safe();
    s.attest(EvidenceKind::BackupAfter);
    for name in POOL {
        s.look(name);
        s.verify_node(name);
    }
    s.done("KB 328839, Exchange Server 2003, load-balanced front-end servers")
}
