//! Before a step begins.

use std::sync::Arc;

use crate::scene::{Scene, node};
use crate::support::{first, pacemaker};
use kaketsugi_estate::LockSeen;
use kaketsugi_plan::{Action, Answer, Condition};
use kaketsugi_run::{End, Input, Record, Want, Why};
use kaketsugi_world::Command;

#[test]
fn what_a_step_depends_on_is_read_once() {
    let mut scene = Scene::new(pacemaker());
    let restart = first(&scene.plan, "restart");
    scene.until(|w| matches!(w, Want::Probe { step, .. } if *step == restart));
    // The restart is asked for, and something else stands in the way of it.
    let mut seen = scene.host.seen();
    let cluster = seen.clusters.values_mut().next().unwrap();
    cluster.nodes.get_mut(&node("n1")).unwrap().state = kaketsugi_estate::NodeState::Pending;
    let read = scene.hear(Input::Seen(Arc::new(seen.clone())));
    assert_eq!(read, [Record::When { step: restart.clone(), answer: true }]);
    // A later look can't change the answer any more.
    seen.servers.get_mut(&node("n2")).unwrap().restart_pending = Some(false);
    assert_eq!(scene.hear(Input::Seen(Arc::new(seen))), []);
    scene.finishes();
    assert_eq!(scene.begun(&restart), 1);
}

#[test]
fn what_can_not_be_read_is_not_guessed() {
    let mut scene = Scene::new(pacemaker());
    let stop = first(&scene.plan, "stop-service");
    scene.until(|w| matches!(w, Want::Probe { step, .. } if *step == stop));
    let mut seen = scene.host.seen();
    seen.servers.get_mut(&node("n2")).unwrap().restart_pending = None;
    assert_eq!(scene.hear(Input::Seen(Arc::new(seen.clone()))), []);
    scene.hear(Input::TimeOver { last: Some(Arc::new(seen)) });
    assert_eq!(scene.stopped(), Why::CannotDecide { step: stop });
    scene.resume(false);
    scene.finishes();
}

#[test]
fn what_is_required_and_does_not_hold_stops_the_run_with_the_reason() {
    let mut scene = Scene::new(pacemaker());
    let install = first(&scene.plan, "install");
    scene.until(|w| matches!(w, Want::Probe { step, .. } if *step == install));
    let mut seen = scene.host.seen();
    seen.servers.get_mut(&node("n2")).unwrap().installer_running = Some(true);
    scene.hear(Input::TimeOver { last: Some(Arc::new(seen)) });
    let conditions = vec![(Condition::NoInstaller { node: node("n2") }, Answer::No)];
    assert_eq!(scene.stopped(), Why::NotReady { step: install, conditions });
    scene.resume(false);
    scene.finishes();
}

#[test]
fn a_step_done_by_hand_meanwhile_is_not_done_again() {
    let mut scene = Scene::new(pacemaker());
    let install = first(&scene.plan, "install");
    scene.until(|w| matches!(w, Want::Probe { step, .. } if *step == install));
    scene.hear(Input::Interrupt);
    assert_eq!(scene.stopped(), Why::Interrupted);
    let Action::Install { node, release } = scene.plan.step(&install).unwrap().action.clone() else {
        panic!()
    };
    scene.command(&Command::Install { node, release, restart_asked: true, agreed: false });
    scene.resume(false);
    scene.finishes();
    assert_eq!(scene.begun(&install), 0);
    assert!(scene.records.contains(&Record::AlreadyDone { step: install }));
}

#[test]
fn a_lock_of_another_run_is_a_difference() {
    let mut scene = Scene::new(pacemaker());
    let mut seen = scene.host.seen();
    let lock = LockSeen { run: "20250101-000000-other".into(), epoch: 1 };
    seen.servers.get_mut(&node("n1")).unwrap().lock = Some(lock.clone());
    seen.clusters.values_mut().next().unwrap().lock = Some(lock);
    assert_eq!(scene.hear(Input::Seen(Arc::new(seen))), []);
    let Want::Ended(End::Drifted(differences)) = scene.run.next() else { panic!("{:?}", scene.run.next()) };
    assert_eq!(differences.len(), 2, "{differences:?}");
    assert!(differences[0].contains("20250101-000000-other"), "{differences:?}");
    assert!(!scene.run.begun());
}
