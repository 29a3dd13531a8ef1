//! What the world expects of a plan's steps when all goes well, for comparison with real machines.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kaketsugi_estate::{BootId, ServerId, Setting, Snapshot};
use kaketsugi_plan::{Baseline, Plan, StepId};
use kaketsugi_world::{Refusal, World};

use crate::translate::{Attempt, commands, releases};

/// An estate as the world expects it after some of a plan's steps.
///
/// It stands on the same translation and the same world as the checker's verdict: where a real cluster shows
/// something else, the verdict is about another cluster.
#[derive(Debug, Clone)]
pub struct Prediction {
    plan: Arc<Plan>,
    world: World,
    /// What was captured when the run began.
    start: Baseline,
}

impl Prediction {
    /// The estate that the plan was made from; `start` is what the run captured.
    #[must_use]
    pub fn new(plan: &Plan, start: &Baseline) -> Self {
        let world = World::with_releases(&plan.snapshot, releases(&plan.payload));
        Self { plan: Arc::new(plan.clone()), world, start: start.clone() }
    }

    /// The step is carried out, at its first attempt. `restart_asked` is what its installer says; others say nothing.
    ///
    /// # Errors
    /// Why the world would refuse one of the step's commands: the plan orders something that does nothing.
    pub fn step(&mut self, step: &StepId, restart_asked: bool) -> Result<(), Refusal> {
        let plan = Arc::clone(&self.plan);
        let Some(step) = plan.step(step) else {
            return Err(Refusal::NoSuch { what: format!("step {step}") });
        };
        let attempt = Attempt { start: Some(&self.start), number: 1, agreed: false, restart_asked };
        for command in commands(&plan, step, attempt) {
            self.world = self.world.command(&command)?;
        }
        Ok(())
    }

    /// What probes would see.
    #[must_use]
    pub fn expected(&self) -> Snapshot {
        self.world.observe()
    }

    /// Differences between what is expected and what was seen, in words; empty when there are none.
    ///
    /// What the world doesn't claim to know is left out: times, the text of boot identities (whether a node has
    /// started anew is compared), whose locks and marks there are, what health commands answered, and the digest of
    /// a cluster's configuration while a node is in standby that wasn't before.
    #[must_use]
    pub fn differences(&self, seen: &Snapshot) -> Vec<String> {
        let expected = flat(&self.comparable(self.expected()));
        let seen = flat(&self.comparable(seen.clone()));
        let paths: BTreeSet<&String> = expected.keys().chain(seen.keys()).collect();
        let nothing = "nothing".to_owned();
        paths
            .into_iter()
            .map(|path| (path, expected.get(path).unwrap_or(&nothing), seen.get(path).unwrap_or(&nothing)))
            .filter(|(_, expected, seen)| expected != seen)
            .map(|(path, expected, seen)| format!("{path}: expected {expected}, seen {seen}"))
            .collect()
    }

    fn comparable(&self, mut snapshot: Snapshot) -> Snapshot {
        let planned = &self.plan.snapshot;
        snapshot.taken_at = planned.taken_at;
        for (id, server) in &mut snapshot.servers {
            server.lock = None;
            let before = planned.servers.get(id).and_then(|s| s.boot.clone());
            server.boot = Some(BootId(if server.boot == before { "as before" } else { "anew" }.into()));
            if let Some(Some(mark)) = server.settings.get_mut(&Setting::PolicyRcD)
                && let Some((ours, _run)) = mark.split_once(' ')
            {
                *mark = ours.to_owned();
            }
        }
        let standby = |snapshot: &Snapshot, id: &ServerId| {
            snapshot.servers.get(id).and_then(|s| s.settings.get(&Setting::Standby)).cloned().flatten()
        };
        let expected = self.expected();
        let changed: BTreeSet<&ServerId> =
            expected.servers.keys().filter(|id| standby(&expected, id) != standby(planned, id)).collect();
        for cluster in snapshot.clusters.values_mut() {
            cluster.lock = None;
            if cluster.nodes.keys().any(|node| changed.contains(node)) {
                cluster.configuration = None;
            }
            for group in cluster.groups.values_mut() {
                group.healthy = None;
            }
        }
        snapshot
    }
}

/// Every value of a snapshot by its path.
fn flat(snapshot: &Snapshot) -> BTreeMap<String, String> {
    fn walk(path: &str, value: &serde_json::Value, into: &mut BTreeMap<String, String>) {
        match value {
            serde_json::Value::Object(fields) if !fields.is_empty() => {
                fields.iter().for_each(|(name, value)| walk(&format!("{path}/{name}"), value, into));
            }
            serde_json::Value::Array(items) if !items.is_empty() => {
                items.iter().enumerate().for_each(|(n, value)| walk(&format!("{path}/{n}"), value, into));
            }
            other => drop(into.insert(path.to_owned(), other.to_string())),
        }
    }
    let mut values = BTreeMap::new();
    match serde_json::to_value(snapshot) {
        Ok(value) => walk("", &value, &mut values),
        Err(error) => drop(values.insert("/".into(), error.to_string())),
    }
    values
}
