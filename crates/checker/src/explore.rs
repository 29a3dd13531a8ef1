//! Every way that faults and crashes can lead, by stateright.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use kaketsugi_estate::Snapshot;
use kaketsugi_plan::{Plan, StepId};
use kaketsugi_run::{End, Want};
use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::coverage::{Cell, Ending};
use crate::faults::{self, Injection};
use crate::host::{self, Way};
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
    /// The host answers.
    Go(Way),
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

type CellKey = (StepId, FaultKind, Moment);

/// What was explored, for the coverage table.
#[derive(Default)]
struct Ledger {
    edges: BTreeMap<u64, Vec<(Edge, u64)>>,
    endings: BTreeMap<u64, Ending>,
    cells: BTreeMap<CellKey, BTreeSet<(u64, u64)>>,
    crashes: BTreeMap<StepId, BTreeSet<u64>>,
    dead_ends: BTreeMap<StepId, BTreeSet<String>>,
    /// What is there where a run has been restored, each once.
    left: BTreeMap<u64, Snapshot>,
    over: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    Plain,
    Crash,
    Resume,
}

struct Explorer {
    first: State,
    bounds: Bounds,
    ledger: Arc<Mutex<Ledger>>,
    /// What came of the plain answers to the state that was looked at last: `actions` needs it, and `next_state` too.
    answered: Mutex<(u64, Vec<(Way, State)>)>,
}

