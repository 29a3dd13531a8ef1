//! A pure host over the world: answers what the machine wants, and counts what it did.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "shared by tests, none of which uses all of it"
)]

#[path = "../../../planner/tests/testkit/mod.rs"]
pub mod testkit;
pub mod translate;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kaketsugi_estate::{Millis, ServerId, ServerSeen, Snapshot};
use kaketsugi_plan::{Action, Actor, Plan, StepId};
use kaketsugi_run::{End, Input, Record, Run, Want};
use kaketsugi_world::{Command, World};

pub const RUN: &str = "20251122-120000-abcdef";

/// Three Debian nodes with one group.
pub fn pacemaker() -> Arc<Plan> {
    let kit = testkit::pacemaker(&["n1", "n2", "n3"], &[("mail", "n1")]);
    Arc::new(kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).expect("a plan"))
}

/// Two Exchange 2003 nodes and Service Pack 2.
pub fn exchange() -> Arc<Plan> {
    let kit = testkit::exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1")], "exchange-2003-sp2");
    Arc::new(kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).expect("a plan"))
}

/// Two Exchange 5.5 nodes and Service Pack 4.
pub fn exchange_55() -> Arc<Plan> {
    let kit = testkit::exchange(&["NODE1", "NODE2"], &[("EX", "NODE1")], "exchange-5.5-sp4");
    Arc::new(kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).expect("a plan"))
}

/// Two Exchange 2000 nodes and Service Pack 3.
pub fn exchange_2000() -> Arc<Plan> {
    let kit = testkit::exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1")], "exchange-2000-sp3");
    Arc::new(kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).expect("a plan"))
}

