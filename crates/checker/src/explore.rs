//! Every way that faults and crashes can lead, by stateright.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use kaketsugi_estate::{ClusterId, GroupId, GroupRole, Snapshot};
use kaketsugi_plan::{Action, Plan, StepId};
use kaketsugi_run::{End, Want};
use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::coverage::Ending;
use crate::faults::{self, Injection};
use crate::host::{self, Way};
use crate::ledger::{Edge, Ledger};
use crate::rules::{self, Broken};
use crate::state::State;
use crate::walk::{Walked, walk, ways};
use crate::{Bounds, Coverage, FaultKind, Moment, Outcome, Trace, Verdict, words};

/// How often a run that stops at a step is resumed there before it counts as in need of a new plan: once to learn what
/// became of the work, once to try again.
const RESUMES_MAX: u8 = 4;

/// No more crashes while a step has been tried this often: without a bound every crash could be followed by another
/// attempt and another crash.
const ATTEMPTS_MAX: u32 = 3;

const SAFE: &str = "nothing happens that must never happen";
const FINISHES: &str = "a run finishes without a fault";
const SURVIVES: &str = "a run in which something failed finishes";

/// What happens next.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Act {
    /// The host answers. What comes of it is there already where it had to be known to find the crashes amid it.
    Go(Way, Option<Box<State>>),
    /// The controller crashes, and somebody resumes the run.
    Crash,
    /// Something goes wrong.
    Inject(Injection),
    /// What went wrong is repaired, and the run is resumed.
    Resume,
    /// What went wrong is repaired, and only settings are put back.
    Restore,
    /// Resuming has led nowhere.
    GiveUp,
}

struct Explorer {
    first: State,
    bounds: Bounds,
    ledger: Mutex<Ledger>,
    /// How many states were looked at.
    states: AtomicUsize,
    over: AtomicBool,
}

impl Explorer {
    fn act(state: &State, act: &Act) -> State {
        match act {
            Act::Go(_, Some(next)) => State::clone(next),
            Act::Go(way, None) => host::go(state, *way).0,
            Act::Inject(injection) => faults::inject(state, injection),
            Act::Crash => {
                let mut next = state.clone();
                host::resume(&mut next, false);
                next.seal();
                next
            }
            Act::Resume | Act::Restore => {
                let mut next = state.clone();
                next.resumed_at = Some(state.progress());
                next.resumes += 1;
                host::repair(&mut next);
                host::resume(&mut next, *act == Act::Restore);
                next.seal();
                next
            }
            Act::GiveUp => {
                let mut next = state.clone();
                next.ending =
                    Some(if state.restoring() { Ending::NotAllRestored } else { Ending::NeedsNewPlan });
                next.seal();
                next
            }
        }
    }

    /// What a fault would have done to the estate as it was found, where it would still do so and nothing was done yet but
    /// what makes it less likely.
    fn found_so(&self, state: &State, injection: &Injection) -> Option<String> {
        let faults::Injected::Estate(fault) = &injection.what else { return None };
        let snapshot = &state.run.plan().snapshot;
        let of_users = |cluster: &ClusterId, group: &GroupId| {
            let seen = snapshot.clusters.get(cluster).and_then(|c| c.groups.get(group));
            seen.is_none_or(|seen| seen.role == GroupRole::Service)
        };
        let careful = |action: &Action| match action {
            Action::Stage { .. } | Action::Quiet { .. } | Action::Pause { .. } => true,
            // A paused node takes nothing: what has to go there goes before.
            Action::Move { cluster, group, .. } => !of_users(cluster, group),
            action => action.only_looks(),
        };
        let untouched = state.run.states().all(|(step, _)| careful(&step.action));
        if !untouched || state.world().fault(fault).harm().is_empty() {
            return None;
        }
        let harm = self.first.world().fault(fault).harm().first()?.to_string();
        Some(format!("{} {harm}", words::injected(injection)))
    }

    fn note(&self, state: &State, act: &Act, next: &State) {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let step = || state.run.current().map_or_else(|| StepId::new("end"), |s| s.id.clone());
        let edge = match act {
            Act::Crash | Act::Go(Way { crash_after: Some(_), .. }, _) => Edge::Crash,
            Act::Resume => Edge::Resume,
            _ => Edge::Plain,
        };
        if edge == Edge::Crash && state.faults == 0 {
            ledger.crashes.entry(step()).or_default().insert(state.key());
        }
        if let (Act::GiveUp, Some(why), false) = (act, state.run.stopped(), state.restoring()) {
            ledger.dead_ends.entry(step()).or_default().insert(words::stopped(why));
        }
        match act {
            // The fault's own ways are told apart from the plain one, so that each cell has ends of its own.
            Act::Inject(injection) => {
                let key = (step(), injection.kind, injection.moment);
                ledger.cells.entry(key).or_default().insert((state.key(), next.key()));
            }
            Act::Go(..) if state.faults == 0 => {
                let key = (step(), FaultKind::None, Moment::Before);
                ledger.cells.entry(key).or_default().insert((state.key(), next.key()));
                ledger.edges.push((state.key(), edge, next.key()));
            }
            _ => ledger.edges.push((state.key(), edge, next.key())),
        }
        if let Some(ending) = next.ending {
            ledger.endings.insert(next.key(), ending);
            if ending == Ending::Restored {
                ledger.left.entry(next.scene.hash()).or_insert_with(|| next.seen());
            }
        }
    }
}

