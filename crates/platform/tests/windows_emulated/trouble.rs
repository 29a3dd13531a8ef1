//! Lost connections, lost power, work that hangs.

use std::time::Duration;

use kaketsugi_emulator::{Fault, FaultKind};
use kaketsugi_plan::Action;
use kaketsugi_platform::{Begun, Error, Platform, Progress};
use kaketsugi_transport::{Command, Exit};

use crate::kit::{SP2, Site, cluster, group, release, server, spec};

fn to(node: &str) -> Action {
    Action::Move { cluster: cluster(), group: group("EVS1"), to: server(node), proof: false }
}

fn moves(site: &Site) -> usize {
    site.emulation.transcript().of_consequence().iter().filter(|l| l.contains("/moveto")).count()
}

#[tokio::test]
async fn done_but_the_answer_was_lost() {
    let site = Site::new(&spec(SP2), "exchange-2003-kb916803").await;
    site.platform.lock(&site.token).await.unwrap();
    site.emulation.fault(Fault::first("schtasks /run", FaultKind::LostAfter));
    let plan = site.plan(to("NODE2"), vec![]);
    let order = site.order(&plan, 1);
    let lost = site.platform.begin(&order).await.unwrap_err();
    assert!(matches!(&lost, Error::Host { source, .. } if !source.certainly_not_begun()), "{lost:?}");
    assert_eq!(site.end(&order).await.unwrap().0, 0);
    // Asked once more, nothing is done twice.
    assert!(matches!(site.platform.begin(&order).await.unwrap(), Begun::Ended { code: 0, .. }));
    assert_eq!(moves(&site), 1);
}

#[tokio::test]
async fn the_connection_was_lost_before_anything_was_done() {
    let site = Site::new(&spec(SP2), "exchange-2003-kb916803").await;
    site.platform.lock(&site.token).await.unwrap();
    site.emulation.fault(Fault::first("schtasks /run", FaultKind::LostBefore));
    let plan = site.plan(to("NODE2"), vec![]);
    let order = site.order(&plan, 1);
    assert!(site.platform.begin(&order).await.is_err());
    assert_eq!(site.platform.poll(&order).await.unwrap(), Progress::NotBegun);
    assert_eq!(site.platform.begin(&order).await.unwrap(), Begun::Running);
    assert_eq!(site.end(&order).await.unwrap().0, 0);
    assert_eq!(moves(&site), 1);
}

