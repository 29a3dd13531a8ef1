//! `explain`: what a rule, a source or a step means.

use std::path::Path;

use kaketsugi_knowledge::Citation;

use super::catalogue::text_of;
use crate::args::Lang;
use crate::exit::{Code, Failure};
use crate::files;
use crate::output::Output;

pub(crate) fn run(output: &Output, id: &str, plan: Option<&Path>, lang: Lang) -> Result<Code, Failure> {
    if let Some(path) = plan {
        let plan = files::plan(path)?;
        if let Some(step) = plan.steps.iter().find(|s| s.id.as_str() == id) {
            output.result(step, || {
                let mut text = format!("{}\n{}\n", step.id, step.title);
                for condition in &step.requires {
                    text.push_str(&format!("  before: {condition}\n"));
                }
                for condition in &step.expects {
                    text.push_str(&format!("  proof:  {condition}\n"));
                }
                for cite in &step.cites {
                    let said = kaketsugi_knowledge::cite(cite).map(Citation::text).unwrap_or_default();
                    text.push_str(&format!("  {cite}: {said}\n"));
                }
                text
            });
            return Ok(Code::Done);
        }
    }
    let Some(citation) = kaketsugi_knowledge::cite(id) else {
        return Err(Failure::cannot(
            format!(
                "`{id}` is no rule, no source{}",
                if plan.is_some() { " and no step of this plan" } else { "" }
            ),
            "`kaketsugi rules` lists the rules; for a step name its plan with --plan FILE.",
        ));
    };
    // Whoever reads JSON gets the same in every language.
    let rule = kaketsugi_knowledge::rules().get(id);
    let text = rule.map_or_else(|| citation.text(), |rule| text_of(rule, lang));
    let mut said = serde_json::json!({ "id": id, "text": citation.text() });
    if let Some(ja) = rule.and_then(|rule| rule.ja.as_ref()) {
        said["ja"] = ja.as_str().into();
    }
    output.result(&said, || format!("{id}\n{text}"));
    Ok(Code::Done)
}
