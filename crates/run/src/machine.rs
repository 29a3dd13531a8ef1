//! The run's memory, and what is wanted next.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use kaketsugi_estate::{EvidenceKind, LockSeen, Snapshot};
use kaketsugi_plan::{Action, Actor, Answer, Baseline, Condition, Plan, Step, StepId};

use crate::record::EvidenceRecord;
use crate::restore::closes;
use crate::steps::Steps;
use crate::{End, Illegal, Outcome, Record, Want, Why};

/// For how long a condition that doesn't hold right before a step is looked at again before the run stops: a group
/// that has just moved, a node that has just joined.
pub(crate) const PATIENCE_SECONDS: u32 = 60;

/// For how long a person's "done" is looked for. They have looked themselves; a directory may need to replicate.
pub(crate) const PERSON_PATIENCE_SECONDS: u32 = 300;

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Run {
    pub(crate) plan: Arc<Plan>,
    pub(crate) id: String,
    /// What was captured when it began; None before.
    pub(crate) start: Option<Arc<Baseline>>,
    pub(crate) epoch: u64,
    pub(crate) locked: bool,
    pub(crate) mode: Mode,
    /// Whether something was changed in [`Mode::Restore`]: then there is no way forward any more.
    pub(crate) put_back: bool,
    /// Steps that were found done in [`Mode::Restore`]: forward they have to be looked at again.
    pub(crate) found_closed: BTreeSet<StepId>,
    /// Whether the administrator allowed the next attempt at a step that is never tried twice unasked.
    pub(crate) retry: bool,
    /// How many steps were begun anew, since somebody last went on with the run, because what they brought about
    /// didn't last.
    pub(crate) renewed: u32,
    pub(crate) steps: Steps,
    /// The place of the step that is in work or comes next; it follows from the rest.
    pub(crate) current: Option<usize>,
    pub(crate) evidence: Vec<EvidenceRecord>,
    pub(crate) stopped: Option<Why>,
    pub(crate) finished: bool,
    /// What this process knows beside the journal; a crash loses it, and nothing is harmed by that.
    pub(crate) now: Transient,
}

/// Which steps are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// All.
    Forward,
    /// Only those that put back what was changed beside the patch.
    Restore,
}

/// How far a step is, by the journal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct StepState {
    /// The answer to its `when`.
    pub when: Option<bool>,
    /// What was captured when it began.
    pub baseline: Option<Arc<Baseline>>,
    /// How many attempts were intended.
    pub attempts: u32,
    /// Whether the last attempt's end is not in the journal.
    pub open: bool,
    /// Whether the run stopped amid the open attempt because nothing was heard of it, and somebody went on.
    pub missed: bool,
    /// How the last attempt ended.
    pub outcome: Option<Outcome>,
    /// Whether it needs nothing more.
    pub settled: bool,
}

impl StepState {
    /// Whether it was left out, because its `when` was answered with no.
    #[must_use]
    pub fn skipped(&self) -> bool {
        self.when == Some(false)
    }
}

/// What a crash loses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) enum Transient {
    /// Nothing is known beside the journal.
    #[default]
    Fresh,
    /// What the attempt needs was looked at just now, and the work was not begun.
    Ready {
        /// How often the work could not be begun.
        tries: u32,
    },
    /// The work may have been begun; it is being polled.
    Polling {
        /// How often the work could not be begun.
        tries: u32,
    },
    /// The work was not begun; whether it still may be has to be looked at again.
    Rechecking {
        /// How often the work could not be begun.
        tries: u32,
        /// Whether that it was not begun is only the node's word.
        by_node: bool,
    },
    /// The work ended with this exit code; `expects` are awaited.
    Verifying { code: Option<u32>, output: String },
    /// Servers don't answer before anything has begun.
    Unreached(Vec<String>),
    /// The estate isn't as planned.
    Drifted(Vec<String>),
}

