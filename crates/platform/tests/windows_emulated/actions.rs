//! Each action, over SSH, on emulated nodes.

use kaketsugi_emulator::{Instruction, Reply};
use kaketsugi_estate::{GroupState, NodeState, Policy, ResourceId, Setting};
use kaketsugi_plan::{Action, Answer, Condition};
use kaketsugi_platform::windows::WindowsCluster;
use kaketsugi_platform::{Error, Platform};

use crate::kit::{SP1, SP2, SP2_SETUP, Site, cluster, group, release, server, spec};

fn owner(node: &str) -> Condition {
    Condition::Owner { cluster: cluster(), group: group("EVS1"), node: server(node) }
}

fn evs(state: GroupState) -> Condition {
    Condition::Group { cluster: cluster(), group: group("EVS1"), state }
}

fn service(node: &str, running: bool) -> Condition {
    Condition::Service { node: server(node), running }
}

fn state(node: &str, state: NodeState) -> Condition {
    Condition::NodeState { cluster: cluster(), node: server(node), state }
}

fn to(name: &str, node: &str) -> Action {
    Action::Move { cluster: cluster(), group: group(name), to: server(node), proof: false }
}

async fn online(site: &Site) -> Vec<ResourceId> {
    site.look().await.clusters[&cluster()].groups[&group("EVS1")]
        .resources
        .iter()
        .map(|r| r.id.clone())
        .collect()
}

/// The article's procedure for the service pack, each machine step by the platform, each other step by the person.
#[tokio::test]
async fn the_two_node_procedure_of_a_service_pack() {
    let site = Site::new(&spec(SP1), "exchange-2003-sp2").await;
    site.platform.lock(&site.token).await.unwrap();
    let before = online(&site).await;
    let sp2 = || release("exchange-2003-sp2");
    for node in ["NODE1", "NODE2"] {
        let staged = Condition::Staged { node: server(node), release: sp2() };
        assert_eq!(site.answer(staged.clone()).await, Answer::No);
        site.good(Action::Stage { node: server(node), release: sp2() }, vec![staged]).await;
    }
    site.good(
        Action::StopService { cluster: cluster(), node: server("NODE2") },
        vec![service("NODE2", false), state("NODE2", NodeState::Offline)],
    )
    .await;
    let by_machine = site.act(Action::Install { node: server("NODE2"), release: sp2() }, vec![]).await;
    assert!(matches!(by_machine, Err(Error::NoSuchAction { .. })), "{by_machine:?}");
    let install = Instruction::Install { node: "NODE2".into(), path: SP2_SETUP.into() };
    assert_eq!(site.emulation.person().do_(install).await, Reply::Done { asked_for_restart: false });
    assert_eq!(
        site.answer(Condition::Installed { node: server("NODE2"), release: sp2() }).await,
        Answer::Yes
    );
    let only_kept = Condition::OnlyKeptOnline { cluster: cluster(), group: group("EVS1") };
    site.good(
        Action::TakeOffline { cluster: cluster(), group: group("EVS1") },
        vec![only_kept.clone(), owner("NODE1")],
    )
    .await;
    site.good(
        Action::StartService { cluster: cluster(), node: server("NODE2") },
        vec![service("NODE2", true), state("NODE2", NodeState::Online), owner("NODE1")],
    )
    .await;
    site.good(to("EVS1", "NODE2"), vec![owner("NODE2"), only_kept]).await;
    let upgrade = Action::UpgradeGroup { cluster: cluster(), group: group("EVS1"), node: server("NODE2") };
    assert!(matches!(site.act(upgrade, vec![]).await, Err(Error::NoSuchAction { .. })));
    let dtc =
        Condition::KindOnline { cluster: cluster(), kind: "Distributed Transaction Coordinator".into() };
    assert_eq!(site.answer(dtc).await, Answer::Yes);
    let upgrade = Instruction::UpgradeEvs { group: "EVS1".into(), node: "NODE2".into() };
    assert_eq!(site.emulation.person().do_(upgrade).await, Reply::Done { asked_for_restart: false });
    let version = |build: &str| Condition::GroupVersion {
        cluster: cluster(),
        group: group("EVS1"),
        build: build.into(),
    };
    assert_eq!(site.answer(version("6.5.7638.2")).await, Answer::Yes);
    let as_before = Condition::GroupAsBefore { cluster: cluster(), group: group("EVS1"), online: before };
    site.good(
        Action::BringOnline { cluster: cluster(), group: group("EVS1"), node: server("NODE2") },
        vec![as_before, evs(GroupState::Online), owner("NODE2")],
    )
    .await;
    site.platform.unlock(&site.token).await.unwrap();
    assert!(site.look().await.servers.values().all(|s| s.lock.is_none()));

    let off = |name: &str| format!("NODE1: cluster res \"{name} (EVS1)\" /offline /wait:60");
    let on = |name: &str| format!("NODE2: cluster res \"{name} (EVS1)\" /online /wait:60");
    let expected = [
        "NODE1: cluster node \"NODE2\" /stop /wait:60".to_owned(),
        format!("person at NODE2: run {SP2_SETUP}"),
        off("Exchange MS Search Instance"),
        off("Exchange HTTP Virtual Server Instance"),
        off("SMTP Virtual Server Instance"),
        off("Exchange Routing Service"),
        off("Exchange Message Transfer Agent Instance"),
        off("Exchange Information Store Instance"),
        off("Exchange System Attendant Instance"),
        "NODE1: cluster node \"NODE2\" /start /wait:60".to_owned(),
        "NODE2: cluster group \"EVS1\" /moveto:\"NODE2\" /wait:60".to_owned(),
        "person at NODE2: Cluster Administrator: upgrade EVS1".to_owned(),
        on("Exchange System Attendant Instance"),
        on("Exchange Information Store Instance"),
        on("Exchange Message Transfer Agent Instance"),
        on("Exchange Routing Service"),
        on("SMTP Virtual Server Instance"),
        on("Exchange HTTP Virtual Server Instance"),
        on("Exchange MS Search Instance"),
    ];
    assert_eq!(site.emulation.transcript().of_consequence(), expected);
    assert_eq!(site.emulation.truth().harm, Vec::<String>::new());
    assert!(site.emulation.truth().nodes.values().all(|n| n.tasks.is_empty()), "tasks are taken away");
}

