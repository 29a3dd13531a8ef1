//! Commands, faults and reactions, one sentence a test.
#![expect(clippy::unwrap_used, reason = "a test that can't build its world has failed")]

use std::collections::{BTreeMap, BTreeSet};

use kaketsugi_estate::*;

use crate::{Command, Fault, Harm, Mishap, Refusal, ReleaseFacts, UpgradeFlaw, World};

fn id<T: std::str::FromStr>(name: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    name.parse().unwrap()
}

fn server() -> ServerSeen {
    ServerSeen {
        reached: true,
        boot: Some(BootId("first".into())),
        version: Some("1".into()),
        releases: BTreeMap::from([(id("r"), ReleaseState::Absent)]),
        cluster_service: Some(true),
        restart_pending: Some(false),
        installer_running: Some(false),
        staged: BTreeSet::from([id("r")]),
        ..ServerSeen::default()
    }
}

fn resource(name: &str, kind: &str, kept_online: bool) -> ResourceSeen {
    ResourceSeen { id: id(name), kind: kind.into(), state: ResourceState::Online, kept_online }
}

fn group(nodes: &[&str], owner: &str, role: GroupRole, resources: Vec<ResourceSeen>) -> GroupSeen {
    GroupSeen {
        role,
        owner: Some(id(owner)),
        state: GroupState::Online,
        resources,
        placement: Placement { scores: nodes.iter().map(|n| (id(n), 0)).collect(), stickiness: 100, turn: 0 },
        version: None,
        storage_groups: None,
        healthy: Some(true),
    }
}

fn snapshot(kind: ClusterKind, nodes: &[&str], groups: Vec<(&str, GroupSeen)>) -> Snapshot {
    let quorum = QuorumSeen { has: Some(true), two_node: nodes.len() == 2, wait_for_all: nodes.len() == 2 };
    Snapshot {
        taken_at: Millis(7),
        servers: nodes.iter().map(|n| (id(n), server())).collect(),
        clusters: BTreeMap::from([(
            id("c"),
            ClusterSeen {
                kind,
                nodes: nodes.iter().map(|n| (id(n), NodeSeen { state: NodeState::Online })).collect(),
                quorum,
                groups: groups.into_iter().map(|(name, g)| (id(name), g)).collect(),
                trouble: Vec::new(),
                configuration: Some("c0ffee".into()),
                lock: None,
                pool: None,
            },
        )]),
        evidence: Vec::new(),
    }
}

fn pacemaker(nodes: &[&str]) -> Snapshot {
    let mail = vec![
        resource("fs", "ocf:heartbeat:Filesystem", false),
        resource("ip", "ocf:heartbeat:IPaddr2", false),
    ];
    snapshot(ClusterKind::Pacemaker, nodes, vec![("mail", group(nodes, "n1", GroupRole::Service, mail))])
}

/// Two nodes, EVS1 on n1, the cluster group on n2.
fn exchange() -> Snapshot {
    let nodes = ["n1", "n2"];
    let evs = vec![
        resource("ip", "IP Address", true),
        resource("disk", "Physical Disk", true),
        resource("sa", "Microsoft Exchange System Attendant", false),
        resource("is", "Microsoft Exchange Information Store", false),
    ];
    let cluster = vec![
        resource("cip", "IP Address", true),
        resource("dtc", "Distributed Transaction Coordinator", false),
    ];
    let mut evs = group(&nodes, "n1", GroupRole::Service, evs);
    evs.version = Some("1".into());
    snapshot(
        ClusterKind::Windows,
        &nodes,
        vec![("EVS1", evs), ("Cluster Group", group(&nodes, "n2", GroupRole::ClusterGroup, cluster))],
    )
}

fn release() -> ReleaseFacts {
    ReleaseFacts {
        id: id("r"),
        one_way: false,
        group_upgrade: false,
        build: None,
        service: None,
        resumable: true,
        from_stage: true,
        stops_product: true,
        alike_in_pools: false,
        in_place: false,
        optimizer: false,
    }
}