impl Run {
    /// A run that has not begun.
    #[must_use]
    pub fn new(plan: Arc<Plan>, id: impl Into<String>) -> Self {
        let steps = Steps::new(&plan);
        let mut run = Self {
            plan,
            id: id.into(),
            start: None,
            epoch: 1,
            locked: false,
            mode: Mode::Forward,
            put_back: false,
            found_closed: BTreeSet::new(),
            retry: false,
            renewed: 0,
            steps,
            current: None,
            evidence: Vec::new(),
            stopped: None,
            finished: false,
            now: Transient::Fresh,
        };
        run.turn_to_current();
        run
    }

    /// A run from what a journal holds, whatever prefix of it.
    ///
    /// # Errors
    /// When a record can't follow on those before: the journal is damaged, or belongs to another plan.
    pub fn recover(plan: Arc<Plan>, id: impl Into<String>, records: &[Record]) -> Result<Self, Illegal> {
        let mut run = Self::new(plan, id);
        for record in records {
            run.apply(record.clone())?;
        }
        run.now = Transient::Fresh;
        Ok(run)
    }

    /// The record by which somebody goes on with the run. `retry` allows one more attempt at a step that is never
    /// tried twice unasked.
    #[must_use]
    pub fn resumption(&self, restore: bool, retry: bool, reason: impl Into<String>) -> Record {
        Record::Resumed { epoch: self.epoch + 1, restore, retry, reason: reason.into() }
    }

    /// The plan that is carried out.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The token under which the run acts.
    #[must_use]
    pub fn token(&self) -> LockSeen {
        LockSeen { run: self.id.clone(), epoch: self.epoch }
    }

    /// Which steps are due. A finished run whose mode is [`Mode::Restore`] has not reached its plan's end.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What was captured when the run began.
    #[must_use]
    pub fn start(&self) -> Option<&Baseline> {
        self.start.as_deref()
    }

    /// How far a step is. None: it has not begun.
    #[must_use]
    pub fn state(&self, step: &StepId) -> Option<&StepState> {
        self.steps.get(step)
    }

    /// The steps that have begun or were found done, and how far they are, in the plan's order.
    pub fn states(&self) -> impl Iterator<Item = (&Step, &StepState)> {
        self.steps.known().filter_map(|(place, state)| Some((self.plan.steps.get(place)?, state)))
    }

    /// What people attested, oldest first.
    #[must_use]
    pub fn evidence(&self) -> &[EvidenceRecord] {
        &self.evidence
    }

    /// Why it stopped, while it is stopped.
    #[must_use]
    pub fn stopped(&self) -> Option<&Why> {
        self.stopped.as_ref()
    }

    /// Whether it has begun, and so whether anything may have been changed.
    #[must_use]
    pub fn begun(&self) -> bool {
        self.start.is_some()
    }

    /// Whether it is finished.
    #[must_use]
    pub fn finished(&self) -> bool {
        self.finished
    }

