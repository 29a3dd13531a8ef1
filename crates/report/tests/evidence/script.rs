//! A journal as a run would have written it, record by record, with times of our choice.

use std::sync::Arc;

use kaketsugi_estate::Millis;
use kaketsugi_plan::{Action, Condition, Plan, RULES_VERSION, Step, baseline};
use kaketsugi_run::{EvidenceRecord, Outcome, Record, Run, Why};
use kaketsugi_runner::Entry;

pub(crate) const ID: &str = "20260301-021500-abcdef";

/// A journal in the making.
pub(crate) struct Script {
    plan: Arc<Plan>,
    pub(crate) entries: Vec<Entry>,
    at: Millis,
    next: usize,
    epoch: u64,
}

impl Script {
    /// A run that has begun and holds its locks, a quarter of an hour after the plan was made.
    pub(crate) fn new(plan: Plan) -> Self {
        let at = Millis(plan.snapshot.taken_at.0 + 900_000);
        let mut script = Self { plan: Arc::new(plan), entries: Vec::new(), at, next: 0, epoch: 1 };
        script.push(Record::Begun {
            run: ID.into(),
            plan: script.plan.hash(),
            rules_version: RULES_VERSION,
            start: baseline(&script.plan.snapshot),
        });
        script.push(Record::Locked { epoch: 1 });
        script
    }

    pub(crate) fn push(&mut self, record: Record) {
        let seq = self.entries.len() as u64 + 1;
        self.entries.push(Entry { seq, at: self.at, record });
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.at.0 += seconds * 1000;
    }

    /// The step whose turn it is.
    pub(crate) fn step(&self) -> &Step {
        &self.plan.steps[self.next]
    }

    /// Carries steps out until one of this kind has its turn.
    pub(crate) fn until(&mut self, is: impl Fn(&Step) -> bool) -> &mut Self {
        while !is(self.step()) {
            self.done();
        }
        self
    }

    /// One step, carried out in the time that it usually takes.
    pub(crate) fn done(&mut self) {
        let output = match &self.step().action {
            Action::Install { .. } => "Setting up dovecot-core …\nok\n",
            _ => "",
        };
        self.ends(Outcome::Done { code: Some(0), output: output.into() });
    }

    /// One step, with this end.
    pub(crate) fn ends(&mut self, outcome: Outcome) {
        let step = self.step().clone();
        if step.when.is_some()
            && !self
                .entries
                .iter()
                .any(|e| matches!(&e.record, Record::When { step: s, .. } if *s == step.id))
        {
            self.push(Record::When { step: step.id.clone(), answer: true });
        }
        let attempt = self.begins();
        self.wait(step.expected_seconds.into());
        if let Action::Attest { evidence } = step.action {
            let evidence = EvidenceRecord { kind: evidence, at: self.at, by: "Sato Hanako".into() };
            self.push(Record::Attested { evidence });
        }
        let done = matches!(outcome, Outcome::Done { .. });
        self.push(Record::Outcome { step: step.id, attempt, outcome });
        self.next += usize::from(done);
    }

    /// An attempt at the step whose turn it is; its end is open.
    pub(crate) fn begins(&mut self) -> u32 {
        let step = self.step().id.clone();
        let tried =
            self.entries.iter().filter(|e| matches!(&e.record, Record::Intent { step: s, .. } if *s == step));
        let attempt = u32::try_from(tried.count()).unwrap() + 1;
        if attempt == 1 {
            self.push(Record::StepBegun { step: step.clone(), baseline: baseline(&self.plan.snapshot) });
        }
        self.push(Record::Intent { step, attempt });
        attempt
    }

    /// The step is skipped: its condition is answered with no.
    pub(crate) fn skips(&mut self) {
        assert!(self.step().when.is_some());
        self.push(Record::When { step: self.step().id.clone(), answer: false });
        self.next += 1;
    }

    pub(crate) fn stops(&mut self, why: Why) -> &mut Self {
        self.push(Record::Stopped { why });
        self
    }

    pub(crate) fn resumes(&mut self, reason: &str) -> &mut Self {
        self.wait(600);
        self.epoch += 1;
        let epoch = self.epoch;
        self.push(Record::Resumed { epoch, restore: false, retry: false, reason: reason.into() });
        self.push(Record::Locked { epoch });
        self
    }

    /// All that is left, to the end.
    pub(crate) fn finishes(&mut self) -> &mut Self {
        while self.next < self.plan.steps.len() {
            self.done();
        }
        self.push(Record::Finished);
        self
    }

    /// The run is given up: what it changed beside the release is put back, step by step as it wants them.
    pub(crate) fn restores(&mut self) -> &mut Self {
        self.wait(60);
        self.epoch += 1;
        let epoch = self.epoch;
        self.push(Record::Resumed { epoch, restore: true, retry: false, reason: "given up".into() });
        self.push(Record::Locked { epoch });
        while let Some(step) = self.run().current().map(|s| s.id.clone()) {
            self.next = self.plan.steps.iter().position(|s| s.id == step).unwrap();
            self.done();
        }
        self.push(Record::Finished);
        self
    }

    /// The run that these records make.
    pub(crate) fn run(&self) -> Run {
        self.prefix(self.entries.len())
    }

    /// The run that the first records make.
    pub(crate) fn prefix(&self, length: usize) -> Run {
        let records: Vec<Record> = self.entries[..length].iter().map(|e| e.record.clone()).collect();
        Run::recover(Arc::clone(&self.plan), ID, &records).unwrap()
    }
}

/// Whether a step asks for a restart, or is one.
pub(crate) fn if_asked(step: &Step) -> bool {
    matches!(step.when, Some(Condition::RestartPending { .. }))
}
