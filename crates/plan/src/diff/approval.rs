//! Whether a child plan needs an approval of its own.

use std::collections::BTreeMap;

use kaketsugi_estate::{ClusterId, GroupId};

use super::{beside, cut_off, diff, exposed};
use crate::render::words;
use crate::{Action, Actor, Plan, Step};

/// Interruptions that a run has had by now, by group: they belong to the run, not to a plan.
pub type Spent = BTreeMap<(ClusterId, GroupId), usize>;

/// Why a child plan needs an approval of its own; empty: it needs none, because it holds no action, interruption,
/// exposure or point of no return that the approved plan hadn't. What the run has spent isn't looked at; see
/// [`needs_new_approval_after`].
#[must_use]
pub fn needs_new_approval(parent: &Plan, child: &Plan) -> Vec<String> {
    needs_new_approval_after(parent, child, &Spent::new())
}

/// As [`needs_new_approval`], with the interruptions that the run has had already: what was approved was a number of
/// interruptions in all.
#[must_use]
pub fn needs_new_approval_after(parent: &Plan, child: &Plan, spent: &Spent) -> Vec<String> {
    let mut why: Vec<String> =
        beside(parent, child).into_iter().map(|what| format!("{what} is not as it was approved")).collect();
    why.extend(actions(parent, child));
    why.extend(interruptions(parent, child, spent));
    let approved = exposed(parent);
    why.extend(exposed(child).into_iter().filter(|(key, _)| !approved.contains_key(key)).map(
        |((_, node, group), step)| {
            format!("new exposure: {group} would be down if {node} failed during “{}”", step.title)
        },
    ));
    let no_return = diff(parent, child).points_of_no_return;
    why.extend(no_return.into_iter().map(|step| format!("new point of no return: {}", step.title)));
    why
}

/// What makes an action the one that was approved: what, by whom, and in which words.
fn key(step: &Step) -> (Action, Actor, Option<String>) {
    (step.action.clone(), step.actor, step.instruction.clone())
}

/// Actions that the parent hasn't, or hasn't as often, or had only in a case.
fn actions(parent: &Plan, child: &Plan) -> Vec<String> {
    // By action: how often in any case, and how often at most.
    let count = |plan: &Plan| {
        let mut counts: BTreeMap<_, (usize, usize)> = BTreeMap::new();
        for step in &plan.steps {
            let (always, most) = counts.entry(key(step)).or_default();
            *always += usize::from(step.when.is_none());
            *most += 1;
        }
        counts
    };
    let approved = count(parent);
    let asked = count(child);
    let mut said = Vec::new();
    let mut why = Vec::new();
    for step in &child.steps {
        let key = key(step);
        let (always, most) = approved.get(&key).copied().unwrap_or_default();
        let (always_now, most_now) = asked.get(&key).copied().unwrap_or_default();
        if said.contains(&key) {
            continue;
        }
        if most == 0 {
            why.push(format!("new: {} ({})", step.title, words::actor(step.actor)));
        } else if most_now > most {
            why.push(format!("{} than approved: {}", more(most_now, most), step.title));
        } else if always_now > always {
            why.push(format!("no longer only if asked for: {}", step.title));
        }
        said.push(key);
    }
    why
}

fn more(now: usize, was: usize) -> String {
    format!("more often ({} instead of {})", words::times(now), words::times(was))
}

fn interruptions(parent: &Plan, child: &Plan, spent: &Spent) -> Vec<String> {
    let approved = cut_off(parent);
    let mut why = Vec::new();
    for ((cluster, group), (count, seconds)) in cut_off(child) {
        let key = (cluster, group);
        let (approved_count, approved_seconds) = approved.get(&key).copied().unwrap_or_default();
        let spent = spent.get(&key).copied().unwrap_or_default();
        let group = &key.1;
        if approved_count == 0 {
            why.push(format!("new interruption: users of {group}, {}", words::times(count)));
        } else if count + spent > approved_count {
            why.push(format!(
                "more interruptions: users of {group} would be cut off {} in all, approved was {}",
                words::times(count + spent),
                words::times(approved_count)
            ));
        } else if seconds > approved_seconds {
            why.push(format!(
                "longer interruption: users of {group} for about {}, approved was {}",
                words::duration(seconds),
                words::duration(approved_seconds)
            ));
        }
    }
    why
}