fn service_pack() -> ReleaseFacts {
    ReleaseFacts {
        one_way: true,
        group_upgrade: true,
        build: Some("2".into()),
        service: Some(false),
        resumable: false,
        ..release()
    }
}

fn install(node: &str) -> Command {
    Command::Install { node: id(node), release: id("r"), restart_asked: false, agreed: false }
}

fn standby(node: &str) -> Command {
    Command::Standby { cluster: id("c"), node: id(node) }
}

fn move_evs(to: &str) -> Command {
    Command::MoveGroup { cluster: id("c"), group: id("EVS1"), to: id(to) }
}

fn owner(world: &World, group: &str) -> Option<String> {
    world.owner(&id("c"), &id(group)).map(ToString::to_string)
}

fn state(world: &World, group: &str) -> GroupState {
    world.observe().clusters[&id::<ClusterId>("c")].groups[&id::<GroupId>(group)].state
}

fn after(world: World, commands: &[Command]) -> World {
    commands.iter().fold(world, |w, c| w.command(c).unwrap_or_else(|why| panic!("{c}: {why}")))
}

#[test]
fn what_was_seen_is_what_is_observed() {
    let mut odd = pacemaker(&["n1", "n2", "n3"]);
    let cluster = odd.clusters.get_mut(&id::<ClusterId>("c")).unwrap();
    cluster.nodes.get_mut(&id::<ServerId>("n3")).unwrap().state = NodeState::Unclean;
    cluster.trouble = vec![
        Trouble::MaintenanceMode,
        Trouble::FailCount { resource: "ip".into(), node: "n2".into(), count: 3 },
    ];
    let mail = cluster.groups.get_mut(&id::<GroupId>("mail")).unwrap();
    mail.state = GroupState::Partial;
    mail.healthy = Some(false);
    mail.resources[1].state = ResourceState::Offline;
    let lost = odd.servers.get_mut(&id::<ServerId>("n3")).unwrap();
    *lost = ServerSeen { unreached_why: Some("no route".into()), ..ServerSeen::default() };
    for seen in [pacemaker(&["n1", "n2"]), exchange(), odd] {
        assert_eq!(World::from_snapshot(&seen).observe(), seen);
    }
}

#[test]
fn a_drain_goes_where_it_was_predicted_and_readmitting_leaves_it_there() {
    let world = World::from_snapshot(&pacemaker(&["n1", "n2", "n3"]));
    let predicted = world.predict_drain(&id("c"), &id("n1"));
    assert_eq!(predicted, BTreeMap::from([(id("mail"), Some(id("n2")))]));
    let drained = after(world.clone(), &[standby("n1")]);
    assert_eq!(owner(&drained, "mail").as_deref(), Some("n2"));
    let midway = &world.midway(&standby("n1"))[0];
    assert_eq!(state(midway, "mail"), GroupState::Pending);
    assert_eq!(midway.finish(&standby("n1")), drained);
    let back = after(drained, &[Command::Unstandby { cluster: id("c"), node: id("n1") }]);
    assert_eq!(owner(&back, "mail").as_deref(), Some("n2"), "its stickiness holds it");
}

#[test]
fn in_three_nodes_a_group_is_exposed_only_while_it_has_one_node_left() {
    let world = World::from_snapshot(&pacemaker(&["n1", "n2", "n3"]));
    assert_eq!(world.exposures(&id("c")), []);
    // n3 drained, n2 stopped: with n1 gone too there is no quorum, and nowhere to go.
    let one_left = after(world, &[standby("n3"), Command::StopService { node: id("n2") }]);
    assert_eq!(
        one_left.exposures(&id("c")),
        [(id("n1"), vec![id("mail")]), (id("n3"), vec![id("mail")])],
        "n1 has it; without n3 there is no quorum"
    );
}

