//! Servers that stand alone, front ends and back ends (E03-ALONE, E03-FE-FIRST and their kin).

mod testkit;

use std::collections::BTreeSet;

use kaketsugi_estate::{GroupState, ReleaseState, ResourceState, Role, ServerId, Waiver};
use kaketsugi_plan::{Action, Condition, Content, Media, Phase, Plan};
use testkit::{Pacemaker, alone, exchange, id, together, transcript};

const FRONT: &[Role] = &[Role::FrontEnd];

fn plan(kit: &Pacemaker) -> Plan {
    kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap()
}

/// The codes of the findings for which no plan is made.
fn refused(kit: &Pacemaker) -> Vec<String> {
    let refused = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap_err();
    refused.findings.into_iter().map(|finding| finding.code).collect()
}

/// The servers on which the release is installed, in the plan's order.
fn installs(plan: &Plan) -> Vec<&str> {
    let node = |step: &'_ kaketsugi_plan::Step| match &step.action {
        Action::Install { node, release } if *release == plan.payload.id => Some(node.clone()),
        _ => None,
    };
    let nodes = plan.steps.iter().filter_map(node);
    nodes.filter_map(|node| plan.estate.servers.get_key_value(&node)).map(|(id, _)| id.as_str()).collect()
}

fn cited(plan: &Plan) -> BTreeSet<&str> {
    plan.steps.iter().flat_map(|step| &step.cites).map(String::as_str).collect()
}

#[test]
fn a_service_pack_on_one_server() {
    let plan = plan(&alone(&[("EXCH1", &[])], "exchange-2003-sp2"));
    let expected = "\
attest/TriedInTest/1 | Try the release in a test environment
E03-RELEASE-NOTES/ReleaseNotesRead/1 | Read the release notes
E03-BACKUP/FullBackup/1 | Full backup of all databases and system states
attest/ProtectionOff/1 | End antivirus and whatever else isn't needed
E03-ALONE/EXCH1/1 | Install Exchange Server 2003 Service Pack 2 on EXCH1  [EXCH1 Whole]
E03-ALONE-REBOOT/EXCH1/1 | Restart EXCH1 when EXCH1 asks for a restart  [EXCH1 Whole]
verify/EXCH1/1 | Look that EXCH1 serves its users again
E03-BACKUP-AFTER/BackupAfter/1 | Full backup of all databases at the new version
verify/EXCH1/2 | Look that EXCH1 serves its users, at the version asked for
verify/EXCH1/3 | Look that Exchange Server 2003 Service Pack 2 is installed on EXCH1
verify/cluster EXCH1/1 | Look that the services of EXCH1 start as before
";
    assert_eq!(transcript(&plan), expected);
    assert_eq!(plan.section, "KB 328839, Exchange Server 2003, stand-alone servers");
    let install = plan.steps.iter().find(|s| matches!(s.action, Action::Install { .. })).unwrap();
    assert_eq!(install.cites[..3], ["E03-ALONE", "ALL-SERVICES-STOP", "ALL-ONE-INSTALLER"]);
    assert!(install.point_of_no_return);
}

#[test]
fn a_hotfix_on_one_server_asks_for_less() {
    let plan = plan(&alone(&[("EXCH1", &[])], "exchange-2003-kb916803"));
    let expected = "\
attest/TriedInTest/1 | Try the release in a test environment
E03-ALONE/EXCH1/1 | Install Security update MS06-019 for Exchange Server 2003 SP2 (KB 916803: calendar parsing) on EXCH1  [EXCH1 Whole]
E03-ALONE-REBOOT/EXCH1/1 | Restart EXCH1 when EXCH1 asks for a restart  [EXCH1 Whole]
verify/EXCH1/1 | Look that EXCH1 serves its users again
verify/EXCH1/2 | Look that EXCH1 serves its users, at the version asked for
verify/EXCH1/3 | Look that Security update MS06-019 for Exchange Server 2003 SP2 (KB 916803: calendar parsing) is installed on EXCH1
verify/cluster EXCH1/1 | Look that the services of EXCH1 start as before
";
    assert_eq!(transcript(&plan), expected);
}

