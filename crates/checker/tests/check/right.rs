//! Plans that are right are safe: one written by hand, with its numbers pinned, and those that the planner makes for
//! healthy estates.

use kaketsugi_checker::{Bounds, Ending, FaultKind, Outcome, Verdict, check};
use kaketsugi_plan::{Plan, ServiceNeed};

use crate::planned;
use crate::testkit;

/// A front end and a back end that both stand alone, as the planner plans them.
pub(crate) fn stand_alone(release: &str) -> Plan {
    let front: &[kaketsugi_estate::Role] = &[kaketsugi_estate::Role::FrontEnd];
    let kit = planned::alone(&[("BE1", &[]), ("FE1", front)], release);
    kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap()
}

/// Two front ends of a pool, as the planner plans them; of those that are named as out, the balancer gives none requests.
pub(crate) fn balanced(release: &str, out: &[&str]) -> Plan {
    let front: &[kaketsugi_estate::Role] = &[kaketsugi_estate::Role::FrontEnd];
    let kit = planned::alone(&[("FE1", front), ("FE2", front)], release);
    let kit = planned::pooled(kit, "owa", &["FE1", "FE2"], out);
    kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap()
}

/// A cluster of Exchange, as the planner plans it: virtual servers with the nodes that have them.
pub(crate) fn clustered(nodes: &[&str], groups: &[(&str, &str)], release: &str) -> Plan {
    let kit = planned::exchange(nodes, groups, release);
    kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap()
}

fn safe(plan: &Plan) -> Verdict {
    let verdict = check(plan, &Bounds::default());
    if let Outcome::Violation(trace) = &verdict.outcome {
        panic!("{trace}");
    }
    assert_eq!(verdict.outcome, Outcome::Safe);
    verdict
}

/// What every exploration must have shown, whatever the plan.
pub(crate) fn shows_enough(verdict: &Verdict) {
    let ends = verdict.coverage.ends();
    for end in [Ending::Finished, Ending::FinishedAfterResume, Ending::Restored] {
        assert!(ends.contains_key(&end), "no run {end}");
    }
    for (step, kind, moment, cell) in verdict.coverage.cells() {
        let filled = cell.places > 0;
        assert_ne!(
            filled,
            cell.empty.is_some(),
            "{step}, {kind}, {moment}: a cell is filled or says why not"
        );
        if filled {
            assert!(!cell.ends.is_empty(), "{step}, {kind}, {moment}: a fault leads to some end");
            assert!(cell.ends_with_crashes.is_superset(&cell.ends), "{step}, {kind}, {moment}");
        }
        if filled && kind == FaultKind::None {
            assert!(cell.crashes > 0, "{step}: crashed at every step");
            assert!(cell.ends.contains(&Ending::Finished), "{step}");
        }
    }
}

/// A change of what is explored is noticed here. The numbers may change with the run machine, the world or the faults;
/// then somebody looks why.
#[test]
fn a_plan_by_hand_with_its_numbers() {
    let verdict = safe(&testkit::by_hand());
    shows_enough(&verdict);
    let coverage = &verdict.coverage;
    assert_eq!((verdict.states, verdict.transitions), (3974, 6660));
    assert_eq!((coverage.faults(), coverage.crashes()), (298, 57));
}

#[test]
fn three_nodes_of_debian() {
    let verdict = safe(&testkit::debian(&["n1", "n2", "n3"], ServiceNeed::Either));
    shows_enough(&verdict);
}

#[test]
fn two_nodes_of_debian_with_the_stack_stopped() {
    let verdict = safe(&testkit::debian(&["n1", "n2"], ServiceNeed::Stopped));
    shows_enough(&verdict);
}

#[test]
fn the_service_pack_of_exchange_2003() {
    let verdict = safe(&testkit::exchange("exchange-2003-sp2"));
    shows_enough(&verdict);
}

#[test]
fn a_hotfix_of_exchange_2003() {
    let verdict = safe(&testkit::exchange("exchange-2003-kb916803"));
    shows_enough(&verdict);
}

/// E55-CLU-ACTIVE-FIRST, with the passive node paused by the plan, or found so: nothing goes wrong when a node fails while
/// the databases are upgraded.
#[test]
fn clusters_of_exchange_5_5() {
    let mut paused = planned::exchange(&["N1", "N2"], &[("EX", "N1")], "exchange-5.5-sp4");
    let nodes = &mut paused.snapshot.clusters.values_mut().next().unwrap().nodes;
    nodes.get_mut(&testkit::id("N2")).unwrap().state = kaketsugi_estate::NodeState::Standby;
    // What a paused node has it keeps.
    let groups = &mut paused.snapshot.clusters.values_mut().next().unwrap().groups;
    groups.get_mut(&testkit::id("Cluster Group")).unwrap().owner = Some(testkit::id("N2"));
    let plan = kaketsugi_planner::plan(&paused.estate, &paused.snapshot, &paused.payload).unwrap();
    assert_eq!(kaketsugi_lint::lint(&plan), []);
    safe(&plan);

    for owner in ["N1", "N2"] {
        let plan = clustered(&["N1", "N2"], &[("EX", owner)], "exchange-5.5-sp4");
        assert_eq!(kaketsugi_lint::lint(&plan), [], "{owner}");
        let verdict = safe(&plan);
        shows_enough(&verdict);
        assert!(verdict.states > 9_000, "{}", verdict.states);
    }
}