impl Model for Explorer {
    type State = State;
    type Action = Act;

    fn init_states(&self) -> Vec<State> {
        vec![self.first.clone()]
    }

    fn actions(&self, state: &State, acts: &mut Vec<Act>) {
        self.states.fetch_add(1, Ordering::Relaxed);
        if state.violation.is_some() || state.ending.is_some() {
            return;
        }
        if let Want::Ended(End::Stopped) = state.run.next() {
            if state.resumed_at == Some(state.progress()) || state.resumes >= RESUMES_MAX {
                acts.push(Act::GiveUp);
            } else {
                acts.push(Act::Resume);
                if !state.restoring() {
                    acts.push(Act::Restore);
                }
            }
            return;
        }
        let tried = state.run.current().and_then(|s| state.run.state(&s.id)).map_or(0, |s| s.attempts);
        // The last resumes at a step are spared, so that what they lead to is seen.
        let crashes = state.run.begun() && tried < ATTEMPTS_MAX && state.resumes <= RESUMES_MAX / 2;
        for way in ways(state) {
            let (next, records) = host::go(state, way);
            if crashes {
                let worked = next.world() != state.world() || next.job.is_some() && next.job != state.job;
                // After each of the answer's records but the last, which is a crash in the state that follows; and
                // before the first one, where work was done that isn't journalled yet.
                let from = if worked && !records.is_empty() { 0 } else { 1 };
                for kept in from..records.len() {
                    acts.push(Act::Go(Way { crash_after: Some(kept), ..way }, None));
                }
            }
            acts.push(Act::Go(way, Some(Box::new(next))));
        }
        let locking = matches!(state.run.next(), Want::Lock { .. } | Want::Ended(_));
        if crashes && !locking {
            acts.push(Act::Crash);
        }
        if state.faults < self.bounds.faults_max && state.run.begun() {
            for injection in faults::possible(state) {
                match self.found_so(state, &injection) {
                    Some(what) => {
                        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
                        ledger.found_so.insert(what);
                    }
                    None => acts.push(Act::Inject(injection)),
                }
            }
        }
    }

    fn next_state(&self, state: &State, act: Act) -> Option<State> {
        let mut next = Self::act(state, &act);
        if next.resumed_at.is_some_and(|at| next.progress().0 > at.0) {
            // The resume has led on: from here it doesn't matter any more that there was one.
            next.resumed_at = None;
            next.resumes = 0;
            next.seal();
        }
        let by_itself = next.faults == 0 && next.violation.is_none() && next.run.stopped().is_some();
        if by_itself {
            next.violation = rules::stopped_by_itself(&next);
            next.seal();
        }
        self.note(state, &act, &next);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(SAFE, |_, state: &State| state.violation.is_none()),
            Property::sometimes(FINISHES, |_, state: &State| {
                state.faults == 0 && state.ending == Some(Ending::Finished)
            }),
            Property::sometimes(SURVIVES, |_, state: &State| {
                state.faults > 0 && state.ending == Some(Ending::Finished)
            }),
        ]
    }

    fn within_boundary(&self, _: &State) -> bool {
        let within = self.states.load(Ordering::Relaxed) < self.bounds.states_max;
        self.over.fetch_or(!within, Ordering::Relaxed);
        within
    }
}

/// Explores a plan that does what it says when nothing goes wrong.
pub(crate) fn explore(
    plan: &Arc<Plan>,
    bounds: &Bounds,
    walked: &Walked,
    replan: Option<&crate::Replan<'_>>,
) -> Verdict {
    // How many there are makes a difference to how soon it is known that all is well, and to nothing else.
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let verdict = explore_by(threads, plan, bounds, walked, replan);
    if threads > 1 && matches!(verdict.outcome, Outcome::Violation(_)) {
        // Who came upon it first is chance then. One alone comes upon the shortest way, each time.
        return explore_by(1, plan, bounds, walked, replan);
    }
    verdict
}

fn explorer(bounds: &Bounds, walked: &Walked) -> Explorer {
    Explorer {
        first: walked.first.clone(),
        bounds: *bounds,
        ledger: Mutex::default(),
        states: AtomicUsize::new(0),
        over: AtomicBool::new(false),
    }
}

/// How many states and transitions there are when each way is gone to its end before the next: the order must make no
/// difference, or states are taken for one that don't go on alike.
pub(crate) fn depth_first(bounds: &Bounds, walked: &Walked) -> (usize, usize) {
    let checker = explorer(bounds, walked).checker().threads(1).spawn_dfs().join();
    (checker.unique_state_count(), checker.state_count())
}

