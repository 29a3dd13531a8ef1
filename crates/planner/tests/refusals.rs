//! What forbids a plan: each thing by itself, with the finding that names it.

mod testkit;

use kaketsugi_estate::{GroupState, NodeState, Product, ReleaseState, ServerId, Trouble};
use testkit::{Pacemaker, id, pacemaker};

fn refused(change: impl FnOnce(&mut Pacemaker)) -> Vec<String> {
    let mut kit = pacemaker(&["n1", "n2", "n3"], &[("mail", "n1")]);
    change(&mut kit);
    match kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload) {
        Ok(_) => Vec::new(),
        Err(refused) => refused.findings.into_iter().map(|f| f.code).collect(),
    }
}

fn trouble(trouble: Trouble) -> Vec<String> {
    refused(|kit| kit.snapshot.clusters.get_mut(&id("mail")).unwrap().trouble.push(trouble))
}

fn node(state: NodeState) -> Vec<String> {
    refused(|kit| {
        kit.snapshot.clusters.get_mut(&id("mail")).unwrap().nodes.get_mut(&id("n2")).unwrap().state = state;
    })
}

#[test]
fn nothing_wrong_is_not_refused() {
    assert_eq!(refused(|_| {}), [""; 0]);
}

#[test]
fn each_trouble_of_the_cluster() {
    let name = || "mail".to_owned();
    let cases = [
        (Trouble::MaintenanceMode, "cluster/maintenance-mode"),
        (Trouble::Unmanaged { resource: name() }, "cluster/unmanaged"),
        (Trouble::FailedAction { resource: name(), node: name(), what: name() }, "cluster/failed-action"),
        (Trouble::FailCount { resource: name(), node: name(), count: 1 }, "cluster/fail-count"),
        (Trouble::FencingPending { target: name() }, "cluster/fencing-pending"),
        (Trouble::FencingFailed { target: name() }, "cluster/fencing-failed"),
        (Trouble::FencingDisabled, "cluster/fencing-disabled"),
        (Trouble::Unclean { node: name() }, "cluster/node-unclean"),
        (Trouble::NoQuorum, "cluster/no-quorum"),
        (Trouble::UnitEnabled { unit: name() }, "cluster/unit-enabled"),
        (Trouble::UnmodelledConstraint { id: name(), what: name() }, "cluster/unmodelled-constraint"),
        (Trouble::StopNearTimeout { resource: name(), percent: 90 }, "cluster/stop-near-timeout"),
        (Trouble::Stopped { resource: name() }, "cluster/resource-stopped"),
        (Trouble::Unreadable { what: name() }, "probe/unreadable"),
    ];
    for (it, code) in cases {
        assert_eq!(trouble(it.clone()), [code], "{it:?}");
    }
}

#[test]
fn fencing_may_be_disabled_where_policy_says_so() {
    let codes = refused(|kit| {
        kit.estate.policy.allow_fencing_disabled = true;
        kit.snapshot.clusters.get_mut(&id("mail")).unwrap().trouble.push(Trouble::FencingDisabled);
    });
    assert_eq!(codes, [""; 0]);
}

#[test]
fn nodes_that_are_not_well() {
    assert_eq!(node(NodeState::Maintenance), ["cluster/maintenance-node"]);
    assert_eq!(node(NodeState::Unclean), ["cluster/node-unclean"]);
    assert_eq!(node(NodeState::Offline), ["cluster/node-offline"]);
    assert_eq!(node(NodeState::Pending), ["cluster/node-offline"]);
    assert_eq!(node(NodeState::Standby), [""; 0]);
}

#[test]
fn what_is_not_known_is_not_safe() {
    let server = |change: fn(&mut kaketsugi_estate::ServerSeen)| {
        refused(|kit| change(kit.snapshot.servers.get_mut(&id("n2")).unwrap()))
    };
    assert_eq!(server(|s| s.reached = false), ["server/unreached"]);
    assert_eq!(server(|s| s.releases.clear()), ["release/unknown-state"]);
    assert_eq!(server(|s| s.installer_running = None), ["server/installer-running"]);
    assert_eq!(server(|s| s.installer_running = Some(true)), ["server/installer-running"]);
    assert_eq!(server(|s| s.trouble.push(Trouble::PackagesHeld { packages: vec![] })), ["packages/held"]);
    assert_eq!(server(|s| s.trouble.push(Trouble::PackagesBroken { packages: vec![] })), ["packages/broken"]);
    assert_eq!(
        server(|s| s.trouble.push(Trouble::PackageLockHeld { by: "apt".into() })),
        ["packages/locked"]
    );
    assert_eq!(refused(|kit| kit.snapshot.clusters.clear()), ["cluster/unreadable"]);
}

#[test]
fn groups_that_are_not_well_or_have_nowhere_to_go() {
    let group = |change: fn(&mut kaketsugi_estate::GroupSeen)| {
        refused(|kit| {
            let cluster = kit.snapshot.clusters.get_mut(&id("mail")).unwrap();
            change(cluster.groups.get_mut(&id("mail")).unwrap());
        })
    };
    assert_eq!(group(|g| g.state = GroupState::Failed), ["cluster/group-not-well"]);
    assert_eq!(group(|g| g.healthy = Some(false)), ["cluster/group-unhealthy"]);
    assert_eq!(group(|g| g.placement.scores.retain(|n, _| n.as_str() == "n1")), ["plan/no-other-owner"]);
}

#[test]
fn estate_and_cluster_disagree() {
    let codes = refused(|kit| {
        kit.estate.servers.remove(&id("n3"));
        kit.estate.clusters.get_mut(&id("mail")).unwrap().nodes.retain(|n| n.as_str() != "n3");
    });
    assert_eq!(codes, ["cluster/node-unlisted"]);
    let codes = refused(|kit| {
        kit.snapshot.clusters.get_mut(&id("mail")).unwrap().nodes.remove(&id("n3"));
    });
    // Two nodes are left, and they are not set up to go on with one.
    assert_eq!(codes, ["cluster/node-missing", "cluster/two-nodes-without-two-node"]);
}

