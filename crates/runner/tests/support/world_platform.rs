//! The platform's contract over the world, with what can go wrong in between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use kaketsugi_estate::{ClusterId, GroupId, GroupRole, LockSeen, ServerId, Snapshot, TransportKind};
use kaketsugi_plan::{Action, Baseline, Payload, Phase, Plan, StepId};
use kaketsugi_platform::{Begun, Error, Order, Platform, Progress, Question};
use kaketsugi_runner::now;
use kaketsugi_world::{Command, World};
use tokio::sync::Semaphore;

use super::translate;

/// What the platform is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Probe,
    Begin,
    Poll,
    Lock,
    Unlock,
}

/// What goes wrong with one call.
#[derive(Debug, Clone)]
pub enum Mishap {
    /// The command certainly doesn't reach the node.
    NotSent,
    /// It arrives, and the answer is lost.
    AnswerLost,
    /// It doesn't arrive, and nobody can say so.
    Unknown,
    /// The controller freezes in it, before the node hears of it, until it is let go.
    Frozen(Arc<Semaphore>),
}

#[derive(Debug, Clone)]
enum Job {
    Running(Vec<Command>),
    Ended(u32),
    Vanished,
}

#[derive(Debug)]
struct State {
    world: World,
    jobs: BTreeMap<String, Job>,
    /// What was begun, by handle.
    effects: BTreeMap<String, u32>,
    /// The same, by step.
    by_step: BTreeMap<StepId, u32>,
    /// The groups that serve now.
    serving: BTreeSet<(ClusterId, GroupId)>,
    /// How often each group ceased to serve.
    interruptions: BTreeMap<GroupId, u32>,
    lock: Option<LockSeen>,
    calls: Vec<Call>,
    mishap: Option<(usize, Mishap)>,
    never_unlocks: bool,
}

/// A platform over the world.
#[derive(Debug)]
pub struct WorldPlatform {
    plan: Arc<Plan>,
    state: Mutex<State>,
    /// From this look on nobody carries looks, where people have to.
    pub nobody_from: AtomicUsize,
    /// What the people who carried looks were told of each.
    pub carried: Mutex<Vec<Vec<String>>>,
}

