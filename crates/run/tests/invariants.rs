//! Answers in odd order, at odd times, from odd states of the estate: the machine never makes a record that it may
//! not, and keeps its promises.

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use kaketsugi_estate::{Millis, ServerSeen, Snapshot};
use kaketsugi_plan::{Action, Answer, Baseline, Plan, Recovery, StepId, judge};
use kaketsugi_run::{Input, Mode, Outcome, Record, Run, Want, Why};
use proptest::prelude::*;
use support::{Host, RUN, drive, exchange, pacemaker};

/// How often one run may go at one step between two resumes.
const ATTEMPTS_MAX: u32 = 3;

/// A plan, and snapshots as they come up in its run, or as nobody would expect them.
struct Pool {
    plan: Arc<Plan>,
    seen: Vec<Snapshot>,
}

static POOLS: LazyLock<Vec<Pool>> =
    LazyLock::new(|| [pacemaker(), exchange()].into_iter().map(pool).collect());

fn pool(plan: Arc<Plan>) -> Pool {
    let (mut run, mut host) = (Run::new(plan.clone(), RUN), Host::new(&plan));
    let mut seen = vec![plan.snapshot.clone()];
    loop {
        let want = run.next();
        if matches!(want, Want::Ended(_)) {
            break;
        }
        let input = host.answer(&run, &want);
        for record in run.hear(input) {
            run.apply(record).unwrap();
        }
        if seen.last() != Some(&host.seen()) && seen.len() < 200 {
            seen.push(host.seen());
        }
    }
    // Nobody answers; and the last state, with nobody answering but the clusters.
    seen.push(Snapshot::default());
    let mut silent = host.seen();
    silent.servers.values_mut().for_each(|s| *s = ServerSeen::default());
    seen.push(silent);
    Pool { plan, seen }
}

/// One thing that happens to a run.
#[derive(Debug, Clone)]
enum Event {
    /// An answer, whether it was wanted or not.
    Hear(Kind),
    /// An answer to what is wanted, but not the one that was hoped for.
    Fitting(u8, u8),
    /// The answer that leads on: what the host over the world would say.
    Likely,
    /// The controller dies after this many of the next records.
    Crash(u8),
    /// Somebody goes on with it.
    Resume { restore: bool, retry: bool },
}

#[derive(Debug, Clone)]
enum Kind {
    Seen(u8),
    Locked,
    NotLocked,
    Ended(u32),
    Runs,
    NotSent,
    NotBegun,
    Vanished,
    NoAnswer,
    LockLost,
    PersonDone,
    PersonCannot,
    NobodyThere,
    TimeOver(Option<u8>),
    Unlocked,
    Interrupt,
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        6 => any::<u8>().prop_map(Kind::Seen),
        1 => Just(Kind::Locked),
        1 => Just(Kind::NotLocked),
        3 => prop_oneof![Just(0), Just(3010), Just(1)].prop_map(Kind::Ended),
        2 => Just(Kind::Runs),
        2 => Just(Kind::NotSent),
        2 => Just(Kind::NotBegun),
        2 => Just(Kind::Vanished),
        2 => Just(Kind::NoAnswer),
        1 => Just(Kind::LockLost),
        2 => Just(Kind::PersonDone),
        1 => Just(Kind::PersonCannot),
        1 => Just(Kind::NobodyThere),
        3 => proptest::option::of(any::<u8>()).prop_map(Kind::TimeOver),
        1 => Just(Kind::Unlocked),
        1 => Just(Kind::Interrupt),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => kind().prop_map(Event::Hear),
        4 => any::<(u8, u8)>().prop_map(|(kind, seen)| Event::Fitting(kind, seen)),
        14 => Just(Event::Likely),
        1 => (0..3_u8).prop_map(Event::Crash),
        2 => (proptest::bool::weighted(0.1), any::<bool>())
            .prop_map(|(restore, retry)| Event::Resume { restore, retry }),
    ]
}

/// Watches a run from outside, with books of its own.
struct Watch<'a> {
    pool: &'a Pool,
    run: Run,
    host: Host,
    journal: Vec<Record>,
    /// The last snapshot that the machine was shown, with evidence.
    shown: Option<Snapshot>,
    attempts_since_resume: BTreeMap<StepId, u32>,
    /// Whether the administrator allowed a retry, and no step took it yet.
    may_retry: bool,
    crash_after: Option<u8>,
}

