//! What the machine does when something is other than hoped: a case each.

mod support;

use std::sync::Arc;

use kaketsugi_estate::{EvidenceKind, LockSeen, ReleaseState, ServerId, Snapshot};
use kaketsugi_plan::{Action, Answer, Condition, Plan, ServiceNeed, StepId};
use kaketsugi_run::{End, Input, Mode, Outcome, Record, Run, Want, Why};
use kaketsugi_world::{Command, Fault};
use support::{Host, Job, RUN, exchange, first, pacemaker, resume};

/// A run with its host and its journal.
struct Scene {
    plan: Arc<Plan>,
    run: Run,
    host: Host,
    records: Vec<Record>,
}

impl Scene {
    fn new(plan: Arc<Plan>) -> Self {
        let (run, host) = (Run::new(plan.clone(), RUN), Host::new(&plan));
        Self { plan, run, host, records: Vec::new() }
    }

    fn hear(&mut self, input: Input) -> Vec<Record> {
        let records = self.run.hear(input);
        for record in &records {
            self.run.apply(record.clone()).unwrap();
        }
        self.records.extend(records.iter().cloned());
        records
    }

    /// Goes on until something is wanted; that is not answered.
    fn until(&mut self, wanted: impl Fn(&Want) -> bool) -> Want {
        for _ in 0..20_000 {
            let want = self.run.next();
            if wanted(&want) {
                return want;
            }
            assert!(!matches!(want, Want::Ended(_)), "ended before: {:?}", self.run.stopped());
            let input = self.host.answer(&self.run, &want);
            self.hear(input);
        }
        panic!("it never came to that")
    }

    fn until_begin(&mut self, id: &StepId) {
        self.until(|w| matches!(w, Want::Begin { step, .. } if step == id));
    }

    fn until_poll(&mut self, id: &StepId) {
        self.until(|w| matches!(w, Want::Poll { step, .. } if step == id));
    }

    fn until_ask(&mut self, id: &StepId) {
        self.until(|w| matches!(w, Want::Ask { step, .. } if step == id));
    }

    fn end(&mut self) -> End {
        match self.until(|w| matches!(w, Want::Ended(_))) {
            Want::Ended(end) => end,
            _ => unreachable!("it was looked for"),
        }
    }

    fn stopped(&mut self) -> Why {
        assert_eq!(self.end(), End::Stopped);
        self.run.stopped().unwrap().clone()
    }

    fn finishes(&mut self) {
        assert_eq!(self.end(), End::Finished, "{:?}", self.run.stopped());
        assert!(self.host.world.harm().is_empty(), "{:?}", self.host.world.harm());
        assert_eq!(self.host.world.settings_changed(), []);
    }

    /// The controller is gone, or the run has stopped; somebody goes on.
    fn resume(&mut self, retry: bool) {
        self.run = resume(&self.plan, &mut self.records, false, retry);
    }

    fn begun(&self, step: &StepId) -> u32 {
        self.host.begun.iter().filter(|((id, _), _)| id == step).map(|(_, times)| times).sum()
    }

    fn outcomes(&self, step: &StepId) -> Vec<&Outcome> {
        self.records
            .iter()
            .filter_map(|r| match r {
                Record::Outcome { step: id, outcome, .. } if id == step => Some(outcome),
                _ => None,
            })
            .collect()
    }

    fn seen(&self) -> Input {
        Input::Seen(Box::new(self.host.seen()))
    }

    fn command(&mut self, command: &Command) {
        self.host.world = self.host.world.command(command).unwrap();
    }

    fn fault(&mut self, node: &str, returns: bool) {
        let node = support::testkit::id(node);
        self.host.world = self.host.world.fault(&Fault::PowerLost { node, returns });
    }
}

fn node(name: &str) -> ServerId {
    support::testkit::id(name)
}

/// The plan for a release that needs the cluster service stopped.
fn with_service_stopped() -> Arc<Plan> {
    let mut kit = support::testkit::pacemaker(&["n1", "n2", "n3"], &[("mail", "n1")]);
    kit.payload.service = ServiceNeed::Stopped;
    Arc::new(kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap())
}