#[test]
fn a_lost_node_is_fenced_before_its_groups_start_elsewhere_and_never_without_quorum() {
    let world = World::from_snapshot(&pacemaker(&["n1", "n2", "n3"]));
    let lost = world.fault(&Fault::PowerLost { node: id("n1"), returns: false });
    assert_eq!(owner(&lost, "mail").as_deref(), Some("n2"));
    assert!(lost.harm().is_empty());
    assert!(!lost.observe().servers[&id::<ServerId>("n1")].reached);
    let two_gone = after(world, &[Command::StopService { node: id("n3") }])
        .fault(&Fault::PowerLost { node: id("n1"), returns: false });
    assert!(!two_gone.has_quorum(&id("c")));
    assert_eq!(state(&two_gone, "mail"), GroupState::Pending, "nobody may start it while n1 isn't fenced");
    let repaired = two_gone.repair();
    assert_eq!(state(&repaired, "mail"), GroupState::Online);
}

#[test]
fn a_node_that_is_cut_off_runs_its_groups_twice_only_where_fencing_is_disabled() {
    let mut seen = pacemaker(&["n1", "n2", "n3"]);
    let fenced = World::from_snapshot(&seen).fault(&Fault::CutOff { node: id("n1") });
    assert!(fenced.harm().is_empty());
    assert_eq!(owner(&fenced, "mail").as_deref(), Some("n2"));
    seen.clusters.get_mut(&id::<ClusterId>("c")).unwrap().trouble.push(Trouble::FencingDisabled);
    let twice = World::from_snapshot(&seen).fault(&Fault::CutOff { node: id("n1") });
    let expected = Harm::StartedTwice { group: id("mail"), first: id("n1"), second: id("n2") };
    assert!(twice.harm().contains(&expected), "{:?}", twice.harm());
}

#[test]
fn with_wait_for_all_a_full_stop_needs_all_nodes_once() {
    let world = World::from_snapshot(&pacemaker(&["n1", "n2"]));
    let stop = |n: &str| Command::StopService { node: id(n) };
    let start = |n: &str| Command::StartService { node: id(n) };
    let one = after(world, &[stop("n2")]);
    assert!(one.has_quorum(&id("c")), "two_node: one of two is enough");
    let none = after(one, &[stop("n1")]);
    assert!(none.observe().clusters.is_empty(), "nobody answers for the cluster");
    let first = after(none, &[start("n1")]);
    assert!(!first.has_quorum(&id("c")));
    assert_eq!(state(&first, "mail"), GroupState::Offline);
    let both = after(first, &[start("n2")]);
    assert!(both.has_quorum(&id("c")));
    assert_eq!(state(&both, "mail"), GroupState::Online);
    assert!(after(both, &[stop("n2")]).has_quorum(&id("c")), "they have seen each other");
}

#[test]
fn an_interrupted_package_manager_wants_to_be_put_in_order_first() {
    let world = World::with_releases(&pacemaker(&["n1", "n2"]), [release()]);
    let drained = after(world, &[standby("n1")]);
    let cut = drained.midway(&install("n1"))[0].fault(&Fault::PowerLost { node: id("n1"), returns: true });
    let seen = cut.observe();
    let n1 = &seen.servers[&id::<ServerId>("n1")];
    assert_eq!(n1.releases[&id::<ReleaseId>("r")], ReleaseState::Partial);
    assert_ne!(n1.boot, Some(BootId("first".into())));
    assert_eq!(n1.cluster_service, Some(true), "it starts by itself");
    assert_eq!(cut.command(&install("n1")), Err(Refusal::Interrupted { node: id("n1") }));
    let whole = after(cut, &[Command::ConfigurePackages { node: id("n1") }, install("n1")]);
    assert!(whole.harm().is_empty());
    let state = whole.observe().servers[&id::<ServerId>("n1")].releases[&id::<ReleaseId>("r")];
    assert_eq!(state, ReleaseState::Installed);
}

#[test]
fn an_install_under_a_group_or_twice_at_once_is_harm() {
    let world = World::with_releases(&pacemaker(&["n1", "n2"]), [release()]);
    let under = after(world.clone(), &[install("n1")]);
    let expected = Harm::InstalledUnderGroup { node: id("n1"), group: id("mail"), release: id("r") };
    assert_eq!(under.harm().iter().collect::<Vec<_>>(), [&expected]);
    let twice = world.midway(&install("n2"))[0].command(&install("n2")).unwrap();
    assert!(twice.harm().contains(&Harm::TwoInstallers { node: id("n2") }));
}

