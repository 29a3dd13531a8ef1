//! What probes see, compared with what is really so.

use kaketsugi_emulator::{CodePage, Fault, FaultKind};
use kaketsugi_estate::{GroupRole, GroupState, NodeState, ReleaseState, ResourceState, Setting};
use kaketsugi_platform::{Platform, Question};

use crate::kit::{SP1, SP2, Site, cluster, group, release, server, spec};

#[tokio::test]
async fn a_healthy_cluster_is_seen_as_it_is() {
    let mut spec = spec(SP1);
    spec.groups[1].preferred = vec!["NODE2".into(), "NODE1".into()];
    spec.groups[1].failback = true;
    spec.nodes[0].services = vec!["SNMP".into(), "MADEUPAV".into()];
    let site = Site::new(&spec, "exchange-2003-sp2").await;
    let seen = site.look().await;

    let node = &seen.servers[&server("NODE1")];
    assert_eq!(seen.clusters[&cluster()].trouble, []);
    assert!(node.reached && node.boot.is_some() && node.trouble.is_empty(), "{node:?}");
    assert_eq!(node.version.as_deref(), Some("Version 6.5 (Build 7226.6: Service Pack 1)"));
    assert_eq!(node.cluster_service, Some(true));
    assert_eq!(node.restart_pending, Some(false));
    assert_eq!(node.installer_running, Some(false));
    assert_eq!(node.releases[&release("exchange-2003-sp2")], ReleaseState::Absent);
    assert_eq!(node.releases[&release("windows-2003-kb831464")], ReleaseState::Installed);
    assert!(node.staged.is_empty() && node.lock.is_none());
    let service = Setting::Service("SNMP".into());
    assert_eq!(node.settings[&service].as_deref(), Some("start=2 running"));
    assert_eq!(node.settings[&Setting::Failback(group("EVS1"))].as_deref(), Some("1"));
    assert_eq!(node.settings.len(), 3, "a service that no list names is left alone: {:?}", node.settings);

    let cluster = &seen.clusters[&cluster()];
    assert!(cluster.trouble.is_empty());
    assert_eq!(cluster.quorum.has, Some(true));
    assert!(cluster.nodes.values().all(|n| n.state == NodeState::Online));
    assert_eq!(cluster.groups[&group("Cluster Group")].role, GroupRole::ClusterGroup);
    let evs = &cluster.groups[&group("EVS1")];
    assert_eq!((evs.role, evs.state), (GroupRole::Service, GroupState::Online));
    assert_eq!(evs.owner, Some(server("NODE1")));
    assert_eq!(evs.version.as_deref(), Some("6.5.7226.6"));
    assert!(evs.placement.scores[&server("NODE2")] > evs.placement.scores[&server("NODE1")]);
    let kept: Vec<_> = evs.resources.iter().filter(|r| r.kept_online).map(|r| r.kind.as_str()).collect();
    assert_eq!(kept.len(), 3, "{kept:?}");
    let at = |kind: &str| evs.resources.iter().position(|r| r.kind.ends_with(kind)).unwrap();
    assert!(at("IP Address") < at("Network Name") && at("Network Name") < at("System Attendant"));
    assert!(at("System Attendant") < at("Information Store"));
    assert!(at("Information Store") < at("Search Service Instance"));
    assert!(evs.resources.iter().all(|r| r.state == ResourceState::Online));
    assert_eq!(site.emulation.transcript().of_consequence(), Vec::<String>::new(), "probes change nothing");
}

#[tokio::test]
async fn a_node_without_power_is_unreached_and_the_other_speaks_for_the_cluster() {
    let site = Site::new(&spec(SP2), "exchange-2003-kb916803").await;
    site.emulation.power_off("NODE1");
    site.emulation.quiet().await;
    let seen = site.look().await;
    let node = &seen.servers[&server("NODE1")];
    assert!(!node.reached && node.unreached_why.is_some());
    let cluster = &seen.clusters[&cluster()];
    assert_eq!(cluster.nodes[&server("NODE1")].state, NodeState::Offline);
    assert_eq!(cluster.groups[&group("EVS1")].owner, Some(server("NODE2")));
}