/// E55-CLU-ACTIVE-FIRST, begun by somebody else: the active node has it, or has it by half; or the optimizer is left.
#[test]
fn a_cluster_of_exchange_5_5_that_was_found_half_way() {
    use kaketsugi_estate::ReleaseState::{Installed, Partial};
    for (state, optimized) in [(Installed, true), (Installed, false), (Partial, false)] {
        let mut kit = planned::exchange(&["N1", "N2"], &[("EX", "N1")], "exchange-5.5-sp4");
        let active = kit.snapshot.servers.get_mut(&testkit::id("N1")).unwrap();
        active.releases.insert(kit.payload.id.clone(), state);
        active.optimized = Some(optimized);
        if state == Partial {
            // Set-up had taken it offline, and didn't come to bringing it online again.
            let group = kit.snapshot.clusters.values_mut().find_map(|c| c.groups.get_mut(&testkit::id("EX")));
            let group = group.unwrap();
            group.state = kaketsugi_estate::GroupState::Offline;
            group.resources.iter_mut().for_each(|r| r.state = kaketsugi_estate::ResourceState::Offline);
        }
        let plan = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap();
        assert_eq!(kaketsugi_lint::lint(&plan), [], "{state:?}");
        safe(&plan);
        let runs_it = plan.steps.iter().any(|step| step.action.name() == "optimize");
        assert_eq!(runs_it, !optimized, "{state:?}");
    }
}

/// Both nodes were cut off: the one that has the group goes on first.
#[test]
fn a_cluster_of_exchange_5_5_where_both_nodes_were_cut_off() {
    let mut kit = planned::exchange(&["N1", "N2"], &[("EX", "N1")], "exchange-5.5-sp4");
    for seen in kit.snapshot.servers.values_mut() {
        seen.releases.insert(kit.payload.id.clone(), kaketsugi_estate::ReleaseState::Partial);
        seen.optimized = Some(false);
    }
    let groups = &mut kit.snapshot.clusters.values_mut().next().unwrap().groups;
    let group = groups.get_mut(&testkit::id("EX")).unwrap();
    group.state = kaketsugi_estate::GroupState::Offline;
    group.resources.iter_mut().for_each(|r| r.state = kaketsugi_estate::ResourceState::Offline);
    let plan = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap();
    assert_eq!(kaketsugi_lint::lint(&plan), []);
    let installs = plan.steps.iter().filter(|step| step.action.name() == "install");
    let installs: Vec<_> = installs.filter_map(|step| step.action.node()).map(|n| n.as_str()).collect();
    assert_eq!(installs, ["N1", "N2"]);
    safe(&plan);
}

/// E00-AP-PASSIVE-FIRST and E00-AA-CONSOLIDATE; nothing goes wrong when a node fails while the databases are upgraded.
#[test]
fn clusters_of_exchange_2000() {
    for release in ["exchange-2000-sp3", "exchange-2000-kb870540"] {
        for groups in [&[("EVS1", "N1")][..], &[("EVS1", "N1"), ("EVS2", "N2")]] {
            let plan = clustered(&["N1", "N2"], groups, release);
            assert_eq!(kaketsugi_lint::lint(&plan), [], "{release} {groups:?}");
            shows_enough(&safe(&plan));
        }
    }
}

#[test]
fn three_nodes_of_exchange_2000() {
    let plan = clustered(&["N1", "N2", "N3"], &[("EVS1", "N1"), ("EVS2", "N2")], "exchange-2000-sp3");
    assert_eq!(kaketsugi_lint::lint(&plan), []);
    shows_enough(&safe(&plan));
}

