//! No plan with fewer interruptions exists: an exhaustive search that knows the rules and no planner code.
//!
//! The rules: a node is patched while it carries nothing, one at a time; a group moves to any other node. A state is
//! who has been patched and where each group is, with how often each was interrupted; the goal is that all nodes are
//! patched. Fewest interruptions of the group that has most, then fewest in all.

mod testkit;

use std::collections::{BTreeMap, BTreeSet};

use kaketsugi_plan::Phase;

/// Patched nodes, place of each group, moves of each group.
type State = (BTreeSet<usize>, Vec<usize>, Vec<usize>);

fn fewest(nodes: usize, start: &[usize]) -> (usize, usize) {
    let mut open: BTreeMap<(usize, usize), BTreeSet<State>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    open.entry((0, 0)).or_default().insert((BTreeSet::new(), start.to_vec(), vec![0; start.len()]));
    while let Some((cost, states)) = open.pop_first() {
        let mut now = states;
        while let Some(state) = now.pop_first() {
            let (patched, places, moves) = &state;
            if patched.len() == nodes {
                return cost;
            }
            for node in (0..nodes).filter(|n| !patched.contains(n) && !places.contains(n)) {
                let mut next = state.clone();
                next.0.insert(node);
                if seen.insert(next.clone()) {
                    now.insert(next);
                }
            }
            for group in 0..places.len() {
                for to in (0..nodes).filter(|n| *n != places[group]) {
                    let mut next = (patched.clone(), places.clone(), moves.clone());
                    next.1[group] = to;
                    next.2[group] += 1;
                    let cost = (*next.2.iter().max().unwrap(), next.2.iter().sum());
                    // More than three moves of one group are never better than what two allow.
                    if cost.0 <= 3 && seen.insert(next.clone()) {
                        open.entry(cost).or_default().insert(next);
                    }
                }
            }
        }
    }
    unreachable!("patching nodes one after the other always leads to the goal")
}

fn planned(nodes: usize, start: &[usize]) -> (usize, usize) {
    let names: Vec<String> = (1..=nodes).map(|n| format!("n{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let groups: Vec<String> = (0..start.len()).map(|g| format!("g{g}")).collect();
    let groups: Vec<(&str, &str)> = groups.iter().zip(start).map(|(g, n)| (g.as_str(), names[*n])).collect();
    let kit = testkit::pacemaker(&names, &groups);
    let plan = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for interruption in plan.steps.iter().flat_map(|s| &s.interrupts) {
        if matches!(interruption.phase, Phase::Whole | Phase::Begins) {
            *counts.entry(interruption.group.as_str()).or_default() += 1;
        }
    }
    (counts.values().copied().max().unwrap_or(0), counts.values().sum())
}

/// Every placement of `groups` groups on `nodes` nodes.
fn placements(nodes: usize, groups: usize) -> Vec<Vec<usize>> {
    let total = nodes.pow(u32::try_from(groups).unwrap());
    (0..total)
        .map(|mut number| {
            (0..groups)
                .map(|_| {
                    let place = number % nodes;
                    number /= nodes;
                    place
                })
                .collect()
        })
        .collect()
}

#[test]
fn up_to_four_nodes_and_three_groups() {
    let mut tried = 0;
    let mut worse = Vec::new();
    for nodes in 2..=4 {
        for groups in 0..=3 {
            for start in placements(nodes, groups) {
                tried += 1;
                let (best, plan) = (fewest(nodes, &start), planned(nodes, &start));
                if plan != best {
                    worse.push(format!(
                        "{nodes} nodes, groups at {start:?}: planned {plan:?}, possible {best:?}"
                    ));
                }
            }
        }
    }
    assert_eq!(tried, 15 + 40 + 85);
    assert!(worse.is_empty(), "{} of {tried}:\n{}", worse.len(), worse.join("\n"));
}
