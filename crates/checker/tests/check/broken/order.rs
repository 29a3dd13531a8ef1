//! The right steps in the wrong order, on the wrong node, or one of them missing.

use kaketsugi_checker::Broken;
use kaketsugi_estate::{NodeState, ResourceState, Setting};
use kaketsugi_plan::{Action, Condition, RestartNeed, ServiceNeed};
use kaketsugi_world::{Harm, UpgradeFlaw};

use super::{found, found_beside_exposures, harm, service_pack, three};
use crate::right::clustered;
use crate::testkit::{careless, debian, exchange, find, id, remove, shift};

#[test]
fn install_before_the_move() {
    let mut plan = three();
    careless(&mut plan);
    let (drain, install) = (find(&plan, "drain", "n1"), find(&plan, "install", "n1"));
    shift(&mut plan, install, drain);
    let trace = found(&plan, "install-on-carrier");
    let expected =
        Harm::InstalledUnderGroup { node: id("n1"), group: id("mail"), release: id("debian-updates") };
    assert_eq!(harm(&trace), &expected);
    let last = trace.sentences.last().unwrap();
    assert!(last.contains("Install Debian updates on n1"), "the trace ends with what did it: {last}");
}

#[test]
fn virtual_server_online_on_the_old_node() {
    let mut plan = service_pack();
    careless(&mut plan);
    // Straight after its upgrade on n2 it is moved to n1, which is not at the service pack yet.
    let online = find(&plan, "bring-online", "EVS1");
    let mut back = plan.steps[find(&plan, "move", "EVS1")].clone();
    back.id = kaketsugi_plan::StepId::new("too-early/EVS1");
    back.action = Action::Move { cluster: id("c"), group: id("EVS1"), to: id("n1"), proof: false };
    back.expects = vec![Condition::Owner { cluster: id("c"), group: id("EVS1"), node: id("n1") }];
    back.exposes = plan.steps[online].exposes.clone();
    back.interrupts = plan.steps[online].interrupts.clone();
    plan.steps.insert(online + 1, back);
    let trace = found(&plan, "upgrade-pinned");
    assert_eq!(trace.violation.step.as_ref().unwrap().as_str(), "too-early/EVS1", "{trace}");
}

#[test]
fn two_nodes_out_at_once() {
    let mut plan = three();
    careless(&mut plan);
    let first = plan.steps.iter().position(|s| s.action.name() == "readmit").unwrap();
    remove(&mut plan, first);
    let trace = found_beside_exposures(&mut plan, "outage-two-nodes");
    assert!(matches!(&trace.violation.broken, Broken::TwoOut { nodes, .. } if nodes.len() == 2), "{trace}");
}

#[test]
fn two_services_stopped_at_once_cost_the_quorum() {
    let mut plan = debian(&["n1", "n2", "n3"], ServiceNeed::Stopped);
    careless(&mut plan);
    let first = plan.steps.iter().position(|s| s.action.name() == "start-service").unwrap();
    let node = plan.steps[first].action.node().unwrap().clone();
    remove(&mut plan, first);
    // Nor is it let back in: it stays stopped, and drained.
    let readmit = find(&plan, "readmit", node.as_str());
    remove(&mut plan, readmit);
    // The restart would start it: this release asks for none.
    plan.payload.restart = RestartNeed::Never;
    plan.steps.retain(|s| !matches!(s.action, Action::Restart { .. }));
    let trace = found_beside_exposures(&mut plan, "outage-quorum");
    let by_us = matches!(&trace.violation.broken, Broken::TwoOut { .. } | Broken::QuorumLost { .. });
    assert!(by_us, "{trace}");
}

#[test]
fn service_not_stopped_before_the_installer() {
    let mut plan = service_pack();
    careless(&mut plan);
    let stop = find(&plan, "stop-service", "n2");
    remove(&mut plan, stop);
    let trace = found(&plan, "install-service-state");
    assert!(matches!(harm(&trace), Harm::InstalledInWrongService { running: true, .. }), "{trace}");
}

#[test]
fn virtual_server_upgraded_with_the_system_attendant_online() {
    let mut plan = service_pack();
    careless(&mut plan);
    let offline = find(&plan, "take-offline", "EVS1");
    let upgrade = find(&plan, "upgrade-group", "EVS1");
    shift(&mut plan, upgrade, offline);
    let trace = found_beside_exposures(&mut plan, "upgrade-while-online");
    let expected = |why| Harm::UpgradedAgainstConditions { group: id("EVS1"), why };
    let flaws = [UpgradeFlaw::NotOffline, UpgradeFlaw::NodeNotInstalled].map(expected);
    assert!(flaws.contains(harm(&trace)), "{trace}");
}

#[test]
fn virtual_server_brought_online_before_its_upgrade() {
    let mut plan = service_pack();
    careless(&mut plan);
    let (upgrade, online) = (find(&plan, "upgrade-group", "EVS1"), find(&plan, "bring-online", "EVS1"));
    shift(&mut plan, online, upgrade);
    let trace = found(&plan, "upgrade-before-online");
    assert_eq!(trace.violation.step.as_ref().unwrap(), &plan.steps[upgrade].id, "event 1025\n{trace}");
}

#[test]
fn restart_before_the_drain() {
    let mut plan = three();
    careless(&mut plan);
    // It would be asked for by nothing at this point; here it is ordered all the same.
    let restart = find(&plan, "restart", "n1");
    plan.steps[restart].when = None;
    let drain = find(&plan, "drain", "n1");
    shift(&mut plan, restart, drain);
    let trace = found_beside_exposures(&mut plan, "outage-stop-on-carrier");
    let expected = Broken::UndeclaredInterruption { groups: [id("mail")].into() };
    assert_eq!(trace.violation.broken, expected, "{trace}");
}