#[tokio::test]
async fn what_was_offline_before_stays_offline() {
    let search = "Exchange MS Search Instance (EVS1)";
    let mut spec = spec(SP2);
    spec.groups[1].offline = vec![search.into()];
    let site = Site::new(&spec, "exchange-2003-kb916803").await;
    site.platform.lock(&site.token).await.unwrap();
    let before: Vec<_> = online(&site).await.into_iter().filter(|r| r.as_str() != search).collect();
    let as_before = Condition::GroupAsBefore { cluster: cluster(), group: group("EVS1"), online: before };
    site.good(to("EVS1", "NODE2"), vec![owner("NODE2"), as_before.clone()]).await;
    site.good(Action::TakeOffline { cluster: cluster(), group: group("EVS1") }, vec![]).await;
    let online = Action::BringOnline { cluster: cluster(), group: group("EVS1"), node: server("NODE2") };
    site.good(online, vec![as_before]).await;
}

#[tokio::test]
async fn a_hotfix_with_verified_switches_is_installed_by_the_machine() {
    let site = Site::new(&spec(SP2), "exchange-2003-kb916803").await;
    let hotfix = || release("exchange-2003-kb916803");
    site.platform.lock(&site.token).await.unwrap();
    site.good(Action::Stage { node: server("NODE2"), release: hotfix() }, vec![]).await;
    site.good(
        Action::StopService { cluster: cluster(), node: server("NODE2") },
        vec![service("NODE2", false)],
    )
    .await;
    let installed = Condition::Installed { node: server("NODE2"), release: hotfix() };
    let (code, output) = site
        .act(Action::Install { node: server("NODE2"), release: hotfix() }, vec![installed])
        .await
        .unwrap();
    assert_eq!(code, 0);
    assert!(output.contains("Installation completed."), "the installer's log is kept: {output}");
    assert_eq!(site.emulation.truth().harm, Vec::<String>::new());
}

#[tokio::test]
async fn a_restart_is_recognised_by_the_boot() {
    let mut spec = spec(SP2);
    spec.nodes[1].asks_for_restart = true;
    let site = Site::new(&spec, "exchange-2003-kb916803").await;
    let hotfix = || release("exchange-2003-kb916803");
    site.platform.lock(&site.token).await.unwrap();
    site.good(
        Action::StopService { cluster: cluster(), node: server("NODE2") },
        vec![service("NODE2", false)],
    )
    .await;
    let (code, _) =
        site.act(Action::Install { node: server("NODE2"), release: hotfix() }, vec![]).await.unwrap();
    assert_eq!(code, 3010, "all of it");
    assert_eq!(site.answer(Condition::RestartPending { node: server("NODE2") }).await, Answer::Yes);
    let restarted = Condition::Restarted { node: server("NODE2") };
    assert_eq!(site.answer(restarted.clone()).await, Answer::No);
    let reached = Condition::Reached { node: server("NODE2") };
    site.good(Action::Restart { node: server("NODE2") }, vec![restarted, reached, service("NODE2", true)])
        .await;
    assert_eq!(site.answer(Condition::RestartPending { node: server("NODE2") }).await, Answer::No);
    assert!(site.look().await.servers[&server("NODE2")].lock.is_some(), "the lock outlives the restart");
}