#[test]
fn an_installer_of_windows_is_never_started_twice_unasked() {
    let world = World::with_releases(&exchange(), [service_pack()]);
    let stopped = after(world, &[Command::StopService { node: id("n2") }]);
    let half = stopped.mishap(&install("n2"), Mishap::FailsHalfway).unwrap();
    assert!(half.harm().is_empty());
    let unasked = after(half.clone(), &[install("n2")]);
    assert!(unasked.harm().contains(&Harm::InstallerTwice { node: id("n2"), release: id("r") }));
    let asked = Command::Install { node: id("n2"), release: id("r"), restart_asked: false, agreed: true };
    assert!(after(half, &[asked]).harm().is_empty());
}

#[test]
fn exchange_goes_over_by_the_register_and_is_then_pinned() {
    let evs = || id::<GroupId>("EVS1");
    let world = World::with_releases(&exchange(), [service_pack()]);
    let way = [
        Command::MoveGroup { cluster: id("c"), group: id("Cluster Group"), to: id("n1") },
        Command::StopService { node: id("n2") },
        install("n2"),
        Command::TakeOffline { cluster: id("c"), group: evs() },
        Command::StartService { node: id("n2") },
        move_evs("n2"),
        Command::UpgradeGroup { cluster: id("c"), group: evs(), from: id("n2"), release: id("r") },
        Command::BringOnline {
            cluster: id("c"),
            group: evs(),
            resources: BTreeSet::from([id("sa"), id("is")]),
        },
    ];
    let over = after(world, &way);
    assert_eq!(over.harm(), &BTreeSet::new());
    assert_eq!((owner(&over, "EVS1").as_deref(), state(&over, "EVS1")), (Some("n2"), GroupState::Online));
    assert_eq!(over.exposures(&id("c")), [(id("n2"), vec![evs()])], "n1 can't carry it: E03-CLU-11-PINNED");
    let back = after(over, &[move_evs("n1")]);
    assert_eq!(owner(&back, "EVS1").as_deref(), Some("n2"), "it doesn't come online on n1 and goes back");
    assert!(back.harm().is_empty());
}

#[test]
fn an_upgrade_with_the_system_attendant_online_is_harm() {
    let world = World::with_releases(&exchange(), [service_pack()]);
    let upgrade =
        Command::UpgradeGroup { cluster: id("c"), group: id("EVS1"), from: id("n1"), release: id("r") };
    let harm = after(world, &[upgrade]).harm().clone();
    for why in [UpgradeFlaw::NotOffline, UpgradeFlaw::NodeNotInstalled] {
        assert!(harm.contains(&Harm::UpgradedAgainstConditions { group: id("EVS1"), why }), "{harm:?}");
    }
}

#[test]
fn data_of_a_one_way_release_is_not_opened_by_an_older_node() {
    let one_way = ReleaseFacts { one_way: true, ..release() };
    let world = World::with_releases(&pacemaker(&["n1", "n2", "n3"]), [one_way]);
    let to_new = after(
        world,
        &[standby("n3"), install("n3"), Command::Unstandby { cluster: id("c"), node: id("n3") }],
    );
    let on_new = after(to_new, &[Command::MoveGroup { cluster: id("c"), group: id("mail"), to: id("n3") }]);
    assert!(on_new.harm().is_empty());
    let back = after(on_new, &[Command::MoveGroup { cluster: id("c"), group: id("mail"), to: id("n1") }]);
    assert!(back.harm().contains(&Harm::OlderOpened { group: id("mail"), node: id("n1"), release: id("r") }));
}

