//! Plans broken on purpose, one way a test. Where conditions before the steps would stop the run, they are taken out
//! too: a plan that nobody would write by hand, and that a mistake in the planner could.

use std::collections::BTreeSet;

use kaketsugi_checker::{Bounds, Broken, Outcome, Trace, check};
use kaketsugi_estate::EvidenceKind;
use kaketsugi_plan::{Action, Condition, Exposure, Plan, Recovery, ServiceNeed};
use kaketsugi_world::{Harm, UpgradeFlaw};

use crate::testkit::{careless, debian, exchange, find, id, remove, shift};

/// The counter-example that must be found.
fn found(plan: &Plan) -> Trace {
    match check(plan, &Bounds::default()).outcome {
        Outcome::Violation(trace) => trace,
        other => panic!("nothing was found: {other:?}"),
    }
}

/// The same, for plans whose exposures are others than declared, too: they are declared as they are found, until
/// something else comes up.
fn found_beside_exposures(plan: &mut Plan) -> Trace {
    loop {
        let trace = found(plan);
        let step = trace.violation.step.clone();
        let step = plan.steps.iter_mut().find(|s| Some(&s.id) == step.as_ref());
        match (step, &trace.violation.broken) {
            (Some(step), Broken::UndeclaredExposure { node, groups }) => {
                let groups = groups.iter().cloned().collect();
                step.exposes.push(Exposure { node: node.clone(), groups });
            }
            (Some(step), Broken::FalseExposure { node, .. }) => step.exposes.retain(|e| e.node != *node),
            _ => return trace,
        }
    }
}

fn three() -> Plan {
    debian(&["n1", "n2", "n3"], ServiceNeed::Either)
}

fn service_pack() -> Plan {
    exchange("exchange-2003-sp2")
}

fn harm(trace: &Trace) -> &Harm {
    match &trace.violation.broken {
        Broken::Harm { harm } => harm,
        other => panic!("{other}\n{trace}"),
    }
}

#[test]
fn install_before_the_move() {
    let mut plan = three();
    careless(&mut plan);
    let (drain, install) = (find(&plan, "drain", "n1"), find(&plan, "install", "n1"));
    shift(&mut plan, install, drain);
    let trace = found(&plan);
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
    let trace = found(&plan);
    assert_eq!(trace.violation.step.as_ref().unwrap().as_str(), "too-early/EVS1", "{trace}");
}

#[test]
fn two_nodes_out_at_once() {
    let mut plan = three();
    careless(&mut plan);
    let first = plan.steps.iter().position(|s| s.action.name() == "readmit").unwrap();
    remove(&mut plan, first);
    let trace = found_beside_exposures(&mut plan);
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
    plan.payload.restart = kaketsugi_plan::RestartNeed::Never;
    plan.steps.retain(|s| !matches!(s.action, Action::Restart { .. }));
    let trace = found_beside_exposures(&mut plan);
    let by_us = matches!(&trace.violation.broken, Broken::TwoOut { .. } | Broken::QuorumLost { .. });
    assert!(by_us, "{trace}");
}

#[test]
fn service_not_stopped_before_the_installer() {
    let mut plan = service_pack();
    careless(&mut plan);
    let stop = find(&plan, "stop-service", "n2");
    remove(&mut plan, stop);
    let trace = found(&plan);
    assert!(matches!(harm(&trace), Harm::InstalledInWrongService { running: true, .. }), "{trace}");
}

#[test]
fn virtual_server_upgraded_with_the_system_attendant_online() {
    let mut plan = service_pack();
    careless(&mut plan);
    let offline = find(&plan, "take-offline", "EVS1");
    let upgrade = find(&plan, "upgrade-group", "EVS1");
    shift(&mut plan, upgrade, offline);
    let trace = found_beside_exposures(&mut plan);
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
    let trace = found(&plan);
    assert_eq!(trace.violation.step.as_ref().unwrap(), &plan.steps[upgrade].id, "event 1025\n{trace}");
}

#[test]
fn settings_not_put_back() {
    let mut plan = three();
    let put_back = find(&plan, "put-back", "n2");
    remove(&mut plan, put_back);
    let trace = found(&plan);
    let Broken::GoalMissed { what } = &trace.violation.broken else { panic!("{trace}") };
    assert_eq!(what, &["unit:apt-daily.timer on n2 is not as it was found"]);
}

#[test]
fn a_node_left_in_standby() {
    let mut plan = three();
    let last = plan.steps.iter().rposition(|s| s.action.name() == "readmit").unwrap();
    let node = plan.steps[last].action.node().unwrap().clone();
    remove(&mut plan, last);
    plan.steps.retain(|s| s.action.name() != "verify");
    let trace = found(&plan);
    let Broken::GoalMissed { what } = &trace.violation.broken else { panic!("{trace}") };
    assert!(what[0].starts_with(node.as_str()), "{what:?}");
}

