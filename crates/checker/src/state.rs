//! A state of the exploration: the world, the run machine, and what lies between them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use kaketsugi_estate::{Millis, ServerId, Snapshot};
use kaketsugi_plan::StepId;
use kaketsugi_run::{Alike, Mode, Run};
use kaketsugi_world::{Command, World};

use crate::coverage::Ending;
use crate::rules::Violation;
use crate::scene::Scene;

/// Work that was begun under its handle, on a node or by a person.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Job {
    pub(crate) step: StepId,
    pub(crate) attempt: u32,
    /// The node that it ends with. None: the cluster or a person does it.
    pub(crate) home: Option<ServerId>,
    /// What is at work, and what follows.
    pub(crate) left: Vec<Command>,
    pub(crate) is: JobState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum JobState {
    /// The first of `left` is at work.
    Running,
    /// It will never end by itself.
    Hung,
    /// Exit code, in its file on the node.
    Ended(u32),
    /// It was begun and left no exit code.
    Vanished,
}

/// A state.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) scene: Arc<Scene>,
    pub(crate) run: Arc<Run>,
    pub(crate) job: Option<Job>,
    /// The last answer changed nothing: what is wanted next comes with "the time is over".
    pub(crate) idle: bool,
    /// Faults that were injected.
    pub(crate) faults: u8,
    /// Whether something that was injected is still so: a node down, a hung command.
    pub(crate) ailing: bool,
    /// Whether two days have passed since the run began.
    pub(crate) late: bool,
    /// The attempt that began after an administrator had said that it may be made.
    pub(crate) agreed: Option<(StepId, u32)>,
    /// Whether that was said when the run was resumed last.
    pub(crate) may_retry: bool,
    /// Resumes after a stop, and how far the run was at the last one.
    pub(crate) resumes: u8,
    pub(crate) resumed_at: Option<(usize, u32, bool)>,
    pub(crate) violation: Option<Arc<Violation>>,
    pub(crate) ending: Option<Ending>,
    alike: Arc<Alike>,
    key: u64,
}

impl State {
    pub(crate) fn new(world: World, run: Run) -> Self {
        let mut state = Self {
            scene: Scene::new(world),
            alike: Arc::new(Alike::new(run.plan())),
            run: Arc::new(run),
            job: None,
            idle: false,
            faults: 0,
            ailing: false,
            late: false,
            agreed: None,
            may_retry: false,
            resumes: 0,
            resumed_at: None,
            violation: None,
            ending: None,
            key: 0,
        };
        state.seal();
        state
    }

    pub(crate) fn world(&self) -> &World {
        &self.scene.world
    }

    pub(crate) fn set_scene(&mut self, scene: Arc<Scene>) {
        if *self.world() != scene.world {
            self.scene = scene;
        }
    }

    pub(crate) fn key(&self) -> u64 {
        self.key
    }

    /// What probes see now, by the controller's clock.
    pub(crate) fn seen(&self) -> Arc<Snapshot> {
        let snapshot = self.scene.snapshot();
        if self.late {
            return Arc::new(Snapshot { taken_at: self.clock(), ..Snapshot::clone(snapshot) });
        }
        Arc::clone(snapshot)
    }

    /// What probes see for the step that is in work: no more than its scope, as in a real run.
    pub(crate) fn seen_for_step(&self) -> Arc<Snapshot> {
        let seen = self.seen();
        let plan = self.run.plan();
        let scope = self.run.current().map(|step| plan.scope(step)).unwrap_or_default();
        if scope.is_empty() || seen.servers.keys().all(|id| scope.contains(id)) {
            return seen;
        }
        let mut seen = Snapshot::clone(&seen);
        seen.servers.retain(|id, _| scope.contains(id));
        seen.clusters.retain(|_, cluster| cluster.nodes.keys().any(|node| scope.contains(node)));
        Arc::new(seen)
    }

    /// The controller's clock. Time isn't explored but for one long pause, after which evidence is too old.
    pub(crate) fn clock(&self) -> Millis {
        const PAUSE_MS: u64 = 48 * 3_600_000;
        let began = self.run.plan().snapshot.taken_at;
        Millis(began.0 + if self.late { PAUSE_MS } else { 0 })
    }

    /// How far the run is: a resume that doesn't change this has made no progress.
    pub(crate) fn progress(&self) -> (usize, u32, bool) {
        let settled = self.run.progress().0;
        let current = self.run.current().and_then(|s| self.run.state(&s.id));
        (settled, current.map_or(0, |s| s.attempts), current.is_some_and(|s| s.open))
    }

    /// Computes the key. What can't make a difference any more is left out: which boot a node is in beyond whether it
    /// is another than when a step began, and what [`Alike`] leaves out.
    pub(crate) fn seal(&mut self) {
        let mut h = DefaultHasher::new();
        self.scene.hash().hash(&mut h);
        let seen = self.scene.snapshot();
        let boots = seen.servers.iter().filter_map(|(id, s)| Some((id, s.boot.as_ref()?))).collect();
        self.alike.hash(&self.run, &boots, &mut h);
        (&self.job, self.idle, self.faults, self.ailing, self.late).hash(&mut h);
        (&self.agreed, self.may_retry, self.resumes, self.resumed_at).hash(&mut h);
        (&self.violation, self.ending).hash(&mut h);
        self.key = h.finish();
    }

    /// Whether only settings are put back from now on.
    pub(crate) fn restoring(&self) -> bool {
        self.run.mode() == Mode::Restore
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for State {}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}