// Before a step ---------------------------------------------------------------------------------------------------

#[test]
fn what_a_step_depends_on_is_read_once() {
    let mut scene = Scene::new(pacemaker());
    let restart = first(&scene.plan, "restart");
    scene.until(|w| matches!(w, Want::Probe { step, .. } if *step == restart));
    // The restart is asked for, and something else stands in the way of it.
    let mut seen = scene.host.seen();
    let cluster = seen.clusters.values_mut().next().unwrap();
    cluster.nodes.get_mut(&node("n1")).unwrap().state = kaketsugi_estate::NodeState::Pending;
    let read = scene.hear(Input::Seen(Box::new(seen.clone())));
    assert_eq!(read, [Record::When { step: restart.clone(), answer: true }]);
    // A later look can't change the answer any more.
    seen.servers.get_mut(&node("n2")).unwrap().restart_pending = Some(false);
    assert_eq!(scene.hear(Input::Seen(Box::new(seen))), []);
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
    assert_eq!(scene.hear(Input::Seen(Box::new(seen.clone()))), []);
    scene.hear(Input::TimeOver { last: Some(Box::new(seen)) });
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
    scene.hear(Input::TimeOver { last: Some(Box::new(seen)) });
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
    assert_eq!(scene.hear(Input::Seen(Box::new(seen))), []);
    let Want::Ended(End::Drifted(differences)) = scene.run.next() else { panic!("{:?}", scene.run.next()) };
    assert_eq!(differences.len(), 2, "{differences:?}");
    assert!(differences[0].contains("20250101-000000-other"), "{differences:?}");
    assert!(!scene.run.begun());
}

// Between the intent and the work ---------------------------------------------------------------------------------

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

// While work runs -------------------------------------------------------------------------------------------------

#[test]
fn a_restart_ends_the_job_that_ordered_it() {
    let mut scene = Scene::new(pacemaker());
    let restart = first(&scene.plan, "restart");
    scene.until_poll(&restart);
    // Its job is gone and the node has not started anew: killed, or on its way.
    scene.hear(Input::Vanished { output: String::new() });
    let before = scene.host.seen();
    assert_eq!(scene.hear(Input::Seen(Box::new(before.clone()))), []);
    scene.hear(Input::TimeOver { last: Some(Box::new(before)) });
    let Why::StepFailed { step, conditions } = scene.stopped() else { panic!() };
    assert_eq!(step, restart);
    assert!(conditions.iter().any(|(c, _)| matches!(c, Condition::Restarted { .. })), "{conditions:?}");
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
        let last = Some(Box::new(scene.host.seen()));
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

// People ----------------------------------------------------------------------------------------------------------

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
    let attempt = scene.run.steps()[&upgrade].attempts;
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

// Looking ---------------------------------------------------------------------------------------------------------

#[test]
fn a_soak_needs_a_good_look_at_its_end() {
    let mut scene = Scene::new(pacemaker());
    let soak = first(&scene.plan, "soak");
    scene.until(|w| matches!(w, Want::Soak { .. }));
    // Nothing could be read all along: that is not well.
    assert_eq!(scene.hear(Input::Seen(Box::default())), []);
    assert_eq!(scene.hear(Input::TimeOver { last: None }), []);
    assert_eq!(scene.hear(Input::Seen(Box::default())), []);
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
    scene.hear(Input::Seen(Box::new(seen)));
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
    scene.hear(Input::Seen(Box::new(seen.clone())));
    scene.hear(Input::TimeOver { last: Some(Box::new(seen)) });
    let Why::StepFailed { step, conditions } = scene.stopped() else { panic!("{:?}", scene.run.stopped()) };
    assert_eq!(step, verify);
    assert!(matches!(conditions.as_slice(), [(Condition::ConfigurationAsBefore { .. }, Answer::No)]));
    // Somebody puts it right.
    scene.resume(false);
    scene.finishes();
}

// Locks and stops -------------------------------------------------------------------------------------------------

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
