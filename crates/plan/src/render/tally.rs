//! What the steps add up to: how often users are cut off, what one failure would take down, how long it all takes.

use std::collections::{BTreeMap, BTreeSet};

use kaketsugi_estate::{ClusterId, GroupId, ServerId, TransportKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Action, Actor, Exposure, Interruption, Phase, Plan, Step, StepId};

/// A time in which a group's users are cut off: within one step, or from one to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Outage {
    /// The group's cluster, or a pool.
    pub cluster: ClusterId,
    /// The group, or a pool.
    pub group: GroupId,
    /// Number of the step with which it begins, from 1.
    pub first: usize,
    /// Number of the step with which it ends.
    pub last: usize,
    /// The steps that are carried out meanwhile, the first and the last among them.
    pub steps: Vec<StepId>,
    /// Whether the plan ends it.
    pub ends: bool,
    /// How long, in seconds, as far as can be told.
    pub expected_seconds: u64,
}

/// A group that one node's failure would take down.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Risk {
    /// The group, or a pool.
    pub group: GroupId,
    /// The node.
    pub node: ServerId,
    /// Numbers of the steps, from 1.
    pub steps: Vec<usize>,
    /// How long these steps usually take together, in seconds.
    pub expected_seconds: u64,
}

/// How long a plan usually takes, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Time {
    /// With every step.
    pub most: u64,
    /// Without those that are skipped unless something asks for them.
    pub least: u64,
    /// Of that, steps by people.
    pub people: u64,
}

/// Whose users a step cuts off. The users of a pool are those of all its servers: they are named once, by the pool.
#[must_use]
pub fn cut_off(plan: &Plan, step: &Step) -> Vec<Interruption> {
    let mut all: Vec<Interruption> = Vec::new();
    for interruption in &step.interrupts {
        let shown = match pool_of(plan, interruption.cluster.as_str()) {
            Some((cluster, group)) => Interruption { cluster, group, ..interruption.clone() },
            None => interruption.clone(),
        };
        if !all.contains(&shown) {
            all.push(shown);
        }
    }
    all
}

/// What one node's failure in a step would take down, a pool named as such.
#[must_use]
pub fn exposed(plan: &Plan, step: &Step) -> Vec<Exposure> {
    let shown = |exposure: &Exposure| {
        let pooled = plan.estate.pool_of(&exposure.node).is_some();
        let name = |group: &GroupId| {
            let pool = pool_of(plan, group.as_str()).filter(|_| pooled);
            pool.map_or_else(|| group.clone(), |(_, pool)| pool)
        };
        let groups: BTreeSet<GroupId> = exposure.groups.iter().map(name).collect();
        Exposure { node: exposure.node.clone(), groups: groups.into_iter().collect() }
    };
    step.exposes.iter().map(shown).collect()
}

/// The name of the pool that a server, which is called as its cluster and its group are, is balanced in.
fn pool_of(plan: &Plan, server: &str) -> Option<(ClusterId, GroupId)> {
    let (id, _) = plan.estate.pool_of(&ServerId::new(server).ok()?)?;
    Some((ClusterId::new(id.as_str()).ok()?, GroupId::new(id.as_str()).ok()?))
}

