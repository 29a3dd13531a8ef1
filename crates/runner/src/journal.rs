//! The journal of one run: one SQLite file, write-ahead log, synced at each record.
//!
//! The plan lies in it too, so that the file alone is enough to resume the run. Each record is appended under the
//! epoch of its writer, checked within the transaction: a controller that was frozen while another took the run over
//! can't add anything any more.

mod notes;

pub use notes::Note;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kaketsugi_estate::Millis;
use kaketsugi_plan::Plan;
use kaketsugi_run::{Illegal, Record, Run};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

/// Form of the file; another one is refused.
const FORM: i64 = 1;

/// A record with its number and time.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Entry {
    /// Its number, from 1.
    pub seq: u64,
    /// When it was written, by the controller's clock.
    pub at: Millis,
    /// The record.
    pub record: Record,
}

/// What can be wrong with a journal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database said no: full disk, no permission, not a database.
    #[error("the journal {path} can't be {doing}; nothing more is done. Free space or mend the file, then resume")]
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
    /// Another controller has taken the run over.
    #[error("another controller goes on with this run (epoch {theirs}, ours was {ours}); this one stops here and does nothing")]
    TakenOver {
        /// Our epoch.
        ours: u64,
        /// The one in the journal.
        theirs: u64,
    },
    /// The file is of another form.
    #[error("{path} is a journal of form {found}; this program reads form {FORM}. Use the version that began the run")]
    Form {
        /// The file.
        path: PathBuf,
        /// Its form.
        found: i64,
    },
    /// A record or the plan can't be read.
    #[error("{path}, record {seq}, can't be read: {why}. The file is damaged; nothing is assumed from it")]
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

/// The journal of one run.
#[derive(Debug)]
pub struct Journal {
    db: Connection,
    path: PathBuf,
    epoch: u64,
    seq: u64,
}

