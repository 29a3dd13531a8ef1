//! Balanced front ends: out of their pool together, or one after the other (E03-FE-TOGETHER, E00-FE-FIRST).

mod testkit;

use kaketsugi_estate::{GroupState, NodeState, ReleaseState, ResourceState, Role, ServerId, Waiver};
use kaketsugi_plan::render::{outages, risks, runbook_text};
use kaketsugi_plan::{Action, Actor, Condition, Phase, Plan, ReasonKind, Step};
use testkit::{Pacemaker, alone, id, pooled};

const FRONT: &[Role] = &[Role::FrontEnd];
const SP2: &str = "exchange-2003-sp2";
const HOTFIX: &str = "exchange-2003-kb916803";

fn plan(kit: &Pacemaker) -> Plan {
    kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap()
}

/// The order of E03-FE-TOGETHER, by [`course`].
const TOGETHER: [&str; 10] = [
    "out FE1",
    "out FE2",
    "out FE3!",
    "install FE1",
    "install FE2",
    "install FE3",
    "in FE1.",
    "in FE2",
    "in FE3",
    "install BE1!.",
];

/// Three servers of a pool, and one behind them.
fn estate(release: &str, out: &[&str]) -> Pacemaker {
    let servers: &[(&str, &[Role])] = &[("BE1", &[]), ("FE1", FRONT), ("FE2", FRONT), ("FE3", FRONT)];
    pooled(alone(servers, release), "owa", &["FE1", "FE2", "FE3"], out)
}

/// Sets a server to the release.
fn patched(kit: &mut Pacemaker, server: &str) {
    let release = kit.payload.id.clone();
    let seen = kit.snapshot.servers.get_mut(&id::<ServerId>(server)).unwrap();
    seen.releases.insert(release, ReleaseState::Installed);
}

/// What is done to servers, in order: `out FE1`, `install FE1`, with `!` where the pool's users are cut off from then on,
/// and `.` where they are served again.
fn course(plan: &Plan) -> Vec<String> {
    let line = |step: &Step| {
        let (verb, node) = match &step.action {
            Action::Drain { node, .. } => ("out", node),
            Action::Readmit { node, .. } => ("in", node),
            Action::Install { node, .. } => ("install", node),
            _ => return None,
        };
        let has = |phase| step.interrupts.iter().any(|i| i.phase == phase);
        let mark = match (has(Phase::Begins), has(Phase::Ends), has(Phase::Whole)) {
            (true, ..) => "!",
            (_, true, _) => ".",
            (_, _, true) => "!.",
            _ => "",
        };
        Some(format!("{verb} {node}{mark}"))
    };
    plan.steps.iter().filter_map(line).collect()
}

fn reasons(plan: &Plan, server: &str) -> Vec<ReasonKind> {
    plan.reasons.iter().filter(|r| r.server.as_str() == server).map(|r| r.kind.clone()).collect()
}

#[test]
fn all_are_out_before_the_first_is_upgraded_and_in_after_the_last() {
    let plan = plan(&estate(SP2, &[]));
    assert_eq!(course(&plan), TOGETHER);
    assert_eq!(
        plan.section,
        "KB 328839, Exchange Server 2003, stand-alone servers; front-end and back-end servers; load-balanced front-end \
         servers"
    );
    assert!(reasons(&plan, "FE2").contains(&ReasonKind::PoolTogether { pool: id("owa") }));
    assert!(!reasons(&plan, "FE2").contains(&ReasonKind::StandsAlone), "its users aren't cut off by that");
    // Every user of the pool is told, and until the end.
    for step in &plan.steps {
        let named: Vec<&str> = step.interrupts.iter().map(|i| i.group.as_str()).collect();
        match &step.action {
            Action::Install { node, .. } | Action::Restart { node } if node.as_str() != "BE1" => {
                assert_eq!(named, ["FE1", "FE2", "FE3"], "{}", step.id);
                assert!(step.interrupts.iter().all(|i| i.phase == Phase::LastsOn), "{}", step.id);
            }
            _ => {}
        }
    }
}

