//! What can go wrong in a state, and what it does.

use kaketsugi_estate::{ClusterKind, GroupRole, GroupState, ServerId, Trouble};
use kaketsugi_plan::{Condition, Step};
use kaketsugi_run::Want;
use kaketsugi_world::{Command, Fault, Mishap};

use crate::host::{self, Way, asks_person};
use crate::kinds::{FaultKind, Moment};
use crate::state::{JobState, State};
use crate::translate::{self, Attempt};

/// What a person who is asked does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum PersonFault {
    Lies,
    Forgets,
    Cannot,
    Absent,
}

/// A fault that can be injected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Injection {
    pub(crate) kind: FaultKind,
    pub(crate) moment: Moment,
    pub(crate) what: Injected,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Injected {
    /// With the answer to what is wanted now.
    Way(Way),
    /// To the estate, between answers.
    Estate(Fault),
    /// To the clock.
    LongPause,
}

/// Everything that can go wrong in a state whose budget of faults isn't spent.
pub(crate) fn possible(state: &State) -> Vec<Injection> {
    let mut all = Vec::new();
    let Some(step) = state.run.current() else { return all };
    let open = state.run.state(&step.id).is_some_and(|s| s.open);
    let at_work = state.job.as_ref().is_some_and(|j| j.step == step.id && j.is == JobState::Running);
    match state.run.next() {
        Want::Probe { .. } if !open => {
            nodes(state, Moment::Before, &mut all);
            if step.requires.iter().any(|c| matches!(c, Condition::Evidence { .. })) && !state.late {
                all.push(Injection {
                    kind: FaultKind::LongPause,
                    moment: Moment::Before,
                    what: Injected::LongPause,
                });
            }
        }
        // The work was not begun, and what it needs is looked at again.
        Want::Probe { .. }
            if !step.action.only_looks() && state.job.as_ref().is_none_or(|j| j.step != step.id) =>
        {
            nodes(state, Moment::Before, &mut all);
        }
        Want::Probe { .. } | Want::Soak { .. } => nodes(state, Moment::After, &mut all),
        Want::Begin { attempt, .. } => {
            mishaps(state, step, attempt, &mut all);
            starts(state, step, attempt, &mut all);
        }
        Want::Ask { .. } if at_work => nodes(state, Moment::Amid, &mut all),
        Want::Ask { attempt, .. } if !begun(state, step, attempt) => {
            people(step, &mut all);
            if translate::home(&step.action).is_some() {
                mishaps(state, step, attempt, &mut all);
            }
            starts(state, step, attempt, &mut all);
        }
        Want::Poll { attempt, .. } if at_work || !begun(state, step, attempt) => {
            nodes(state, Moment::Amid, &mut all);
            stops(state, &mut all);
        }
        _ => {}
    }
    all
}

fn begun(state: &State, step: &Step, attempt: u32) -> bool {
    state.job.as_ref().is_some_and(|j| j.step == step.id && j.attempt == attempt)
}

/// Failures of nodes.
fn nodes(state: &State, moment: Moment, all: &mut Vec<Injection>) {
    let plan = state.run.plan();
    for (cluster, seen) in &plan.snapshot.clusters {
        for node in seen.nodes.keys().filter(|n| state.world().answers(n)) {
            let mut add = |kind, fault| all.push(Injection { kind, moment, what: Injected::Estate(fault) });
            let lost = |returns| Fault::PowerLost { node: node.clone(), returns };
            add(FaultKind::PowerLostReturns, lost(true));
            add(FaultKind::PowerLostStays, lost(false));
            // Without fencing a node that is cut off may start groups twice, whatever a plan does: policy allowed it.
            let fenced =
                seen.kind == ClusterKind::Pacemaker && !seen.trouble.contains(&Trouble::FencingDisabled);
            if fenced && state.world().is_member(cluster, node) {
                add(FaultKind::CutOff, Fault::CutOff { node: node.clone() });
            }
        }
    }
}

fn first_command(state: &State, step: &Step, attempt: u32) -> Option<Command> {
    let attempt = Attempt {
        start: state.run.start(),
        number: attempt,
        agreed: host::agreed(state, step, attempt),
        restart_asked: false,
    };
    translate::commands(state.run.plan(), step, attempt).into_iter().next()
}

/// What can go wrong with the command that is about to be begun.
fn mishaps(state: &State, step: &Step, attempt: u32, all: &mut Vec<Injection>) {
    let Some(command) = first_command(state, step, attempt) else { return };
    let effect = state.scene.command(&command);
    if effect.after.is_err() {
        return;
    }
    let has_middle = !effect.midway.is_empty();
    let installs = matches!(command, Command::Install { .. });
    let restarts = matches!(command, Command::Restart { .. });
    let by_person = asks_person(step);
    for mishap in Mishap::ALL {
        let (kind, moment) = match mishap {
            Mishap::FailsBefore => (FaultKind::FailsBefore, Moment::Before),
            Mishap::FailsHalfway => (FaultKind::FailsHalfway, Moment::Amid),
            Mishap::Hangs => (FaultKind::Hangs, Moment::Amid),
            Mishap::AnswerLost => (FaultKind::AnswerLost, Moment::After),
            Mishap::ConnectionDrops => (FaultKind::ConnectionDrops, Moment::Amid),
            Mishap::FileInUse => (FaultKind::FileInUse, Moment::Amid),
        };
        // No connection lies between a person and the screen.
        let of_connections = matches!(mishap, Mishap::AnswerLost | Mishap::ConnectionDrops);
        let can = match mishap {
            Mishap::FailsBefore | Mishap::AnswerLost | Mishap::ConnectionDrops => true,
            Mishap::Hangs => has_middle,
            // A restart that fails half-way is a node that doesn't come back.
            Mishap::FailsHalfway => has_middle && !restarts,
            Mishap::FileInUse => installs,
        };
        if by_person && of_connections || !can {
            continue;
        }
        let way = Way { mishap: Some(mishap), ..Way::default() };
        all.push(Injection { kind, moment, what: Injected::Way(way) });
    }
    if !by_person {
        let way = Way { not_sent: true, ..Way::default() };
        all.push(Injection { kind: FaultKind::NotSent, moment: Moment::Before, what: Injected::Way(way) });
    }
}

