//! The dead man's switch: if the supervisor's process dies, however it dies, its nodes lose their power.
//!
//! Nothing in the kernel does that for a machine of `systemd-nspawn`: its init outlives it. So a small shell waits for
//! the end of a pipe that only the supervisor holds open.

use std::process::{Child, ChildStdin, Command, Stdio};

use crate::cgroup::Cgroup;
use crate::error::{LabError, Result};

/// The switch; let go of (dropped), it throws.
pub(crate) struct Guardian {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Guardian {
    /// Watches over the processes of a cgroup.
    pub(crate) fn over(cgroup: &Cgroup) -> Result<Guardian> {
        use std::os::unix::process::CommandExt;
        let script = format!("cat >/dev/null; echo 1 > '{}'", cgroup.kill_switch().display());
        let mut command = Command::new("sh");
        command.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // Whoever ends the supervisor by its process group must not end this one too.
        let mut shell = command.process_group(0).spawn().map_err(LabError::io("start", "sh"))?;
        let pipe = shell.stdin.take();
        Ok(Guardian { shell, pipe })
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // It ends at once; only its exit status is collected here.
        let _ = self.shell.wait();
    }
}
