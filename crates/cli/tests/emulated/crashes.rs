//! The controller killed with SIGKILL after each journal record, and the run resumed by another process each time.
//!
//! Two shapes: killed after every record in turn within one run; and, for every record, a run that is killed once, right
//! after it.

use std::process::Command;

use kaketsugi_plan::Plan;
use kaketsugi_run::Record;

use crate::kit::{KILLED, Script, Setup, Site, Terminal, attend};

/// How many records the two runs write, but for those by which somebody goes on.
const HOTFIX_RECORDS: usize = 58;
const SERVICE_PACK_RECORDS: usize = 95;

const HOTFIX: &str = include_str!("transcripts/hotfix-evs-on-node1.txt");
const SERVICE_PACK: &str = include_str!("transcripts/sp2-evs-on-node1.txt");

/// Runs a command at a terminal, with a person beside it.
fn attended(site: &Site, plan: &Plan, command: Command) -> i32 {
    let mut terminal = Terminal::start(command);
    let code = attend(site, plan, &mut terminal);
    assert!(matches!(code, 0 | KILLED), "{code}: {}", terminal.text());
    code
}

fn crashing(mut command: Command, after: usize) -> Command {
    command.env("KAKETSUGI_CRASH_AFTER", after.to_string());
    command
}

/// Records that count for a crash: all but those by which somebody goes on.
pub(crate) fn own_records(site: &Site) -> usize {
    let (_, entries) = site.journal();
    entries.iter().filter(|e| !matches!(e.record, Record::Resumed { .. } | Record::Locked { .. })).count()
}

/// Killed after each record in turn.
fn after_each_record(site: &Site, transcript: &str) -> usize {
    let plan = site.plan();
    let mut killed = 0;
    let mut code = attended(site, &plan, crashing(site.apply(&plan), 1));
    while code == KILLED {
        killed += 1;
        assert_eq!(own_records(site), killed, "each process wrote one record");
        assert!(killed < 500, "it doesn't get on");
        code = attended(site, &plan, crashing(site.kaketsugi(&["resume", "last"]), 1));
    }
    let (run, _) = site.journal();
    assert!(run.finished());
    site.assert_mended();
    // A step that was begun before a crash is taken up, not begun again: nothing is told twice.
    Script::read(transcript).check(&site.told());
    killed
}

/// Killed once, after so many records.
fn once_after(site: &Site, plan: &Plan, records: usize, transcript: &str) {
    assert_eq!(attended(site, plan, crashing(site.apply(plan), records)), KILLED, "after {records}");
    assert_eq!(own_records(site), records);
    assert_eq!(attended(site, plan, site.kaketsugi(&["resume", "last"])), 0, "after {records}");
    site.assert_mended();
    Script::read(transcript).check(&site.told());
}

/// For each record whose number leaves this remainder, a run that is killed right after it; two runs at a time, which
/// mostly wait.
fn every_record(
    all: usize,
    (remainder, of): (usize, usize),
    site: impl Fn() -> Option<Site> + Sync,
    transcript: &str,
) {
    let points: Vec<usize> = (1..=all).filter(|record| record % of == remainder).collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(records) = points.get(next.fetch_add(1, std::sync::atomic::Ordering::SeqCst)) {
                    let Some(site) = site() else { return };
                    let plan = site.plan();
                    once_after(&site, &plan, *records, transcript);
                }
            });
        }
    });
    println!("FIGURE runs that were killed once, at a record of their own: {}", points.len());
}

#[test]
fn a_hotfix_after_each_record() {
    let killed = after_each_record(&Site::new(Setup::hotfix("NODE1")), HOTFIX);
    println!("FIGURE killed after each record, hotfix: {killed}");
    assert_eq!(killed, HOTFIX_RECORDS);
}

#[test]
fn a_service_pack_with_its_person_after_each_record() {
    let setup = Setup { fix: [false; 2], ..Setup::service_pack("NODE1") };
    let Some(site) = Site::with_directory(setup) else { return };
    let killed = after_each_record(&site, SERVICE_PACK);
    println!("FIGURE killed after each record, service pack: {killed}");
    assert_eq!(killed, SERVICE_PACK_RECORDS);
    assert_eq!(site.serial(), "Version 6.5 (Build 7638.2: Service Pack 2)");
}

/// A run for every record of a hotfix, and of a service pack: in parts, so that no test takes minutes.
macro_rules! a_run_for_every_record {
    ($($name:ident: $plan:ident, $part:expr;)*) => {
        $(
            #[test]
            fn $name() {
                $plan($part);
            }
        )*
    };
}

a_run_for_every_record! {
    a_hotfix_killed_once_part_0: hotfix_killed_once, (0, 3);
    a_hotfix_killed_once_part_1: hotfix_killed_once, (1, 3);
    a_hotfix_killed_once_part_2: hotfix_killed_once, (2, 3);
    a_service_pack_killed_once_part_0: service_pack_killed_once, (0, 6);
    a_service_pack_killed_once_part_1: service_pack_killed_once, (1, 6);
    a_service_pack_killed_once_part_2: service_pack_killed_once, (2, 6);
    a_service_pack_killed_once_part_3: service_pack_killed_once, (3, 6);
    a_service_pack_killed_once_part_4: service_pack_killed_once, (4, 6);
    a_service_pack_killed_once_part_5: service_pack_killed_once, (5, 6);
}

fn hotfix_killed_once(part: (usize, usize)) {
    every_record(HOTFIX_RECORDS, part, || Some(Site::new(Setup::hotfix("NODE1"))), HOTFIX);
}

fn service_pack_killed_once(part: (usize, usize)) {
    let setup = || Setup { fix: [false; 2], ..Setup::service_pack("NODE1") };
    every_record(SERVICE_PACK_RECORDS, part, || Site::with_directory(setup()), SERVICE_PACK);
}
