//! Plans that do the right thing and say something else.

use std::collections::BTreeSet;

use kaketsugi_checker::Broken;
use kaketsugi_plan::{Exposure, ServiceNeed};

use super::{found, three};
use crate::testkit::{debian, find, id};

#[test]
fn an_exposure_that_is_not_declared() {
    let mut plan = debian(&["n1", "n2"], ServiceNeed::Either);
    let step = find(&plan, "install", "n1");
    assert!(!plan.steps[step].exposes.is_empty());
    plan.steps[step].exposes.clear();
    let trace = found(&plan, "exposure-missing");
    assert!(matches!(&trace.violation.broken, Broken::UndeclaredExposure { .. }), "{trace}");
    assert_eq!(trace.violation.step.as_ref().unwrap(), &plan.steps[step].id);
}

#[test]
fn an_exposure_that_cannot_be() {
    let mut plan = three();
    let step = find(&plan, "stage", "n1");
    plan.steps[step].exposes.push(Exposure { node: id("n2"), groups: vec![id("mail")] });
    let trace = found(&plan, "exposure-false");
    let expected = Broken::FalseExposure { node: id("n2"), groups: BTreeSet::from([id("mail")]) };
    assert_eq!(trace.violation.broken, expected);
}

#[test]
fn an_interruption_that_is_not_declared() {
    let mut plan = three();
    let drain = find(&plan, "drain", "n1");
    plan.steps[drain].interrupts.clear();
    let trace = found(&plan, "declared-missing");
    let expected = Broken::UndeclaredInterruption { groups: BTreeSet::from([id("mail")]) };
    assert_eq!(trace.violation.broken, expected);
}