fn people(step: &Step, all: &mut Vec<Injection>) {
    let attests = matches!(step.action, kaketsugi_plan::Action::Attest { .. });
    for (person, kind, moment) in [
        (PersonFault::Lies, FaultKind::PersonLies, Moment::Before),
        (PersonFault::Forgets, FaultKind::PersonForgets, Moment::After),
        (PersonFault::Cannot, FaultKind::PersonCannot, Moment::Before),
        (PersonFault::Absent, FaultKind::PersonAbsent, Moment::Before),
    ] {
        // What a person attests is taken for true: there is nothing to look at.
        if attests && matches!(person, PersonFault::Lies | PersonFault::Forgets) {
            continue;
        }
        let way = Way { person: Some(person), ..Way::default() };
        all.push(Injection { kind, moment, what: Injected::Way(way) });
    }
}

/// Resources that can't start where the command that is about to be begun will start them.
fn starts(state: &State, step: &Step, attempt: u32, all: &mut Vec<Injection>) {
    let Some(command) = first_command(state, step, attempt) else { return };
    let effect = state.scene.command(&command);
    let Ok(after) = &effect.after else { return };
    let (before, after) = (state.scene.snapshot(), after.snapshot());
    for (id, cluster) in &after.clusters {
        for (name, group) in cluster.groups.iter().filter(|(_, g)| g.role == GroupRole::Service) {
            let was = before.clusters.get(id).and_then(|c| c.groups.get(name));
            let same = was.is_some_and(|w| w.owner == group.owner && w.state == group.state);
            let (Some(node), Some(last)) = (&group.owner, group.resources.last()) else { continue };
            if same || group.state != GroupState::Online {
                continue;
            }
            all.push(Injection {
                kind: FaultKind::StartFails,
                moment: Moment::Before,
                what: Injected::Estate(Fault::StartFails {
                    cluster: id.clone(),
                    group: name.clone(),
                    resource: last.id.clone(),
                    node: node.clone(),
                }),
            });
        }
    }
}

/// Groups that are being stopped now, and can't be.
fn stops(state: &State, all: &mut Vec<Injection>) {
    for (id, cluster) in &state.scene.snapshot().clusters {
        if cluster.kind != ClusterKind::Pacemaker {
            continue;
        }
        for (name, group) in &cluster.groups {
            if group.state == GroupState::Pending && group.role == GroupRole::Service && group.owner.is_some()
            {
                all.push(Injection {
                    kind: FaultKind::StopFails,
                    moment: Moment::Amid,
                    what: Injected::Estate(Fault::StopFails { cluster: id.clone(), group: name.clone() }),
                });
            }
        }
    }
}

/// Lets it go wrong.
pub(crate) fn inject(state: &State, injection: &Injection) -> State {
    let mut next = match &injection.what {
        Injected::Way(way) => host::go(state, *way).0,
        Injected::Estate(fault) => {
            let mut next = state.clone();
            let failing = failing_node(state, fault);
            next.set_scene(state.scene.fault(fault));
            if let Some(node) = &failing {
                end_work_on(&mut next, node);
            }
            next.ailing |= !matches!(fault, Fault::PowerLost { returns: true, .. });
            next.idle = false;
            let run = std::sync::Arc::clone(&next.run);
            if let Some(step) = run.current() {
                host::note_harm(&mut next, step);
            }
            next
        }
        Injected::LongPause => {
            let mut next = state.clone();
            next.late = true;
            next.idle = false;
            next
        }
    };
    next.faults += 1;
    next.seal();
    next
}

fn failing_node(state: &State, fault: &Fault) -> Option<ServerId> {
    match fault {
        Fault::PowerLost { node, .. } | Fault::CutOff { node } => Some(node.clone()),
        Fault::StopFails { cluster, group } => state.world().owner(cluster, group).cloned(),
        Fault::StartFails { .. } => None,
    }
}

/// Work on a node ends with its power, a person's included.
fn end_work_on(state: &mut State, node: &ServerId) {
    let Some(job) = state.job.as_mut().filter(|j| matches!(j.is, JobState::Running | JobState::Hung)) else {
        return;
    };
    let by_person = job.home.is_some() && state.run.plan().step(&job.step).is_some_and(asks_person);
    if job.home.as_ref() == Some(node) {
        job.is = if by_person { JobState::Ended(1) } else { JobState::Vanished };
    }
}
