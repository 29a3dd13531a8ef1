//! Which record may follow on which, and what each leaves in the run's memory. Written and recovered journals go
//! through the same two functions.

use std::sync::Arc;

use kaketsugi_plan::{Action, Condition, RULES_VERSION, Step, StepId};

use crate::before::asks;
use crate::machine::Transient;
use crate::record::EvidenceRecord;
use crate::restore::closes;
use crate::{Illegal, Mode, Outcome, Record, Run, StepState, Why};

impl Run {
    /// Whether a record may follow on what the journal holds.
    ///
    /// # Errors
    /// Says why not.
    pub fn may(&self, record: &Record) -> Result<(), Illegal> {
        if self.finished {
            return no("the run is finished");
        }
        if let Record::Begun { run, plan, rules_version, .. } = record {
            return self.may_begin(run, plan, *rules_version);
        }
        if self.start.is_none() {
            return no("the run has not begun");
        }
        if let Record::Resumed { epoch, .. } = record {
            return ensure(*epoch == self.epoch + 1, || {
                format!("epoch {epoch} doesn't follow on {}", self.epoch)
            });
        }
        if self.stopped.is_some() {
            return no("the run is stopped");
        }
        match record {
            Record::Stopped { .. } => Ok(()),
            Record::Locked { epoch } => {
                ensure(*epoch == self.epoch, || format!("the epoch is {}, not {epoch}", self.epoch))?;
                ensure(!self.locked, || "the locks are held already".into())
            }
            _ if !self.locked => no("the locks are not held"),
            Record::When { step, .. } => {
                let is = self.between_attempts(step)?;
                let asks = self.plan.step(step).is_some_and(|s| s.when.is_some());
                ensure(asks, || format!("{step} doesn't depend on anything"))?;
                ensure(self.when(step).is_none() && is.attempts == 0, || {
                    format!("what {step} depends on has been read already")
                })
            }
            Record::AlreadyDone { step } => self.between_attempts(step).and_then(|_| self.decided(step)),
            Record::StepBegun { step, .. } if self.settled(step) => self.may_renew(step),
            Record::StepBegun { step, .. } => {
                let is = self.between_attempts(step)?;
                self.decided(step)?;
                ensure(is.baseline.is_none(), || format!("{step} has begun already"))
            }
            Record::Intent { step, attempt } => {
                let is = self.between_attempts(step)?;
                ensure(is.baseline.is_some(), || format!("{step} has not begun"))?;
                ensure(*attempt == is.attempts + 1, || {
                    format!("attempt {attempt} at {step} doesn't follow on {}", is.attempts)
                })
            }
            Record::Outcome { step, attempt, .. } => {
                let open = self.state(step).is_some_and(|s| s.open && s.attempts == *attempt);
                ensure(open, || format!("{step} has no open attempt {attempt}"))
            }
            Record::Attested { evidence } => self.may_attest(evidence),
            Record::Finished => match self.current() {
                Some(step) => no(format!("{} is not done", step.id)),
                None => Ok(()),
            },
            Record::Begun { .. } | Record::Resumed { .. } => no("it was looked at above"),
        }
    }

    fn may_begin(
        &self,
        run: &str,
        plan: &kaketsugi_plan::PlanHash,
        rules_version: u32,
    ) -> Result<(), Illegal> {
        ensure(self.start.is_none(), || "the run has begun already".into())?;
        ensure(run == self.id, || format!("it belongs to the run {run}, this is {}", self.id))?;
        let ours = self.plan.hash();
        ensure(*plan == ours, || {
            format!("it belongs to the plan {}, this is {}", plan.short(), ours.short())
        })?;
        ensure(rules_version == RULES_VERSION, || {
            format!(
                "it was begun under rules version {rules_version}, this program has {RULES_VERSION}: finish it with \
                 the version of Kaketsugi that began it"
            )
        })
    }

    /// The state of a step whose turn it is and that has no open attempt.
    fn between_attempts(&self, step: &StepId) -> Result<StepState, Illegal> {
        match self.current() {
            Some(current) if current.id == *step => {}
            Some(current) => return no(format!("{step} is not due, {} is", current.id)),
            None => return no(format!("{step} is not due, nothing is")),
        }
        let is = self.state(step).cloned().unwrap_or_default();
        ensure(!is.open, || format!("attempt {} at {step} has no end yet", is.attempts))?;
        Ok(is)
    }

    fn when(&self, step: &StepId) -> Option<bool> {
        self.state(step).and_then(|s| s.when)
    }

    /// What the step depends on has been read, if it depends on anything.
    fn decided(&self, step: &StepId) -> Result<(), Illegal> {
        let asks = self.plan.step(step).is_some_and(|s| s.when.is_some());
        ensure(!asks || self.when(step) == Some(true), || format!("what {step} depends on has not been read"))
    }

    fn settled(&self, step: &StepId) -> bool {
        self.state(step).is_some_and(|s| s.settled)
    }

