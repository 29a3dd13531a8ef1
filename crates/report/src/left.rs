//! What a run that is not finished has left as it isn't meant to stay.

use std::collections::BTreeMap;

use kaketsugi_plan::render::cut_off;
use kaketsugi_plan::{Action, Interruption, Phase, Plan, Step};
use kaketsugi_run::Run;

/// What is not as it was, in words, by what the journal holds: users that are cut off first. Empty for a run that
/// changed nothing or is finished.
#[must_use]
pub fn left(run: &Run) -> Vec<String> {
    if run.finished() {
        return Vec::new();
    }
    // By what it is about: the words, and whether they come first.
    let mut open: BTreeMap<(u8, String), String> = BTreeMap::new();
    for step in &run.plan().steps {
        let Some(state) = run.state(&step.id).filter(|s| s.when != Some(false)) else { continue };
        let touched = state.attempts > 0 || state.settled;
        if touched {
            users(&mut open, &cut_off(run.plan(), step), &step.title, state.settled, state.attempts > 0);
            settings(&mut open, run.plan(), step, state.settled);
        }
    }
    open.into_values().collect()
}

fn users(
    open: &mut BTreeMap<(u8, String), String>,
    cut_off: &[Interruption],
    title: &str,
    settled: bool,
    attempted: bool,
) {
    for interruption in cut_off {
        let group = &interruption.group;
        let key = (0, group.to_string());
        match interruption.phase {
            Phase::Begins | Phase::LastsOn => {
                open.insert(key, format!("Users of {group} are cut off."));
            }
            Phase::Ends | Phase::Whole if settled => {
                open.remove(&key);
            }
            Phase::Ends => {}
            Phase::Whole if attempted => {
                let text = format!("Users of {group} may be cut off: “{title}” is not proven done.");
                open.entry(key).or_insert(text);
            }
            Phase::Whole => {}
        }
    }
}

fn settings(open: &mut BTreeMap<(u8, String), String>, plan: &Plan, step: &Step, settled: bool) {
    let mut changed = |key: &str, text: String| {
        open.insert((1, key.to_owned()), text);
    };
    match &step.action {
        Action::Drain { node, .. } if plan.estate.pool_of(node).is_some() => {
            changed(
                &format!("drain {node}"),
                format!("{node} was taken out of its pool and serves nobody yet."),
            );
        }
        Action::Drain { node, .. } => changed(
            &format!("drain {node}"),
            format!("{node} was put into standby and may carry no groups yet."),
        ),
        Action::Pause { node, .. } => changed(
            &format!("drain {node}"),
            format!("{node} was paused and may take no groups yet; what it carries stays there."),
        ),
        Action::StopService { node, .. } => {
            changed(
                &format!("service {node}"),
                format!("The cluster service on {node} was stopped and is not proven to run again."),
            );
        }
        Action::Quiet { node } => {
            changed(
                &format!("quiet {node}"),
                format!("Timers, service starts and failback on {node} are held back."),
            );
        }
        Action::Readmit { node, .. } if settled => drop(open.remove(&(1, format!("drain {node}")))),
        Action::StartService { node, .. } if settled => drop(open.remove(&(1, format!("service {node}")))),
        Action::PutBack { node } if settled => drop(open.remove(&(1, format!("quiet {node}")))),
        _ => {}
    }
}
