//! While an attempt at a step is open: what its work, a person, or a look says of its end.

use kaketsugi_estate::{BootId, Millis, Snapshot};
use kaketsugi_plan::{Action, Answer, Condition, Recovery, Step};

use crate::hear::stop;
use crate::machine::Transient;
use crate::record::EvidenceRecord;
use crate::restore::closes;
use crate::{Input, Mode, Outcome, Record, Run, Want, Why};

/// Exit codes that mean success: 0, and 3010, success with a restart asked for (Windows Installer and Update.exe).
const SUCCESS: [u32; 2] = [0, 3010];

/// How often the machine by itself goes at a step that does no harm twice.
const ATTEMPTS_MAX: u32 = 3;

/// How often one attempt's work is tried to be begun, before somebody has to look why the node doesn't take it.
const TRIES_MAX: u32 = 20;

impl Run {
    /// An attempt is open, and this is the answer to what was wanted.
    pub(crate) fn within(&mut self, step: &Step, want: &Want, input: Input) -> Vec<Record> {
        match want {
            Want::Begin { .. } | Want::Poll { .. } => self.work(step, want, input),
            Want::Ask { .. } => self.asked(step, input),
            Want::Soak { .. } => self.soaked(step, input),
            _ => match input {
                Input::Seen(seen) => self.seen(step, &self.with_evidence(&seen)),
                Input::TimeOver { last } => self.time_over(step, last.as_deref()),
                _ => Vec::new(),
            },
        }
    }

    /// The machine's work was begun, or asked after.
    fn work(&mut self, step: &Step, want: &Want, input: Input) -> Vec<Record> {
        let asked_after = matches!(want, Want::Poll { .. });
        match input {
            Input::Ended { code, output } if SUCCESS.contains(&code) => {
                self.now = Transient::Verifying { code: Some(code), output };
                Vec::new()
            }
            Input::Ended { code, output } => self.fail(step, Some(code), output, Vec::new()),
            Input::Runs => {
                self.now = Transient::Polling { tries: 0 };
                Vec::new()
            }
            Input::NoAnswer => {
                self.now = Transient::Polling { tries: self.tries() };
                Vec::new()
            }
            Input::NotSent if !asked_after => self.not_begun(step, false),
            Input::NotBegun if asked_after => self.not_begun(step, true),
            Input::Vanished { output } if asked_after => self.vanished(step, output),
            Input::Silent { seconds }
                if asked_after && !step.action.node().is_some_and(|n| self.may_be_unreachable(n)) =>
            {
                stop(Why::Silent { step: step.id.clone(), seconds })
            }
            Input::TimeOver { .. } if asked_after => stop(Why::Stuck { step: step.id.clone() }),
            Input::TimeOver { .. } => stop(Why::CannotBegin { step: step.id.clone() }),
            _ => Vec::new(),
        }
    }

    fn tries(&self) -> u32 {
        match &self.now {
            Transient::Ready { tries }
            | Transient::Polling { tries }
            | Transient::Rechecking { tries, .. } => *tries,
            Transient::Fresh
            | Transient::Verifying { .. }
            | Transient::Unreached(_)
            | Transient::Drifted(_) => 0,
        }
    }

    /// The work has not begun. Time has passed since it was decided: what it needs is looked at again.
    fn not_begun(&mut self, step: &Step, by_node: bool) -> Vec<Record> {
        if self.mode == Mode::Restore && !closes(&step.action) {
            return self.left_out(step);
        }
        let tries = self.tries() + 1;
        if tries > TRIES_MAX {
            return stop(Why::CannotBegin { step: step.id.clone() });
        }
        self.now = Transient::Rechecking { tries, by_node };
        Vec::new()
    }

    /// The run only puts back from now on, and the attempt was never begun.
    fn left_out(&self, step: &Step) -> Vec<Record> {
        let why = "it had not begun, and the run only puts back from now on".into();
        vec![self.outcome(step, Outcome::Cancelled { why })]
    }

    fn vanished(&mut self, step: &Step, output: String) -> Vec<Record> {
        // A restart ends the very job that ordered it; whether the node came back is for `expects` to say.
        if matches!(step.action, Action::Restart { .. }) {
            self.now = Transient::Verifying { code: None, output };
            return Vec::new();
        }
        let (attempts, missed) = self.state(&step.id).map_or((0, false), |s| (s.attempts, s.missed));
        let again = match step.recovery {
            Recovery::Redo => true,
            // Somebody was told that the node doesn't answer, has looked after it, and said to go on.
            Recovery::ForwardOnly => missed,
            Recovery::Undo | Recovery::Ask => false,
        };
        self.lost(step, output, again && attempts < ATTEMPTS_MAX)
    }

    fn lost(&self, step: &Step, output: String, goes_on: bool) -> Vec<Record> {
        let mut records = vec![self.outcome(step, Outcome::Lost { output })];
        // What can't be put back for it is seen right before it would be.
        let restoring = self.mode == Mode::Restore && !closes(&step.action);
        if !goes_on && !restoring {
            records.push(Record::Stopped { why: Why::StepLost { step: step.id.clone() } });
        }
        records
    }

    fn asked(&mut self, step: &Step, input: Input) -> Vec<Record> {
        match input {
            Input::PersonDone { by, at } => self.person_done(step, by, at),
            Input::PersonCannot { why } => {
                let mut records = vec![self.outcome(step, Outcome::Cancelled { why })];
                let why = Why::StepFailed { step: step.id.clone(), conditions: Vec::new() };
                records.push(Record::Stopped { why });
                records
            }
            Input::NobodyThere | Input::TimeOver { .. } => {
                stop(Why::WaitsForPerson { step: step.id.clone() })
            }
            // Nobody has to say so when the machine sees it.
            Input::Seen(seen) if !matches!(step.action, Action::Attest { .. }) => {
                self.done_if_proven(step, &self.with_evidence(&seen), None, String::new())
            }
            _ => Vec::new(),
        }
    }

