//! `check`: judges a plan, and says what it was tried against.

use std::path::Path;

use kaketsugi_checker::{FaultKind, Outcome, Verdict};
use kaketsugi_plan::Plan;

use crate::exit::{Code, Failure};
use crate::files;
use crate::output::Output;

pub(crate) fn run(output: &Output, path: &Path) -> Result<Code, Failure> {
    let plan = files::plan(path)?;
    let judgement = judge(&plan);
    output.result(&judgement, || judgement.text(&plan));
    Ok(if judgement.is_safe() { Code::Done } else { Code::Refused })
}

/// What lint and checker say together.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Judgement {
    pub(crate) plan: String,
    pub(crate) objections: Vec<kaketsugi_lint::Objection>,
    pub(crate) verdict: Verdict,
}

/// Judges a plan; runs before every `apply` too.
pub(crate) fn judge(plan: &Plan) -> Judgement {
    Judgement {
        plan: plan.hash().to_string(),
        objections: kaketsugi_lint::lint(plan),
        verdict: kaketsugi_checker::check(plan, &kaketsugi_checker::Bounds::default()),
    }
}

impl Judgement {
    pub(crate) fn is_safe(&self) -> bool {
        self.objections.is_empty() && self.verdict.is_safe()
    }

    pub(crate) fn text(&self, plan: &Plan) -> String {
        let mut text = format!("plan {}\n", plan.hash().short());
        if self.objections.is_empty() {
            text.push_str("lint: no objection\n");
        }
        for objection in &self.objections {
            text.push_str(&format!("lint: {objection}\n"));
        }
        text.push_str(&verdict(&self.verdict));
        text
    }
}

/// What the exploration found, and how far it went.
fn verdict(verdict: &Verdict) -> String {
    let coverage = &verdict.coverage;
    let mut text = match &verdict.outcome {
        Outcome::Safe => format!(
            "check: safe. {} faults injected at {} places of the run, the controller crashed at {}; {} states, {} transitions\n",
            faults(verdict),
            coverage.faults(),
            coverage.crashes(),
            verdict.states,
            verdict.transitions
        ),
        Outcome::Violation(trace) => format!("check: VIOLATION, and how it comes to it:\n{trace}\n"),
        Outcome::OverBound => format!(
            "check: more than {} states; nothing is said about the rest, so the plan counts as unsafe\n",
            verdict.bounds.states_max
        ),
    };
    for (end, cells) in coverage.ends() {
        text.push_str(&format!("  {cells:>5} cells: the run {end}\n"));
    }
    text.push_str("not explored:\n");
    for line in verdict.bounds.not_explored() {
        text.push_str(&format!("  - {line}\n"));
    }
    text
}

/// How many kinds of faults were injected anywhere.
fn faults(verdict: &Verdict) -> usize {
    let kinds: std::collections::BTreeSet<_> = verdict
        .coverage
        .cells()
        .filter(|(_, kind, _, cell)| *kind != FaultKind::None && cell.places > 0)
        .map(|(_, kind, ..)| kind)
        .collect();
    kinds.len()
}
