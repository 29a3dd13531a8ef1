//! Why a run stopped, in words, and what to do next.

use kaketsugi_plan::render::words;
use kaketsugi_plan::{Answer, Condition, Recovery, Step, StepId};
use kaketsugi_run::{Mode, Outcome, Run, Why};

use crate::advice::{advice, outdated, unmet};

/// The step that a stop is about.
pub(crate) fn step_of(why: &Why) -> Option<&StepId> {
    match why {
        Why::NotReady { step, .. }
        | Why::CannotDecide { step }
        | Why::CannotBegin { step }
        | Why::StepFailed { step, .. }
        | Why::Stuck { step }
        | Why::Silent { step, .. }
        | Why::StepLost { step }
        | Why::AsksBeforeRetry { step }
        | Why::WaitsForPerson { step } => Some(step),
        Why::LockHeld { .. } | Why::LocksLeft { .. } | Why::LockLost { .. } | Why::Interrupted => None,
    }
}

fn conditions(why: &Why) -> &[(Condition, Answer)] {
    match why {
        Why::NotReady { conditions, .. } | Why::StepFailed { conditions, .. } => conditions,
        _ => &[],
    }
}

/// What happened, in a sentence.
///
/// `outcome` is that of the step's last attempt when the run stopped.
pub(crate) fn happened(run: &Run, why: &Why, outcome: Option<&Outcome>) -> String {
    let named = step_of(why).map(|id| name(run, id)).unwrap_or_default();
    match why {
        Why::LockHeld { by } => format!("The locks could not be taken: {by}."),
        Why::NotReady { .. } => format!("{named} could not begin: what it requires does not hold."),
        Why::CannotDecide { .. } => format!("Whether {named} is needed could not be learned."),
        Why::CannotBegin { .. } => {
            format!("{named} could not begin: its order does not get through to the node, again and again.")
        }
        Why::StepFailed { .. } => match outcome {
            Some(Outcome::Cancelled { why }) => format!("{named} was not done: {why}."),
            Some(Outcome::Failed { code: Some(0 | 3010), .. }) => {
                format!("{named} ran to its end without an error, and is not proven done.")
            }
            Some(Outcome::Failed { code: Some(code), .. }) => {
                format!("{named} failed with exit code {code}.")
            }
            _ => format!("{named} is not proven done."),
        },
        Why::Stuck { step } => {
            let patience = run.plan().step(step).map(|s| words::duration(s.timeout_seconds.into()));
            let patience = patience.unwrap_or_else(|| "its time".into());
            format!("{named} was begun, and after {patience} its end is not in sight.")
        }
        Why::Silent { step, seconds } => {
            let node = run.plan().step(step).and_then(|s| s.action.node());
            let node = node.map_or_else(|| "its node".into(), ToString::to_string);
            let silence = words::duration((*seconds).into());
            format!(
                "{named} was begun, and {node} has not answered for {silence}: its power or its network is gone. Whether the work went on there is not known."
            )
        }
        Why::StepLost { .. } => {
            format!(
                "{named} was begun, and how it ended can't be known: its work is gone without an exit code, as after a power cut."
            )
        }
        Why::AsksBeforeRetry { .. } => {
            format!("The last attempt at {named} ended badly, and this step is never tried twice unasked.")
        }
        Why::WaitsForPerson { .. } => {
            format!("{named} waits for a person, and nobody was there to be asked.")
        }
        Why::Interrupted => {
            "The run was told to stop. Work that was begun goes on by itself on its node.".into()
        }
        Why::LocksLeft { by } => {
            format!("All is done, but the locks could not be given back everywhere: {by}.")
        }
        Why::LockLost { by } => {
            format!("The lock is no longer this run's: {by}. This controller did nothing more.")
        }
    }
}

/// What was seen, line by line.
pub(crate) fn seen(why: &Why) -> Vec<String> {
    conditions(why).iter().map(|(condition, answer)| unmet(condition, *answer)).collect()
}

