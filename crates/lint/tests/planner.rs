//! What the planner writes raises no objection: over all small topologies and placements, products, releases, and
//! half-done starts.

#[path = "../../planner/tests/testkit/mod.rs"]
mod testkit;

use kaketsugi_estate::{
    ClusterId, GroupEntry, GroupId, GroupRole, GroupSeen, GroupState, Home, NodeState, ReleaseState,
    ResourceState, Setting,
};
use kaketsugi_plan::Content;
use testkit::{Pacemaker, exchange, id, pacemaker};

/// Objections, with what they are about; empty when there are none.
fn said(name: &str, kit: &Pacemaker) -> String {
    let plan = match kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload) {
        Ok(plan) => plan,
        Err(refused) => return format!("{name}: {:?}\n", refused.findings),
    };
    let objections = kaketsugi_lint::lint(&plan);
    if objections.is_empty() {
        return String::new();
    }
    let objections: String = objections.iter().map(|o| format!("    {o}\n")).collect();
    let steps: String = plan.steps.iter().map(|s| format!("{}\n", s.id)).collect();
    format!("{name}:\n{objections}{steps}")
}

/// Every placement of `groups` groups on `nodes` nodes.
fn placements(nodes: usize, groups: u32) -> impl Iterator<Item = Vec<usize>> {
    (0..nodes.pow(groups)).map(move |number| (0..groups).map(|g| number / nodes.pow(g) % nodes).collect())
}

const NODES: [&str; 4] = ["n1", "n2", "n3", "n4"];
const GROUPS: [&str; 3] = ["g1", "g2", "g3"];

#[test]
fn pacemaker_up_to_four_nodes_and_three_groups() {
    let mut said = String::new();
    for nodes in 2..=4 {
        for groups in 0..=3 {
            for places in placements(nodes, groups) {
                let placed: Vec<_> = GROUPS.into_iter().zip(places.iter().map(|p| NODES[*p])).collect();
                let kit = pacemaker(&NODES[..nodes], &placed);
                said += &self::said(&format!("{nodes} nodes, {placed:?}"), &kit);
            }
        }
    }
    assert_eq!(said, "");
}

#[test]
fn exchange_up_to_three_nodes_and_two_virtual_servers() {
    let mut said = String::new();
    for release in ["exchange-2003-sp2", "exchange-2003-kb916803", "exchange-2003-kb889528"] {
        for nodes in 2..=3 {
            for groups in 1..=2 {
                for places in placements(nodes, groups) {
                    let placed: Vec<_> = GROUPS.into_iter().zip(places.iter().map(|p| NODES[*p])).collect();
                    for fix in [ReleaseState::Installed, ReleaseState::Absent] {
                        let mut kit = exchange(&NODES[..nodes], &placed, release);
                        for server in kit.snapshot.servers.values_mut() {
                            for first in &kit.payload.first {
                                server.releases.insert(first.id.clone(), fix);
                            }
                        }
                        said +=
                            &self::said(&format!("{release}, {nodes} nodes, {placed:?}, fix {fix:?}"), &kit);
                    }
                }
            }
        }
    }
    assert_eq!(said, "");
}

fn sp2(owner: &str) -> Pacemaker {
    exchange(&["n1", "n2"], &[("g1", owner)], "exchange-2003-sp2")
}

fn patched(kit: &mut Pacemaker, node: &str) {
    let server = kit.snapshot.servers.get_mut(&id(node)).unwrap();
    server.releases.insert(kit.payload.id.clone(), ReleaseState::Installed);
}

/// A virtual server that an earlier run left with only its kept-online set online.
fn left_offline(kit: &mut Pacemaker, version: &str) {
    let cluster = kit.snapshot.clusters.get_mut(&id("CLUS1")).unwrap();
    let group = cluster.groups.get_mut(&id("g1")).unwrap();
    for resource in &mut group.resources {
        resource.state = if resource.kept_online { ResourceState::Online } else { ResourceState::Offline };
    }
    group.state = GroupState::Partial;
    group.version = Some(version.into());
}

fn stopped(kit: &mut Pacemaker, node: &str) {
    let cluster = kit.snapshot.clusters.get_mut(&id("CLUS1")).unwrap();
    cluster.nodes.get_mut(&id(node)).unwrap().state = NodeState::Offline;
    kit.snapshot.servers.get_mut(&id(node)).unwrap().cluster_service = Some(false);
}

#[test]
fn exchange_half_done() {
    let (old, new) = ("6.5.7226.6", "6.5.7638.2");
    let mut said = String::new();
    let mut judge = |name: &str, owner: &str, spoil: &dyn Fn(&mut Pacemaker)| {
        let mut kit = sp2(owner);
        spoil(&mut kit);
        said += &self::said(name, &kit);
    };
    judge("one node patched", "n1", &|kit| patched(kit, "n2"));
    judge("one node patched, its service stopped", "n1", &|kit| {
        patched(kit, "n2");
        stopped(kit, "n2");
    });
    judge("offline on the old node", "n1", &|kit| {
        patched(kit, "n2");
        stopped(kit, "n2");
        left_offline(kit, old);
    });
    judge("offline before its upgrade", "n2", &|kit| {
        patched(kit, "n2");
        left_offline(kit, old);
    });
    judge("offline after its upgrade", "n2", &|kit| {
        patched(kit, "n2");
        left_offline(kit, new);
    });
    judge("both nodes patched, the virtual server not", "n1", &|kit| {
        patched(kit, "n1");
        patched(kit, "n2");
    });
    judge("a node stopped, not yet patched", "n1", &|kit| stopped(kit, "n2"));
    judge("nothing left to do", "n1", &|kit| {
        patched(kit, "n1");
        patched(kit, "n2");
        let cluster = kit.snapshot.clusters.get_mut(&id("CLUS1")).unwrap();
        cluster.groups.get_mut(&id("g1")).unwrap().version = Some(new.into());
    });
    assert_eq!(said, "");
}

