//! When two runs go on alike, for those who explore runs by the hundred thousand.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use kaketsugi_estate::{BootId, ServerId};
use kaketsugi_plan::{Plan, Step};

use crate::memory::renews;
use crate::restore::opens;
use crate::steps::places;
use crate::{Run, StepState};

/// Tells runs of one plan apart as far as it makes a difference to how they go on.
#[derive(Debug, Clone)]
pub struct Alike {
    /// For each step by its place, those that it still matters to once it is settled.
    matters_to: Vec<Heirs>,
}

#[derive(Debug, Clone, Default)]
struct Heirs {
    /// Steps that put back what it changed.
    closing: Vec<usize>,
    /// Later steps that need what it brought about, and have it begun anew when it didn't last.
    needing: Vec<usize>,
}

impl Alike {
    /// For the runs of this plan.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let heirs = |at: usize, step: &Step| Heirs {
            closing: places(plan, |_, s| opens(&step.action, &s.action)),
            needing: places(plan, |place, s| place > at && s.requires.iter().any(|c| renews(step, c))),
        };
        let matters_to = plan.steps.iter().enumerate().map(|(at, step)| heirs(at, step)).collect();
        Self { matters_to }
    }

    /// Hashes what can make a difference to how a run goes on whose nodes have started as `boots` says. Left out: the
    /// epoch, which has to grow and decides nothing; the text of outputs; of what was captured for a step that has
    /// begun, everything but its time and whether its nodes have started anew since; and of a settled step what
    /// matters to no step that is still to come.
    ///
    /// Nothing else is: a field that is added to the run doesn't compile here until somebody has thought about it.
    pub fn hash<H: Hasher>(&self, run: &Run, boots: &BTreeMap<&ServerId, &BootId>, state: &mut H) {
        let Run {
            plan: _,
            id: _,
            start,
            epoch: _,
            locked,
            mode,
            put_back,
            found_closed,
            retry,
            renewed,
            steps,
            // It follows from the rest.
            current: _,
            evidence,
            stopped,
            finished,
            now,
        } = run;
        // What was captured at the run's begin is the same for all runs that began in the same estate.
        start.is_some().hash(state);
        (locked, mode, put_back, found_closed, retry, renewed).hash(state);
        (evidence, stopped, finished, now).hash(state);
        for (place, step) in steps.known() {
            let StepState { when, baseline, attempts, open, missed, outcome, settled } = step;
            // What was found closed while something was put back has to be looked at again, if the run goes forward.
            let looked_at_again = run.plan.steps.get(place).is_some_and(|s| found_closed.contains(&s.id));
            if *settled && !*open && !looked_at_again {
                self.hash_settled(run, place, step, state);
                continue;
            }
            (place, when, open, missed, settled, attempts, baseline.is_some()).hash(state);
            outcome.as_ref().map(std::mem::discriminant).hash(state);
            if let Some(baseline) = baseline {
                baseline.at.hash(state);
                for (node, boot) in &baseline.boots {
                    boots.get(node).map(|now| *now == boot).hash(state);
                }
            }
        }
    }

    fn hash_settled<H: Hasher>(&self, run: &Run, place: usize, is: &StepState, state: &mut H) {
        (place, true).hash(state);
        let to_come = |heir: &usize| !run.steps.at(*heir).is_some_and(|s| s.settled && !s.open);
        let Some(heirs) = self.matters_to.get(place) else { return };
        if heirs.closing.iter().any(to_come) {
            (is.attempts > 0 || !is.skipped()).hash(state);
        }
        if heirs.needing.iter().any(to_come) {
            // None or one makes no difference: it begins anew with one more.
            (is.skipped(), is.attempts.max(1)).hash(state);
        }
    }
}