#[test]
fn what_each_step_waits_for() {
    let plan = plan(&estate(SP2, &[]));
    let out = |server: &str| Condition::NodeState {
        cluster: id(server),
        node: id(server),
        state: NodeState::Standby,
    };
    let find = |wanted: &dyn Fn(&Action) -> bool| plan.steps.iter().find(|s| wanted(&s.action)).unwrap();
    let install = find(&|a| matches!(a, Action::Install { node, .. } if node.as_str() == "FE1"));
    for mate in ["FE1", "FE2", "FE3"] {
        assert!(install.requires.contains(&out(mate)), "{mate}");
    }
    let restart = find(&|a| matches!(a, Action::Restart { node } if node.as_str() == "FE2"));
    assert!(restart.expects.contains(&out("FE2")), "whatever took it out has to outlive the restart");
    let back = find(&|a| matches!(a, Action::Readmit { .. }));
    for mate in ["FE1", "FE2", "FE3"] {
        let done = Condition::Installed { node: id(mate), release: plan.payload.id.clone() };
        assert!(back.requires.contains(&done), "{mate}");
    }
    assert!(
        back.requires.iter().any(|c| matches!(c, Condition::Healthy { .. })),
        "it serves before anybody is sent"
    );
    assert!(back.cites.iter().any(|rule| rule == "E03-FE-TOGETHER"));
}

#[test]
fn of_2000_one_after_the_other_and_nobody_is_cut_off() {
    let plan = plan(&estate("exchange-2000-sp3", &[]));
    let expected = [
        "out FE1",
        "install FE1",
        "in FE1",
        "out FE2",
        "install FE2",
        "in FE2",
        "out FE3",
        "install FE3",
        "in FE3",
        "install BE1!.",
    ];
    assert_eq!(course(&plan), expected);
    assert!(reasons(&plan, "FE2").contains(&ReasonKind::PoolOneByOne { pool: id("owa") }));
}

/// For hotfixes the rule is a recommendation.
#[test]
fn a_waiver_lets_a_hotfix_go_round_the_pool() {
    let mut kit = estate(HOTFIX, &[]);
    assert!(course(&plan(&kit))[..3] == ["out FE1", "out FE2", "out FE3!"]);
    kit.estate.policy.waivers.push(Waiver {
        rule: "E03-FE-TOGETHER".into(),
        by: "K. Sato".into(),
        reason: "no scripts in it".into(),
    });
    let release = kaketsugi_knowledge::releases().resolve(HOTFIX).unwrap();
    kit.payload = kaketsugi_planner::from_catalogue(&release, &kit.estate).unwrap();
    assert_eq!(course(&plan(&kit))[..3], ["out FE1", "install FE1", "in FE1"]);
    // Of a service pack it is required.
    let sp2 = kaketsugi_knowledge::releases().resolve(SP2).unwrap();
    assert!(kaketsugi_planner::from_catalogue(&sp2, &kit.estate).unwrap().alike_in_pools);
}

/// A pool that was found with two versions: the old ones go out, and the new one serves alone meanwhile.
#[test]
fn half_of_them_upgraded_already() {
    let mut kit = estate(SP2, &[]);
    patched(&mut kit, "FE2");
    let expected = ["out FE1", "out FE3", "install FE1", "install FE3", "in FE1", "in FE3", "install BE1!."];
    assert_eq!(course(&plan(&kit)), expected);
}

/// Somebody has taken it out, and nobody here knows why.
#[test]
fn one_that_was_found_out_stays_out() {
    let kit = estate(SP2, &["FE2"]);
    let plan = plan(&kit);
    let expected = [
        "out FE1",
        "out FE3!",
        "install FE1",
        "install FE2",
        "install FE3",
        "in FE1.",
        "in FE3",
        "install BE1!.",
    ];
    assert_eq!(course(&plan), expected);
    assert!(reasons(&plan, "FE2").contains(&ReasonKind::StaysOut { pool: id("owa") }));
    let end = plan.steps.iter().rfind(|s| s.id.as_str() == "verify/cluster FE2/1").unwrap();
    let out = Condition::NodeState { cluster: id("FE2"), node: id("FE2"), state: NodeState::Standby };
    assert!(end.expects.contains(&out), "{:?}", end.expects);
}

