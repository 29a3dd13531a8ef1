//! The shape of plans, as transcripts: the expectation stands above each, and what is printed is what it means.

mod testkit;

use kaketsugi_estate::{ReleaseState, ServerId};
use kaketsugi_plan::{Action, Phase, Plan, ReasonKind};
use testkit::{Pacemaker, exchange, id, pacemaker};

fn plan(kit: &Pacemaker) -> Plan {
    kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap()
}

/// What happens to nodes and groups, without preparation and closing.
fn body(plan: &Plan) -> String {
    let mut lines = Vec::new();
    for step in &plan.steps {
        let line = match &step.action {
            Action::Drain { node, .. } => format!("drain {node}"),
            Action::Pause { node, .. } => format!("pause {node}"),
            Action::Readmit { node, .. } => format!("readmit {node}"),
            Action::Move { group, to, proof, .. } => {
                format!("move {group} to {to}{}", if *proof { " as proof" } else { "" })
            }
            Action::TakeOffline { group, .. } => format!("offline {group}"),
            Action::UpgradeGroup { group, node, .. } => format!("upgrade {group} on {node}"),
            Action::BringOnline { group, node, .. } => format!("online {group} on {node}"),
            Action::StopService { node, .. } => format!("stop {node}"),
            Action::StartService { node, .. } => format!("start {node}"),
            Action::Install { node, release } => format!("install {release} on {node}"),
            Action::Optimize { node } => format!("optimize {node}"),
            Action::Restart { node } => format!("restart {node}"),
            Action::Soak { node, .. } => format!("soak {node}"),
            Action::Attest { .. }
            | Action::Stage { .. }
            | Action::Quiet { .. }
            | Action::PutBack { .. }
            | Action::Verify { .. } => continue,
        };
        lines.push(if step.when.is_some() { format!("{line}, if asked") } else { line });
    }
    lines.join("\n")
}

/// How often each group is interrupted: serving, not serving.
fn interruptions(plan: &Plan, group: &str) -> usize {
    plan.steps
        .iter()
        .flat_map(|s| &s.interrupts)
        .filter(|i| i.group.as_str() == group && matches!(i.phase, Phase::Whole | Phase::Begins))
        .count()
}

