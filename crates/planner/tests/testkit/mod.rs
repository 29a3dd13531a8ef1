//! Estates and snapshots for tests, a screen long.
#![expect(dead_code, reason = "not every test uses every estate")]

use std::collections::{BTreeMap, BTreeSet};

use kaketsugi_estate::*;
use kaketsugi_plan::{Content, Package, Payload, Plan, RestartNeed, ServiceNeed};

pub(crate) fn id<T: std::str::FromStr>(name: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    name.parse().unwrap()
}

fn server(product: Product, os: Os) -> Server {
    Server {
        address: Address { host: "192.0.2.1".into(), port: None },
        transport: TransportKind::Ssh,
        user: None,
        r#become: false,
        product,
        os,
        roles: vec![Role::Node],
    }
}

fn seen(release: &str, state: ReleaseState) -> ServerSeen {
    ServerSeen {
        reached: true,
        boot: Some(BootId("boot-1".into())),
        version: Some("12.1".into()),
        releases: BTreeMap::from([(id(release), state)]),
        cluster_service: Some(true),
        restart_pending: Some(false),
        installer_running: Some(false),
        settings: BTreeMap::from([(
            Setting::Unit("apt-daily.timer".into()),
            Some("active=active enabled=enabled".into()),
        )]),
        ..ServerSeen::default()
    }
}

/// A Pacemaker cluster: nodes by name, groups with their owners.
pub(crate) struct Pacemaker {
    pub(crate) estate: Estate,
    pub(crate) snapshot: Snapshot,
    pub(crate) payload: Payload,
}

pub(crate) fn pacemaker(nodes: &[&str], groups: &[(&str, &str)]) -> Pacemaker {
    let cluster: ClusterId = id("mail");
    let estate = Estate {
        name: "test".into(),
        servers: nodes.iter().map(|n| (id(n), server(Product::Debian, Os::Debian))).collect(),
        clusters: BTreeMap::from([(
            cluster.clone(),
            Cluster {
                kind: ClusterKind::Pacemaker,
                nodes: nodes.iter().map(|n| id(n)).collect(),
                groups: BTreeMap::new(),
            },
        )]),
        pools: Default::default(),
        policy: Policy::default(),
        evidence: Vec::new(),
        media: Vec::new(),
        access: kaketsugi_estate::Access::default(),
        rehearsal: Rehearsal::default(),
    };
    let group = |turn: usize, owner: &str| GroupSeen {
        role: GroupRole::Service,
        owner: Some(id(owner)),
        state: GroupState::Online,
        resources: vec![ResourceSeen {
            id: id(&format!("r{turn}")),
            kind: "ocf:heartbeat:IPaddr2".into(),
            state: ResourceState::Online,
            kept_online: false,
        }],
        placement: Placement {
            scores: nodes.iter().map(|n| (id(n), 0)).collect(),
            stickiness: 100,
            turn: u32::try_from(turn).unwrap(),
        },
        version: None,
        storage_groups: None,
        healthy: Some(true),
    };
    let snapshot = Snapshot {
        taken_at: Millis(1_000_000_000_000),
        servers: nodes.iter().map(|n| (id(n), seen("debian-updates", ReleaseState::Absent))).collect(),
        clusters: BTreeMap::from([(
            cluster,
            ClusterSeen {
                kind: ClusterKind::Pacemaker,
                nodes: nodes.iter().map(|n| (id(n), NodeSeen { state: NodeState::Online })).collect(),
                quorum: QuorumSeen {
                    has: Some(true),
                    two_node: nodes.len() == 2,
                    wait_for_all: nodes.len() == 2,
                },
                groups: groups.iter().enumerate().map(|(i, (g, o))| (id(g), group(i, o))).collect(),
                trouble: Vec::new(),
                configuration: Some("c0ffee".into()),
                lock: None,
                pool: None,
            },
        )]),
        evidence: Vec::new(),
    };
    let package = Package {
        name: "dovecot-core".into(),
        architecture: "amd64".into(),
        version: "2".into(),
        from: Some("1".into()),
        sha256: "0".repeat(64),
        size_bytes: 1,
        origin: "o=Debian".into(),
    };
    let payload = Payload {
        id: id("debian-updates"),
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
        content: Content::Packages(nodes.iter().map(|n| (id(n), vec![package.clone()])).collect()),
        first: Vec::new(),
        cites: Vec::new(),
    };
    Pacemaker { estate, snapshot, payload }
}

/// The product that a release is for, and the Windows below it.
fn platform(release: &kaketsugi_knowledge::Release) -> (Product, Os) {
    match release.product.as_str() {
        "exchange-2000" => (Product::Exchange2000, Os::Windows2000),
        "exchange-5.5" => (Product::Exchange55, Os::WindowsNt4),
        _ => (Product::Exchange2003, Os::Windows2003),
    }
}

