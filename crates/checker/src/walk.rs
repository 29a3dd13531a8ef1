//! The plan when nothing goes wrong, on every way that its questions (`when`) allow: does it do what it says?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kaketsugi_estate::{GroupId, ServerId};
use kaketsugi_plan::{Action, Plan, RestartNeed, StepId};
use kaketsugi_run::{End, Record, Run, Want};
use kaketsugi_world::World;

use crate::host::{self, Way};
use crate::rules::{self, Broken, Violation};
use crate::state::State;
use crate::translate::{self, Attempt};
use crate::words;
use crate::{Bounds, Coverage, Outcome, Trace, Verdict};

type Exposed = BTreeMap<ServerId, BTreeSet<GroupId>>;

/// What is known after the walk.
pub(crate) struct Walked {
    /// Where exploration starts.
    pub(crate) first: State,
    /// Steps that were carried out, on one way at least.
    pub(crate) due: BTreeSet<StepId>,
}

/// Answers that the host can give in a state when nothing goes wrong: more than one where an installer may ask for a
/// restart or not.
pub(crate) fn ways(state: &State) -> Vec<Way> {
    let plain = Way::default();
    let (Want::Begin { step, .. } | Want::Ask { step, .. }) = state.run.next() else { return vec![plain] };
    let plan = state.run.plan();
    let Some(Action::Install { release, .. }) = plan.step(&step).map(|s| &s.action) else {
        return vec![plain];
    };
    let asks = Way { restart_asked: true, ..plain };
    match plan.payload.find(release).map(|p| p.restart) {
        Some(RestartNeed::IfAsked) => vec![plain, asks],
        Some(RestartNeed::Always) => vec![asks],
        Some(RestartNeed::Never) | None => vec![plain],
    }
}

struct Walker {
    plan: Arc<Plan>,
    seen: BTreeSet<u64>,
    found: BTreeMap<StepId, Exposed>,
    due: BTreeSet<StepId>,
    sentences: Vec<String>,
    transitions: usize,
}

/// Walks every fault-free way.
pub(crate) fn walk(plan: &Arc<Plan>) -> Result<Walked, Box<Verdict>> {
    let world = World::with_releases(&plan.snapshot, translate::releases(&plan.payload));
    let first = State::new(world, Run::new(Arc::clone(plan), "check"));
    let mut walker = Walker {
        plan: Arc::clone(plan),
        seen: BTreeSet::new(),
        found: BTreeMap::new(),
        due: BTreeSet::new(),
        sentences: Vec::new(),
        transitions: 0,
    };
    let violation = match walker.from(&first) {
        Err(violation) => Some(violation),
        Ok(()) => {
            walker.sentences.clear();
            walker.false_exposure()
        }
    };
    match violation {
        Some(violation) => Err(Box::new(walker.verdict(violation))),
        None => Ok(Walked { first, due: walker.due }),
    }
}

impl Walker {
    fn from(&mut self, state: &State) -> Result<(), Violation> {
        if let Some(violation) = &state.violation {
            return Err((**violation).clone());
        }
        if !self.seen.insert(state.key()) {
            return Ok(());
        }
        match state.run.next() {
            Want::Ended(End::Stopped) => {
                return rules::stopped_by_itself(state).map_or(Ok(()), |v| Err((*v).clone()));
            }
            Want::Ended(End::Finished) if state.ending.is_some() => return Ok(()),
            _ => {}
        }
        self.exposures(state)?;
        for way in ways(state) {
            let (next, records) = host::go(state, way);
            self.transitions += 1;
            let depth = self.sentences.len();
            self.sentences.extend(records.iter().map(|r| words::record(&self.plan, r)));
            if way.restart_asked {
                self.sentences.push("The installer will ask for a restart.".into());
            }
            for record in &records {
                if let Record::Intent { step, .. } = record {
                    self.due.insert(step.clone());
                }
            }
            self.from(&next)?;
            self.sentences.truncate(depth);
        }
        Ok(())
    }

    /// What one node's failure would take down, compared with what the step that is carried out now says.
    fn exposures(&mut self, state: &State) -> Result<(), Violation> {
        let Some(step) = state.run.current() else { return Ok(()) };
        let open = state.run.state(&step.id).is_some_and(|s| s.open);
        let started = state.job.as_ref().is_some_and(|j| j.step == step.id);
        if !open || started {
            return Ok(());
        }
        let attempt = Attempt { start: state.run.start(), number: 1, agreed: false, restart_asked: false };
        let command = translate::commands(&self.plan, step, attempt).into_iter().next();
        let mut found = Exposed::new();
        for exposed in state.world().exposures_during(command.as_ref()).into_values() {
            for (node, groups) in exposed {
                found.entry(node).or_default().extend(groups);
            }
        }
        for (node, groups) in &found {
            let said: BTreeSet<_> =
                step.exposes.iter().filter(|e| e.node == *node).flat_map(|e| &e.groups).cloned().collect();
            let undeclared: BTreeSet<_> = groups.difference(&said).cloned().collect();
            if !undeclared.is_empty() {
                return Err(Broken::UndeclaredExposure { node: node.clone(), groups: undeclared }.of(step));
            }
        }
        let all = self.found.entry(step.id.clone()).or_default();
        for (node, groups) in found {
            all.entry(node).or_default().extend(groups);
        }
        Ok(())
    }

    /// An exposure that a step declares and that no way showed.
    fn false_exposure(&self) -> Option<Violation> {
        for step in self.plan.steps.iter().filter(|s| self.due.contains(&s.id)) {
            let found = self.found.get(&step.id);
            for said in &step.exposes {
                let known = found.and_then(|f| f.get(&said.node));
                let never: BTreeSet<_> = said
                    .groups
                    .iter()
                    .filter(|g| !known.is_some_and(|known| known.contains(*g)))
                    .cloned()
                    .collect();
                if !never.is_empty() {
                    return Some(Broken::FalseExposure { node: said.node.clone(), groups: never }.of(step));
                }
            }
        }
        None
    }

    fn verdict(self, violation: Violation) -> Verdict {
        Verdict {
            plan: self.plan.hash(),
            bounds: Bounds { faults_max: 0, ..Bounds::default() },
            outcome: Outcome::Violation(Trace { sentences: self.sentences, violation }),
            coverage: Coverage::default(),
            needs_new_plan: BTreeMap::new(),
            found_so: BTreeSet::new(),
            states: self.seen.len(),
            transitions: self.transitions,
        }
    }
}
