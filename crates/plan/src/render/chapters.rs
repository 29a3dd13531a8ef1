//! Steps in chapters: before, a node, a group, afterwards; by what they are about.

use std::ops::Range;

use kaketsugi_estate::{ClusterId, GroupId, ServerId};

use crate::{Action, Phase, Plan, Step, Target};

/// What a row of steps is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Chapter {
    /// Preparations: users notice nothing, and nothing is installed.
    Before,
    /// A node is emptied, patched and taken back.
    Node(ServerId),
    /// A patched node shows that it does well.
    Trial(ServerId),
    /// A group is taken over, upgraded or brought home.
    Group(ClusterId, GroupId),
    /// Settings are put back and the end state is looked at.
    Afterwards,
}

/// The chapters of a plan, each with the places of its steps.
pub(crate) fn chapters(plan: &Plan) -> Vec<(Chapter, Range<usize>)> {
    let mut chapters: Vec<(Chapter, Range<usize>)> = Vec::new();
    for index in 0..plan.steps.len() {
        let chapter = chapter(plan, index);
        match chapters.last_mut() {
            Some((last, range)) if *last == chapter => range.end = index + 1,
            _ => chapters.push((chapter, index..index + 1)),
        }
    }
    chapters
}

fn chapter(plan: &Plan, index: usize) -> Chapter {
    let step = &plan.steps[index];
    // Whatever happens while a group's users are cut off belongs to that group.
    let cut_off = step.interrupts.iter().find(|i| i.phase != Phase::Whole);
    if let Some(interruption) = cut_off {
        return Chapter::Group(interruption.cluster.clone(), interruption.group.clone());
    }
    match &step.action {
        // Whether a server that stands alone serves again is looked at before the next one is touched.
        Action::Verify { target: Target::Group(cluster, _) } if installs_later(plan, index) => {
            let server = plan.estate.clusters.get(cluster).and_then(|c| c.nodes.first());
            server.map_or(Chapter::Afterwards, |server| Chapter::Node(server.clone()))
        }
        Action::Stage { .. } | Action::Quiet { .. } => Chapter::Before,
        Action::Attest { .. } if installs_later(plan, index) => Chapter::Before,
        Action::Attest { .. } | Action::PutBack { .. } | Action::Verify { .. } => Chapter::Afterwards,
        // A trial in the middle of a node's turn is part of it.
        Action::Soak { node, .. } => {
            match (index.checked_sub(1).map(|i| chapter(plan, i)), next_node(plan, index)) {
                (Some(Chapter::Node(before)), Some(after)) if before == after => Chapter::Node(before),
                _ => Chapter::Trial(node.clone()),
            }
        }
        // A move that empties a node belongs to that node's turn.
        Action::Move { cluster, group, to, proof: false } => match emptied(plan, index, to) {
            Some(node) => Chapter::Node(node),
            None => Chapter::Group(cluster.clone(), group.clone()),
        },
        action => match action.target() {
            Target::Node(node) => Chapter::Node(node),
            Target::Group(cluster, group) => Chapter::Group(cluster, group),
            Target::Cluster(_) | Target::Estate => Chapter::Afterwards,
        },
    }
}

fn installs_later(plan: &Plan, index: usize) -> bool {
    plan.steps[index..].iter().any(|s| matches!(s.action, Action::Install { .. }))
}

/// The node that moves from `index` on empty: the one that the next step other than a move takes out.
fn emptied(plan: &Plan, index: usize, to: &ServerId) -> Option<ServerId> {
    let next = plan.steps[index..].iter().find(|s| !is_move(s))?;
    match &next.action {
        Action::Drain { node, .. } | Action::StopService { node, .. } | Action::Install { node, .. } => {
            Some(node.clone()).filter(|node| node != to)
        }
        _ => None,
    }
}

/// The node that the first step after a trial is about.
fn next_node(plan: &Plan, index: usize) -> Option<ServerId> {
    let next = plan.steps.get(index..)?.iter().find(|s| !matches!(s.action, Action::Soak { .. }))?;
    match next.action.target() {
        Target::Node(node) => Some(node),
        _ => None,
    }
}

fn is_move(step: &Step) -> bool {
    matches!(step.action, Action::Move { proof: false, .. })
}
