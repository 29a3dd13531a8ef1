//! Where runs are kept: a directory with a journal per run.

use std::path::{Path, PathBuf};

use kaketsugi_estate::Millis;
use kaketsugi_plan::Plan;
use kaketsugi_run::{Mode, Run};

use crate::error::Error;
use crate::guard::Guard;
use crate::journal::{Entry, Journal, lock_path};

/// A directory with a journal per run.
#[derive(Debug, Clone)]
pub struct Store {
    directory: PathBuf,
}

/// A run as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RunSummary {
    /// Its id.
    pub run: String,
    /// The estate's name.
    pub estate: String,
    /// The release's id.
    pub release: String,
    /// When it began.
    pub begun: Option<Millis>,
    /// When the last record was written.
    pub last: Option<Millis>,
    /// `finished`, `finished: put back`, `stopped`, `in work or crashed`, or why it can't be read.
    pub state: String,
    /// Steps that are done.
    pub done: usize,
    /// Steps in all.
    pub of: usize,
}

impl Store {
    /// The store in a directory, which is made when needed.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// The journal file of a run.
    ///
    /// # Errors
    /// When the id can't be one.
    pub fn path(&self, run: &str) -> Result<PathBuf, Error> {
        let plain = !run.is_empty() && run.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !plain {
            let source =
                std::io::Error::new(std::io::ErrorKind::InvalidInput, format!("`{run}` is no run id"));
            return Err(Error::File { path: self.directory.clone(), doing: "searched", source });
        }
        Ok(self.directory.join(format!("{run}.kaketsugi")))
    }

    /// Begins a journal for a plan, and drives its run. The id of the run is made from the time, the plan's
    /// hash and chance: no other run anywhere has it.
    ///
    /// # Errors
    /// When it can't be written; then nothing was begun.
    pub fn begin(&self, plan: &Plan, at: Millis) -> Result<(Journal, String), Error> {
        std::fs::create_dir_all(&self.directory).map_err(|source| Error::File {
            path: self.directory.clone(),
            doing: "made",
            source,
        })?;
        let stamp = jiff::Timestamp::from_millisecond(i64::try_from(at.0).unwrap_or_default())
            .unwrap_or_default()
            .strftime("%Y%m%d-%H%M%S")
            .to_string();
        let short: String = plan.hash().short().chars().take(6).collect();
        // Two controllers, with stores of their own, may begin the same plan in the same second. With one id they would
        // take each other's locks for their own.
        let own: u32 = rand::random();
        let id = format!("{stamp}-{short}{:06x}", own & 0xff_ffff);
        let path = self.path(&id)?;
        let guard = Guard::take(&lock_path(&path), &id)?;
        let journal = Journal::create(&path, &id, plan, at)?.guarded(guard);
        Ok((journal, id))
    }

    /// Opens a run to read it, while another process may drive it: by its id, or by the beginning of one if only one
    /// run has it; `last` is the youngest.
    ///
    /// # Errors
    /// When there is no such run, or more than one.
    pub fn open(&self, run: &str) -> Result<(Journal, Run, Vec<Entry>), Error> {
        Journal::open(&self.path(&self.find(run)?)?)
    }

    /// Opens a run to go on with it. As long as the journal is open, no other process of this machine can.
    ///
    /// # Errors
    /// [`Error::Driven`] when another process drives it, and as [`Store::open`].
    pub fn open_to_drive(&self, run: &str) -> Result<(Journal, Run, Vec<Entry>), Error> {
        self.guarded(run, Guard::take)
    }

    /// Opens a run to take it away from whoever drives it: a process that hangs or is frozen. It still holds what it
    /// held, and nobody asks for that any more. What keeps it from acting is the epoch that the caller raises next.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn take_over(&self, run: &str) -> Result<(Journal, Run, Vec<Entry>), Error> {
        self.guarded(run, Guard::replace)
    }

    fn guarded(
        &self,
        run: &str,
        guard: impl Fn(&Path, &str) -> Result<Guard, Error>,
    ) -> Result<(Journal, Run, Vec<Entry>), Error> {
        let id = self.find(run)?;
        let path = self.path(&id)?;
        // First the right, then the look: what is read is what the last driver left.
        let guard = guard(&lock_path(&path), &id)?;
        let (journal, run, entries) = Journal::open(&path)?;
        Ok((journal.guarded(guard), run, entries))
    }

    /// The id of the run that is meant.
    fn find(&self, run: &str) -> Result<String, Error> {
        let error = |kind, why: String| Error::File {
            path: self.directory.clone(),
            doing: "searched",
            source: std::io::Error::new(kind, why),
        };
        let ids = self.ids()?;
        let fits: Vec<&String> = match run {
            "last" => ids.last().into_iter().collect(),
            // A whole id is meant even where it is the beginning of another one.
            _ if ids.iter().any(|id| id == run) => ids.iter().filter(|id| *id == run).collect(),
            _ => ids.iter().filter(|id| id.starts_with(run)).collect(),
        };
        match fits.as_slice() {
            [one] => Ok((*one).clone()),
            [] => Err(error(
                std::io::ErrorKind::NotFound,
                format!("no run `{run}`; `kaketsugi status` lists them"),
            )),
            several => Err(error(
                std::io::ErrorKind::InvalidInput,
                format!("`{run}` is the beginning of {} runs", several.len()),
            )),
        }
    }

    /// The ids of all runs, oldest first.
    ///
    /// # Errors
    /// When the directory can't be read; one that doesn't exist holds no runs.
    pub fn ids(&self) -> Result<Vec<String>, Error> {
        let error = |source| Error::File { path: self.directory.clone(), doing: "read", source };
        if !self.directory.exists() {
            return Ok(Vec::new());
        }
        let mut ids = Vec::new();
        for entry in std::fs::read_dir(&self.directory).map_err(error)? {
            let path = entry.map_err(error)?.path();
            if path.extension().is_some_and(|e| e == "kaketsugi")
                && let Some(stem) = path.file_stem().and_then(|s| s.to_str())
            {
                ids.push(stem.to_owned());
            }
        }
        ids.sort();
        Ok(ids)
    }

    /// A line about each run. A journal that can't be read is listed with the reason as its state.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn list(&self) -> Result<Vec<RunSummary>, Error> {
        Ok(self.ids()?.into_iter().map(|id| self.summary(id)).collect())
    }

    fn summary(&self, id: String) -> RunSummary {
        match self.path(&id).and_then(|path| Journal::open(&path)) {
            Ok((_, run, entries)) => {
                let (done, of) = run.progress();
                let state = if run.finished() && run.mode() == Mode::Restore {
                    "finished: put back"
                } else if run.finished() {
                    "finished"
                } else if run.stopped().is_some() {
                    "stopped"
                } else {
                    "in work or crashed"
                };
                RunSummary {
                    estate: run.plan().estate.name.clone(),
                    release: run.plan().payload.id.to_string(),
                    begun: entries.first().map(|e| e.at),
                    last: entries.last().map(|e| e.at),
                    state: state.into(),
                    done,
                    of,
                    run: id,
                }
            }
            Err(why) => RunSummary {
                run: id,
                estate: String::new(),
                release: String::new(),
                begun: None,
                last: None,
                state: why.to_string(),
                done: 0,
                of: 0,
            },
        }
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}
