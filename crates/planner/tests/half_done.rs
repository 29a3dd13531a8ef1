//! Plans from states that are no clean start: each is only another starting point.

mod testkit;

use kaketsugi_estate::{GroupState, NodeState, ReleaseState, ResourceState, SettingValue};
use kaketsugi_plan::{Action, Plan};
use testkit::{Pacemaker, exchange, id, pacemaker};

fn plan(kit: &Pacemaker) -> Plan {
    kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap()
}

fn names(plan: &Plan) -> Vec<String> {
    plan.steps
        .iter()
        .filter(|s| {
            !s.action.only_looks() && !matches!(s.action, Action::Quiet { .. } | Action::PutBack { .. })
        })
        .map(|s| s.id.to_string())
        .collect()
}

fn sp2(owner: &str) -> Pacemaker {
    exchange(&["NODE1", "NODE2"], &[("EVS1", owner)], "exchange-2003-sp2")
}

fn patched(kit: &mut Pacemaker, node: &str) {
    let server = kit.snapshot.servers.get_mut(&id(node)).unwrap();
    server.releases.insert(kit.payload.id.clone(), ReleaseState::Installed);
}

fn only_kept_online(kit: &mut Pacemaker, version: &str) {
    let cluster = kit.snapshot.clusters.get_mut(&id("CLUS1")).unwrap();
    let group = cluster.groups.get_mut(&id("EVS1")).unwrap();
    for resource in &mut group.resources {
        resource.state = if resource.kept_online { ResourceState::Online } else { ResourceState::Offline };
    }
    group.state = GroupState::Partial;
    group.version = Some(version.into());
}

#[test]
fn one_node_patched_the_virtual_server_still_on_the_other() {
    let mut kit = sp2("NODE1");
    patched(&mut kit, "NODE2");
    let names = names(&plan(&kit));
    assert_eq!(names.first().map(String::as_str), Some("E03-CLU-06-OFFLINE/EVS1/1"), "{names:#?}");
    assert!(!names.iter().any(|n| n.contains("INSTALL/NODE2")), "{names:#?}");
}

#[test]
fn a_virtual_server_left_offline_before_its_upgrade_is_brought_back_first() {
    let mut kit = sp2("NODE2");
    patched(&mut kit, "NODE2");
    only_kept_online(&mut kit, "6.5.7226.6");
    let names = names(&plan(&kit));
    assert_eq!(names[..2], ["E03-CLU-09-UPGRADE-EVS/EVS1/1", "E03-CLU-10-ONLINE/EVS1/1"], "{names:#?}");
}

#[test]
fn a_virtual_server_left_offline_after_its_upgrade_is_only_brought_online() {
    let mut kit = sp2("NODE2");
    patched(&mut kit, "NODE2");
    only_kept_online(&mut kit, "6.5.7638.2");
    let names = names(&plan(&kit));
    assert_eq!(names[0], "E03-CLU-10-ONLINE/EVS1/1", "{names:#?}");
    assert!(!names.iter().any(|n| n.contains("UPGRADE")), "{names:#?}");
}

#[test]
fn all_patched_and_upgraded_leaves_nothing_to_do() {
    let mut kit = sp2("NODE1");
    patched(&mut kit, "NODE1");
    patched(&mut kit, "NODE2");
    let group = kit.snapshot.clusters.get_mut(&id("CLUS1")).unwrap().groups.get_mut(&id("EVS1")).unwrap();
    group.version = Some("6.5.7638.2".into());
    assert_eq!(plan(&kit).steps, []);
}

#[test]
fn both_nodes_patched_and_the_virtual_server_not() {
    let mut kit = sp2("NODE1");
    patched(&mut kit, "NODE1");
    patched(&mut kit, "NODE2");
    let names = names(&plan(&kit));
    assert_eq!(
        names[..3],
        ["E03-CLU-06-OFFLINE/EVS1/1", "E03-CLU-09-UPGRADE-EVS/EVS1/1", "E03-CLU-10-ONLINE/EVS1/1"],
        "{names:#?}"
    );
    // It is home, and its fail-over has yet to be proven: away and back.
    assert_eq!(
        names.iter().filter(|n| n.contains("/EVS1/") && n.contains("MOVE") || n.contains("FAILOVER")).count(),
        2
    );
}

#[test]
fn a_half_installed_node_comes_first_and_a_node_in_standby_stays_there() {
    let mut kit = pacemaker(&["n1", "n2", "n3"], &[("mail", "n1")]);
    let n3 = kit.snapshot.servers.get_mut(&id("n3")).unwrap();
    n3.releases.insert(kit.payload.id.clone(), ReleaseState::Partial);
    n3.settings.insert(kaketsugi_estate::Setting::Standby, SettingValue::Some("on".into()));
    let cluster = kit.snapshot.clusters.get_mut(&id("mail")).unwrap();
    cluster.nodes.get_mut(&id("n3")).unwrap().state = NodeState::Standby;
    let plan = plan(&kit);
    let names = names(&plan);
    let first_install = names.iter().find(|n| n.starts_with("install/"));
    assert_eq!(first_install.map(String::as_str), Some("install/n3/1"));
    assert!(!names.iter().any(|n| n == "readmit/n3/1"), "{names:#?}");
}