    /// What is done, whole steps, and of how many.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.steps.known().filter(|(_, s)| s.settled).count(), self.plan.steps.len())
    }

    /// The step that is in work or comes next.
    #[must_use]
    pub fn current(&self) -> Option<&Step> {
        self.plan.steps.get(self.current?)
    }

    /// Finds the step that is in work or comes next, after a record has changed which one that is.
    pub(crate) fn turn_to_current(&mut self) {
        // An attempt that was begun comes to its end before anything else is begun, whichever mode the run is in.
        let open = self.steps.known().find(|(_, s)| s.open).map(|(place, _)| place);
        self.current = open.or_else(|| (0..self.plan.steps.len()).find(|place| self.is_due(*place)));
    }

    fn is_due(&self, place: usize) -> bool {
        let settled = self.steps.at(place).is_some_and(|s| s.settled);
        !settled && (self.mode == Mode::Forward || self.has_to_close(place))
    }

    /// Conditions that the step in work or due waits for, with their answers: those that must hold before it begins,
    /// or those that prove it done.
    #[must_use]
    pub fn awaited(&self, seen: &Snapshot) -> Vec<(Condition, Answer)> {
        let Some(step) = self.current() else { return Vec::new() };
        let seen = self.with_evidence(seen);
        let proves = matches!(self.now, Transient::Verifying { .. }) || !self.needs_work(step);
        if self.state(&step.id).is_some_and(|s| s.open) && proves {
            self.unmet_expects(step, &seen)
        } else {
            self.required(step, &seen)
        }
    }

    /// Whether a step has work that is begun at a certain moment, by a machine or a person.
    fn needs_work(&self, step: &Step) -> bool {
        !step.action.only_looks()
    }

    /// The snapshot with the evidence that the plan was made from, which no probe sees, and that this run collected.
    pub(crate) fn with_evidence<'a>(&self, snapshot: &'a Snapshot) -> Cow<'a, Snapshot> {
        if self.plan.snapshot.evidence.is_empty() && self.evidence.is_empty() {
            return Cow::Borrowed(snapshot);
        }
        let mut snapshot = snapshot.clone();
        snapshot.evidence.extend(self.plan.snapshot.evidence.iter().cloned());
        for evidence in &self.evidence {
            evidence.add_to(&mut snapshot);
        }
        Cow::Owned(snapshot)
    }

    /// Whether a person has attested this since the step that asks for it began: a crash came between their answer
    /// and the step's outcome.
    fn attested_since(&self, step: &Step, kind: EvidenceKind) -> bool {
        let begun = self.state(&step.id).and_then(|s| s.baseline.as_ref()).map(|b| b.at);
        self.evidence.iter().any(|e| e.kind == kind && Some(e.at) >= begun)
    }

    /// What is wanted next.
    #[must_use]
    pub fn next(&self) -> Want {
        if let Transient::Unreached(silent) = &self.now {
            return Want::Ended(End::Unreached(silent.clone()));
        }
        if let Transient::Drifted(differences) = &self.now {
            return Want::Ended(End::Drifted(differences.clone()));
        }
        if self.finished {
            return Want::Ended(End::Finished);
        }
        if self.stopped.is_some() {
            return Want::Ended(End::Stopped);
        }
        if self.start.is_none() {
            return Want::Look;
        }
        if !self.locked {
            return Want::Lock { token: self.token() };
        }
        let Some(step) = self.current() else { return Want::Unlock { token: self.token() } };
        match self.state(&step.id).filter(|s| s.open) {
            Some(state) => self.next_within(step, state.attempts),
            None => Want::Probe { step: step.id.clone(), within_seconds: PATIENCE_SECONDS },
        }
    }

    /// What is wanted while an attempt is open.
    fn next_within(&self, step: &Step, attempt: u32) -> Want {
        let id = step.id.clone();
        let by_person = step.actor == Actor::Operator;
        let within_seconds = step.timeout_seconds;
        let probe = |within_seconds| Want::Probe { step: id.clone(), within_seconds };
        if let Transient::Verifying { .. } = self.now {
            return probe(if by_person {
                within_seconds.min(PERSON_PATIENCE_SECONDS)
            } else {
                within_seconds
            });
        }
        if self.mode == Mode::Restore && !closes(&step.action) && (by_person || step.action.only_looks()) {
            // Nobody is asked to go forward any more; only what became of it is looked at.
            return probe(PATIENCE_SECONDS);
        }
        match (&step.action, &self.now) {
            (Action::Soak { seconds, .. }, _) => Want::Soak { step: id, seconds: *seconds },
            (Action::Verify { .. }, _) => probe(within_seconds),
            (Action::Attest { evidence }, _) if self.attested_since(step, *evidence) => {
                probe(PATIENCE_SECONDS)
            }
            (Action::Attest { .. }, _) => Want::Ask { step: id, attempt, within_seconds },
            (_, Transient::Rechecking { .. }) => probe(PATIENCE_SECONDS),
            (_, Transient::Ready { .. }) if by_person => Want::Ask { step: id, attempt, within_seconds },
            (_, Transient::Ready { .. }) => Want::Begin { step: id, attempt, within_seconds },
            // Somebody was asked before a crash or a stop: what they need is looked at before they are asked again.
            _ if by_person => probe(PATIENCE_SECONDS),
            // An intent in the journal, and nothing known beside it: first look what became of it.
            _ => Want::Poll { step: id, attempt, within_seconds },
        }
    }
}