impl Journal {
    /// A new journal for a plan. The file must not exist.
    ///
    /// # Errors
    /// When it can't be made; then there is none.
    pub fn create(path: &Path, run: &str, plan: &Plan, at: Millis) -> Result<Self, Error> {
        // Exclusive, and readable by nobody else: plans name hosts and accounts.
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path).map_err(|source| Error::File { path: path.into(), doing: "created", source })?;
        let made = Self::fill(path, run, plan, at);
        if made.is_err() {
            // Half a journal would look like a run.
            let _ = std::fs::remove_file(path);
        }
        made
    }

    fn fill(path: &Path, run: &str, plan: &Plan, at: Millis) -> Result<Self, Error> {
        let error = |doing| move |source| Error::Database { path: path.into(), doing, source };
        let mut db = connect(path)?;
        let tx = db.transaction().map_err(error("written"))?;
        tx.execute_batch(
            "CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
             CREATE TABLE record (seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, epoch INTEGER NOT NULL,
                                  json TEXT NOT NULL) STRICT;",
        )
        .map_err(error("written"))?;
        let mut put = |key: &str, value: &dyn rusqlite::ToSql| {
            tx.execute("INSERT INTO meta VALUES (?1, ?2)", params![key, value]).map_err(error("written"))
        };
        put("form", &FORM)?;
        put("run", &run)?;
        put("plan", &plan.canonical())?;
        put("made_at_ms", &i64::try_from(at.0).unwrap_or(i64::MAX))?;
        tx.commit().map_err(error("written"))?;
        sync_directory(path)?;
        Ok(Self { db, path: path.into(), epoch: 1, seq: 0 })
    }

    /// Opens the journal of a run that exists.
    ///
    /// # Errors
    /// When it can't be read, is of another form or is damaged.
    pub fn open(path: &Path) -> Result<(Self, Run, Vec<Entry>), Error> {
        if !path.is_file() {
            let source = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(Error::File { path: path.into(), doing: "opened", source });
        }
        let db = connect(path)?;
        let error = |doing| move |source| Error::Database { path: path.into(), doing, source };
        let form: i64 = db
            .query_row("SELECT value FROM meta WHERE key = 'form'", [], |row| row.get(0))
            .map_err(error("read"))?;
        if form != FORM {
            return Err(Error::Form { path: path.into(), found: form });
        }
        let text = |key: &str| -> Result<String, Error> {
            db.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
                .map_err(error("read"))
        };
        let damaged = |seq, why: String| Error::Damaged { path: path.into(), seq, why };
        let plan: Plan =
            serde_json::from_str(&text("plan")?).map_err(|e| damaged(0, format!("the plan: {e}")))?;
        let run_id = text("run")?;
        let mut entries = Vec::new();
        {
            let mut rows = db
                .prepare("SELECT seq, at_ms, json FROM record ORDER BY seq")
                .map_err(error("read"))?;
            let rows = rows
                .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?)))
                .map_err(error("read"))?;
            for row in rows {
                let (seq, at, json) = row.map_err(error("read"))?;
                let seq = u64::try_from(seq).unwrap_or_default();
                if seq != entries.len() as u64 + 1 {
                    return Err(damaged(seq, "a record before it is missing".into()));
                }
                let record = serde_json::from_str(&json).map_err(|e| damaged(seq, e.to_string()))?;
                entries.push(Entry { seq, at: Millis(u64::try_from(at).unwrap_or_default()), record });
            }
        }
        let records: Vec<Record> = entries.iter().map(|e| e.record.clone()).collect();
        let run = Run::recover(Arc::new(plan), run_id, &records)
            .map_err(|source| Error::Order { path: path.into(), source })?;
        let journal = Self { db, path: path.into(), epoch: run.token().epoch, seq: entries.len() as u64 };
        Ok((journal, run, entries))
    }

    /// Appends a record; when this returns it is on disk.
    ///
    /// # Errors
    /// When it can't be written, or another controller has taken the run over. Then it is not in the journal.
    pub fn append(&mut self, record: &Record, at: Millis) -> Result<Entry, Error> {
        let path = self.path.clone();
        let error = |source| Error::Database { path: path.clone(), doing: "written", source };
        let json = serde_json::to_string(record)
            .map_err(|e| Error::Damaged { path: path.clone(), seq: self.seq + 1, why: e.to_string() })?;
        let epoch = if let Record::Resumed { epoch, .. } = record { *epoch } else { self.epoch };
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(error)?;
        let last: Option<(i64, i64)> = tx
            .query_row("SELECT seq, epoch FROM record ORDER BY seq DESC LIMIT 1", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()
            .map_err(error)?;
        let (last_seq, last_epoch) = last.unwrap_or((0, 1));
        if u64::try_from(last_seq).unwrap_or_default() != self.seq
            || u64::try_from(last_epoch).unwrap_or_default() > epoch
        {
            let theirs = u64::try_from(last_epoch).unwrap_or_default();
            return Err(Error::TakenOver { ours: self.epoch, theirs });
        }
        let seq = last_seq + 1;
        let (at_ms, epoch_db) =
            (i64::try_from(at.0).unwrap_or(i64::MAX), i64::try_from(epoch).unwrap_or(i64::MAX));
        tx.execute("INSERT INTO record VALUES (?1, ?2, ?3, ?4)", params![seq, at_ms, epoch_db, json])
            .map_err(error)?;
        tx.commit().map_err(error)?;
        self.epoch = epoch;
        self.seq = u64::try_from(seq).unwrap_or_default();
        Ok(Entry { seq: self.seq, at, record: record.clone() })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether another controller has added to the journal since this one last wrote.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn taken_over(&self) -> Result<bool, Error> {
        let last: i64 = self
            .db
            .query_row("SELECT coalesce(max(seq), 0) FROM record", [], |row| row.get(0))
            .map_err(|source| Error::Database { path: self.path.clone(), doing: "read", source })?;
        Ok(u64::try_from(last).unwrap_or_default() != self.seq)
    }
}

fn connect(path: &Path) -> Result<Connection, Error> {
    let error = |source| Error::Database { path: path.into(), doing: "opened", source };
    let db = Connection::open(path).map_err(error)?;
    db.busy_timeout(std::time::Duration::from_secs(5)).map_err(error)?;
    // Every commit is on disk when it returns; https://sqlite.org/pragma.html#pragma_synchronous
    db.pragma_update(None, "journal_mode", "WAL").map_err(error)?;
    db.pragma_update(None, "synchronous", "FULL").map_err(error)?;
    Ok(db)
}

/// A file's name is on disk only when its directory is.
fn sync_directory(path: &Path) -> Result<(), Error> {
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    std::fs::File::open(directory)
        .and_then(|d| d.sync_all())
        .map_err(|source| Error::File { path: directory.into(), doing: "synced", source })
}
