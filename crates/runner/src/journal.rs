//! The journal of one run: one SQLite file, write-ahead log, synced at each record.
//!
//! The plan lies in it too, so that the file (with the log `-wal` beside it, as long as one is there) is enough to
//! resume the run. Each record is appended under the
//! epoch of its writer, checked within the transaction: a controller that was frozen while another took the run over
//! can't add anything any more.

mod notes;

pub use notes::Note;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kaketsugi_estate::Millis;
use kaketsugi_plan::Plan;
use kaketsugi_run::{Record, Run};
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};

use crate::error::{Error, FORM};
use crate::guard::{self, Guard};

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

/// The journal of one run.
#[derive(Debug)]
pub struct Journal {
    db: Connection,
    path: PathBuf,
    /// The same file, to see that it is still where it was.
    file: File,
    epoch: u64,
    seq: u64,
    guard: Option<Guard>,
}

impl Journal {
    /// A new journal for a plan. The file must not exist.
    ///
    /// # Errors
    /// When it can't be made; then there is none.
    pub fn create(path: &Path, run: &str, plan: &Plan, at: Millis) -> Result<Self, Error> {
        // Exclusive, and readable by nobody else: plans name hosts and accounts.
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|source| Error::File {
            path: path.into(),
            doing: "created",
            source,
        })?;
        Self::fill(path, file, run, plan, at).inspect_err(|_| {
            // Half a journal would look like a run.
            remove(path);
        })
    }

    fn fill(path: &Path, file: File, run: &str, plan: &Plan, at: Millis) -> Result<Self, Error> {
        let error = Error::database(path, "written");
        let mut db = connect(path)?;
        db.pragma_update(None, "journal_mode", "WAL").map_err(&error)?;
        let tx = db.transaction().map_err(&error)?;
        tx.execute_batch(
            "CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
             CREATE TABLE record (seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, epoch INTEGER NOT NULL,
                                  json TEXT NOT NULL) STRICT;",
        )
        .map_err(&error)?;
        let put = |key: &str, value: &dyn rusqlite::ToSql| {
            tx.execute("INSERT INTO meta VALUES (?1, ?2)", params![key, value]).map_err(&error)
        };
        put("form", &FORM)?;
        put("run", &run)?;
        put("plan", &plan.canonical())?;
        put("made_at_ms", &i64::try_from(at.0).unwrap_or(i64::MAX))?;
        put(Note::Program.key(), &env!("CARGO_PKG_VERSION"))?;
        tx.commit().map_err(&error)?;
        sync_directory(path)?;
        Ok(Self { db, path: path.into(), file, epoch: 1, seq: 0, guard: None })
    }

    /// Opens the journal of a run that exists, to read it.
    ///
    /// # Errors
    /// When it can't be read, is of another form or is damaged.
    pub fn open(path: &Path) -> Result<(Self, Run, Vec<Entry>), Error> {
        let file =
            File::open(path).map_err(|source| Error::File { path: path.into(), doing: "opened", source })?;
        let db = connect(path)?;
        let (plan, run) = read_meta(&db, path)?;
        let entries = read_records(&db, path)?;
        let records: Vec<Record> = entries.iter().map(|e| e.record.clone()).collect();
        let run = Run::recover(Arc::new(plan), run, &records)
            .map_err(|source| Error::Order { path: path.into(), source })?;
        let (epoch, seq) = (run.token().epoch, entries.len() as u64);
        Ok((Self { db, path: path.into(), file, epoch, seq, guard: None }, run, entries))
    }

    /// The journal, with the right to drive its run for as long as it is open.
    pub(crate) fn guarded(mut self, guard: Guard) -> Self {
        self.guard = Some(guard);
        self
    }

    /// Appends a record; when this returns it is on disk.
    ///
    /// # Errors
    /// When it can't be written, or another controller has taken the run over. Then it is not in the journal.
    pub fn append(&mut self, record: &Record, at: Millis) -> Result<Entry, Error> {
        if !guard::is_at(&self.file, &self.path) {
            return Err(Error::Gone { path: self.path.clone() });
        }
        let path = &self.path;
        let error = Error::database(path, "written");
        let json = serde_json::to_string(record).map_err(|e| Error::Damaged {
            path: path.clone(),
            seq: self.seq + 1,
            why: e.to_string(),
        })?;
        let epoch = if let Record::Resumed { epoch, .. } = record { *epoch } else { self.epoch };
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&error)?;
        let (last_seq, last_epoch) = last(&tx).map_err(&error)?;
        if last_seq != self.seq || last_epoch > epoch {
            return Err(Error::TakenOver { ours: self.epoch, theirs: last_epoch });
        }
        let seq = last_seq + 1;
        tx.execute(
            "INSERT INTO record VALUES (?1, ?2, ?3, ?4)",
            params![signed(seq), signed(at.0), signed(epoch), json],
        )
        .map_err(&error)?;
        tx.commit().map_err(&error)?;
        self.epoch = epoch;
        self.seq = seq;
        Ok(Entry { seq, at, record: record.clone() })
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
        Ok(self.theirs()?.is_some())
    }

    /// Looks that the run is still ours to act for: nobody has added to the journal, and it is still there.
    ///
    /// # Errors
    /// [`Error::TakenOver`], [`Error::Gone`], or that it can't be read.
    pub fn still_ours(&self) -> Result<(), Error> {
        if !guard::is_at(&self.file, &self.path) {
            return Err(Error::Gone { path: self.path.clone() });
        }
        match self.theirs()? {
            Some(theirs) => Err(Error::TakenOver { ours: self.epoch, theirs }),
            None => Ok(()),
        }
    }

    /// The epoch of whoever has added to the journal since.
    fn theirs(&self) -> Result<Option<u64>, Error> {
        let (seq, epoch) = last(&self.db).map_err(|source| Error::Database {
            path: self.path.clone(),
            doing: "read",
            source,
        })?;
        Ok((seq != self.seq).then_some(epoch))
    }

    /// Closes the journal of a run that never began, and removes it: there is nothing to resume.
    pub fn discard(self) {
        let path = self.path.clone();
        drop(self);
        remove(&path);
        let _ = std::fs::remove_file(lock_path(&path));
    }
}