#[test]
fn three_nodes_one_group() {
    // The empty nodes first; the node that carries mail last, so that mail moves once, onto a patched node.
    let plan = plan(&pacemaker(&["n1", "n2", "n3"], &[("mail", "n1")]));
    insta::assert_snapshot!(body(&plan), @r"
    drain n2
    install debian-updates on n2
    stop n2, if asked
    restart n2, if asked
    start n2
    readmit n2
    drain n3
    install debian-updates on n3
    stop n3, if asked
    restart n3, if asked
    start n3
    readmit n3
    drain n1
    soak n2
    install debian-updates on n1
    stop n1, if asked
    restart n1, if asked
    start n1
    readmit n1
    ");
    assert_eq!(interruptions(&plan, "mail"), 1);
}

#[test]
fn service_pack_on_a_two_node_exchange_cluster() {
    // KB 328839, Exchange Server 2003, clustered servers, steps 2 to 17, with node 1 and node 2 as the document has
    // them: the virtual server is on the other node.
    let plan = plan(&exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1")], "exchange-2003-sp2"));
    insta::assert_snapshot!(body(&plan), @r"
    stop NODE2
    install exchange-2003-sp2 on NODE2
    restart NODE2, if asked
    offline EVS1
    start NODE2
    move EVS1 to NODE2
    upgrade EVS1 on NODE2
    online EVS1 on NODE2
    move Cluster Group to NODE2
    soak NODE2
    stop NODE1
    install exchange-2003-sp2 on NODE1
    restart NODE1, if asked
    start NODE1
    move EVS1 to NODE1 as proof
    ");
    assert_eq!(interruptions(&plan, "EVS1"), 2);
}

#[test]
fn hotfix_on_a_two_node_exchange_cluster() {
    // The same way without the upgrade of the virtual server (step 11: with a hotfix go on with step 12).
    let plan = plan(&exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE2")], "exchange-2003-kb916803"));
    insta::assert_snapshot!(body(&plan), @r"
    move Cluster Group to NODE2
    stop NODE1
    install exchange-2003-kb916803 on NODE1
    restart NODE1, if asked
    offline EVS1
    start NODE1
    move EVS1 to NODE1
    online EVS1 on NODE1
    move Cluster Group to NODE1
    soak NODE1
    stop NODE2
    install exchange-2003-kb916803 on NODE2
    restart NODE2, if asked
    start NODE2
    move EVS1 to NODE2 as proof
    ");
}

#[test]
fn groups_on_every_node() {
    // No free node: the groups of the first are interrupted twice, all others once.
    let groups = [("a", "n1"), ("b", "n2"), ("c", "n2"), ("d", "n3"), ("e", "n3")];
    let plan = plan(&pacemaker(&["n1", "n2", "n3"], &groups));
    let counts: Vec<usize> = groups.iter().map(|(g, _)| interruptions(&plan, g)).collect();
    assert_eq!(counts, [2, 1, 1, 1, 1], "{}", body(&plan));
}

#[test]
fn two_plans_of_the_same_snapshot_are_the_same() {
    let kit = pacemaker(&["n1", "n2", "n3"], &[("mail", "n1")]);
    assert_eq!(plan(&kit).hash(), plan(&kit).hash());
}

#[test]
fn exchange_5_5_active_first() {
    // E55-CLU-ACTIVE-FIRST: the active node where its group is, once nothing else is there and no fail-over can take the
    // group away; then the passive one, with its cluster service stopped; then the optimizer, where the group is.
    let plan = plan(&exchange(&["NODE1", "NODE2"], &[("EX", "NODE1")], "exchange-5.5-sp4"));
    insta::assert_snapshot!(body(&plan), @r"
    move Cluster Group to NODE2
    pause NODE2
    install exchange-5.5-sp4 on NODE1
    move Cluster Group to NODE1
    soak NODE1
    stop NODE2
    install exchange-5.5-sp4 on NODE2
    start NODE2
    readmit NODE2
    optimize NODE1
    ");
    assert_eq!(interruptions(&plan, "EX"), 2);
    let install = plan.steps.iter().find(|s| matches!(s.action, Action::Install { .. })).unwrap();
    for rule in ["E55-CLU-ACTIVE-FIRST", "E55-CLU-INTERRUPTION", "ALL-CLU-STORE", "ALL-SERVICES-STOP"] {
        assert!(install.cites.iter().any(|cited| cited == rule), "{rule}: {:?}", install.cites);
    }
}

/// Where the group goes home in the end, what the optimizer sets goes with it.
#[test]
fn exchange_5_5_whose_group_goes_home() {
    let mut kit = exchange(&["NODE1", "NODE2"], &[("EX", "NODE1")], "exchange-5.5-sp4");
    kit.estate.policy.home = Some(kaketsugi_estate::Home::Preferred);
    let groups = &mut kit.snapshot.clusters.values_mut().next().unwrap().groups;
    groups.get_mut(&id::<kaketsugi_estate::GroupId>("EX")).unwrap().placement.scores.insert(id("NODE2"), 1);
    let plan = plan(&kit);
    assert_eq!(kaketsugi_lint::lint(&plan), []);
    assert!(body(&plan).ends_with("optimize NODE1\nmove EX to NODE2"), "{}", body(&plan));
    let last = plan.steps.iter().rev().find(|s| matches!(&s.action, Action::Verify { target: kaketsugi_plan::Target::Node(n) } if n.as_str() == "NODE1"));
    let looks =
        last.unwrap().expects.iter().any(|c| matches!(c, kaketsugi_plan::Condition::Optimized { .. }));
    assert!(looks, "the last look asks for it");
}

/// ALL-SCOPE: said of the server, and nothing is refused.
#[test]
fn a_standard_edition_on_a_cluster_is_flagged() {
    let mut kit = exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1")], "exchange-2003-sp2");
    let flagged = |kit: &Pacemaker| {
        let reasons = plan(kit).reasons.into_iter();
        reasons
            .filter(|r| r.kind == ReasonKind::StandardOnCluster)
            .map(|r| r.server.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(flagged(&kit), [""; 0]);
    let node = kit.estate.servers.get_mut(&id::<ServerId>("NODE2")).unwrap();
    node.roles.push(kaketsugi_estate::Role::StandardEdition);
    assert_eq!(flagged(&kit), ["NODE2"]);
    let said = kaketsugi_plan::render::runbook_text(&plan(&kit), 100);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains("Standard Edition") && said.contains("- ALL-SCOPE (KB 328839, properties; required)"),
        "{said}"
    );
}

/// Whatever the nodes are called, and from a state where one of them is done.
#[test]
fn exchange_5_5_from_half_way() {
    let mut kit = exchange(&["NODE1", "NODE2"], &[("EX", "NODE2")], "exchange-5.5-sp4");
    let order = |plan: &Plan| {
        plan.steps
            .iter()
            .filter(|s| matches!(s.action, Action::Install { .. }))
            .map(|s| s.action.node().unwrap().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(order(&plan(&kit)), ["NODE2", "NODE1"]);
    let active = kit.snapshot.servers.get_mut(&id::<ServerId>("NODE2")).unwrap();
    active.releases.insert(kit.payload.id.clone(), ReleaseState::Installed);
    active.optimized = Some(false);
    let half_way = plan(&kit);
    insta::assert_snapshot!(body(&half_way), @r"
    pause NODE1
    move Cluster Group to NODE2
    soak NODE2
    stop NODE1
    install exchange-5.5-sp4 on NODE1
    start NODE1
    readmit NODE1
    optimize NODE2
    ");
    // Its set-up was cut off: it is completed where its group is, and before anything else.
    let active = kit.snapshot.servers.get_mut(&id::<ServerId>("NODE2")).unwrap();
    active.releases.insert(kit.payload.id.clone(), ReleaseState::Partial);
    assert_eq!(order(&plan(&kit)), ["NODE2", "NODE1"]);
}

#[test]
fn exchange_2000_active_passive() {
    // E00-AP-PASSIVE-FIRST: the passive node; then everything moves to it, while the old store is kept from what the new one
    // has upgraded; then the other node, passive now. It ends there: nothing goes back, and nothing has to prove itself.
    let plan = plan(&exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1")], "exchange-2000-sp3"));
    insta::assert_snapshot!(body(&plan), @r"
    stop NODE2
    install exchange-2000-sp3 on NODE2
    restart NODE2, if asked
    start NODE2
    pause NODE1
    move EVS1 to NODE2
    move Cluster Group to NODE2
    soak NODE2
    stop NODE1
    install exchange-2000-sp3 on NODE1
    restart NODE1, if asked
    start NODE1
    readmit NODE1
    ");
    assert_eq!(interruptions(&plan, "EVS1"), 1);
}

#[test]
fn exchange_2000_active_active() {
    // E00-AA-CONSOLIDATE: all on one node, the free one is patched, all move to it, then the other.
    let plan =
        plan(&exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1"), ("EVS2", "NODE2")], "exchange-2000-sp3"));
    insta::assert_snapshot!(body(&plan), @r"
    move EVS2 to NODE1
    stop NODE2
    install exchange-2000-sp3 on NODE2
    restart NODE2, if asked
    start NODE2
    pause NODE1
    move EVS1 to NODE2
    move EVS2 to NODE2
    move Cluster Group to NODE2
    soak NODE2
    stop NODE1
    install exchange-2000-sp3 on NODE1
    restart NODE1, if asked
    start NODE1
    readmit NODE1
    ");
    assert_eq!((interruptions(&plan, "EVS1"), interruptions(&plan, "EVS2")), (1, 2));
}

#[test]
fn exchange_2000_on_four_nodes() {
    // Each virtual server moves once, onto a patched node; until then every node with the old store is paused.
    let nodes = ["NODE1", "NODE2", "NODE3", "NODE4"];
    let groups = [("EVS1", "NODE1"), ("EVS2", "NODE2"), ("EVS3", "NODE3")];
    let plan = plan(&exchange(&nodes, &groups, "exchange-2000-sp3"));
    insta::assert_snapshot!(body(&plan), @r"
    stop NODE4
    install exchange-2000-sp3 on NODE4
    restart NODE4, if asked
    start NODE4
    pause NODE1
    pause NODE2
    pause NODE3
    move EVS2 to NODE4
    stop NODE2
    install exchange-2000-sp3 on NODE2
    restart NODE2, if asked
    start NODE2
    readmit NODE2
    move EVS3 to NODE2
    stop NODE3
    install exchange-2000-sp3 on NODE3
    restart NODE3, if asked
    start NODE3
    readmit NODE3
    move EVS1 to NODE3
    move Cluster Group to NODE2
    soak NODE2
    stop NODE1
    install exchange-2000-sp3 on NODE1
    restart NODE1, if asked
    start NODE1
    readmit NODE1
    ");
    for group in ["EVS1", "EVS2", "EVS3"] {
        assert_eq!(interruptions(&plan, group), 1, "{group}");
    }
}