/// Every interruption, in the order in which they begin; one that spans several steps is there once.
#[must_use]
pub fn outages(plan: &Plan) -> Vec<Outage> {
    let mut open: BTreeMap<(ClusterId, GroupId), Outage> = BTreeMap::new();
    let mut closed = Vec::new();
    for (index, step) in plan.steps.iter().enumerate() {
        let number = index + 1;
        let mut named = BTreeSet::new();
        let mut ended = Vec::new();
        for interruption in &cut_off(plan, step) {
            let key = (interruption.cluster.clone(), interruption.group.clone());
            let outage = open.entry(key.clone()).or_insert_with(|| Outage {
                cluster: interruption.cluster.clone(),
                group: interruption.group.clone(),
                first: number,
                last: number,
                steps: Vec::new(),
                ends: false,
                expected_seconds: 0,
            });
            // While it lasts on, it takes as long as the step does.
            let seconds = match interruption.phase {
                Phase::LastsOn => interruption.expected_seconds.max(step.expected_seconds),
                Phase::Whole | Phase::Begins | Phase::Ends => interruption.expected_seconds,
            };
            outage.expected_seconds += u64::from(seconds);
            let begun_here = outage.first == number;
            match interruption.phase {
                Phase::Ends => ended.push(key.clone()),
                Phase::Whole if begun_here => ended.push(key.clone()),
                _ => {}
            }
            named.insert(key);
        }
        for (key, outage) in &mut open {
            if !named.contains(key) {
                outage.expected_seconds += u64::from(step.expected_seconds);
            }
            outage.last = number;
            outage.steps.push(step.id.clone());
        }
        for key in ended {
            closed.extend(open.remove(&key).map(|outage| Outage { ends: true, ..outage }));
        }
    }
    closed.extend(open.into_values());
    closed.sort_by(|a, b| (a.first, &a.cluster, &a.group).cmp(&(b.first, &b.cluster, &b.group)));
    closed
}

/// What one failing node would take down, by group and node.
#[must_use]
pub fn risks(plan: &Plan) -> Vec<Risk> {
    let mut steps: BTreeMap<(GroupId, ServerId), (BTreeSet<usize>, u64)> = BTreeMap::new();
    for (index, step) in plan.steps.iter().enumerate() {
        for exposure in &exposed(plan, step) {
            for group in &exposure.groups {
                let (numbers, seconds) = steps.entry((group.clone(), exposure.node.clone())).or_default();
                if numbers.insert(index + 1) {
                    *seconds += u64::from(step.expected_seconds);
                }
            }
        }
    }
    steps
        .into_iter()
        .map(|((group, node), (steps, expected_seconds))| Risk {
            group,
            node,
            steps: steps.into_iter().collect(),
            expected_seconds,
        })
        .collect()
}

/// How long the plan usually takes: its steps are carried out one after the other.
#[must_use]
pub fn time(plan: &Plan) -> Time {
    let sum = |pick: &dyn Fn(&Step) -> bool| {
        plan.steps.iter().filter(|s| pick(s)).map(|s| u64::from(s.expected_seconds)).sum()
    };
    Time {
        most: sum(&|_| true),
        least: sum(&|s| s.when.is_none()),
        people: sum(&|s| who(plan, s) == Actor::Operator),
    }
}

/// Whose hands carry a step out.
#[must_use]
pub fn who(plan: &Plan, step: &Step) -> Actor {
    if by_hand(plan, step) { Actor::Operator } else { step.actor }
}

/// Whether the servers that a step is about are reached by no other transport than people: they do what is to be done,
/// and theirs are the only eyes.
#[must_use]
pub fn by_hand(plan: &Plan, step: &Step) -> bool {
    let by_hand =
        |id: &ServerId| plan.estate.servers.get(id).is_some_and(|s| s.transport == TransportKind::Operator);
    match (step.action.node(), step.action.cluster()) {
        (Some(node), _) => by_hand(node),
        (None, Some(cluster)) => {
            plan.estate.clusters.get(cluster).is_some_and(|c| c.nodes.iter().all(by_hand))
        }
        (None, None) => false,
    }
}

/// Whether a restore takes an action back, and in which words.
pub(crate) fn undone(plan: &Plan, action: &Action) -> Option<String> {
    match action {
        Action::Drain { node, .. } if plan.estate.pool_of(node).is_some() => {
            Some(format!("{node} is in its pool, where all that serve have the same version"))
        }
        Action::Drain { node, .. } => Some(format!("{node} may carry groups again")),
        Action::Pause { node, .. } => Some(format!(
            "{node} may take groups again, unless a newer version has opened their data by then"
        )),
        Action::Quiet { node } => {
            Some(format!("timers, service starts and failback on {node} are as they were"))
        }
        Action::StopService { node, .. } => Some(format!("the cluster service on {node} runs")),
        Action::TakeOffline { group, .. } => Some(format!("the resources of {group} are online")),
        _ => None,
    }
}
