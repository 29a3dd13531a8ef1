//! A platform over the world, a person with hands in it, and whole runs with both.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::allow_attributes,
    reason = "shared by tests, none of which uses all of it"
)]

#[path = "../../../planner/tests/testkit/mod.rs"]
pub mod testkit;
#[path = "../../../run/tests/support/translate.rs"]
pub mod translate;
mod world_platform;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use kaketsugi_plan::Plan;
use kaketsugi_run::{Event, Record, Run, What};
use kaketsugi_runner::{Driver, Ending, Interrupt, Journal, JournalError, Store, now};
use kaketsugi_transport::operator::{Behaviour, Request, Rule, Scripted};

pub use world_platform::{Call, Mishap, WorldPlatform};

pub fn pacemaker() -> Arc<Plan> {
    let kit = testkit::pacemaker(&["n1", "n2", "n3"], &[("mail", "n1")]);
    Arc::new(kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).expect("a plan"))
}

pub fn exchange() -> Arc<Plan> {
    let kit = testkit::exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1")], "exchange-2003-sp2");
    Arc::new(kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).expect("a plan"))
}

pub fn plans() -> [(&'static str, Arc<Plan>); 2] {
    [("pacemaker", pacemaker()), ("exchange", exchange())]
}

/// In memory where there is such a place: what is tested here is not the disk.
fn temporary() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a temporary directory")
}

/// What happens when an event is told.
pub type OnEvent = Arc<dyn Fn(&Event) + Send + Sync>;

/// An estate, a store for its run, and all that was told.
pub struct Scene {
    pub plan: Arc<Plan>,
    pub platform: Arc<WorldPlatform>,
    pub person: Arc<Scripted>,
    pub store: Store,
    pub interrupt: Interrupt,
    pub on_event: OnEvent,
    pub told: Arc<Mutex<Vec<Event>>>,
    _directory: Option<tempfile::TempDir>,
}

impl Scene {
    pub fn new(plan: &Arc<Plan>) -> Self {
        let directory = temporary();
        let mut scene = Self::at(plan, directory.path());
        scene._directory = Some(directory);
        scene
    }

    pub fn at(plan: &Arc<Plan>, directory: &Path) -> Self {
        let platform = Arc::new(WorldPlatform::new(plan));
        let person = person(&platform, Vec::new());
        Self {
            plan: plan.clone(),
            platform,
            person,
            store: Store::new(directory),
            interrupt: Interrupt::default(),
            on_event: Arc::new(|_| {}),
            told: Arc::default(),
            _directory: None,
        }
    }

    /// The person does as these rules say.
    pub fn person(mut self, behaviour: Behaviour) -> Self {
        self.behaves(behaviour);
        self
    }

    /// Another controller: the same estate and store, a person of its own.
    pub fn beside(&self) -> Self {
        let mut scene = Self::at(&self.plan, self.store.directory());
        scene.platform = self.platform.clone();
        scene.person = person(&scene.platform, Vec::new());
        scene
    }

    /// The person does so for requests that hold one of these, and at once what else is asked.
    pub fn behaves_on(&mut self, on: &[&str], behaviour: Behaviour) {
        let rule = |on: &&str| Rule { on: (*on).to_owned(), times: None, behaviour: behaviour.clone() };
        self.person = person(&self.platform, on.iter().map(rule).collect());
    }

    pub fn behaves(&mut self, behaviour: Behaviour) {
        self.person = person(&self.platform, vec![Rule { on: String::new(), times: None, behaviour }]);
    }

    /// This happens at every event.
    pub fn on(mut self, on_event: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.on_event = Arc::new(on_event);
        self
    }

    /// Begins the run and drives it. None: the process died.
    pub async fn apply(&self) -> Option<Result<Ending, JournalError>> {
        let (journal, id) = self.store.begin(&self.plan, now()).expect("a journal");
        self.drive(journal, Run::new(self.plan.clone(), id)).await
    }

    /// Goes on with the run, as the command `resume` does.
    pub async fn resume(&self) -> Option<Result<Ending, JournalError>> {
        self.resume_with(false, false).await
    }

    pub async fn resume_with(&self, restore: bool, retry: bool) -> Option<Result<Ending, JournalError>> {
        let (mut journal, mut run, _) = self.store.open_to_drive("last").expect("the run can be driven");
        if run.begun() && !run.finished() {
            let record = run.resumption(restore, retry, "");
            journal.append(&record, now()).expect("the journal can be written");
            run.apply(record).expect("the run can be resumed");
        }
        self.drive(journal, run).await
    }

    /// Takes the run away from whoever has it, as the command `unlock` does, and goes on with it.
    pub async fn take_over(&self) -> Option<Result<Ending, JournalError>> {
        let (mut journal, mut run, _) = self.store.take_over("last").expect("the run can be taken over");
        let record = run.resumption(false, false, "the other controller is frozen");
        journal.append(&record, now()).expect("the journal can be written");
        run.apply(record).expect("the run can be resumed");
        self.drive(journal, run).await
    }

    /// Drives in a task of its own, which dies when something in it panics.
    pub async fn drive(&self, mut journal: Journal, mut run: Run) -> Option<Result<Ending, JournalError>> {
        let (platform, person) = (self.platform.clone(), self.person.clone());
        let (interrupt, on_event, told) = (self.interrupt.clone(), self.on_event.clone(), self.told.clone());
        let task = tokio::spawn(async move {
            let events = move |event: Event| {
                told.lock().expect("no poison").push(event.clone());
                on_event(&event);
            };
            let mut driver = Driver {
                patience_seconds_max: None,
                platform: platform.as_ref(),
                operator: person.as_ref(),
                journal: &mut journal,
                events: &events,
                interrupt,
            };
            driver.drive(&mut run).await
        });
        match task.await {
            Ok(ending) => Some(ending),
            Err(e) => match e.into_panic() {
                killed if killed.is::<Killed>() => None,
                panicked => std::panic::resume_unwind(panicked),
            },
        }
    }

    /// What the journal holds.
    pub fn records(&self) -> Vec<Record> {
        let (_, _, entries) = self.store.open("last").expect("the journal can be read");
        entries.into_iter().map(|e| e.record).collect()
    }

    pub fn run(&self) -> Run {
        self.store.open("last").expect("the journal can be read").1
    }

    pub fn journal(&self) -> PathBuf {
        let id = self.store.ids().expect("a store").pop().expect("a run");
        self.store.path(&id).expect("a run id")
    }

    /// The run has reached its plan's end: everything begun once, nothing harmful, users cut off no more often than
    /// planned.
    pub fn is_as_planned(&self, what: &str) {
        let run = self.run();
        assert!(run.finished(), "{what}: {:?}", run.stopped());
        self.platform.is_as_planned(&self.plan, what);
    }
}

fn person(platform: &Arc<WorldPlatform>, rules: Vec<Rule>) -> Arc<Scripted> {
    let platform = platform.clone();
    Arc::new(Scripted::new("ann", move |request: &Request| platform.by_hand(&request.id), rules))
}

/// How a process dies that is killed with -9.
pub struct Killed;

/// Dies, without a word.
pub fn die() -> ! {
    std::panic::resume_unwind(Box::new(Killed))
}

/// Dies right after this process journalled so many records, or more.
pub fn dies_after(records: usize) -> impl Fn(&Event) + Send + Sync {
    let left = Mutex::new(records);
    move |event: &Event| {
        let What::Recorded { .. } = &event.what else { return };
        let mut left = left.lock().expect("no poison");
        *left -= 1;
        if *left == 0 {
            drop(left);
            die();
        }
    }
}