    fn person_done(&mut self, step: &Step, by: String, at: Millis) -> Vec<Record> {
        if let Action::Attest { evidence } = step.action {
            let output = attested(&by);
            return vec![
                Record::Attested { evidence: EvidenceRecord { kind: evidence, at, by } },
                self.outcome(step, Outcome::Done { code: None, output }),
            ];
        }
        self.now = Transient::Verifying { code: None, output: format!("done, says {by}") };
        Vec::new()
    }

    /// A patched node that doesn't do well is seen at once; that it does is looked at when the time is over.
    fn soaked(&mut self, step: &Step, input: Input) -> Vec<Record> {
        match input {
            Input::Seen(seen) => {
                let unmet = self.unmet_expects(step, &self.with_evidence(&seen));
                let ill = unmet.iter().any(|(_, answer)| *answer == Answer::No);
                if ill { self.fail(step, None, String::new(), unmet) } else { Vec::new() }
            }
            Input::TimeOver { .. } => {
                self.now = Transient::Verifying { code: None, output: String::new() };
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// A look, while the attempt is open.
    fn seen(&mut self, step: &Step, seen: &Snapshot) -> Vec<Record> {
        match (self.now.clone(), &step.action) {
            (Transient::Verifying { code, output }, _) => self.done_if_proven(step, seen, code, output),
            (_, action) if self.mode == Mode::Restore && !closes(action) => self.given_up(step, seen),
            (_, Action::Verify { .. }) => self.done_if_proven(step, seen, None, String::new()),
            (_, Action::Attest { .. }) => {
                let by = self.evidence.last().map_or_else(String::new, |e| attested(&e.by));
                self.done_if_proven(step, seen, None, by)
            }
            (Transient::Rechecking { tries, by_node }, _) => self.rechecked(step, seen, tries, by_node),
            // A person was asked before a crash or a stop.
            _ => self.rechecked(step, seen, 0, false),
        }
    }

    fn done_if_proven(&self, step: &Step, seen: &Snapshot, code: Option<u32>, output: String) -> Vec<Record> {
        if self.unmet_expects(step, seen).is_empty() {
            vec![self.outcome(step, Outcome::Done { code, output })]
        } else {
            Vec::new()
        }
    }

    /// Someone was asked, or something was to be looked at, and the run only puts back from now on.
    fn given_up(&self, step: &Step, seen: &Snapshot) -> Vec<Record> {
        if self.proven(step, seen) && !matches!(step.action, Action::Soak { .. } | Action::Attest { .. }) {
            return vec![self.outcome(step, Outcome::Done { code: None, output: String::new() })];
        }
        if step.action.only_looks() {
            return self.left_out(step);
        }
        self.lost(step, "a person was asked, and the run only puts back from now on".into(), false)
    }

    /// The work was not begun. Is it done all the same, by other hands? May it still begin?
    fn rechecked(&mut self, step: &Step, seen: &Snapshot, tries: u32, by_node: bool) -> Vec<Record> {
        let by_work = matches!(step.action, Action::Move { proof: true, .. });
        if !by_work && self.proven(step, seen) {
            let output = "the work was not begun by this run, and is done".into();
            return vec![self.outcome(step, Outcome::Done { code: None, output })];
        }
        // A node that has started anew may have forgotten what was begun on it. That is not believed of it where
        // twice does harm.
        if by_node && step.recovery != Recovery::Redo && self.restarted_since(step, seen) {
            let output = "the node has started anew since, and knows nothing of it".into();
            return self.lost(step, output, false);
        }
        if self.required(step, seen).is_empty() {
            self.now = Transient::Ready { tries };
        }
        Vec::new()
    }

    fn restarted_since(&self, step: &Step, seen: &Snapshot) -> bool {
        let Some(node) = step.action.node() else { return false };
        let then: Option<&BootId> =
            self.state(&step.id).and_then(|s| s.baseline.as_ref()).and_then(|b| b.boots.get(node));
        let now = seen.servers.get(node).and_then(|s| s.boot.as_ref());
        then.is_some() && now.is_some() && then != now
    }

    fn time_over(&mut self, step: &Step, last: Option<&Snapshot>) -> Vec<Record> {
        let nothing = Snapshot::default();
        let seen = &*self.with_evidence(last.unwrap_or(&nothing));
        let (code, output) = match &self.now {
            Transient::Verifying { code, output } => (*code, output.clone()),
            _ if self.mode == Mode::Restore && !closes(&step.action) => return self.given_up(step, seen),
            _ if matches!(step.action, Action::Verify { .. } | Action::Attest { .. }) => {
                (None, String::new())
            }
            _ => return self.not_ready(step, last),
        };
        let conditions = self.unmet_expects(step, seen);
        self.fail(step, code, output, conditions)
    }

    fn fail(
        &self,
        step: &Step,
        code: Option<u32>,
        output: String,
        conditions: Vec<(Condition, Answer)>,
    ) -> Vec<Record> {
        let mut records = vec![self.outcome(step, Outcome::Failed { code, output })];
        // In a restore a failed step of the way forward is only written down.
        if self.mode == Mode::Forward || closes(&step.action) {
            let why = Why::StepFailed { step: step.id.clone(), conditions };
            records.push(Record::Stopped { why });
        }
        records
    }
}

fn attested(by: &str) -> String {
    format!("attested by {by}")
}
