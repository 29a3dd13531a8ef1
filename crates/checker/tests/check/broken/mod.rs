//! Plans broken on purpose, one way a test: the exploration finds each, and so does the lint, which knows nothing of it.
//! Where conditions before the steps would stop the run, they are taken out too: a plan that nobody would write by
//! hand, and that a mistake in the planner could.

mod alone;
mod end;
mod looks;
mod order;
mod said;

use std::collections::BTreeSet;

use kaketsugi_checker::{Bounds, Broken, Outcome, Trace, check};
use kaketsugi_plan::{Exposure, Plan, ServiceNeed};
use kaketsugi_world::Harm;

use crate::testkit::{debian, exchange};

/// The least number of ways that both judges must find.
const WAYS_MIN: usize = 20;

#[test]
fn there_are_ways_enough() {
    let sources = [
        include_str!("alone.rs"),
        include_str!("end.rs"),
        include_str!("looks.rs"),
        include_str!("order.rs"),
        include_str!("said.rs"),
    ];
    let ways: usize = sources.iter().map(|s| s.matches("#[test]\n").count()).sum();
    assert!(ways >= WAYS_MIN, "only {ways} ways of breaking a plan are tried");
    let judged: usize = sources.iter().map(|s| s.matches("= found").count()).sum();
    assert_eq!(judged, ways, "each way is judged once, by both");
}

/// The counter-example that must be found; the lint must object with this code.
fn found(plan: &Plan, code: &str) -> Trace {
    lint_finds(plan, code);
    violation(plan)
}

fn lint_finds(plan: &Plan, code: &str) {
    let codes: BTreeSet<&str> = kaketsugi_lint::lint(plan).iter().map(|o| o.code).collect();
    assert!(codes.contains(code), "the lint doesn't say {code}, only {codes:?}");
}

fn violation(plan: &Plan) -> Trace {
    match check(plan, &Bounds::default()).outcome {
        Outcome::Violation(trace) => trace,
        other => panic!("nothing was found: {other:?}"),
    }
}

/// The same, for plans whose exposures are others than declared, too: they are declared as they are found, until
/// something else comes up.
fn found_beside_exposures(plan: &mut Plan, code: &str) -> Trace {
    lint_finds(plan, code);
    loop {
        let trace = violation(plan);
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

fn safe(plan: &Plan) -> bool {
    check(plan, &Bounds::default()).outcome == Outcome::Safe
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