/// E03-ADC, E03-ADC-MAPS and their kin: what the directory holds is saved, then the connector's own set-up, then Exchange's.
#[test]
fn the_active_directory_connector_comes_first() {
    for (release, version) in [("exchange-2003-sp2", "E03"), ("exchange-2000-sp3", "E00")] {
        let mut kit = alone(&[("EXCH1", &[]), ("EXCH2", &[])], release);
        let bare = plan(&kit);
        assert!(!cited(&bare).iter().any(|rule| rule.contains("-ADC")), "nobody has one");
        kit.snapshot.servers.get_mut(&id::<ServerId>("EXCH2")).unwrap().connector = Some(true);
        let plan = plan(&kit);
        let place = |rule: &str| {
            plan.steps.iter().position(|s| s.cites.iter().any(|cited| *cited == format!("{version}-{rule}")))
        };
        let (maps, set_up) = (place("ADC-MAPS").unwrap(), place("ADC").unwrap());
        let first = plan.steps.iter().position(|s| matches!(s.action, Action::Install { .. })).unwrap();
        assert!(maps < set_up && set_up < first, "{}", transcript(&plan));
        assert_eq!(place("ADC-LDAP-WARN"), Some(maps));
        let said = plan.steps[set_up].instruction.as_deref().unwrap();
        assert!(said.contains("On EXCH2") && said.contains(r"ADC\I386") && !said.contains("EXCH1"), "{said}");
        for step in plan.steps.iter().filter(|s| matches!(s.action, Action::Install { .. })) {
            assert!(
                step.requires.iter().any(|c| c.to_string().contains("Connector is upgraded")),
                "{step:?}"
            );
        }
    }
    let mut hotfix = alone(&[("EXCH1", &[])], "exchange-2003-kb916803");
    hotfix.snapshot.servers.get_mut(&id::<ServerId>("EXCH1")).unwrap().connector = Some(true);
    assert!(!cited(&plan(&hotfix)).iter().any(|rule| rule.contains("-ADC")), "said of service packs alone");
}

/// The IIS fix leaves Exchange's services alone; the restart after it doesn't.
#[test]
fn a_fix_of_the_system_cuts_nobody_off_but_its_restart_does() {
    let mut kit = alone(&[("EXCH1", &[])], "exchange-2003-sp2");
    for server in kit.snapshot.servers.values_mut() {
        server.releases.insert(id("windows-2003-kb831464"), ReleaseState::Absent);
    }
    let steps = transcript(&plan(&kit));
    let of_fix: Vec<&str> =
        steps.lines().filter(|l| l.starts_with("install/") || l.starts_with("restart/")).collect();
    assert_eq!(
        of_fix,
        [
            "install/EXCH1/1 | Install IIS 6.0 fix KB 831464 for Windows Server 2003 on EXCH1",
            "restart/EXCH1/1 | Restart EXCH1  [EXCH1 Whole]",
        ]
    );
    assert!(steps.find("restart/EXCH1/1") < steps.find("E03-ALONE/EXCH1/1"), "{steps}");
}

#[test]
fn rules_are_those_of_the_version_and_of_small_business_servers() {
    let of_2000 = plan(&alone(&[("EXCH1", &[Role::SmallBusinessServer])], "exchange-2000-sp3"));
    let rules = cited(&of_2000);
    for rule in ["E00-ALONE", "E00-SBS", "E00-BACKUP", "E00-RELEASE-NOTES", "E00-BACKUP-AFTER"] {
        assert!(rules.contains(rule), "{rule}: {rules:?}");
    }
    assert!(!rules.iter().any(|rule| rule.starts_with("E03-")), "{rules:?}");
    assert_eq!(of_2000.section, "KB 328839, Exchange 2000 Server, Small Business Server");
    let of_2003 = plan(&alone(&[("EXCH1", &[Role::SmallBusinessServer])], "exchange-2003-sp2"));
    assert!(cited(&of_2003).contains("E03-SBS"));
    let ordinary = plan(&alone(&[("EXCH1", &[])], "exchange-2003-sp2"));
    assert!(!cited(&ordinary).contains("E03-SBS"));
}