/// An Exchange cluster on Windows, everything at what the release needs.
pub(crate) fn exchange(nodes: &[&str], groups: &[(&str, &str)], release: &str) -> Pacemaker {
    let cluster: ClusterId = id("CLUS1");
    let release = kaketsugi_knowledge::releases().resolve(release).unwrap().into_owned();
    let (product, os) = platform(&release);
    let estate = Estate {
        name: "test".into(),
        servers: nodes.iter().map(|n| (id(n), server(product, os))).collect(),
        clusters: BTreeMap::from([(
            cluster.clone(),
            Cluster {
                kind: ClusterKind::Windows,
                nodes: nodes.iter().map(|n| id(n)).collect(),
                groups: BTreeMap::new(),
            },
        )]),
        pools: Default::default(),
        policy: Policy::default(),
        evidence: Vec::new(),
        media: Vec::new(),
        access: kaketsugi_estate::Access::default(),
        rehearsal: Rehearsal::default(),
    };
    let payload = kaketsugi_planner::from_catalogue(&release, &estate).unwrap();
    // Of 2003 Service Pack 1, or what the release needs where that is more.
    let old = release.from.at_least;
    let version = match product {
        Product::Exchange2000 | Product::Exchange55 => old.to_string(),
        _ => old.max(kaketsugi_knowledge::Build::new(6, 5, 7226, 6)).to_string(),
    };
    let profile = kaketsugi_knowledge::profiles().get(product.as_str(), ClusterKind::Windows).unwrap();
    let resource = |name: &str, kind: &str| ResourceSeen {
        id: id(name),
        kind: kind.into(),
        state: ResourceState::Online,
        kept_online: profile.is_kept_online(kind),
    };
    let group = |name: &str, owner: &str| GroupSeen {
        role: GroupRole::Service,
        owner: Some(id(owner)),
        state: GroupState::Online,
        resources: vec![
            resource(&format!("{name} IP"), "IP Address"),
            resource(&format!("{name} Disk"), "Physical Disk"),
            resource(&format!("{name} Name"), "Network Name"),
            resource(&format!("{name} SA"), "Microsoft Exchange System Attendant"),
            resource(&format!("{name} IS"), "Microsoft Exchange Information Store"),
        ],
        placement: Placement { scores: nodes.iter().map(|n| (id(n), 0)).collect(), stickiness: 0, turn: 0 },
        version: Some(version.clone()),
        storage_groups: Some(1),
        healthy: None,
    };
    let cluster_group = GroupSeen {
        role: GroupRole::ClusterGroup,
        owner: Some(id(nodes[0])),
        state: GroupState::Online,
        resources: vec![
            resource("Cluster IP", "IP Address"),
            resource("MSDTC", "Distributed Transaction Coordinator"),
        ],
        placement: Placement { scores: nodes.iter().map(|n| (id(n), 0)).collect(), stickiness: 0, turn: 0 },
        version: None,
        storage_groups: None,
        healthy: None,
    };
    let mut all: BTreeMap<GroupId, GroupSeen> = groups.iter().map(|(g, o)| (id(g), group(g, o))).collect();
    all.insert(id("Cluster Group"), cluster_group);
    let mut servers: BTreeMap<ServerId, ServerSeen> =
        nodes.iter().map(|n| (id(n), seen(payload.id.as_str(), ReleaseState::Absent))).collect();
    for server in servers.values_mut() {
        server.version = Some(version.clone());
        server.optimized = (product == Product::Exchange55).then_some(true);
        server.connector = (product != Product::Exchange55).then_some(false);
        server.settings = BTreeMap::from([(Setting::Failback(id(groups[0].0)), Some("0".into()))]);
        for first in &payload.first {
            server.releases.insert(first.id.clone(), ReleaseState::Installed);
        }
    }
    let snapshot = Snapshot {
        taken_at: Millis(1_000_000_000_000),
        servers,
        clusters: BTreeMap::from([(
            cluster,
            ClusterSeen {
                kind: ClusterKind::Windows,
                nodes: nodes.iter().map(|n| (id(n), NodeSeen { state: NodeState::Online })).collect(),
                quorum: QuorumSeen { has: Some(true), two_node: false, wait_for_all: false },
                groups: all,
                trouble: Vec::new(),
                configuration: Some("c0ffee".into()),
                lock: None,
                pool: None,
            },
        )]),
        evidence: Vec::new(),
    };
    Pacemaker { estate, snapshot, payload }
}

