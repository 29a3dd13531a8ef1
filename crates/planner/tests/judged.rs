//! The independent judge has nothing to object to what the planner plans.

mod testkit;

use testkit::{Pacemaker, exchange, pacemaker};

fn objections(kit: &Pacemaker) -> String {
    let plan = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap();
    let lines: Vec<String> = kaketsugi_lint::lint(&plan).iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn pacemaker_clusters() {
    for nodes in [&["n1", "n2"][..], &["n1", "n2", "n3"], &["n1", "n2", "n3", "n4", "n5"]] {
        for groups in
            [&[("mail", "n1")][..], &[("a", "n1"), ("b", "n2")], &[("a", "n1"), ("b", "n2"), ("c", "n2")]]
        {
            let said = objections(&pacemaker(nodes, groups));
            assert!(said.is_empty(), "{nodes:?} {groups:?}:\n{said}");
        }
    }
}

#[test]
fn exchange_clusters() {
    for release in ["exchange-2003-sp2", "exchange-2003-kb916803", "exchange-2003-kb889528"] {
        for owner in ["NODE1", "NODE2"] {
            let said = objections(&exchange(&["NODE1", "NODE2"], &[("EVS1", owner)], release));
            assert!(said.is_empty(), "{release}, EVS1 on {owner}:\n{said}");
        }
        let said =
            objections(&exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1"), ("EVS2", "NODE2")], release));
        assert!(said.is_empty(), "{release}, active/active:\n{said}");
    }
}

/// A policy that is in a hurry shortens the patience with machines, never below twice the usual time, and not at all
/// with people.
#[test]
fn patience_is_the_policy_s() {
    use kaketsugi_plan::Actor;
    let mut kit = exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1")], "exchange-2003-sp2");
    let usual = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap();
    kit.estate.policy.step_timeout_seconds = 100;
    let hurried = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap();
    let mut shortened = 0;
    for (was, is) in usual.steps.iter().zip(&hurried.steps) {
        let expected = match was.actor {
            Actor::Machine => was.timeout_seconds.min((2 * was.expected_seconds).max(100)),
            Actor::Operator => was.timeout_seconds,
        };
        assert_eq!(is.timeout_seconds, expected, "{}", is.id);
        shortened += usize::from(is.timeout_seconds < was.timeout_seconds);
    }
    assert!(shortened > 5, "{shortened}");
    assert_eq!(kaketsugi_lint::lint(&hurried), []);
}
