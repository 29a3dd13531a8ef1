//! What is found.

use std::collections::{BTreeMap, BTreeSet};

use kaketsugi_plan::{PlanHash, StepId};
use serde::{Deserialize, Serialize};

use crate::{Coverage, Violation};

/// How far is explored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// How many faults come together in one run. Crashes of the controller aren't counted: they come anywhere, as
    /// often as one likes.
    pub faults_max: u8,
    /// How many different states are looked at before the exploration gives up.
    pub states_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { faults_max: 1, states_max: 5_000_000 }
    }
}

impl Bounds {
    /// What is not explored, in sentences: part of every report.
    #[must_use]
    pub fn not_explored(&self) -> Vec<String> {
        vec![
            format!("more than {} fault(s) in one run", self.faults_max),
            "a fault in the moment between the last look at a step's conditions and its command".into(),
            "time, but for one pause of two days before a step that rests on evidence".into(),
            "what an administrator does by hand beside repairing what failed".into(),
            "a split network, but for single nodes that are cut off".into(),
        ]
    }
}

/// What came of an exploration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The plan that was explored.
    pub plan: PlanHash,
    /// The bounds.
    pub bounds: Bounds,
    /// The end.
    pub outcome: Outcome,
    /// What was explored.
    pub coverage: Coverage,
    /// Where a run may stop so that the same plan can't go on even after the repair, and why, in sentences: there a new
    /// plan is made from what is there.
    pub needs_new_plan: BTreeMap<StepId, BTreeSet<String>>,
    /// What a fault would do to the estate as it was found, in sentences. It isn't held against a plan that has done
    /// nothing yet but keep groups from coming to nodes (E00-AP-STORE-UPGRADE).
    #[serde(default)]
    pub found_so: BTreeSet<String>,
    /// How many different states were looked at.
    pub states: usize,
    /// How many transitions between them.
    pub transitions: usize,
}

/// The end of an exploration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome", content = "trace")]
pub enum Outcome {
    /// No way leads to a violation.
    Safe,
    /// One does.
    Violation(Trace),
    /// There were more states than the bound allows; nothing is said about the rest.
    OverBound,
}

/// A counter-example, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// What happens, in order.
    pub sentences: Vec<String>,
    /// What is broken at its end.
    pub violation: Violation,
}

impl Verdict {
    /// Whether the plan may be carried out.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.outcome == Outcome::Safe
    }

    /// What is broken, if anything is.
    #[must_use]
    pub fn violation(&self) -> Option<&Violation> {
        match &self.outcome {
            Outcome::Violation(trace) => Some(&trace.violation),
            Outcome::Safe | Outcome::OverBound => None,
        }
    }
}

impl std::fmt::Display for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (number, sentence) in (1..).zip(&self.sentences) {
            writeln!(f, "{number:>4}. {sentence}")?;
        }
        write!(f, "      VIOLATION: {}", self.violation.broken)
    }
}
