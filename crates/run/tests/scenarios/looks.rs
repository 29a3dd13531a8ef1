//! Steps that only look.

use std::sync::Arc;

use crate::scene::Scene;
use crate::support::{first, pacemaker};
use kaketsugi_plan::{Answer, Condition};
use kaketsugi_run::{Input, Want, Why};

#[test]
fn a_soak_needs_a_good_look_at_its_end() {
    let mut scene = Scene::new(pacemaker());
    let soak = first(&scene.plan, "soak");
    scene.until(|w| matches!(w, Want::Soak { .. }));
    // Nothing could be read all along: that is not well.
    assert_eq!(scene.hear(Input::Seen(Arc::default())), []);
    assert_eq!(scene.hear(Input::TimeOver { last: None }), []);
    assert_eq!(scene.hear(Input::Seen(Arc::default())), []);
    scene.hear(Input::TimeOver { last: None });
    assert!(matches!(scene.stopped(), Why::StepFailed { step, .. } if step == soak));
    scene.resume(false);
    scene.finishes();
}

#[test]
fn a_soak_that_shows_trouble_ends_at_once() {
    let mut scene = Scene::new(pacemaker());
    let soak = first(&scene.plan, "soak");
    scene.until(|w| matches!(w, Want::Soak { .. }));
    let mut seen = scene.host.seen();
    let cluster = seen.clusters.values_mut().next().unwrap();
    cluster.groups.values_mut().next().unwrap().healthy = Some(false);
    scene.hear(Input::Seen(Arc::new(seen)));
    let Why::StepFailed { step, conditions } = scene.stopped() else { panic!() };
    assert_eq!(step, soak);
    assert!(matches!(conditions.as_slice(), [(Condition::Healthy { .. }, Answer::No)]));
}

#[test]
fn what_a_last_look_misses_is_named() {
    let mut scene = Scene::new(pacemaker());
    let verify = scene.plan.steps.last().unwrap().id.clone();
    scene.until(|w| w.step() == Some(&verify));
    let mut seen = scene.host.seen();
    seen.clusters.values_mut().next().unwrap().configuration = Some("other".into());
    scene.hear(Input::Seen(Arc::new(seen.clone())));
    scene.hear(Input::TimeOver { last: Some(Arc::new(seen)) });
    let Why::StepFailed { step, conditions } = scene.stopped() else { panic!("{:?}", scene.run.stopped()) };
    assert_eq!(step, verify);
    assert!(matches!(conditions.as_slice(), [(Condition::ConfigurationAsBefore { .. }, Answer::No)]));
    // Somebody puts it right.
    scene.resume(false);
    scene.finishes();
}
