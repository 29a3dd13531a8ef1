//! `restore` after any record: what was changed beside the patch is put back, and nothing else is begun.

mod support;

use kaketsugi_estate::{GroupRole, GroupState};
use kaketsugi_plan::Answer;
use kaketsugi_run::{End, Mode, Outcome, Record, Run, Want, Why};
use support::{Host, RUN, Trail, drive, drive_until, exchange, first, plans, resume};

/// The names of what was begun, in order.
fn begun(records: &[Record]) -> Vec<String> {
    records
        .iter()
        .filter_map(|r| match r {
            Record::Intent { step, .. } => Some(step.to_string()),
            _ => None,
        })
        .collect()
}

fn everything_serves(host: &Host) -> bool {
    host.seen()
        .clusters
        .values()
        .flat_map(|c| c.groups.values())
        .all(|g| g.role != GroupRole::Service || (g.state == GroupState::Online && g.owner.is_some()))
}

#[test]
fn after_each_record_settings_are_back_and_groups_serve() {
    for (name, plan) in plans() {
        let calm = drive(Run::new(plan.clone(), RUN), Host::new(&plan));
        let (mut finished, mut stopped) = (0, 0);
        for at in 1..calm.records.len() {
            let crashed = drive_until(Run::new(plan.clone(), RUN), Host::new(&plan), |r| r.len() == at);
            let mut records = crashed.records;
            let run = resume(&plan, &mut records, true, false);
            let Trail { run, host, end, records, .. } = drive(run, crashed.host);
            assert!(host.world.harm().is_empty(), "{name}, {at}: {:?}", host.world.harm());
            for step in begun(&records) {
                let step = plan.step(&support::step(&step)).unwrap();
                let closes = ["readmit", "put-back", "start-service", "bring-online"];
                assert!(closes.contains(&step.action.name()), "{name}, {at}: {} was begun", step.id);
            }
            assert!(host.jobs.values().all(|j| !matches!(j, support::Job::Running(_))), "{name}, {at}");
            match (&end, run.stopped()) {
                (End::Finished, _) => {
                    finished += 1;
                    assert_eq!(run.mode(), Mode::Restore);
                    assert_eq!(host.world.settings_changed(), [], "{name}, {at}");
                    assert!(everything_serves(&host), "{name}, {at}: {:?}", host.world.ailments());
                    let seen = host.seen();
                    let all = seen.clusters.values().flat_map(|c| c.nodes.values());
                    assert!(
                        all.clone().all(|n| n.state == kaketsugi_estate::NodeState::Online),
                        "{name}, {at}: {:?}",
                        all.collect::<Vec<_>>()
                    );
                }
                // The virtual server is on the new node and of the old version: there it can't come online.
                (End::Stopped, Some(Why::NotReady { step, conditions })) => {
                    stopped += 1;
                    let action = plan.step(step).unwrap().action.name();
                    // And a node with the old store takes no group back that the new one has opened.
                    let expected = if name == "exchange" { "bring-online" } else { "readmit" };
                    assert_eq!(action, expected, "{name}, {at}: {step}");
                    assert!(matches!(conditions.as_slice(), [(_, Answer::No)]), "{conditions:?}");
                    assert!(action != "readmit" || everything_serves(&host), "{name}, {at}");
                }
                other => panic!("{name}, {at}: {other:?}"),
            }
        }
        assert!(finished > 50, "{name}: {finished}");
        assert_eq!(stopped > 0, name != "pacemaker", "{name}: {stopped}");
    }
}

/// The service pack's upgrade of the virtual server, up to the moment at which `action` has just ended well.
fn up_to(action: &str) -> (std::sync::Arc<kaketsugi_plan::Plan>, Trail) {
    let plan = exchange();
    let id = first(&plan, action);
    let done = move |r: &[Record]| matches!(r.last(), Some(Record::Outcome { step, outcome: Outcome::Done { .. }, .. }) if *step == id);
    let trail = drive_until(Run::new(plan.clone(), RUN), Host::new(&plan), done);
    (plan, trail)
}

