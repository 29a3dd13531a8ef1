//! Plans that end, but not where they should: something is left out, or not brought back.

use kaketsugi_checker::Broken;
use kaketsugi_plan::{Action, Condition};

use super::{found, found_beside_exposures, service_pack, three};
use crate::right::clustered;
use crate::testkit::{careless, exchange, find, remove};

#[test]
fn settings_not_put_back() {
    let mut plan = three();
    let put_back = find(&plan, "put-back", "n2");
    remove(&mut plan, put_back);
    let trace = found(&plan, "back-not-put-back");
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
    let trace = found(&plan, "back-not-readmitted");
    let Broken::GoalMissed { what } = &trace.violation.broken else { panic!("{trace}") };
    assert!(what[0].starts_with(node.as_str()), "{what:?}");
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
    let trace = found(&plan, "back-resources");
    assert!(trace.to_string().contains("EVS1"), "{trace}");
}

#[test]
fn a_release_that_is_never_staged() {
    let mut plan = three();
    careless(&mut plan);
    let stage = find(&plan, "stage", "n3");
    remove(&mut plan, stage);
    let trace = found(&plan, "install-unstaged");
    assert!(matches!(&trace.violation.broken, Broken::StopsByItself { .. }), "{trace}");
}

#[test]
fn a_node_that_is_never_patched() {
    let mut plan = three();
    careless(&mut plan);
    let install = find(&plan, "install", "n3");
    remove(&mut plan, install);
    unproven(&mut plan);
    let trace = found(&plan, "goal-release");
    let Broken::GoalMissed { what } = &trace.violation.broken else { panic!("{trace}") };
    assert_eq!(what, &["debian-updates is not installed on n3"]);
}

#[test]
fn a_cluster_service_that_is_not_started_again() {
    let mut plan = exchange("exchange-2003-kb916803");
    careless(&mut plan);
    let last = plan.steps.iter().rposition(|s| s.action.name() == "start-service").unwrap();
    let node = plan.steps[last].action.node().unwrap().clone();
    remove(&mut plan, last);
    plan.steps.retain(|s| !matches!(s.action, Action::Move { proof: true, .. }));
    unproven(&mut plan);
    let trace = found_beside_exposures(&mut plan, "back-not-started");
    let Broken::GoalMissed { what } = &trace.violation.broken else { panic!("{trace}") };
    assert_eq!(what, &[format!("{node} was online and is offline")]);
}

#[test]
fn a_restart_that_is_asked_for_and_never_comes() {
    let mut plan = three();
    careless(&mut plan);
    plan.steps.retain(|s| s.action.node().is_none_or(|n| n.as_str() != "n3") || s.action.name() != "restart");
    unproven(&mut plan);
    let trace = found_beside_exposures(&mut plan, "restart-missing");
    let Broken::GoalMissed { what } = &trace.violation.broken else { panic!("{trace}") };
    assert_eq!(what, &["n3 still asks for a restart"]);
}

#[test]
fn a_virtual_server_that_is_never_upgraded() {
    let mut plan = service_pack();
    careless(&mut plan);
    let upgrade = find(&plan, "upgrade-group", "EVS1");
    remove(&mut plan, upgrade);
    let trace = found_beside_exposures(&mut plan, "upgrade-missing");
    let stops_there = matches!(&trace.violation.broken, Broken::StopsByItself { .. });
    assert!(stops_there && trace.to_string().contains("EVS1"), "it doesn't come online: {trace}");
}

/// No step looks at what the plan is for.
fn unproven(plan: &mut kaketsugi_plan::Plan) {
    plan.steps.retain(|s| s.action.name() != "verify");
    for step in &mut plan.steps {
        step.expects.retain(|c| !matches!(c, Condition::Installed { .. }) || step.action.name() == "install");
    }
}

#[test]
fn an_optimizer_that_nobody_runs() {
    let mut plan = clustered(&["N1", "N2"], &[("EX", "N1")], "exchange-5.5-sp4");
    let optimizer = find(&plan, "optimize", "N1");
    remove(&mut plan, optimizer);
    // And nobody looks for it.
    plan.steps.iter_mut().for_each(|s| s.expects.retain(|c| !matches!(c, Condition::Optimized { .. })));
    let trace = found(&plan, "exchange-optimizer");
    let Broken::GoalMissed { what } = &trace.violation.broken else { panic!("{trace}") };
    assert_eq!(what, &["nothing shows that the Performance Optimizer was run on N1 after set-up"]);
}
