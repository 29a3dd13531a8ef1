//! What can go wrong with a lab, each with where, why and what to do.

use std::path::{Path, PathBuf};

/// A failure of the lab itself (not of anything that is tried in it).
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// This machine can't hold a lab at all; tests leave themselves out on it, unless `CI=true`.
    #[error(
        "this machine can't hold a lab: {why}; a lab needs root on Debian with network namespaces and cgroups"
    )]
    Unfit {
        /// What is missing.
        why: String,
    },
    /// A command of the host or of a node ended with an error.
    #[error("{what} failed ({status}): {stderr}")]
    Command {
        /// What was being done, in words.
        what: String,
        /// The exit status, as the system words it.
        status: String,
        /// The last lines of its error output.
        stderr: String,
    },
    /// A file or a process could not be handled.
    #[error("{what}: {path}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// The file or program.
        path: PathBuf,
        /// Why the system refused.
        #[source]
        source: std::io::Error,
    },
    /// Something didn't come to pass in time.
    #[error("waited {seconds} s for {what}; last seen: {seen}")]
    Timeout {
        /// What was waited for.
        what: String,
        /// For how long, in seconds.
        seconds: u64,
        /// What was there instead.
        seen: String,
    },
    /// The apt configuration of this machine names no archive that the lab could use.
    #[error("no apt source of this machine offers {wanted}: add one to /etc/apt/sources.list.d")]
    NoArchive {
        /// Suite and component that were looked for.
        wanted: String,
    },
    /// The supervisor refused an order.
    #[error("the lab's supervisor refused: {why}")]
    Refused {
        /// Its answer.
        why: String,
    },
    /// A configuration that makes no cluster.
    #[error("this is no lab that can be built: {why}")]
    Config {
        /// What is wrong with it.
        why: String,
    },
    /// What came back could not be understood.
    #[error("{what} answered with something unexpected: {detail}")]
    Unexpected {
        /// Who answered.
        what: String,
        /// What it said.
        detail: String,
    },
}

/// The crate's result.
pub type Result<T, E = LabError> = std::result::Result<T, E>;

impl LabError {
    /// For `map_err` on I/O: says what was done, and to which file.
    pub(crate) fn io(what: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> LabError {
        let path = path.as_ref().to_path_buf();
        move |source| LabError::Io { what, path, source }
    }

    /// Whether the machine is the cause, so that a test may be left out.
    #[must_use]
    pub fn is_unfit(&self) -> bool {
        matches!(self, LabError::Unfit { .. })
    }
}
