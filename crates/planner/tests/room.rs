//! A node has one Information Store, whatever virtual servers it carries, and that runs four storage groups.

mod testkit;

use std::collections::BTreeMap;

use kaketsugi_plan::{Action, Finding, Plan};
use testkit::{Pacemaker, exchange, id};

/// Virtual servers by name: the node that has each, and its storage groups.
fn kit(nodes: &[&str], groups: &[(&str, &str, Option<u32>)], release: &str) -> Pacemaker {
    let placed: Vec<(&str, &str)> = groups.iter().map(|(group, node, _)| (*group, *node)).collect();
    let mut kit = exchange(nodes, &placed, release);
    let cluster = kit.snapshot.clusters.get_mut(&id("CLUS1")).unwrap();
    for (group, _, count) in groups {
        cluster.groups.get_mut(&id(group)).unwrap().storage_groups = *count;
    }
    kit
}

fn plan(kit: &Pacemaker) -> Result<Plan, Vec<Finding>> {
    kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).map_err(|refused| refused.findings)
}

/// The most virtual servers that a node carries at any time.
fn most_on_a_node(kit: &Pacemaker, plan: &Plan) -> usize {
    let cluster = &kit.snapshot.clusters[&id("CLUS1")];
    let mut owner: BTreeMap<_, _> = cluster
        .groups
        .iter()
        .filter(|(_, g)| g.storage_groups.is_some())
        .map(|(group, g)| (group.clone(), g.owner.clone().unwrap()))
        .collect();
    let most = |owner: &BTreeMap<_, _>| {
        cluster.nodes.keys().map(|n| owner.values().filter(|o| *o == n).count()).max().unwrap()
    };
    let mut all = most(&owner);
    for step in &plan.steps {
        if let Action::Move { group, to, .. } = &step.action
            && let Some(owner) = owner.get_mut(group)
        {
            *owner = to.clone();
        }
        all = all.max(most(&owner));
    }
    all
}

#[test]
fn with_a_free_node_none_ever_carries_two() {
    let groups = [("EVS1", "NODE1", Some(4)), ("EVS2", "NODE2", Some(4)), ("EVS3", "NODE3", Some(4))];
    for release in ["exchange-2003-sp2", "exchange-2003-kb916803"] {
        let kit = kit(&["NODE1", "NODE2", "NODE3", "NODE4"], &groups, release);
        let plan = plan(&kit).unwrap();
        assert_eq!(most_on_a_node(&kit, &plan), 1, "{release}");
        assert!(all_at_home(&plan), "{release}");
    }
}

/// Whether each is at home after the plan's moves: EVS1 on NODE1, and so on.
fn all_at_home(plan: &Plan) -> bool {
    let mut last = BTreeMap::new();
    for step in &plan.steps {
        if let Action::Move { group, to, .. } = &step.action {
            last.insert(group.to_string(), to.to_string());
        }
    }
    last.iter().filter(|(group, _)| group.starts_with("EVS")).all(|(group, node)| group[3..] == node[4..])
}

#[test]
fn on_two_nodes_the_free_one_takes_all_that_fit() {
    let nodes = ["NODE1", "NODE2"];
    let both = |first, second| {
        kit(&nodes, &[("EVS1", "NODE1", first), ("EVS2", "NODE2", second)], "exchange-2003-sp2")
    };
    let fits = both(Some(1), Some(3));
    assert_eq!(most_on_a_node(&fits, &plan(&fits).unwrap()), 2);

    let [finding] = &plan(&both(Some(2), Some(3))).unwrap_err()[..] else { panic!("one finding") };
    assert_eq!(finding.code, "plan/storage-groups");
    assert!(finding.cause.contains("EVS1 2, EVS2 3"), "{finding:?}");
    assert!(finding.cites.contains(&"E00-AA-CONSOLIDATE".to_owned()), "{finding:?}");

    let [finding] = &plan(&both(Some(1), None)).unwrap_err()[..] else { panic!("one finding") };
    assert!(finding.cause.contains("EVS2 nobody knows how many"), "{finding:?}");
    assert!(finding.remedy.contains("[directory]"), "{finding:?}");
}

/// One virtual server shares no node with another: nobody has to count.
#[test]
fn one_virtual_server_needs_no_count() {
    assert!(plan(&kit(&["NODE1", "NODE2"], &[("EVS1", "NODE1", None)], "exchange-2003-sp2")).is_ok());
}
