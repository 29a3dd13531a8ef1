//! Drives a run: does what the machine wants, tells it what came of it, journals what it answers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kaketsugi_estate::{LockSeen, ServerId, Snapshot};
use kaketsugi_plan::{Action, Condition, Step, StepId};
use kaketsugi_platform::{Begun, Error as PlatformError, Order, Platform, Progress, Question};
use kaketsugi_run::{End, Event, GroupLine, Input, Run, Want, What};
use kaketsugi_transport::operator::{Operator, Outcome, Request};

use crate::clock::now;
use crate::journal::{Error, Journal};

/// How long to wait between two looks at the same thing.
const PACE: Duration = Duration::from_millis(700);

/// Exit code that stands for "the platform refused to begin", as a shell's 126: found, but can't be run.
const REFUSED: u32 = 126;

/// Set from a signal handler: the run stops at the next safe point.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Asks the run to stop.
    pub fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it was asked to.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// How driving ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The machine's own end.
    Run(End),
    /// The estate isn't as the plan says; nothing was begun.
    Drifted(Vec<String>),
}

/// What is needed to drive a run.
pub struct Driver<'a> {
    /// Speaks for the estate's machines.
    pub platform: &'a dyn Platform,
    /// Speaks for people.
    pub operator: &'a dyn Operator,
    /// Where records go.
    pub journal: &'a mut Journal,
    /// Hears of everything.
    pub events: &'a (dyn Fn(Event) + Send + Sync),
    /// Asks for a stop.
    pub interrupt: Interrupt,
}

/// What this process remembers between two wants.
#[derive(Default)]
struct Since {
    want: Option<Want>,
    at: Option<Instant>,
    looks: u32,
    last: Option<Snapshot>,
    announced: Option<StepId>,
    unreached: BTreeSet<ServerId>,
    groups: Vec<GroupLine>,
}

impl Since {
    /// For how long the same want has come up, and how often before.
    fn note(&mut self, want: &Want) -> (Duration, u32) {
        if self.want.as_ref() != Some(want) {
            self.want = Some(want.clone());
            self.at = Some(Instant::now());
            self.looks = 0;
            self.last = None;
        }
        let looks = self.looks;
        self.looks = looks.saturating_add(1);
        (self.at.map(|at| at.elapsed()).unwrap_or_default(), looks)
    }
}

