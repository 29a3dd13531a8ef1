//! While work runs.

use std::sync::Arc;

use crate::scene::{Scene, node, with_service_stopped};
use crate::support::{Job, first, pacemaker};
use kaketsugi_estate::ReleaseState;
use kaketsugi_plan::Condition;
use kaketsugi_run::{Input, Outcome, Want, Why};
use kaketsugi_world::Command;

#[test]
fn a_restart_ends_the_job_that_ordered_it() {
    let mut scene = Scene::new(pacemaker());
    let restart = first(&scene.plan, "restart");
    scene.until_poll(&restart);
    // Its job is gone and the node has not started anew: killed, or on its way.
    scene.hear(Input::Vanished { output: String::new() });
    let before = scene.host.seen();
    assert_eq!(scene.hear(Input::Seen(Arc::new(before.clone()))), []);
    scene.hear(Input::TimeOver { last: Some(Arc::new(before)) });
    let Why::StepFailed { step, conditions } = scene.stopped() else { panic!() };
    assert_eq!(step, restart);
    assert!(conditions.iter().any(|(c, _)| matches!(c, Condition::Restarted { .. })), "{conditions:?}");
}

#[test]
fn a_node_that_falls_silent_stops_the_run_unless_it_may_be_away() {
    let mut scene = Scene::new(pacemaker());
    let install = first(&scene.plan, "install");
    scene.until_poll(&install);
    scene.hear(Input::Silent { seconds: 180 });
    assert_eq!(scene.stopped(), Why::Silent { step: install.clone(), seconds: 180 });
    scene.resume(false);
    scene.finishes();
    assert_eq!(scene.begun(&install), 1, "the same attempt is asked after");

    let mut scene = Scene::new(pacemaker());
    let restart = first(&scene.plan, "restart");
    scene.until_poll(&restart);
    scene.hear(Input::Silent { seconds: 180 });
    assert!(scene.run.stopped().is_none(), "a node that restarts is silent");
    scene.finishes();
}

#[test]
fn a_node_that_does_not_say_how_far_it_is_stops_the_run_and_the_work_goes_on() {
    let mut scene = Scene::new(pacemaker());
    let install = first(&scene.plan, "install");
    scene.until_poll(&install);
    scene.hear(Input::NoAnswer);
    scene.hear(Input::TimeOver { last: None });
    assert_eq!(scene.stopped(), Why::Stuck { step: install.clone() });
    scene.resume(false);
    scene.until(|w| matches!(w, Want::Lock { .. }));
    scene.hear(Input::Locked);
    assert!(matches!(scene.run.next(), Want::Poll { .. }), "the same attempt is asked after");
    scene.finishes();
    assert_eq!(scene.begun(&install), 1);
}

#[test]
fn power_lost_amid_an_install_stops_safe_and_resume_completes_it() {
    for plan in [pacemaker(), with_service_stopped()] {
        let mut scene = Scene::new(plan);
        let install = first(&scene.plan, "install");
        scene.until_poll(&install);
        scene.fault("n2", false);
        let input = scene.host.answer(&scene.run.clone(), &scene.run.next());
        assert_eq!(input, Input::NoAnswer);
        scene.hear(input);
        // Power comes back; the cluster service with it.
        scene.host.world = scene.host.world.repair();
        scene.host.jobs.insert((install.clone(), 1), Job::Vanished);
        assert_eq!(scene.stopped(), Why::StepLost { step: install.clone() });
        scene.resume(false);
        scene.finishes();
        assert!(matches!(scene.outcomes(&install).as_slice(), [Outcome::Lost { .. }, Outcome::Done { .. }]));
        let seen = scene.host.seen();
        assert!(seen.servers.values().all(|s| s.releases.values().all(|r| *r == ReleaseState::Installed)));
    }
}

#[test]
fn a_node_that_lost_its_power_and_was_waited_for_is_completed_by_one_resume() {
    let mut scene = Scene::new(with_service_stopped());
    let install = first(&scene.plan, "install");
    scene.until_poll(&install);
    scene.fault("n2", false);
    scene.hear(Input::NoAnswer);
    scene.hear(Input::Silent { seconds: 180 });
    assert_eq!(scene.stopped(), Why::Silent { step: install.clone(), seconds: 180 });
    scene.host.world = scene.host.world.repair();
    scene.host.jobs.insert((install.clone(), 1), Job::Vanished);
    scene.resume(false);
    scene.finishes();
    assert!(matches!(scene.outcomes(&install).as_slice(), [Outcome::Lost { .. }, Outcome::Done { .. }]));
}

#[test]
fn a_service_that_came_back_is_stopped_again_a_few_times() {
    let mut scene = Scene::new(with_service_stopped());
    let (stop, install) = (first(&scene.plan, "stop-service"), first(&scene.plan, "install"));
    let mut stops = 0;
    loop {
        let want = scene.until(|w| {
            matches!(w, Want::Ended(_)) || matches!(w, Want::Probe { step, .. } if *step == install)
        });
        if matches!(want, Want::Ended(_)) {
            break;
        }
        stops += 1;
        // Somebody, or something, starts it each time.
        scene.command(&Command::StartService { node: node("n2") });
        let last = Some(Arc::new(scene.host.seen()));
        scene.hear(Input::TimeOver { last });
    }
    assert_eq!(stops, 4, "the first time and three renewals");
    assert_eq!(scene.begun(&stop), 4);
    let Why::NotReady { step, .. } = scene.stopped() else { panic!("{:?}", scene.run.stopped()) };
    assert_eq!(step, install);
    assert!(scene.host.world.harm().is_empty());
}

#[test]
fn work_that_does_no_harm_twice_is_done_again_but_not_forever() {
    let mut scene = Scene::new(pacemaker());
    let drain = first(&scene.plan, "drain");
    for attempt in 1..=3 {
        scene.until_begin(&drain);
        assert_eq!(scene.begun(&drain), 0, "attempt {attempt}");
        scene.hear(Input::NoAnswer);
        scene.hear(Input::Vanished { output: "killed".into() });
    }
    assert_eq!(scene.stopped(), Why::StepLost { step: drain.clone() });
    scene.resume(false);
    scene.finishes();
    assert_eq!(scene.begun(&drain), 1);
}
