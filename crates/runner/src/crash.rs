//! A crash on purpose, for tests with real processes: debug builds only.

use kaketsugi_run::Record;

/// After how many records of its own this process kills itself.
#[derive(Debug, Default)]
pub(crate) struct CrashPoint {
    left: Option<u64>,
}

impl CrashPoint {
    /// As `KAKETSUGI_CRASH_AFTER` says: right after that many records were journalled by this process, counting all
    /// but those by which somebody goes on (`resumed`, `locked`).
    #[cfg(all(debug_assertions, unix))]
    pub(crate) fn from_environment() -> Self {
        let asked = std::env::var("KAKETSUGI_CRASH_AFTER").ok().and_then(|n| n.parse().ok());
        Self { left: asked.filter(|n| *n > 0) }
    }

    /// Never.
    #[cfg(not(all(debug_assertions, unix)))]
    pub(crate) fn from_environment() -> Self {
        Self::default()
    }

    /// A record is in the journal, and nothing has followed from it yet.
    pub(crate) fn journalled(&mut self, record: &Record) {
        if matches!(record, Record::Resumed { .. } | Record::Locked { .. }) {
            return;
        }
        if let Some(left) = &mut self.left {
            *left -= 1;
            if *left == 0 {
                die();
            }
        }
    }
}

/// Ends the process as `kill -9` does: nothing is cleaned up, nothing is told.
#[cfg(all(debug_assertions, unix))]
fn die() {
    let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGKILL);
}

#[cfg(not(all(debug_assertions, unix)))]
fn die() {}
