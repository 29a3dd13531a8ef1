//! A finding: what was seen, what it means, what to do.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A diagnosis, or the reason of a refusal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// A stable name: `cluster/maintenance-mode`.
    pub code: String,
    /// What was seen, and where.
    pub symptom: String,
    /// What it means for the run.
    pub cause: String,
    /// What to do.
    pub remedy: String,
    /// Rules and articles.
    pub cites: Vec<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({}). {}", self.code, self.symptom, self.cause, self.remedy)
    }
}