/// Removes a journal's files. What can't be removed is told by whoever opens it next.
fn remove(path: &Path) {
    for end in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        let _ = std::fs::remove_file(name);
    }
}

/// The file whose lock is the right to drive the run.
pub(crate) fn lock_path(journal: &Path) -> PathBuf {
    journal.with_extension("lock")
}

/// Number and epoch of the last record.
fn last(db: &Connection) -> Result<(u64, u64), rusqlite::Error> {
    let last: Option<(i64, i64)> = db
        .query_row("SELECT seq, epoch FROM record ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let (seq, epoch) = last.unwrap_or((0, 1));
    Ok((u64::try_from(seq).unwrap_or_default(), u64::try_from(epoch).unwrap_or_default()))
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn read_meta(db: &Connection, path: &Path) -> Result<(Plan, String), Error> {
    let error = Error::database(path, "read");
    let made: bool = db
        .query_row("SELECT count(*) FROM sqlite_schema WHERE name IN ('meta', 'record')", [], |row| {
            row.get(0)
        })
        .map(|tables: i64| tables == 2)
        .map_err(&error)?;
    if !made {
        return Err(Error::Unborn { path: path.into() });
    }
    let form: i64 =
        db.query_row("SELECT value FROM meta WHERE key = 'form'", [], |row| row.get(0)).map_err(&error)?;
    if form != FORM {
        return Err(Error::Form { path: path.into(), found: form });
    }
    let text = |key: &str| -> Result<String, Error> {
        db.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).map_err(&error)
    };
    let plan = serde_json::from_str(&text("plan")?).map_err(|e| Error::Damaged {
        path: path.into(),
        seq: 0,
        why: e.to_string(),
    })?;
    Ok((plan, text("run")?))
}

fn read_records(db: &Connection, path: &Path) -> Result<Vec<Entry>, Error> {
    let error = Error::database(path, "read");
    let damaged = |seq, why: String| Error::Damaged { path: path.into(), seq, why };
    let mut rows = db.prepare("SELECT seq, at_ms, json FROM record ORDER BY seq").map_err(&error)?;
    let rows = rows
        .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?)))
        .map_err(&error)?;
    let mut entries = Vec::new();
    for row in rows {
        let (seq, at, json) = row.map_err(&error)?;
        let seq = u64::try_from(seq).unwrap_or_default();
        if seq != entries.len() as u64 + 1 {
            return Err(damaged(seq, "a record before it is missing".into()));
        }
        let record = serde_json::from_str(&json).map_err(|e| damaged(seq, e.to_string()))?;
        entries.push(Entry { seq, at: Millis(u64::try_from(at).unwrap_or_default()), record });
    }
    Ok(entries)
}

/// Opens a file that exists; none is made by opening.
fn connect(path: &Path) -> Result<Connection, Error> {
    let error = Error::database(path, "opened");
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(&error)?;
    db.busy_timeout(std::time::Duration::from_secs(5)).map_err(&error)?;
    // Every commit is on disk when it returns; https://sqlite.org/pragma.html#pragma_synchronous
    db.pragma_update(None, "synchronous", "FULL").map_err(&error)?;
    Ok(db)
}

/// A file's name is on disk only when its directory is.
fn sync_directory(path: &Path) -> Result<(), Error> {
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(directory).and_then(|d| d.sync_all()).map_err(|source| Error::File {
        path: directory.into(),
        doing: "synced",
        source,
    })
}
