//! The run that a plan follows on: it was given up, and what was approved then still holds where nothing is new.

use kaketsugi_plan::diff::{Diff, Spent, diff, needs_new_approval_after};
use kaketsugi_plan::{Phase, Plan};
use kaketsugi_run::{Mode, Run};
use kaketsugi_runner::Note;

use crate::args::Global;
use crate::commands::apply::journal_failure;
use crate::exit::Failure;
use crate::files;

/// How long after its run an approval holds for what follows on it: what was weighed then is still so. A day, in
/// milliseconds.
const APPROVAL_HOLDS_MS: u64 = 24 * 3600 * 1000;

/// A run that was given up, as far as a plan after it asks.
pub(crate) struct Parent {
    /// Its id.
    pub(crate) run: String,
    /// Who approved its plan, and how.
    pub(crate) approved_by: String,
    plan: Plan,
    spent: Spent,
}

impl Parent {
    /// The run of this id.
    ///
    /// # Errors
    /// When there is none that was given up: one that can go on keeps its locks.
    pub(crate) fn named(global: &Global, id: &str) -> Result<Self, Failure> {
        files::no_rehearsal(global, id)?;
        let (journal, run, _) = files::store(global).open(id).map_err(journal_failure)?;
        let id = run.token().run;
        if !run.finished() || run.mode() != Mode::Restore {
            return Err(Failure::cannot(
                format!("{id} was not given up, so no plan follows on it"),
                format!("Go on with it: kaketsugi resume {id}. To give it up first: kaketsugi restore {id}."),
            ));
        }
        let approved_by = journal.noted(Note::ApprovedBy).map_err(journal_failure)?.unwrap_or_default();
        Ok(Self { run: id, approved_by, plan: run.plan().clone(), spent: spent(&run) })
    }

    /// The run that a plan says it follows on, if it ended within the last day and no other run of its estate has begun
    /// since.
    pub(crate) fn of(global: &Global, plan: &Plan) -> Option<Self> {
        let parent = plan.parent.as_ref()?;
        let runs = files::store(global).list().ok()?.into_iter().filter(|run| run.estate == plan.estate.name);
        let youngest = runs.max_by_key(|run| run.begun)?;
        let age_ms = kaketsugi_runner::now().0.saturating_sub(youngest.last?.0);
        if age_ms > APPROVAL_HOLDS_MS {
            return None;
        }
        Self::named(global, &youngest.run).ok().filter(|run| run.plan.hash() == *parent)
    }

    /// Makes a plan one that follows on this run.
    ///
    /// # Errors
    /// When it is for another estate.
    pub(crate) fn adopt(&self, plan: &mut Plan) -> Result<(), Failure> {
        if plan.estate.name != self.plan.estate.name {
            return Err(Failure::cannot(
                format!("{} was a run of {}, not of {}", self.run, self.plan.estate.name, plan.estate.name),
                "Name a run of this estate: kaketsugi status",
            ));
        }
        plan.parent = Some(self.plan.hash());
        Ok(())
    }

    /// Why a plan after this run has to be approved again; empty: it does nothing that wasn't approved.
    pub(crate) fn new_in(&self, plan: &Plan) -> Vec<String> {
        needs_new_approval_after(&self.plan, plan, &self.spent)
    }

    /// What differs.
    pub(crate) fn diff(&self, plan: &Plan) -> Diff {
        diff(&self.plan, plan)
    }
}

/// How often each group was cut off: every attempt counts.
fn spent(run: &Run) -> Spent {
    let mut spent = Spent::new();
    for (step, state) in run.states() {
        for cut in step.interrupts.iter().filter(|i| matches!(i.phase, Phase::Whole | Phase::Begins)) {
            let times = spent.entry((cut.cluster.clone(), cut.group.clone())).or_default();
            *times += usize::try_from(state.attempts).unwrap_or(usize::MAX);
        }
    }
    spent
}