#[test]
fn a_group_that_is_offline_on_its_old_node_comes_online_there() {
    let (plan, mut trail) = up_to("take-offline");
    let run = resume(&plan, &mut trail.records, true, false);
    let end = drive(run, trail.host);
    assert_eq!(end.end, End::Finished);
    assert!(everything_serves(&end.host));
    let group = &end.host.seen().clusters.into_values().next().unwrap().groups[&support::testkit::id("EVS1")];
    assert_eq!(group.version.as_deref(), Some("6.5.7226.6"), "restore upgrades nothing");
}

#[test]
fn a_group_that_waits_for_its_upgrade_on_the_new_node_is_left_to_go_forward() {
    let plan = exchange();
    let bring = first(&plan, "bring-online");
    // The group was taken offline and moved; the person has not upgraded it.
    let upgrade = first(&plan, "upgrade-group");
    let moved = |r: &[Record]| matches!(r.last(), Some(Record::Intent { step, .. }) if *step == upgrade);
    let mut trail = drive_until(Run::new(plan.clone(), RUN), Host::new(&plan), moved);
    let run = resume(&plan, &mut trail.records, true, false);
    let mut stopped = drive(run, trail.host);
    let Some(Why::NotReady { step, conditions }) = stopped.run.stopped() else {
        panic!("{:?}", stopped.run.stopped())
    };
    assert_eq!(*step, bring);
    assert!(conditions[0].0.to_string().contains("6.5.7638.2"), "{conditions:?}");
    // Nothing was put back, so that the way forward is open.
    trail.records.append(&mut stopped.records);
    let run = resume(&plan, &mut trail.records, false, true);
    assert_eq!(run.mode(), Mode::Forward);
    let end = drive(run, stopped.host);
    assert_eq!(end.end, End::Finished, "{:?}", end.run.stopped());
    assert!(end.host.world.harm().is_empty());
    assert_eq!(end.host.world.settings_changed(), []);
}

#[test]
fn an_upgraded_group_comes_online_on_the_new_node() {
    let (plan, mut trail) = up_to("upgrade-group");
    let run = resume(&plan, &mut trail.records, true, false);
    let end = drive(run, trail.host);
    assert_eq!(end.end, End::Finished);
    assert!(everything_serves(&end.host));
    assert!(end.host.world.harm().is_empty());
}

#[test]
fn work_that_runs_is_awaited_before_anything_is_put_back() {
    let plan = support::pacemaker();
    let install = first(&plan, "install");
    // The package manager is at work when the controller dies.
    let (mut run, mut host) = (Run::new(plan.clone(), RUN), Host::new(&plan));
    let mut records = Vec::new();
    loop {
        let want = run.next();
        let begins = matches!(&want, Want::Begin { step, .. } if *step == install);
        let input = host.answer(&run, &want);
        if begins {
            break;
        }
        for record in run.hear(input) {
            run.apply(record.clone()).unwrap();
            records.push(record);
        }
    }
    let run = resume(&plan, &mut records, true, false);
    assert!(matches!(run.next(), Want::Lock { .. }));
    let trail = drive(run, host);
    assert_eq!(trail.end, End::Finished);
    let ended =
        trail.records.iter().position(|r| matches!(r, Record::Outcome { step, .. } if *step == install));
    let put_back = trail.records.iter().position(|r| matches!(r, Record::Intent { .. }));
    assert!(ended.unwrap() < put_back.unwrap(), "{:?}", trail.records);
}