#[test]
fn failback_moves_a_group_when_its_preferred_owner_joins_unless_it_is_off() {
    let mut seen = exchange();
    let evs =
        seen.clusters.get_mut(&id::<ClusterId>("c")).unwrap().groups.get_mut(&id::<GroupId>("EVS1")).unwrap();
    evs.placement.scores.insert(id("n1"), 10);
    for server in seen.servers.values_mut() {
        server.settings.insert(Setting::Failback(id("EVS1")), Some("1".into()));
    }
    let restart = Command::Restart { node: id("n1") };
    let world = World::from_snapshot(&seen);
    let on = after(world.clone(), std::slice::from_ref(&restart));
    assert_eq!(owner(&on, "EVS1").as_deref(), Some("n1"));
    let off = after(world, &[Command::Quiet { node: id("n2") }, restart]);
    assert_eq!(owner(&off, "EVS1").as_deref(), Some("n2"));
    assert_eq!(off.settings_changed().len(), 2, "the group's failback, seen from both nodes");
    let found = seen.servers[&id::<ServerId>("n2")].settings.clone();
    let back = after(off.clone(), &[Command::PutBack { node: id("n2"), settings: found }]);
    assert_eq!(back.settings_changed(), []);
    let wrong = BTreeMap::from([(Setting::Failback(id("EVS1")), None)]);
    let lost = after(off, &[Command::PutBack { node: id("n2"), settings: wrong }]);
    assert_eq!(lost.harm().len(), 1, "{:?}", lost.harm());
}

#[test]
fn a_resource_that_cannot_start_sends_the_group_elsewhere_and_is_cleaned_up_by_the_repair() {
    let world = World::from_snapshot(&pacemaker(&["n1", "n2", "n3"]));
    let broken = world.fault(&Fault::StartFails {
        cluster: id("c"),
        group: id("mail"),
        resource: id("ip"),
        node: id("n2"),
    });
    let drained = after(broken, &[standby("n1")]);
    assert_eq!(owner(&drained, "mail").as_deref(), Some("n3"));
    let trouble = |w: &World| w.observe().clusters[&id::<ClusterId>("c")].trouble.len();
    assert_eq!(trouble(&drained), 2, "a failed action and a fail-count");
    assert_eq!(trouble(&drained.repair()), 0);
}

#[test]
fn whatever_happens_in_the_middle_finishing_leaves_nothing_that_cannot_be() {
    let world = World::with_releases(&exchange(), [service_pack()]);
    let amid = &world.midway(&move_evs("n2"))[0];
    let lost = amid.fault(&Fault::PowerLost { node: id("n2"), returns: false });
    let ended = lost.finish(&move_evs("n2"));
    assert_eq!(owner(&ended, "EVS1").as_deref(), Some("n1"));
    assert_eq!(state(&ended, "EVS1"), GroupState::Online);
}

/// One server by itself, with the two services that its users need.
fn stand_alone() -> Snapshot {
    let services = vec![resource("SA", "MSExchangeSA", false), resource("IS", "MSExchangeIS", false)];
    let mut carried = group(&["n1"], "n1", GroupRole::Service, services);
    carried.version = Some("1".into());
    let mut snapshot = snapshot(ClusterKind::StandAlone, &["n1"], vec![("n1", carried)]);
    snapshot.servers.values_mut().for_each(|s| s.cluster_service = None);
    snapshot
}

fn in_place() -> ReleaseFacts {
    ReleaseFacts { group_upgrade: true, one_way: true, resumable: false, ..service_pack() }
}

#[test]
fn an_installer_works_in_place_where_nothing_takes_over() {
    let world = World::with_releases(&stand_alone(), [in_place()]);
    assert_eq!(world.observe(), stand_alone(), "what was seen is what is observed");
    let [amid] = &world.midway(&install("n1"))[..] else { panic!("one state amid") };
    assert_eq!(state(amid, "n1"), GroupState::Offline, "the services are stopped");
    let done = world.command(&install("n1")).unwrap();
    assert_eq!(state(&done, "n1"), GroupState::Online, "and started again");
    assert_eq!(done.harm(), &BTreeSet::new());
    let version = done.observe().clusters[&id::<ClusterId>("c")].groups[&id::<GroupId>("n1")].version.clone();
    assert_eq!(version, in_place().build, "its own object is the installer's to write");
}

