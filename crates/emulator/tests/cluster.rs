//! The cluster, installers, the person and faults, looked at from outside.

use std::time::Duration;

use kaketsugi_emulator::{
    Behaviour, Emulation, EmulationSpec, Fault, FaultKind, GroupKind, GroupSpec, Instruction, Reply, Timing,
};
use kaketsugi_knowledge::Build;

const SP1: Build = Build::new(6, 5, 7226, 6);
const SP2: Build = Build::new(6, 5, 7638, 2);
const SP2_SETUP: &str = r"C:\media\exchange-2003-sp2\setup\i386\update.exe";
const HOTFIX: &str = r"C:\media\exchange-2003-kb916803\Exchange2003-KB916803-x86-ENU.exe /quiet /norestart";
const HOTFIX_KEY: &str = r#"reg query "HKLM\SOFTWARE\Microsoft\Updates\Exchange Server 2003\SP3\KB916803""#;

async fn start(spec: EmulationSpec) -> Emulation {
    Emulation::start(&spec).await.unwrap()
}

fn spec(build: Build) -> EmulationSpec {
    EmulationSpec { timing: Timing::NONE, ..EmulationSpec::two_nodes(build, "NODE1") }
}

async fn ok(emulation: &Emulation, node: &str, line: &str) {
    let answer = emulation.run(node, line, b"").await.unwrap();
    assert_eq!(answer.code, 0, "{node}: {line}: {answer:?}");
}

/// The article's steps 2 to 12, up to the upgrade of the EVS.
async fn until_upgrade(emulation: &Emulation) {
    ok(emulation, "NODE1", "cluster node NODE2 /stop /wait:20").await;
    let done =
        emulation.person().do_(Instruction::Install { node: "NODE2".into(), path: SP2_SETUP.into() }).await;
    assert_eq!(done, Reply::Done { asked_for_restart: false });
    for resource in [
        "Exchange MS Search Instance (EVS1)",
        "Exchange HTTP Virtual Server Instance (EVS1)",
        "SMTP Virtual Server Instance (EVS1)",
        "Exchange Routing Service (EVS1)",
        "Exchange Message Transfer Agent Instance (EVS1)",
        "Exchange Information Store Instance (EVS1)",
        "Exchange System Attendant Instance (EVS1)",
    ] {
        ok(emulation, "NODE1", &format!("cluster res \"{resource}\" /offline /wait:20")).await;
    }
    ok(emulation, "NODE1", "cluster node NODE2 /start /wait:20").await;
    ok(emulation, "NODE1", "cluster group EVS1 /moveto:NODE2 /wait:20").await;
}

fn upgrade(node: &str) -> Instruction {
    Instruction::UpgradeEvs { group: "EVS1".into(), node: node.into() }
}

#[tokio::test]
async fn the_article_s_way_leads_to_the_new_version() {
    let emulation = start(spec(SP1)).await;
    until_upgrade(&emulation).await;
    assert_eq!(emulation.directory().serial_numbers["EVS1"], "Version 6.5 (Build 7226.6: Service Pack 1)");
    assert_eq!(emulation.person().do_(upgrade("NODE2")).await, Reply::Done { asked_for_restart: false });
    assert_eq!(emulation.directory().serial_numbers["EVS1"], "Version 6.5 (Build 7638.2: Service Pack 2)");
    ok(&emulation, "NODE2", "cluster group EVS1 /online /wait:20").await;
    let truth = emulation.truth();
    assert!(truth.groups["EVS1"].online);
    assert_eq!(truth.groups["EVS1"].owner, "NODE2");
    assert_eq!(truth.nodes["NODE2"].build, Some(SP2));
    assert_eq!(truth.harm, Vec::<String>::new());
}