/// One node was patched before, and EVS1 is on it: whoever fails there now brings upgraded databases to the old store. The
/// plan can't undo that, says so, and ends it before anything else.
#[test]
fn a_cluster_of_exchange_2000_that_was_found_half_way() {
    for nodes in [&["N1", "N2"][..], &["N1", "N2", "N3"]] {
        let mut kit = planned::exchange(nodes, &[("EVS1", "N2")], "exchange-2000-sp3");
        let patched = kit.snapshot.servers.get_mut(&testkit::id("N2")).unwrap();
        patched.releases.insert(kit.payload.id.clone(), kaketsugi_estate::ReleaseState::Installed);
        let plan = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap();
        assert_eq!(plan.steps[0].action.name(), "pause");
        assert_eq!(kaketsugi_lint::lint(&plan), []);
        let verdict = safe(&plan);
        let said: Vec<&str> = verdict.found_so.iter().map(String::as_str).collect();
        assert!(said.iter().all(|what| what.contains("opened data of EVS1")), "{said:#?}");
        assert!(said.iter().any(|what| what.contains("N2 loses its power")), "{said:#?}");
        // A run that was given up has paused the old ones: each is let in again when it is patched.
        let mut held = kit;
        let cluster = held.snapshot.clusters.values_mut().next().unwrap();
        for node in nodes.iter().filter(|node| **node != "N2") {
            cluster.nodes.get_mut(&testkit::id(node)).unwrap().state = kaketsugi_estate::NodeState::Standby;
        }
        let second = kaketsugi_planner::plan(&held.estate, &held.snapshot, &held.payload).unwrap();
        let names: Vec<&str> = second.steps.iter().map(|step| step.action.name()).collect();
        assert!(!names.contains(&"pause"), "{names:?}");
        assert_eq!(names.iter().filter(|name| **name == "readmit").count(), nodes.len() - 1, "{names:?}");
        assert_eq!(kaketsugi_lint::lint(&second), []);
        assert!(safe(&second).found_so.is_empty());
        // Of a plan that does anything else first it is held against the plan.
        let mut late = plan.clone();
        let install = testkit::find(&late, "stop-service", "N1");
        testkit::shift(&mut late, install, 0);
        assert!(!check(&late, &Bounds::default()).is_safe(), "{nodes:?}");
    }
    assert!(safe(&clustered(&["N1", "N2"], &[("EVS1", "N1")], "exchange-2000-sp3")).found_so.is_empty());
}

/// A power cut amid a service pack: what needs no Exchange runs again, the store doesn't. And a hotfix that was cut off,
/// with everything running; and a cluster service that nobody uses.
#[test]
fn servers_as_power_cuts_leave_them() {
    use kaketsugi_estate::{GroupState, ReleaseState, ResourceState};
    for (release, still) in [("exchange-2003-sp2", 2), ("exchange-2003-kb916803", 0)] {
        let mut kit = planned::alone(&[("A", &[]), ("B", &[])], release);
        let id = kit.payload.id.clone();
        for seen in kit.snapshot.servers.values_mut() {
            seen.cluster_service = Some(false);
            seen.releases.insert(id.clone(), ReleaseState::Partial);
        }
        for unit in kit.snapshot.clusters.values_mut() {
            for group in unit.groups.values_mut() {
                group.resources.iter_mut().rev().take(still).for_each(|r| r.state = ResourceState::Offline);
                group.state = if still > 0 { GroupState::Partial } else { GroupState::Online };
            }
        }
        let plan = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap();
        assert_eq!(kaketsugi_lint::lint(&plan), [], "{release}");
        safe(&plan);
    }
}

/// E03-FE-TOGETHER; one after the other with Exchange 2000 (E00-FE-FIRST).
#[test]
fn servers_of_a_pool() {
    for release in ["exchange-2003-sp2", "exchange-2003-kb916803", "exchange-2000-sp3"] {
        shows_enough(&safe(&balanced(release, &[])));
    }
    safe(&balanced("exchange-2003-sp2", &["FE2"]));
    safe(&balanced("exchange-2003-sp2", &["FE1", "FE2"]));
    // With a cluster service that nobody uses, as Enterprise Edition brings it.
    let mut plan = balanced("exchange-2003-sp2", &[]);
    plan.snapshot.servers.values_mut().for_each(|seen| seen.cluster_service = Some(false));
    assert_eq!(kaketsugi_lint::lint(&plan), []);
}

#[test]
fn servers_that_stand_alone() {
    for release in [
        "exchange-2003-sp2",
        "exchange-2003-kb916803",
        "exchange-2003-kb889528",
        "exchange-2000-sp3",
        "exchange-5.5-sp4",
    ] {
        shows_enough(&safe(&stand_alone(release)));
    }
}

/// A front end, a back end and a cluster behind it: a look for a step sees no more than what the step names.
#[test]
fn a_mixed_estate() {
    let release = "exchange-2003-sp2";
    let front: &[kaketsugi_estate::Role] = &[kaketsugi_estate::Role::FrontEnd];
    let alone = planned::alone(&[("FE1", front)], release);
    let kit = planned::together(planned::exchange(&["N1", "N2"], &[("EVS1", "N1")], release), alone);
    let plan = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap();
    shows_enough(&safe(&plan));
}

