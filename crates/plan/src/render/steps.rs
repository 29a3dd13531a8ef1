//! The steps: all at a glance, then each in full.

use std::collections::BTreeSet;

use kaketsugi_estate::ClusterId;

use super::chapters::{Chapter, chapters};
use super::page::{Entry, Line, Page};
use super::{who, words};
use crate::{Actor, Exposure, Interruption, Phase, Plan, Recovery, Step};

/// One line a step.
pub(super) fn glance(page: &mut Page, plan: &Plan) {
    page.heading("All steps at a glance");
    let rows = plan.steps.iter().enumerate().map(|(index, step)| {
        vec![
            (index + 1).to_string().into(),
            step.title.as_str().into(),
            words::actor(who(plan, step)).into(),
            words::duration(step.expected_seconds.into()).into(),
            remarks(plan, step).into(),
        ]
    });
    page.table(&["Step", "What", "Who", "About", "Mind"], rows.collect());
}

/// What one should know of a step at a glance.
fn remarks(plan: &Plan, step: &Step) -> String {
    let mut words: Vec<String> = super::cut_off(plan, step)
        .iter()
        .map(|i| match i.phase {
            Phase::Whole => format!("{} cut off", i.group),
            Phase::Begins => format!("{} cut off from here", i.group),
            Phase::LastsOn => format!("{} still cut off", i.group),
            Phase::Ends => format!("{} back", i.group),
        })
        .collect();
    let exposed = super::exposed(plan, step);
    let at_risk: BTreeSet<&str> = exposed.iter().flat_map(|e| &e.groups).map(|g| g.as_str()).collect();
    if !at_risk.is_empty() {
        words.push(format!("{} at risk", at_risk.into_iter().collect::<Vec<_>>().join(", ")));
    }
    if step.point_of_no_return {
        words.push("no way back".into());
    }
    if step.when.is_some() {
        words.push("only if asked for".into());
    }
    words.join("; ")
}

/// Every step in full, by chapter.
pub(super) fn all(page: &mut Page, plan: &Plan) {
    page.heading("The steps");
    let fails =
        if !super::head::lone(plan).is_empty() { "" } else { ", and any one node may fail meanwhile" };
    page.text(format!(
        "They are carried out one after the other. A step begins only when all that it requires holds, and the next \
         one only when this one is proven done; what can't be learned counts as not holding. Otherwise the run stops \
         where it is. A step that says nothing of users or risk cuts nobody off{fails}. A step called repeatable can be \
         done again after a failure and does no harm twice.",
    ));
    for (chapter, range) in chapters(plan) {
        page.part(title(plan, &chapter, range.clone()));
        for index in range {
            if let Some(step) = plan.steps.get(index) {
                page.entry(entry(plan, index + 1, step));
            }
        }
    }
}

fn title(plan: &Plan, chapter: &Chapter, range: std::ops::Range<usize>) -> String {
    let title = match chapter {
        Chapter::Before => "Before".to_owned(),
        Chapter::Node(node) if plan.estate.stands_alone(node) => format!("Server {node}"),
        Chapter::Node(node) => format!("Node {node}"),
        Chapter::Trial(node) => format!("Trial of {node}"),
        Chapter::Group(cluster, group) => {
            format!("{} {group}", words::group(plan.estate.clusters.get(cluster).map(|c| c.kind)))
        }
        Chapter::Afterwards => "Afterwards".to_owned(),
    };
    // Which cluster is only a question where there are several.
    let cluster = plan.steps.get(range).and_then(|steps| steps.iter().find_map(|s| cluster_of(plan, s)));
    match cluster {
        Some(cluster) if plan.estate.clusters.len() > 1 => format!("{title} (cluster {cluster})"),
        _ => title,
    }
}

fn cluster_of<'a>(plan: &'a Plan, step: &'a Step) -> Option<&'a ClusterId> {
    step.action.cluster().or_else(|| plan.estate.cluster_of(step.action.node()?).map(|(id, _)| id))
}

fn entry(plan: &Plan, number: usize, step: &Step) -> Entry {
    let who = who(plan, step);
    let patience = words::duration(step.timeout_seconds.into());
    let remark = Line::from(format!(
        "{} · about {} · {}{} · ",
        words::actor(who),
        words::duration(step.expected_seconds.into()),
        match who {
            Actor::Machine => format!("stuck after {patience}"),
            Actor::Operator => format!("waits up to {patience}"),
        },
        if step.recovery == Recovery::Redo { " · repeatable" } else { "" },
    ));
    let mut entry = Entry::new(number, step.title.as_str(), remark.code(step.id.as_str()));
    if step.point_of_no_return {
        entry.warn("There is no way back after this step but a backup.");
    }
    if let Some(instruction) = &step.instruction {
        entry.instruct(instruction);
    }
    let lines = |words: Vec<String>| words.into_iter().map(Line::from).collect::<Vec<_>>();
    entry.field(
        "Only if",
        step.when.iter().map(|w| Line::from(format!("{w}; otherwise it is skipped"))).collect(),
    );
    let why = Line::from(words::purpose(plan, &step.action));
    let cites = step.cites.iter().map(String::as_str);
    entry.field("Why", vec![if step.cites.is_empty() { why } else { why.then(" ").codes(cites) }]);
    entry.field("Requires", lines(words::conditions(&step.requires)));
    entry.field("Proof", lines(words::conditions(&step.expects)));
    entry.field("Users", super::cut_off(plan, step).iter().map(users).collect());
    entry.field("Risk", risk(&super::exposed(plan, step)));
    if step.recovery != Recovery::Redo {
        entry.field("If it fails", vec![words::recovery(step.recovery).into()]);
    }
    entry
}

fn users(interruption: &Interruption) -> Line {
    let words = words::phase(interruption.group.as_str(), interruption.phase, interruption.expected_seconds);
    Line::default().strong(words)
}

/// Nodes whose failure would take the same groups down share a line.
fn risk(exposes: &[Exposure]) -> Vec<Line> {
    let mut lines: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
    for exposure in exposes {
        let groups: Vec<&str> = exposure.groups.iter().map(|g| g.as_str()).collect();
        match lines.iter_mut().find(|(known, _)| *known == groups) {
            Some((_, nodes)) => nodes.push(exposure.node.as_str()),
            None => lines.push((groups, vec![exposure.node.as_str()])),
        }
    }
    let line = |(groups, nodes): (Vec<&str>, Vec<&str>)| {
        let verb = if groups.len() == 1 { "is" } else { "are" };
        Line::from(format!("if {} fails now, {} {verb} down", words::or(&nodes), words::and(&groups)))
    };
    lines.into_iter().map(line).collect()
}
