//! A lab in the hand: bring it up, do things to it, take it down.

mod cluster;
mod reach;
mod setup;
mod trouble;

use std::path::Path;
use std::process::Command;
use std::thread::JoinHandle;
use std::time::Duration;

pub use reach::ssh_options;
use setup::set_up;

use crate::config::Config;
use crate::control::{self, Answer, LabStatus, Order};
use crate::error::{LabError, Result};
use crate::facts::Facts;
use crate::registry::{self, Entry};
use crate::repository::Repository;
use crate::shell::wait_for;
use crate::{host, network, supervisor};

/// How long a cluster may take from power-on to running groups. Measured: 15 to 25 s; a busy machine needs more.
const UP_PATIENCE: Duration = Duration::from_secs(180);

/// A running lab. Dropping it takes it down, unless it was attached to.
#[derive(Debug)]
pub struct Lab {
    facts: Facts,
    owned: bool,
    supervisor: Option<JoinHandle<Result<()>>>,
}

impl Lab {
    /// Brings a lab up that lives as long as the value (and never longer than this process): installs what the host
    /// lacks, builds base and repository if the cache lacks them, and returns when all groups run.
    ///
    /// # Errors
    /// [`LabError::Unfit`] where no lab is possible; whatever else went wrong, after which nothing is left.
    pub fn up(config: &Config) -> Result<Lab> {
        host::prepare()?;
        let dir = tempfile::Builder::new().prefix("kaketsugi-lab-").tempdir_in("/var/tmp");
        let dir = dir.map_err(LabError::io("create a directory in", "/var/tmp"))?;
        let facts = set_up(config, dir.path())?;
        // From here on the registry's entry answers for it.
        let state = dir.keep();
        Entry::new(&facts.id, &state, std::process::id(), false, true).write()?;
        network::create(&facts.netns)?;
        let (ready, is_ready) = std::sync::mpsc::channel();
        let for_thread = facts.clone();
        let supervisor = std::thread::Builder::new()
            .name(format!("lab-{}", facts.id))
            .spawn(move || supervisor::run(for_thread, move || ready.send(()).unwrap_or(())))
            .map_err(LabError::io("start a thread for", &state))?;
        // The sender goes when the supervisor fails, which ends the wait as well.
        let started = is_ready.recv().is_ok();
        let lab = Lab { facts, owned: true, supervisor: Some(supervisor) };
        if !started {
            return Err(lab
                .take_down()
                .err()
                .unwrap_or(LabError::Refused { why: "it ended at once".into() }));
        }
        lab.first_ready()?;
        Ok(lab)
    }

    /// Brings a lab up that outlives this process. `supervise` must become a process that calls [`supervise`] with the
    /// same state directory; its output goes to `supervisor.log` there.
    ///
    /// # Errors
    /// As [`Lab::up`]; a lab that is already up in that directory.
    pub fn up_detached(config: &Config, state: &Path, mut supervise: Command) -> Result<Lab> {
        host::prepare()?;
        std::fs::create_dir_all(state).map_err(LabError::io("create", state))?;
        let state = state.canonicalize().map_err(LabError::io("find", state))?;
        if let Ok(facts) = Facts::read(&state) {
            match registry::entry(&facts.id) {
                Ok(entry) if entry.alive() => {
                    return Err(LabError::Refused { why: format!("a lab is up in {}", state.display()) });
                }
                _ => {}
            }
        }
        let facts = set_up(config, &state)?;
        network::create(&facts.netns)?;
        let log = state.join("supervisor.log");
        let log = std::fs::File::create(&log).map_err(LabError::io("create", &log))?;
        let errors = log.try_clone().map_err(LabError::io("share", &state))?;
        supervise.stdin(std::process::Stdio::null()).stdout(log).stderr(errors);
        let child = supervise.spawn().map_err(LabError::io("start", supervise.get_program()))?;
        Entry::new(&facts.id, &state, child.id(), true, false).write()?;
        let lab = Lab { facts, owned: true, supervisor: None };
        wait_for("the supervisor", Duration::from_secs(20), Duration::from_millis(50), || {
            lab.status().map_err(|e| e.to_string())
        })?;
        lab.first_ready()?;
        Ok(lab.keep())
    }

    /// A handle on the lab in `state`; dropping it changes nothing.
    ///
    /// # Errors
    /// No lab there.
    pub fn attach(state: &Path) -> Result<Lab> {
        Ok(Lab { facts: Facts::read(state)?, owned: false, supervisor: None })
    }

    /// Makes dropping harmless: the lab stays.
    #[must_use]
    pub fn keep(mut self) -> Lab {
        self.owned = false;
        self
    }

    /// What is to be known of it.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// This lab's own repository, which may be changed at any time.
    #[must_use]
    pub fn repository(&self) -> Repository {
        Repository::at(&self.facts.repository)
    }

    /// What the supervisor sees from outside.
    ///
    /// # Errors
    /// The supervisor is gone.
    pub fn status(&self) -> Result<LabStatus> {
        match control::send(&self.facts.control, &Order::Status)? {
            Answer::Status(status) => Ok(status),
            other => {
                Err(LabError::Unexpected { what: "the supervisor".into(), detail: format!("{other:?}") })
            }
        }
    }

    /// Takes the lab down, whatever state it is in, and leaves nothing behind.
    ///
    /// # Errors
    /// Something that can't be removed.
    pub fn down(self) -> Result<()> {
        self.take_down()
    }

    /// A lab that doesn't come up is taken down at once, so its nodes' own words go into the error.
    fn first_ready(&self) -> Result<()> {
        match self.wait_ready(UP_PATIENCE) {
            Err(LabError::Timeout { what, seconds, mut seen }) => {
                for node in &self.facts.nodes {
                    let words =
                        self.exec_inside(&node.name, "journalctl --no-pager --priority=warning --lines=15");
                    seen += &format!("\n{}: {}", node.name, words.unwrap_or_else(|error| error.to_string()));
                }
                Err(LabError::Timeout { what, seconds, seen })
            }
            other => other.map(|_| ()),
        }
    }

    fn take_down(mut self) -> Result<()> {
        self.owned = false;
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        let entry = registry::entry(&self.facts.id)?;
        // If nobody takes orders any more, the sweep does what is left to do.
        let obeyed = control::send(&self.facts.control, &Order::Down);
        let mut failed = None;
        match self.supervisor.take() {
            Some(thread) => match thread.join() {
                Ok(result) => failed = result.err(),
                Err(_) => failed = Some(LabError::Refused { why: "the supervisor panicked".into() }),
            },
            None if obeyed.is_ok() => {
                let gone = || if entry.alive() { Err("still there".to_owned()) } else { Ok(()) };
                wait_for("the supervisor to end", Duration::from_secs(10), Duration::from_millis(20), gone)?;
            }
            None => {}
        }
        entry.sweep()?;
        failed.map_or(Ok(()), Err)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.owned
            && let Err(error) = self.end()
        {
            tracing::error!(%error, id = self.facts.id, "the lab was not taken down cleanly");
        }
    }
}

/// The supervisor of a detached lab: returns when the lab was taken down. Call it in a process of its own.
///
/// # Errors
/// No lab was prepared in `state`; the machine refuses namespaces, mounts or cgroups.
pub fn supervise(state: &Path) -> Result<()> {
    supervisor::run(Facts::read(state)?, || {})
}