/// E55-ALONE, E55-PERFWIZ, E55-EXTRAS: no restart, and the optimizer after it.
#[test]
fn a_service_pack_of_exchange_5_5() {
    let mut kit = alone(&[("EX55", &[])], "exchange-5.5-sp4");
    let expected = "\
attest/TriedInTest/1 | Try the release in a test environment
E55-RELEASE-NOTES/ReleaseNotesRead/1 | Read the release notes
E55-BACKUP/FullBackup/1 | Full backup of all databases and system states
attest/ProtectionOff/1 | End antivirus and whatever else isn't needed
E55-ALONE/EX55/1 | Install Exchange Server 5.5 Service Pack 4 on EX55  [EX55 Whole]
verify/EX55/1 | Look that EX55 serves its users again
E55-PERFWIZ/EX55/1 | Run the Performance Optimizer on EX55  [EX55 Whole]
E55-EXTRAS/ExtrasUpdated/1 | Update the components that the service pack leaves alone
E55-BACKUP-AFTER/BackupAfter/1 | Full backup of all databases at the new version
verify/EX55/2 | Look that EX55 serves its users, at the version asked for
verify/EX55/3 | Look that Exchange Server 5.5 Service Pack 4 is installed on EX55
verify/cluster EX55/1 | Look that the services of EX55 start as before
";
    assert_eq!(transcript(&plan(&kit)), expected);
    assert_eq!(plan(&kit).section, "KB 328839, Exchange Server 5.5, stand-alone servers");
    // Somebody installed it by hand and left the optimizer out: that alone is done.
    let seen = kit.snapshot.servers.get_mut(&id::<ServerId>("EX55")).unwrap();
    seen.releases.insert(kit.payload.id.clone(), ReleaseState::Installed);
    assert!(plan(&kit).steps.is_empty(), "nothing is left to do");
    kit.snapshot.servers.get_mut(&id::<ServerId>("EX55")).unwrap().optimized = Some(false);
    let left = plan(&kit);
    assert_eq!(installs(&left), [""; 0]);
    assert!(cited(&left).contains("E55-PERFWIZ") && cited(&left).contains("KB271824"), "{left:#?}");
}

/// E55-ALONE holds for fixes, too; the optimizer and the components are said of service packs alone.
#[test]
fn a_fix_of_exchange_5_5() {
    let plan = plan(&alone(&[("EX55", &[])], "exchange-5.5-kb894689"));
    let cites = cited(&plan);
    assert_eq!(installs(&plan), ["EX55"]);
    for rule in ["E55-ALONE", "E55-BACKUP", "E55-BACKUP-AFTER", "E55-RELEASE-NOTES"] {
        assert!(cites.contains(rule), "{rule}: {cites:?}");
    }
    assert!(!cites.contains("E55-PERFWIZ") && !cites.contains("E55-EXTRAS"), "{cites:?}");
    assert!(!plan.steps.iter().any(|s| matches!(s.action, Action::Restart { .. } | Action::Optimize { .. })));
}

#[test]
fn small_business_servers_of_exchange_5_5_name_their_languages_folder() {
    let mut kit = alone(&[("SBS1", &[Role::SmallBusinessServer])], "exchange-5.5-sp4");
    let extras = |plan: &Plan| {
        let step = plan.steps.iter().find(|s| s.cites.iter().any(|rule| rule == "E55-EXTRAS")).unwrap();
        step.instruction.clone().unwrap()
    };
    assert!(cited(&plan(&kit)).contains("E55-SBS"));
    assert!(extras(&plan(&kit)).contains(r"LANGUAGE\SERVER\SUPPORT\EXCHSYNC"), "nobody has said which");
    let path = r"D:\SP4\JPN\SERVER\SETUP\I386\UPDATE.EXE";
    kit.payload.content = Content::Media(vec![Media { path: path.into(), sha256: "0".repeat(64) }]);
    let said = extras(&plan(&kit));
    assert!(said.contains(r"JPN\SERVER\SUPPORT\MBMNGR\SETUP\I386\SETUP.EXE"), "{said}");
}

#[test]
fn front_ends_come_first_whatever_they_are_called() {
    let kit = alone(&[("A", &[Role::Mailbox]), ("B", FRONT), ("C", &[]), ("D", FRONT)], "exchange-2003-sp2");
    let plan = plan(&kit);
    assert_eq!(installs(&plan), ["B", "D", "A", "C"]);
    for step in plan.steps.iter().filter(|s| matches!(s.action, Action::Install { .. })) {
        assert!(step.cites.iter().any(|rule| rule == "E03-FE-FIRST"), "{}", step.id);
        let waits: Vec<&str> = step
            .requires
            .iter()
            .filter_map(|c| match c {
                Condition::Installed { node, .. } => Some(node.as_str()),
                _ => None,
            })
            .collect();
        let back_end = ["A", "C"].contains(&step.action.node().unwrap().as_str());
        assert_eq!(waits, if back_end { vec!["B", "D"] } else { vec![] }, "{}", step.id);
    }
    let of_2000 = alone(&[("A", &[]), ("B", FRONT)], "exchange-2000-sp3");
    assert!(cited(&self::plan(&of_2000)).contains("E00-FE-FIRST"));
}

