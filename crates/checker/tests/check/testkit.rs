//! Estates for tests, and the plans that the planner makes of them, to be broken on purpose.

use std::collections::{BTreeMap, BTreeSet};

use kaketsugi_estate::*;
use kaketsugi_plan::{
    Action, Actor, Condition, Content, Exposure, Interruption, Package, Payload, Phase, Plan, Recovery,
    RestartNeed, ServiceNeed, Step, StepId, Target,
};

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

fn seen(release: &ReleaseId, settings: &[(Setting, &str)]) -> ServerSeen {
    ServerSeen {
        reached: true,
        boot: Some(BootId("boot-1".into())),
        version: Some("1".into()),
        releases: BTreeMap::from([(release.clone(), ReleaseState::Absent)]),
        cluster_service: Some(true),
        restart_pending: Some(false),
        connector: Some(false),
        installer_running: Some(false),
        settings: settings.iter().map(|(s, v)| (s.clone(), Some((*v).to_owned()))).collect(),
        ..ServerSeen::default()
    }
}

fn estate(kind: ClusterKind, product: Product, os: Os, nodes: &[&str]) -> Estate {
    Estate {
        name: "test".into(),
        servers: nodes.iter().map(|n| (id(n), server(product, os))).collect(),
        clusters: BTreeMap::from([(
            id("c"),
            Cluster { kind, nodes: nodes.iter().map(|n| id(n)).collect(), groups: BTreeMap::new() },
        )]),
        pools: Default::default(),
        policy: Policy::default(),
        evidence: Vec::new(),
        media: Vec::new(),
        access: kaketsugi_estate::Access::default(),
        rehearsal: Rehearsal::default(),
    }
}

fn resource(name: &str, kind: &str, kept_online: bool) -> ResourceSeen {
    ResourceSeen { id: id(name), kind: kind.into(), state: ResourceState::Online, kept_online }
}

fn group(nodes: &[&str], owner: &str, role: GroupRole, turn: u32, resources: Vec<ResourceSeen>) -> GroupSeen {
    GroupSeen {
        role,
        owner: Some(id(owner)),
        state: GroupState::Online,
        resources,
        placement: Placement {
            scores: nodes.iter().map(|n| (id(n), 0)).collect(),
            stickiness: if role == GroupRole::Service { 100 } else { 0 },
            turn,
        },
        version: None,
        storage_groups: None,
        healthy: None,
    }
}

fn snapshot(
    kind: ClusterKind,
    nodes: &[&str],
    groups: BTreeMap<GroupId, GroupSeen>,
    server: &ServerSeen,
) -> Snapshot {
    let two = kind == ClusterKind::Pacemaker && nodes.len() == 2;
    Snapshot {
        taken_at: Millis(1_000_000_000_000),
        servers: nodes.iter().map(|n| (id(n), server.clone())).collect(),
        clusters: BTreeMap::from([(
            id("c"),
            ClusterSeen {
                kind,
                nodes: nodes.iter().map(|n| (id(n), NodeSeen { state: NodeState::Online })).collect(),
                quorum: QuorumSeen { has: Some(true), two_node: two, wait_for_all: two },
                groups,
                trouble: Vec::new(),
                configuration: Some("c0ffee".into()),
                lock: None,
                pool: None,
            },
        )]),
        evidence: Vec::new(),
    }
}

/// Debian updates on a Pacemaker cluster with a fencing device and one group, `mail`, on the first node.
pub(crate) fn debian(nodes: &[&str], service: ServiceNeed) -> Plan {
    debian_with(nodes, &["mail"], service)
}