#[test]
fn an_exposure_that_is_not_declared() {
    let mut plan = debian(&["n1", "n2"], ServiceNeed::Either);
    let step = plan.steps.iter().position(|s| !s.exposes.is_empty()).unwrap();
    plan.steps[step].exposes.clear();
    let trace = found(&plan);
    assert!(matches!(&trace.violation.broken, Broken::UndeclaredExposure { .. }), "{trace}");
    assert_eq!(trace.violation.step.as_ref().unwrap(), &plan.steps[step].id);
}

#[test]
fn an_exposure_that_cannot_be() {
    let mut plan = three();
    let step = find(&plan, "stage", "n1");
    plan.steps[step].exposes.push(Exposure { node: id("n2"), groups: vec![id("mail")] });
    let trace = found(&plan);
    let expected = Broken::FalseExposure { node: id("n2"), groups: BTreeSet::from([id("mail")]) };
    assert_eq!(trace.violation.broken, expected);
}

#[test]
fn an_interruption_that_is_not_declared() {
    let mut plan = three();
    let drain = find(&plan, "drain", "n1");
    plan.steps[drain].interrupts.clear();
    let trace = found(&plan);
    let expected = Broken::UndeclaredInterruption { groups: BTreeSet::from([id("mail")]) };
    assert_eq!(trace.violation.broken, expected);
}

#[test]
fn no_backup_before_the_point_of_no_return() {
    let mut plan = service_pack();
    careless(&mut plan);
    plan.steps.retain(|s| s.action != Action::Attest { evidence: EvidenceKind::FullBackup });
    let trace = found(&plan);
    assert_eq!(trace.violation.broken, Broken::StaleEvidence { evidence: EvidenceKind::FullBackup });
}

#[test]
fn a_backup_that_grows_old_while_the_run_waits() {
    let mut plan = service_pack();
    // The age isn't asked for any more; that there is a backup still is.
    for condition in plan.steps.iter_mut().flat_map(|s| &mut s.requires) {
        if let Condition::Evidence { age_max_seconds, .. } = condition {
            *age_max_seconds = None;
        }
    }
    let trace = found(&plan);
    assert_eq!(trace.violation.broken, Broken::StaleEvidence { evidence: EvidenceKind::FullBackup });
    assert!(trace.sentences.iter().any(|s| s == "Two days pass."), "{trace}");
}

#[test]
fn an_installer_of_windows_that_may_be_started_again_unasked() {
    let mut plan = exchange("exchange-2003-kb916803");
    let install = find(&plan, "install", "n2");
    assert_eq!(plan.steps[install].recovery, Recovery::Ask);
    plan.steps[install].recovery = Recovery::Redo;
    // After a power cut the cluster service runs again; without this the run would stop for that.
    plan.steps[install].requires.retain(|c| !matches!(c, Condition::Service { .. }));
    plan.payload.service = ServiceNeed::Either;
    let trace = found(&plan);
    assert!(matches!(harm(&trace), Harm::InstallerTwice { .. }), "{trace}");
}

#[test]
fn a_drain_that_does_not_look_whether_the_others_are_there() {
    let mut plan = three();
    for step in plan.steps.iter_mut().filter(|s| s.action.name() == "drain") {
        step.requires.retain(|c| {
            !matches!(
                c,
                Condition::OthersOnline { .. }
                    | Condition::QuorumWithout { .. }
                    | Condition::NoTrouble { .. }
            )
        });
    }
    let trace = found(&plan);
    assert!(matches!(&trace.violation.broken, Broken::TwoOut { .. } | Broken::QuorumLost { .. }), "{trace}");
    assert!(
        trace.sentences.iter().any(|s| s.starts_with("FAULT: ")),
        "only a fault brings it about\n{trace}"
    );
}

#[test]
fn the_wrong_resources_brought_back() {
    let mut plan = service_pack();
    for condition in plan.steps.iter_mut().flat_map(|s| s.requires.iter_mut().chain(&mut s.expects)) {
        if let Condition::GroupAsBefore { online, .. } = condition {
            online.retain(|r| r.as_str() != "EVS1 IS");
        }
    }
    for step in &mut plan.steps {
        step.expects.retain(|c| !matches!(c, Condition::Healthy { .. } | Condition::Group { .. }));
        step.requires.retain(|c| !matches!(c, Condition::Healthy { .. }));
    }
    let trace = found(&plan);
    assert!(trace.to_string().contains("EVS1"), "{trace}");
}

#[test]
fn a_release_that_is_never_staged() {
    let mut plan = three();
    careless(&mut plan);
    let stage = find(&plan, "stage", "n3");
    remove(&mut plan, stage);
    let trace = found(&plan);
    assert!(matches!(&trace.violation.broken, Broken::StopsByItself { .. }), "{trace}");
}