#[tokio::test]
async fn an_evs_goes_online_only_where_its_version_is() {
    let emulation = start(spec(SP1)).await;
    until_upgrade(&emulation).await;
    // Step 12 before step 11: event 1025, and the cluster tries the other node, where the version still fits.
    let answer = emulation.run("NODE2", "cluster group EVS1 /online /wait:20", b"").await.unwrap();
    assert_eq!(answer.code, 0, "{answer:?}");
    let truth = emulation.truth();
    assert_eq!(truth.groups["EVS1"].owner, "NODE1");
    assert!(truth.nodes["NODE2"].events.iter().any(|e| e.source == "MSExchangeCluster" && e.id == 1025));
}

#[tokio::test]
async fn after_its_upgrade_the_evs_is_pinned_to_upgraded_nodes() {
    let emulation = start(spec(SP1)).await;
    until_upgrade(&emulation).await;
    emulation.person().do_(upgrade("NODE2")).await;
    ok(&emulation, "NODE2", "cluster group EVS1 /online /wait:20").await;
    emulation.power_off("NODE2");
    emulation.quiet().await;
    let truth = emulation.truth();
    assert_eq!(truth.groups["EVS1"].owner, "NODE1");
    assert!(!truth.groups["EVS1"].online, "NODE1 is older than the directory says");
    assert!(truth.groups["Cluster Group"].online);
    assert!(truth.nodes["NODE1"].events.iter().any(|e| e.id == 1025));
}

#[tokio::test]
async fn the_upgrade_fails_unless_all_conditions_hold() {
    let emulation = start(spec(SP1)).await;
    let failed = |reply: Reply, text: &str| match reply {
        Reply::Failed(why) => assert!(why.contains(text), "{why}"),
        Reply::Done { .. } => panic!("done"),
    };
    // Nothing is newer than the directory says.
    failed(emulation.person().do_(upgrade("NODE1")).await, "no item");
    until_upgrade(&emulation).await;
    failed(emulation.person().do_(upgrade("NODE1")).await, "c1037b44");
    ok(&emulation, "NODE2", "cluster res MSDTC /offline /wait:20").await;
    failed(emulation.person().do_(upgrade("NODE2")).await, "c1037b44");
    ok(&emulation, "NODE2", "cluster res MSDTC /online /wait:20").await;
    // Back on the node that isn't upgraded.
    ok(&emulation, "NODE2", "cluster group EVS1 /moveto:NODE1 /wait:20").await;
    failed(emulation.person().do_(upgrade("NODE2")).await, "c1037b44");
    ok(&emulation, "NODE2", "cluster group EVS1 /moveto:NODE2 /wait:20").await;
    assert_eq!(emulation.person().do_(upgrade("NODE2")).await, Reply::Done { asked_for_restart: false });
}

/// A node has one store, whatever virtual servers it carries.
#[tokio::test]
async fn more_storage_groups_than_one_store_runs_are_harm() {
    let mut two = spec(SP1);
    let evs = |storage_groups| GroupKind::Evs { directory: SP1, storage_groups };
    two.groups[1].kind = evs(3);
    for (name, storage_groups) in [("EVS2", 1), ("EVS3", 1)] {
        let group = GroupSpec {
            name: name.into(),
            owner: "NODE2".into(),
            kind: evs(storage_groups),
            ..two.groups[1].clone()
        };
        two.groups.push(group);
    }
    let emulation = start(two).await;
    ok(&emulation, "NODE1", "cluster group EVS2 /moveto:NODE1 /wait:20").await;
    assert_eq!(emulation.truth().harm, Vec::<String>::new(), "four are as many as it runs");
    ok(&emulation, "NODE1", "cluster group EVS3 /moveto:NODE1 /wait:20").await;
    let harm = emulation.truth().harm;
    assert_eq!(harm, ["the store of NODE1 was to run 5 storage groups, of EVS1 and EVS2 and EVS3"]);
}

