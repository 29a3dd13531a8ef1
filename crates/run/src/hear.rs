//! What an answer of the host means, in the state the run is in.

use kaketsugi_estate::{ServerId, Snapshot};
use kaketsugi_plan::{
    Action, Actor, Answer, Baseline, Condition, RULES_VERSION, Recovery, Step, baseline, judge,
};

use crate::machine::{Run, Transient};
use crate::record::EvidenceRecord;
use crate::{Input, Outcome, Record, Want, Why};

/// Exit codes that mean success: 0, and 3010, success with a restart asked for (Windows Installer and Update.exe).
const SUCCESS: [u32; 2] = [0, 3010];

/// How often the machine by itself goes at a step that does no harm twice.
const ATTEMPTS_MAX: u32 = 3;

impl Run {
    /// Takes an answer of the host in. The records that come back are to be journalled, in their order, each before
    /// [`Run::apply`] sees it and before anything else is done.
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
                _ => Vec::new(),
            },
            Want::Probe { step, .. }
            | Want::Begin { step, .. }
            | Want::Poll { step, .. }
            | Want::Ask { step, .. }
            | Want::Soak { step, .. } => {
                let plan = std::sync::Arc::clone(&self.plan);
                match plan.step(&step) {
                    Some(step) if self.state(&step.id).is_some_and(|s| s.open) => self.within(step, input),
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
        if !crate::drift(&self.plan.snapshot, &snapshot).is_empty() {
            self.now = Transient::Drifted;
            return Vec::new();
        }
        vec![Record::Begun {
            run: self.id.clone(),
            plan: self.plan.hash(),
            rules_version: RULES_VERSION,
            start: baseline(&snapshot),
        }]
    }

    /// The step has not been begun, or an earlier attempt at it has ended without success.
    fn before(&mut self, step: &Step, input: Input) -> Vec<Record> {
        let seen = match input {
            Input::Seen(snapshot) => self.with_evidence(&snapshot),
            Input::TimeOver { last } => return self.not_ready(step, &last.map(|s| *s).unwrap_or_default()),
            _ => return Vec::new(),
        };
        let mut records = Vec::new();
        let begun = baseline(&seen);
        let state = self.state(&step.id).cloned().unwrap_or_default();

        if let Some(when) = &step.when
            && state.when.is_none()
        {
            match self.judge(when, &seen, &begun) {
                Answer::Yes => records.push(Record::When { step: step.id.clone(), answer: true }),
                Answer::No => return vec![Record::When { step: step.id.clone(), answer: false }],
                Answer::Unknown => return Vec::new(),
            }
        }
        // Against what was captured when the step first began, not when it is tried again.
        let since = state.baseline.as_ref().unwrap_or(&begun);
        let expects = self.expects(step);
        let proven =
            !expects.is_empty() && expects.iter().all(|c| self.judge(c, &seen, since) == Answer::Yes);
        let evidence_by_work = step.action.work_is_evidence() && state.attempts == 0;
        if proven && !evidence_by_work && !matches!(step.action, Action::Soak { .. } | Action::Attest { .. })
        {
            records.push(Record::AlreadyDone { step: step.id.clone() });
            return records;
        }
        if !self.required(step, &seen, &begun).is_empty() {
            return Vec::new();
        }
        let ended_badly =
            state.attempts > 0 && !matches!(state.outcome, Some(Outcome::Cancelled { .. }) | None);
        if ended_badly && step.recovery == Recovery::Ask && !self.retry {
            return stop(Why::AsksBeforeRetry { step: step.id.clone() });
        }
        if state.baseline.is_none() {
            records.push(Record::StepBegun { step: step.id.clone(), baseline: begun });
        }
        records.push(Record::Intent { step: step.id.clone(), attempt: state.attempts + 1 });
        records
    }

    /// Conditions right before a step that don't hold, with their answers.
    fn required(&self, step: &Step, seen: &Snapshot, begun: &Baseline) -> Vec<(Condition, Answer)> {
        if self.mode == crate::Mode::Restore {
            return Vec::new();
        }
        self.unmet(step.requires.iter(), seen, begun)
    }

    /// Why the step can't begin, by the last look.
    fn not_ready(&self, step: &Step, last: &Snapshot) -> Vec<Record> {
        let seen = self.with_evidence(last);
        let begun = baseline(&seen);
        let undecided = self.state(&step.id).is_none_or(|s| s.when.is_none());
        if let Some(when) = &step.when
            && undecided
            && self.judge(when, &seen, &begun) == Answer::Unknown
        {
            return stop(Why::CannotDecide { step: step.id.clone() });
        }
        stop(Why::NotReady { step: step.id.clone(), conditions: self.required(step, &seen, &begun) })
    }

    fn judge(&self, condition: &Condition, seen: &Snapshot, begun: &Baseline) -> Answer {
        static NOTHING: std::sync::LazyLock<Baseline> = std::sync::LazyLock::new(Baseline::default);
        judge(condition, seen, self.start.as_ref().unwrap_or(&NOTHING), begun)
    }

    fn unmet<'a>(
        &self,
        conditions: impl Iterator<Item = &'a Condition>,
        seen: &Snapshot,
        begun: &Baseline,
    ) -> Vec<(Condition, Answer)> {
        conditions
            .map(|c| (c.clone(), self.judge(c, seen, begun)))
            .filter(|(_, answer)| *answer != Answer::Yes)
            .collect()
    }

    /// An attempt is open.
    fn within(&mut self, step: &Step, input: Input) -> Vec<Record> {
        match input {
            Input::Ended { code, output } => {
                if SUCCESS.contains(&code) {
                    self.now = Transient::Verifying { code: Some(code), output };
                    Vec::new()
                } else {
                    self.fail(step, Some(code), output, Vec::new())
                }
            }
            Input::Runs => {
                self.now = Transient::Polling;
                Vec::new()
            }
            // Begin again: the handle is exclusive on its node, so nothing can be begun twice.
            Input::NotSent | Input::NotBegun => {
                self.now = Transient::Intended;
                Vec::new()
            }
            Input::NoAnswer => {
                if self.now == Transient::Intended {
                    self.now = Transient::Polling;
                }
                Vec::new()
            }
            Input::Vanished { output } => self.vanished(step, output),
            Input::Seen(snapshot) => self.seen_within(step, &snapshot),
            Input::PersonDone { by, at } => self.person_done(step, by, at),
            Input::PersonCannot { why } => {
                let mut records = vec![self.outcome(step, Outcome::Cancelled { why })];
                records.push(Record::Stopped {
                    why: Why::StepFailed { step: step.id.clone(), conditions: Vec::new() },
                });
                records
            }
            Input::NobodyThere => stop(Why::WaitsForPerson { step: step.id.clone() }),
            Input::TimeOver { last } => self.time_over(step, &last.map(|s| *s).unwrap_or_default()),
            Input::Locked
            | Input::NotLocked { .. }
            | Input::LockLost { .. }
            | Input::Unlocked
            | Input::Interrupt => Vec::new(),
        }
    }

    fn vanished(&mut self, step: &Step, output: String) -> Vec<Record> {
        // A restart ends the very job that ordered it; whether the node came back is for `expects` to say.
        if matches!(step.action, Action::Restart { .. }) {
            self.now = Transient::Verifying { code: None, output };
            return Vec::new();
        }
        let attempts = self.state(&step.id).map_or(0, |s| s.attempts);
        let mut records = vec![self.outcome(step, Outcome::Lost { output })];
        if step.recovery != Recovery::Redo || attempts >= ATTEMPTS_MAX {
            records.push(Record::Stopped { why: Why::StepLost { step: step.id.clone() } });
        }
        records
    }

    fn seen_within(&mut self, step: &Step, snapshot: &Snapshot) -> Vec<Record> {
        // While work runs, or before it was begun, what is seen proves nothing about its end.
        let by_person = step.actor == Actor::Operator && !matches!(step.action, Action::Attest { .. });
        let looks = matches!(step.action, Action::Verify { .. });
        let soaks = matches!(step.action, Action::Soak { .. });
        let (code, output) = match &self.now {
            Transient::Verifying { code, output } => (*code, output.clone()),
            _ if by_person || looks || soaks => (None, String::new()),
            _ => return Vec::new(),
        };
        let unmet = self.unmet_expects(step, &self.with_evidence(snapshot));
        if soaks {
            // A patched node that doesn't do well is seen at once; that it does is seen when the time is over.
            let ill = unmet.iter().any(|(_, answer)| *answer == Answer::No);
            return if ill { self.fail(step, None, String::new(), unmet) } else { Vec::new() };
        }
        if unmet.is_empty() {
            return vec![self.outcome(step, Outcome::Done { code, output })];
        }
        Vec::new()
    }

    fn unmet_expects(&self, step: &Step, seen: &Snapshot) -> Vec<(Condition, Answer)> {
        let since = self.state(&step.id).and_then(|s| s.baseline.clone()).unwrap_or_default();
        self.unmet(self.expects(step).into_iter(), seen, &since)
    }

    fn person_done(&mut self, step: &Step, by: String, at: kaketsugi_estate::Millis) -> Vec<Record> {
        if let Action::Attest { evidence } = step.action {
            return vec![
                Record::Attested { evidence: EvidenceRecord { kind: evidence, at, by: by.clone() } },
                self.outcome(step, Outcome::Done { code: None, output: format!("attested by {by}") }),
            ];
        }
        self.now = Transient::Verifying { code: None, output: format!("done, says {by}") };
        Vec::new()
    }

    fn time_over(&mut self, step: &Step, last: &Snapshot) -> Vec<Record> {
        let (code, output) = match (&step.action, &self.now) {
            (Action::Soak { .. }, _) => {
                return vec![self.outcome(step, Outcome::Done { code: None, output: String::new() })];
            }
            (_, Transient::Verifying { code, output }) => (*code, output.clone()),
            (Action::Verify { .. }, _) => (None, String::new()),
            _ if step.actor == Actor::Operator => return stop(Why::WaitsForPerson { step: step.id.clone() }),
            _ => return stop(Why::Stuck { step: step.id.clone() }),
        };
        let conditions = self.unmet_expects(step, &self.with_evidence(last));
        self.fail(step, code, output, conditions)
    }

    fn fail(
        &self,
        step: &Step,
        code: Option<u32>,
        output: String,
        conditions: Vec<(Condition, Answer)>,
    ) -> Vec<Record> {
        vec![
            self.outcome(step, Outcome::Failed { code, output }),
            Record::Stopped { why: Why::StepFailed { step: step.id.clone(), conditions } },
        ]
    }

    fn outcome(&self, step: &Step, outcome: Outcome) -> Record {
        let attempt = self.state(&step.id).map_or(0, |s| s.attempts);
        Record::Outcome { step: step.id.clone(), attempt, outcome }
    }

    /// Whether a node may be out of reach in the step that is in work; there unknown means *not yet*.
    #[must_use]
    pub fn may_be_unreachable(&self, node: &ServerId) -> bool {
        self.current().is_some_and(|s| s.unreachable.contains(node))
    }
}

fn stop(why: Why) -> Vec<Record> {
    vec![Record::Stopped { why }]
}
