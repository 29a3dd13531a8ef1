//! A run that is given up: `restore` puts back what the run changed beside the patch, installs nothing more, and leaves
//! users with their mail; the rest is a new plan's work, from what is there then.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use kaketsugi_emulator::Truth;
use kaketsugi_plan::Plan;

use crate::crashes::own_records;
use crate::kit::{KILLED, NODES, Setup, Site, Terminal, attend, ended};

/// How many records the run writes that is not killed.
const RECORDS: usize = 62;

/// After every so manieth restore a new plan is carried out to its end.
const GOES_ON: usize = 5;

/// A hotfix whose evidence is there, on nodes with settings to put back.
fn site() -> Site {
    Site::new(Setup { settings: true, ..Setup::hotfix("NODE1").attested() })
}

/// Every setting and every group's state, by what the nodes really are, whatever they say.
fn settings(truth: &Truth) -> BTreeMap<String, String> {
    let nodes = truth.nodes.iter().flat_map(|(node, is)| {
        let services = is.services.iter().map(move |(service, (start, runs))| {
            // Exchange's own services run where its virtual server is, which may be elsewhere now.
            let runs = matches!(service.as_str(), "SNMP" | "ClusSvc").then_some(runs);
            (format!("{service} on {node}"), format!("start type {start}, runs: {runs:?}"))
        });
        let itself = format!(
            "power: {}, member: {}, broken: {}, tasks: {:?}",
            is.powered, is.member, is.broken, is.tasks
        );
        services.chain([(node.clone(), itself)])
    });
    let groups = truth.groups.iter().map(|(group, is)| {
        (group.clone(), format!("failback {}, online: {}, {:?}", is.failback, is.online, is.resources))
    });
    nodes.chain(groups).collect()
}

/// Whether a node has the hotfix.
fn fixed(truth: &Truth, node: &str) -> bool {
    truth.nodes[node].files.get("cdoex.dll").is_some_and(|version| version == "6.5.7650.29")
}

/// Applies the plan and kills the controller after so many records; whether it was killed before it was through.
fn killed_after(site: &Site, plan: &Plan, records: usize) -> bool {
    let mut apply = site.apply(plan);
    apply.env("KAKETSUGI_CRASH_AFTER", records.to_string());
    ended(&mut apply) == KILLED
}

/// Killed after so many records, then given up; whether any setting had been changed.
fn given_up_after(records: usize) -> bool {
    let site = site();
    let before = settings(&site.emulation.truth());
    assert!(
        before["SNMP on NODE1"] == "start type 2, runs: Some(true)"
            && before["EVS1"].starts_with("failback 1")
    );
    assert!(killed_after(&site, &site.plan(), records), "after {records}");
    let installed = site.installs();
    let changed = settings(&site.emulation.truth()) != before;

    site.want(0, &["restore", "last"]);
    let truth = site.emulation.truth();
    assert_eq!(settings(&truth), before, "after {records}");
    assert_eq!(truth.harm, Vec::<String>::new(), "after {records}");
    assert_eq!(site.installs(), installed, "after {records}: nothing more is installed");
    for node in NODES {
        let lock = site.on(node, r"if exist C:\kaketsugi\lock exit 9");
        assert_eq!(lock.0, 0, "after {records}: a lock is left on {node}");
    }
    assert!(site.want(0, &["status"]).contains("put back"), "after {records}");
    let report = site.want(0, &["report", "last"]);
    assert!(report.contains("Given up after") && report.contains("is put back"), "{report}");
    let more = site.want(0, &["resume", "last"]);
    assert!(more.contains("there is nothing to go on with"), "{more}");

    if records.is_multiple_of(GOES_ON) {
        let said = site.want(
            0,
            &["plan", "estate.toml", "--release", site.setup.release, "--out", "rest", "--after", "last"],
        );
        let new = said.contains("It has to be approved again");
        assert_ne!(new, said.contains("It needs no approval of its own"), "after {records}: {said}");
        let rest: Plan = serde_json::from_str(&std::fs::read_to_string(site.path("rest")).unwrap()).unwrap();
        if new {
            let refused = site.want(1, &["apply", "rest"]);
            assert!(refused.contains("nobody is at the terminal to approve the plan"), "{refused}");
            site.want(0, &["apply", "rest", "--approve", rest.hash().as_str()]);
        } else {
            site.want(0, &["apply", "rest"]);
        }
        // Nobody was cut off by then. Later on, an interruption that the run has spent counts with those to come.
        assert!(!new || records > 15, "after {records}: {said}");
        let cuts_off = rest.steps.iter().any(|step| !step.interrupts.is_empty());
        assert!(new || truth.groups["EVS1"].owner == "NODE1" || !cuts_off, "after {records}: {said}");
        let mended = site.emulation.truth();
        assert_eq!(settings(&mended), before, "after {records}");
        assert_eq!(mended.harm, Vec::<String>::new(), "after {records}");
        assert!(
            site.installs().iter().all(|(_, times)| *times == 1),
            "after {records}: {:?}",
            site.installs()
        );
        assert!(NODES.iter().all(|node| fixed(&mended, node)), "after {records}: {mended:?}");
        assert_eq!(mended.groups["EVS1"].owner, truth.groups["EVS1"].owner, "where it was found");
    }
    changed
}