#[tokio::test]
async fn two_upgrades_at_once_do_harm() {
    let mut two = spec(SP1);
    two.timing.upgrade = Duration::from_millis(80);
    let evs2 = GroupSpec {
        name: "EVS2".into(),
        kind: GroupKind::Evs { directory: SP1, storage_groups: 1 },
        ..two.groups[1].clone()
    };
    two.groups.push(evs2);
    let emulation = start(two).await;
    until_upgrade(&emulation).await;
    for resource in emulation.truth().groups["EVS2"]
        .resources
        .keys()
        .filter(|r| r.contains("nstance") || r.contains("Routing"))
    {
        ok(&emulation, "NODE1", &format!("cluster res \"{resource}\" /offline /wait:20")).await;
    }
    ok(&emulation, "NODE1", "cluster group EVS2 /moveto:NODE2 /wait:20").await;
    let second = Instruction::UpgradeEvs { group: "EVS2".into(), node: "NODE2".into() };
    let (first, second) =
        tokio::join!(emulation.person().do_(upgrade("NODE2")), emulation.person().do_(second.clone()));
    assert_eq!(first, Reply::Done { asked_for_restart: false });
    assert!(matches!(second, Reply::Failed(why) if why.contains("822582")));
    assert_eq!(emulation.truth().harm.len(), 1);
}

#[tokio::test]
async fn people_are_late_forget_err_and_claim() {
    let mut two = spec(SP1);
    two.groups.push(GroupSpec { name: "EVS2".into(), ..two.groups[1].clone() });
    let emulation = start(two).await;
    until_upgrade(&emulation).await;
    for resource in emulation.truth().groups["EVS2"]
        .resources
        .keys()
        .filter(|r| r.contains("nstance") || r.contains("Routing"))
    {
        ok(&emulation, "NODE1", &format!("cluster res \"{resource}\" /offline /wait:20")).await;
    }
    ok(&emulation, "NODE1", "cluster group EVS2 /moveto:NODE2 /wait:20").await;
    let person = emulation.person();
    let of = |evs: &str| emulation.directory().serial_numbers[evs].contains("7638.2");
    person.will([
        Behaviour::ClaimsDone,
        Behaviour::WrongEvs,
        Behaviour::Forgetful,
        Behaviour::Late(Duration::from_millis(30)),
    ]);
    assert!(matches!(person.do_(upgrade("NODE2")).await, Reply::Done { .. }));
    assert!(!of("EVS1") && !of("EVS2"));
    assert!(matches!(person.do_(upgrade("NODE2")).await, Reply::Done { .. }));
    assert!(!of("EVS1") && of("EVS2"));
    let forgotten = tokio::time::timeout(Duration::from_millis(50), person.do_(upgrade("NODE2"))).await;
    assert!(forgotten.is_err() && !of("EVS1"));
    let late = tokio::time::timeout(Duration::from_millis(10), person.do_(upgrade("NODE2"))).await;
    assert!(late.is_err() && !of("EVS1"));
    assert!(matches!(person.do_(upgrade("NODE2")).await, Reply::Done { .. }));
    assert!(of("EVS1"));
}