    /// A settled step begins anew, because the step whose turn it is needs what it brought about.
    fn may_renew(&self, step: &StepId) -> Result<(), Illegal> {
        let Some(current) = self.current() else { return no(format!("{step} is done, and nothing is due")) };
        ensure(!self.state(&current.id).is_some_and(|s| s.open), || format!("{} is in work", current.id))?;
        let needed =
            current.requires.iter().filter_map(|c| self.renewable(current, c)).any(|s| s.id == *step);
        ensure(needed, || format!("{step} is done, and {} doesn't need it again", current.id))
    }

    /// The step that can bring about again what `step` needs: one that has been done before it, and that changes
    /// nothing its users notice.
    pub(crate) fn renewable(&self, step: &Step, needs: &Condition) -> Option<&Step> {
        if self.mode == Mode::Restore {
            return None;
        }
        let before = self.steps.place(&step.id)?;
        let done = self.steps.known().filter(|(place, is)| *place < before && is.settled && !is.skipped());
        done.filter_map(|(place, _)| self.plan.steps.get(place)).filter(|s| renews(s, needs)).last()
    }

    fn may_attest(&self, evidence: &EvidenceRecord) -> Result<(), Illegal> {
        let asked = self.current().is_some_and(|s| {
            s.action == Action::Attest { evidence: evidence.kind }
                && self.state(&s.id).is_some_and(|s| s.open)
        });
        ensure(asked, || format!("nobody was asked for {:?}", evidence.kind))
    }

    /// Takes a record in. Only records that are in the journal may be handed over.
    ///
    /// # Errors
    /// As [`Run::may`]; then nothing has changed.
    pub fn apply(&mut self, record: Record) -> Result<(), Illegal> {
        self.may(&record)?;
        match record {
            Record::Begun { start, .. } => self.start = Some(Arc::new(start)),
            Record::Resumed { epoch, restore, retry, .. } => {
                self.epoch = epoch;
                self.locked = false;
                self.retry = retry;
                self.renewed = 0;
                if let Some(Why::Silent { step, .. } | Why::Stuck { step }) = self.stopped.take()
                    && let Some(state) = self.steps.change(&step)
                {
                    state.missed = true;
                }
                self.turn(restore);
                self.now = Transient::Fresh;
            }
            Record::Locked { .. } => self.locked = true,
            Record::When { step, answer } => {
                if let Some(state) = self.steps.change(&step) {
                    state.when = Some(answer);
                    state.settled = !answer;
                }
            }
            Record::AlreadyDone { step } => {
                if let Some(state) = self.steps.change(&step) {
                    state.settled = true;
                }
                if self.mode == Mode::Restore {
                    self.found_closed.insert(step);
                }
            }
            Record::StepBegun { step, baseline } => {
                if let Some(state) = self.steps.change(&step) {
                    self.renewed += u32::from(state.settled);
                    state.settled = false;
                    state.outcome = None;
                    state.baseline = Some(Arc::new(baseline));
                }
            }
            Record::Intent { step, attempt } => self.intend(&step, attempt),
            Record::Outcome { step, outcome, .. } => {
                if let Some(state) = self.steps.change(&step) {
                    state.open = false;
                    state.settled = matches!(outcome, Outcome::Done { .. });
                    state.outcome = Some(outcome);
                }
                self.now = Transient::Fresh;
            }
            Record::Attested { evidence } => self.evidence.push(evidence),
            Record::Stopped { why } => self.stopped = Some(why),
            Record::Finished => self.finished = true,
        }
        self.turn_to_current();
        Ok(())
    }

    fn intend(&mut self, step: &StepId, attempt: u32) {
        if let Some(step) = self.plan.step(step) {
            // The administrator's word is for the one step that is never tried twice unasked.
            self.retry &= !(asks(step) && attempt > 1);
            self.put_back |= self.mode == Mode::Restore && closes(&step.action);
        }
        if let Some(state) = self.steps.change(step) {
            state.attempts = attempt;
            state.open = true;
            state.missed = false;
        }
        self.now = Transient::Ready { tries: 0 };
    }

    /// Whether a run can still be carried out to its end. Once something was put back it can't: steps that count as
    /// done would not be.
    #[must_use]
    pub fn may_turn_forward(&self) -> bool {
        self.mode == Mode::Forward || !self.put_back
    }

    /// Which way the run goes on.
    fn turn(&mut self, restore: bool) {
        if restore || !self.may_turn_forward() {
            self.mode = Mode::Restore;
            return;
        }
        self.mode = Mode::Forward;
        for step in std::mem::take(&mut self.found_closed) {
            if let Some(state) = self.steps.change(&step) {
                state.settled = false;
            }
        }
    }
}

/// Whether a step could bring a condition about again.
pub(crate) fn renews(step: &Step, needs: &Condition) -> bool {
    match (&step.action, needs) {
        (Action::Attest { evidence }, Condition::Evidence { kind, .. }) => evidence == kind,
        (Action::Stage { .. } | Action::StopService { .. }, _) => step.expects.contains(needs),
        _ => false,
    }
}

fn no<T>(why: impl Into<String>) -> Result<T, Illegal> {
    Err(Illegal { why: why.into() })
}

fn ensure(holds: bool, why: impl FnOnce() -> String) -> Result<(), Illegal> {
    if holds { Ok(()) } else { no(why()) }
}
