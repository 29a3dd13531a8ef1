//! What is known of a run beside its records: who approved the plan, and what its machines are. Said once, before the
//! first record; the report of the run repeats it.

use kaketsugi_estate::Millis;
use rusqlite::{OptionalExtension, params};

use super::{Error, Journal};

/// What a note is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// Who approved the plan: an account, and what was typed or given.
    ApprovedBy,
    /// `real` or `emulated`: what the run's machines are.
    Machines,
    /// What lint and checker found when they judged the plan.
    Verdict,
    /// The version of the program that began the run. Said when the journal is made.
    Program,
}

impl Note {
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::ApprovedBy => "note.approved_by",
            Self::Machines => "note.machines",
            Self::Verdict => "note.verdict",
            Self::Program => "note.program",
        }
    }
}

impl Journal {
    /// Keeps a note; when this returns it is on disk. The first word stands: a later one is not taken.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn note(&mut self, note: Note, text: &str) -> Result<(), Error> {
        self.db
            .execute("INSERT OR IGNORE INTO meta VALUES (?1, ?2)", params![note.key(), text])
            .map_err(Error::database(&self.path, "written"))?;
        Ok(())
    }

    /// What a note says; None: nobody said anything.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn noted(&self, note: Note) -> Result<Option<String>, Error> {
        self.meta(note.key())
    }

    /// When the journal was made: the plan was approved by then.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn made_at(&self) -> Result<Option<Millis>, Error> {
        let at: Option<i64> = self.meta("made_at_ms")?;
        Ok(at.and_then(|at| u64::try_from(at).ok()).map(Millis))
    }

    fn meta<T: rusqlite::types::FromSql>(&self, key: &str) -> Result<Option<T>, Error> {
        self.db
            .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
            .optional()
            .map_err(Error::database(&self.path, "read"))
    }
}