#[test]
fn virtual_server_upgraded_on_a_node_that_is_not_patched() {
    let mut plan = service_pack();
    careless(&mut plan);
    // It stays on n1, which comes last, and its upgrade is ordered there.
    let moved = find(&plan, "move", "EVS1");
    remove(&mut plan, moved);
    let upgrade = find(&plan, "upgrade-group", "EVS1");
    let Action::UpgradeGroup { node, .. } = &mut plan.steps[upgrade].action else { panic!() };
    *node = id("n1");
    let trace = found_beside_exposures(&mut plan, "upgrade-unpatched-node");
    let expected = Harm::UpgradedAgainstConditions { group: id("EVS1"), why: UpgradeFlaw::NodeNotInstalled };
    assert_eq!(harm(&trace), &expected);
}

#[test]
fn virtual_server_upgraded_without_a_transaction_coordinator() {
    let mut plan = service_pack();
    careless(&mut plan);
    let cluster = plan.snapshot.clusters.get_mut(&id("c")).unwrap();
    let group = cluster.groups.get_mut(&id("Cluster Group")).unwrap();
    let dtc = group.resources.iter_mut().find(|r| r.id.as_str() == "MSDTC").unwrap();
    dtc.state = ResourceState::Offline;
    let trace = found_beside_exposures(&mut plan, "upgrade-conditions");
    let expected = Harm::UpgradedAgainstConditions { group: id("EVS1"), why: UpgradeFlaw::DtcOffline };
    assert_eq!(harm(&trace), &expected);
}

#[test]
fn a_group_moved_to_the_node_that_is_patched_next() {
    let mut plan = exchange("exchange-2003-kb916803");
    careless(&mut plan);
    let moved = find(&plan, "move", "EVS1");
    let Action::Move { to, .. } = &mut plan.steps[moved].action else { panic!() };
    *to = id("n1");
    for step in plan.steps.iter_mut().take_while(|s| !matches!(s.action, Action::Move { proof: true, .. })) {
        for expected in &mut step.expects {
            if let Condition::Owner { group, node, .. } = expected
                && group.as_str() == "EVS1"
            {
                *node = id("n1");
            }
        }
    }
    let trace = found_beside_exposures(&mut plan, "outage-move-target");
    let expected = Broken::UndeclaredInterruption { groups: [id("EVS1")].into() };
    assert_eq!(trace.violation.broken, expected, "{trace}");
}

/// Both nodes run at the end, and a group comes home by itself in the middle of the day.
#[test]
fn failback_that_is_not_switched_off() {
    let prefers_n1 = |plan: &mut kaketsugi_plan::Plan| {
        let cluster = plan.snapshot.clusters.get_mut(&id("c")).unwrap();
        let group = cluster.groups.get_mut(&id("EVS1")).unwrap();
        group.placement.scores.insert(id("n1"), 1);
    };
    let mut plan = service_pack();
    prefers_n1(&mut plan);
    assert!(super::safe(&plan), "as long as the steps are there that switch it off");
    careless(&mut plan);
    plan.steps.retain(|s| !matches!(s.action, Action::Quiet { .. } | Action::PutBack { .. }));
    let trace = found_beside_exposures(&mut plan, "install-not-quiet");
    let expected = Broken::UndeclaredInterruption { groups: [id("EVS1")].into() };
    assert_eq!(trace.violation.broken, expected, "{trace}");
    let settings = &plan.snapshot.servers[&id("n1")].settings;
    assert!(settings.contains_key(&Setting::Failback(id("EVS1"))));
}

/// Without the pause the failure of the patched node brings upgraded databases back to the old store.
#[test]
fn databases_of_2000_that_a_fail_over_brings_back() {
    let mut plan = clustered(&["N1", "N2"], &[("EVS1", "N1")], "exchange-2000-sp3");
    let pause = find(&plan, "pause", "N1");
    remove(&mut plan, pause);
    let readmit = find(&plan, "readmit", "N1");
    remove(&mut plan, readmit);
    let paused = |c: &Condition| matches!(c, Condition::NodeState { state: NodeState::Standby, .. });
    plan.steps.iter_mut().for_each(|step| step.expects.retain(|c| !paused(c)));
    let trace = found_beside_exposures(&mut plan, "upgrade-way-back");
    assert!(matches!(harm(&trace), Harm::OlderOpened { .. }), "{trace}");
}

/// Without the pause a fail-over brings what set-up has begun to change to the older version.
#[test]
fn a_group_of_5_5_that_a_fail_over_takes_to_the_old_version() {
    let mut plan = clustered(&["N1", "N2"], &[("EX", "N1")], "exchange-5.5-sp4");
    for name in ["pause", "readmit"] {
        let step = find(&plan, name, "N2");
        remove(&mut plan, step);
    }
    let paused = |c: &Condition| matches!(c, Condition::NodeState { state: NodeState::Standby, .. });
    for step in &mut plan.steps {
        step.expects.retain(|c| !paused(c));
        step.requires.retain(|c| !paused(c));
    }
    let trace = found_beside_exposures(&mut plan, "upgrade-way-back");
    assert!(matches!(harm(&trace), Harm::OlderOpened { .. }), "{trace}");
}

/// Set-up that doesn't know clusters isn't run where users are.
#[test]
fn an_installer_that_does_not_work_in_place() {
    let mut plan = clustered(&["N1", "N2"], &[("EX", "N1")], "exchange-5.5-sp4");
    plan.payload.in_place = false;
    let trace = found(&plan, "install-on-carrier");
    assert!(matches!(harm(&trace), Harm::InstalledUnderGroup { .. }), "{trace}");
}
