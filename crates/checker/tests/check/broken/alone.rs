//! Servers that stand alone: what is different where nothing takes over, and the order of front ends and back ends.

use kaketsugi_checker::Broken;
use kaketsugi_plan::Condition;
use kaketsugi_world::Harm;

use super::{found, harm, violation};
use crate::right::{balanced, stand_alone};
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

/// FE1 is brought in before FE2 is even taken out.
#[test]
fn a_pool_of_two_versions() {
    let mut plan = balanced("exchange-2003-sp2", &[]);
    careless(&mut plan);
    let (back, second) = (find(&plan, "readmit", "FE1"), find(&plan, "install", "FE2"));
    shift(&mut plan, back, second);
    let (back, out) = (find(&plan, "readmit", "FE1"), find(&plan, "drain", "FE2"));
    // All the time FE2 is the only one that serves, and every step says so.
    let only_one = plan.steps[out].exposes.clone();
    plan.steps[out..=back].iter_mut().for_each(|step| step.exposes.clone_from(&only_one));
    shift(&mut plan, out, back);
    let trace = found(&plan, "exchange-pool-together");
    assert!(matches!(harm(&trace), Harm::PoolOfTwoVersions { .. }), "{trace}");
}

/// Nobody says that the pool's users are cut off when its last server is taken out.
#[test]
fn a_pool_that_nobody_is_told_of() {
    let mut plan = balanced("exchange-2003-sp2", &[]);
    let last = find(&plan, "drain", "FE2");
    plan.steps[last].interrupts.clear();
    let trace = found(&plan, "declared-missing");
    assert!(matches!(&trace.violation.broken, Broken::UndeclaredInterruption { .. }), "{trace}");
}

#[test]
fn a_server_that_stays_out_of_its_pool() {
    let mut plan = balanced("exchange-2003-sp2", &[]);
    careless(&mut plan);
    let back = find(&plan, "readmit", "FE2");
    let only_one = plan.steps[back].exposes.clone();
    plan.steps[back..].iter_mut().for_each(|step| step.exposes.clone_from(&only_one));
    remove(&mut plan, back);
    for step in plan.steps.iter_mut().filter(|step| step.action.only_looks()) {
        step.expects.retain(|c| !matches!(c, Condition::NodeState { .. }));
    }
    let trace = found(&plan, "back-not-readmitted");
    assert!(trace.to_string().contains("FE2 was online and is in standby"), "{trace}");
}