/// With nobody in it, the pool serves nobody: an earlier run was given up half-way.
#[test]
fn a_pool_that_nobody_is_in_is_brought_in() {
    let mut kit = estate(SP2, &["FE1", "FE2", "FE3"]);
    patched(&mut kit, "FE1");
    let plan = plan(&kit);
    let expected = ["install FE2", "install FE3", "in FE1.", "in FE2", "in FE3", "install BE1!."];
    assert_eq!(course(&plan), expected);
    assert!(reasons(&plan, "FE1").contains(&ReasonKind::PoolWasOut { pool: id("owa") }));
    assert!(!reasons(&plan, "FE2").contains(&ReasonKind::StaysInStandby), "it doesn't");
}

/// Everything is at the release, and the pool is all out: there is something to do all the same.
#[test]
fn only_the_pool_is_left_to_bring_in() {
    let mut kit = estate(SP2, &["FE1", "FE2", "FE3"]);
    for server in ["FE1", "FE2", "FE3", "BE1"] {
        patched(&mut kit, server);
    }
    assert_eq!(course(&plan(&kit)), ["in FE1.", "in FE2", "in FE3"]);
}

/// An install that was cut off has stopped what the server carries; in a pool of others nobody notices.
#[test]
fn a_half_done_server_of_a_pool() {
    let mut kit = estate(SP2, &[]);
    let release = kit.payload.id.clone();
    kit.snapshot
        .servers
        .get_mut(&id::<ServerId>("FE2"))
        .unwrap()
        .releases
        .insert(release, ReleaseState::Partial);
    for group in kit.snapshot.clusters.get_mut(&id("FE2")).unwrap().groups.values_mut() {
        group.resources.iter_mut().for_each(|r| r.state = ResourceState::Offline);
        group.state = GroupState::Offline;
    }
    let course = course(&plan(&kit));
    let mut sorted = (course.clone(), TOGETHER.map(str::to_owned).to_vec());
    sorted.0.sort();
    sorted.1.sort();
    assert_eq!(sorted.0, sorted.1, "{course:#?}");
}

#[test]
fn without_a_command_a_person_sees_to_the_balancer() {
    let mut kit = estate(SP2, &[]);
    let pool = kit.estate.pools.get_mut(&id("owa")).unwrap();
    (pool.out, pool.r#in) = (None, None);
    let plan = plan(&kit);
    let balanced = |s: &&Step| matches!(s.action, Action::Drain { .. } | Action::Readmit { .. });
    assert_eq!(plan.steps.iter().filter(balanced).count(), 6);
    for step in plan.steps.iter().filter(balanced) {
        assert_eq!(step.actor, Actor::Operator, "{}", step.id);
        let told = step.instruction.as_deref().unwrap();
        assert!(told.contains("the balancer of owa") && told.contains("FE"), "{told}");
    }
}

/// One server left in the pool: if it fails, nobody serves.
#[test]
fn the_last_one_in_is_exposed() {
    let plan = plan(&estate("exchange-2000-sp3", &["FE3"]));
    let install = |server: &str| {
        let is = |s: &&Step| matches!(&s.action, Action::Install { node, .. } if node.as_str() == server);
        plan.steps.iter().find(is).unwrap()
    };
    let exposed: Vec<String> =
        install("FE1").exposes.iter().map(|e| format!("{} {:?}", e.node, e.groups)).collect();
    assert_eq!(exposed, [r#"FE2 ["FE1", "FE2", "FE3"]"#]);
    assert_eq!(install("BE1").exposes, [], "two are in again");
}

/// Whoever signs reads of the pool's users, not of each server's.
#[test]
fn the_runbook_names_the_pool() {
    let plan = plan(&estate(SP2, &[]));
    let cut_off: Vec<(String, usize)> =
        outages(&plan).into_iter().map(|o| (o.group.to_string(), o.last - o.first)).collect();
    assert_eq!(cut_off.iter().map(|(group, _)| group.as_str()).collect::<Vec<_>>(), ["owa", "BE1", "BE1"]);
    let at_risk: Vec<String> = risks(&plan).iter().map(|r| format!("{} {}", r.group, r.node)).collect();
    assert_eq!(at_risk, ["owa FE1", "owa FE3"]);
    let text = runbook_text(&plan, 200);
    assert!(text.contains("owa once, about 2 h 5 min"), "{text}");
    assert!(
        text.contains("users of owa are cut off from here on") && !text.contains("users of FE1"),
        "{text}"
    );
    assert!(text.contains("if FE3 fails now, owa is down"), "{text}");
}
