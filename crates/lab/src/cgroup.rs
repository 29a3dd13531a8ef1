//! A node's cgroups: the switch by which its power is cut, and the means to freeze it.
//!
//! Both layouts are known: the unified hierarchy alone, and the hybrid one (version 1 controllers, the unified
//! hierarchy beside them). `cgroup.kill`, `cgroup.freeze` and `cgroup.events` belong to the unified hierarchy.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{LabError, Result};
use crate::shell::wait_for;

/// Where cgroups are mounted.
const ROOT: &str = "/sys/fs/cgroup";

/// The mount point of the unified hierarchy.
pub(crate) fn unified_root() -> Result<PathBuf> {
    [ROOT.to_owned(), format!("{ROOT}/unified")]
        .into_iter()
        .map(PathBuf::from)
        .find(|root| root.join("cgroup.controllers").exists())
        .ok_or_else(|| LabError::Unfit { why: "no unified cgroup hierarchy is mounted".into() })
}

/// The cgroup directories of one name: one in each hierarchy that matters.
#[derive(Debug, Clone)]
pub(crate) struct Cgroup {
    unified: PathBuf,
    others: Vec<PathBuf>,
}

impl Cgroup {
    /// The cgroup of that name (`LAB` or `LAB/NODE`); nothing is made yet.
    pub(crate) fn named(name: &str) -> Result<Cgroup> {
        let root = unified_root()?;
        // Hybrid: systemd in the node builds its own tree under `systemd`; `memory` gives figures per node.
        let others = if root == Path::new(ROOT) {
            Vec::new()
        } else {
            ["systemd", "memory"].iter().map(|h| Path::new(ROOT).join(h)).filter(|h| h.is_dir()).collect()
        };
        Ok(Cgroup {
            unified: root.join(name),
            others: others.into_iter().map(|hierarchy| hierarchy.join(name)).collect(),
        })
    }

    /// Makes the directories.
    pub(crate) fn create(&self) -> Result<()> {
        self.dirs()
            .try_for_each(|dir| std::fs::create_dir_all(dir).map_err(LabError::io("create the cgroup", dir)))
    }

    /// A shell fragment by which the shell's own process joins.
    pub(crate) fn join_script(&self) -> String {
        self.dirs().map(|dir| format!("echo $$ > '{}/cgroup.procs' && ", dir.display())).collect()
    }

    /// The file by which every process in it, and below, is ended.
    pub(crate) fn kill_switch(&self) -> PathBuf {
        self.unified.join("cgroup.kill")
    }

    /// Ends every process in it, at once: the power cut. A cgroup that is gone has none.
    pub(crate) fn kill(&self) -> Result<()> {
        self.write("cgroup.kill", "1")
    }

    /// Stops (`true`) or continues every process in it.
    pub(crate) fn freeze(&self, frozen: bool) -> Result<()> {
        self.write("cgroup.freeze", if frozen { "1" } else { "0" })
    }

    /// Whether any process lives in it or below.
    pub(crate) fn populated(&self) -> bool {
        std::fs::read_to_string(self.unified.join("cgroup.events")).is_ok_and(|e| e.contains("populated 1"))
    }

    /// Removes it with everything below; after a kill the kernel needs a moment, so it tries for two seconds.
    pub(crate) fn remove(&self) -> Result<()> {
        wait_for("the cgroup to be removable", Duration::from_secs(4), Duration::from_millis(50), || {
            self.dirs().try_for_each(|dir| remove_tree(dir)).map_err(|e| e.to_string())
        })
    }

    /// The memory that it uses now, in bytes, where the kernel counts it.
    pub(crate) fn memory_bytes(&self) -> Option<u64> {
        self.dirs()
            .flat_map(|dir| [dir.join("memory.usage_in_bytes"), dir.join("memory.current")])
            .find_map(|file| std::fs::read_to_string(file).ok()?.trim().parse().ok())
    }

    fn write(&self, file: &str, value: &str) -> Result<()> {
        let path = self.unified.join(file);
        match std::fs::write(&path, value) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(LabError::io("write", &path)(e)),
            _ => Ok(()),
        }
    }

    fn dirs(&self) -> impl Iterator<Item = &PathBuf> {
        std::iter::once(&self.unified).chain(&self.others)
    }
}

fn remove_tree(dir: &Path) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(dir) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    std::fs::remove_dir(dir)
}