fn of_55() -> World {
    let sp4 = ReleaseFacts { group_upgrade: false, in_place: true, optimizer: true, ..in_place() };
    let mut seen = exchange();
    seen.servers.values_mut().for_each(|server| server.optimized = Some(true));
    World::with_releases(&seen, [sp4]).command(&Command::Stage { node: id("n1"), release: id("r") }).unwrap()
}

/// E55-CLU-ACTIVE-FIRST: the group is down while set-up is at work, and stays where it is.
#[test]
fn set_up_of_5_5_works_where_its_group_is() {
    let [amid] = &of_55().midway(&install("n1"))[..] else { panic!("one state amid") };
    assert_eq!((owner(amid, "EVS1"), state(amid, "EVS1")), (Some("n1".into()), GroupState::Offline));
    let done = of_55().command(&install("n1")).unwrap();
    assert_eq!((owner(&done, "EVS1"), state(&done, "EVS1")), (Some("n1".into()), GroupState::Online));
    assert_eq!(done.harm(), &BTreeSet::new());
    // Where nothing is, its cluster service has to be stopped.
    let elsewhere = after(of_55(), &[Command::Stage { node: id("n2"), release: id("r") }, install("n2")]);
    let wrong = |harm: &Harm| matches!(harm, Harm::InstalledInWrongService { .. });
    assert!(elsewhere.harm().iter().any(wrong), "{:?}", elsewhere.harm());
}

/// Cut off, it lets the group start nowhere but on the other node, unless that one is paused.
#[test]
fn set_up_of_5_5_that_is_cut_off_lets_its_group_go_to_the_old_version() {
    let halfway = of_55().mishap(&install("n1"), Mishap::FailsHalfway).unwrap();
    assert_eq!(owner(&halfway, "EVS1").as_deref(), Some("n2"));
    assert!(
        halfway.harm().iter().any(|harm| matches!(harm, Harm::OlderOpened { .. })),
        "{:?}",
        halfway.harm()
    );
    let halfway = after(of_55(), &[standby("n2")]).mishap(&install("n1"), Mishap::FailsHalfway).unwrap();
    assert_eq!(
        (owner(&halfway, "EVS1").as_deref(), state(&halfway, "EVS1")),
        (Some("n1"), GroupState::Failed)
    );
    assert_eq!(halfway.harm(), &BTreeSet::new());
}

#[test]
fn the_optimizer_is_to_be_run_after_set_up() {
    let optimized = |world: &World| world.observe().servers[&id::<ServerId>("n1")].optimized;
    let done = of_55().command(&install("n1")).unwrap();
    assert_eq!((optimized(&of_55()), optimized(&done)), (Some(true), Some(false)));
    let run = Command::Optimize { node: id("n1") };
    let [amid] = &done.midway(&run)[..] else { panic!("one state amid") };
    assert_eq!((state(amid, "EVS1"), optimized(amid)), (GroupState::Offline, Some(false)));
    let done = done.command(&run).unwrap();
    assert_eq!((state(&done, "EVS1"), optimized(&done)), (GroupState::Online, Some(true)));
}

#[test]
fn a_fix_of_the_system_leaves_what_a_server_carries_alone() {
    let fix = ReleaseFacts { stops_product: false, build: None, group_upgrade: false, ..in_place() };
    let world = World::with_releases(&stand_alone(), [fix]);
    for amid in world.midway(&install("n1")) {
        assert_eq!(state(&amid, "n1"), GroupState::Online);
    }
    // Cut off, it doesn't keep the product from running either.
    let halfway = world.mishap(&install("n1"), Mishap::FailsHalfway).unwrap();
    assert_eq!(state(&halfway, "n1"), GroupState::Online);
}

#[test]
fn what_an_installer_left_half_done_in_place_runs_only_when_it_is_whole() {
    let world = World::with_releases(&stand_alone(), [in_place()]);
    let halfway = world.mishap(&install("n1"), Mishap::FailsHalfway).unwrap();
    assert_eq!(state(&halfway, "n1"), GroupState::Offline);
    let again = halfway.command(&Command::Restart { node: id("n1") }).unwrap();
    assert_eq!(state(&again, "n1"), GroupState::Offline, "a restart doesn't mend it");
    let unasked = again.command(&install("n1")).unwrap();
    assert!(unasked.harm().iter().any(|h| matches!(h, Harm::InstallerTwice { .. })), "{:?}", unasked.harm());
    let Command::Install { node, release, restart_asked, .. } = install("n1") else { return };
    let agreed = again.command(&Command::Install { node, release, restart_asked, agreed: true }).unwrap();
    assert_eq!((state(&agreed, "n1"), agreed.harm().len()), (GroupState::Online, 0));
}

