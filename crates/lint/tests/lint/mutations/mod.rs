//! Plans broken on purpose, one thing at a time. Each must be caught by the check that is named, and each check must
//! catch at least one.

mod alone;
mod exchange;
mod making;
mod order;
mod result;

use std::collections::BTreeSet;

use kaketsugi_lint::{checks, lint, lint_against};
use kaketsugi_plan::Plan;

use crate::kit;

/// One thing that is wrong.
struct Mutation {
    /// The check that must catch it.
    code: &'static str,
    /// What is wrong.
    what: &'static str,
    /// The right plan that it is made in.
    plan: fn() -> Plan,
    /// Makes it wrong.
    spoil: fn(&mut Plan),
}

fn mutation(code: &'static str, what: &'static str, plan: fn() -> Plan, spoil: fn(&mut Plan)) -> Mutation {
    Mutation { code, what, plan, spoil }
}

fn all() -> Vec<Mutation> {
    [making::mutations(), order::mutations(), exchange::mutations(), alone::mutations(), result::mutations()]
        .into_iter()
        .flatten()
        .collect()
}

#[test]
fn every_broken_plan_is_caught_by_the_check_that_is_named() {
    let mut missed = Vec::new();
    for mutation in all() {
        let right = (mutation.plan)();
        let mut broken = right.clone();
        (mutation.spoil)(&mut broken);
        assert_ne!(right, broken, "{}: nothing was broken", mutation.what);
        let codes: BTreeSet<&str> = lint(&broken).iter().map(|o| o.code).collect();
        if !codes.contains(mutation.code) {
            missed.push(format!("{}: wants {}, got {codes:?}", mutation.what, mutation.code));
        }
    }
    assert!(missed.is_empty(), "missed:\n{}", missed.join("\n"));
}

/// The least number of ways of breaking a plan; the checker's tests hold the ways that both judges find.
#[test]
fn there_are_ways_enough() {
    let ways: BTreeSet<(&str, &str)> = all().iter().map(|m| (m.code, m.what)).collect();
    assert!(ways.len() >= 150, "only {} ways of breaking a plan are tried", ways.len());
    let codes: BTreeSet<&str> = ways.iter().map(|(code, _)| *code).collect();
    assert!(codes.len() >= 80, "they concern only {} checks", codes.len());
}

#[test]
fn every_check_catches_something() {
    let mut hit: BTreeSet<&str> = all().iter().map(|m| m.code).collect();
    // The plan alone can't tell; see `an_estate_that_changed_is_told`.
    hit.insert("fresh-estate-changed");
    let vacuous: Vec<&str> = checks().map(|c| c.code).filter(|code| !hit.contains(code)).collect();
    assert!(vacuous.is_empty(), "no mutation hits {vacuous:?}");
}

#[test]
fn codes_are_unique_and_cited_rules_exist() {
    let mut codes = BTreeSet::new();
    for check in checks() {
        assert!(codes.insert(check.code), "{} is there twice", check.code);
        for rule in check.rules() {
            assert!(kaketsugi_knowledge::cite(rule).is_some(), "{} cites {rule}", check.code);
        }
        assert!(check.asks.ends_with('.') && !check.hint.is_empty(), "{}", check.code);
    }
}

#[test]
fn an_estate_that_changed_is_told() {
    let plan = kit::three_nodes();
    let mut now = plan.estate.clone();
    assert_eq!(lint_against(&plan, &now), []);
    now.policy.soak_seconds += 1;
    let codes: Vec<&str> = lint_against(&plan, &now).iter().map(|o| o.code).collect();
    assert_eq!(codes, ["fresh-estate-changed"]);
}

#[test]
fn an_objection_says_where_why_and_what_to_do() {
    let mut plan = kit::service_pack();
    kit::put_before(&mut plan, "install/EXN1/2", "take-offline/EVS1/1");
    let objections = lint(&plan);
    let objection = objections.iter().find(|o| o.code == "install-on-carrier").unwrap();
    assert_eq!(
        objection.to_string(),
        "install-on-carrier: step install/EXN1/2: exchange-2003-sp2 would be installed on EXN1 while it carries \
         Cluster Group, EVS1 [E03-CLU-02-EMPTY] (drain the node, or move its groups, before the install)"
    );
}
