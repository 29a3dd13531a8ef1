//! The end of a runbook: what happens when it stops, how it is approved, and what is cited.

use std::collections::BTreeSet;

use kaketsugi_knowledge::{Citation, Force, Rule, Source, cite, releases};

use super::page::{Field, Line, Page};
use super::{undone, words};
use crate::{Action, Plan};

/// What can be done when the run stops, what `restore` takes back and what it doesn't.
pub(super) fn when_it_stops(page: &mut Page, plan: &Plan) {
    page.heading("If the run stops");
    page.text(
        "It stops at a step that fails, at anything that can't be learned, and when it is told to. Nothing more is \
         begun then; an installer that runs is left to end by itself. The run is kept and loses nothing, whatever \
         becomes of the machine or the terminal it was started from.",
    );
    page.list(vec![
        Line::default().code("kaketsugi status RUN").then(" says where it stands, why, and what to do next."),
        Line::default()
            .code("kaketsugi resume RUN")
            .then(" goes on where it stopped. It looks first, and does nothing twice that is done."),
        Line::default().code("kaketsugi restore RUN").then(
            " gives up, and puts back what was changed beside the release. It installs and removes nothing.",
        ),
    ]);
    let mut back: Vec<String> = Vec::new();
    for undone in plan.steps.iter().filter_map(|s| undone(plan, &s.action)) {
        if !back.contains(&undone) {
            back.push(undone);
        }
    }
    page.fields(vec![
        Field::new("Restore puts back", back.into_iter().map(Line::from).collect()),
        Field::new("Restore leaves", left(plan)),
    ]);
}

/// What stays as it is after a restore, as far as this plan does it at all.
fn left(plan: &Plan) -> Vec<Line> {
    let any = |pick: fn(&Action) -> bool| plan.steps.iter().any(|s| pick(&s.action));
    let said = [
        (any(|a| matches!(a, Action::Install { .. })), "what was installed: there is no downgrade"),
        (
            any(|a| matches!(a, Action::UpgradeGroup { .. })),
            "virtual servers that were upgraded, and so may only run on patched nodes",
        ),
        (
            any(|a| matches!(a, Action::Move { .. } | Action::Drain { .. })),
            "groups where they are: a move back would cut users off once more",
        ),
        (any(|a| matches!(a, Action::Stage { .. })), "files that were brought onto nodes"),
    ];
    said.iter().filter(|(is, _)| *is).map(|(_, words)| Line::from(*words)).collect()
}

/// How this plan, and no other, is approved.
pub(super) fn approval(page: &mut Page, plan: &Plan) {
    let hash = plan.hash();
    page.heading("Approval");
    page.text(
        "An approval is bound to the hash: it covers the steps, what is installed, the policy and what was seen, and \
         nothing else. A plan that changes in any letter has another hash. If the estate is not as seen when the run \
         begins, nothing is done.",
    );
    page.text(
        Line::from("To carry it out: ").code(format!("kaketsugi apply PLAN --approve {}", hash.short())),
    );
    let blank = || Line::from(".".repeat(24));
    let row = |role: &str| vec![Line::from(role), blank(), blank()];
    page.table(&["Role", "Name", "Date and time (UTC)"], vec![row("Approved by"), row("Carried out by")]);
}

/// The text of every citation, once.
pub(super) fn cited(page: &mut Page, plan: &Plan) {
    let mut seen = BTreeSet::new();
    let steps = plan.steps.iter().flat_map(|s| &s.cites).chain(&plan.payload.cites);
    let ids: Vec<&String> = steps.filter(|id| seen.insert(id.as_str())).collect();
    if ids.is_empty() {
        return;
    }
    page.heading("What is cited");
    page.text("What each says, in our own words.");
    let lines = ids.into_iter().map(|id| {
        let (from, text) = match cite(id) {
            Some(Citation::Rule(rule)) => (format!(" ({})", rule_from(rule, plan)), rule.text.as_str()),
            Some(Citation::Source(source)) => (format!(" ({})", source_from(source)), source.says.as_str()),
            None => (String::new(), "Nothing is recorded under this id."),
        };
        Line::default().code(id.as_str()).then(format!("{from}: {text}"))
    });
    page.list(lines.collect());
}

/// Where a rule stands, and how strongly it is asked for this release.
fn rule_from(rule: &Rule, plan: &Plan) -> String {
    let place = match rule.steps.as_slice() {
        [] => String::new(),
        [one] => format!(" step {one}"),
        several => {
            format!(" steps {}", words::and(&several.iter().map(ToString::to_string).collect::<Vec<_>>()))
        }
    };
    let force = releases().resolve(plan.payload.id.as_str()).and_then(|release| rule.force_for(&release));
    let force = match force {
        Some(Force::Required) => "; required",
        Some(Force::Recommended) => "; recommended",
        None => "",
    };
    format!("KB 328839, {}{place}{force}", rule.section.replace('-', " "))
}

fn source_from(source: &Source) -> String {
    let label = source.label();
    let title = if label == source.title { String::new() } else { format!(", {}", source.title) };
    let doubt =
        if source.certainty.is_verified() { String::new() } else { format!(" ({})", source.certainty) };
    format!("{label}{title}{doubt}")
}
