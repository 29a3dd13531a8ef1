//! The register's rows on Exchange 2003 clusters, at the steps where they act.

use std::collections::BTreeSet;

use kaketsugi_plan::Plan;

use crate::testkit;

/// Rows that forbid a plan instead of acting in one; the refusals' tests have them.
const REFUSES: [&str; 1] = ["E03-CLU-W2K-CLEAN"];

/// The fix of KB 831464 is on no node.
fn plan(nodes: &[&str], groups: &[(&str, &str)], release: &str) -> Plan {
    let mut kit = testkit::exchange(nodes, groups, release);
    for server in kit.snapshot.servers.values_mut() {
        for first in &kit.payload.first {
            server.releases.insert(first.id.clone(), kaketsugi_estate::ReleaseState::Absent);
        }
    }
    kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap()
}

fn cited(plan: &Plan) -> BTreeSet<String> {
    let page = kaketsugi_plan::render::runbook_markdown(plan);
    let cited: BTreeSet<String> = plan.steps.iter().flat_map(|s| s.cites.clone()).collect();
    cited.iter().for_each(|id| assert!(page.contains(id), "{id} isn't on the page"));
    cited
}

fn rows() -> BTreeSet<String> {
    let all = kaketsugi_knowledge::rules().iter().map(|rule| rule.id.to_string());
    all.filter(|id| id.starts_with("E03-CLU-") && !REFUSES.contains(&id.as_str())).collect()
}

/// The rows that a runbook leaves out.
fn left_out(plan: &Plan) -> Vec<String> {
    rows().difference(&cited(plan)).cloned().collect()
}

#[test]
fn a_service_pack_on_three_nodes_cites_every_row() {
    let plan =
        plan(&["NODE1", "NODE2", "NODE3"], &[("EVS1", "NODE1"), ("EVS2", "NODE2")], "exchange-2003-sp2");
    assert_eq!(left_out(&plan), Vec::<String>::new());
    assert_eq!(rows().len(), 20);
}

#[test]
fn two_nodes_and_one_virtual_server_repeat_nothing() {
    let plan = plan(&["NODE1", "NODE2"], &[("EVS1", "NODE1")], "exchange-2003-sp2");
    assert_eq!(left_out(&plan), ["E03-CLU-13-REPEAT"]);
}

/// A hotfix that needs no upgrade of the virtual servers has one stage (step 11: go on with step 12).
#[test]
fn a_hotfix_upgrades_no_virtual_server() {
    let plan =
        plan(&["NODE1", "NODE2", "NODE3"], &[("EVS1", "NODE1"), ("EVS2", "NODE2")], "exchange-2003-kb916803");
    let upgrade = ["E03-CLU-09-UPGRADE-EVS", "E03-CLU-ADMIN-NODE", "E03-CLU-TWO-STAGES"];
    assert_eq!(left_out(&plan), upgrade);
}
