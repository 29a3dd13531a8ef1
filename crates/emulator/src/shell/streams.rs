//! Where a command's streams go: to whoever asked, to files, to nowhere.

use std::sync::{Arc, Mutex, PoisonError};

use super::parse::{Redirect, Target};
use super::run::{Flow, Shell};
use crate::disk::{Disk, DiskError};
use crate::state::Shared;

/// Text of ERROR_SHARING_VIOLATION.
const IN_USE: &str = "The process cannot access the file because it is being used by another process.\r\n";

/// Where a stream goes.
#[derive(Debug, Clone)]
pub(crate) enum Output {
    Memory(Arc<Mutex<Vec<u8>>>),
    File(Arc<OpenFile>),
    Nul,
}

impl Output {
    pub(super) fn memory() -> Self {
        Self::Memory(Arc::default())
    }

    pub(super) fn taken(&self) -> Vec<u8> {
        match self {
            Self::Memory(bytes) => std::mem::take(&mut bytes.lock().unwrap_or_else(PoisonError::into_inner)),
            Self::File(_) | Self::Nul => Vec::new(),
        }
    }
}

/// A file that this process holds open for writing: nobody else may, until it is let go or the power is.
#[derive(Debug)]
pub(crate) struct OpenFile {
    shared: Arc<Shared>,
    node: String,
    boots: u32,
    path: String,
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        let Some(node) = state.node_mut(&self.node).filter(|n| n.boots == self.boots) else { return };
        if let Some(boot) = &mut node.boot {
            boot.open.remove(&self.path.to_lowercase());
        }
    }
}

impl Shell {
    pub(crate) fn print(&self, text: &str) {
        self.write(&self.out, &self.shared.code_page.encode(text));
    }

    pub(crate) fn print_bytes(&self, bytes: &[u8]) {
        self.write(&self.out, bytes);
    }

    pub(crate) fn eprint(&self, text: &str) {
        self.write(&self.err, &self.shared.code_page.encode(text));
    }

    fn write(&self, to: &Output, bytes: &[u8]) {
        match to {
            Output::Memory(memory) => {
                memory.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            }
            Output::File(file) => {
                if let Some(node) = self.shared.lock().node_mut(&self.node) {
                    // A file that was deleted under the writer takes nothing more; Windows doesn't let it be deleted.
                    let _ = node.durable.disk.write(&file.path, bytes, true);
                }
            }
            Output::Nul => {}
        }
    }

    /// Opens what is redirected. `Ok(true)`: a file is written.
    pub(super) fn redirect(&mut self, redirects: &[Redirect]) -> Result<bool, Flow> {
        let mut writes = false;
        for redirect in redirects {
            let operator = match redirect.to {
                Target::Append(_) => ">>",
                Target::Read(_) => "<",
                Target::Write(_) | Target::Handle(_) => ">",
            };
            self.operator(operator)?;
            let output = match &redirect.to {
                Target::Handle(1) => self.out.clone(),
                Target::Handle(_) => self.err.clone(),
                Target::Read(path) => {
                    let bytes = self.read(path).ok_or_else(|| self.refused(DiskError::NotFound))?;
                    self.stdin = Arc::new(Mutex::new(bytes));
                    continue;
                }
                Target::Write(path) | Target::Append(path) if path.eq_ignore_ascii_case("nul") => Output::Nul,
                Target::Write(path) | Target::Append(path) => {
                    writes = true;
                    Output::File(self.open(path, operator == ">>")?)
                }
            };
            match redirect.handle {
                2 => self.err = output,
                _ => self.out = output,
            }
        }
        Ok(writes)
    }

    fn refused(&mut self, error: DiskError) -> Flow {
        self.eprint(disk_text(error));
        self.done(1);
        Flow::On
    }

    fn open(&mut self, path: &str, append: bool) -> Result<Arc<OpenFile>, Flow> {
        let path = Disk::normal(&self.cwd, path);
        let opened = {
            let mut state = self.shared.lock();
            match state.node_mut(&self.node) {
                Some(node) => match &mut node.boot {
                    Some(boot) if boot.open.contains_key(&path.to_lowercase()) => Err(None),
                    Some(boot) => match node.durable.disk.write(&path, b"", append) {
                        Ok(()) => {
                            boot.open.insert(path.to_lowercase(), 1);
                            Ok(node.boots)
                        }
                        Err(error) => Err(Some(error)),
                    },
                    None => Err(Some(DiskError::NoPath)),
                },
                None => Err(Some(DiskError::NoPath)),
            }
        };
        match opened {
            Ok(boots) => {
                Ok(Arc::new(OpenFile { shared: self.shared.clone(), node: self.node.clone(), boots, path }))
            }
            Err(Some(error)) => Err(self.refused(error)),
            Err(None) => {
                self.eprint(IN_USE);
                self.done(1);
                Err(Flow::On)
            }
        }
    }

    /// A file's bytes.
    pub(crate) fn read(&self, path: &str) -> Option<Vec<u8>> {
        if path.eq_ignore_ascii_case("nul") {
            return Some(Vec::new());
        }
        let path = Disk::normal(&self.cwd, path);
        Some(self.shared.lock().node(&self.node)?.durable.disk.file(&path)?.bytes.clone())
    }
}

/// What the interpreter says of a file that can't be had.
pub(crate) fn disk_text(error: DiskError) -> &'static str {
    match error {
        DiskError::NotFound => "The system cannot find the file specified.\r\n",
        DiskError::NoPath => "The system cannot find the path specified.\r\n",
        DiskError::Exists => "A subdirectory or file already exists.\r\n",
        DiskError::NotEmpty => "The directory is not empty.\r\n",
        DiskError::Denied => "Access is denied.\r\n",
    }
}