impl Explorer {
    fn act(&self, state: &State, act: &Act) -> State {
        match act {
            Act::Go(way) => self.answered(state, *way).unwrap_or_else(|| host::go(state, *way).0),
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

    fn answered(&self, state: &State, way: Way) -> Option<State> {
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let of_this = answered.0 == state.key();
        answered.1.iter().find(|(known, _)| of_this && *known == way).map(|(_, next)| next.clone())
    }

    fn note(&self, state: &State, act: &Act, next: &State) {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let step = || state.run.current().map_or_else(|| StepId::new("end"), |s| s.id.clone());
        let edge = match act {
            Act::Crash | Act::Go(Way { crash_after: Some(_), .. }) => Edge::Crash,
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
            Act::Go(_) if state.faults == 0 => {
                let key = (step(), FaultKind::None, Moment::Before);
                ledger.cells.entry(key).or_default().insert((state.key(), next.key()));
                ledger.edges.entry(state.key()).or_default().push((edge, next.key()));
            }
            _ => ledger.edges.entry(state.key()).or_default().push((edge, next.key())),
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
        let tried = state.run.current().and_then(|s| state.run.steps().get(&s.id)).map_or(0, |s| s.attempts);
        // The last resumes at a step are spared, so that what they lead to is seen.
        let crashes = state.run.begun() && tried < ATTEMPTS_MAX && state.resumes <= RESUMES_MAX / 2;
        let mut answered = Vec::new();
        for way in ways(state) {
            acts.push(Act::Go(way));
            let (next, records) = host::go(state, way);
            if crashes {
                let worked = next.world() != state.world() || next.job.is_some() && next.job != state.job;
                // After each of the answer's records but the last, which is a crash in the state that follows; and
                // before the first one, where work was done that isn't journalled yet.
                let from = if worked && !records.is_empty() { 0 } else { 1 };
                for kept in from..records.len() {
                    acts.push(Act::Go(Way { crash_after: Some(kept), ..way }));
                }
            }
            answered.push((way, next));
        }
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = (state.key(), answered);
        let locking = matches!(state.run.next(), Want::Lock { .. } | Want::Ended(_));
        if crashes && !locking {
            acts.push(Act::Crash);
        }
        if state.faults < self.bounds.faults_max && state.run.begun() {
            acts.extend(faults::possible(state).into_iter().map(Act::Inject));
        }
    }

    fn next_state(&self, state: &State, act: Act) -> Option<State> {
        let mut next = self.act(state, &act);
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
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.over |= ledger.edges.len() >= self.bounds.states_max;
        !ledger.over
    }
}

/// Explores a plan that does what it says when nothing goes wrong.
pub(crate) fn explore(
    plan: &Arc<Plan>,
    bounds: &Bounds,
    walked: &Walked,
    replan: Option<&crate::Replan<'_>>,
) -> Verdict {
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let explorer = Explorer {
        first: walked.first.clone(),
        bounds: *bounds,
        ledger: Arc::clone(&ledger),
        answered: Mutex::new((0, Vec::new())),
    };
    let checker =
        explorer.checker().finish_when(HasDiscoveries::AnyOf(BTreeSet::from([SAFE]))).spawn_bfs().join();
    let (states, transitions) = (checker.unique_state_count(), checker.state_count());
    let counter_example = checker.discovery(SAFE).map(|path| trace(checker.model(), plan, path.into_vec()));
    let shown = |name| checker.discovery(name).is_some();
    let over = ledger.lock().unwrap_or_else(PoisonError::into_inner).over;
    let vacuous = |what: &str| Trace {
        sentences: Vec::new(),
        violation: Broken::Vacuous { what: what.into() }.plainly(),
    };
    let outcome = match counter_example {
        Some(trace) => Outcome::Violation(trace),
        None if over => Outcome::OverBound,
        None if !shown(FINISHES) => Outcome::Violation(vacuous("no run finishes")),
        None if bounds.faults_max > 0 && !shown(SURVIVES) => {
            Outcome::Violation(vacuous("no run in which something failed finishes"))
        }
        None => match replan.and_then(|replan| no_way_on(&ledger, replan)) {
            Some(trace) => Outcome::Violation(trace),
            None => Outcome::Safe,
        },
    };
    let ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
    let coverage = Coverage::new(plan, cells(&ledger), &walked.due);
    let needs_new_plan = ledger.dead_ends.clone();
    Verdict { plan: plan.hash(), bounds: *bounds, outcome, coverage, needs_new_plan, states, transitions }
}

/// Makes a new plan from everything that a stopped and restored run can leave behind, and walks it.
fn no_way_on(ledger: &Mutex<Ledger>, replan: &crate::Replan<'_>) -> Option<Trace> {
    let ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
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

/// The cells, with the ends that are reached from each.
fn cells(ledger: &Ledger) -> BTreeMap<CellKey, Cell> {
    let plain = ends(ledger, false);
    let crashing = ends(ledger, true);
    let mut cells: BTreeMap<CellKey, Cell> = BTreeMap::new();
    for (key, places) in &ledger.cells {
        let cell = cells.entry(key.clone()).or_default();
        cell.places = u32::try_from(places.len()).unwrap_or(u32::MAX);
        for (_, next) in places {
            cell.ends.extend(plain.get(next).into_iter().flatten());
            cell.ends_with_crashes.extend(crashing.get(next).into_iter().flatten());
        }
    }
    for (step, places) in &ledger.crashes {
        let cell = cells.entry((step.clone(), FaultKind::None, Moment::Before)).or_default();
        cell.crashes = u32::try_from(places.len()).unwrap_or(u32::MAX);
    }
    cells
}

/// The ends that can be reached from each state without another fault.
fn ends(ledger: &Ledger, with_crashes: bool) -> BTreeMap<u64, BTreeSet<Ending>> {
    let mut before: BTreeMap<u64, Vec<(Edge, u64)>> = BTreeMap::new();
    for (from, edges) in &ledger.edges {
        for (edge, to) in edges {
            if with_crashes || *edge != Edge::Crash {
                before.entry(*to).or_default().push((*edge, *from));
            }
        }
    }
    let mut ends: BTreeMap<u64, BTreeSet<Ending>> = BTreeMap::new();
    let mut todo: VecDeque<(u64, Ending)> = ledger.endings.iter().map(|(k, e)| (*k, *e)).collect();
    while let Some((state, ending)) = todo.pop_front() {
        if ends.entry(state).or_default().insert(ending) {
            todo.extend(before.get(&state).into_iter().flatten().map(|(edge, from)| {
                let resumed = *edge == Edge::Resume && ending == Ending::Finished;
                (*from, if resumed { Ending::FinishedAfterResume } else { ending })
            }));
        }
    }
    ends
}

/// A way in sentences.
fn trace(explorer: &Explorer, plan: &Plan, path: Vec<(State, Option<Act>)>) -> Trace {
    let mut sentences = Vec::new();
    let mut violation = None;
    for (state, act) in &path {
        violation = state.violation.as_deref().cloned().or(violation);
        let Some(act) = act else { continue };
        let records = |way: Way| host::go(state, way).1;
        match act {
            Act::Go(way) => {
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
        violation = explorer.act(state, act).violation.as_deref().cloned().or(violation);
    }
    // A discovery of the property is a state with a violation.
    let violation = violation.unwrap_or_else(|| Broken::NoProgress.plainly());
    Trace { sentences, violation }
}
