//! Before an attempt at a step: is it due, is it done already, may it begin?

use kaketsugi_estate::Snapshot;
use kaketsugi_plan::{Action, Answer, Condition, Recovery, Step, baseline_of_step};

use crate::hear::stop;
use crate::{Input, Mode, Outcome, Record, Run, Why};

/// How many steps may be begun anew before somebody has to look what undoes them.
const RENEWALS_MAX: u32 = 3;

impl Run {
    /// The step has not been begun, or an earlier attempt at it has ended without success.
    pub(crate) fn before(&mut self, step: &Step, input: Input) -> Vec<Record> {
        let snapshot = match input {
            Input::Seen(snapshot) => snapshot,
            Input::TimeOver { last } => return self.not_ready(step, last.as_deref()),
            _ => return Vec::new(),
        };
        let seen = self.with_evidence(&snapshot);
        let mut records = Vec::new();
        if let Some(when) = self.undecided(step) {
            match self.judge(when, &seen, None) {
                Answer::Yes => records.push(Record::When { step: step.id.clone(), answer: true }),
                Answer::No => return vec![Record::When { step: step.id.clone(), answer: false }],
                Answer::Unknown => return Vec::new(),
            }
        }
        let state = self.state(&step.id).cloned().unwrap_or_default();
        if self.may_be_found_done(step, state.attempts) && self.proven(step, &seen) {
            records.push(Record::AlreadyDone { step: step.id.clone() });
            return records;
        }
        if !self.required(step, &seen).is_empty() {
            return records;
        }
        let ended_badly = matches!(state.outcome, Some(Outcome::Failed { .. } | Outcome::Lost { .. }));
        if ended_badly && asks(step) && !self.retry {
            return stop(Why::AsksBeforeRetry { step: step.id.clone() });
        }
        if state.baseline.is_none() {
            records.push(Record::StepBegun { step: step.id.clone(), baseline: baseline_of_step(&seen) });
        }
        records.push(Record::Intent { step: step.id.clone(), attempt: state.attempts + 1 });
        records
    }

    /// The condition that a step depends on, as long as it has not been read.
    fn undecided<'a>(&self, step: &'a Step) -> Option<&'a Condition> {
        step.when.as_ref().filter(|_| self.state(&step.id).is_none_or(|s| s.when.is_none()))
    }

    /// Whether the step may be found done. Where its work is the evidence, only work proves it.
    fn may_be_found_done(&self, step: &Step, attempts: u32) -> bool {
        !matches!(step.action, Action::Soak { .. } | Action::Attest { .. })
            && (attempts > 0 || !step.action.work_is_evidence())
    }

    /// Why the step can't begin, by the last look. What an earlier step brought about and didn't last is brought
    /// about again: evidence that has grown too old, a service that a power cut started.
    pub(crate) fn not_ready(&self, step: &Step, last: Option<&Snapshot>) -> Vec<Record> {
        let nothing = Snapshot::default();
        let seen = self.with_evidence(last.unwrap_or(&nothing));
        let undecidable =
            self.undecided(step).is_some_and(|when| self.judge(when, &seen, None) == Answer::Unknown);
        if undecidable {
            return stop(Why::CannotDecide { step: step.id.clone() });
        }
        let conditions = self.required(step, &seen);
        match last.and_then(|_| self.renewal(step, &conditions, &seen)) {
            Some(renewal) if self.state(&step.id).is_some_and(|s| s.open) => {
                // One attempt at a time: this one is over before another step begins anew.
                let why = "it had not begun, and what it needs has to be renewed first".into();
                vec![self.outcome(step, Outcome::Cancelled { why }), renewal]
            }
            Some(renewal) => vec![renewal],
            None => stop(Why::NotReady { step: step.id.clone(), conditions }),
        }
    }

    /// The record by which an earlier step begins anew, when that can bring about what is missing.
    fn renewal(&self, step: &Step, missing: &[(Condition, Answer)], seen: &Snapshot) -> Option<Record> {
        if self.mode == Mode::Restore || self.renewed >= RENEWALS_MAX {
            return None;
        }
        let again = missing
            .iter()
            .filter(|(_, answer)| *answer == Answer::No)
            .filter_map(|(condition, _)| self.renewable(step, condition))
            .next()?;
        Some(Record::StepBegun { step: again.id.clone(), baseline: baseline_of_step(seen) })
    }
}

/// Whether a person decides before a step is tried again. What has to be taken back first is a person's to take back.
pub(crate) fn asks(step: &Step) -> bool {
    matches!(step.recovery, Recovery::Ask | Recovery::Undo)
}
