//! Whole runs over the world: undisturbed, killed after every record, with every call going wrong in turn.

mod support;

use std::time::Duration;

use kaketsugi_run::{End, What};
use kaketsugi_runner::Ending;
use support::{Call, Mishap, Scene, dies_after, plans};

fn finished(ending: Option<Result<Ending, kaketsugi_runner::JournalError>>) -> bool {
    matches!(ending, Some(Ok(Ending::Run(End::Finished))))
}

#[tokio::test(start_paused = true)]
async fn undisturbed() {
    for (name, plan) in plans() {
        let scene = Scene::new(&plan);
        assert!(finished(scene.apply().await), "{name}");
        scene.is_as_planned(name);
        // Those who look on were told of every step, in the plan's order, and of every record.
        let told = scene.told.lock().unwrap();
        let steps: Vec<_> = told
            .iter()
            .filter_map(|e| match &e.what {
                What::StepInWork { step, number, of, .. } => Some((step.clone(), *number, *of)),
                _ => None,
            })
            .collect();
        let all = plan.steps.iter().enumerate().map(|(i, s)| (s.id.clone(), i + 1, plan.steps.len()));
        assert!(steps.iter().eq(all.collect::<Vec<_>>().iter()), "{name}: {steps:?}");
        let records = told.iter().filter(|e| matches!(e.what, What::Recorded { .. })).count();
        assert_eq!(records, scene.records().len(), "{name}");
        assert!(
            told.iter().any(|e| matches!(&e.what, What::Groups { groups } if !groups.is_empty())),
            "{name}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn killed_after_each_record() {
    for (name, plan) in plans() {
        let calm = Scene::new(&plan);
        assert!(finished(calm.apply().await));
        let records = calm.records().len();
        for at in 1..=records {
            let mut scene = Scene::new(&plan).on(dies_after(at));
            assert!(scene.apply().await.is_none(), "{name}, {at}: it was to die");
            assert_eq!(scene.records().len(), at, "{name}");
            scene.on_event = std::sync::Arc::new(|_| {});
            assert!(finished(scene.resume().await), "{name}, {at}: {:?}", scene.run().stopped());
            let what = format!("{name}, killed after record {at}");
            scene.is_as_planned(&what);
            assert_eq!(scene.platform.world(), calm.platform.world(), "{what}");
            assert_eq!(scene.platform.effects(), calm.platform.effects(), "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn killed_again_and_again() {
    for (name, plan) in plans() {
        let calm = Scene::new(&plan);
        assert!(finished(calm.apply().await));
        // Each controller journals its lock and one record more, then dies.
        let mut scene = Scene::new(&plan).on(dies_after(2));
        assert!(scene.apply().await.is_none());
        let mut controllers = 1;
        while !scene.run().finished() {
            controllers += 1;
            assert!(controllers < 1000, "{name}: no end");
            scene.on_event = std::sync::Arc::new(dies_after(2));
            let ending = scene.resume().await;
            assert!(ending.is_none() || finished(ending), "{name}: {:?}", scene.run().stopped());
        }
        scene.is_as_planned(name);
        assert!(controllers > plan.steps.len(), "{name}: {controllers}");
        assert_eq!(scene.platform.world(), calm.platform.world(), "{name}");
        assert_eq!(scene.platform.effects(), calm.platform.effects(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_call_goes_wrong_once() {
    for (name, plan) in plans() {
        let calm = Scene::new(&plan);
        assert!(finished(calm.apply().await));
        let calls = calm.platform.calls();
        for kind in [Call::Probe, Call::Begin, Call::Poll, Call::Lock, Call::Unlock] {
            assert!(calls.contains(&kind), "{name}: {kind:?} is never called");
        }
        for (at, call) in calls.iter().enumerate() {
            let mishaps: &[Mishap] = match call {
                Call::Begin | Call::Lock | Call::Unlock => {
                    &[Mishap::NotSent, Mishap::AnswerLost, Mishap::Unknown]
                }
                Call::Probe | Call::Poll => &[Mishap::NotSent],
            };
            for mishap in mishaps {
                let what = format!("{name}, call {at} ({call:?}): {mishap:?}");
                let scene = Scene::new(&plan);
                scene.platform.mishap(at, mishap.clone());
                let ending = scene.apply().await;
                if at == 0 {
                    // The look before anything is begun: nobody can say whether the estate is as planned.
                    let Some(Ok(Ending::Unreached(silent))) = ending else { panic!("{what}: {ending:?}") };
                    assert!(silent.iter().all(|s| !s.is_empty()) && !silent.is_empty());
                    assert!(scene.records().is_empty());
                    continue;
                }
                assert!(finished(ending), "{what}: {:?}", scene.run().stopped());
                scene.is_as_planned(&what);
                assert_eq!(scene.platform.effects(), calm.platform.effects(), "{what}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_away_for_good_stops_the_run_with_its_name() {
    let (_, plan) = plans().into_iter().next().unwrap();
    let node: kaketsugi_estate::ServerId = support::testkit::id("n2");
    let scene = Scene::new(&plan);
    let platform = scene.platform.clone();
    let off = node.clone();
    let cut = std::sync::Once::new();
    let scene = scene.on(move |event| {
        // Its power is cut when its turn comes.
        if matches!(&event.what, What::StepInWork { step, .. } if step.as_str().starts_with("install/n2")) {
            let fault = kaketsugi_world::Fault::PowerLost { node: off.clone(), returns: false };
            cut.call_once(|| platform.happens(|w| w.fault(&fault)));
        }
    });
    let began = tokio::time::Instant::now();
    let ending = scene.apply().await;
    assert!(matches!(ending, Some(Ok(Ending::Run(End::Stopped)))), "{ending:?}");
    assert!(began.elapsed() < Duration::from_secs(3600), "{:?}", began.elapsed());
    let told = scene.told.lock().unwrap().clone();
    assert!(told.iter().any(|e| e.what == What::Reach { node: node.clone(), reached: false }));
    let waits =
        told.iter().any(|e| matches!(&e.what, What::Progress { doing, .. } if doing.contains("n2 answers")));
    assert!(waits, "what is waited for is told");
    // After the repair somebody goes on.
    scene.platform.happens(kaketsugi_world::World::repair);
    assert!(finished(scene.resume().await), "{:?}", scene.run().stopped());
    assert!(scene.platform.world().harm().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_away_for_a_while_is_waited_for() {
    let (_, plan) = plans().into_iter().next().unwrap();
    let node: kaketsugi_estate::ServerId = support::testkit::id("n2");
    let scene = Scene::new(&plan);
    let (platform, off) = (scene.platform.clone(), node.clone());
    let (cut, mended) = (std::sync::Once::new(), std::sync::Once::new());
    let scene = scene.on(move |event| match &event.what {
        What::StepInWork { step, .. } if step.as_str().starts_with("install/n2") => {
            let fault = kaketsugi_world::Fault::PowerLost { node: off.clone(), returns: false };
            cut.call_once(|| platform.happens(|w| w.fault(&fault)));
        }
        What::Progress { doing, .. } if doing.contains("n2 answers") => {
            mended.call_once(|| platform.happens(kaketsugi_world::World::repair));
        }
        _ => {}
    });
    assert!(finished(scene.apply().await), "{:?}", scene.run().stopped());
    let told = scene.told.lock().unwrap();
    let reach: Vec<_> =
        told.iter().filter(|e| matches!(e.what, What::Reach { .. })).map(|e| &e.what).collect();
    let (away, back) =
        (What::Reach { node: node.clone(), reached: false }, What::Reach { node, reached: true });
    assert_eq!(reach, [&away, &back], "each is told once");
}
