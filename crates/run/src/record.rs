//! The journal's records: all that a run remembers.

use kaketsugi_estate::{Evidence, Snapshot};
use kaketsugi_plan::{Answer, Baseline, Condition, PlanHash, StepId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One record of the journal. It holds no time: the journal stores when beside it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "record")]
pub enum Record {
    /// The run exists. What it may have to put back is captured here, once.
    Begun {
        /// The run's id.
        run: String,
        /// The approved plan.
        plan: PlanHash,
        /// The rules the plan was made for.
        rules_version: u32,
        /// Settings, boots and configurations before anything was changed.
        start: Baseline,
    },
    /// Somebody goes on with the run; each time the epoch grows.
    Resumed {
        /// The new epoch.
        epoch: u64,
        /// Whether only settings are put back from now on.
        restore: bool,
        /// Whether a step that is never tried twice unasked may be tried again.
        retry: bool,
        /// Why, in the administrator's words; empty for a plain resume.
        reason: String,
    },
    /// All locks are held under this epoch.
    Locked {
        /// The epoch.
        epoch: u64,
    },
    /// A step's `when` was read, once.
    When {
        /// The step.
        step: StepId,
        /// The answer: yes, the step is due; no, it is skipped.
        answer: bool,
    },
    /// The step's conditions held already; nothing was run.
    AlreadyDone {
        /// The step.
        step: StepId,
    },
    /// The step's `requires` held; it begins. For a step that was done before: what it brought about didn't last, a
    /// later step needs it, and it begins anew.
    StepBegun {
        /// The step.
        step: StepId,
        /// What `expects` is judged against.
        baseline: Baseline,
    },
    /// The work is about to be started under the handle of this attempt.
    Intent {
        /// The step.
        step: StepId,
        /// Counts from 1.
        attempt: u32,
    },
    /// How the attempt ended.
    Outcome {
        /// The step.
        step: StepId,
        /// The attempt.
        attempt: u32,
        /// Its end.
        outcome: Outcome,
    },
    /// A person attested something.
    Attested {
        /// The evidence.
        evidence: EvidenceRecord,
    },
    /// The run has stopped, safe: nothing more is begun until somebody resumes it.
    Stopped {
        /// Why.
        why: Why,
    },
    /// All is done and the locks are given back.
    Finished,
}

/// Evidence, ordered so that records can be compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceRecord {
    /// Of what.
    pub kind: kaketsugi_estate::EvidenceKind,
    /// When.
    pub at: kaketsugi_estate::Millis,
    /// By whom.
    pub by: String,
}

impl EvidenceRecord {
    pub(crate) fn add_to(&self, snapshot: &mut Snapshot) {
        snapshot.evidence.push(Evidence { kind: self.kind, at: self.at, by: self.by.clone() });
    }
}

/// How an attempt at a step ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Outcome {
    /// `expects` hold.
    Done {
        /// Exit code of the work, where there was one.
        code: Option<u32>,
        /// Its output, bounded.
        output: String,
    },
    /// It ended, and `expects` don't hold, or the exit code says so.
    Failed {
        /// Exit code of the work, where there was one.
        code: Option<u32>,
        /// Its output, bounded.
        output: String,
    },
    /// It was not done: a person said that it can't be, or it was never begun.
    Cancelled {
        /// In their words, or why it was not begun.
        why: String,
    },
    /// It was begun, and how it ended can't be known.
    Lost {
        /// What it had printed.
        output: String,
    },
}

/// Why a run stopped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "why")]
pub enum Why {
    /// Another run holds a lock.
    LockHeld {
        /// What the platform said.
        by: String,
    },
    /// A step's `requires` don't hold.
    NotReady {
        /// The step.
        step: StepId,
        /// The conditions and their answers.
        conditions: Vec<(Condition, Answer)>,
    },
    /// A step's `when` could not be read.
    CannotDecide {
        /// The step.
        step: StepId,
    },
    /// A step failed.
    StepFailed {
        /// The step.
        step: StepId,
        /// Conditions that prove it done and don't hold.
        conditions: Vec<(Condition, Answer)>,
    },
    /// A step is begun and takes longer than it may.
    Stuck {
        /// The step.
        step: StepId,
    },
    /// A step is begun and its node, which should be there all the time, doesn't answer.
    Silent {
        /// The step.
        step: StepId,
        /// For how long it was asked in vain.
        seconds: u32,
    },
    /// A step was begun and its end can't be known: a power cut, a killed installer.
    StepLost {
        /// The step.
        step: StepId,
    },
    /// The last attempt at a step ended badly, and the step is never tried twice unasked.
    AsksBeforeRetry {
        /// The step.
        step: StepId,
    },
    /// A person is needed and nobody is there.
    WaitsForPerson {
        /// The step.
        step: StepId,
    },
    /// The administrator asked for it. Work that was begun goes on by itself on its node.
    Interrupted,
    /// A step's work could not be begun: the command doesn't get through to its node, again and again.
    CannotBegin {
        /// The step.
        step: StepId,
    },
    /// All is done, and the locks could not be given back everywhere.
    LocksLeft {
        /// What the platform said.
        by: String,
    },
    /// The lock was lost to another run or another controller.
    LockLost {
        /// What the platform said.
        by: String,
    },
}

/// A record that may not follow on what the journal holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the journal can't go on with this record: {why}")]
pub struct Illegal {
    /// Why.
    pub why: String,
}