/// The same with any number of groups, the first on the first node and so on around.
pub(crate) fn debian_with(nodes: &[&str], groups: &[&str], service: ServiceNeed) -> Plan {
    let release: ReleaseId = id("debian-updates");
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
        id: release.clone(),
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
        service,
        restart: RestartNeed::IfAsked,
        to_build: None,
        command: None,
        instruction: String::new(),
        content: Content::Packages(nodes.iter().map(|n| (id(n), vec![package.clone()])).collect()),
        first: Vec::new(),
        cites: Vec::new(),
    };
    let fence =
        group(nodes, nodes[1], GroupRole::Fencing, 0, vec![resource("fence", "stonith:fence_lab", false)]);
    let mut all = BTreeMap::from([(id("fence"), fence)]);
    for (turn, (name, owner)) in (1..).zip(groups.iter().zip(nodes.iter().cycle())) {
        let resources = vec![
            resource(&format!("{name}-fs"), "ocf:heartbeat:Filesystem", false),
            resource(&format!("{name}-ip"), "ocf:heartbeat:IPaddr2", false),
        ];
        all.insert(id(name), group(nodes, owner, GroupRole::Service, turn, resources));
    }
    let timer = (Setting::Unit("apt-daily.timer".into()), "active=active enabled=enabled");
    let snapshot = snapshot(ClusterKind::Pacemaker, nodes, all, &seen(&release, &[timer]));
    let estate = estate(ClusterKind::Pacemaker, Product::Debian, Os::Debian, nodes);
    plan(&estate, &snapshot, &payload)
}

/// An Exchange 2003 release on a two-node cluster, EVS1 and the cluster group on the first node.
pub(crate) fn exchange(release: &str) -> Plan {
    let nodes = ["n1", "n2"];
    let estate = estate(ClusterKind::Windows, Product::Exchange2003, Os::Windows2003, &nodes);
    let release = kaketsugi_knowledge::releases().resolve(release).unwrap().into_owned();
    let payload = kaketsugi_planner::from_catalogue(&release, &estate).unwrap();
    let version = release.from.at_least.max(kaketsugi_knowledge::Build::new(6, 5, 7226, 6)).to_string();
    let evs = vec![
        resource("EVS1 IP", "IP Address", true),
        resource("EVS1 Disk", "Physical Disk", true),
        resource("EVS1 Name", "Network Name", true),
        resource("EVS1 SA", "Microsoft Exchange System Attendant", false),
        resource("EVS1 IS", "Microsoft Exchange Information Store", false),
    ];
    let quorum = vec![
        resource("Cluster IP", "IP Address", true),
        resource("MSDTC", "Distributed Transaction Coordinator", false),
    ];
    let mut evs = group(&nodes, "n1", GroupRole::Service, 0, evs);
    evs.version = Some(version.clone());
    let groups = BTreeMap::from([
        (id("EVS1"), evs),
        (id("Cluster Group"), group(&nodes, "n1", GroupRole::ClusterGroup, 0, quorum)),
    ]);
    let mut server = seen(&payload.id, &[(Setting::Failback(id("EVS1")), "1")]);
    server.version = Some(version);
    for first in &payload.first {
        server.releases.insert(first.id.clone(), ReleaseState::Installed);
    }
    let snapshot = snapshot(ClusterKind::Windows, &nodes, groups, &server);
    plan(&estate, &snapshot, &payload)
}

fn plan(estate: &Estate, snapshot: &Snapshot, payload: &Payload) -> Plan {
    kaketsugi_planner::plan(estate, snapshot, payload)
        .unwrap_or_else(|why| panic!("{why}: {:#?}", why.findings))
}

/// The place of the first step of this kind on this node or group.
pub(crate) fn find(plan: &Plan, name: &str, target: &str) -> usize {
    plan.steps
        .iter()
        .position(|s| s.action.name() == name && target_of(&s.action).contains(target))
        .unwrap_or_else(|| panic!("no step `{name}` on {target}"))
}

fn target_of(action: &Action) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    names.extend(action.node().map(ToString::to_string));
    if let kaketsugi_plan::Target::Group(_, group) = action.target() {
        names.insert(group.to_string());
    }
    names
}

/// Moves a step to another place, and makes the order of the list the order of the steps again.
pub(crate) fn shift(plan: &mut Plan, from: usize, to: usize) {
    let step = plan.steps.remove(from);
    plan.steps.insert(to, step);
    chain(plan);
}