/// What to do next, in order.
pub(crate) fn next(run: &Run, why: &Why) -> Vec<String> {
    let id = run.token().run;
    // The command that goes on the way the run goes now. What asks before it is tried again is never on the way back.
    let way = if run.mode() == Mode::Restore { "restore" } else { "resume" };
    let resume = format!("kaketsugi {way} {id}");
    let mut lines: Vec<String> = Vec::new();
    for (condition, answer) in conditions(why) {
        let line = advice(condition, *answer);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let step = step_of(why).and_then(|id| run.plan().step(id));
    match why {
        Why::LockHeld { .. } => {
            lines.push(
                "See whose it is: kaketsugi status. A run that is at work is left alone until it has ended."
                    .into(),
            );
            lines.push(format!(
                "If it is this run's own lock and its controller is gone: kaketsugi unlock {id} --reason \"…\". Then: {resume}"
            ));
        }
        Why::NotReady { .. } | Why::CannotDecide { .. } | Why::CannotBegin { .. } => {
            if lines.is_empty() {
                lines.push(reach(step));
            }
            if conditions(why).iter().any(|(c, a)| outdated(c, *a)) {
                // An attestation is a step that is done: only a new plan asks for it again.
                lines.push(format!(
                    "Nothing was begun in this step. Give this run up with kaketsugi restore {id}; a new kaketsugi plan \
                     asks for it again, and goes on from what is there."
                ));
                return lines;
            }
            lines.push(format!("Nothing was begun in this step. When the cause is mended: {resume}"));
        }
        Why::StepFailed { .. } | Why::StepLost { .. } => {
            lines.push(format!("Read its output: kaketsugi report {id}"));
            lines.push(after_failure(step, &resume, matches!(why, Why::StepLost { .. })));
        }
        Why::Silent { .. } => {
            lines.push(format!("{} Switch it on, or mend its network.", reach(step)));
            lines.push(format!(
                "When it answers: {resume}. It looks first how far the work came, and then waits for it, completes it, or says why not."
            ));
        }
        Why::Stuck { .. } => {
            lines.push(format!("{} Do not start an installer by hand.", reach(step)));
            lines.push(format!("{resume} looks first how far the work is, and waits for it or goes on."));
        }
        Why::AsksBeforeRetry { .. } => {
            lines.push(format!(
                "See how far it is: kaketsugi report {id} shows what it printed; look at the node as well."
            ));
            lines.push(format!("If it may be tried again: {resume} --retry"));
        }
        Why::WaitsForPerson { .. } => {
            lines.extend(step.and_then(|s| s.instruction.as_ref()).map(|i| format!("To be done: {i}")));
            lines.push(format!("At a terminal: {resume}"));
        }
        Why::Interrupted => lines.push(format!("To go on: {resume}")),
        Why::LocksLeft { .. } => {
            lines.push(format!("When the nodes answer: {resume} gives them back, and does nothing else."));
        }
        Why::LockLost { .. } => {
            lines.push(format!("See who goes on with it: kaketsugi status {id}. If another controller does, leave this one alone."));
            lines.push(format!("If nobody does: kaketsugi unlock {id} --reason \"…\", then {resume}"));
        }
    }
    if !matches!(why, Why::LockHeld { .. } | Why::LockLost { .. } | Why::LocksLeft { .. }) {
        match run.mode() {
            Mode::Forward => lines.push(format!(
                "To give up instead: kaketsugi restore {id} puts back what was changed beside the release; what is installed stays."
            )),
            Mode::Restore if run.may_turn_forward() => {
                lines.push(format!("To go on with the release after all: kaketsugi resume {id}"));
            }
            Mode::Restore => {}
        }
    }
    lines
}

fn after_failure(step: Option<&Step>, resume: &str, lost: bool) -> String {
    let found = if lost { "When the node is well again" } else { "When the cause is mended" };
    match step.map_or(Recovery::Ask, |s| s.recovery) {
        Recovery::Redo => format!("{found}: {resume}. The step is done again, which does no harm twice."),
        Recovery::Undo => {
            format!("{found}: {resume}. What was done is taken back first, then the step is done again.")
        }
        Recovery::ForwardOnly => {
            format!(
                "{found}: {resume}. What was begun is completed: unpacked packages are configured, nothing is taken back."
            )
        }
        Recovery::Ask => format!(
            "This step is never tried twice unasked. {found} and you know that it may be tried again: {resume} --retry"
        ),
    }
}

fn reach(step: Option<&Step>) -> String {
    match step.and_then(|s| s.action.node()) {
        Some(node) => format!("See whether {node} answers, and what it is at."),
        None => "See whether the nodes answer, and what they are at.".into(),
    }
}

/// How the last attempt at a step ended.
pub(crate) fn outcome<'a>(run: &'a Run, id: &StepId) -> Option<&'a Outcome> {
    run.state(id)?.outcome.as_ref()
}

/// `Step 8 of 33 (Install … on n2)`.
pub(crate) fn name(run: &Run, id: &StepId) -> String {
    let steps = &run.plan().steps;
    match steps.iter().position(|s| s.id == *id) {
        Some(index) => format!("Step {} of {} ({})", index + 1, steps.len(), steps[index].title),
        None => format!("A step that the plan does not know ({id})"),
    }
}
