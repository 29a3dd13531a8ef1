//! The right to drive a run from this machine: a locked file beside its journal.
//!
//! It keeps two terminals from driving one run by mistake. What keeps a frozen controller from acting is the epoch, in
//! the journal and on the nodes; so this lock may be replaced while somebody holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use crate::error::Error;

/// Held for as long as a process drives a run; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Guard {
    _file: File,
}

impl Guard {
    /// Takes the lock file at `path`, which is made when needed.
    pub(crate) fn take(path: &Path, run: &str) -> Result<Self, Error> {
        loop {
            let mut file = open(path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let mut text = String::new();
                    let _ = file.read_to_string(&mut text);
                    return Err(Error::Driven { run: run.into(), pid: text.trim().parse().ok() });
                }
                Err(TryLockError::Error(source)) => {
                    return Err(Error::File { path: path.into(), doing: "locked", source });
                }
            }
            // It may have been replaced between opening and locking; then the lock is on a file that nobody sees.
            if is_at(&file, path) {
                sign(&mut file);
                return Ok(Self { _file: file });
            }
        }
    }

    /// Takes the right away from whoever has it. Their file goes on being locked, and nobody looks at it any more.
    pub(crate) fn replace(path: &Path, run: &str) -> Result<Self, Error> {
        match std::fs::remove_file(path) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(Error::File { path: path.into(), doing: "replaced", source }),
        }
        Self::take(path, run)
    }
}

fn open(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|source| Error::File { path: path.into(), doing: "opened", source })
}

/// Says who holds it. On a full disk nobody can say so, and the lock is held all the same.
fn sign(file: &mut File) {
    let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
}

/// Whether the file is the one that has this name now.
#[cfg(unix)]
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(ours), Ok(there)) = (file.metadata(), std::fs::metadata(path)) else { return false };
    (ours.dev(), ours.ino()) == (there.dev(), there.ino())
}

/// Whether the file is the one that has this name now. Files that are open can't be moved here.
#[cfg(not(unix))]
pub(crate) fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}
