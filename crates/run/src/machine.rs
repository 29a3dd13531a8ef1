//! The run's memory: what the journal's records make of it, and what is wanted next.

use std::collections::BTreeMap;
use std::sync::Arc;

use kaketsugi_estate::{LockSeen, Snapshot};
use kaketsugi_plan::{Action, Actor, Baseline, Condition, Plan, PlanHash, RULES_VERSION, Step, StepId};

use crate::record::EvidenceRecord;
use crate::{End, Illegal, Outcome, Record, Want, Why};

/// For how long a condition that doesn't hold right before a step is looked at again before the run stops: a group
/// that has just moved, a node that has just joined.
pub(crate) const PATIENCE_SECONDS: u32 = 60;

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Run {
    pub(crate) plan: Arc<Plan>,
    pub(crate) id: String,
    /// What was captured when it began; None before.
    pub(crate) start: Option<Baseline>,
    pub(crate) epoch: u64,
    pub(crate) locked: bool,
    pub(crate) mode: Mode,
    /// Whether the administrator allowed the next attempt at a step that is never tried twice unasked.
    pub(crate) retry: bool,
    pub(crate) steps: BTreeMap<StepId, StepState>,
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
    pub baseline: Option<Baseline>,
    /// How many attempts were intended.
    pub attempts: u32,
    /// Whether the last attempt's end is not in the journal.
    pub open: bool,
    /// How the last attempt ended.
    pub outcome: Option<Outcome>,
    /// Whether it needs nothing more.
    pub settled: bool,
}

/// What a crash loses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) enum Transient {
    /// Nothing is known beside the journal.
    #[default]
    Fresh,
    /// This process has just written the intent: the work was not begun by it.
    Intended,
    /// The work was begun; it is being polled.
    Polling,
    /// The work ended with this exit code; `expects` are awaited.
    Verifying { code: Option<u32>, output: String },
    /// The estate isn't as planned.
    Drifted,
}