pub fn plans() -> [(&'static str, Arc<Plan>); 4] {
    [
        ("pacemaker", pacemaker()),
        ("exchange", exchange()),
        ("exchange-2000", exchange_2000()),
        ("exchange-5.5", exchange_55()),
    ]
}

/// The step of that id.
pub fn step(id: &str) -> StepId {
    StepId::new(id)
}

/// The first step whose action has this name.
pub fn first(plan: &Plan, action: &str) -> StepId {
    plan.steps.iter().find(|s| s.action.name() == action).map(|s| s.id.clone()).expect("such a step")
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// The rest of its commands, the first of which is at work.
    Running(Vec<Command>),
    Ended(u32),
    Vanished,
}

/// A host over the world.
#[derive(Debug, Clone)]
pub struct Host {
    pub world: World,
    pub jobs: BTreeMap<(StepId, u32), Job>,
    /// What was begun, by handle: never more than once each.
    pub begun: BTreeMap<(StepId, u32), u32>,
    /// Seconds that passed; each answer takes one.
    pub clock: u64,
    /// Servers that answer nothing, wherever they are and whatever they do.
    pub silent: BTreeSet<ServerId>,
    same: Option<(Want, u64)>,
}

impl Host {
    pub fn new(plan: &Plan) -> Self {
        Self {
            world: translate::world(plan),
            jobs: BTreeMap::new(),
            begun: BTreeMap::new(),
            clock: plan.snapshot.taken_at.0 / 1000,
            silent: BTreeSet::new(),
            same: None,
        }
    }

    pub fn seen(&self) -> Snapshot {
        let mut seen = Snapshot { taken_at: Millis(self.clock * 1000), ..self.world.observe() };
        for server in &self.silent {
            let found = seen.servers.get_mut(server).expect("a server of the estate");
            *found = ServerSeen { reached: false, releases: BTreeMap::new(), ..found.clone() };
        }
        seen
    }

    pub fn now(&self) -> Millis {
        Millis(self.clock * 1000)
    }

    /// Does what is wanted.
    pub fn answer(&mut self, run: &Run, want: &Want) -> Input {
        self.clock += 1;
        if !matches!(&self.same, Some((same, _)) if same == want) {
            self.same = Some((want.clone(), self.clock));
        }
        let seen = || Some(Arc::new(self.seen()));
        let since = self.same.as_ref().map_or(0, |(_, at)| self.clock - at);
        let over = |seconds: u32| since >= u64::from(seconds);
        match want {
            Want::Look => Input::Seen(Arc::new(self.seen())),
            Want::Lock { .. } => Input::Locked,
            Want::Unlock { .. } => Input::Unlocked,
            Want::Probe { within_seconds, .. } if over(*within_seconds) => Input::TimeOver { last: seen() },
            Want::Soak { seconds, .. } if over(*seconds) => Input::TimeOver { last: seen() },
            Want::Probe { .. } | Want::Soak { .. } => Input::Seen(Arc::new(self.seen())),
            Want::Begin { within_seconds, .. }
            | Want::Poll { within_seconds, .. }
            | Want::Ask { within_seconds, .. }
                if over(*within_seconds) =>
            {
                Input::TimeOver { last: None }
            }
            Want::Begin { step, attempt, .. } => self.begin(run, step, *attempt),
            Want::Poll { step, attempt, .. } => self.poll(run, step, *attempt),
            Want::Ask { step, attempt, .. } => self.ask(run, step, *attempt),
            Want::Ended(_) => panic!("the run has ended"),
        }
    }

    fn reaches(&self, run: &Run, id: &StepId) -> bool {
        let step = run.plan().step(id).expect("a step of the plan");
        step.action.node().is_none_or(|n| self.world.answers(n))
    }

    fn begin(&mut self, run: &Run, id: &StepId, attempt: u32) -> Input {
        let handle = (id.clone(), attempt);
        if self.jobs.contains_key(&handle) {
            return self.poll(run, id, attempt);
        }
        if !self.reaches(run, id) {
            return Input::NotSent;
        }
        let step = run.plan().step(id).expect("a step of the plan");
        let start = run.start().expect("the run has begun");
        *self.begun.entry(handle.clone()).or_default() += 1;
        let left = translate::commands(run.plan(), step, attempt, start);
        let job = self.start(left);
        self.jobs.insert(handle, job.clone());
        match job {
            Job::Ended(code) => Input::Ended { code, output: "done".into() },
            _ => Input::Runs,
        }
    }

    /// The first command goes to work; one that has no middle is done at once.
    fn start(&mut self, mut left: Vec<Command>) -> Job {
        while let Some(first) = left.first().cloned() {
            let Ok(after) = self.world.command(&first) else { return Job::Ended(1) };
            if let Some(midway) = self.world.midway(&first).into_iter().find(|m| *m != after) {
                self.world = midway;
                return Job::Running(left);
            }
            self.world = after;
            left.remove(0);
        }
        Job::Ended(0)
    }

    fn poll(&mut self, run: &Run, id: &StepId, attempt: u32) -> Input {
        let handle = (id.clone(), attempt);
        let restarts = run.plan().step(id).is_some_and(|s| matches!(s.action, Action::Restart { .. }));
        // A restarting node comes back while nobody can ask it.
        let comes_back = restarts && matches!(self.jobs.get(&handle), Some(Job::Running(_)));
        if !(comes_back || self.reaches(run, id)) {
            return Input::NoAnswer;
        }
        match self.jobs.get(&handle).cloned() {
            None => Input::NotBegun,
            Some(Job::Running(mut left)) => {
                let first = left.remove(0);
                self.world = self.world.finish(&first);
                let job = if restarts { Job::Vanished } else { self.start(left) };
                self.jobs.insert(handle, job);
                Input::Runs
            }
            Some(Job::Ended(code)) => Input::Ended { code, output: "done".into() },
            Some(Job::Vanished) => Input::Vanished { output: String::new() },
        }
    }

    /// A person does what is asked, once, and says so.
    fn ask(&mut self, run: &Run, id: &StepId, attempt: u32) -> Input {
        let step = run.plan().step(id).expect("a step of the plan");
        assert_eq!(step.actor, Actor::Operator, "{id} is not for a person");
        let done = Input::PersonDone { by: "ann".into(), at: self.now() };
        let handle = (id.clone(), attempt);
        if self.begun.insert(handle, 1).is_some() {
            return done;
        }
        let start = run.start().expect("the run has begun");
        for command in translate::commands(run.plan(), step, attempt, start) {
            match self.world.command(&command) {
                Ok(after) => self.world = after,
                Err(why) => return Input::PersonCannot { why: why.to_string() },
            }
        }
        done
    }
}

/// What a run left.
#[derive(Debug, Clone)]
pub struct Trail {
    pub records: Vec<Record>,
    pub host: Host,
    pub run: Run,
    pub end: End,
}

/// Drives a run to its end. Panics when it doesn't come to one.
pub fn drive(run: Run, host: Host) -> Trail {
    drive_until(run, host, |_| false)
}

/// Drives a run until it ends, or until this says that the controller dies: right after a record was journalled.
pub fn drive_until(mut run: Run, mut host: Host, mut dies: impl FnMut(&[Record]) -> bool) -> Trail {
    let mut records = Vec::new();
    for _ in 0..20_000 {
        let want = run.next();
        if let Want::Ended(end) = want {
            return Trail { records, host, run, end };
        }
        let input = host.answer(&run, &want);
        for record in run.hear(input) {
            records.push(record.clone());
            if dies(&records) {
                return Trail { records, host, run, end: End::Stopped };
            }
            run.apply(record).expect("the machine makes legal records only");
        }
    }
    panic!("the run comes to no end; it wants {:?}", run.next());
}

/// Goes on with what a journal holds, as a new controller does.
pub fn resume(plan: &Arc<Plan>, records: &mut Vec<Record>, restore: bool, retry: bool) -> Run {
    let mut run = Run::recover(Arc::clone(plan), RUN, records).expect("the journal recovers");
    if run.begun() && !run.finished() {
        let record = run.resumption(restore, retry, "");
        run.apply(record.clone()).expect("a run can be resumed");
        records.push(record);
    }
    run
}
