//! Plays the host of the run machine: answers what it wants with what the world shows and does.

use std::sync::Arc;

use kaketsugi_plan::{Actor, Step, StepId};
use kaketsugi_run::{End, Input, Mode, Record, Want};
use kaketsugi_world::{Command, Mishap};

use crate::coverage::Ending;
use crate::faults::PersonFault;
use crate::person;
use crate::rules::{self, Broken};
use crate::scene::Scene;
use crate::state::{Job, JobState, State};
use crate::translate::{self, Attempt};

/// How the host's next answer comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Way {
    /// Whether an installer that is begun now will ask for a restart.
    pub(crate) restart_asked: bool,
    /// What goes wrong with the command that is begun now.
    pub(crate) mishap: Option<Mishap>,
    /// The command doesn't even reach its node.
    pub(crate) not_sent: bool,
    /// What the person who is asked now does wrong.
    pub(crate) person: Option<PersonFault>,
    /// After this many of the answer's records the controller crashes, and somebody resumes the run.
    pub(crate) crash_after: Option<usize>,
}

/// One answer of the host, and all that follows from it at once. Gives the records too, for the trace.
pub(crate) fn go(state: &State, way: Way) -> (State, Vec<Record>) {
    let mut next = state.clone();
    let want = state.run.next();
    if let Want::Ended(end) = &want {
        finish(&mut next, end);
        next.seal();
        return (next, Vec::new());
    }
    let input = answer(&mut next, &want, way);
    let run = Arc::make_mut(&mut next.run);
    let records = run.hear(input);
    let kept = way.crash_after.unwrap_or(records.len()).min(records.len());
    let records = records[..kept].to_vec();
    for record in &records {
        if let Err(illegal) = run.apply(record.clone()) {
            next.violation = Some(Arc::new(Broken::IllegalRecord { why: illegal.why }.plainly()));
        }
        if let Record::Intent { step, attempt } = record {
            next.agreed = (*attempt > 1 && next.may_retry).then(|| (step.clone(), *attempt));
        }
        if let Record::Outcome { .. } | Record::AlreadyDone { .. } = record {
            // The attempt is over: nobody asks after its handle any more.
            next.job = None;
            next.agreed = None;
        }
    }
    if next.resumed_at.is_some_and(|then| next.progress().0 > then.0) {
        // The resume has led on: what comes now has nothing to do with it.
        next.resumed_at = None;
        next.resumes = 0;
        next.may_retry = false;
    }
    let same_want = next.run.next() == want;
    let nothing = records.is_empty() && same_want && next.job == state.job && next.world() == state.world();
    if nothing && state.idle && way.crash_after.is_none() && next.violation.is_none() {
        next.violation = Some(Arc::new(Broken::NoProgress.plainly()));
    }
    next.idle = nothing;
    if way.crash_after.is_some() {
        resume(&mut next, false);
    }
    next.seal();
    (next, records)
}

/// The controller crashes, or the administrator goes on with a run that had stopped.
pub(crate) fn resume(state: &mut State, restore: bool) {
    let stopped = state.run.stopped().is_some();
    let run = Arc::make_mut(&mut state.run);
    // An administrator who resumes after a stop has looked, and says that it may be tried again.
    let restore = restore || run.mode() == Mode::Restore;
    if let Err(illegal) = run.apply(run.resumption(restore, stopped, "")) {
        state.violation = Some(Arc::new(Broken::IllegalRecord { why: illegal.why }.plainly()));
    }
    state.may_retry = stopped;
    state.idle = false;
    if !stopped {
        // A crash may have cost the last resume its fruits.
        state.resumed_at = None;
    }
}

/// Ends what had gone wrong, as an administrator would before resuming.
pub(crate) fn repair(state: &mut State) {
    if state.ailing {
        state.set_scene(Scene::new(state.world().repair()));
        if let Some(job) = &mut state.job
            && matches!(job.is, JobState::Hung | JobState::Running)
            && job.home.is_some()
        {
            job.is = JobState::Vanished;
        } else if let Some(job) = &mut state.job
            && job.is == JobState::Hung
        {
            job.is = JobState::Ended(1);
        }
    }
    state.ailing = false;
}