#[tokio::test]
async fn a_node_that_dies_loses_its_groups_and_comes_back_as_a_member() {
    let mut spec = spec(SP2);
    spec.groups[1].failback = true;
    spec.groups[1].preferred = vec!["NODE1".into()];
    let emulation = start(spec).await;
    emulation.power_off("NODE1");
    assert!(emulation.run("NODE1", "cluster node", b"").await.is_none());
    emulation.quiet().await;
    let truth = emulation.truth();
    assert!(!truth.nodes["NODE1"].powered);
    assert!(truth.groups.values().all(|g| g.owner == "NODE2" && g.online));
    emulation.power_on("NODE1");
    while !emulation.truth().nodes["NODE1"].member {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    emulation.quiet().await;
    let truth = emulation.truth();
    assert_eq!(truth.nodes["NODE1"].boots, 2);
    assert_eq!(truth.groups["EVS1"].owner, "NODE1", "failback");
    assert_eq!(truth.groups["Cluster Group"].owner, "NODE2", "no failback");
}

#[tokio::test]
async fn the_last_node_takes_the_cluster_down_and_forms_it_again() {
    let emulation = start(spec(SP2)).await;
    emulation.power_off("NODE1");
    emulation.power_off("NODE2");
    emulation.quiet().await;
    assert!(emulation.truth().groups.values().all(|g| !g.online));
    emulation.power_on("NODE2");
    while !emulation.truth().groups.values().all(|g| g.online && g.owner == "NODE2") {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn an_installer_on_a_node_that_serves_is_harm() {
    let emulation = start(spec(SP2)).await;
    emulation.run("NODE1", HOTFIX, b"").await.unwrap();
    let harm = emulation.truth().harm;
    assert!(
        harm.iter().any(|h| h.contains("carried EVS1"))
            && harm.iter().any(|h| h.contains("cluster service ran"))
    );
}

#[tokio::test]
async fn services_stop_and_resume_during_an_install() {
    let emulation = start(spec(SP2)).await;
    ok(&emulation, "NODE2", "net stop clussvc").await;
    ok(&emulation, "NODE2", HOTFIX).await;
    let node = &emulation.truth().nodes["NODE2"];
    let states: Vec<_> =
        node.events.iter().filter(|e| e.text.contains("smtpsvc")).map(|e| e.text.as_str()).collect();
    assert_eq!(
        states,
        ["The smtpsvc service entered the stopped state.", "The smtpsvc service entered the running state."]
    );
    assert!(node.services["SMTPSVC"].1);
    assert_eq!(node.files["cdoex.dll"], "6.5.7650.29");
}

#[tokio::test]
async fn a_power_cut_during_a_set_up_leaves_a_broken_node_that_set_up_mends() {
    let mut spec = spec(SP1);
    spec.timing.install = Duration::from_millis(80);
    let emulation = start(spec).await;
    ok(&emulation, "NODE1", "cluster node NODE2 /stop /wait:20").await;
    let install = || Instruction::Install { node: "NODE2".into(), path: SP2_SETUP.into() };
    let (reply, ()) = tokio::join!(emulation.person().do_(install()), async {
        tokio::time::sleep(Duration::from_millis(60)).await;
        emulation.power_off("NODE2");
    });
    assert!(matches!(reply, Reply::Failed(_)));
    assert!(emulation.truth().nodes["NODE2"].broken);
    emulation.power_on("NODE2");
    while !emulation.truth().nodes["NODE2"].member {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    emulation.quiet().await;
    ok(&emulation, "NODE1", "cluster node NODE2 /stop /wait:20").await;
    assert!(matches!(emulation.person().do_(install()).await, Reply::Done { .. }));
    let node = &emulation.truth().nodes["NODE2"];
    assert!(!node.broken && node.build == Some(SP2));
}

#[tokio::test]
async fn a_file_in_use_means_a_restart_or_that_nothing_was_recorded() {
    for installed in [true, false] {
        let emulation = start(spec(SP2)).await;
        ok(&emulation, "NODE1", "cluster node NODE2 /stop /wait:20").await;
        emulation
            .fault(Fault::first("KB916803", FaultKind::FileInUse { file: "cdoex.dll".into(), installed }));
        let answer = emulation.run("NODE2", HOTFIX, b"").await.unwrap();
        assert_eq!(answer.code, 3010);
        let log = emulation
            .run("NODE2", r#"find "FileInUse:: Added to Filelist:" C:\WINDOWS\KB916803.log"#, b"")
            .await;
        assert_eq!(log.unwrap().code, 0);
        ok(&emulation, "NODE2", r#"reg query "HKLM\SYSTEM\CurrentControlSet\Control\Session Manager" /v PendingFileRenameOperations"#).await;
        assert_eq!(emulation.run("NODE2", HOTFIX_KEY, b"").await.unwrap().code, u32::from(!installed));
        assert_eq!(emulation.truth().nodes["NODE2"].files["cdoex.dll"], "6.5.7638.2");
        ok(&emulation, "NODE2", "shutdown -r -t 0").await;
        while emulation.truth().nodes["NODE2"].boots < 2 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let version = if installed { "6.5.7650.29" } else { "6.5.7638.2" };
        assert_eq!(emulation.truth().nodes["NODE2"].files["cdoex.dll"], version);
    }
}

#[tokio::test]
async fn a_task_outlives_who_started_it_and_dies_with_the_power() {
    let emulation = start(spec(SP2)).await;
    let script = b"@echo off\r\necho begun\r\ncluster group EVS1 /moveto:NODE2 /wait:20\r\n>C:\\exit.txt echo code=%errorlevel%;\r\n";
    let upload = emulation.run("NODE1", r#"find /v "" >C:\t.cmd"#, script).await.unwrap();
    assert_eq!(upload.code, 0);
    ok(
        &emulation,
        "NODE1",
        r#"schtasks /create /tn T /tr "cmd /c C:\t.cmd" /sc once /st 00:00:00 /ru SYSTEM"#,
    )
    .await;
    ok(&emulation, "NODE1", r"schtasks /create /tn U /tr C:\t.cmd /sc once /st 00:00:00 /ru SYSTEM").await;
    emulation.fault(Fault::first("/moveto", FaultKind::Hang));
    ok(&emulation, "NODE1", "schtasks /run /tn U").await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let running = emulation.run("NODE1", "schtasks /query /fo csv /nh", b"").await.unwrap();
    assert!(running.stdout.contains("\"U\",\"Never\",\"Running\""), "{running:?}");
    emulation.power_off("NODE1");
    emulation.power_on("NODE1");
    while !emulation.truth().nodes["NODE1"].powered {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let after = emulation
        .run("NODE1", "schtasks /query /fo csv /nh & if exist C:\\exit.txt exit 9", b"")
        .await
        .unwrap();
    assert!(after.code == 0 && after.stdout.contains("\"U\",\"Never\",\"\""), "{after:?}");
    assert_eq!(emulation.truth().nodes["NODE1"].tasks, ["T", "U"]);
}

#[tokio::test]
async fn a_file_is_written_by_one_process_at_a_time() {
    let emulation = start(spec(SP2)).await;
    emulation.fault(Fault::first("cluster group", FaultKind::Hang));
    let held = emulation.run("NODE1", r"cluster group >C:\out.txt", b"");
    let probe = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        emulation.run("NODE1", r"type nul >>C:\out.txt || exit 5", b"").await.unwrap().code
    };
    let code = tokio::select! {
        _ = held => panic!("it hangs"),
        code = probe => code,
    };
    assert_eq!(code, 5);
    ok(&emulation, "NODE1", r"type nul >>C:\out.txt || exit 5").await;
}

#[tokio::test]
async fn the_transcript_has_what_changes_something_and_who_was_told() {
    let emulation = start(spec(SP1)).await;
    until_upgrade(&emulation).await;
    emulation.person().do_(upgrade("NODE2")).await;
    ok(
        &emulation,
        "NODE2",
        "cluster group EVS1 /prop AutoFailbackType=0 & cluster group EVS1 /prop & echo x>C:\\x",
    )
    .await;
    let told = emulation.transcript().of_consequence();
    assert_eq!(told.first().unwrap(), "NODE1: cluster node NODE2 /stop /wait:20");
    assert_eq!(told[1], format!("person at NODE2: run {SP2_SETUP}"));
    let end = told.len();
    assert_eq!(told[end - 2], "person at NODE2: Cluster Administrator: upgrade EVS1");
    assert_eq!(told[end - 1], "NODE2: cluster group EVS1 /prop AutoFailbackType=0");
}
