//! What can be wrong with a run's journal or with the right to drive the run.

use std::path::{Path, PathBuf};

use kaketsugi_run::Illegal;

/// Form of the journal file; another one is refused.
pub(crate) const FORM: i64 = 1;

/// What can be wrong with a journal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The disk is full.
    #[error("there is no space left for the journal {path}; nothing more is done. Free space, then resume")]
    Full {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// The database said no: no permission, not a database, a disk that fails.
    #[error(
        "the journal {path} can't be {doing}; nothing more is done. Free space or mend the file, then resume"
    )]
    Database {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// The file system said no.
    #[error("{path} can't be {doing}")]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Somebody moved or deleted the journal while the run goes on: what is written into it would be lost.
    #[error(
        "the journal is not at {path} any more; nothing more is done. Put the file back, then resume: without it \
         nobody can say how far the run is"
    )]
    Gone {
        /// Where it was.
        path: PathBuf,
    },
    /// Another process on this machine drives the run.
    #[error(
        "run {run} is being driven by {}. Leave it to that process; if it hangs or is frozen, take the run away from \
         it with `kaketsugi unlock {run} --reason \"…\"`, then resume",
        pid.map_or_else(|| "another process on this machine".to_owned(), |pid| format!("process {pid} on this machine"))
    )]
    Driven {
        /// The run.
        run: String,
        /// The process, where it could say so.
        pid: Option<u32>,
    },
    /// Another controller has taken the run over.
    #[error(
        "another controller goes on with this run (epoch {theirs}, ours was {ours}); this one stops here and does nothing"
    )]
    TakenOver {
        /// Our epoch.
        ours: u64,
        /// The one in the journal.
        theirs: u64,
    },
    /// The file is of another form.
    #[error(
        "{path} is a journal of form {found}; this program reads form {FORM}. Use the version that began the run"
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// Its form.
        found: i64,
    },
    /// The program ended while it made the file, before the run began.
    #[error(
        "{path} holds no run: the program was ended while it made the file, before anything was begun. Delete it"
    )]
    Unborn {
        /// The file.
        path: PathBuf,
    },
    /// A record or the plan can't be read.
    #[error("{path}, {}, can't be read: {why}. The file is damaged; nothing is assumed from it",
        if *seq == 0 { "the plan".to_owned() } else { format!("record {seq}") })]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The record's number; 0: the plan.
        seq: u64,
        /// Why.
        why: String,
    },
    /// The records don't follow on each other.
    #[error("{path}: the records don't follow on each other")]
    Order {
        /// The file.
        path: PathBuf,
        /// Which and why.
        #[source]
        source: Illegal,
    },
}

impl Error {
    /// What SQLite said, about a file that was to be `doing`.
    pub(crate) fn database(path: &Path, doing: &'static str) -> impl Fn(rusqlite::Error) -> Self + Clone {
        let path = path.to_path_buf();
        move |source| {
            let path = path.clone();
            if no_space(&source) {
                Self::Full { path, source }
            } else {
                Self::Database { path, doing, source }
            }
        }
    }
}

/// Whether SQLite means that there is no space. For the index of its log (the `-shm` file) it says "I/O error" then;
/// <https://sqlite.org/rescode.html#ioerr_shmsize>.
fn no_space(error: &rusqlite::Error) -> bool {
    let Some(failure) = error.sqlite_error() else { return false };
    failure.code == rusqlite::ErrorCode::DiskFull
        || failure.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE
}