/// The plan as a transcript: who does what, one line a step.
pub(crate) fn transcript(plan: &Plan) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        let when = step.when.as_ref().map(|w| format!(" when {w}")).unwrap_or_default();
        let down: BTreeSet<String> =
            step.interrupts.iter().map(|i| format!("{} {:?}", i.group, i.phase)).collect();
        let down = if down.is_empty() {
            String::new()
        } else {
            format!("  [{}]", down.into_iter().collect::<Vec<_>>().join(", "))
        };
        text.push_str(&format!("{} | {}{when}{down}\n", step.id, step.title));
    }
    text
}

/// Servers that stand alone, with their roles; everything at what the release needs.
pub(crate) fn alone(servers: &[(&str, &[Role])], release: &str) -> Pacemaker {
    let release = kaketsugi_knowledge::releases().resolve(release).unwrap().into_owned();
    let (product, os) = platform(&release);
    let version = release.from.at_least.to_string();
    let names: Vec<&str> = servers.iter().map(|(name, _)| *name).collect();
    let mut kit = exchange(&names, &[("unused", names[0])], "exchange-2003-sp2");
    (kit.estate.clusters, kit.snapshot.clusters) = (BTreeMap::new(), BTreeMap::new());
    for (name, roles) in servers {
        let server = kit.estate.servers.get_mut(&id::<ServerId>(name)).unwrap();
        (server.product, server.os, server.roles) = (product, os, roles.to_vec());
    }
    kit.payload = kaketsugi_planner::from_catalogue(&release, &kit.estate).unwrap();
    for name in names {
        let cluster = Cluster {
            kind: ClusterKind::StandAlone,
            nodes: vec![id(name)],
            groups: BTreeMap::from([(id(name), GroupEntry::default())]),
        };
        kit.estate.clusters.insert(id(name), cluster);
        kit.snapshot.clusters.insert(id(name), unit(name, &version));
        let seen = kit.snapshot.servers.get_mut(&id::<ServerId>(name)).unwrap();
        (seen.version, seen.cluster_service) = (Some(version.clone()), None);
        seen.settings = BTreeMap::new();
        seen.optimized = (product == Product::Exchange55).then_some(true);
        seen.connector = (product != Product::Exchange55).then_some(false);
        seen.releases = BTreeMap::from([(kit.payload.id.clone(), ReleaseState::Absent)]);
        seen.releases.extend(kit.payload.first.iter().map(|f| (f.id.clone(), ReleaseState::Installed)));
    }
    kit
}

fn unit(name: &str, version: &str) -> ClusterSeen {
    let service = |name: &str| ResourceSeen {
        id: id(name),
        kind: name.into(),
        state: ResourceState::Online,
        kept_online: false,
    };
    let group = GroupSeen {
        role: GroupRole::Service,
        owner: Some(id(name)),
        state: GroupState::Online,
        resources: ["SMTPSVC", "MSExchangeSA", "MSExchangeIS"].map(service).into(),
        placement: Placement { scores: BTreeMap::from([(id(name), 0)]), stickiness: 0, turn: 0 },
        version: Some(version.into()),
        storage_groups: None,
        healthy: None,
    };
    ClusterSeen {
        kind: ClusterKind::StandAlone,
        nodes: BTreeMap::from([(id(name), NodeSeen { state: NodeState::Online })]),
        quorum: QuorumSeen { has: Some(true), two_node: false, wait_for_all: false },
        groups: BTreeMap::from([(id(name), group)]),
        trouble: Vec::new(),
        configuration: Some("c0ffee".into()),
        lock: None,
        pool: None,
    }
}

/// Balances these servers in a pool; of those that are named as out, the balancer gives no requests to.
pub(crate) fn pooled(mut kit: Pacemaker, pool: &str, servers: &[&str], out: &[&str]) -> Pacemaker {
    let entry = Pool {
        servers: servers.iter().map(|name| id(name)).collect(),
        state: r"C:\balancer\state.cmd".into(),
        out: Some(r"C:\balancer\out.cmd".into()),
        r#in: Some(r"C:\balancer\in.cmd".into()),
    };
    kit.estate.pools.insert(id(pool), entry);
    for name in servers {
        let seen = kit.snapshot.clusters.get_mut(&id::<ClusterId>(name)).unwrap();
        seen.pool = Some(id(pool));
        let state = if out.contains(name) { NodeState::Standby } else { NodeState::Online };
        seen.nodes.insert(id(name), NodeSeen { state });
    }
    kit
}

/// What one estate has, and another, in one: of the release that both are for.
pub(crate) fn together(mut one: Pacemaker, other: Pacemaker) -> Pacemaker {
    one.estate.servers.extend(other.estate.servers);
    one.estate.clusters.extend(other.estate.clusters);
    one.estate.pools.extend(other.estate.pools);
    one.snapshot.servers.extend(other.snapshot.servers);
    one.snapshot.clusters.extend(other.snapshot.clusters);
    one
}