#[test]
fn pacemaker_half_done() {
    let mut said = String::new();
    let mut judge = |name: &str, spoil: &dyn Fn(&mut Pacemaker)| {
        let mut kit = pacemaker(&["n1", "n2", "n3"], &[("mail", "n1")]);
        spoil(&mut kit);
        said += &self::said(name, &kit);
    };
    let state = |kit: &mut Pacemaker, node: &str, state: ReleaseState| {
        kit.snapshot.servers.get_mut(&id(node)).unwrap().releases.insert(id("debian-updates"), state);
    };
    let standby = |kit: &mut Pacemaker, node: &str| {
        let cluster = kit.snapshot.clusters.get_mut(&id("mail")).unwrap();
        cluster.nodes.get_mut(&id(node)).unwrap().state = NodeState::Standby;
        let server = kit.snapshot.servers.get_mut(&id(node)).unwrap();
        server.settings.insert(Setting::Standby, Some("on".into()));
    };
    judge("one patched", &|kit| state(kit, "n2", ReleaseState::Installed));
    judge("the last one left", &|kit| {
        state(kit, "n2", ReleaseState::Installed);
        state(kit, "n3", ReleaseState::Newer);
    });
    judge("one half-done", &|kit| state(kit, "n3", ReleaseState::Partial));
    judge("the active one half-done", &|kit| state(kit, "n1", ReleaseState::Partial));
    judge("one found in standby", &|kit| standby(kit, "n3"));
    judge("the stack itself", &|kit| kit.payload.service = kaketsugi_plan::ServiceNeed::Stopped);
    judge("always restarted", &|kit| {
        kit.estate.policy.restart = kaketsugi_estate::RestartPolicy::Always;
    });
    judge("never restarted", &|kit| {
        kit.estate.policy.restart = kaketsugi_estate::RestartPolicy::Never;
    });
    assert_eq!(said, "");
}

/// A group as it was seen.
fn group<'a>(kit: &'a mut Pacemaker, cluster: &str, group: &str) -> &'a mut GroupSeen {
    let cluster = kit.snapshot.clusters.get_mut(&id::<ClusterId>(cluster)).unwrap();
    cluster.groups.get_mut(&id::<GroupId>(group)).unwrap()
}

#[test]
fn placements_that_the_cluster_has_a_say_in() {
    let mut said = String::new();
    let mut kit = pacemaker(&["n1", "n2", "n3"], &[("mail", "n1")]);
    group(&mut kit, "mail", "mail").placement.scores.insert(id("n1"), 200);
    said += &self::said("goes home by itself", &kit);
    let mut kit = pacemaker(&["n1", "n2", "n3"], &[("mail", "n2"), ("web", "n1")]);
    group(&mut kit, "mail", "mail").placement.scores.insert(id("n1"), -5);
    said += &self::said("stays away from n1", &kit);
    let mut kit = pacemaker(&["n1", "n2", "n3"], &[("mail", "n1"), ("fence", "n2")]);
    group(&mut kit, "mail", "fence").role = GroupRole::Fencing;
    said += &self::said("a fencing device", &kit);
    assert_eq!(said, "");
}

#[test]
fn exchange_homes() {
    let mut said = String::new();
    for home in [Home::Stay, Home::Preferred, Home::Return] {
        for owner in ["n1", "n2"] {
            let mut kit = sp2(owner);
            kit.estate.policy.home = Some(home);
            let entry = GroupEntry { preferred: vec![id("n1")], health: None };
            kit.estate.clusters.get_mut(&id::<ClusterId>("CLUS1")).unwrap().groups.insert(id("g1"), entry);
            said += &self::said(&format!("{home:?}, on {owner}"), &kit);
        }
    }
    let many = exchange(&NODES, &[("g1", "n1"), ("g2", "n2"), ("g3", "n3")], "exchange-2003-sp2");
    said += &self::said("four nodes, three virtual servers", &many);
    assert_eq!(said, "");
}

#[test]
fn two_clusters_in_one_estate() {
    let mut kit = pacemaker(&["n1", "n2"], &[("mail", "n1")]);
    let other = pacemaker(&["m1", "m2"], &[("mail", "m1")]);
    let mail: ClusterId = id("mail");
    kit.estate.servers.extend(other.estate.servers);
    kit.estate.clusters.insert(id("other"), other.estate.clusters[&mail].clone());
    kit.snapshot.servers.extend(other.snapshot.servers);
    kit.snapshot.clusters.insert(id("other"), other.snapshot.clusters[&mail].clone());
    let (Content::Packages(all), Content::Packages(more)) = (&mut kit.payload.content, other.payload.content)
    else {
        panic!("packages");
    };
    all.extend(more);
    assert_eq!(said("two clusters", &kit), "");
}

#[test]
fn pacemaker_sixteen_nodes() {
    let nodes: Vec<String> = (1..=16).map(|n| format!("n{n:02}")).collect();
    let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
    let groups: Vec<String> = (1..=4).map(|g| format!("g{g:02}")).collect();
    let groups: Vec<(&str, &str)> = groups.iter().map(String::as_str).zip(nodes.iter().copied()).collect();
    assert_eq!(said("16 nodes", &pacemaker(&nodes, &groups)), "");
}
