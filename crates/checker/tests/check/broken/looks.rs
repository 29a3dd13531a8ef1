//! Plans that don't look: at evidence, at the rest of the cluster, at what a step has brought about.

use kaketsugi_checker::Broken;
use kaketsugi_estate::EvidenceKind;
use kaketsugi_plan::{Action, Condition, Recovery, ServiceNeed};
use kaketsugi_world::{Harm, UpgradeFlaw};

use super::{found, harm, service_pack, three};
use crate::testkit::{careless, exchange, find, id};

#[test]
fn no_backup_before_the_point_of_no_return() {
    let mut plan = service_pack();
    careless(&mut plan);
    plan.steps.retain(|s| s.action != Action::Attest { evidence: EvidenceKind::FullBackup });
    let trace = found(&plan, "evidence-backup");
    assert_eq!(trace.violation.broken, Broken::StaleEvidence { evidence: EvidenceKind::FullBackup });
}

#[test]
fn a_backup_that_grows_old_while_the_run_waits() {
    let mut plan = service_pack();
    // The age isn't asked for any more; that there is a backup still is.
    for condition in plan.steps.iter_mut().flat_map(|s| &mut s.requires) {
        if let Condition::Evidence { age_max_seconds, .. } = condition {
            *age_max_seconds = None;
        }
    }
    let trace = found(&plan, "evidence-backup-age");
    assert_eq!(trace.violation.broken, Broken::StaleEvidence { evidence: EvidenceKind::FullBackup });
    assert!(trace.sentences.iter().any(|s| s == "Two days pass."), "{trace}");
}

#[test]
fn an_installer_of_windows_that_may_be_started_again_unasked() {
    let mut plan = exchange("exchange-2003-kb916803");
    let install = find(&plan, "install", "n2");
    assert_eq!(plan.steps[install].recovery, Recovery::Ask);
    plan.steps[install].recovery = Recovery::Redo;
    // After a power cut the cluster service runs again; without this the run would stop for that.
    plan.steps[install].requires.retain(|c| !matches!(c, Condition::Service { .. }));
    plan.payload.service = ServiceNeed::Either;
    let trace = found(&plan, "form-recovery");
    assert!(matches!(harm(&trace), Harm::InstallerTwice { .. }), "{trace}");
}

#[test]
fn a_drain_that_does_not_look_whether_the_others_are_there() {
    let mut plan = three();
    for step in plan.steps.iter_mut().filter(|s| s.action.name() == "drain") {
        step.requires.retain(|c| {
            !matches!(
                c,
                Condition::OthersOnline { .. }
                    | Condition::QuorumWithout { .. }
                    | Condition::NoTrouble { .. }
            )
        });
    }
    let trace = found(&plan, "proof-others-online");
    assert!(matches!(&trace.violation.broken, Broken::TwoOut { .. } | Broken::QuorumLost { .. }), "{trace}");
    assert!(
        trace.sentences.iter().any(|s| s.starts_with("FAULT: ")),
        "only a fault brings it about\n{trace}"
    );
}

/// A person is at work on it, and the first look takes it for done: with nothing to prove it, everything proves it.
#[test]
fn an_install_that_nothing_proves() {
    let mut plan = service_pack();
    careless(&mut plan);
    for step in &mut plan.steps {
        step.expects.retain(|c| !matches!(c, Condition::Installed { .. }));
    }
    let trace = found(&plan, "proof-missing");
    let expected = Harm::UpgradedAgainstConditions { group: id("EVS1"), why: UpgradeFlaw::NodeNotInstalled };
    assert_eq!(harm(&trace), &expected);
    assert!(!trace.sentences.iter().any(|s| s.starts_with("FAULT: ")), "no fault is needed\n{trace}");
}

/// A node that is lost after everybody looked the last time stays lost.
#[test]
fn an_end_that_nobody_looks_at() {
    let mut plan = three();
    plan.steps.retain(|s| s.action.name() != "verify");
    let trace = found(&plan, "goal-trouble");
    let Broken::GoalMissed { what } = &trace.violation.broken else { panic!("{trace}") };
    assert!(what.iter().any(|w| w.contains("was online and is")), "{what:?}");
    assert!(
        trace.sentences.iter().any(|s| s.starts_with("FAULT: ")),
        "only a fault brings it about\n{trace}"
    );
}
