//! People who are away, wrong, or forgetful; and their word, which grows old.

use crate::scene::Scene;
use crate::support;
use crate::support::{exchange, first};
use kaketsugi_estate::{Evidence, EvidenceKind};
use kaketsugi_plan::{Answer, Condition};
use kaketsugi_run::{Input, Outcome, Record, Want, Why};

#[test]
fn nobody_there_waits_and_the_same_attempt_is_asked_for_again() {
    let mut scene = Scene::new(exchange());
    let upgrade = first(&scene.plan, "upgrade-group");
    scene.until_ask(&upgrade);
    scene.hear(Input::NobodyThere);
    assert_eq!(scene.stopped(), Why::WaitsForPerson { step: upgrade.clone() });
    scene.resume(false);
    scene.until_ask(&upgrade);
    let Want::Ask { attempt, .. } = scene.run.next() else { panic!() };
    assert_eq!(attempt, 1);
    scene.finishes();
}

#[test]
fn what_a_person_did_meanwhile_is_seen_and_not_asked_for() {
    let mut scene = Scene::new(exchange());
    let upgrade = first(&scene.plan, "upgrade-group");
    scene.until_ask(&upgrade);
    let attempt = scene.run.state(&upgrade).unwrap().attempts;
    let step = scene.plan.step(&upgrade).unwrap().clone();
    scene.hear(Input::NobodyThere);
    let start = scene.run.start().unwrap().clone();
    for command in support::translate::commands(&scene.plan.clone(), &step, attempt, &start) {
        scene.command(&command);
    }
    scene.resume(false);
    scene.finishes();
    assert_eq!(scene.begun(&upgrade), 0, "nobody was asked");
}

#[test]
fn done_said_and_not_seen_is_a_failure_within_minutes() {
    let mut scene = Scene::new(exchange());
    let upgrade = first(&scene.plan, "upgrade-group");
    scene.until_ask(&upgrade);
    let at = scene.host.now();
    scene.hear(Input::PersonDone { by: "ann".into(), at });
    let Want::Probe { within_seconds, .. } = scene.run.next() else { panic!() };
    assert!(within_seconds <= 600, "{within_seconds} s");
    let Why::StepFailed { step, conditions } = scene.stopped() else { panic!() };
    assert_eq!(step, upgrade);
    assert!(matches!(conditions.as_slice(), [(Condition::GroupVersion { .. }, Answer::No)]));
    // Never twice unasked, not even by a person.
    scene.resume(false);
    assert_eq!(scene.stopped(), Why::AsksBeforeRetry { step: upgrade.clone() });
    scene.resume(true);
    scene.finishes();
}

#[test]
fn the_permission_to_retry_is_kept_for_the_step_it_is_for() {
    let mut scene = Scene::new(exchange());
    let upgrade = first(&scene.plan, "upgrade-group");
    scene.until_ask(&upgrade);
    let at = scene.host.now();
    scene.hear(Input::PersonDone { by: "ann".into(), at });
    scene.stopped();
    scene.resume(true);
    scene.until_ask(&upgrade);
    scene.hear(Input::PersonCannot { why: "the console is locked".into() });
    scene.stopped();
    // It was cancelled, not begun: nothing has to be allowed.
    scene.resume(false);
    scene.finishes();
}

#[test]
fn evidence_that_has_grown_too_old_is_asked_for_again() {
    let mut scene = Scene::new(exchange());
    let install = first(&scene.plan, "install");
    scene.until(|w| matches!(w, Want::Probe { step, .. } if *step == install));
    scene.hear(Input::Interrupt);
    scene.host.clock += 14 * 24 * 3600;
    scene.resume(false);
    scene.finishes();
    let asked = |kind| {
        let is = |r: &&Record| matches!(r, Record::Attested { evidence } if evidence.kind == kind);
        scene.records.iter().filter(is).count()
    };
    assert_eq!(asked(EvidenceKind::FullBackup), 2);
    assert_eq!(asked(EvidenceKind::ReleaseNotesRead), 1, "that doesn't grow old");
}

#[test]
fn evidence_of_the_estate_file_counts_although_no_probe_sees_it() {
    let mut kit = support::testkit::exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1")], "exchange-2003-sp2");
    let (at, by) = (kit.snapshot.taken_at, "ann".to_owned());
    kit.snapshot.evidence = [
        EvidenceKind::TriedInTest,
        EvidenceKind::ReleaseNotesRead,
        EvidenceKind::FullBackup,
        EvidenceKind::ProtectionOff,
    ]
    .map(|kind| Evidence { kind, at, by: by.clone() })
    .into();
    let plan = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap();
    let mut scene = Scene::new(std::sync::Arc::new(plan));
    assert!(scene.host.seen().evidence.is_empty());
    scene.finishes();
    let asked = scene.records.iter().filter(|r| matches!(r, Record::Attested { .. }));
    assert_eq!(asked.count(), 1, "only the backup afterwards");
}

#[test]
fn evidence_grows_old_between_an_intent_and_its_work_too() {
    let mut scene = Scene::new(exchange());
    let install = first(&scene.plan, "install");
    scene.until(|w| matches!(w, Want::Begin { step, .. } | Want::Ask { step, .. } if *step == install));
    scene.hear(Input::Interrupt);
    scene.host.clock += 14 * 24 * 3600;
    scene.resume(false);
    scene.finishes();
    let backups = scene
        .records
        .iter()
        .filter(|r| matches!(r, Record::Attested { evidence } if evidence.kind == EvidenceKind::FullBackup));
    assert_eq!(backups.count(), 2);
    assert!(matches!(scene.outcomes(&install).as_slice(), [Outcome::Cancelled { .. }, Outcome::Done { .. }]));
}

#[test]
fn a_word_that_was_given_is_not_asked_for_again_after_a_crash() {
    let mut scene = Scene::new(exchange());
    let attest = first(&scene.plan, "attest");
    scene.until_ask(&attest);
    let at = scene.host.now();
    let records = scene.run.hear(Input::PersonDone { by: "ann".into(), at });
    // The controller dies between the two records.
    scene.records.push(records[0].clone());
    assert!(matches!(records[0], Record::Attested { .. }));
    scene.resume(false);
    let want = scene.until(|w| w.step() == Some(&attest));
    assert!(matches!(want, Want::Probe { .. }), "{want:?}");
    scene.finishes();
}
