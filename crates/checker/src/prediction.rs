//! What the world expects of a plan's steps when all goes well, for comparison with real machines.

use std::collections::BTreeSet;
use std::sync::Arc;

use kaketsugi_estate::{ServerId, Snapshot};
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
    /// started anew is compared), whose locks are held, and what health commands answered.
    #[must_use]
    pub fn differences(&self, seen: &Snapshot) -> Vec<String> {
        let expected = leave_out(self.expected());
        let found = leave_out(seen.clone());
        let mut differences = Vec::new();
        let servers: BTreeSet<&ServerId> = expected.servers.keys().chain(found.servers.keys()).collect();
        for id in servers {
            let (one, other) = (expected.servers.get(id), found.servers.get(id));
            if one != other {
                differences.push(format!("{id}: expected {one:#?}\nseen {other:#?}"));
            }
            let planned = self.plan.snapshot.servers.get(id).and_then(|s| s.boot.clone());
            let anew = |snapshot: &Snapshot| snapshot.servers.get(id).map(|s| s.boot != planned);
            if anew(&self.expected()) != anew(seen) {
                differences.push(format!(
                    "{id} has started anew: expected {:?}, seen {:?}",
                    anew(&self.expected()),
                    anew(seen)
                ));
            }
        }
        if expected.clusters != found.clusters {
            differences.push(format!("expected {:#?}\nseen {:#?}", expected.clusters, found.clusters));
        }
        differences
    }
}

fn leave_out(mut snapshot: Snapshot) -> Snapshot {
    for server in snapshot.servers.values_mut() {
        server.boot = None;
        server.lock = None;
    }
    for cluster in snapshot.clusters.values_mut() {
        cluster.lock = None;
        for group in cluster.groups.values_mut() {
            group.healthy = None;
        }
    }
    snapshot
}
