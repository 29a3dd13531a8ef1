//! Two small estates, and what is installed on them.

use std::collections::{BTreeMap, BTreeSet};

use kaketsugi_estate::{
    Address, Cluster, ClusterId, ClusterKind, ClusterSeen, Estate, GroupId, GroupRole, GroupSeen, GroupState,
    Millis, NodeSeen, NodeState, Os, Placement, Policy, Product, QuorumSeen, Rehearsal, ReleaseId,
    ReleaseState, ResourceId, ResourceSeen, ResourceState, Role, Server, ServerId, ServerSeen, Setting,
    Snapshot, TransportKind,
};
use kaketsugi_plan::{Content, Media, Package, Payload, RestartNeed, ServiceNeed};

pub(crate) fn server(name: &str) -> ServerId {
    ServerId::new(name).unwrap()
}

pub(crate) fn group(name: &str) -> GroupId {
    GroupId::new(name).unwrap()
}

pub(crate) fn release(name: &str) -> ReleaseId {
    ReleaseId::new(name).unwrap()
}

/// The one cluster of either estate.
pub(crate) fn cluster() -> ClusterId {
    ClusterId::new("c1").unwrap()
}

fn estate(nodes: &[&str], kind: ClusterKind, product: Product, os: Os) -> Estate {
    let servers = nodes.iter().map(|node| {
        let server = Server {
            address: Address { host: (*node).to_owned(), port: None },
            transport: TransportKind::Ssh,
            user: None,
            r#become: true,
            product,
            os,
            roles: vec![Role::Node],
        };
        (self::server(node), server)
    });
    let nodes = nodes.iter().map(|n| server(n)).collect();
    Estate {
        name: "test".into(),
        servers: servers.collect(),
        clusters: BTreeMap::from([(cluster(), Cluster { kind, nodes, groups: BTreeMap::new() })]),
        pools: Default::default(),
        policy: Policy::default(),
        evidence: Vec::new(),
        media: Vec::new(),
        access: kaketsugi_estate::Access::default(),
        rehearsal: Rehearsal::default(),
    }
}

fn seen(kind: ClusterKind, nodes: &[&str], groups: Vec<(&str, GroupSeen)>) -> ClusterSeen {
    ClusterSeen {
        kind,
        nodes: nodes.iter().map(|n| (server(n), NodeSeen { state: NodeState::Online })).collect(),
        quorum: QuorumSeen { has: Some(true), two_node: false, wait_for_all: false },
        groups: groups.into_iter().map(|(id, g)| (group(id), g)).collect(),
        trouble: Vec::new(),
        configuration: Some("as-it-was".into()),
        lock: None,
        pool: None,
    }
}

fn one_group(role: GroupRole, owner: &str, nodes: &[&str], resources: &[(&str, &str, bool)]) -> GroupSeen {
    GroupSeen {
        role,
        owner: Some(server(owner)),
        state: GroupState::Online,
        resources: resources
            .iter()
            .map(|(id, kind, kept_online)| ResourceSeen {
                id: ResourceId::new(*id).unwrap(),
                kind: (*kind).to_owned(),
                state: ResourceState::Online,
                kept_online: *kept_online,
            })
            .collect(),
        placement: Placement {
            scores: nodes.iter().map(|n| (server(n), 0)).collect(),
            stickiness: 100,
            ..Placement::default()
        },
        version: None,
        storage_groups: None,
        healthy: Some(true),
    }
}

fn server_seen(releases: &[(&str, ReleaseState)], settings: &[(Setting, Option<&str>)]) -> ServerSeen {
    ServerSeen {
        reached: true,
        cluster_service: Some(true),
        restart_pending: Some(false),
        installer_running: Some(false),
        releases: releases.iter().map(|(id, state)| (release(id), *state)).collect(),
        settings: settings.iter().map(|(s, v)| (s.clone(), v.map(str::to_owned))).collect(),
        staged: BTreeSet::new(),
        ..ServerSeen::default()
    }
}

/// Three nodes, a mail group on n1 and a fencing device on n2.
pub(crate) fn pacemaker() -> (Estate, Snapshot) {
    let nodes = ["n1", "n2", "n3"];
    let mail = [("store", "ocf:heartbeat:Filesystem", false), ("address", "ocf:heartbeat:IPaddr2", false)];
    let groups = vec![
        ("mail", one_group(GroupRole::Service, "n1", &nodes, &mail)),
        ("fence", one_group(GroupRole::Fencing, "n2", &nodes, &[("fence", "stonith:fence_lab", false)])),
    ];
    let settings = [
        (Setting::Standby, None),
        (Setting::Unit("apt-daily.timer".into()), Some("active=active enabled=enabled")),
        (Setting::PolicyRcD, None),
    ];
    let snapshot = Snapshot {
        taken_at: Millis(1_700_000_000_000),
        servers: nodes
            .iter()
            .map(|n| (server(n), server_seen(&[("debian-updates", ReleaseState::Absent)], &settings)))
            .collect(),
        clusters: BTreeMap::from([(cluster(), seen(ClusterKind::Pacemaker, &nodes, groups))]),
        evidence: Vec::new(),
    };
    (estate(&nodes, ClusterKind::Pacemaker, Product::Debian, Os::Debian), snapshot)
}

