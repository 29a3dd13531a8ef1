//! Which record may follow on which: every record in every state, in one table.

mod support;

use std::sync::Arc;

use kaketsugi_estate::{EvidenceKind, Millis};
use kaketsugi_plan::{Action, Baseline, Plan, PlanHash, RULES_VERSION, StepId};
use kaketsugi_run::{EvidenceRecord, Outcome, Record, Run, Why};
use support::{RUN, exchange, first};

/// The plan of the table: an attestation, then the installation, each with nothing else between.
struct Table {
    plan: Arc<Plan>,
    attest: StepId,
    install: StepId,
    restart: StepId,
}

fn table() -> Table {
    let mut plan = Plan::clone(&exchange());
    // A backup that was attested, an install that needs it, and a restart that depends on something.
    plan.steps.retain(|s| {
        s.action == Action::Attest { evidence: EvidenceKind::FullBackup }
            || matches!(s.action.name(), "install" | "restart")
    });
    plan.steps.truncate(3);
    let (attest, install, restart) =
        (first(&plan, "attest"), first(&plan, "install"), first(&plan, "restart"));
    let pending = kaketsugi_plan::Condition::RestartPending { node: support::testkit::id("NODE2") };
    plan.steps[2].when = Some(pending);
    Table { plan: Arc::new(plan), attest, install, restart }
}

impl Table {
    fn begun(&self) -> Record {
        Record::Begun {
            run: RUN.into(),
            plan: self.plan.hash(),
            rules_version: RULES_VERSION,
            start: Baseline::default(),
        }
    }

    /// The states, each by the records that lead there from the one before.
    fn states(&self) -> Vec<(&'static str, Vec<Record>)> {
        let begun = |step: &StepId| Record::StepBegun { step: step.clone(), baseline: Baseline::default() };
        let intent = |step: &StepId, attempt| Record::Intent { step: step.clone(), attempt };
        let failed = || Outcome::Failed { code: Some(1), output: String::new() };
        let done = || Outcome::Done { code: None, output: String::new() };
        vec![
            ("new", vec![]),
            ("begun", vec![self.begun()]),
            ("locked", vec![Record::Locked { epoch: 1 }]),
            ("attest begun", vec![begun(&self.attest)]),
            ("attest open", vec![intent(&self.attest, 1)]),
            ("attested", vec![attested(EvidenceKind::FullBackup)]),
            ("attest done", vec![outcome(&self.attest, 1, done())]),
            ("install begun", vec![begun(&self.install)]),
            ("install open", vec![intent(&self.install, 1)]),
            ("install failed", vec![outcome(&self.install, 1, failed())]),
            ("stopped", vec![stopped()]),
            ("resumed", vec![resumed(2)]),
            ("locked again", vec![Record::Locked { epoch: 2 }]),
            ("attest renewed", vec![begun(&self.attest)]),
            ("attest open again", vec![intent(&self.attest, 2)]),
            ("attest done again", vec![outcome(&self.attest, 2, done())]),
            ("install open again", vec![intent(&self.install, 2)]),
            ("install done", vec![outcome(&self.install, 2, done())]),
            ("restart due", vec![Record::When { step: self.restart.clone(), answer: true }]),
            ("all done", vec![Record::AlreadyDone { step: self.restart.clone() }]),
            ("finished", vec![Record::Finished]),
        ]
    }

