//! A node's power: a thread that boots it, boots it again when it restarts, and leaves it off when it was switched off
//! or switched itself off.

use std::fs::OpenOptions;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::cgroup::Cgroup;
use crate::error::{LabError, Result};
use crate::facts::Facts;
use crate::node::{EXIT_REBOOT, boot_command};
use crate::shell::{self, command};

/// How long a power cut may take before it is called impossible.
const CUT_SECONDS_MAX: u64 = 30;

/// The power supply of one node.
pub(crate) struct Power {
    pub(crate) node: String,
    pub(crate) cgroup: Cgroup,
    state: Mutex<State>,
    changed: Condvar,
}

/// What is known of a node's power.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// It shall have power.
    wanted: bool,
    /// The plug is out: no fence agent switches it on.
    unplugged: bool,
    /// The lab ends; the thread goes.
    closing: bool,
    /// Process id of `systemd-nspawn`, while it runs.
    pub(crate) nspawn: Option<u32>,
    pub(crate) boots: u32,
    pub(crate) last_end: Option<String>,
    pub(crate) frozen: bool,
}

impl Power {
    /// A node without power yet.
    pub(crate) fn new(node: &str, cgroup: Cgroup) -> Arc<Power> {
        Arc::new(Power { node: node.to_owned(), cgroup, state: Mutex::default(), changed: Condvar::new() })
    }

    /// What is known now.
    pub(crate) fn state(&self) -> State {
        self.lock().clone()
    }

    /// Gives power. A node that has it keeps it.
    pub(crate) fn on(&self) {
        let mut state = self.lock();
        state.wanted = true;
        state.unplugged = false;
        drop(state);
        self.changed.notify_all();
    }

    /// Gives power as a fence agent asks for it: nothing happens while the plug is out.
    pub(crate) fn on_if_plugged(&self) {
        if !self.lock().unplugged {
            self.on();
        }
    }

    /// [`Power::off`], and nothing but [`Power::on`] helps.
    pub(crate) fn unplug(&self) -> Result<()> {
        self.lock().unplugged = true;
        self.off()
    }

    /// Takes the power away: returns when no process of the node is left.
    pub(crate) fn off(&self) -> Result<()> {
        let mut state = self.lock();
        state.wanted = false;
        self.changed.notify_all();
        for _ in 0..CUT_SECONDS_MAX * 50 {
            // Asked again and again, since a process that is being started joins the cgroup a moment later.
            self.cgroup.kill()?;
            if state.nspawn.is_none() && !self.cgroup.populated() {
                state.frozen = false;
                return self.cgroup.freeze(false);
            }
            let wait = self.changed.wait_timeout(state, Duration::from_millis(20));
            state = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
        Err(LabError::Timeout {
            what: format!("node {} to be without power", self.node),
            seconds: CUT_SECONDS_MAX,
            seen: "processes of its own".into(),
        })
    }

    /// Freezes every process of the node, or lets them go on.
    pub(crate) fn freeze(&self, frozen: bool) -> Result<()> {
        self.cgroup.freeze(frozen)?;
        self.lock().frozen = frozen;
        Ok(())
    }

    /// Ends the thread once the node is off.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.changed.notify_all();
    }

    /// The thread's work: until the lab ends, whenever power is wanted, boot and wait.
    pub(crate) fn run(&self, facts: &Facts) {
        loop {
            let mut state = self.lock();
            while !state.wanted {
                if state.closing {
                    return;
                }
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            drop(state);
            let end = self.boot(facts).unwrap_or_else(|error| Err(error.to_string()));
            let mut state = self.lock();
            state.nspawn = None;
            let (again, words) = match end {
                _ if !state.wanted => (false, "power cut".to_owned()),
                Ok(status) if status.code() == Some(EXIT_REBOOT) => (true, "reboot".to_owned()),
                Ok(status) if status.success() => (false, "poweroff".to_owned()),
                Ok(status) => (false, ended(status)),
                Err(error) => (false, error),
            };
            tracing::info!(node = self.node, end = words, again, "a boot ended");
            state.wanted = again;
            state.last_end = Some(words);
            drop(state);
            self.changed.notify_all();
        }
    }

    fn boot(&self, facts: &Facts) -> Result<Result<ExitStatus, String>> {
        // The kernel takes the last boot's link away in its own time; a new one of that name must be possible.
        let link = format!("vb-{}", self.node);
        let _ = shell::output(&mut command("ip", ["link", "delete", &link]))?;
        let path = facts.console(&self.node);
        let console = OpenOptions::new().create(true).append(true).open(&path);
        let console = console.map_err(LabError::io("open", &path))?;
        let mut boot = boot_command(facts, &self.node, &self.cgroup, console)?;
        let mut child = boot.spawn().map_err(LabError::io("start", "systemd-nspawn"))?;
        let mut state = self.lock();
        state.nspawn = Some(child.id());
        state.boots += 1;
        drop(state);
        Ok(Ok(child.wait().map_err(LabError::io("wait for", "systemd-nspawn"))?))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere must not keep the lab from being taken down.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("systemd-nspawn ended with {code}; see the node's console log"),
        (_, Some(signal)) => format!("systemd-nspawn was ended by signal {signal}"),
        _ => status.to_string(),
    }
}