/// For hotfixes, and with Exchange 2000, the order is a recommendation.
#[test]
fn a_waiver_of_the_order_is_heard() {
    for (release, rule) in [("exchange-2000-sp3", "E00-FE-FIRST"), ("exchange-2003-kb916803", "E03-FE-FIRST")]
    {
        let mut kit = alone(&[("A", &[]), ("B", FRONT)], release);
        kit.estate.policy.waivers.push(Waiver {
            rule: rule.into(),
            by: "K. Sato".into(),
            reason: "no Outlook Web Access here".into(),
        });
        let known = kaketsugi_knowledge::releases().resolve(release).unwrap();
        kit.payload = kaketsugi_planner::from_catalogue(&known, &kit.estate).unwrap();
        let plan = plan(&kit);
        let waits =
            plan.steps.iter().flat_map(|s| &s.requires).any(|c| matches!(c, Condition::Installed { .. }));
        assert!(!waits && !cited(&plan).contains(rule), "{release}");
    }
}

/// Its users are cut off: among back ends it comes first.
#[test]
fn a_half_done_back_end_comes_before_the_others() {
    let mut kit = alone(&[("A", &[]), ("C", &[]), ("F", FRONT)], "exchange-2003-sp2");
    let release = kit.payload.id.clone();
    let seen = kit.snapshot.servers.get_mut(&id::<ServerId>("C")).unwrap();
    seen.releases.insert(release, ReleaseState::Partial);
    assert_eq!(installs(&plan(&kit)), ["F", "C", "A"]);
}

/// What would start with the system and doesn't run can't be told from what the install breaks.
#[test]
fn a_service_that_should_run_is_named() {
    let mut kit = alone(&[("EXCH1", &[])], "exchange-2003-sp2");
    let unit = kit.snapshot.clusters.values_mut().next().unwrap();
    for group in unit.groups.values_mut() {
        group.resources[0].state = ResourceState::Offline;
        group.state = GroupState::Partial;
    }
    let refused = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap_err();
    let [finding] = &refused.findings[..] else { panic!("{:?}", refused.findings) };
    assert_eq!(finding.code, "server/services-stopped");
    assert!(finding.symptom.contains("SMTPSVC"), "{}", finding.symptom);
}

#[test]
fn front_ends_come_before_a_cluster_and_before_half_done_back_ends() {
    let release = "exchange-2003-sp2";
    let behind = exchange(&["N1", "N2"], &[("EVS1", "N1")], release);
    let mut kit = together(behind, alone(&[("B", &[]), ("W", FRONT)], release));
    let seen = kit.snapshot.servers.get_mut(&id::<ServerId>("B")).unwrap();
    seen.releases.insert(kit.payload.id.clone(), ReleaseState::Partial);
    let plan = plan(&kit);
    assert_eq!(installs(&plan), ["W", "B", "N2", "N1"]);
    // Files of all servers come before the first one is touched, the backup after the last.
    let first = plan.steps.iter().position(|s| matches!(s.action, Action::Install { .. })).unwrap();
    assert!(plan.steps[first..].iter().all(|s| !matches!(s.action, Action::Stage { .. })));
    let attested = plan.steps.iter().filter(|s| matches!(s.action, Action::Attest { .. })).count();
    assert_eq!(attested, 5, "each is asked for once");
    assert!(matches!(plan.steps.last().unwrap().action, Action::Verify { .. }));
    let last = &plan.steps.last().unwrap().expects;
    for node in ["B", "N1", "N2", "W"] {
        assert!(
            last.iter().any(|c| matches!(c, Condition::Installed { node: n, .. } if n.as_str() == node)),
            "{node}"
        );
    }
}

#[test]
fn a_front_end_that_has_the_release_is_not_waited_for_again() {
    let mut kit = alone(&[("A", &[]), ("B", FRONT)], "exchange-2003-sp2");
    let seen = kit.snapshot.servers.get_mut(&id::<ServerId>("B")).unwrap();
    seen.releases.insert(kit.payload.id.clone(), ReleaseState::Installed);
    assert_eq!(installs(&plan(&kit)), ["A"]);
}

