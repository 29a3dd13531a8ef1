//! `check`: judges a plan, and says what it was tried against.

use std::path::Path;

use kaketsugi_checker::{FaultKind, Outcome, Verdict};
use kaketsugi_estate::Estate;
use kaketsugi_plan::Plan;

use crate::exit::{Code, Failure};
use crate::files;
use crate::output::Output;

pub(crate) fn run(output: &Output, path: &Path, estate: Option<&Path>) -> Result<Code, Failure> {
    let plan = files::plan(path)?;
    let now = estate.map(files::estate).transpose()?;
    let judgement = judge(output, &plan, now.as_ref());
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

/// Judges a plan, and whether it still speaks of the estate file as it is now; runs before every `apply` too.
pub(crate) fn judge(output: &Output, plan: &Plan, now: Option<&Estate>) -> Judgement {
    if !output.is_json() {
        output.note("Trying the plan against every fault and every crash …");
    }
    let mut objections = kaketsugi_lint::lint(plan);
    objections.extend(now.into_iter().flat_map(|now| kaketsugi_lint::lint_against(plan, now)));
    Judgement {
        plan: plan.hash().to_string(),
        objections,
        verdict: kaketsugi_checker::check(plan, &kaketsugi_checker::Bounds::default()),
    }
}

impl Judgement {
    pub(crate) fn is_safe(&self) -> bool {
        self.objections.is_empty() && self.verdict.is_safe()
    }

    /// What the journal keeps of it, and the report shows.
    pub(crate) fn summary(&self) -> String {
        let lint = match self.objections.len() {
            0 => "no objection".to_owned(),
            1 => "1 objection".to_owned(),
            several => format!("{several} objections"),
        };
        format!("lint: {lint}. check: {}", conclusion(&self.verdict))
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

/// What the exploration found, in a sentence or two.
fn conclusion(verdict: &Verdict) -> String {
    let coverage = &verdict.coverage;
    match &verdict.outcome {
        Outcome::Safe => format!(
            "safe. {} kinds of faults were injected, at {} places of the run in all, and the controller was crashed at {}; \
             {} states, {} transitions",
            faults(verdict),
            coverage.faults(),
            coverage.crashes(),
            verdict.states,
            verdict.transitions
        ),
        Outcome::Violation(trace) => format!("VIOLATION: {}", trace.violation.broken),
        Outcome::OverBound => format!(
            "more than {} states; nothing is said about the rest, so the plan counts as unsafe",
            verdict.bounds.states_max
        ),
    }
}

/// What the exploration found, and how far it went.
fn verdict(verdict: &Verdict) -> String {
    let mut text = match &verdict.outcome {
        Outcome::Violation(trace) => format!("check: VIOLATION, and how it comes to it:\n{trace}\n"),
        Outcome::Safe | Outcome::OverBound => format!("check: {}\n", conclusion(verdict)),
    };
    if verdict.is_safe() {
        text.push_str("How runs end, counted by step, fault and moment:\n");
    }
    for (end, cells) in verdict.coverage.ends() {
        text.push_str(&format!("  {cells:>5} times: the run {end}\n"));
    }
    if !verdict.found_so.is_empty() {
        text.push_str("So it was found, and not held against the plan, which can only end it:\n");
    }
    for what in &verdict.found_so {
        text.push_str(&format!("  - {what}\n"));
    }
    text.push_str("Not explored:\n");
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