/// Everything is there already: a plan without a step is no plan that was tried too little.
#[test]
fn a_plan_without_a_step() {
    let mut plan = testkit::exchange("exchange-2003-kb916803");
    let release = plan.payload.id.clone();
    for server in plan.snapshot.servers.values_mut() {
        server.releases.insert(release.clone(), kaketsugi_estate::ReleaseState::Installed);
    }
    plan.steps.clear();
    let verdict = safe(&plan);
    assert!(verdict.states > 0 && verdict.coverage.faults() == 0);
}

#[test]
fn the_same_plan_gives_the_same_verdict() {
    let plan = testkit::exchange("exchange-2003-kb916803");
    let (first, second) = (safe(&plan), safe(&plan));
    assert_eq!(serde_json::to_string(&first).unwrap(), serde_json::to_string(&second).unwrap());
    let read: Verdict = serde_json::from_str(&serde_json::to_string(&first).unwrap()).unwrap();
    assert_eq!(read, first);
}

/// States that are taken for one go on alike: it makes no difference which of them was come upon first.
#[test]
fn the_order_of_the_exploration_makes_no_difference() {
    for plan in [
        testkit::exchange("exchange-2003-kb916803"),
        testkit::exchange("exchange-2003-sp2"),
        testkit::debian(&["n1", "n2", "n3"], ServiceNeed::Either),
        stand_alone("exchange-2003-sp2"),
        balanced("exchange-2003-sp2", &[]),
        clustered(&["N1", "N2", "N3"], &[("EVS1", "N1"), ("EVS2", "N2")], "exchange-2000-sp3"),
        clustered(&["N1", "N2"], &[("EX", "N1")], "exchange-5.5-sp4"),
    ] {
        let verdict = safe(&plan);
        let depth_first = kaketsugi_checker::count_depth_first(&plan, &Bounds::default());
        assert_eq!(depth_first, Some((verdict.states, verdict.transitions)), "{}", plan.payload.id);
    }
}

#[test]
fn more_states_than_the_bound_allows_are_said() {
    let plan = testkit::exchange("exchange-2003-kb916803");
    let verdict = check(&plan, &Bounds { states_max: 500, ..Bounds::default() });
    assert_eq!(verdict.outcome, Outcome::OverBound);
    assert!(!verdict.is_safe());
}

#[test]
fn without_faults_only_crashes_are_explored() {
    let plan = testkit::debian(&["n1", "n2", "n3"], ServiceNeed::Either);
    let verdict = check(&plan, &Bounds { faults_max: 0, ..Bounds::default() });
    assert_eq!(verdict.outcome, Outcome::Safe);
    assert_eq!(verdict.coverage.faults(), 0);
    assert!(verdict.coverage.crashes() > 100, "{}", verdict.coverage.crashes());
    assert_eq!(verdict.needs_new_plan.len(), 0, "a crash alone never needs one");
}

/// From wherever a run can stop, repaired and restored, the planner finds a way to the goal.
#[test]
fn whatever_a_stopped_run_leaves_behind_can_be_planned_from() {
    for plan in [
        testkit::exchange("exchange-2003-kb916803"),
        testkit::exchange("exchange-2003-sp2"),
        testkit::debian(&["n1", "n2"], ServiceNeed::Stopped),
        testkit::debian(&["n1", "n2", "n3"], ServiceNeed::Either),
        stand_alone("exchange-2003-sp2"),
        stand_alone("exchange-2003-kb916803"),
        balanced("exchange-2003-sp2", &[]),
        balanced("exchange-2000-sp3", &[]),
        clustered(&["N1", "N2"], &[("EVS1", "N1")], "exchange-2000-sp3"),
        clustered(&["N1", "N2"], &[("EVS1", "N1"), ("EVS2", "N2")], "exchange-2000-sp3"),
        clustered(&["N1", "N2", "N3"], &[("EVS1", "N1"), ("EVS2", "N2")], "exchange-2000-sp3"),
        clustered(&["N1", "N2"], &[("EX", "N1")], "exchange-5.5-sp4"),
        stand_alone("exchange-5.5-sp4"),
    ] {
        let replan = |now: &kaketsugi_estate::Snapshot| match kaketsugi_planner::plan(
            &plan.estate,
            now,
            &plan.payload,
        ) {
            Ok(plan) => match kaketsugi_lint::lint(&plan).first() {
                Some(objection) => Err(objection.to_string()),
                None => Ok((!plan.steps.is_empty()).then_some(plan)),
            },
            Err(refused) => Err(format!("{:#?}", refused.findings)),
        };
        let verdict = kaketsugi_checker::check_with(&plan, &Bounds::default(), &replan);
        if let Outcome::Violation(trace) = &verdict.outcome {
            panic!("{trace}");
        }
    }
}
