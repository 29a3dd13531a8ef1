//! Commands of the host: run, wait, and an error that tells what was meant and what the command said.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::error::{LabError, Result};

/// How many bytes of error output an error carries.
const STDERR_BYTES_MAX: usize = 2000;

/// A command with arguments, its input closed.
pub(crate) fn command<I, S>(program: &str, args: I) -> Command
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs to the end; anything but exit code 0 is an error. Returns the standard output.
pub(crate) fn run(what: &str, command: &mut Command) -> Result<String> {
    let output = output(command)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(failed(what, &output))
}

/// Runs to the end and returns whatever came of it; an error only if it could not be started.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    command.output().map_err(LabError::io("start", command.get_program().to_os_string().as_os_str()))
}

/// The error for an output that wasn't a success.
pub(crate) fn failed(what: &str, output: &Output) -> LabError {
    let text = if output.stderr.is_empty() { &output.stdout } else { &output.stderr };
    let from = text.len().saturating_sub(STDERR_BYTES_MAX);
    LabError::Command {
        what: what.to_owned(),
        status: output.status.to_string(),
        stderr: String::from_utf8_lossy(&text[from..]).trim().to_owned(),
    }
}

/// Asks `probe` again and again until it has an answer; its `Err` says what is there instead.
pub(crate) fn wait_for<T>(
    what: &str,
    patience: Duration,
    every: Duration,
    mut probe: impl FnMut() -> std::result::Result<T, String>,
) -> Result<T> {
    let end = Instant::now() + patience;
    loop {
        match probe() {
            Ok(answer) => return Ok(answer),
            Err(seen) if Instant::now() >= end => {
                return Err(LabError::Timeout { what: what.to_owned(), seconds: patience.as_secs(), seen });
            }
            Err(_) => pause(every),
        }
    }
}

/// Does nothing for a while.
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Writes a file by way of a temporary one beside it, so that nobody sees half of it.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(LabError::io("create a file in", dir))?;
    file.write_all(bytes).map_err(LabError::io("write", path))?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(file.path(), mode).map_err(LabError::io("set the mode of", path))?;
    file.persist(path).map_err(|e| LabError::Io {
        what: "replace",
        path: path.to_path_buf(),
        source: e.error,
    })?;
    Ok(())
}

/// Now, in milliseconds since the epoch: the lab's one way to give a time.
#[must_use]
pub fn epoch_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
