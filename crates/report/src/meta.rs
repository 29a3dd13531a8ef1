//! What is known of a run beside its records.

use kaketsugi_estate::Millis;
use kaketsugi_runner::{Journal, JournalError, Note};
use serde::{Deserialize, Serialize};

/// What is known of a run beside its records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta {
    /// Who approved the plan.
    pub approved_by: Option<String>,
    /// When the journal was made: the plan was approved by then.
    pub made_at: Option<Millis>,
    /// What the run's machines are.
    pub machines: Machines,
    /// What lint and checker found.
    pub verdict: Option<String>,
}

/// What the machines of a run are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Machines {
    /// Real ones.
    Real,
    /// Emulated ones: the run was a rehearsal.
    Emulated,
    /// The journal doesn't say.
    #[default]
    NotSaid,
}

impl Machines {
    /// The word that stands in the journal for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Emulated => "emulated",
            Self::NotSaid => "not said",
        }
    }
}

impl Meta {
    /// What a journal says.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn of(journal: &Journal) -> Result<Self, JournalError> {
        let machines = match journal.noted(Note::Machines)?.as_deref() {
            Some("real") => Machines::Real,
            Some("emulated") => Machines::Emulated,
            _ => Machines::NotSaid,
        };
        Ok(Self {
            approved_by: journal.noted(Note::ApprovedBy)?,
            made_at: journal.made_at()?,
            machines,
            verdict: journal.noted(Note::Verdict)?,
        })
    }
}