fn explore_by(
    threads: usize,
    plan: &Arc<Plan>,
    bounds: &Bounds,
    walked: &Walked,
    replan: Option<&crate::Replan<'_>>,
) -> Verdict {
    let checker = explorer(bounds, walked)
        .checker()
        .threads(threads)
        .finish_when(HasDiscoveries::AnyOf(BTreeSet::from([SAFE])))
        .spawn_bfs()
        .join();
    let (states, transitions) = (checker.unique_state_count(), checker.state_count());
    let over = checker.model().over.load(Ordering::Relaxed);
    let counter_example = checker.discovery(SAFE).map(|path| trace(plan, path.into_vec()));
    // To put a way together, states are made and noted again: the ledger is free for that until here.
    let [finishes, survives] = [FINISHES, SURVIVES].map(|name| checker.discovery(name).is_some());
    let vacuous = |what: &str| Trace {
        sentences: Vec::new(),
        violation: Broken::Vacuous { what: what.into() }.plainly(),
    };
    let ledger = checker.model().ledger.lock().unwrap_or_else(PoisonError::into_inner);
    let outcome = match counter_example {
        Some(trace) => Outcome::Violation(trace),
        None if over => Outcome::OverBound,
        None if !finishes => Outcome::Violation(vacuous("no run finishes")),
        // A plan without a step goes near nothing that could fail.
        None if bounds.faults_max > 0 && !survives && !plan.steps.is_empty() => {
            Outcome::Violation(vacuous("no run in which something failed finishes"))
        }
        None => match replan.and_then(|replan| no_way_on(&ledger, replan)) {
            Some(trace) => Outcome::Violation(trace),
            None => Outcome::Safe,
        },
    };
    let coverage = Coverage::new(plan, ledger.cells(), &walked.due);
    let needs_new_plan = ledger.dead_ends.clone();
    Verdict {
        plan: plan.hash(),
        bounds: *bounds,
        outcome,
        coverage,
        needs_new_plan,
        found_so: ledger.found_so.clone(),
        states,
        transitions,
    }
}

/// Makes a new plan from everything that a stopped and restored run can leave behind, and walks it.
fn no_way_on(ledger: &Ledger, replan: &crate::Replan<'_>) -> Option<Trace> {
    ledger.left.values().find_map(|snapshot| {
        let why = match replan(snapshot) {
            Err(why) => format!("no new plan can be made: {why}"),
            Ok(None) => return None,
            Ok(Some(plan)) => match walk(&Arc::new(plan)).err()?.outcome {
                Outcome::Violation(trace) => return Some(after_a_stop(snapshot, trace)),
                Outcome::Safe | Outcome::OverBound => return None,
            },
        };
        let trace = Trace { sentences: Vec::new(), violation: Broken::NoWayOn { why }.plainly() };
        Some(after_a_stop(snapshot, trace))
    })
}

fn after_a_stop(snapshot: &Snapshot, mut trace: Trace) -> Trace {
    let mut there =
        vec!["A run stops, what failed is repaired, settings are put back, and this is there:".to_owned()];
    there.extend(words::there(snapshot));
    there.push("A new plan is made from it.".into());
    there.append(&mut trace.sentences);
    Trace { sentences: there, ..trace }
}

/// A way in sentences.
fn trace(plan: &Plan, path: Vec<(State, Option<Act>)>) -> Trace {
    let mut sentences = Vec::new();
    let mut violation = None;
    for (state, act) in &path {
        violation = state.violation.as_deref().cloned().or(violation);
        let Some(act) = act else { continue };
        let records = |way: Way| host::go(state, way).1;
        match act {
            Act::Go(way, _) => {
                sentences.extend(records(*way).iter().map(|r| words::record(plan, r)));
                if way.restart_asked {
                    sentences.push("The installer will ask for a restart.".into());
                }
                if way.crash_after.is_some() {
                    sentences.push("The controller crashes. The run is resumed.".into());
                }
            }
            Act::Crash => sentences.push("The controller crashes. The run is resumed.".into()),
            Act::Inject(injection) => {
                sentences.push(words::injected(injection));
                if let faults::Injected::Way(way) = injection.what {
                    sentences.extend(records(way).iter().map(|r| words::record(plan, r)));
                }
            }
            Act::Resume => sentences.push("What failed is repaired, and the run is resumed.".into()),
            Act::Restore => {
                sentences.push("What failed is repaired, and the run is told to put settings back.".into());
            }
            Act::GiveUp => sentences.push("The run stays stopped: a new plan is needed.".into()),
        }
        violation = Explorer::act(state, act).violation.as_deref().cloned().or(violation);
    }
    // A discovery of the property is a state with a violation.
    let violation = violation.unwrap_or_else(|| Broken::NoProgress.plainly());
    Trace { sentences, violation }
}
