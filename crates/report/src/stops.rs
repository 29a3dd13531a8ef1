//! Every stop of a run: what happened, what the output says of it, and what to do next.

use std::collections::BTreeSet;

use kaketsugi_estate::{Millis, Product};
use kaketsugi_knowledge::{Diagnosis, Match, Platform, diagnose, diagnoses};
use kaketsugi_plan::StepId;
use kaketsugi_run::{Outcome, Record, Run, Why};
use kaketsugi_runner::Entry;
use serde::{Deserialize, Serialize};

use crate::why;

/// More causes than this help nobody at night.
const DIAGNOSES_MAX: usize = 5;

/// Lines that are shown before one that a diagnosis knows.
const CONTEXT_LINES: usize = 3;

/// A stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// When.
    pub at: Millis,
    /// At which step.
    pub step: Option<StepId>,
    /// What happened.
    pub happened: String,
    /// What was seen.
    pub seen: Vec<String>,
    /// What the output of the step says.
    pub diagnoses: Vec<Diagnosed>,
    /// What to do next; empty once somebody went on with the run.
    pub next: Vec<String>,
    /// The typed reason.
    pub why: Why,
}

/// A known trouble, found in a step's output.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Diagnosed {
    /// Its id, for `kaketsugi explain`.
    pub id: String,
    /// What is wrong.
    pub title: String,
    /// The line that shows it, after the lines before it; None: the exit code does.
    pub line: Option<String>,
    /// Why it happens.
    pub cause: String,
    /// What to do.
    pub remedy: String,
}

/// Every stop of a run, oldest first.
pub(crate) fn stops(run: &Run, entries: &[Entry]) -> Vec<Stop> {
    let mut stops = Vec::new();
    // As it was known when the run stopped.
    let mut outcomes: Vec<(&StepId, &Outcome)> = Vec::new();
    let last = entries.iter().rposition(|e| matches!(e.record, Record::Stopped { .. }));
    for (index, entry) in entries.iter().enumerate() {
        match &entry.record {
            Record::Outcome { step, outcome, .. } => outcomes.push((step, outcome)),
            Record::Stopped { why } => {
                let step = why::step_of(why);
                let outcome = step.and_then(|id| outcomes.iter().rfind(|(s, _)| *s == id)).map(|(_, o)| *o);
                let still = run.stopped().is_some() && last == Some(index);
                stops.push(Stop {
                    at: entry.at,
                    step: step.cloned(),
                    happened: why::happened(run, why, outcome),
                    seen: why::seen(why),
                    diagnoses: outcome.map(|o| diagnosed(run, o)).unwrap_or_default(),
                    next: if still { why::next(run, why) } else { Vec::new() },
                    why: why.clone(),
                });
            }
            _ => {}
        }
    }
    stops
}

/// Known troubles in an outcome: its lines, and its exit code where the product's installers have known ones.
pub(crate) fn diagnosed(run: &Run, outcome: &Outcome) -> Vec<Diagnosed> {
    let (code, output) = match outcome {
        Outcome::Failed { code, output } => (*code, output.as_str()),
        Outcome::Lost { output } => (None, output.as_str()),
        Outcome::Done { .. } | Outcome::Cancelled { .. } => return Vec::new(),
    };
    let product = run.plan().payload.product;
    let mut known = BTreeSet::new();
    let mut found: Vec<Diagnosed> = diagnose(output.lines())
        .into_iter()
        .filter(|m| speaks_of(product, m.diagnosis) && known.insert((m.diagnosis.id.clone(), m.title())))
        .filter_map(|m| {
            let cause = m.causes().next()?;
            let title = m.title();
            Some(Diagnosed {
                id: m.diagnosis.id.clone(),
                title,
                line: Some(in_context(&m)),
                cause: cause.text,
                remedy: cause.remedy,
            })
        })
        .take(DIAGNOSES_MAX)
        .collect();
    let by_code = code.and_then(|c| i32::try_from(c).ok()).filter(|_| product != Product::Debian);
    if let Some(one) = by_code.and_then(|code| diagnoses().for_exit_code(code))
        && !found.iter().any(|d| d.id == one.id)
        && let Some(cause) = one.causes.first()
    {
        found.push(Diagnosed {
            id: one.id.clone(),
            title: one.title.clone(),
            line: None,
            cause: cause.text.clone(),
            remedy: cause.remedy.clone(),
        });
    }
    found
}

/// The line with those right before it: a script's own words stand there.
fn in_context(found: &Match) -> String {
    let before = &found.before[found.before.len().saturating_sub(CONTEXT_LINES)..];
    before.iter().chain([&found.line]).map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

fn speaks_of(product: Product, diagnosis: &Diagnosis) -> bool {
    match product {
        Product::Debian => matches!(diagnosis.platform, Platform::Debian | Platform::Pacemaker),
        Product::Exchange2003 | Product::Exchange2000 | Product::Exchange55 => {
            matches!(diagnosis.platform, Platform::Exchange | Platform::Windows)
        }
    }
}