impl Run {
    /// A run that has not begun.
    #[must_use]
    pub fn new(plan: Arc<Plan>, id: impl Into<String>) -> Self {
        Self {
            plan,
            id: id.into(),
            start: None,
            epoch: 1,
            locked: false,
            mode: Mode::Forward,
            retry: false,
            steps: BTreeMap::new(),
            evidence: Vec::new(),
            stopped: None,
            finished: false,
            now: Transient::Fresh,
        }
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

    /// What was captured when the run began.
    #[must_use]
    pub fn start(&self) -> Option<&Baseline> {
        self.start.as_ref()
    }

    /// How far each step is; steps that aren't named have not begun.
    #[must_use]
    pub fn steps(&self) -> &BTreeMap<StepId, StepState> {
        &self.steps
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
        (self.steps.values().filter(|s| s.settled).count(), self.plan.steps.len())
    }

    /// The step that is in work or comes next.
    #[must_use]
    pub fn current(&self) -> Option<&Step> {
        self.plan.steps.iter().find(|step| self.is_due(step))
    }

    fn is_due(&self, step: &Step) -> bool {
        if self.state(&step.id).is_some_and(|s| s.settled) {
            return false;
        }
        match self.mode {
            Mode::Forward => true,
            Mode::Restore => {
                closes(&step.action)
                    && self.plan.steps.iter().any(|other| {
                        opens(&other.action, &step.action)
                            && self.state(&other.id).is_some_and(|s| s.attempts > 0 || s.settled)
                    })
            }
        }
    }

    pub(crate) fn state(&self, id: &StepId) -> Option<&StepState> {
        self.steps.get(id)
    }

    /// The conditions that prove a step done. While only settings are put back, where a group is does not matter.
    pub(crate) fn expects<'a>(&self, step: &'a Step) -> Vec<&'a Condition> {
        step.expects
            .iter()
            .filter(|c| {
                self.mode == Mode::Forward
                    || !matches!(
                        c,
                        Condition::Owner { .. }
                            | Condition::GroupVersion { .. }
                            | Condition::OthersOnline { .. }
                    )
            })
            .collect()
    }

    /// The snapshot with the evidence that this run collected.
    pub(crate) fn with_evidence(&self, snapshot: &Snapshot) -> Snapshot {
        let mut snapshot = snapshot.clone();
        for evidence in &self.evidence {
            evidence.add_to(&mut snapshot);
        }
        snapshot
    }

    /// What is wanted next.
    #[must_use]
    pub fn next(&self) -> Want {
        if self.now == Transient::Drifted {
            return Want::Ended(End::Drifted(Vec::new()));
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
        let id = step.id.clone();
        let within_seconds = step.timeout_seconds;
        let Some(state) = self.state(&step.id).filter(|s| s.open) else {
            return Want::Probe { step: id, within_seconds: PATIENCE_SECONDS };
        };
        let attempt = state.attempts;
        match (&step.action, &self.now) {
            (Action::Soak { seconds, .. }, _) => Want::Soak { step: id, seconds: *seconds },
            (Action::Verify { .. }, _) | (_, Transient::Verifying { .. }) => {
                Want::Probe { step: id, within_seconds }
            }
            _ if step.actor == Actor::Operator => Want::Ask { step: id, attempt, within_seconds },
            (_, Transient::Intended) => Want::Begin { step: id, attempt, within_seconds },
            // An intent in the journal, and nothing known beside it: first look what became of it.
            _ => Want::Poll { step: id, attempt, within_seconds },
        }
    }

    /// Whether a record may follow on what the journal holds.
    ///
    /// # Errors
    /// Says why not.
    pub fn may(&self, record: &Record) -> Result<(), Illegal> {
        let no = |why: String| Err(Illegal { why });
        if self.finished {
            return no("the run is finished".into());
        }
        let begun = self.start.is_some();
        match record {
            Record::Begun { .. } if begun => return no("the run has begun already".into()),
            Record::Begun { run, .. } if *run != self.id => {
                return no(format!("it belongs to the run {run}, this is {}", self.id));
            }
            Record::Begun { plan, .. } if *plan != self.plan_hash() => {
                return no(format!(
                    "it belongs to the plan {}, this is {}",
                    plan.short(),
                    self.plan_hash().short()
                ));
            }
            Record::Begun { rules_version, .. } if *rules_version != RULES_VERSION => {
                return no(format!(
                    "it was begun under rules version {rules_version}, this program has {RULES_VERSION}: \
                     finish it with the version of Kaketsugi that began it"
                ));
            }
            Record::Begun { .. } => return Ok(()),
            _ if !begun => return no("the run has not begun".into()),
            _ => {}
        }
        match record {
            Record::Resumed { epoch, .. } if *epoch != self.epoch + 1 => {
                no(format!("epoch {epoch} does not follow {}", self.epoch))
            }
            Record::Resumed { .. } => Ok(()),
            _ if self.stopped.is_some() => no("the run is stopped".into()),
            Record::Locked { epoch } if *epoch != self.epoch => no(format!("the epoch is {}", self.epoch)),
            Record::Locked { .. } | Record::Stopped { .. } => Ok(()),
            _ if !self.locked => no("the locks are not held".into()),
            Record::Finished => match self.current() {
                Some(step) => no(format!("{} is not done", step.id)),
                None => Ok(()),
            },
            Record::Attested { .. } => Ok(()),
            Record::When { step, .. } | Record::AlreadyDone { step } | Record::StepBegun { step, .. } => {
                self.is_current(step)?;
                match self.state(step) {
                    Some(s) if s.open => no(format!("{step} is in work")),
                    _ => Ok(()),
                }
            }
            Record::Intent { step, attempt } => {
                self.is_current(step)?;
                match self.state(step) {
                    Some(s) if s.baseline.is_some() && !s.open && *attempt == s.attempts + 1 => Ok(()),
                    Some(s) if s.open => no(format!("attempt {} at {step} has no end yet", s.attempts)),
                    _ => no(format!("attempt {attempt} at {step} is out of turn")),
                }
            }
            Record::Outcome { step, attempt, .. } => match self.state(step) {
                Some(s) if s.open && s.attempts == *attempt => Ok(()),
                _ => no(format!("{step} has no open attempt {attempt}")),
            },
            Record::Begun { .. } => no("the run has begun already".into()),
        }
    }

    fn is_current(&self, step: &StepId) -> Result<(), Illegal> {
        match self.current() {
            Some(current) if current.id == *step => Ok(()),
            Some(current) => Err(Illegal { why: format!("{step} is not due, {} is", current.id) }),
            None => Err(Illegal { why: format!("{step} is not due, nothing is") }),
        }
    }

    fn plan_hash(&self) -> PlanHash {
        self.plan.hash()
    }

    /// Takes a record in. Only records that are in the journal may be handed over.
    ///
    /// # Errors
    /// As [`Run::may`]; then nothing has changed.
    pub fn apply(&mut self, record: Record) -> Result<(), Illegal> {
        self.may(&record)?;
        match record {
            Record::Begun { start, .. } => self.start = Some(start),
            Record::Resumed { epoch, restore, retry, .. } => {
                self.epoch = epoch;
                self.locked = false;
                self.retry = retry;
                self.stopped = None;
                self.mode = if restore { Mode::Restore } else { Mode::Forward };
                self.now = Transient::Fresh;
            }
            Record::Locked { .. } => self.locked = true,
            Record::When { step, answer } => {
                let state = self.steps.entry(step).or_default();
                state.when = Some(answer);
                state.settled = !answer;
            }
            Record::AlreadyDone { step } => self.steps.entry(step).or_default().settled = true,
            Record::StepBegun { step, baseline } => {
                self.steps.entry(step).or_default().baseline = Some(baseline);
            }
            Record::Intent { step, attempt } => {
                let state = self.steps.entry(step).or_default();
                state.attempts = attempt;
                state.open = true;
                self.retry = false;
                self.now = Transient::Intended;
            }
            Record::Outcome { step, outcome, .. } => {
                let state = self.steps.entry(step).or_default();
                state.open = false;
                state.settled = matches!(outcome, Outcome::Done { .. });
                state.outcome = Some(outcome);
                self.now = Transient::Fresh;
            }
            Record::Attested { evidence } => self.evidence.push(evidence),
            Record::Stopped { why } => self.stopped = Some(why),
            Record::Finished => self.finished = true,
        }
        Ok(())
    }
}

/// Whether an action puts something back.
fn closes(action: &Action) -> bool {
    matches!(
        action,
        Action::Readmit { .. }
            | Action::PutBack { .. }
            | Action::StartService { .. }
            | Action::BringOnline { .. }
    )
}

/// Whether `closing` puts back what `action` changed.
fn opens(action: &Action, closing: &Action) -> bool {
    match (action, closing) {
        (Action::Drain { node, .. }, Action::Readmit { node: other, .. })
        | (Action::Quiet { node }, Action::PutBack { node: other })
        | (Action::StopService { node, .. }, Action::StartService { node: other, .. }) => node == other,
        (Action::TakeOffline { group, .. }, Action::BringOnline { group: other, .. }) => group == other,
        _ => false,
    }
}
