//! What to do next, as the end of `apply` and `status` say it.

use kaketsugi_run::{Mode, Run};

use crate::{left, stops, why};

/// Where a run stands and what to do next, line by line: what happened, what was seen, what is not as it was, what to
/// do. Lines may hold text from machines and people, to be sanitised by whoever prints them.
#[must_use]
pub fn next_steps(run: &Run) -> Vec<String> {
    let id = run.token().run;
    let (done, of) = run.progress();
    if run.finished() {
        let end = match run.mode() {
            Mode::Forward => format!("All {of} steps are done."),
            Mode::Restore => format!(
                "What was changed beside the release is put back. The plan was not carried out to its end: {done} of {of} steps are done, and what was installed stays."
            ),
        };
        let mut lines = vec![end];
        if run.mode() == Mode::Restore {
            lines.push(format!(
                "To go on from what is there now: kaketsugi plan ESTATE --release ID --after {id}"
            ));
        }
        lines.push(format!("The evidence: kaketsugi report {id}"));
        return lines;
    }
    if !run.begun() {
        return vec!["The run has not begun: nothing was changed anywhere.".into()];
    }
    let mut lines = Vec::new();
    match run.stopped() {
        Some(stopped) => {
            lines.push(format!("Stopped, safe: nothing more is begun. {done} of {of} steps are done."));
            let outcome = why::step_of(stopped).and_then(|step| why::outcome(run, step));
            lines.push(why::happened(run, stopped, outcome));
            lines.extend(why::seen(stopped).into_iter().map(|seen| format!("  {seen}")));
            let found = outcome.map(|o| stops::diagnosed(run, o)).unwrap_or_default();
            lines.extend(found.into_iter().flat_map(|d| {
                let mut said = vec![format!("  {}:", d.title)];
                said.extend(
                    d.line.iter().flat_map(|l| l.lines()).map(|line| format!("    | {}", line.trim())),
                );
                said.extend([format!("    {}", d.cause), format!("    {}", d.remedy)]);
                said
            }));
        }
        None => {
            lines.push(format!(
                "The run is in work, or its controller is gone; the journal can't tell. {done} of {of} steps are done."
            ));
        }
    }
    let left = left::left(run);
    if !left.is_empty() {
        lines.push("As it stands, by what the journal holds:".into());
        lines.extend(left.into_iter().map(|left| format!("  {left}")));
    }
    match run.stopped() {
        Some(stopped) => {
            lines.push("What to do next:".into());
            let next = why::next(run, stopped);
            lines
                .extend(next.into_iter().enumerate().map(|(index, next)| format!("  {}. {next}", index + 1)));
        }
        None => lines.push(format!("If nobody is at work on it: kaketsugi resume {id}")),
    }
    lines
}
