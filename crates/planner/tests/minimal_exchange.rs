//! No plan for an Exchange cluster with fewer interruptions exists: an exhaustive search that knows the rules and no
//! planner code.
//!
//! The rules (E03-CLU-01 to 14): a node is patched while it carries nothing. A virtual server moves with its mail online
//! between nodes of its own version; onto patched nodes for the first time it goes by the long way (offline, move,
//! upgrade, online), which is one interruption, and afterwards to patched ones only, where the release upgrades it.
//! At the end all nodes are patched, all virtual servers went over, each has proven its fail-over by a move onto a
//! patched node with its mail online, and is at home.
//!
//! Of Exchange 2000 (E00-AP-PASSIVE-FIRST, E00-AA-CONSOLIDATE): it goes over with its mail online, afterwards to patched
//! nodes only, and nothing asks for a proof or for the way home.

mod testkit;

use std::collections::{BTreeMap, BTreeSet};

use kaketsugi_plan::Phase;

const NODES: [&str; 4] = ["NODE1", "NODE2", "NODE3", "NODE4"];

/// A virtual server: where it is, whether it went over to the release, whether it has proven its fail-over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Server {
    at: usize,
    over: bool,
    proven: bool,
}

/// Which nodes are patched, and the virtual servers.
type State = (BTreeSet<usize>, Vec<Server>);

/// What the document asks for.
#[derive(Debug, Clone, Copy)]
struct Rules {
    /// What went over goes to patched nodes only.
    pinned: bool,
    /// At the end each has proven that it fails over, and is at home.
    proof_and_home: bool,
}

/// The fewest interruptions in all.
fn fewest(nodes: usize, start: &[usize], rules: Rules) -> usize {
    let servers = start.iter().map(|&at| Server { at, over: false, proven: false }).collect();
    let mut open: BTreeMap<usize, BTreeSet<State>> =
        BTreeMap::from([(0, BTreeSet::from([(BTreeSet::new(), servers)]))]);
    let mut seen: BTreeSet<State> = BTreeSet::new();
    while let Some((interruptions, mut now)) = open.pop_first() {
        while let Some(state) = now.pop_first() {
            if !seen.insert(state.clone()) {
                continue;
            }
            let (patched, servers) = &state;
            let done =
                |(s, home): (&Server, &usize)| s.over && (!rules.proof_and_home || s.at == *home && s.proven);
            if patched.len() == nodes && servers.iter().zip(start).all(done) {
                return interruptions;
            }
            for node in (0..nodes).filter(|n| !patched.contains(n) && servers.iter().all(|s| s.at != *n)) {
                let mut next = state.clone();
                next.0.insert(node);
                now.insert(next);
            }
            for (place, server) in servers.iter().enumerate() {
                for to in (0..nodes).filter(|to| *to != server.at) {
                    let new = patched.contains(&to);
                    let moved = match (server.over, new) {
                        (true, false) if rules.pinned => continue,
                        // With its mail online onto a patched node: that is the proof.
                        (true, true) => Server { at: to, over: true, proven: true },
                        // The long way.
                        (false, true) => Server { at: to, over: true, proven: false },
                        (over, false) => Server { at: to, over, proven: false },
                    };
                    let mut next = state.clone();
                    next.1[place] = moved;
                    if !seen.contains(&next) {
                        open.entry(interruptions + 1).or_default().insert(next);
                    }
                }
            }
        }
    }
    unreachable!("two nodes, one patched after the other, always lead to the goal")
}

/// The interruptions of the planner's plan.
fn planned(nodes: usize, start: &[usize], release: &str) -> usize {
    let groups: Vec<String> = (1..=start.len()).map(|n| format!("EVS{n}")).collect();
    let groups: Vec<(&str, &str)> = groups.iter().zip(start).map(|(g, n)| (g.as_str(), NODES[*n])).collect();
    let kit = testkit::exchange(&NODES[..nodes], &groups, release);
    let plan = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap();
    let interruptions = plan.steps.iter().flat_map(|s| &s.interrupts);
    interruptions.filter(|i| matches!(i.phase, Phase::Whole | Phase::Begins)).count()
}

#[test]
fn no_plan_with_fewer_interruptions_exists() {
    let mut more = Vec::new();
    let mut tried = 0;
    for (release, pinned, proof_and_home) in [
        ("exchange-2003-sp2", true, true),
        ("exchange-2003-kb916803", false, true),
        ("exchange-2000-sp3", true, false),
    ] {
        let rules = Rules { pinned, proof_and_home };
        for nodes in 2..=4_usize {
            for servers in 1..=3_u32 {
                for number in 0..nodes.pow(servers) {
                    let start: Vec<usize> = (0..servers).map(|g| number / nodes.pow(g) % nodes).collect();
                    let (planned, fewest) = (planned(nodes, &start, release), fewest(nodes, &start, rules));
                    tried += 1;
                    if planned != fewest {
                        more.push(format!(
                            "{release}, {nodes} nodes, on {start:?}: planned {planned}, fewest {fewest}"
                        ));
                    }
                }
            }
        }
    }
    println!("FIGURE topologies: {tried}");
    assert!(more.is_empty(), "{} of {tried}:\n{}", more.len(), more.join("\n"));
}