impl Watch<'_> {
    fn hear(&mut self, input: Input) {
        if let Input::Seen(seen) = &input {
            self.shown = Some(Snapshot::clone(seen));
        }
        if let Input::TimeOver { last: Some(seen) } = &input {
            self.shown = Some(Snapshot::clone(seen));
        }
        let running = self.run.begun() && self.run.stopped().is_none() && !self.run.finished();
        let stops_at_once = running && matches!(input, Input::Interrupt | Input::LockLost { .. });
        let before = self.run.next();
        let records = self.run.hear(input);
        let begins = self.run.next();
        if let Want::Begin { step, .. } | Want::Ask { step, .. } = &begins
            && before != begins
            && self.run.mode() == Mode::Forward
        {
            // It was looked at again, and may begin now.
            let requires = &self.pool.plan.step(step).unwrap().requires;
            self.all_hold(requires, &self.now(), "requires");
        }
        if stops_at_once {
            assert!(matches!(records.as_slice(), [Record::Stopped { .. }]), "{records:?}");
        }
        for record in records {
            if self.crash_after == Some(0) {
                self.crash_after = None;
                self.resume(false, false);
                return;
            }
            self.crash_after = self.crash_after.map(|n| n - 1);
            self.judge(&record);
            self.journal.push(record.clone());
            self.run.apply(record.clone()).unwrap_or_else(|e| panic!("{record:?}: {e}"));
            self.after();
        }
    }

    /// What may be said before the record is applied.
    fn judge(&mut self, record: &Record) {
        let plan = Arc::clone(&self.pool.plan);
        let open = |run: &Run| run.states().filter(|(_, s)| s.open).count();
        match record {
            Record::Intent { step, attempt } => {
                assert_eq!(open(&self.run), 0, "{step}: two open attempts");
                let it = plan.step(step).unwrap();
                let earlier = self.run.state(step).cloned().unwrap_or_default();
                assert!(earlier.baseline.is_some(), "{step} was never begun");
                let times = self.attempts_since_resume.entry(step.clone()).or_default();
                *times += 1;
                assert!(*times <= ATTEMPTS_MAX, "{step}: {times} attempts without anybody looking");
                if self.run.mode() == Mode::Restore {
                    let closes = ["readmit", "put-back", "start-service", "bring-online"];
                    assert!(closes.contains(&it.action.name()), "{step} puts nothing back");
                }
                let ended_badly =
                    matches!(earlier.outcome, Some(Outcome::Failed { .. } | Outcome::Lost { .. }));
                if it.recovery == Recovery::Ask && ended_badly {
                    assert!(self.may_retry, "{step}: tried twice unasked (attempt {attempt})");
                    self.may_retry = false;
                }
                if self.run.mode() == Mode::Forward {
                    self.all_hold(&it.requires, &self.now(), "requires");
                }
            }
            Record::Outcome { step, outcome: Outcome::Done { .. }, .. } => {
                let it = plan.step(step).unwrap();
                if !matches!(it.action, Action::Attest { .. }) && self.run.mode() == Mode::Forward {
                    let begun = self.run.state(step).unwrap().baseline.clone().unwrap();
                    self.all_hold(&it.expects, &begun, "expects");
                }
            }
            Record::AlreadyDone { step } => {
                let it = plan.step(step).unwrap();
                let is = self.run.state(step).cloned().unwrap_or_default();
                assert!(!it.action.work_is_evidence() || is.attempts > 0, "{step} was skipped");
                if self.run.mode() == Mode::Forward {
                    let begun = is.baseline.as_ref().map_or_else(|| self.now(), |b| Baseline::clone(b));
                    self.all_hold(&it.expects, &begun, "expects");
                }
            }
            Record::Stopped { why: Why::AsksBeforeRetry { step } } => {
                assert_eq!(plan.step(step).unwrap().recovery, Recovery::Ask);
                assert!(!self.may_retry);
            }
            _ => {}
        }
    }

    fn now(&self) -> Baseline {
        kaketsugi_plan::baseline(self.shown.as_ref().expect("something was shown"))
    }

    fn all_hold(&self, conditions: &[kaketsugi_plan::Condition], begun: &Baseline, which: &str) {
        let mut seen = self.shown.clone().expect("something was shown");
        for e in self.run.evidence() {
            let evidence = kaketsugi_estate::Evidence { kind: e.kind, at: e.at, by: e.by.clone() };
            seen.evidence.push(evidence);
        }
        for condition in conditions {
            let answer = judge(condition, &seen, self.run.start().unwrap(), Some(begun));
            assert_eq!(answer, Answer::Yes, "{which}: {condition}");
        }
    }

    fn after(&self) {
        assert!(self.run.states().filter(|(_, s)| s.open).count() <= 1, "two open attempts");
        if let Want::Begin { step, attempt, .. } = self.run.next() {
            let intent = Record::Intent { step: step.clone(), attempt };
            assert!(self.journal.contains(&intent), "{step} begins without an intent in the journal");
        }
        if self.run.stopped().is_some() {
            assert!(matches!(self.run.next(), Want::Ended(_)));
        }
    }

    fn resume(&mut self, restore: bool, retry: bool) {
        let mut records = std::mem::take(&mut self.journal);
        let run = support::resume(&self.pool.plan, &mut records, restore, retry);
        self.journal = records;
        if run.begun() && !run.finished() {
            self.attempts_since_resume.clear();
            self.may_retry = retry;
        }
        self.run = run;
    }

    fn likely(&mut self) {
        let want = self.run.next();
        if !matches!(want, Want::Ended(_)) {
            let input = self.host.answer(&self.run, &want);
            self.hear(input);
        }
    }

    fn fitting(&mut self, kind: u8, seen: u8) {
        let kinds = match self.run.next() {
            Want::Probe { .. } | Want::Soak { .. } | Want::Look => {
                vec![Kind::Seen(seen), Kind::TimeOver(Some(seen)), Kind::TimeOver(None)]
            }
            Want::Begin { .. } => vec![Kind::NotSent, Kind::NoAnswer, Kind::Ended(1), Kind::Runs],
            Want::Poll { .. } => {
                vec![Kind::NotBegun, Kind::NoAnswer, Kind::Ended(1), Kind::Vanished, Kind::TimeOver(None)]
            }
            Want::Ask { .. } => {
                vec![Kind::PersonDone, Kind::PersonCannot, Kind::NobodyThere, Kind::Seen(seen)]
            }
            Want::Lock { .. } | Want::Unlock { .. } => vec![Kind::NotLocked, Kind::NoAnswer],
            Want::Ended(_) => vec![],
        };
        if let Some(kind) = kinds.get(usize::from(kind) % kinds.len().max(1)) {
            self.hear(self.input(kind));
        }
    }

    fn input(&self, kind: &Kind) -> Input {
        let seen = |n: &u8| Arc::new(self.pool.seen[usize::from(*n) % self.pool.seen.len()].clone());
        match kind {
            Kind::Seen(n) => Input::Seen(seen(n)),
            Kind::Locked => Input::Locked,
            Kind::NotLocked => Input::NotLocked { by: "somebody".into() },
            Kind::Ended(code) => Input::Ended { code: *code, output: "…".into() },
            Kind::Runs => Input::Runs,
            Kind::NotSent => Input::NotSent,
            Kind::NotBegun => Input::NotBegun,
            Kind::Vanished => Input::Vanished { output: String::new() },
            Kind::NoAnswer => Input::NoAnswer,
            Kind::LockLost => Input::LockLost { by: "nobody".into() },
            Kind::PersonDone => Input::PersonDone { by: "ann".into(), at: Millis(self.host.clock * 1000) },
            Kind::PersonCannot => Input::PersonCannot { why: "no".into() },
            Kind::NobodyThere => Input::NobodyThere,
            Kind::TimeOver(n) => Input::TimeOver { last: n.as_ref().map(seen) },
            Kind::Unlocked => Input::Unlocked,
            Kind::Interrupt => Input::Interrupt,
        }
    }
}

