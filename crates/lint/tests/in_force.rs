//! The register says which checks of the lint each row is asked by (`in-force` in rules.toml): held to the checks.

use std::collections::BTreeSet;

#[test]
fn rows_are_asked_by_the_checks_that_the_register_names() {
    let mut wrong = Vec::new();
    for rule in kaketsugi_knowledge::rules().iter() {
        let said: BTreeSet<&str> =
            rule.in_force.iter().filter_map(|place| place.strip_prefix("lint ")).collect();
        let asking = kaketsugi_lint::checks().filter(|check| check.rules().any(|id| id == rule.id));
        let is: BTreeSet<&str> = asking.map(|check| check.code).collect();
        if said != is {
            wrong.push(format!("{}: the register says {said:?}, the checks say {is:?}", rule.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