#[test]
fn a_half_patched_node_is_not_let_back() {
    let plan = support::pacemaker();
    let install = first(&plan, "install");
    let node = support::testkit::id("n2");
    let (mut run, mut host) = (Run::new(plan.clone(), RUN), Host::new(&plan));
    let mut records = Vec::new();
    loop {
        let want = run.next();
        if matches!(&want, Want::Poll { step, .. } if *step == install) {
            break;
        }
        let input = host.answer(&run, &want);
        for record in run.hear(input) {
            run.apply(record.clone()).unwrap();
            records.push(record);
        }
    }
    // The node's power is cut amid the install, and comes back.
    host.world = host.world.fault(&kaketsugi_world::Fault::PowerLost { node, returns: true });
    host.jobs.insert((install, 1), support::Job::Vanished);
    let run = resume(&plan, &mut records, true, false);
    let mut trail = drive(run, host);
    let Some(Why::NotReady { step, conditions }) = trail.run.stopped() else {
        panic!("{:?}", trail.run.stopped())
    };
    assert!(
        matches!(conditions.as_slice(), [(kaketsugi_plan::Condition::Installed { .. }, Answer::No)]),
        "{conditions:?}"
    );
    assert!(step.as_str().starts_with("readmit"), "{step}");
    assert!(everything_serves(&trail.host));
    // The way forward completes it.
    records.append(&mut trail.records);
    let run = resume(&plan, &mut records, false, false);
    let end = drive(run, trail.host);
    assert_eq!(end.end, End::Finished, "{:?}", end.run.stopped());
    assert!(end.host.world.harm().is_empty(), "{:?}", end.host.world.harm());
}

#[test]
fn once_something_was_put_back_there_is_no_way_forward() {
    let plan = support::pacemaker();
    let drained = |r: &[Record]| {
        matches!(r.last(), Some(Record::Outcome { step, outcome: Outcome::Done { .. }, .. })
            if step.as_str().starts_with("PCMK-STANDBY") || step.as_str().starts_with("drain"))
    };
    let mut trail = drive_until(Run::new(plan.clone(), RUN), Host::new(&plan), drained);
    let run = resume(&plan, &mut trail.records, true, false);
    let readmits = |r: &[Record]| matches!(r.last(), Some(Record::Intent { .. }));
    let half = drive_until(run, trail.host, readmits);
    trail.records.extend(half.records);
    let run = resume(&plan, &mut trail.records, false, false);
    assert_eq!(run.mode(), Mode::Restore);
    let end = drive(run, half.host);
    assert_eq!(end.end, End::Finished);
    assert_eq!(end.host.world.settings_changed(), []);
}

/// A run of Exchange 5.5, right after the order for its first install: set-up has not written anything yet.
fn set_up_was_ordered() -> (std::sync::Arc<kaketsugi_plan::Plan>, Trail) {
    let plan = support::exchange_55();
    let install = first(&plan, "install");
    let ordered =
        move |r: &[Record]| matches!(r.last(), Some(Record::Intent { step, .. }) if *step == install);
    let trail = drive_until(Run::new(plan.clone(), RUN), Host::new(&plan), ordered);
    (plan, trail)
}

fn may_not_be_let_in(trail: &Trail) {
    let Some(Why::NotReady { step, conditions }) = trail.run.stopped() else {
        panic!("{:?}", trail.run.stopped())
    };
    assert_eq!(trail.run.plan().step(step).unwrap().action.name(), "readmit", "{step}");
    let [(kaketsugi_plan::Condition::Installed { .. }, Answer::No)] = conditions.as_slice() else {
        panic!("{conditions:?}")
    };
}

#[test]
fn once_set_up_was_ordered_where_the_group_is_the_other_node_stays_paused() {
    let (plan, mut trail) = set_up_was_ordered();
    let run = resume(&plan, &mut trail.records, true, false);
    may_not_be_let_in(&drive(run, trail.host));
}

#[test]
fn nobody_takes_an_owner_that_does_not_answer_for_an_old_one() {
    let plan = support::exchange_55();
    let pause = first(&plan, "pause");
    let paused = move |r: &[Record]| matches!(r.last(), Some(Record::Outcome { step, outcome: Outcome::Done { .. }, .. }) if *step == pause);
    let mut trail = drive_until(Run::new(plan.clone(), RUN), Host::new(&plan), paused);
    let run = resume(&plan, &mut trail.records, true, false);
    let answers = drive(run.clone(), trail.host.clone());
    assert_eq!(answers.end, End::Finished, "nothing was begun: {:?}", answers.run.stopped());
    trail.host.silent.insert(support::testkit::id("NODE1"));
    may_not_be_let_in(&drive(run, trail.host));
}