/// Two nodes, EVS1 and the cluster group on EXN1.
pub(crate) fn exchange(version: &str) -> (Estate, Snapshot) {
    let nodes = ["EXN1", "EXN2"];
    let evs = [
        ("EVS1 IP", "IP Address", true),
        ("EVS1 Disk", "Physical Disk", true),
        ("EVS1 Name", "Network Name", true),
        ("EVS1 SA", "Microsoft Exchange System Attendant", false),
        ("EVS1 IS", "Microsoft Exchange Information Store", false),
    ];
    let quorum = [("Disk Q", "Physical Disk", true), ("MSDTC", "Distributed Transaction Coordinator", false)];
    let mut evs = one_group(GroupRole::Service, "EXN1", &nodes, &evs);
    evs.version = Some(version.to_owned());
    evs.storage_groups = Some(1);
    let groups =
        vec![("EVS1", evs), ("Cluster Group", one_group(GroupRole::ClusterGroup, "EXN1", &nodes, &quorum))];
    let releases = ["exchange-2003-sp2", "exchange-2003-kb916803", "windows-2003-kb831464"];
    let settings = [
        (Setting::Failback(group("EVS1")), Some("1")),
        (Setting::Service("ClusSvc".into()), Some("automatic running")),
    ];
    let releases: Vec<_> = releases.iter().map(|r| (*r, ReleaseState::Absent)).collect();
    let snapshot = Snapshot {
        taken_at: Millis(1_700_000_000_000),
        servers: nodes
            .iter()
            .map(|n| {
                let seen = server_seen(&releases, &settings);
                (server(n), ServerSeen { version: Some(version.to_owned()), connector: Some(false), ..seen })
            })
            .collect(),
        clusters: BTreeMap::from([(cluster(), seen(ClusterKind::Windows, &nodes, groups))]),
        evidence: Vec::new(),
    };
    (estate(&nodes, ClusterKind::Windows, Product::Exchange2003, Os::Windows2003), snapshot)
}

/// One Debian package on each node.
pub(crate) fn packages() -> Payload {
    let package = Package {
        name: "dovecot-core".into(),
        architecture: "amd64".into(),
        version: "1:2.3.19.1+dfsg1-2.1+deb12u1".into(),
        from: Some("1:2.3.19.1+dfsg1-2.1".into()),
        sha256: "0".repeat(64),
        size_bytes: 1,
        origin: "o=Debian".into(),
    };
    Payload {
        id: release("debian-updates"),
        title: "Debian updates".into(),
        product: Product::Debian,
        service_pack: false,
        one_way: false,
        group_upgrade: false,
        of_system: false,
        alike_in_pools: false,
        front_ends_first: false,
        in_place: false,
        optimizer: false,
        service: ServiceNeed::Either,
        restart: RestartNeed::IfAsked,
        to_build: None,
        command: None,
        instruction: String::new(),
        content: Content::Packages(["n1", "n2", "n3"].map(|n| (server(n), vec![package.clone()])).into()),
        first: Vec::new(),
        cites: Vec::new(),
    }
}

pub(crate) fn media(id: &str, title: &str, cite: &str) -> Payload {
    Payload {
        id: release(id),
        title: title.to_owned(),
        product: Product::Exchange2003,
        service_pack: false,
        one_way: false,
        group_upgrade: false,
        of_system: false,
        alike_in_pools: false,
        front_ends_first: false,
        in_place: false,
        optimizer: false,
        service: ServiceNeed::Stopped,
        restart: RestartNeed::IfAsked,
        to_build: None,
        command: Some("install.exe /quiet".into()),
        instruction: "run it".into(),
        content: Content::Media(vec![Media { path: r"D:\install.exe".into(), sha256: "0".repeat(64) }]),
        first: Vec::new(),
        cites: vec![cite.to_owned()],
    }
}

/// The IIS fix that comes first.
fn fix() -> Payload {
    Payload {
        service: ServiceNeed::Either,
        restart: RestartNeed::Always,
        ..media("windows-2003-kb831464", "IIS fix", "KB831464")
    }
}

/// Service Pack 2 of Exchange Server 2003.
pub(crate) fn sp2() -> Payload {
    Payload {
        service_pack: true,
        one_way: true,
        group_upgrade: true,
        to_build: Some("6.5.7638.2".into()),
        command: None,
        first: vec![fix()],
        ..media("exchange-2003-sp2", "Exchange Server 2003 SP2", "KB328839")
    }
}

/// A hotfix for it.
pub(crate) fn hotfix() -> Payload {
    Payload { first: vec![fix()], ..media("exchange-2003-kb916803", "MS06-019", "MS06-019") }
}