fn finish(state: &mut State, end: &End) {
    match end {
        End::Finished => {
            let broken = rules::goal(state);
            if let Some(broken) = broken {
                state.violation = Some(Arc::new(broken.plainly()));
            }
            state.ending = Some(if state.restoring() { Ending::Restored } else { Ending::Finished });
        }
        End::Unreached(_) | End::Drifted(_) => {
            let differences = kaketsugi_run::drift(&state.run.plan().snapshot, &state.seen());
            state.violation = Some(Arc::new(Broken::NeverBegins { differences }.plainly()));
        }
        // What follows on a stop is chosen by the explorer.
        End::Stopped => {}
    }
}

fn answer(state: &mut State, want: &Want, way: Way) -> Input {
    match want {
        Want::Look => Input::Seen(state.seen()),
        Want::Lock { .. } => Input::Locked,
        Want::Unlock { .. } => Input::Unlocked,
        Want::Probe { .. } | Want::Soak { .. } if state.idle && person::carrier_is_at_work(state) => {
            go_on(state);
            Input::Seen(state.seen_for_step())
        }
        Want::Probe { .. } | Want::Soak { .. } => {
            let last = state.seen_for_step();
            if state.idle { Input::TimeOver { last: Some(last) } } else { Input::Seen(last) }
        }
        Want::Begin { step, attempt, .. } => begin(state, step, *attempt, way),
        Want::Poll { step, attempt, .. } => poll(state, step, *attempt),
        Want::Ask { step, attempt, .. } => person::ask(state, step, *attempt, way),
        // `go` has dealt with it.
        Want::Ended(_) => Input::Unlocked,
    }
}

pub(crate) fn is_of(job: &Job, step: &StepId, attempt: u32) -> bool {
    job.step == *step && job.attempt == attempt
}

fn begin(state: &mut State, id: &StepId, attempt: u32, way: Way) -> Input {
    // The handle is exclusive on its node: asked twice it begins nothing new.
    if state.job.as_ref().is_some_and(|j| is_of(j, id, attempt)) {
        return poll(state, id, attempt);
    }
    let plan = Arc::clone(&state.run);
    let Some(step) = plan.plan().step(id) else { return Input::NotSent };
    let home = translate::home(&step.action).cloned();
    if home.as_ref().is_some_and(|h| !state.world().answers(h)) {
        return no_answer(state);
    }
    if way.not_sent {
        return Input::NotSent;
    }
    start(state, step, attempt, way);
    match (way.mishap, state.job.as_ref().map(|j| j.is)) {
        (Some(Mishap::AnswerLost | Mishap::ConnectionDrops), _) => Input::NoAnswer,
        (_, Some(JobState::Ended(code))) => Input::Ended { code, output: String::new() },
        _ => Input::Runs,
    }
}

/// Whether somebody who looked said that this attempt may be made: an administrator, or the person who makes it.
pub(crate) fn agreed(state: &State, step: &Step, attempt: u32) -> bool {
    asks_person(step)
        || state.agreed.as_ref().is_some_and(|(id, number)| *id == step.id && *number == attempt)
}

/// Starts a step's work.
pub(crate) fn start(state: &mut State, step: &Step, attempt: u32, way: Way) {
    let run = Arc::clone(&state.run);
    let left = translate::commands(
        run.plan(),
        step,
        Attempt {
            start: run.start(),
            number: attempt,
            agreed: agreed(state, step, attempt),
            restart_asked: way.restart_asked,
        },
    );
    if state.violation.is_none() {
        let broken = rules::ordered(state, step, &left);
        state.violation = broken.map(|b| Arc::new(b.of(step)));
    }
    state.job = Some(Job {
        step: step.id.clone(),
        attempt,
        home: translate::home(&step.action).cloned(),
        left,
        is: JobState::Running,
    });
    let Some(first) = state.job.as_ref().and_then(|j| j.left.first()).cloned() else {
        set_job(state, JobState::Ended(0));
        return;
    };
    let before = Arc::clone(&state.scene);
    let amid = |mishap| before.world.mishap(&first, mishap).map_or(Arc::clone(&before), Scene::new);
    let (scene, is) = match way.mishap {
        Some(Mishap::FailsBefore) => (before, JobState::Ended(1)),
        Some(mishap @ Mishap::FailsHalfway) => (amid(mishap), JobState::Ended(1)),
        Some(mishap @ Mishap::Hangs) => (amid(mishap), JobState::Hung),
        Some(mishap @ Mishap::FileInUse) => (amid(mishap), JobState::Ended(3010)),
        // Done with the answer lost: whatever took long has ended when somebody asks.
        Some(Mishap::AnswerLost) => match &before.command(&first).after {
            Ok(after) => (Arc::clone(after), JobState::Ended(0)),
            Err(_) => (before, JobState::Ended(1)),
        },
        Some(Mishap::ConnectionDrops) | None => {
            enter(state, before);
            return;
        }
    };
    state.ailing |= is == JobState::Hung;
    state.set_scene(scene);
    set_job(state, is);
    note_harm(state, step);
}

