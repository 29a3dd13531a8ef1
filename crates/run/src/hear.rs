//! What an answer of the host means, in the state the run is in.

use std::sync::Arc;

use kaketsugi_estate::{ServerId, Snapshot};
use kaketsugi_plan::{Answer, Baseline, Condition, RULES_VERSION, Step, baseline, judge};

use crate::machine::Transient;
use crate::{Input, Mode, Outcome, Record, Run, Want, Why};

impl Run {
    /// Takes an answer of the host in. The records that come back are to be journalled, in their order, each before
    /// [`Run::apply`] sees it and before anything else is done. An answer to something that wasn't asked means
    /// nothing.
    #[must_use = "records that are not journalled are lost"]
    pub fn hear(&mut self, input: Input) -> Vec<Record> {
        if let Some(records) = self.hear_anywhere(&input) {
            return records;
        }
        match self.next() {
            Want::Ended(_) => Vec::new(),
            Want::Look => self.looked(input),
            Want::Lock { .. } => match input {
                Input::Locked => vec![Record::Locked { epoch: self.epoch }],
                Input::NotLocked { by } => stop(Why::LockHeld { by }),
                _ => Vec::new(),
            },
            Want::Unlock { .. } => match input {
                Input::Unlocked => vec![Record::Finished],
                Input::NotLocked { by } => stop(Why::LocksLeft { by }),
                _ => Vec::new(),
            },
            want @ (Want::Probe { .. }
            | Want::Begin { .. }
            | Want::Poll { .. }
            | Want::Ask { .. }
            | Want::Soak { .. }) => {
                if let (Want::Probe { step, .. } | Want::Soak { step, .. }, Input::NobodyThere) =
                    (&want, &input)
                {
                    // A look that a person has to carry, and nobody does.
                    return stop(Why::WaitsForPerson { step: step.clone() });
                }
                let plan = Arc::clone(&self.plan);
                match want.step().and_then(|id| plan.step(id)) {
                    Some(step) if self.state(&step.id).is_some_and(|s| s.open) => {
                        self.within(step, &want, input)
                    }
                    Some(step) => self.before(step, input),
                    None => Vec::new(),
                }
            }
        }
    }

    fn hear_anywhere(&mut self, input: &Input) -> Option<Vec<Record>> {
        if self.start.is_none() || self.stopped.is_some() || self.finished {
            return None;
        }
        match input {
            Input::Interrupt => Some(stop(Why::Interrupted)),
            Input::LockLost { by } => Some(stop(Why::LockLost { by: by.clone() })),
            _ => None,
        }
    }

    fn looked(&mut self, input: Input) -> Vec<Record> {
        let Input::Seen(snapshot) = input else { return Vec::new() };
        let silent = crate::drift::unreached(&self.plan.snapshot, &snapshot);
        if !silent.is_empty() {
            self.now = Transient::Unreached(silent);
            return Vec::new();
        }
        let differences = crate::drift(&self.plan.snapshot, &snapshot);
        if !differences.is_empty() {
            self.now = Transient::Drifted(differences);
            return Vec::new();
        }
        vec![Record::Begun {
            run: self.id.clone(),
            plan: self.plan.hash(),
            rules_version: RULES_VERSION,
            start: baseline(&snapshot),
        }]
    }

    /// Conditions right before a step that don't hold, with their answers.
    pub(crate) fn required(&self, step: &Step, seen: &Snapshot) -> Vec<(Condition, Answer)> {
        let answer = |c: &Condition| match self.mode {
            Mode::Forward => self.judge(c, seen, None),
            Mode::Restore => {
                self.judge_in_restore(step, c, seen).unwrap_or_else(|| self.judge(c, seen, None))
            }
        };
        step.requires.iter().map(|c| (c.clone(), answer(c))).filter(|(_, a)| *a != Answer::Yes).collect()
    }

    /// The conditions that prove a step done.
    pub(crate) fn expects<'a>(&self, step: &'a Step) -> Vec<&'a Condition> {
        let all = self.mode == Mode::Forward || !crate::restore::closes(&step.action);
        step.expects.iter().filter(|c| all || Self::matters_in_restore(step, c)).collect()
    }

    /// Conditions that prove a step done and don't hold, judged against what was captured when it first began.
    pub(crate) fn unmet_expects(&self, step: &Step, seen: &Snapshot) -> Vec<(Condition, Answer)> {
        let begun = self.state(&step.id).and_then(|s| s.baseline.as_deref());
        self.expects(step)
            .into_iter()
            .map(|c| (c.clone(), self.judge(c, seen, begun)))
            .filter(|(_, answer)| *answer != Answer::Yes)
            .collect()
    }

    /// Whether a step is proven done. A step that expects nothing proves nothing.
    pub(crate) fn proven(&self, step: &Step, seen: &Snapshot) -> bool {
        !self.expects(step).is_empty() && self.unmet_expects(step, seen).is_empty()
    }

    pub(crate) fn judge(&self, condition: &Condition, seen: &Snapshot, begun: Option<&Baseline>) -> Answer {
        static NOTHING: std::sync::LazyLock<Baseline> = std::sync::LazyLock::new(Baseline::default);
        judge(condition, seen, self.start.as_deref().unwrap_or(&NOTHING), begun)
    }

    pub(crate) fn outcome(&self, step: &Step, outcome: Outcome) -> Record {
        let attempt = self.state(&step.id).map_or(0, |s| s.attempts);
        Record::Outcome { step: step.id.clone(), attempt, outcome }
    }

    /// Whether a node may be out of reach in the step that is in work; there unknown means *not yet*.
    #[must_use]
    pub fn may_be_unreachable(&self, node: &ServerId) -> bool {
        self.current().is_some_and(|s| s.unreachable.contains(node))
    }
}

pub(crate) fn stop(why: Why) -> Vec<Record> {
    vec![Record::Stopped { why }]
}