#[test]
fn a_server_that_stands_alone_goes_down_with_its_users_and_comes_back_with_them() {
    let world = World::with_releases(&stand_alone(), [in_place()]);
    assert_eq!(world.exposures(&id("c")), [], "that nobody takes over is so at any time");
    let dark = world.fault(&Fault::PowerLost { node: id("n1"), returns: false });
    assert!(!dark.serves(&id("c"), &id("n1")) && dark.has_quorum(&id("c")));
    assert!(!dark.observe().clusters.contains_key(&id::<ClusterId>("c")), "nobody answers for it");
    let back = dark.repair();
    assert!(back.serves(&id("c"), &id("n1")));
    assert_eq!(back.observe().servers[&id::<ServerId>("n1")].cluster_service, None, "it has none");
    let restarted = world.command(&Command::Restart { node: id("n1") }).unwrap();
    assert!(restarted.serves(&id("c"), &id("n1")) && restarted.harm().is_empty());
}

/// Two servers of a pool.
fn pooled() -> World {
    let mut two = stand_alone();
    let mut second = two.clusters.values().next().unwrap().clone();
    let group = second.groups.remove(&id::<GroupId>("n1")).unwrap();
    let group = GroupSeen { owner: Some(id("n2")), ..group };
    second.groups = [(id("n2"), group)].into();
    second.nodes = [(id("n2"), NodeSeen { state: NodeState::Online })].into();
    two.clusters.insert(id("d"), second);
    let server = two.servers.values().next().unwrap().clone();
    two.servers.insert(id("n2"), server);
    two.clusters.values_mut().for_each(|cluster| cluster.pool = Some(id("owa")));
    World::with_releases(&two, [ReleaseFacts { alike_in_pools: true, ..in_place() }])
}

#[test]
fn a_pool_serves_as_long_as_any_of_its_servers_does() {
    let out = |world: &World, cluster: &str, node: &str| {
        world.command(&Command::Standby { cluster: id(cluster), node: id(node) }).unwrap()
    };
    let serves = |world: &World| (world.serves(&id("c"), &id("n1")), world.serves(&id("d"), &id("n2")));
    let world = pooled();
    assert_eq!(world.exposures(&id("c")), [], "another serves");
    let one = out(&world, "c", "n1");
    assert_eq!(serves(&one), (true, true));
    assert_eq!(one.exposures(&id("d")), [(id("n2"), vec![id("n1"), id("n2")])], "the last one");
    let none = out(&one, "d", "n2");
    assert_eq!(serves(&none), (false, false), "both run, and nobody is sent to them");
    let restarted = none.command(&Command::Restart { node: id("n1") }).unwrap();
    assert_eq!(serves(&restarted), (false, false), "out is out, also after a restart");
    let back = none.command(&Command::Unstandby { cluster: id("c"), node: id("n1") }).unwrap();
    assert_eq!(serves(&back), (true, true));
    assert!(back.harm().is_empty());
}

#[test]
fn a_pool_that_begins_to_serve_with_two_versions_is_harm() {
    let world = pooled();
    let patched = world.command(&install("n1")).unwrap();
    assert!(
        matches!(patched.harm().iter().next(), Some(Harm::PoolOfTwoVersions { .. })),
        "{:?}",
        patched.harm()
    );
    // What was found so is nobody's doing here.
    let found =
        World::with_releases(&patched.observe(), [ReleaseFacts { alike_in_pools: true, ..in_place() }]);
    let moved = found.command(&Command::Quiet { node: id("n1") }).unwrap();
    assert!(moved.harm().is_empty(), "{:?}", moved.harm());
}
