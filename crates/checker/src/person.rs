//! Plays the person whom the run machine asks.

use std::sync::Arc;

use kaketsugi_plan::render::by_hand;
use kaketsugi_plan::{Action, StepId};
use kaketsugi_run::Input;

use crate::faults::PersonFault;
use crate::host::{Way, asks_person, go_on, is_of, start};
use crate::state::{JobState, State};

/// Who a person is called in the records.
const SOMEBODY: &str = "somebody";

/// A person is asked. The machine looks while the person works, and when the person says so.
pub(crate) fn ask(state: &mut State, id: &StepId, attempt: u32, way: Way) -> Input {
    let run = Arc::clone(&state.run);
    let Some(step) = run.plan().step(id) else { return Input::NobodyThere };
    let done = Input::PersonDone { by: SOMEBODY.into(), at: state.clock() };
    if matches!(step.action, Action::Attest { .. }) {
        return match way.person {
            Some(PersonFault::Cannot) => Input::PersonCannot { why: "not today".into() },
            Some(PersonFault::Absent) => Input::NobodyThere,
            _ => done,
        };
    }
    match way.person {
        Some(PersonFault::Cannot) => return Input::PersonCannot { why: "not today".into() },
        Some(PersonFault::Absent) => return Input::NobodyThere,
        Some(PersonFault::Lies) => return done,
        Some(PersonFault::Forgets) | None => {}
    }
    let begun = state.job.as_ref().filter(|j| is_of(j, id, attempt)).map(|j| j.is);
    match begun {
        None => {
            start(state, step, attempt, way);
            // The machine looks at what is half done, and must not take it for done.
            if state.job.as_ref().is_some_and(|j| j.is == JobState::Running) {
                Input::Seen(state.seen())
            } else {
                said(state, done, way)
            }
        }
        Some(JobState::Running) => {
            go_on(state);
            match state.job.as_ref().map(|j| j.is) {
                Some(JobState::Running) => Input::Seen(state.seen()),
                _ => said(state, done, way),
            }
        }
        Some(JobState::Ended(0 | 3010)) => done,
        Some(JobState::Hung) if !state.idle => Input::Seen(state.seen()),
        Some(JobState::Hung) => Input::TimeOver { last: Some(state.seen()) },
        Some(JobState::Ended(_) | JobState::Vanished) => Input::PersonCannot { why: "it didn't work".into() },
    }
}

fn said(state: &State, done: Input, way: Way) -> Input {
    match state.job.as_ref().map(|j| j.is) {
        // A person restarts a node and waits for it.
        Some(JobState::Ended(0 | 3010) | JobState::Vanished) if way.person == Some(PersonFault::Forgets) => {
            Input::Seen(state.seen())
        }
        Some(JobState::Ended(0 | 3010) | JobState::Vanished) => done,
        _ => Input::PersonCannot { why: "it didn't work".into() },
    }
}

/// Whether somebody is amid a step at a server that no command reaches. Looks are carried there by people, too, and
/// nobody walks off with a sheet amid what they do: they come to its end before the look's time is over.
pub(crate) fn carrier_is_at_work(state: &State) -> bool {
    let plan = state.run.plan();
    let job = state.job.as_ref().filter(|j| j.is == JobState::Running);
    let step = job.and_then(|j| plan.step(&j.step));
    step.is_some_and(|step| asks_person(step) && by_hand(plan, step))
}
