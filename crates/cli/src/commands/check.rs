//! `check`: judges a plan, and says what it was tried against.

use std::path::Path;

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
    pub(crate) verdict: kaketsugi_checker::Verdict,
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
        text.push_str(&self.verdict.to_string());
        text
    }
}
