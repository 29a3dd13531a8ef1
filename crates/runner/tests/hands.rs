//! More than one hand on a run: a frozen controller and another one that takes over, Ctrl-C at any time, people who
//! are late, absent or wrong.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kaketsugi_run::{End, Outcome, Record, What, Why};
use kaketsugi_runner::{Ending, JournalError};
use kaketsugi_transport::operator::Behaviour;
use support::{Call, Mishap, Scene, exchange, pacemaker, plans};
use tokio::sync::Semaphore;

fn finished(ending: Option<Result<Ending, JournalError>>) -> bool {
    matches!(ending, Some(Ok(Ending::Run(End::Finished))))
}

fn stopped(ending: Option<Result<Ending, JournalError>>) -> bool {
    matches!(ending, Some(Ok(Ending::Run(End::Stopped))))
}

/// A controller freezes in a call; another one takes the run over and finishes it; the first one is thawed.
#[tokio::test(start_paused = true)]
async fn a_thawed_controller_does_nothing() {
    for (name, plan) in plans() {
        let calm = Scene::new(&plan);
        assert!(finished(calm.apply().await));
        let calls = calm.platform.calls();
        // Before the first record there is no run to take over.
        for (at, call) in calls.iter().enumerate().skip(1) {
            if *call == Call::Probe && at % 5 != 0 {
                continue;
            }
            let what = format!("{name}, frozen in call {at} ({call:?})");
            let scene = Arc::new(Scene::new(&plan));
            let gate = Arc::new(Semaphore::new(0));
            scene.platform.mishap(at, Mishap::Frozen(gate.clone()));
            let first = tokio::spawn({
                let scene = scene.clone();
                async move { scene.apply().await }
            });
            while scene.platform.calls().len() <= at {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            assert!(finished(scene.take_over().await), "{what}: {:?}", scene.run().stopped());
            scene.is_as_planned(&what);
            let (world, records) = (scene.platform.world(), scene.records());
            gate.add_permits(1);
            let Some(Err(why)) = first.await.unwrap() else { panic!("{what}: it went on") };
            assert!(matches!(why, JournalError::TakenOver { ours: 1, theirs: 2 }), "{what}: {why}");
            assert!(why.to_string().contains("another controller goes on with this run"), "{why}");
            scene.is_as_planned(&what);
            assert_eq!(scene.platform.world(), world, "{what}");
            assert_eq!(scene.records(), records, "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_waited_for_a_person_is_not_believed_after_a_take_over() {
    let plan = exchange();
    let first = Scene::new(&plan).person(Behaviour::Late { after_ms: 3_600_000 });
    let second = first.beside().person(Behaviour::Prompt);
    let waits = tokio::spawn(async move { (first.apply().await, first) });
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(finished(second.take_over().await), "{:?}", second.run().stopped());
    let (effects, records) = (second.platform.effects(), second.records());
    // An hour later the first one hears that it is done.
    let (ending, _first) = waits.await.unwrap();
    let Some(Err(why)) = ending else { panic!("it went on") };
    assert!(matches!(why, JournalError::TakenOver { .. }), "{why}");
    assert_eq!(second.records(), records);
    assert_eq!(second.platform.effects(), effects);
}

#[tokio::test(start_paused = true)]
async fn a_thawed_controller_asks_nobody() {
    let plan = exchange();
    let mut first = Scene::new(&plan);
    first.behaves_on(&["UPGRADE-EVS"], Behaviour::Forgets);
    assert!(stopped(first.apply().await));
    // Somebody goes on with it; the controller freezes while it looks, before it asks again.
    first.behaves(Behaviour::Prompt);
    let gate = Arc::new(Semaphore::new(0));
    let (lock, look) = (first.platform.calls().len(), first.platform.calls().len() + 1);
    first.platform.mishap(look, Mishap::Frozen(gate.clone()));
    let second = first.beside();
    let frozen = tokio::spawn(async move { (first.resume().await, first) });
    while second.platform.calls().len() <= look {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(second.platform.calls()[lock..], [Call::Lock, Call::Probe]);
    assert!(finished(second.take_over().await), "{:?}", second.run().stopped());
    gate.add_permits(1);
    let (ending, first) = frozen.await.unwrap();
    assert!(matches!(ending, Some(Err(JournalError::TakenOver { .. }))), "{ending:?}");
    assert!(first.person.asked().is_empty(), "{:?}", first.person.asked());
    assert!(!second.person.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_stops_at_each_step_and_resume_goes_on() {
    for (name, plan) in plans() {
        for step in 0..plan.steps.len() {
            let mut scene = Scene::new(&plan);
            let (interrupt, seen) = (scene.interrupt.clone(), AtomicUsize::new(0));
            scene.on_event = Arc::new(move |event| {
                if matches!(event.what, What::StepInWork { .. })
                    && seen.fetch_add(1, Ordering::SeqCst) == step
                {
                    interrupt.set();
                }
            });
            let what = format!("{name}, interrupted at step {}", step + 1);
            assert!(stopped(scene.apply().await), "{what}");
            assert_eq!(scene.run().stopped(), Some(&Why::Interrupted), "{what}");
            scene.interrupt = kaketsugi_runner::Interrupt::default();
            scene.on_event = Arc::new(|_| {});
            assert!(finished(scene.resume().await), "{what}: {:?}", scene.run().stopped());
            scene.is_as_planned(&what);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_before_the_run_begins_leaves_nothing() {
    let plan = pacemaker();
    let scene = Scene::new(&plan);
    scene.interrupt.set();
    assert!(stopped(scene.apply().await));
    assert!(scene.records().is_empty());
    assert!(scene.platform.calls().is_empty(), "no machine was asked anything");
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_breaks_off_a_long_wait() {
    // Nobody answers for hours; the administrator doesn't have to wait for that.
    let plan = exchange();
    let scene = Scene::new(&plan).person(Behaviour::Forgets);
    let interrupt = scene.interrupt.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(30)).await;
        interrupt.set();
    });
    let began = tokio::time::Instant::now();
    assert!(stopped(scene.apply().await));
    assert_eq!(scene.run().stopped(), Some(&Why::Interrupted));
    assert!(began.elapsed() < Duration::from_secs(32), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_person_who_is_late_is_waited_for() {
    let plan = exchange();
    let scene = Scene::new(&plan).person(Behaviour::Late { after_ms: 3 * 3_600_000 });
    assert!(finished(scene.apply().await), "{:?}", scene.run().stopped());
    scene.is_as_planned("late");
}

#[tokio::test(start_paused = true)]
async fn a_person_who_never_answers_is_not_waited_for_for_ever() {
    let plan = exchange();
    let mut scene = Scene::new(&plan).person(Behaviour::Forgets);
    assert!(stopped(scene.apply().await));
    assert!(matches!(scene.run().stopped(), Some(Why::WaitsForPerson { .. })));
    assert!(scene.platform.effects().is_empty(), "nothing was begun");
    scene.behaves(Behaviour::Prompt);
    assert!(finished(scene.resume().await));
    scene.is_as_planned("forgotten, then asked again");
}

#[tokio::test(start_paused = true)]
async fn what_a_silent_person_did_is_seen() {
    let plan = exchange();
    let mut scene = Scene::new(&plan);
    // Attestations can't be seen; what is done to machines can.
    scene.behaves_on(&["04-INSTALL", "09-UPGRADE-EVS"], Behaviour::Silent);
    assert!(finished(scene.apply().await), "{:?}", scene.run().stopped());
    scene.is_as_planned("silent");
    let said = scene.records().into_iter().filter(|r| match r {
        Record::Outcome { outcome: Outcome::Done { output, .. }, .. } => output.contains("done, says"),
        _ => false,
    });
    assert_eq!(said.count(), 0, "nobody said so");
}

#[tokio::test(start_paused = true)]
async fn a_person_who_can_not_stops_the_run_and_nothing_else_happens() {
    let plan = exchange();
    let mut scene = Scene::new(&plan).person(Behaviour::Cannot { reason: "the console is locked".into() });
    assert!(stopped(scene.apply().await));
    assert!(matches!(scene.run().stopped(), Some(Why::StepFailed { .. })));
    let told = scene.records().into_iter().any(|r| match r {
        Record::Outcome { outcome: Outcome::Cancelled { why }, .. } => why == "ann: the console is locked",
        _ => false,
    });
    assert!(told);
    scene.behaves(Behaviour::Prompt);
    assert!(finished(scene.resume().await));
    scene.is_as_planned("cancelled, then done");
}

#[tokio::test(start_paused = true)]
async fn a_person_who_says_done_too_early_is_not_believed() {
    let plan = exchange();
    let mut scene = Scene::new(&plan);
    scene.behaves_on(&["UPGRADE-EVS"], Behaviour::Pretends);
    assert!(stopped(scene.apply().await));
    let Some(Why::StepFailed { step, conditions }) = scene.run().stopped().cloned() else { panic!() };
    assert!(step.as_str().contains("UPGRADE-EVS") && !conditions.is_empty(), "{step}: {conditions:?}");
    scene.behaves(Behaviour::Prompt);
    assert!(stopped(scene.resume().await), "never twice unasked");
    assert!(finished(scene.resume_with(false, true).await), "{:?}", scene.run().stopped());
    assert!(scene.platform.world().harm().is_empty());
}

#[tokio::test(start_paused = true)]
async fn locks_that_can_not_be_given_back_are_told() {
    let plan = pacemaker();
    let scene = Scene::new(&plan);
    scene.platform.never_unlocks(true);
    let began = tokio::time::Instant::now();
    assert!(stopped(scene.apply().await));
    assert!(matches!(scene.run().stopped(), Some(Why::LocksLeft { by }) if by.contains("refused")));
    assert!(began.elapsed() < Duration::from_secs(600));
    scene.platform.never_unlocks(false);
    assert!(finished(scene.resume().await));
    scene.is_as_planned("unlocked later");
}

#[tokio::test(start_paused = true)]
async fn a_lock_of_another_run_is_respected() {
    let plan = pacemaker();
    let (first, second) = (Scene::new(&plan), Scene::new(&plan));
    // It holds its locks already when ours looks.
    first.platform.locked_by("20250101-000000-other", 3);
    let Some(Ok(Ending::Drifted(differences))) = first.apply().await else { panic!() };
    assert!(differences.iter().any(|d| d.contains("20250101-000000-other")), "{differences:?}");
    // It comes between our look and our lock.
    let platform = second.platform.clone();
    let second = second.on(move |event| {
        if matches!(&event.what, What::Recorded { entry: Record::Begun { .. }, .. }) {
            platform.locked_by("20250101-000000-other", 3);
        }
    });
    assert!(stopped(second.apply().await));
    assert!(
        matches!(second.run().stopped(), Some(Why::LockHeld { by }) if by.contains("20250101-000000-other"))
    );
    assert!(second.platform.effects().is_empty());
}
