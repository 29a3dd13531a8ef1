//! As large as clusters may be here: sixteen nodes.

use kaketsugi_checker::{Bounds, Outcome, check};
use kaketsugi_plan::ServiceNeed;

use crate::right::shows_enough;
use crate::testkit;

fn safe(nodes: usize, groups: usize) -> usize {
    let nodes: Vec<String> = (1..=nodes).map(|number| format!("n{number:02}")).collect();
    let groups: Vec<String> = (1..=groups).map(|number| format!("g{number}")).collect();
    let plan = testkit::debian_with(
        &nodes.iter().map(String::as_str).collect::<Vec<_>>(),
        &groups.iter().map(String::as_str).collect::<Vec<_>>(),
        ServiceNeed::Either,
    );
    let verdict = check(&plan, &Bounds::default());
    assert_eq!(verdict.outcome, Outcome::Safe);
    shows_enough(&verdict);
    verdict.states
}

/// The largest one that is supported is explored whole, within the bounds that everybody has.
#[test]
fn sixteen_nodes_and_eight_groups() {
    let states = safe(16, 8);
    // Three million; a tenth of it would be an exploration that has lost its faults.
    assert!(states > 2_000_000, "{states}");
}

/// What is explored grows with the nodes as it did when the bounds were chosen: about with the square.
#[test]
fn growth() {
    let [two, four, eight] = [2, 4, 8].map(|nodes| safe(nodes, nodes / 2));
    assert!(four < 7 * two && eight < 7 * four, "{two}, {four}, {eight}");
}
