//! When two runs go on alike, for those who explore runs by the ten thousand.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use kaketsugi_estate::{BootId, ServerId};
use kaketsugi_plan::{Action, StepId};

use crate::restore::closes;
use crate::{Mode, Run, StepState};

impl Run {
    /// Hashes what can make a difference to how the run goes on, for runs of one plan whose nodes have started as
    /// `boots` says. Left out: the epoch, which has to grow and decides nothing; the text of outputs; and of what was
    /// captured for a step that has begun, everything but its time and whether its nodes have started anew since; and of
    /// a settled step, how it came to be settled.
    ///
    /// Nothing else is: a field that is added to the run doesn't compile here until somebody has thought about it.
    pub fn hash_alike<H: Hasher>(&self, boots: &BTreeMap<&ServerId, &BootId>, state: &mut H) {
        let Self {
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
            evidence,
            stopped,
            finished,
            now,
        } = self;
        // What was captured at the run's begin is the same for all runs that began in the same estate.
        start.is_some().hash(state);
        (locked, mode, put_back, found_closed, retry, renewed).hash(state);
        (evidence, stopped, finished, now).hash(state);
        let current = self.current().map(|s| &s.id);
        for (id, step) in steps {
            let StepState { when, baseline, attempts, open, outcome, settled } = step;
            (id, when, open, settled).hash(state);
            if *settled && current != Some(id) {
                self.hash_settled(id, *attempts, baseline.is_some(), state);
                continue;
            }
            (attempts, baseline.is_some()).hash(state);
            outcome.as_ref().map(std::mem::discriminant).hash(state);
            if let Some(baseline) = baseline {
                baseline.at.hash(state);
                for (node, boot) in &baseline.boots {
                    boots.get(node).map(|now| *now == boot).hash(state);
                }
            }
        }
    }
    /// Of a settled step only this matters: how often it may be tried again by itself if it is one that can be begun
    /// anew, and, once the run only puts back, all of a step that going forward again would open.
    fn hash_settled<H: Hasher>(&self, id: &StepId, attempts: u32, began: bool, state: &mut H) {
        match self.plan.step(id).map(|s| &s.action) {
            Some(Action::Attest { .. } | Action::Stage { .. } | Action::StopService { .. }) => {
                attempts.max(1).hash(state);
            }
            Some(action) if self.mode == Mode::Forward || !closes(action) => {}
            _ => (attempts, began).hash(state),
        }
    }
}