#[tokio::test]
async fn work_that_hangs_runs_and_a_power_cut_makes_it_vanish() {
    let site = Site::new(&spec(SP2), "exchange-2003-kb916803").await;
    site.platform.lock(&site.token).await.unwrap();
    site.emulation.fault(Fault::first("/moveto", FaultKind::Hang));
    let plan = site.plan(to("NODE2"), vec![]);
    let order = site.order(&plan, 1);
    site.platform.begin(&order).await.unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert!(matches!(site.platform.poll(&order).await.unwrap(), Progress::Running { .. }));
    site.emulation.power_off("NODE2");
    assert!(matches!(site.platform.poll(&order).await, Err(Error::Host { .. })), "a dark node may have it");
    site.emulation.power_on("NODE2");
    while !site.look().await.servers[&server("NODE2")].reached {}
    assert!(matches!(site.platform.poll(&order).await.unwrap(), Progress::Vanished { .. }));
    // Another attempt is another handle.
    let again = site.order(&plan, 2);
    assert_eq!(site.platform.poll(&again).await.unwrap(), Progress::NotBegun);
    while !site.emulation.truth().nodes["NODE2"].member {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    site.platform.begin(&again).await.unwrap();
    assert_eq!(site.end(&again).await.unwrap().0, 0);
}

#[tokio::test]
async fn a_restart_before_the_scheduler_s_turn_makes_the_work_vanish() {
    let mut slow = spec(SP2);
    slow.timing.task = Duration::from_millis(400);
    let site = Site::new(&slow, "exchange-2003-kb916803").await;
    site.platform.lock(&site.token).await.unwrap();
    let plan = site.plan(to("NODE2"), vec![]);
    let order = site.order(&plan, 1);
    site.platform.begin(&order).await.unwrap();
    assert!(matches!(site.platform.poll(&order).await.unwrap(), Progress::Running { .. }));
    site.emulation.power_off("NODE2");
    site.emulation.power_on("NODE2");
    while !site.look().await.servers[&server("NODE2")].reached {}
    assert!(matches!(site.platform.poll(&order).await.unwrap(), Progress::Vanished { .. }));
    assert_eq!(moves(&site), 0);
}

#[tokio::test]
async fn a_command_that_fails_gives_its_code_and_words() {
    let site = Site::new(&spec(SP2), "exchange-2003-kb916803").await;
    site.platform.lock(&site.token).await.unwrap();
    let fail = FaultKind::Fail { code: 5023, text: "not in the correct state".into() };
    site.emulation.fault(Fault::first("/moveto", fail));
    let (code, output) = site.act(to("NODE2"), vec![]).await.unwrap();
    assert_eq!(code, 5023);
    assert!(output.contains("not in the correct state"));
}

#[tokio::test]
async fn an_installer_outlives_its_connection_and_its_log_says_what_was_in_use() {
    let mut slow = spec(SP2);
    slow.timing.install = Duration::from_millis(300);
    let site = Site::new(&slow, "exchange-2003-kb916803").await;
    site.platform.lock(&site.token).await.unwrap();
    let stop = Action::StopService { cluster: cluster(), node: server("NODE2") };
    site.good(stop, vec![]).await;
    site.emulation.fault(Fault::first(
        "KB916803-x86-ENU.exe\" /quiet",
        FaultKind::FileInUse { file: "cdoex.dll".into(), installed: false },
    ));
    site.emulation.fault(Fault::first("type C:\\kaketsugi", FaultKind::LostBefore).on("NODE2"));
    let install = Action::Install { node: server("NODE2"), release: release("exchange-2003-kb916803") };
    let plan = site.plan(install, vec![]);
    let order = site.order(&plan, 1);
    while site.platform.begin(&order).await.is_err() {}
    let (code, output) = site.end(&order).await.unwrap();
    assert_eq!(code, 3010);
    assert!(output.contains("FileInUse:: Added to Filelist: cdoex.dll"), "{output}");
    let installed = kaketsugi_plan::Condition::Installed {
        node: server("NODE2"),
        release: release("exchange-2003-kb916803"),
    };
    assert_eq!(site.answer(installed).await, kaketsugi_plan::Answer::No, "a code is no proof");
}

#[tokio::test]
async fn exit_codes_cross_the_connection_whole() {
    let site = Site::new(&spec(SP2), "exchange-2003-kb916803").await;
    let host = &site.hosts[&server("NODE1")];
    for code in [0, 1, 256, 3010, 1641, 0x8000_4005] {
        let output = host.run(&Command::new(format!("exit {code}"))).await.unwrap();
        assert_eq!(output.exit, Exit::Code(code));
    }
    let output = host.run(&Command::new("nosuch")).await.unwrap();
    assert_eq!(output.exit, Exit::Code(1));
    assert!(output.stderr_text().contains("is not recognized"));
    let output = host.run(&Command::new("find /v \"\"").stdin("one\r\ntwo\r\n")).await.unwrap();
    assert_eq!(output.stdout_text(), "one\r\ntwo\r\n");
}

#[tokio::test]
async fn a_power_cut_drops_the_connection_of_a_command_that_runs() {
    let site = Site::new(&spec(SP2), "exchange-2003-kb916803").await;
    site.emulation
        .fault(Fault::first("cluster node", FaultKind::PowerCut { after: Duration::from_millis(30) }));
    site.emulation.fault(Fault::first("wmic", FaultKind::Hang));
    let lost =
        site.hosts[&server("NODE1")].run(&Command::new("cluster node & wmic os get lastbootuptime")).await;
    assert!(!lost.unwrap_err().certainly_not_begun());
    assert!(!site.emulation.truth().nodes["NODE1"].powered);
}