/// For every second record, in parts, a run that is killed right after it and given up; two at a time, which mostly wait.
fn given_up(remainder: usize, of: usize) {
    let records: Vec<usize> = (1..RECORDS).step_by(2).filter(|record| record % of == remainder).collect();
    let (next, changed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(&record) = records.get(next.fetch_add(1, SeqCst)) {
                    changed.fetch_add(given_up_after(record).into(), SeqCst);
                }
            });
        }
    });
    let changed = changed.into_inner();
    println!(
        "FIGURE runs given up at a record of their own: {}, with settings changed: {changed}",
        records.len()
    );
    assert!(changed * 2 > records.len(), "most of them had something to put back");
}

#[test]
fn a_hotfix_given_up_part_0() {
    given_up(0, 3);
}

#[test]
fn a_hotfix_given_up_part_1() {
    given_up(1, 3);
}

#[test]
fn a_hotfix_given_up_part_2() {
    given_up(2, 3);
}

/// The number of records that the parts above go through is that of the run.
#[test]
fn a_hotfix_writes_as_many_records() {
    let site = site();
    let plan = site.plan();
    assert_eq!(ended(&mut site.apply(&plan)), 0);
    site.assert_mended();
    assert_eq!(own_records(&site), RECORDS);
}

/// The virtual server has moved to the node with the service pack, and is not upgraded yet: it can be online nowhere
/// (E03-CLU-11-PINNED). A restore says so instead of trying, and the way forward stays open.
#[test]
fn a_service_pack_between_two_versions() {
    let setup = Setup { settings: true, ..Setup::service_pack("NODE1").attested() };
    let Some(site) = Site::with_directory(setup) else { return };
    let before = settings(&site.emulation.truth());
    let plan = site.plan();
    let mut records = 1;
    loop {
        let code = attend(&site, &plan, &mut {
            let mut command =
                if records == 1 { site.apply(&plan) } else { site.kaketsugi(&["resume", "last"]) };
            command.env("KAKETSUGI_CRASH_AFTER", "1");
            Terminal::start(command)
        });
        assert_eq!(code, KILLED);
        if site.emulation.truth().groups["EVS1"].owner == "NODE2" {
            break;
        }
        records += 1;
    }
    let said = site.want(3, &["restore", "last"]);
    let child = ["plan", "estate.toml", "--release", site.setup.release, "--after", "last"];
    assert!(site.want(1, &child).contains("was not given up"), "it can still go on");
    for words in [
        "does not hold: the directory says 6.5.7638.2 for EVS1",
        "Users of EVS1 are cut off",
        "To go on with the release after all: kaketsugi resume",
    ] {
        assert!(said.contains(words), "{words:?} isn't said: {said}");
    }
    assert_eq!(attend(&site, &plan, &mut Terminal::start(site.kaketsugi(&["resume", "last"]))), 0);
    site.assert_mended();
    assert_eq!(settings(&site.emulation.truth()), before);
}
