//! Servers that stand alone: what is different where nothing takes over, and the order of front ends and back ends.

use kaketsugi_checker::Broken;
use kaketsugi_world::Harm;

use super::{found, harm, violation};
use crate::right::stand_alone;
use crate::testkit::{careless, find, id, remove, shift};

#[test]
fn a_back_end_before_its_front_end() {
    let mut plan = stand_alone("exchange-2003-sp2");
    careless(&mut plan);
    let (front, back) = (find(&plan, "install", "FE1"), find(&plan, "install", "BE1"));
    shift(&mut plan, back, front);
    let trace = found(&plan, "exchange-front-ends-first");
    let Broken::BackEndFirst { server, front_ends } = &trace.violation.broken else { panic!("{trace}") };
    assert_eq!((server, front_ends.len()), (&id("BE1"), 1));
}

#[test]
fn an_installer_that_says_nothing_of_its_users() {
    let mut plan = stand_alone("exchange-2003-kb916803");
    let install = find(&plan, "install", "BE1");
    plan.steps[install].interrupts.clear();
    let trace = found(&plan, "declared-missing");
    assert!(matches!(&trace.violation.broken, Broken::UndeclaredInterruption { .. }), "{trace}");
}

#[test]
fn no_restart_of_a_server_that_stands_alone() {
    let mut plan = stand_alone("exchange-2003-sp2");
    let restart = find(&plan, "restart", "FE1");
    remove(&mut plan, restart);
    let trace = found(&plan, "restart-missing");
    assert!(trace.to_string().contains("FE1 still asks for a restart"), "{trace}");
}

/// Its mailboxes are the only ones there are: a backup that is too old is none.
#[test]
fn no_fresh_backup_of_a_server_that_stands_alone() {
    let mut plan = stand_alone("exchange-2003-sp2");
    careless(&mut plan);
    let backup = plan.steps.iter().position(|s| s.id.as_str().contains("FullBackup")).unwrap();
    remove(&mut plan, backup);
    let trace = found(&plan, "evidence-backup");
    assert!(matches!(&trace.violation.broken, Broken::StaleEvidence { .. }), "{trace}");
}

#[test]
fn an_installer_that_is_started_again_unasked() {
    let mut plan = stand_alone("exchange-2003-kb916803");
    careless(&mut plan);
    let install = find(&plan, "install", "BE1");
    plan.steps[install].recovery = kaketsugi_plan::Recovery::Redo;
    let trace = found(&plan, "form-recovery");
    assert!(matches!(harm(&trace), Harm::InstallerTwice { .. }), "{trace}");
    assert_eq!(violation(&plan).violation, trace.violation);
}