impl Driver<'_> {
    /// Drives a run until it ends, stops, or the journal can't be written.
    ///
    /// # Errors
    /// The journal's. Nothing was begun that isn't in it.
    pub async fn drive(&mut self, run: &mut Run) -> Result<Ending, Error> {
        let mut since = Since::default();
        loop {
            let want = run.next();
            if let Want::Ended(end) = want {
                return Ok(match end {
                    End::Drifted(_) => Ending::Drifted(
                        since.last.as_ref().map(|s| kaketsugi_run::drift(&run.plan().snapshot, s)).unwrap_or_default(),
                    ),
                    end => Ending::Run(end),
                });
            }
            let (elapsed, looks) = since.note(&want);
            self.announce(run, &want, &mut since);
            if looks > 0 {
                tokio::time::sleep(PACE).await;
            }
            let input = if self.interrupt.is_set() && run.begun() {
                Input::Interrupt
            } else {
                self.answer(run, &want, elapsed, &mut since).await?
            };
            for record in run.hear(input) {
                let entry = self.journal.append(&record, now())?;
                run.apply(record).map_err(|source| Error::Order { path: self.journal.path().into(), source })?;
                self.emit(What::Recorded { seq: entry.seq, entry: entry.record });
            }
        }
    }

    async fn answer(&mut self, run: &Run, want: &Want, elapsed: Duration, since: &mut Since) -> Result<Input, Error> {
        let over = |seconds: u32| elapsed >= Duration::from_secs(u64::from(seconds));
        Ok(match want {
            Want::Ended(_) => Input::Interrupt,
            Want::Look => {
                let question = Question { payload: Some(&run.plan().payload), health: true, ..Question::default() };
                let seen = self.platform.probe(&question).await;
                since.last = Some(seen.clone());
                Input::Seen(Box::new(seen))
            }
            Want::Lock { token } => self.lock(token).await,
            Want::Unlock { token } => match self.platform.unlock(token).await {
                Ok(()) => Input::Unlocked,
                Err(why) => {
                    self.note(format!("locks can't be given back yet: {}", chain(&why)));
                    if over(120) { Input::NotLocked { by: chain(&why) } } else { Input::NoAnswer }
                }
            },
            Want::Probe { step, within_seconds } => {
                if over(*within_seconds) {
                    return Ok(Input::TimeOver { last: since.last.take().map(Box::new) });
                }
                self.look(run, step, since).await
            }
            Want::Begin { step, attempt, within_seconds } => {
                if over(*within_seconds) {
                    return Ok(Input::TimeOver { last: None });
                }
                // A controller that slept while another one took over must not act.
                if self.journal.taken_over()? {
                    return Err(Error::TakenOver { ours: run.token().epoch, theirs: run.token().epoch + 1 });
                }
                self.begin(run, step, *attempt).await
            }
            Want::Poll { step, attempt, within_seconds } => {
                if over(*within_seconds) {
                    return Ok(Input::TimeOver { last: None });
                }
                self.poll(run, step, *attempt).await
            }
            Want::Ask { step, attempt, within_seconds } => self.ask(run, step, *attempt, *within_seconds, since).await,
            Want::Soak { step, seconds } => {
                if over(*seconds) {
                    return Ok(Input::TimeOver { last: None });
                }
                self.look(run, step, since).await
            }
        })
    }

    async fn lock(&self, token: &LockSeen) -> Input {
        match self.platform.lock(token).await {
            Ok(()) => Input::Locked,
            Err(why) => Input::NotLocked { by: chain(&why) },
        }
    }

    async fn look(&self, run: &Run, step: &StepId, since: &mut Since) -> Input {
        let Some(step) = run.plan().step(step) else { return Input::NoAnswer };
        let seen = self.platform.probe(&question(run, step)).await;
        self.tell_seen(&seen, since);
        since.last = Some(seen.clone());
        Input::Seen(Box::new(seen))
    }

    async fn begin(&self, run: &Run, step: &StepId, attempt: u32) -> Input {
        let token = run.token();
        let Some(order) = order(run, step, attempt, &token) else { return Input::NoAnswer };
        match self.platform.begin(&order).await {
            Ok(Begun::Running) => Input::Runs,
            Ok(Begun::Ended { code, output }) => Input::Ended { code, output },
            Err(why) => self.failed(why),
        }
    }

    async fn poll(&self, run: &Run, step: &StepId, attempt: u32) -> Input {
        let token = run.token();
        let Some(order) = order(run, step, attempt, &token) else { return Input::NoAnswer };
        match self.platform.poll(&order).await {
            Ok(Progress::NotBegun) => Input::NotBegun,
            Ok(Progress::Running { tail }) => {
                if let Some(line) = tail.lines().last() {
                    self.emit(What::Progress { step: step.clone(), doing: line.to_owned() });
                }
                Input::Runs
            }
            Ok(Progress::Ended { code, output }) => Input::Ended { code, output },
            Ok(Progress::Vanished { output }) => Input::Vanished { output },
            Err(why) => self.failed(why),
        }
    }

    fn failed(&self, why: PlatformError) -> Input {
        match why {
            PlatformError::NotOurs { found, .. } => Input::LockLost { by: found },
            PlatformError::Host { source, .. } if source.certainly_not_begun() => Input::NotSent,
            PlatformError::Host { .. } => Input::NoAnswer,
            // What an unreadable answer left behind is for the next look to find out.
            PlatformError::Unreadable { .. } => {
                self.note(chain(&why));
                Input::NoAnswer
            }
            PlatformError::NoPrivilege { .. } | PlatformError::Failed { .. } | PlatformError::NoSuchAction { .. } => {
                Input::Ended { code: REFUSED, output: chain(&why) }
            }
        }
    }

    /// Asks a person, and looks meanwhile: when the probe sees it done, nobody has to say so.
    async fn ask(&self, run: &Run, step: &StepId, attempt: u32, within: u32, since: &mut Since) -> Input {
        let Some(step) = run.plan().step(step) else { return Input::NoAnswer };
        let request = Request {
            id: format!("{}#{attempt}", step.id),
            host: step.action.node().map(ToString::to_string).unwrap_or_default(),
            instruction: step.instruction.clone().unwrap_or_else(|| step.title.clone()),
            proof: step.expects.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
            timeout: None,
        };
        let mut asked = self.operator.ask(request);
        let end = tokio::time::Instant::now() + Duration::from_secs(u64::from(within));
        let attest = matches!(step.action, Action::Attest { .. });
        loop {
            tokio::select! {
                answer = &mut asked => return match answer {
                    Ok(answer) => match answer.outcome {
                        Outcome::Done => Input::PersonDone { by: answer.by, at: now() },
                        Outcome::Cannot(why) => Input::PersonCannot { why: format!("{}: {why}", answer.by) },
                    },
                    Err(why) => {
                        self.note(chain(&why));
                        Input::NobodyThere
                    }
                },
                () = tokio::time::sleep(3 * PACE) => {
                    if self.interrupt.is_set() {
                        return Input::Interrupt;
                    }
                    if tokio::time::Instant::now() >= end {
                        return Input::TimeOver { last: None };
                    }
                    if !attest && let Input::Seen(seen) = self.look(run, &step.id, since).await {
                        let mut probe = run.clone();
                        if !probe.hear(Input::Seen(seen.clone())).is_empty() {
                            return Input::Seen(seen);
                        }
                    }
                }
            }
        }
    }

    fn announce(&self, run: &Run, want: &Want, since: &mut Since) {
        let (Want::Probe { step, .. }
        | Want::Begin { step, .. }
        | Want::Poll { step, .. }
        | Want::Ask { step, .. }
        | Want::Soak { step, .. }) = want
        else {
            return;
        };
        if since.announced.as_ref() == Some(step) {
            return;
        }
        since.announced = Some(step.clone());
        let plan = run.plan();
        let Some(number) = plan.steps.iter().position(|s| s.id == *step) else { return };
        let Some(it) = plan.steps.get(number) else { return };
        self.emit(What::StepInWork {
            step: step.clone(),
            title: it.title.clone(),
            actor: it.actor,
            number: number + 1,
            of: plan.steps.len(),
            expected_seconds: it.expected_seconds,
        });
    }

    fn tell_seen(&self, seen: &Snapshot, since: &mut Since) {
        for (node, server) in &seen.servers {
            if server.reached == since.unreached.contains(node) {
                if server.reached {
                    since.unreached.remove(node);
                } else {
                    since.unreached.insert(node.clone());
                }
                self.emit(What::Reach { node: node.clone(), reached: server.reached });
            }
        }
        let groups: Vec<GroupLine> = seen
            .clusters
            .iter()
            .flat_map(|(cluster, c)| {
                c.groups.iter().map(|(group, g)| GroupLine {
                    cluster: cluster.clone(),
                    group: group.clone(),
                    owner: g.owner.clone(),
                    state: g.state,
                    healthy: g.healthy,
                })
            })
            .collect();
        if !groups.is_empty() && groups != since.groups {
            since.groups.clone_from(&groups);
            self.emit(What::Groups { groups });
        }
    }

    fn note(&self, text: String) {
        self.emit(What::Note { text });
    }

    fn emit(&self, what: What) {
        (self.events)(Event { at: now(), what });
    }
}

fn order<'a>(run: &'a Run, step: &StepId, attempt: u32, token: &'a LockSeen) -> Option<Order<'a>> {
    Some(Order { plan: run.plan(), step: run.plan().step(step)?, attempt, token, start: run.start()? })
}

/// What has to be looked at for a step: its node, and all nodes of its cluster, since one partition's word about
/// itself is not enough.
fn question<'a>(run: &'a Run, step: &Step) -> Question<'a> {
    let plan = run.plan();
    let mut servers = BTreeSet::new();
    servers.extend(step.action.node().cloned());
    for (id, cluster) in &plan.estate.clusters {
        let about = step.action.cluster() == Some(id)
            || step.action.node().is_some_and(|node| cluster.nodes.contains(node));
        if about {
            servers.extend(cluster.nodes.iter().cloned());
        }
    }
    let health =
        step.requires.iter().chain(&step.expects).any(|c| matches!(c, Condition::Healthy { .. }));
    Question { payload: Some(&plan.payload), servers, health }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