#[tokio::test]
async fn what_is_quieted_is_put_back_exactly() {
    let mut spec = spec(SP2);
    spec.groups[1].preferred = vec!["NODE1".into()];
    spec.groups[1].failback = true;
    spec.nodes[1].services = vec!["SNMP".into(), "SNMPTRAP".into()];
    let mut site = Site::new(&spec, "exchange-2003-kb916803").await;
    // Found disabled and stopped: it stays so.
    for line in ["sc config SNMPTRAP start= disabled", "net stop SNMPTRAP"] {
        site.emulation.run("NODE2", line, b"").await.unwrap();
    }
    site.start = kaketsugi_plan::baseline(&site.look().await);
    let before = site.emulation.truth();
    site.platform.lock(&site.token).await.unwrap();
    for node in ["NODE1", "NODE2"] {
        let quiet = Condition::IsQuiet { node: server(node) };
        site.good(Action::Quiet { node: server(node) }, vec![quiet]).await;
    }
    let truth = site.emulation.truth();
    assert_eq!(truth.nodes["NODE2"].services["SNMP"], (4, false));
    assert_eq!(truth.groups["EVS1"].failback, 0);
    for node in ["NODE1", "NODE2"] {
        let back = Condition::PutBack { node: server(node) };
        site.good(Action::PutBack { node: server(node) }, vec![back]).await;
    }
    let after = site.emulation.truth();
    assert_eq!(after.nodes["NODE2"].services, before.nodes["NODE2"].services);
    assert_eq!(after.groups["EVS1"].failback, 1);
    let configuration = Condition::ConfigurationAsBefore { cluster: cluster() };
    assert_eq!(site.answer(configuration).await, Answer::Yes);
}

#[tokio::test]
async fn failback_is_put_back_through_another_node_when_this_one_is_stopped() {
    let mut spec = spec(SP2);
    spec.groups[1].preferred = vec!["NODE1".into()];
    spec.groups[1].failback = true;
    spec.nodes[1].cluster_service = false;
    let site = Site::new(&spec, "exchange-2003-kb916803").await;
    site.platform.lock(&site.token).await.unwrap();
    let quiet = Condition::IsQuiet { node: server("NODE2") };
    site.good(Action::Quiet { node: server("NODE2") }, vec![quiet]).await;
    assert_eq!(
        site.emulation.transcript().of_consequence(),
        ["NODE2: cluster /cluster:NODE1 group \"EVS1\" /prop AutoFailbackType=0:DWORD"]
    );
}

#[tokio::test]
async fn only_verified_commands_are_the_machine_s_unless_policy_allows_others() {
    let site = Site::new(&spec(SP2), "exchange-2003-kb889528").await;
    let install = Action::Install { node: server("NODE2"), release: release("exchange-2003-kb889528") };
    let strict = Policy::default();
    let open = Policy { allow_unverified_commands: true, ..Policy::default() };
    assert!(!WindowsCluster::can_by_machine(&install, &site.payload, &strict));
    let site = Site::with_policy(&spec(SP2), "exchange-2003-kb889528", open.clone()).await;
    assert!(WindowsCluster::can_by_machine(&install, &site.payload, &open));
    let upgrade = Action::UpgradeGroup { cluster: cluster(), group: group("EVS1"), node: server("NODE2") };
    assert!(!WindowsCluster::can_by_machine(&upgrade, &site.payload, &open), "nobody knows a command for it");
}

#[tokio::test]
async fn the_last_node_s_service_is_started_on_the_node_itself() {
    let mut down = spec(SP2);
    down.nodes.iter_mut().for_each(|n| n.cluster_service = false);
    let start = Action::StartService { cluster: cluster(), node: server("NODE1") };
    let site = Site::new(&down, "exchange-2003-kb916803").await;
    site.platform.lock(&site.token).await.unwrap();
    site.good(start, vec![service("NODE1", true), owner("NODE1"), evs(GroupState::Online)]).await;
}

#[tokio::test]
async fn a_file_that_is_not_what_it_must_be_is_neither_staged_nor_installed() {
    let site = Site::new(&spec(SP2), "exchange-2003-kb916803").await;
    let hotfix = || release("exchange-2003-kb916803");
    site.platform.lock(&site.token).await.unwrap();
    let media = &site.estate.media[0].path;
    site.emulation.run("NODE2", &format!("echo x>>\"{media}\""), b"").await.unwrap();
    let (code, _) =
        site.act(Action::Stage { node: server("NODE2"), release: hotfix() }, vec![]).await.unwrap();
    assert_eq!(code, 76);
    assert_eq!(site.answer(Condition::Staged { node: server("NODE2"), release: hotfix() }).await, Answer::No);
    let (code, _) =
        site.act(Action::Install { node: server("NODE2"), release: hotfix() }, vec![]).await.unwrap();
    assert_eq!(code, 76);
    assert_eq!(
        site.emulation.transcript().of_consequence(),
        Vec::<String>::new(),
        "the installer never began"
    );
    assert!(!site.start.settings[&server("NODE2")].contains_key(&Setting::Standby));
}
