//! Locks and stops; and what is told meanwhile.

use crate::scene::Scene;
use crate::support::{exchange, first, pacemaker};
use kaketsugi_estate::Snapshot;
use kaketsugi_run::{End, Input, Mode, Record, Want, Why};

#[test]
fn locks_that_can_not_be_given_back_stop_the_run_cleanly() {
    let mut scene = Scene::new(pacemaker());
    scene.until(|w| matches!(w, Want::Unlock { .. }));
    assert_eq!(scene.hear(Input::NoAnswer), []);
    let by = "n2: no answer".to_owned();
    scene.hear(Input::NotLocked { by: by.clone() });
    assert_eq!(scene.stopped(), Why::LocksLeft { by });
    let (done, of) = scene.run.progress();
    assert_eq!(done, of);
    scene.resume(false);
    scene.finishes();
}

#[test]
fn an_interrupt_and_a_lost_lock_stop_whatever_is_wanted() {
    for plan in [pacemaker(), exchange()] {
        let mut scene = Scene::new(plan);
        scene.until(|w| matches!(w, Want::Lock { .. }));
        let mut wants = 0;
        while !matches!(scene.run.next(), Want::Ended(_)) {
            for input in [Input::Interrupt, Input::LockLost { by: "nobody".into() }] {
                let mut run = scene.run.clone();
                let records = run.hear(input);
                assert!(matches!(records.as_slice(), [Record::Stopped { .. }]), "{records:?}");
                run.apply(records[0].clone()).unwrap();
                assert_eq!(run.next(), Want::Ended(End::Stopped));
            }
            wants += 1;
            let (run, want) = (scene.run.clone(), scene.run.next());
            let input = scene.host.answer(&run, &want);
            scene.hear(input);
        }
        assert!(wants > scene.plan.steps.len(), "{wants}");
    }
}

#[test]
fn what_is_waited_for_is_told() {
    let mut scene = Scene::new(pacemaker());
    let drain = first(&scene.plan, "drain");
    scene.until(|w| matches!(w, Want::Probe { step, .. } if *step == drain));
    assert_eq!(scene.run.awaited(&scene.host.seen()), []);
    let unseen = scene.run.awaited(&Snapshot::default());
    assert_eq!(unseen.len(), scene.plan.step(&drain).unwrap().requires.len());
    assert_eq!(scene.run.mode(), Mode::Forward);
}
