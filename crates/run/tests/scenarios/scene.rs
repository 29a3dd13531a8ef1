//! A run with its host and its journal, as a case moves it along.

use std::sync::Arc;

use kaketsugi_estate::ServerId;
use kaketsugi_plan::{Plan, ServiceNeed, StepId};
use kaketsugi_run::{End, Input, Outcome, Record, Run, Want, Why};
use kaketsugi_world::{Command, Fault};

use crate::support;
use crate::support::{Host, RUN, resume};

/// A run with its host and its journal.
pub(crate) struct Scene {
    pub(crate) plan: Arc<Plan>,
    pub(crate) run: Run,
    pub(crate) host: Host,
    pub(crate) records: Vec<Record>,
}

impl Scene {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        let (run, host) = (Run::new(plan.clone(), RUN), Host::new(&plan));
        Self { plan, run, host, records: Vec::new() }
    }

    pub(crate) fn hear(&mut self, input: Input) -> Vec<Record> {
        let records = self.run.hear(input);
        for record in &records {
            self.run.apply(record.clone()).unwrap();
        }
        self.records.extend(records.iter().cloned());
        records
    }

    /// Goes on until something is wanted; that is not answered.
    pub(crate) fn until(&mut self, wanted: impl Fn(&Want) -> bool) -> Want {
        for _ in 0..20_000 {
            let want = self.run.next();
            if wanted(&want) {
                return want;
            }
            assert!(!matches!(want, Want::Ended(_)), "ended before: {:?}", self.run.stopped());
            let input = self.host.answer(&self.run, &want);
            self.hear(input);
        }
        panic!("it never came to that")
    }

    pub(crate) fn until_begin(&mut self, id: &StepId) {
        self.until(|w| matches!(w, Want::Begin { step, .. } if step == id));
    }

    pub(crate) fn until_poll(&mut self, id: &StepId) {
        self.until(|w| matches!(w, Want::Poll { step, .. } if step == id));
    }

    pub(crate) fn until_ask(&mut self, id: &StepId) {
        self.until(|w| matches!(w, Want::Ask { step, .. } if step == id));
    }

    pub(crate) fn end(&mut self) -> End {
        match self.until(|w| matches!(w, Want::Ended(_))) {
            Want::Ended(end) => end,
            _ => unreachable!("it was looked for"),
        }
    }

    pub(crate) fn stopped(&mut self) -> Why {
        assert_eq!(self.end(), End::Stopped);
        self.run.stopped().unwrap().clone()
    }

    pub(crate) fn finishes(&mut self) {
        assert_eq!(self.end(), End::Finished, "{:?}", self.run.stopped());
        assert!(self.host.world.harm().is_empty(), "{:?}", self.host.world.harm());
        assert_eq!(self.host.world.settings_changed(), []);
    }

    /// The controller is gone, or the run has stopped; somebody goes on.
    pub(crate) fn resume(&mut self, retry: bool) {
        self.run = resume(&self.plan, &mut self.records, false, retry);
    }

    pub(crate) fn begun(&self, step: &StepId) -> u32 {
        self.host.begun.iter().filter(|((id, _), _)| id == step).map(|(_, times)| times).sum()
    }

    pub(crate) fn outcomes(&self, step: &StepId) -> Vec<&Outcome> {
        self.records
            .iter()
            .filter_map(|r| match r {
                Record::Outcome { step: id, outcome, .. } if id == step => Some(outcome),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn seen(&self) -> Input {
        Input::Seen(Arc::new(self.host.seen()))
    }

    pub(crate) fn command(&mut self, command: &Command) {
        self.host.world = self.host.world.command(command).unwrap();
    }

    pub(crate) fn fault(&mut self, node: &str, returns: bool) {
        let node = support::testkit::id(node);
        self.host.world = self.host.world.fault(&Fault::PowerLost { node, returns });
    }
}

pub(crate) fn node(name: &str) -> ServerId {
    support::testkit::id(name)
}

/// The plan for a release that needs the cluster service stopped.
pub(crate) fn with_service_stopped() -> Arc<Plan> {
    let mut kit = support::testkit::pacemaker(&["n1", "n2", "n3"], &[("mail", "n1")]);
    kit.payload.service = ServiceNeed::Stopped;
    Arc::new(kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap())
}