/// Takes a step out.
pub(crate) fn remove(plan: &mut Plan, at: usize) -> Step {
    let step = plan.steps.remove(at);
    chain(plan);
    step
}

fn chain(plan: &mut Plan) {
    let mut before: Option<StepId> = None;
    for step in &mut plan.steps {
        step.after = before.into_iter().collect();
        before = Some(step.id.clone());
    }
}

/// A careless plan: no step requires anything, so that only the checker is left to object.
pub(crate) fn careless(plan: &mut Plan) {
    for step in &mut plan.steps {
        step.requires.clear();
    }
}

/// Two nodes of Debian updates, written by hand: no planner has a part in it.
pub(crate) fn by_hand() -> Plan {
    let mut plan = debian(&["n1", "n2"], ServiceNeed::Either);
    plan.payload.restart = RestartNeed::Never;
    plan.steps = ["n2", "n1"].into_iter().flat_map(one_node_by_hand).collect();
    let mut last = step_by_hand(Action::Verify { target: Target::Cluster(id("c")) });
    last.expects = vec![Condition::Healthy { cluster: id("c"), group: id("mail") }];
    for node in ["n1", "n2"] {
        last.expects.push(Condition::NodeState {
            cluster: id("c"),
            node: id(node),
            state: NodeState::Online,
        });
        last.expects.push(Condition::Installed { node: id(node), release: id("debian-updates") });
    }
    plan.steps.push(last);
    for (step, node) in plan.steps.iter_mut().zip(["n1", "n1", "n1", "n2", "n2", "n2"]) {
        // While one node is out, the other one's failure takes the group down.
        step.exposes = vec![Exposure { node: id(node), groups: vec![id("mail")] }];
    }
    let cut = Interruption { cluster: id("c"), group: id("mail"), phase: Phase::Whole, expected_seconds: 10 };
    plan.steps[3].interrupts = vec![cut];
    for settings in plan.snapshot.servers.values_mut() {
        settings.staged = BTreeSet::from([id("debian-updates")]);
    }
    chain(&mut plan);
    plan
}

fn one_node_by_hand(name: &'static str) -> [Step; 3] {
    let (cluster, node, release) =
        (id::<ClusterId>("c"), id::<ServerId>(name), id::<ReleaseId>("debian-updates"));
    let is = |state| Condition::NodeState { cluster: cluster.clone(), node: node.clone(), state };
    let mut drain = step_by_hand(Action::Drain { cluster: cluster.clone(), node: node.clone() });
    drain.requires = vec![
        Condition::OthersOnline { cluster: cluster.clone(), except: vec![node.clone()] },
        Condition::NoTrouble { cluster: cluster.clone() },
    ];
    drain.expects =
        vec![is(NodeState::Standby), Condition::NodeEmpty { cluster: cluster.clone(), node: node.clone() }];
    let mut install = step_by_hand(Action::Install { node: node.clone(), release: release.clone() });
    install.requires = vec![Condition::NodeEmpty { cluster: cluster.clone(), node: node.clone() }];
    install.expects = vec![Condition::Installed { node: node.clone(), release: release.clone() }];
    install.recovery = Recovery::ForwardOnly;
    let mut readmit = step_by_hand(Action::Readmit { cluster: cluster.clone(), node: node.clone() });
    readmit.requires = vec![Condition::Installed { node: node.clone(), release }];
    readmit.expects = vec![is(NodeState::Online)];
    [drain, install, readmit]
}

fn step_by_hand(action: Action) -> Step {
    let on = action.node().map_or("c", ServerId::as_str);
    Step {
        id: StepId::new(format!("{}/{on}", action.name())),
        title: format!("{} on {on}", action.name()),
        action,
        actor: Actor::Machine,
        instruction: None,
        after: Vec::new(),
        when: None,
        requires: Vec::new(),
        expects: Vec::new(),
        cites: Vec::new(),
        interrupts: Vec::new(),
        exposes: Vec::new(),
        recovery: Recovery::Redo,
        point_of_no_return: false,
        unreachable: Vec::new(),
        expected_seconds: 5,
        timeout_seconds: 300,
    }
}
