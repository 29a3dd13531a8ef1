//! Between the intent and the work.

use crate::scene::{Scene, node};
use crate::support;
use crate::support::{first, pacemaker};
use kaketsugi_plan::{Action, Condition};
use kaketsugi_run::{Input, Outcome, Want, Why};
use kaketsugi_world::Command;

#[test]
fn what_a_step_needs_is_looked_at_again_when_it_was_not_begun() {
    let mut scene = Scene::new(pacemaker());
    let install = first(&scene.plan, "install");
    scene.until_begin(&install);
    // The controller dies with nothing but the intent in the journal. Days later the node carries the group.
    let unstandby = |cluster, node| Command::Unstandby { cluster, node };
    let cluster: kaketsugi_estate::ClusterId = support::testkit::id("mail");
    scene.command(&unstandby(cluster.clone(), node("n2")));
    scene.command(&Command::MoveGroup { cluster, group: support::testkit::id("mail"), to: node("n2") });
    scene.resume(false);
    let Why::NotReady { step, conditions } = scene.stopped() else { panic!("{:?}", scene.run.stopped()) };
    assert_eq!(step, install);
    assert!(conditions.iter().any(|(c, _)| matches!(c, Condition::NodeEmpty { .. })), "{conditions:?}");
    assert_eq!(scene.begun(&install), 0);
    assert!(scene.host.world.harm().is_empty());
}

#[test]
fn a_command_that_does_not_get_through_is_tried_again_and_then_given_up() {
    let mut scene = Scene::new(pacemaker());
    let install = first(&scene.plan, "install");
    scene.until_begin(&install);
    let mut sent = 0;
    while !matches!(scene.run.next(), Want::Ended(_)) {
        match scene.run.next() {
            Want::Begin { .. } => {
                sent += 1;
                scene.hear(Input::NotSent);
            }
            Want::Probe { .. } => {
                let seen = scene.seen();
                scene.hear(seen);
            }
            want => panic!("{want:?}"),
        }
    }
    assert!((5..50).contains(&sent), "{sent}");
    assert_eq!(scene.stopped(), Why::CannotBegin { step: install.clone() });
    scene.resume(false);
    scene.finishes();
    assert_eq!(scene.begun(&install), 1);
}

#[test]
fn a_node_that_started_anew_is_not_believed_where_twice_does_harm() {
    let mut scene = Scene::new(pacemaker());
    let install = first(&scene.plan, "install");
    scene.until_begin(&install);
    // The connection broke: it may have begun. Then the node lost its power, and its memory.
    scene.hear(Input::NoAnswer);
    scene.fault("n2", true);
    assert_eq!(scene.stopped(), Why::StepLost { step: install.clone() });
    assert!(matches!(scene.outcomes(&install).as_slice(), [Outcome::Lost { .. }]));
    scene.resume(false);
    scene.finishes();
}

#[test]
fn a_restart_that_came_by_itself_is_not_repeated() {
    let mut scene = Scene::new(pacemaker());
    let restart = first(&scene.plan, "restart");
    scene.until_begin(&restart);
    scene.fault("n2", true);
    scene.resume(false);
    scene.finishes();
    assert_eq!(scene.begun(&restart), 0);
}

#[test]
fn work_that_other_hands_did_is_not_begun() {
    let mut scene = Scene::new(pacemaker());
    let install = first(&scene.plan, "install");
    scene.until_begin(&install);
    let Action::Install { node, release } = scene.plan.step(&install).unwrap().action.clone() else {
        panic!()
    };
    scene.command(&Command::Install { node, release, restart_asked: true, agreed: false });
    scene.resume(false);
    scene.finishes();
    assert_eq!(scene.begun(&install), 0);
}
