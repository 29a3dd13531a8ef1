//! Servers that no command reaches: each look costs a person a walk.

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use kaketsugi_estate::TransportKind;
use kaketsugi_plan::{Actor, Plan};
use kaketsugi_run::{End, Why};
use kaketsugi_runner::Ending;
use kaketsugi_transport::operator::Behaviour;
use support::{Call, Scene, testkit};

fn by_hand() -> Arc<Plan> {
    let mut kit = testkit::exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1")], "exchange-2003-sp2");
    for server in kit.estate.servers.values_mut() {
        server.transport = TransportKind::Operator;
    }
    Arc::new(kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).expect("a plan"))
}

#[tokio::test(start_paused = true)]
async fn a_walk_proves_one_step_and_opens_the_next() {
    let plan = by_hand();
    let scene = Scene::new(&plan);
    let ending = scene.apply().await;
    assert!(matches!(ending, Some(Ok(Ending::Run(End::Finished)))), "{:?}", scene.run().stopped());
    scene.is_as_planned("by hand");
    assert!(!scene.platform.calls().contains(&Call::Begin), "no machine begins anything");
    // One before the run, one for each step that a person does, one right before each point of no return, and one when
    // the soak is over.
    let done = plan.steps.iter().filter(|s| s.actor == Actor::Operator).count();
    let no_return = plan.steps.iter().filter(|s| s.point_of_no_return).count();
    let carried = scene.platform.carried.lock().unwrap();
    assert!(carried.len() <= 1 + done + no_return + 1, "{} walks: {carried:#?}", carried.len());
    assert!(carried.iter().all(|why| !why.is_empty()), "each with its reason");
}

#[tokio::test(start_paused = true)]
async fn whoever_said_done_too_early_is_told_what_is_not_so_yet() {
    let plan = by_hand();
    let mut scene = Scene::new(&plan);
    scene.behaves_on(&["E03-CLU-08-MOVE-BACK"], Behaviour::Pretends);
    assert!(matches!(scene.apply().await, Some(Ok(Ending::Run(End::Stopped)))));
    assert!(matches!(scene.run().stopped(), Some(Why::StepFailed { .. })), "{:?}", scene.run().stopped());
    let carried = scene.platform.carried.lock().unwrap();
    let last = carried.last().unwrap();
    assert!(last.iter().any(|line| line.contains("was not so yet: EVS1 is on NODE2")), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn a_look_that_nobody_carries_waits() {
    let plan = by_hand();
    let scene = Scene::new(&plan);
    scene.platform.nobody_from.store(0, Ordering::Relaxed);
    let ending = scene.apply().await;
    assert!(matches!(ending, Some(Ok(Ending::Waits(why))) if why.contains("nobody carries")));
    assert!(scene.records().is_empty(), "nothing was begun");

    let scene = Scene::new(&plan);
    scene.platform.nobody_from.store(5, Ordering::Relaxed);
    assert!(matches!(scene.apply().await, Some(Ok(Ending::Run(End::Stopped)))));
    assert!(matches!(scene.run().stopped(), Some(Why::WaitsForPerson { .. })), "{:?}", scene.run().stopped());
    scene.platform.nobody_from.store(usize::MAX, Ordering::Relaxed);
    assert!(
        matches!(scene.resume().await, Some(Ok(Ending::Run(End::Finished)))),
        "{:?}",
        scene.run().stopped()
    );
    scene.is_as_planned("nobody carried, then somebody did");
}