/// The first of what is left goes to work; what has no middle is done at once.
fn enter(state: &mut State, mut scene: Arc<Scene>) {
    let mut left = state.job.as_ref().map(|j| j.left.clone()).unwrap_or_default();
    let mut is = JobState::Ended(0);
    while let Some(first) = left.first() {
        let effect = scene.command(first);
        let Ok(after) = &effect.after else {
            is = JobState::Ended(1);
            break;
        };
        if let Some(midway) = effect.midway.iter().find(|m| m.world != after.world) {
            scene = Arc::clone(midway);
            is = JobState::Running;
            break;
        }
        scene = Arc::clone(after);
        left.remove(0);
    }
    state.set_scene(scene);
    if let Some(job) = &mut state.job {
        job.left = left;
        job.is = is;
    }
    note_current_harm(state);
}

fn set_job(state: &mut State, is: JobState) {
    if let Some(job) = &mut state.job {
        job.is = is;
    }
}

/// What is at work comes to its end, and what follows it begins.
pub(crate) fn go_on(state: &mut State) {
    let Some(job) = &mut state.job else { return };
    let Some(first) = (!job.left.is_empty()).then(|| job.left.remove(0)) else { return };
    let restarts = matches!(first, Command::Restart { .. });
    let finished = Scene::new(state.world().finish(&first));
    enter(state, finished);
    if restarts {
        // The restart ends the very job that ordered it.
        set_job(state, JobState::Vanished);
    }
}

fn no_answer(state: &State) -> Input {
    if state.idle { Input::TimeOver { last: Some(state.seen()) } } else { Input::NoAnswer }
}

fn poll(state: &mut State, id: &StepId, attempt: u32) -> Input {
    let Some(job) = state.job.clone().filter(|j| is_of(j, id, attempt)) else {
        let home = state.run.plan().step(id).and_then(|s| translate::home(&s.action));
        return if home.is_some_and(|h| !state.world().answers(h)) {
            no_answer(state)
        } else {
            Input::NotBegun
        };
    };
    let restarting = matches!(job.left.first(), Some(Command::Restart { .. }));
    let away = job.home.as_ref().is_some_and(|h| !state.world().answers(h));
    if away && !(restarting && job.is == JobState::Running) {
        return no_answer(state);
    }
    match job.is {
        JobState::Running => {
            go_on(state);
            match state.job.as_ref().map(|j| j.is) {
                Some(JobState::Ended(code)) => Input::Ended { code, output: String::new() },
                Some(JobState::Vanished) => Input::Vanished { output: String::new() },
                _ => Input::Runs,
            }
        }
        JobState::Hung if state.idle => Input::TimeOver { last: Some(state.seen()) },
        JobState::Hung => Input::Runs,
        JobState::Ended(code) => Input::Ended { code, output: String::new() },
        JobState::Vanished => Input::Vanished { output: String::new() },
    }
}

fn note_current_harm(state: &mut State) {
    let run = Arc::clone(&state.run);
    if let Some(step) = run.current() {
        note_harm(state, step);
    }
}

/// What must never be done was done.
pub(crate) fn note_harm(state: &mut State, step: &Step) {
    if state.violation.is_none()
        && let Some(harm) = state.world().harm().iter().next()
    {
        state.violation = Some(Arc::new(Broken::Harm { harm: harm.clone() }.of(step)));
    }
}

/// Whether what is wanted next is a person's work.
pub(crate) fn asks_person(step: &Step) -> bool {
    step.actor == Actor::Operator
}