#[test]
fn a_release_for_another_product() {
    let codes = refused(|kit| kit.payload.product = Product::Exchange2003);
    assert!(codes.iter().all(|c| c == "release/wrong-product"), "{codes:?}");
    assert_eq!(codes.len(), 3);
}

#[test]
fn a_release_that_does_not_fit_what_is_installed() {
    let codes = |release: &str, version: Option<&str>, state: ReleaseState| {
        let mut kit = testkit::exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1")], release);
        let payload = kit.payload.id.clone();
        let server = kit.snapshot.servers.get_mut(&id::<ServerId>("NODE2")).unwrap();
        server.version = version.map(Into::into);
        server.releases.insert(payload, state);
        match kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload) {
            Ok(_) => Vec::<(String, String)>::new(),
            Err(refused) => refused.findings.into_iter().map(|f| (f.code, f.symptom)).collect(),
        }
    };
    let (sp1, sp2) =
        ("Version 6.5 (Build 7226.6: Service Pack 1)", "Version 6.5 (Build 7638.2: Service Pack 2)");
    for (release, version, state, code, says) in [
        ("exchange-2003-sp1", Some(sp2), ReleaseState::Newer, "release/older", sp2),
        ("exchange-2003-kb889528", Some(sp2), ReleaseState::Absent, "release/older", sp2),
        (
            "exchange-2003-kb916803",
            Some(sp1),
            ReleaseState::Absent,
            "release/needs-first",
            "exchange-2003-sp2",
        ),
        ("exchange-2003-sp2", None, ReleaseState::Absent, "server/unknown-version", "NODE2"),
        ("exchange-2003-sp2", Some("6.5"), ReleaseState::Absent, "server/unknown-version", "6.5"),
    ] {
        let found = codes(release, version, state);
        assert!(
            found.iter().any(|(c, s)| c == code && s.contains(says)),
            "{release} on {version:?}: {found:?}"
        );
    }
    for version in [sp1, "6.5.6944.4", "6.5.7235.2"] {
        assert_eq!(codes("exchange-2003-sp2", Some(version), ReleaseState::Absent), Vec::new(), "{version}");
    }
    // What is half there, or there, goes on whatever the version says by now.
    assert_eq!(codes("exchange-2003-sp2", Some(sp2), ReleaseState::Partial), Vec::new());
    assert_eq!(codes("exchange-2003-sp2", Some(sp2), ReleaseState::Installed), Vec::new());
}

/// A clean installation of the nodes leaves a virtual server of Exchange 2000 (KB 842427).
#[test]
fn a_virtual_server_of_exchange_2000() {
    for release in ["exchange-2003-sp2", "exchange-2003-kb916803"] {
        let mut kit =
            testkit::exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1"), ("EVS2", "NODE1")], release);
        let evs = kit.snapshot.clusters.get_mut(&id("CLUS1")).unwrap().groups.get_mut(&id("EVS2")).unwrap();
        evs.version = Some("6.0.6249.4".into());
        let refused = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap_err();
        let [finding] = &refused.findings[..] else { panic!("{release}: {refused:?}") };
        assert_eq!(finding.code, "cluster/group-of-exchange-2000");
        assert!(finding.symptom.contains("EVS2") && finding.cites[0] == "E03-CLU-W2K-CLEAN", "{finding:?}");
    }
}

/// Exchange 5.5 works on one node; a file share on the other one looks the same.
#[test]
fn two_active_nodes_of_exchange_5_5() {
    let groups = [("EX", "NODE1"), ("SHARE", "NODE2")];
    let kit = testkit::exchange(&["NODE1", "NODE2"], &groups, "exchange-5.5-sp4");
    let refused = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap_err();
    let [finding] = &refused.findings[..] else { panic!("{refused:?}") };
    assert_eq!(
        (finding.code.as_str(), &finding.cites[..]),
        ("cluster/several-active", &["E55-CLU-ACTIVE-FIRST".to_owned()][..])
    );
    let together =
        testkit::exchange(&["NODE1", "NODE2"], &[("EX", "NODE1"), ("SHARE", "NODE1")], "exchange-5.5-sp4");
    kaketsugi_planner::plan(&together.estate, &together.snapshot, &together.payload).unwrap();
}

#[test]
fn every_mistake_is_told_at_once() {
    let codes = refused(|kit| {
        kit.snapshot.servers.get_mut(&id("n2")).unwrap().installer_running = None;
        kit.snapshot.clusters.get_mut(&id("mail")).unwrap().trouble.push(Trouble::MaintenanceMode);
        kit.snapshot.clusters.get_mut(&id("mail")).unwrap().nodes.get_mut(&id("n3")).unwrap().state =
            NodeState::Unclean;
    });
    assert_eq!(codes, ["server/installer-running", "cluster/node-unclean", "cluster/maintenance-mode"]);
}

#[test]
fn a_cluster_that_only_a_person_reaches_in_part_or_that_is_no_windows_cluster() {
    let by_hand = |nodes: &[&str]| {
        refused(|kit| {
            for node in nodes {
                kit.estate.servers.get_mut(&id(node)).unwrap().transport =
                    kaketsugi_estate::TransportKind::Operator;
            }
        })
    };
    assert_eq!(by_hand(&["n2"]), ["cluster/half-by-hand", "cluster/not-by-hand"]);
    assert_eq!(by_hand(&["n1", "n2", "n3"]), ["cluster/not-by-hand"]);
}