#[tokio::test]
async fn a_cluster_that_is_down_everywhere_is_known_to_be() {
    let mut spec = spec(SP2);
    spec.nodes.iter_mut().for_each(|n| n.cluster_service = false);
    let site = Site::new(&spec, "exchange-2003-kb916803").await;
    let seen = site.look().await;
    assert_eq!(seen.clusters[&cluster()].quorum.has, Some(false));
    site.emulation.power_off("NODE1");
    let seen = site.look().await;
    assert!(!seen.clusters.contains_key(&cluster()), "what the dark node does isn't known");
}

#[tokio::test]
async fn installed_partly_and_newer_are_told_apart() {
    let mut newer = spec(SP2);
    newer.nodes[0].hotfixes = vec!["exchange-2003-kb916803".into()];
    let site = Site::new(&newer, "exchange-2003-kb916803").await;
    let seen = site.look().await;
    let state = |node: &str| seen.servers[&server(node)].releases[&release("exchange-2003-kb916803")];
    assert_eq!((state("NODE1"), state("NODE2")), (ReleaseState::Installed, ReleaseState::Absent));
    // A record without the files it speaks of.
    let key = r#"reg add "HKLM\SOFTWARE\Microsoft\Updates\Exchange Server 2003\SP3\KB916803" /v X /d 1"#;
    site.emulation.run("NODE2", key, b"").await.unwrap();
    let seen = site.look().await;
    assert_eq!(
        seen.servers[&server("NODE2")].releases[&release("exchange-2003-kb916803")],
        ReleaseState::Partial
    );

    let site = Site::new(&spec(SP2), "exchange-2003-sp1").await;
    let seen = site.look().await;
    assert_eq!(seen.servers[&server("NODE1")].releases[&release("exchange-2003-sp1")], ReleaseState::Newer);
}

#[tokio::test]
async fn a_set_up_that_was_cut_off_is_partial() {
    let mut spec = spec(SP1);
    spec.timing.install = std::time::Duration::from_secs(2);
    let site = Site::new(&spec, "exchange-2003-sp2").await;
    let install =
        kaketsugi_emulator::Instruction::Install { node: "NODE2".into(), path: crate::kit::SP2_SETUP.into() };
    let (_, ()) = tokio::join!(site.emulation.person().do_(install), async {
        while site.look().await.servers[&server("NODE2")].installer_running != Some(true) {}
        // Set-up has written the newest build, and nothing that completes it.
        let newest = r#"reg query HKLM\SOFTWARE\Microsoft\Exchange\Setup /v NewestBuild | find "0x1dd6""#;
        while site.emulation.run("NODE2", newest, b"").await.unwrap().code != 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        site.emulation.power_off("NODE2");
    });
    site.emulation.power_on("NODE2");
    while !site.look().await.servers[&server("NODE2")].reached {}
    let seen = site.look().await;
    assert_eq!(seen.servers[&server("NODE2")].releases[&release("exchange-2003-sp2")], ReleaseState::Partial);
}

#[tokio::test]
async fn japanese_names_come_through_code_page_932() {
    let mut spec = spec(SP2);
    spec.code_page = CodePage::Oem932;
    spec.groups[1].name = "仮想サーバー1".into();
    let site = Site::new(&spec, "exchange-2003-kb916803").await;
    let seen = site.look().await;
    let evs = &seen.clusters[&cluster()].groups[&group("仮想サーバー1")];
    assert_eq!(evs.state, GroupState::Online);
    assert_eq!(evs.resources.len(), 10);
    assert_eq!(evs.version.as_deref(), Some("6.5.7638.2"));
}

#[tokio::test]
async fn what_cannot_be_read_is_trouble_and_no_guess() {
    let site = Site::new(&spec(SP2), "exchange-2003-kb916803").await;
    for (matching, node) in
        [("tasklist", "NODE1"), ("lastbootuptime", "NODE1"), ("sc query clussvc", "NODE1")]
    {
        site.emulation.fault(
            Fault::first(matching, FaultKind::Fail { code: 5, text: "Access is denied.".into() }).on(node),
        );
    }
    let seen = site.platform.probe(&Question::default()).await;
    let node = &seen.servers[&server("NODE1")];
    assert_eq!((node.installer_running, node.cluster_service, node.boot.clone()), (None, None, None));
    assert!(!node.trouble.is_empty());
    assert!(node.releases.is_empty(), "nothing was asked about releases");
}