fn check(pool: &Pool, events: &[Event]) {
    let mut watch = Watch {
        pool,
        run: Run::new(pool.plan.clone(), RUN),
        host: Host::new(&pool.plan),
        journal: Vec::new(),
        shown: None,
        attempts_since_resume: BTreeMap::new(),
        may_retry: false,
        crash_after: None,
    };
    for event in events {
        match event {
            Event::Hear(kind) => watch.hear(watch.input(kind)),
            Event::Fitting(kind, seen) => watch.fitting(*kind, *seen),
            Event::Likely => watch.likely(),
            Event::Crash(after) => watch.crash_after = Some(*after),
            Event::Resume { restore, retry } => watch.resume(*restore, *retry),
        }
    }
    // Whatever happened, the journal recovers.
    Run::recover(pool.plan.clone(), RUN, &watch.journal).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn odd_answers_never_make_an_illegal_record(
        which in 0..2_usize,
        events in proptest::collection::vec(event(), 1..250),
    ) {
        check(&POOLS[which], &events);
    }
}

/// The generator is worth something: it reaches the end of runs, restores, retries and lost attempts.
#[test]
fn a_calm_run_passes_the_watch() {
    for pool in POOLS.iter() {
        let events = vec![Event::Likely; 2000];
        check(pool, &events);
        let trail = drive(Run::new(pool.plan.clone(), RUN), Host::new(&pool.plan));
        assert!(trail.run.finished());
    }
}
