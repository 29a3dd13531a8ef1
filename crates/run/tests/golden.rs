//! Journals of finished runs, kept as files: what an older version wrote can be read, recovers, and is written the
//! same way today.
//!
//! A file has the plan in its first line and one record in each line after it. They are not to change: a run that an
//! administrator began must be resumable after an update of this program. When the form has to change all the same,
//! raise `RULES_VERSION`, and write the files anew with
//! `KAKETSUGI_GOLDEN=write cargo nextest run -p kaketsugi-run --test golden`.

mod support;

use std::path::PathBuf;
use std::sync::Arc;

use kaketsugi_estate::{EvidenceKind, Millis};
use kaketsugi_plan::{Answer, Baseline, Condition, Plan, PlanHash, StepId};
use kaketsugi_run::{EvidenceRecord, Outcome, Record, Run, Why};
use support::{Host, RUN, drive, drive_until, plans, resume};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.jsonl"))
}

fn write() -> bool {
    std::env::var_os("KAKETSUGI_GOLDEN").is_some_and(|v| v == "write")
}

fn read(name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(file(name)).expect("the file is part of the source");
    text.lines().map(str::to_owned).collect()
}

/// A run with a crash in its middle.
fn records(plan: &Arc<Plan>) -> Vec<Record> {
    let trail = drive_until(Run::new(plan.clone(), RUN), Host::new(plan), |r| r.len() == 20);
    let mut records = trail.records;
    let run = resume(plan, &mut records, false, false);
    records.extend(drive(run, trail.host).records);
    records
}

#[test]
fn journals_of_finished_runs_recover() {
    for (name, plan) in plans() {
        if write() {
            let mut text = plan.canonical() + "\n";
            for record in records(&plan) {
                text += &(serde_json::to_string(&record).unwrap() + "\n");
            }
            std::fs::write(file(name), text).unwrap();
        }
        let lines = read(name);
        let (first, rest) = lines.split_first().unwrap();
        let plan: Plan = serde_json::from_str(first).unwrap();
        assert_eq!(plan.canonical(), *first, "{name}: the plan is written in another form now");
        let records: Vec<Record> = rest.iter().map(|l| serde_json::from_str(l).unwrap()).collect();
        for (record, line) in records.iter().zip(rest) {
            assert_eq!(serde_json::to_string(record).unwrap(), *line, "{name}: written in another form now");
        }
        let plan = Arc::new(plan);
        for at in 0..=records.len() {
            Run::recover(plan.clone(), RUN, &records[..at]).unwrap();
        }
        let run = Run::recover(plan.clone(), RUN, &records).unwrap();
        assert!(run.finished(), "{name}");
        assert_eq!(run.progress(), (plan.steps.len(), plan.steps.len()), "{name}");
    }
}

/// One of each kind: a record, an outcome or a reason that is added goes to the end of this list.
fn every_kind() -> Vec<Record> {
    let step = || StepId::new("install/n1/1");
    let conditions = || {
        let node = support::testkit::id("n1");
        vec![(Condition::Reached { node }, Answer::No)]
    };
    let outcome = |outcome| Record::Outcome { step: step(), attempt: 1, outcome };
    let stopped = |why| Record::Stopped { why };
    let output = || "a line\n".to_owned();
    vec![
        Record::Begun {
            run: RUN.into(),
            plan: PlanHash::new("00"),
            rules_version: 1,
            start: Baseline::default(),
        },
        Record::Resumed {
            epoch: 2,
            restore: true,
            retry: true,
            reason: "the first controller is gone".into(),
        },
        Record::Locked { epoch: 2 },
        Record::When { step: step(), answer: true },
        Record::AlreadyDone { step: step() },
        Record::StepBegun { step: step(), baseline: Baseline::default() },
        Record::Intent { step: step(), attempt: 1 },
        outcome(Outcome::Done { code: Some(3010), output: output() }),
        outcome(Outcome::Failed { code: None, output: output() }),
        outcome(Outcome::Cancelled { why: output() }),
        outcome(Outcome::Lost { output: output() }),
        Record::Attested {
            evidence: EvidenceRecord { kind: EvidenceKind::FullBackup, at: Millis(1), by: "ann".into() },
        },
        stopped(Why::LockHeld { by: "another".into() }),
        stopped(Why::NotReady { step: step(), conditions: conditions() }),
        stopped(Why::CannotDecide { step: step() }),
        stopped(Why::StepFailed { step: step(), conditions: conditions() }),
        stopped(Why::Stuck { step: step() }),
        stopped(Why::StepLost { step: step() }),
        stopped(Why::AsksBeforeRetry { step: step() }),
        stopped(Why::WaitsForPerson { step: step() }),
        stopped(Why::Interrupted),
        stopped(Why::LockLost { by: "another".into() }),
        Record::Finished,
        stopped(Why::CannotBegin { step: step() }),
        stopped(Why::LocksLeft { by: "n2 doesn't answer".into() }),
        stopped(Why::Silent { step: step(), seconds: 180 }),
    ]
}

/// Fails to compile when a kind is added, so that somebody adds it to [`every_kind`], and changes the count here.
fn kinds() -> usize {
    let of_record = |r: &Record| match r {
        Record::Begun { .. }
        | Record::Resumed { .. }
        | Record::Locked { .. }
        | Record::When { .. }
        | Record::AlreadyDone { .. }
        | Record::StepBegun { .. }
        | Record::Intent { .. }
        | Record::Attested { .. }
        | Record::Finished => 1,
        Record::Outcome { outcome, .. } => match outcome {
            Outcome::Done { .. }
            | Outcome::Failed { .. }
            | Outcome::Cancelled { .. }
            | Outcome::Lost { .. } => 4,
        },
        Record::Stopped { why } => match why {
            Why::LockHeld { .. }
            | Why::NotReady { .. }
            | Why::CannotDecide { .. }
            | Why::StepFailed { .. }
            | Why::Stuck { .. }
            | Why::Silent { .. }
            | Why::StepLost { .. }
            | Why::AsksBeforeRetry { .. }
            | Why::WaitsForPerson { .. }
            | Why::CannotBegin { .. }
            | Why::LocksLeft { .. }
            | Why::Interrupted
            | Why::LockLost { .. } => 13,
        },
    };
    every_kind().first().map_or(0, |r| of_record(r) * 9) + 4 + 13
}

#[test]
fn every_kind_of_record_is_written_as_before() {
    let written: Vec<String> = every_kind().iter().map(|r| serde_json::to_string(r).unwrap()).collect();
    assert_eq!(written.len(), kinds());
    if write() {
        std::fs::write(file("every-kind"), written.join("\n") + "\n").unwrap();
    }
    let kept = read("every-kind");
    assert_eq!(written, kept);
    for (line, record) in kept.iter().zip(every_kind()) {
        assert_eq!(serde_json::from_str::<Record>(line).unwrap(), record);
    }
}
