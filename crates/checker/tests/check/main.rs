//! Right plans are safe, and plans that were broken on purpose are found out.

mod testkit;

use kaketsugi_checker::{Bounds, check};
use kaketsugi_plan::{Action, Plan, ServiceNeed};

fn safe(plan: &Plan) -> bool {
    check(plan, &Bounds::default()).is_safe()
}

fn position(plan: &Plan, wanted: impl Fn(&Action) -> bool) -> usize {
    plan.steps.iter().position(|s| wanted(&s.action)).unwrap()
}

#[test]
fn a_hotfix_on_a_two_node_exchange_cluster_is_safe() {
    assert!(safe(&testkit::exchange("exchange-2003-kb916803")));
}

#[test]
fn a_service_pack_on_a_two_node_exchange_cluster_is_safe() {
    assert!(safe(&testkit::exchange("exchange-2003-sp2")));
}

#[test]
fn updates_on_a_two_node_pacemaker_cluster_are_safe() {
    assert!(safe(&testkit::debian(&["n1", "n2"], ServiceNeed::Stopped)));
}

#[test]
fn broken_plans_are_found_out() {
    type Breaks = fn(&mut Plan);
    let broken: [(&str, Breaks); 8] = [
        ("the cluster service is not stopped before the installer", |plan| {
            let at = position(plan, |a| matches!(a, Action::StopService { .. }));
            testkit::remove(plan, at);
            testkit::careless(plan);
        }),
        ("the virtual server is upgraded with its resources online", |plan| {
            let at = position(plan, |a| matches!(a, Action::TakeOffline { .. }));
            testkit::remove(plan, at);
            testkit::careless(plan);
        }),
        ("the virtual server is not upgraded", |plan| {
            let at = position(plan, |a| matches!(a, Action::UpgradeGroup { .. }));
            testkit::remove(plan, at);
            testkit::careless(plan);
        }),
        ("the virtual server is not brought online again", |plan| {
            let at = position(plan, |a| matches!(a, Action::BringOnline { .. }));
            testkit::remove(plan, at);
            testkit::careless(plan);
        }),
        ("a node is left out", |plan| {
            let at = plan.steps.iter().rposition(|s| matches!(s.action, Action::Install { .. })).unwrap();
            testkit::remove(plan, at);
            testkit::careless(plan);
        }),
        ("an interruption is not declared", |plan| {
            plan.steps.iter_mut().for_each(|s| s.interrupts.clear());
        }),
        ("an exposure is not declared", |plan| plan.steps.iter_mut().for_each(|s| s.exposes.clear())),
        ("an exposure is declared that isn't one", |plan| {
            let exposes = plan.steps.iter().find(|s| !s.exposes.is_empty()).unwrap().exposes.clone();
            plan.steps[0].exposes = exposes;
        }),
    ];
    for (what, breaks) in broken {
        let mut plan = testkit::exchange("exchange-2003-sp2");
        breaks(&mut plan);
        assert!(!safe(&plan), "{what}");
    }
}
