//! One step in full: what held before, what proved it, each attempt with what it printed.

use kaketsugi_plan::render::page::{Field, Line, Page};
use kaketsugi_plan::render::words;

use crate::trail::{Attempt, StepLine};

/// Lines of output that are shown at its beginning and at its end; the journal has all that was kept.
const HEAD_LINES: usize = 10;
const TAIL_LINES: usize = 40;
/// Letters of a line that are shown.
const LINE_MAX: usize = 400;

/// One step in full.
pub(crate) fn detail(page: &mut Page, step: &StepLine) {
    let lines = |words: &[String]| words.iter().map(|w| Line::from(w.as_str())).collect::<Vec<_>>();
    let result = match &step.rests_on {
        Some(basis) => format!("{}; {}", step.result.as_str(), basis.words()),
        None => step.result.as_str().to_owned(),
    };
    let why = if step.cites.is_empty() {
        Vec::new()
    } else {
        vec![Line::default().codes(step.cites.iter().map(String::as_str))]
    };
    page.fields(vec![
        Field::one("Step", Line::default().code(step.id.as_str()).then(format!(", {}", step.who))),
        Field::one("Result", result),
        Field::new("Skipped", lines(step.skipped_because.as_slice())),
        Field::new("Held before", lines(&step.checked)),
        Field::new("Proven by", lines(&step.proven)),
        Field::new("Cites", why),
    ]);
    for attempt in &step.attempts {
        self::attempt(page, attempt);
    }
}

fn attempt(page: &mut Page, attempt: &Attempt) {
    let from = words::utc(attempt.begun);
    let Some(end) = &attempt.end else {
        page.text(format!("Attempt {}: begun {from}; its end is not in the journal.", attempt.number));
        return;
    };
    let (code, output) = end.output();
    let how = match end {
        crate::Ended::Done { .. } => "proven done",
        crate::Ended::Failed { .. } => "failed",
        crate::Ended::Cancelled { .. } => "not done",
        crate::Ended::Lost { .. } => "lost",
    };
    let to = attempt.ended.map(words::utc).unwrap_or_default();
    let code = code.map(|c| format!(", exit code {c}")).unwrap_or_default();
    page.text(format!("Attempt {}: {from} to {to}, {how}{code}.", attempt.number));
    if !output.trim().is_empty() {
        page.output(bounded(output));
    }
}

/// The beginning and the end of an output, lines cut at a length; it says what is left out.
pub(crate) fn bounded(output: &str) -> String {
    let cut = |line: &str| -> String {
        match line.char_indices().nth(LINE_MAX) {
            Some((end, _)) => format!("{} … (line cut)", &line[..end]),
            None => line.to_owned(),
        }
    };
    let lines: Vec<&str> = output.trim_end().lines().collect();
    if lines.len() <= HEAD_LINES + TAIL_LINES + 1 {
        return lines.into_iter().map(cut).collect::<Vec<_>>().join("\n");
    }
    let left_out = lines.len() - HEAD_LINES - TAIL_LINES;
    let head = lines[..HEAD_LINES].iter().map(|l| cut(l));
    let tail = lines[lines.len() - TAIL_LINES..].iter().map(|l| cut(l));
    let middle = std::iter::once(format!("… ({left_out} lines left out here; the journal has them)"));
    head.chain(middle).chain(tail).collect::<Vec<_>>().join("\n")
}