impl WorldPlatform {
    pub fn new(plan: &Arc<Plan>) -> Self {
        let world = translate::world(plan);
        let state = State {
            serving: serving(&world),
            world,
            jobs: BTreeMap::new(),
            effects: BTreeMap::new(),
            by_step: BTreeMap::new(),
            interruptions: BTreeMap::new(),
            lock: None,
            calls: Vec::new(),
            mishap: None,
            never_unlocks: false,
        };
        Self {
            plan: plan.clone(),
            state: Mutex::new(state),
            nobody_from: AtomicUsize::new(usize::MAX),
            carried: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// This goes wrong with the call of this number, from 0.
    pub fn mishap(&self, call: usize, mishap: Mishap) {
        self.state().mishap = Some((call, mishap));
    }

    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    pub fn world(&self) -> World {
        self.state().world.clone()
    }

    /// Something happens to the world.
    pub fn happens(&self, change: impl FnOnce(&World) -> World) {
        let mut state = self.state();
        let world = change(&state.world);
        state.becomes(world);
    }

    /// How often each step was begun, by the machine or a person.
    pub fn effects(&self) -> BTreeMap<StepId, u32> {
        self.state().by_step.clone()
    }

    /// Another run has the locks.
    pub fn locked_by(&self, run: &str, epoch: u64) {
        self.state().lock = Some(LockSeen { run: run.into(), epoch });
    }

    /// Whether locks can't be given back.
    pub fn never_unlocks(&self, never: bool) {
        self.state().never_unlocks = never;
    }

    pub fn is_as_planned(&self, plan: &Plan, what: &str) {
        let state = self.state();
        assert!(state.world.harm().is_empty(), "{what}: {:?}", state.world.harm());
        assert_eq!(state.world.settings_changed(), [], "{what}");
        assert_eq!(state.world.ailments(), Vec::<String>::new(), "{what}");
        assert_eq!(state.lock, None, "{what}: the lock is left");
        for (step, times) in &state.by_step {
            assert_eq!(*times, 1, "{what}: {step} was begun {times} times");
        }
        for (group, times) in &state.interruptions {
            let planned = plan
                .steps
                .iter()
                .flat_map(|s| &s.interrupts)
                .filter(|i| i.group == *group && matches!(i.phase, Phase::Whole | Phase::Begins))
                .count();
            assert!(
                *times as usize <= planned,
                "{what}: {group} was cut off {times} times, planned {planned}"
            );
        }
    }

    /// A person does a step, once for each time they are asked; `id` is the request's.
    pub fn by_hand(&self, id: &str) -> Result<(), String> {
        let (step, attempt) = id.rsplit_once('#').expect("the request names step and attempt");
        let step = self.plan.step(&StepId::new(step)).expect("a step of the plan");
        let mut state = self.state();
        let times = state.effects.entry(id.to_owned()).or_default();
        *times += 1;
        if *times > 1 {
            return Ok(());
        }
        *state.by_step.entry(step.id.clone()).or_default() += 1;
        let attempt = attempt.parse().expect("a number");
        for command in translate::commands(&self.plan, step, attempt, &Baseline::default()) {
            let world = state.world.command(&command).map_err(|e| e.to_string())?;
            state.becomes(world);
        }
        Ok(())
    }

    /// Counts the call; gives what goes wrong with it.
    async fn called(&self, call: Call) -> Option<Mishap> {
        let mishap = {
            let mut state = self.state();
            let number = state.calls.len();
            state.calls.push(call);
            match &state.mishap {
                Some((at, _)) if *at == number => state.mishap.take().map(|(_, m)| m),
                _ => None,
            }
        };
        if let Some(Mishap::Frozen(gate)) = mishap {
            gate.acquire().await.expect("the gate is never closed").forget();
            return None;
        }
        mishap
    }
}

impl State {
    fn becomes(&mut self, world: World) {
        self.world = world;
        let serves = serving(&self.world);
        for (_, group) in self.serving.difference(&serves) {
            *self.interruptions.entry(group.clone()).or_default() += 1;
        }
        self.serving = serves;
    }

    fn ours(&self, token: &LockSeen, host: &ServerId) -> Result<(), Error> {
        if self.lock.as_ref() == Some(token) {
            return Ok(());
        }
        let found =
            self.lock.as_ref().map_or_else(|| "nobody".to_owned(), |l| format!("{} ({})", l.run, l.epoch));
        Err(Error::NotOurs { host: host.clone(), found })
    }

    /// The first command goes to work; one that has no middle is done at once.
    fn start(&mut self, mut left: Vec<Command>) -> Job {
        while let Some(first) = left.first().cloned() {
            let Ok(after) = self.world.command(&first) else { return Job::Ended(1) };
            if let Some(midway) = self.world.midway(&first).into_iter().find(|m| *m != after) {
                self.becomes(midway);
                return Job::Running(left);
            }
            self.becomes(after);
            left.remove(0);
        }
        Job::Ended(0)
    }

    fn begin(&mut self, order: &Order<'_>) -> Begun {
        let handle = order.handle();
        if !self.jobs.contains_key(&handle) {
            *self.effects.entry(handle.clone()).or_default() += 1;
            *self.by_step.entry(order.step.id.clone()).or_default() += 1;
            let commands = translate::commands(order.plan, order.step, order.attempt, order.start);
            let job = self.start(commands);
            self.jobs.insert(handle.clone(), job);
        }
        match &self.jobs[&handle] {
            Job::Ended(code) => Begun::Ended { code: *code, output: "done".into() },
            Job::Running(_) | Job::Vanished => Begun::Running,
        }
    }

    fn poll(&mut self, order: &Order<'_>) -> Progress {
        let handle = order.handle();
        match self.jobs.get(&handle).cloned() {
            None => Progress::NotBegun,
            Some(Job::Running(mut left)) => {
                let first = left.remove(0);
                let world = self.world.finish(&first);
                self.becomes(world);
                let restarts = matches!(order.step.action, Action::Restart { .. });
                let job = if restarts { Job::Vanished } else { self.start(left) };
                self.jobs.insert(handle, job);
                Progress::Running { tail: "at work\n".into() }
            }
            Some(Job::Ended(code)) => Progress::Ended { code, output: "done".into() },
            Some(Job::Vanished) => Progress::Vanished { output: String::new() },
        }
    }

    fn answers(&self, order: &Order<'_>) -> bool {
        let comes_back = matches!(order.step.action, Action::Restart { .. })
            && matches!(self.jobs.get(&order.handle()), Some(Job::Running(_)));
        comes_back || order.step.action.node().is_none_or(|n| self.world.answers(n))
    }
}

fn serving(world: &World) -> BTreeSet<(ClusterId, GroupId)> {
    let seen = world.observe();
    let of = |(cluster, c): (&ClusterId, &kaketsugi_estate::ClusterSeen)| {
        // Users notice nothing of the quorum's.
        let of_users = c.groups.iter().filter(|(_, g)| g.role == GroupRole::Service);
        of_users.map(|(id, _)| (cluster.clone(), id.clone())).collect::<Vec<_>>()
    };
    let all = seen.clusters.iter().flat_map(of);
    all.filter(|(cluster, group)| world.serves(cluster, group)).collect()
}

fn host(order: &Order<'_>) -> ServerId {
    let first = || order.plan.estate.servers.keys().next().expect("an estate has servers").clone();
    order.step.action.node().cloned().unwrap_or_else(first)
}

fn unreachable(host: ServerId) -> Error {
    let source = kaketsugi_transport::Error::Unreachable {
        host: host.to_string(),
        address: "192.0.2.1:22".into(),
        why: "connection refused".into(),
        remedy: "Is it up?".into(),
    };
    Error::Host { host, source }
}

fn lost(host: ServerId) -> Error {
    let source =
        kaketsugi_transport::Error::ConnectionLost { host: host.to_string(), why: "reset by peer".into() };
    Error::Host { host, source }
}

#[async_trait]
impl Platform for WorldPlatform {
    async fn probe(&self, question: &Question<'_>) -> Snapshot {
        self.carried.lock().expect("no poison").push(question.why.clone());
        // A controller that freezes in it wakes up with what was seen before.
        let (mut seen, lock) = {
            let state = self.state();
            (Snapshot { taken_at: now(), ..state.world.observe() }, state.lock.clone())
        };
        let mishap = self.called(Call::Probe).await;
        if mishap.is_some() {
            for server in seen.servers.values_mut() {
                *server = kaketsugi_estate::ServerSeen {
                    unreached_why: Some("connection refused".into()),
                    ..kaketsugi_estate::ServerSeen::default()
                };
            }
            seen.clusters.clear();
        }
        for server in seen.servers.values_mut().filter(|s| s.reached) {
            server.lock.clone_from(&lock);
        }
        // Nobody sees more than what was asked for.
        if !question.servers.is_empty() {
            seen.servers.retain(|id, _| question.servers.contains(id));
            seen.clusters.retain(|_, c| c.nodes.keys().any(|node| question.servers.contains(node)));
        }
        seen
    }

    fn looks_cost_a_person(&self, _question: &Question<'_>) -> bool {
        self.plan.estate.servers.values().any(|s| s.transport == TransportKind::Operator)
    }

    fn waits_for_person(&self) -> Option<String> {
        let looks = self.carried.lock().expect("no poison").len();
        (looks > self.nobody_from.load(Ordering::Relaxed)).then(|| "nobody carries the sheet".into())
    }

    async fn freeze(&self, _release: &str, _snapshot: &Snapshot) -> Result<Payload, Error> {
        Ok(self.plan.payload.clone())
    }

    async fn begin(&self, order: &Order<'_>) -> Result<Begun, Error> {
        let mishap = self.called(Call::Begin).await;
        let mut state = self.state();
        match mishap {
            Some(Mishap::NotSent) => return Err(unreachable(host(order))),
            Some(Mishap::Unknown) => return Err(lost(host(order))),
            _ => {}
        }
        if !state.answers(order) {
            return Err(unreachable(host(order)));
        }
        state.ours(order.token, &host(order))?;
        let begun = state.begin(order);
        if matches!(mishap, Some(Mishap::AnswerLost)) { Err(lost(host(order))) } else { Ok(begun) }
    }

    async fn poll(&self, order: &Order<'_>) -> Result<Progress, Error> {
        let mishap = self.called(Call::Poll).await;
        let mut state = self.state();
        if mishap.is_some() || !state.answers(order) {
            return Err(unreachable(host(order)));
        }
        Ok(state.poll(order))
    }

    async fn lock(&self, token: &LockSeen) -> Result<(), Error> {
        let mishap = self.called(Call::Lock).await;
        let node = self.plan.estate.servers.keys().next().expect("an estate has servers").clone();
        if matches!(mishap, Some(Mishap::NotSent | Mishap::Unknown)) {
            return Err(unreachable(node));
        }
        let mut state = self.state();
        let free = state.lock.as_ref().is_none_or(|l| l.run == token.run && l.epoch <= token.epoch);
        if !free {
            return state.ours(token, &node);
        }
        state.lock = Some(token.clone());
        if mishap.is_some() { Err(lost(node)) } else { Ok(()) }
    }

    async fn unlock(&self, token: &LockSeen) -> Result<(), Error> {
        let mishap = self.called(Call::Unlock).await;
        let node = self.plan.estate.servers.keys().next().expect("an estate has servers").clone();
        if matches!(mishap, Some(Mishap::NotSent | Mishap::Unknown)) || self.state().never_unlocks {
            return Err(unreachable(node));
        }
        let mut state = self.state();
        if state.lock.as_ref() == Some(token) {
            state.lock = None;
        }
        if mishap.is_some() { Err(lost(node)) } else { Ok(()) }
    }

    fn clusters(&self) -> Vec<ClusterId> {
        self.plan.estate.clusters.keys().cloned().collect()
    }
}
