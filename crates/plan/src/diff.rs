//! What differs between two plans of one run, and whether the second one needs an approval of its own.
//!
//! A plan made after a failure or a drift is a child of the one before. What was approved then still holds, unless the
//! child does something that the approved plan didn't: see [`needs_new_approval`].

mod approval;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use kaketsugi_estate::{ClusterId, GroupId, ServerId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::render::{Outage, outages};
use crate::{Plan, PlanHash, Step, StepId};

pub use approval::{Spent, needs_new_approval, needs_new_approval_after};

/// What differs between a plan and its child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Diff {
    /// The plan before.
    pub parent: PlanHash,
    /// The plan after.
    pub child: PlanHash,
    /// Steps that only the child has, in its order.
    pub added: Vec<StepLine>,
    /// Steps that only the parent has: done already, or no longer needed.
    pub gone: Vec<StepLine>,
    /// Steps that both have, and that differ.
    pub changed: Vec<Changed>,
    /// Steps that both have, in the child's order, where that isn't the parent's.
    pub reordered: Vec<StepId>,
    /// Interruptions that the child has more of than the parent, or longer ones.
    pub interruptions: Vec<Outage>,
    /// Exposures that only the child has.
    pub exposures: Vec<Exposed>,
    /// Points of no return that only the child has.
    pub points_of_no_return: Vec<StepLine>,
    /// What else is not the same: estate, policy, release, section, form.
    pub beside: Vec<String>,
}

/// A step, by name and title.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct StepLine {
    /// Its name.
    pub id: StepId,
    /// What it does.
    pub title: String,
}

/// A step that both plans have, and what differs in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Changed {
    /// The step, as the child has it.
    pub step: StepLine,
    /// Which of its parts differ, in words.
    pub parts: Vec<String>,
}

/// A group that one node's failure would take down in a step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Exposed {
    /// The step.
    pub step: StepLine,
    /// The node whose failure is meant.
    pub node: ServerId,
    /// The group.
    pub group: GroupId,
}

/// Compares a plan with its child.
#[must_use]
pub fn diff(parent: &Plan, child: &Plan) -> Diff {
    let line = |step: &Step| StepLine { id: step.id.clone(), title: step.title.clone() };
    let added = child.steps.iter().filter(|s| parent.step(&s.id).is_none()).map(line).collect();
    let gone = parent.steps.iter().filter(|s| child.step(&s.id).is_none()).map(line).collect();
    let changed = child.steps.iter().filter_map(|step| {
        let parts = parts(parent.step(&step.id)?, step);
        (!parts.is_empty()).then(|| Changed { step: line(step), parts })
    });
    let approved = exposed(parent);
    let no_return: BTreeSet<_> =
        parent.steps.iter().filter(|s| s.point_of_no_return).map(|s| &s.action).collect();
    Diff {
        parent: parent.hash(),
        child: child.hash(),
        added,
        gone,
        changed: changed.collect(),
        reordered: reordered(parent, child),
        interruptions: more_outages(parent, child),
        exposures: exposed(child)
            .into_iter()
            .filter(|(key, _)| !approved.contains_key(key))
            .map(|((_, node, group), step)| Exposed { step, node, group })
            .collect(),
        points_of_no_return: child
            .steps
            .iter()
            .filter(|s| s.point_of_no_return && !no_return.contains(&s.action))
            .map(line)
            .collect(),
        beside: beside(parent, child),
    }
}

impl Diff {
    /// Whether both plans do the same in the same way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.gone.is_empty()
            && self.changed.is_empty()
            && self.reordered.is_empty()
            && self.beside.is_empty()
    }
}

/// Which parts of a step differ, in words.
fn parts(was: &Step, is: &Step) -> Vec<String> {
    let differs = [
        (was.action != is.action, "what it does"),
        (was.actor != is.actor, "who does it"),
        (was.instruction != is.instruction, "what a person is told"),
        (was.when != is.when, "when it is skipped"),
        (was.requires != is.requires, "what it requires"),
        (was.expects != is.expects, "what proves it done"),
        (was.interrupts != is.interrupts, "whom it cuts off"),
        (was.exposes != is.exposes, "what one failure would take down meanwhile"),
        (was.recovery != is.recovery, "what may be done when it fails"),
        (was.point_of_no_return != is.point_of_no_return, "whether there is a way back"),
        (was.unreachable != is.unreachable, "which nodes may not answer meanwhile"),
        (was.expected_seconds != is.expected_seconds, "how long it takes"),
        (was.timeout_seconds != is.timeout_seconds, "when it counts as stuck"),
        (was.cites != is.cites, "what it cites"),
        (was.title != is.title, "its title"),
    ];
    differs.iter().filter(|(differs, _)| *differs).map(|(_, part)| (*part).to_owned()).collect()
}

/// Steps of both plans whose order differs, as the child has them.
fn reordered(parent: &Plan, child: &Plan) -> Vec<StepId> {
    let common = |plan: &Plan, other: &Plan| -> Vec<StepId> {
        plan.steps.iter().filter(|s| other.step(&s.id).is_some()).map(|s| s.id.clone()).collect()
    };
    let (was, is) = (common(parent, child), common(child, parent));
    if was == is { Vec::new() } else { is }
}

/// By group: how many interruptions, and how long in all.
pub(crate) fn cut_off(plan: &Plan) -> BTreeMap<(ClusterId, GroupId), (usize, u64)> {
    let mut groups: BTreeMap<_, (usize, u64)> = BTreeMap::new();
    for outage in outages(plan) {
        let (count, seconds) = groups.entry((outage.cluster, outage.group)).or_default();
        *count += 1;
        *seconds += outage.expected_seconds;
    }
    groups
}

fn more_outages(parent: &Plan, child: &Plan) -> Vec<Outage> {
    let was = cut_off(parent);
    let is = cut_off(child);
    let more = |key: &(ClusterId, GroupId)| {
        let (count, seconds) = was.get(key).copied().unwrap_or_default();
        is.get(key).is_some_and(|(now, long)| *now > count || *long > seconds)
    };
    outages(child).into_iter().filter(|o| more(&(o.cluster.clone(), o.group.clone()))).collect()
}

type ExposureKey = (crate::Action, ServerId, GroupId);

/// What one failure would take down, by what is done meanwhile.
pub(crate) fn exposed(plan: &Plan) -> BTreeMap<ExposureKey, StepLine> {
    let mut exposed = BTreeMap::new();
    for step in &plan.steps {
        for exposure in &step.exposes {
            for group in &exposure.groups {
                let key = (step.action.clone(), exposure.node.clone(), group.clone());
                exposed.insert(key, StepLine { id: step.id.clone(), title: step.title.clone() });
            }
        }
    }
    exposed
}

/// What differs beside the steps, as far as an approval rests on it. Evidence that came in since doesn't count: it can
/// only spare a question.
pub(crate) fn beside(parent: &Plan, child: &Plan) -> Vec<String> {
    let estate = |plan: &Plan| {
        let mut estate = plan.estate.clone();
        estate.evidence.clear();
        estate.policy = Default::default();
        estate
    };
    let differs = [
        (
            parent.schema != child.schema || parent.rules_version != child.rules_version,
            "the program that made it",
        ),
        (estate(parent) != estate(child), "the estate"),
        (parent.estate.policy != child.estate.policy, "the policy"),
        (parent.payload != child.payload, "what is installed"),
        (parent.section != child.section, "the procedure"),
    ];
    differs.iter().filter(|(differs, _)| *differs).map(|(_, what)| (*what).to_owned()).collect()
}
