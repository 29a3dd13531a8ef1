//! A world with what was worked out from it, so that states which share it don't work it out again.

use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use kaketsugi_estate::Snapshot;
use kaketsugi_world::{Command, Fault, Refusal, World};

/// A world with what was worked out from it.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) world: World,
    hash: OnceLock<u64>,
    snapshot: OnceLock<Arc<Snapshot>>,
    effects: Mutex<Vec<(Command, Arc<Effect>)>>,
    failures: Mutex<Vec<(Fault, Arc<Scene>)>>,
}

/// What a command leads to.
#[derive(Debug)]
pub(crate) struct Effect {
    /// What can be seen while it is at work.
    pub(crate) midway: Vec<Arc<Scene>>,
    /// What is there when it has ended.
    pub(crate) after: Result<Arc<Scene>, Refusal>,
}

impl Scene {
    pub(crate) fn new(world: World) -> Arc<Self> {
        Arc::new(Self {
            world,
            hash: OnceLock::new(),
            snapshot: OnceLock::new(),
            effects: Mutex::default(),
            failures: Mutex::default(),
        })
    }

    /// Tells worlds apart that can lead to something else.
    pub(crate) fn hash(&self) -> u64 {
        *self.hash.get_or_init(|| {
            let mut hasher = DefaultHasher::new();
            self.world.hash_but_boots(&mut hasher);
            hasher.finish()
        })
    }

    /// What probes see.
    pub(crate) fn snapshot(&self) -> &Arc<Snapshot> {
        self.snapshot.get_or_init(|| Arc::new(self.world.observe()))
    }

    /// What comes of a command.
    pub(crate) fn command(&self, command: &Command) -> Arc<Effect> {
        known_or(&self.effects, command, || {
            Arc::new(Effect {
                midway: self.world.midway(command).into_iter().map(Self::new).collect(),
                after: self.world.command(command).map(Self::new),
            })
        })
    }

    /// What comes of a fault.
    pub(crate) fn fault(&self, fault: &Fault) -> Arc<Self> {
        known_or(&self.failures, fault, || Self::new(self.world.fault(fault)))
    }
}

fn known_or<K: Clone + PartialEq, V>(
    all: &Mutex<Vec<(K, Arc<V>)>>,
    key: &K,
    work_out: impl FnOnce() -> Arc<V>,
) -> Arc<V> {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, known)) = all.iter().find(|(known, _)| known == key) {
        return Arc::clone(known);
    }
    let value = work_out();
    all.push((key.clone(), Arc::clone(&value)));
    value
}
