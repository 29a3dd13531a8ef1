//! Which labs there are on this machine, and the removal of one, whatever became of its supervisor.

use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::cgroup::Cgroup;
use crate::error::{LabError, Result};
use crate::network;
use crate::shell::write_atomic;

/// Where labs are entered while they live; sockets are here too, since their paths must be short.
const REGISTRY: &str = "/run/kaketsugi-lab";

/// A lab's entry.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) state: PathBuf,
    /// The process that carries the supervisor, and when it was started (clock ticks after the machine's start), by
    /// which it is told from a later process of the same number.
    pub(crate) pid: u32,
    pub(crate) started: u64,
    /// The process does nothing but supervise, and may be ended.
    pub(crate) detached: bool,
    /// The state directory was made for this lab, and goes with it.
    pub(crate) own_state: bool,
}

impl Entry {
    /// The entry for a lab that `pid` carries.
    pub(crate) fn new(id: &str, state: &Path, pid: u32, detached: bool, own_state: bool) -> Entry {
        let started = start_time(pid).unwrap_or(0);
        Entry { id: id.to_owned(), state: state.to_path_buf(), pid, started, detached, own_state }
    }

    /// Enters it.
    pub(crate) fn write(&self) -> Result<()> {
        let text = serde_json::to_vec(self).map_err(|e| LabError::Unexpected {
            what: "the registry of labs".into(),
            detail: e.to_string(),
        })?;
        write_atomic(&entry_path(&self.id), &text)
    }

    /// Whether the process that carries the supervisor still lives.
    pub(crate) fn alive(&self) -> bool {
        start_time(self.pid) == Some(self.started)
    }

    /// Removes all that is left of the lab: processes, cgroups, namespace, and the state directory if it was its own.
    /// Mounts go by themselves with the last process of their namespace.
    pub(crate) fn sweep(&self) -> Result<()> {
        if self.detached && self.alive() {
            let pid = i32::try_from(self.pid).map(Pid::from_raw);
            if let Ok(pid) = pid {
                let _ = kill(pid, Signal::SIGKILL);
            }
        }
        let cgroup = Cgroup::named(&netns_name(&self.id))?;
        cgroup.kill()?;
        cgroup.remove()?;
        network::remove(&netns_name(&self.id))?;
        let _ = std::fs::remove_file(control_path(&self.id));
        if self.own_state {
            remove_dir(&self.state)?;
        } else {
            remove_dir(&self.state.join("shared"))?;
            remove_dir(&self.state.join("repo"))?;
            remove_dir(&self.state.join("run"))?;
            let facts = self.state.join(crate::facts::FACTS_FILE);
            let _ = std::fs::remove_file(facts);
        }
        std::fs::remove_file(entry_path(&self.id)).map_err(LabError::io("remove", entry_path(&self.id)))
    }
}

/// The name of a lab's network namespace, and of its cgroup.
pub(crate) fn netns_name(id: &str) -> String {
    format!("kaketsugi-{id}")
}

/// Where the supervisor of a lab takes orders.
pub(crate) fn control_path(id: &str) -> PathBuf {
    Path::new(REGISTRY).join(format!("{id}.sock"))
}

fn entry_path(id: &str) -> PathBuf {
    Path::new(REGISTRY).join(format!("{id}.json"))
}

/// The entry of one lab.
pub(crate) fn entry(id: &str) -> Result<Entry> {
    let path = entry_path(id);
    let text = std::fs::read(&path).map_err(LabError::io("read (is the lab up?)", &path))?;
    serde_json::from_slice(&text)
        .map_err(|e| LabError::Unexpected { what: path.display().to_string(), detail: e.to_string() })
}

/// Makes the registry's directory and sweeps labs whose supervisor died without taking them down.
pub(crate) fn open() -> Result<()> {
    std::fs::create_dir_all(REGISTRY).map_err(LabError::io("create", REGISTRY))?;
    for id in ids()? {
        // An entry that vanishes meanwhile was swept by its own lab.
        if let Ok(entry) = entry(&id)
            && !entry.alive()
        {
            tracing::info!(id, "sweeping what a dead lab left");
            // Somebody else may be sweeping it too; what is left is in nobody's way.
            if let Err(error) = entry.sweep() {
                tracing::warn!(%error, id, "a dead lab could not be swept");
            }
        }
    }
    Ok(())
}

fn ids() -> Result<Vec<String>> {
    let entries = std::fs::read_dir(REGISTRY).map_err(LabError::io("list", REGISTRY))?;
    let names = entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned());
    Ok(names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)).collect())
}

fn remove_dir(dir: &Path) -> Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(LabError::io("remove", dir)(e)),
        _ => Ok(()),
    }
}

/// Field 22 of `/proc/PID/stat` (proc(5)); none if there's no such process, or only its remains.
fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.rsplit_once(") ")?.1;
    let mut fields = after_name.split(' ');
    let state = fields.next()?;
    if state == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_number_and_start() {
        let me = Entry::new("x", Path::new("/nowhere"), std::process::id(), false, false);
        assert!(me.alive());
        let earlier = Entry { started: me.started - 1, ..me };
        assert!(!earlier.alive(), "another process with the same number is another process");
    }
}