/// An installer that was cut off has stopped what the server carries: the plan ends that.
#[test]
fn a_half_done_server_is_completed() {
    let mut kit = alone(&[("EXCH1", &[])], "exchange-2003-sp2");
    let seen = kit.snapshot.servers.get_mut(&id::<ServerId>("EXCH1")).unwrap();
    seen.releases.insert(kit.payload.id.clone(), ReleaseState::Partial);
    let services = |kit: &mut Pacemaker, state: ResourceState, group: GroupState| {
        let carried = kit.snapshot.clusters.values_mut().flat_map(|c| c.groups.values_mut()).next().unwrap();
        carried.resources.iter_mut().for_each(|r| r.state = state);
        carried.state = group;
    };
    services(&mut kit, ResourceState::Offline, GroupState::Offline);
    let plan = plan(&kit);
    let install = plan.steps.iter().find(|s| matches!(s.action, Action::Install { .. })).unwrap();
    assert_eq!(install.interrupts.iter().map(|i| i.phase).collect::<Vec<_>>(), [Phase::Ends]);
    let online = plan.steps.iter().flat_map(|s| &s.expects).find_map(|c| match c {
        Condition::GroupAsBefore { online, .. } => Some(online.len()),
        _ => None,
    });
    assert_eq!(online, Some(3), "all that starts with it is online in the end");

    // Without an installer to blame nobody knows why they lie still.
    let seen = kit.snapshot.servers.get_mut(&id::<ServerId>("EXCH1")).unwrap();
    seen.releases.insert(kit.payload.id.clone(), ReleaseState::Absent);
    assert_eq!(refused(&kit), ["server/services-stopped"]);
    services(&mut kit, ResourceState::Pending, GroupState::Pending);
    assert_eq!(refused(&kit), ["server/services-stopped"]);
}

#[test]
fn what_a_server_is_not_at_is_refused_with_its_name() {
    let mut kit = alone(&[("A", &[]), ("B", FRONT)], "exchange-2003-sp2");
    kit.snapshot.servers.get_mut(&id::<ServerId>("B")).unwrap().version = Some("6.5.7638.2".into());
    kit.snapshot.servers.get_mut(&id::<ServerId>("A")).unwrap().reached = false;
    kit.snapshot.clusters.remove(&id::<kaketsugi_estate::ClusterId>("A"));
    assert_eq!(refused(&kit), ["server/unreached", "cluster/unreadable"]);
    let kit = alone(&[("A", &[])], "exchange-2003-sp2");
    let sp1 = kaketsugi_knowledge::releases().resolve("exchange-2003-sp1").unwrap();
    let mut older =
        Pacemaker { payload: kaketsugi_planner::from_catalogue(&sp1, &kit.estate).unwrap(), ..kit };
    let seen = older.snapshot.servers.get_mut(&id::<ServerId>("A")).unwrap();
    seen.version = Some("6.5.7638.2".into());
    seen.releases.insert(id("exchange-2003-sp1"), ReleaseState::Newer);
    assert!(!refused(&older).is_empty());
}

/// Windows Server 2003 is reached by a person where nothing else is said: each step is theirs, with what to type.
#[test]
fn by_hand_each_step_says_what_to_do() {
    let mut kit = alone(&[("EXCH1", &[])], "exchange-2003-kb916803");
    for server in kit.estate.servers.values_mut() {
        server.transport = kaketsugi_estate::TransportKind::Operator;
    }
    let snmp = kaketsugi_estate::Setting::Service("SNMP".into());
    for server in kit.snapshot.servers.values_mut() {
        server.settings.insert(snmp.clone(), Some("start=2 running".into()));
    }
    let plan = plan(&kit);
    let mut said = String::new();
    for step in plan.steps.iter().filter(|step| !matches!(step.action, Action::Verify { .. })) {
        assert_eq!(step.actor, kaketsugi_plan::Actor::Operator, "{}", step.id);
        said.push_str(step.instruction.as_deref().unwrap());
        said.push('\n');
    }
    for line in [
        "    sc config \"SNMP\" start= disabled\n    net stop \"SNMP\"",
        "Exchange2003-KB916803-x86-",
        "    shutdown -r -f -t 3",
        "    sc config \"SNMP\" start= auto\n    net start \"SNMP\"",
    ] {
        assert!(said.contains(line), "{line}:\n{said}");
    }
    assert!(!said.contains("cluster "), "{said}");
}

/// Windows NT 4.0 is a person's: every step that does something there says what is to be typed or clicked.
#[test]
fn exchange_5_5_by_hand() {
    let mut kits = [
        alone(&[("EX55", &[])], "exchange-5.5-sp4"),
        exchange(&["N1", "N2"], &[("EX", "N1")], "exchange-5.5-sp4"),
    ];
    for kit in &mut kits {
        let servers = kit.estate.servers.values_mut();
        servers.for_each(|server| server.transport = kaketsugi_estate::TransportKind::Operator);
        let plan = plan(kit);
        for step in plan.steps.iter().filter(|step| !step.action.only_looks()) {
            let said = step.instruction.as_deref().unwrap_or_default();
            assert!(said.starts_with("On "), "{}: {said}", step.id);
            // What Windows NT 4.0 lacks, and what it does wrong there (KB266782).
            for lacking in ["sc config", "shutdown", "/offline /wait", "/online /wait"] {
                assert!(!said.contains(lacking), "{}: {said}", step.id);
            }
        }
    }
}