    /// Every record kind, with the states in which it may come next; nowhere else.
    fn records(&self) -> Vec<(&'static str, Record, &'static [&'static str])> {
        // From here on, and not while stopped or without locks.
        const RUNNING: &[&str] = &[
            "begun",
            "locked",
            "attest begun",
            "attest open",
            "attested",
            "attest done",
            "install begun",
            "install open",
            "install failed",
            "resumed",
            "locked again",
            "attest renewed",
            "attest open again",
            "attest done again",
            "install open again",
            "install done",
            "restart due",
            "all done",
        ];
        let begun = |step: &StepId| Record::StepBegun { step: step.clone(), baseline: Baseline::default() };
        let intent = |step: &StepId, attempt| Record::Intent { step: step.clone(), attempt };
        let already = |step: &StepId| Record::AlreadyDone { step: step.clone() };
        let when = |step: &StepId| Record::When { step: step.clone(), answer: true };
        let ends = |step: &StepId, attempt| outcome(step, attempt, Outcome::Lost { output: String::new() });
        vec![
            ("begin", self.begun(), &["new"]),
            ("begin another run", with_begun(self.begun(), |run, _, _| *run = "other".into()), &[]),
            ("begin another plan", with_begun(self.begun(), |_, plan, _| *plan = PlanHash::new("00")), &[]),
            ("begin by other rules", with_begun(self.begun(), |_, _, rules| *rules += 1), &[]),
            (
                "resume as 2",
                resumed(2),
                &[
                    "begun",
                    "locked",
                    "attest begun",
                    "attest open",
                    "attested",
                    "attest done",
                    "install begun",
                    "install open",
                    "install failed",
                    "stopped",
                ],
            ),
            (
                "resume as 3",
                resumed(3),
                &[
                    "resumed",
                    "locked again",
                    "attest renewed",
                    "attest open again",
                    "attest done again",
                    "install open again",
                    "install done",
                    "restart due",
                    "all done",
                ],
            ),
            ("lock as 1", Record::Locked { epoch: 1 }, &["begun"]),
            ("lock as 2", Record::Locked { epoch: 2 }, &["resumed"]),
            ("stop", stopped(), RUNNING),
            ("finish", Record::Finished, &["all done"]),
            ("when of a step without", when(&self.attest), &[]),
            ("when", when(&self.restart), &["install done"]),
            ("attest already done", already(&self.attest), &["locked", "attest begun", "attest renewed"]),
            (
                "install already done",
                already(&self.install),
                &["attest done", "install begun", "install failed", "locked again", "attest done again"],
            ),
            ("restart already done", already(&self.restart), &["restart due"]),
            // The backup is asked for again as long as the install that needs it isn't in work.
            (
                "attest begins",
                begun(&self.attest),
                &[
                    "locked",
                    "attest done",
                    "install begun",
                    "install failed",
                    "locked again",
                    "attest done again",
                ],
            ),
            ("install begins", begun(&self.install), &["attest done"]),
            ("restart begins", begun(&self.restart), &["restart due"]),
            ("attest 1", intent(&self.attest, 1), &["attest begun"]),
            ("attest 2", intent(&self.attest, 2), &["attest renewed"]),
            ("attest 3", intent(&self.attest, 3), &[]),
            ("install 1", intent(&self.install, 1), &["install begun"]),
            ("install 2", intent(&self.install, 2), &["install failed", "locked again", "attest done again"]),
            ("install 3", intent(&self.install, 3), &[]),
            ("attest 1 ends", ends(&self.attest, 1), &["attest open", "attested"]),
            ("attest 2 ends", ends(&self.attest, 2), &["attest open again"]),
            ("install 1 ends", ends(&self.install, 1), &["install open"]),
            ("install 2 ends", ends(&self.install, 2), &["install open again"]),
            ("restart 1 ends", ends(&self.restart, 1), &[]),
            (
                "backup attested",
                attested(EvidenceKind::FullBackup),
                &["attest open", "attested", "attest open again"],
            ),
            ("something else attested", attested(EvidenceKind::BackupAfter), &[]),
            ("a step of another plan", begun(&StepId::new("reboot/n9/1")), &[]),
        ]
    }
}

fn with_begun(mut record: Record, change: impl FnOnce(&mut String, &mut PlanHash, &mut u32)) -> Record {
    if let Record::Begun { run, plan, rules_version, .. } = &mut record {
        change(run, plan, rules_version);
    }
    record
}

fn outcome(step: &StepId, attempt: u32, outcome: Outcome) -> Record {
    Record::Outcome { step: step.clone(), attempt, outcome }
}

fn attested(kind: EvidenceKind) -> Record {
    Record::Attested { evidence: EvidenceRecord { kind, at: Millis(1), by: "ann".into() } }
}

fn stopped() -> Record {
    Record::Stopped { why: Why::Interrupted }
}

fn resumed(epoch: u64) -> Record {
    Record::Resumed { epoch, restore: false, retry: false, reason: String::new() }
}

#[test]
fn every_record_in_every_state() {
    let table = table();
    let records = table.records();
    let states = table.states();
    for (_, _, legal) in &records {
        for name in *legal {
            assert!(states.iter().any(|(state, _)| state == name), "there is no state `{name}`");
        }
    }
    let mut run = Run::new(table.plan.clone(), RUN);
    let mut wrong = Vec::new();
    for (state, leads_there) in states {
        for record in leads_there {
            run.apply(record).unwrap_or_else(|e| panic!("{state} can't be reached: {e}"));
        }
        for (name, record, legal) in &records {
            let answer = run.may(record);
            if answer.is_ok() != legal.contains(&state) {
                wrong.push(format!("{state}: {name} → {answer:?}"));
            }
            // What may not follow changes nothing; what may, follows.
            let mut tried = run.clone();
            assert_eq!(tried.apply(record.clone()).is_ok(), answer.is_ok());
            assert_eq!(tried == run, answer.is_err(), "{state}: {name}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn refusals_say_what_to_do() {
    let table = table();
    let run = Run::new(table.plan.clone(), RUN);
    let other = with_begun(table.begun(), |_, _, rules| *rules += 1);
    let said = run.may(&other).unwrap_err().to_string();
    assert!(said.contains("finish it with the version of Kaketsugi that began it"), "{said}");
}
