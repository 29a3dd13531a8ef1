//! A controller that dies after any record, or after anything it did, and another one that goes on: the same end.

mod support;

use kaketsugi_run::{End, Record, Run, Want};
use support::{Host, RUN, drive, drive_until, plans, resume};

/// All that was begun was begun once, nothing harmful was done, and the world is as after an undisturbed run.
fn same_end(name: &str, at: usize, end: &End, host: &Host, calm: &Host) {
    assert_eq!(*end, End::Finished, "{name}, crash {at}");
    assert_eq!(host.world.harm(), calm.world.harm(), "{name}, crash {at}");
    assert_eq!(host.world, calm.world, "{name}, crash {at}");
    for (handle, times) in &host.begun {
        assert_eq!(*times, 1, "{name}, crash {at}: {handle:?} was begun more than once");
    }
    assert_eq!(host.begun, calm.begun, "{name}, crash {at}: other work was begun");
}

#[test]
fn whole_runs_end() {
    for (name, plan) in plans() {
        let trail = drive(Run::new(plan.clone(), RUN), Host::new(&plan));
        assert_eq!(trail.end, End::Finished, "{name}: {:?}", trail.run.stopped());
        assert!(trail.host.world.harm().is_empty(), "{name}: {:?}", trail.host.world.harm());
        assert_eq!(trail.host.world.settings_changed(), [], "{name}");
        assert_eq!(trail.run.progress(), (plan.steps.len(), plan.steps.len()), "{name}");
        // Every step had an end of its own in the journal.
        for step in &plan.steps {
            let ends = trail.records.iter().filter(|r| match r {
                Record::Outcome { step: id, .. } | Record::AlreadyDone { step: id } => *id == step.id,
                Record::When { step: id, answer } => *id == step.id && !answer,
                _ => false,
            });
            assert_eq!(ends.count(), 1, "{name}, {}", step.id);
        }
    }
}

#[test]
fn a_crash_after_each_record_changes_nothing() {
    for (name, plan) in plans() {
        let calm = drive(Run::new(plan.clone(), RUN), Host::new(&plan));
        for at in 1..=calm.records.len() {
            let crashed = drive_until(Run::new(plan.clone(), RUN), Host::new(&plan), |r| r.len() == at);
            let mut records = crashed.records;
            assert_eq!(records.len(), at);
            let run = resume(&plan, &mut records, false, false);
            let trail = drive(run, crashed.host);
            same_end(name, at, &trail.end, &trail.host, &calm.host);
        }
    }
}

#[test]
fn a_crash_after_each_answer_changes_nothing() {
    for (name, plan) in plans() {
        let calm = drive(Run::new(plan.clone(), RUN), Host::new(&plan));
        // The host has done what was wanted, and nobody was left to hear of it.
        let mut at = 0;
        loop {
            at += 1;
            let (mut run, mut host) = (Run::new(plan.clone(), RUN), Host::new(&plan));
            let mut records = Vec::new();
            let mut answers = 0;
            let ended = loop {
                let want = run.next();
                if matches!(want, Want::Ended(_)) {
                    break true;
                }
                let input = host.answer(&run, &want);
                answers += 1;
                if answers == at {
                    break false;
                }
                for record in run.hear(input) {
                    run.apply(record.clone()).unwrap();
                    records.push(record);
                }
            };
            if ended {
                break;
            }
            let run = resume(&plan, &mut records, false, false);
            let trail = drive(run, host);
            same_end(name, at, &trail.end, &trail.host, &calm.host);
        }
        assert!(at > plan.steps.len(), "{name}: there are more answers than steps");
    }
}

#[test]
fn crashes_after_every_record_of_one_run() {
    // Each controller dies after the first record of its own; the next one goes on.
    for (name, plan) in plans() {
        let calm = drive(Run::new(plan.clone(), RUN), Host::new(&plan));
        let mut records: Vec<Record> = Vec::new();
        let mut host = Host::new(&plan);
        for controllers in 0.. {
            assert!(controllers < 1000, "{name}: no end");
            let run = resume(&plan, &mut records, false, false);
            let finished = run.finished();
            // The locks are no progress: every controller takes them first.
            let own = |r: &[Record]| r.last().is_some_and(|r| !matches!(r, Record::Locked { .. }));
            let trail = drive_until(run, host, own);
            host = trail.host;
            records.extend(trail.records);
            if finished {
                same_end(name, controllers, &trail.end, &host, &calm.host);
                break;
            }
        }
    }
}

#[test]
fn any_prefix_of_a_journal_recovers_to_the_same_state() {
    for (name, plan) in plans() {
        let calm = drive(Run::new(plan.clone(), RUN), Host::new(&plan));
        let mut run = Run::new(plan.clone(), RUN);
        for at in 0..=calm.records.len() {
            let recovered = Run::recover(plan.clone(), RUN, &calm.records[..at]).unwrap();
            assert!(recovered.states().eq(run.states()), "{name}, {at}");
            assert_eq!(recovered.progress(), run.progress(), "{name}, {at}");
            assert_eq!(recovered.current(), run.current(), "{name}, {at}");
            if let Some(record) = calm.records.get(at) {
                run.apply(record.clone()).unwrap();
            }
        }
        assert!(run.finished(), "{name}");
    }
}
