//! What a plan may order, and what must be so at its end: the safety properties, in their three classes.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use kaketsugi_estate::{
    ClusterId, ClusterKind, ClusterSeen, EvidenceKind, GroupId, GroupRole, GroupState, NodeState,
    ReleaseState, ResourceState, Role, ServerId, Snapshot,
};
use kaketsugi_plan::render::words;
use kaketsugi_plan::{Action, Plan, RestartNeed, Step, StepId};
use kaketsugi_run::Why;
use kaketsugi_world::{Command, Harm, World};
use serde::{Deserialize, Serialize};

use crate::state::State;

/// What was broken, and in which step.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Violation {
    /// The step in which it came up; None: at the end, or in none.
    pub step: Option<StepId>,
    /// What.
    pub broken: Broken,
}

/// A safety property that doesn't hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "broken")]
#[expect(missing_docs, reason = "the fields name what the variant speaks of")]
pub enum Broken {
    /// Always: something was done that must never be done.
    Harm { harm: Harm },
    /// Always: no point of no return without fresh evidence.
    StaleEvidence { evidence: EvidenceKind },
    /// By our own action: the cluster loses its quorum.
    QuorumLost { cluster: ClusterId },
    /// By our own action: two nodes of a cluster are out at once.
    TwoOut { cluster: ClusterId, nodes: BTreeSet<ServerId> },
    /// By our own action: a back-end server is upgraded while a front-end server isn't.
    BackEndFirst { server: ServerId, front_ends: BTreeSet<ServerId> },
    /// By our own action: users of a group are cut off, and the step doesn't say so.
    UndeclaredInterruption { groups: BTreeSet<GroupId> },
    /// One node's failure would take groups down, and the step doesn't say so.
    UndeclaredExposure { node: ServerId, groups: BTreeSet<GroupId> },
    /// The step says that one node's failure would take groups down, and it never would.
    FalseExposure { node: ServerId, groups: BTreeSet<GroupId> },
    /// The run ended, and this is not as it should be.
    GoalMissed { what: Vec<String> },
    /// The run never begins, because the estate isn't as the plan says.
    NeverBegins { differences: Vec<String> },
    /// The run stops although nothing went wrong.
    StopsByItself { why: Box<Why> },
    /// The run neither stops nor goes on.
    NoProgress,
    /// The machine wrote a record that its own journal can't hold.
    IllegalRecord { why: String },
    /// What a stopped run left behind can't be planned from.
    NoWayOn { why: String },
    /// Nothing that should be shown was shown: the check would prove nothing.
    Vacuous { what: String },
}

impl Broken {
    pub(crate) fn of(self, step: &Step) -> Violation {
        Violation { step: Some(step.id.clone()), broken: self }
    }

    pub(crate) fn plainly(self) -> Violation {
        Violation { step: None, broken: self }
    }
}

/// Whether the commands of a step may be given in this state. The world is as the machine last saw it: no fault comes
/// between the last look and the command.
pub(crate) fn ordered(state: &State, step: &Step, commands: &[Command]) -> Option<Broken> {
    if let Some(evidence) = stale_evidence(state, step) {
        return Some(Broken::StaleEvidence { evidence });
    }
    if let Some((server, front_ends)) = back_end_first(state, step) {
        return Some(Broken::BackEndFirst { server, front_ends });
    }
    let before = state.world();
    let mut states = Vec::new();
    let mut scene = Arc::clone(&state.scene);
    for command in commands {
        let effect = scene.command(command);
        states.extend(effect.midway.iter().cloned());
        let Ok(after) = &effect.after else { break };
        states.push(Arc::clone(after));
        scene = Arc::clone(after);
    }
    let states: Vec<&World> = states.iter().map(|s| &s.world).collect();
    for cluster in state.run.plan().snapshot.clusters.keys() {
        if before.has_quorum(cluster) && states.iter().any(|s| !s.has_quorum(cluster)) {
            return Some(Broken::QuorumLost { cluster: cluster.clone() });
        }
        if let Some(nodes) = two_out(state, cluster, before, &states) {
            return Some(Broken::TwoOut { cluster: cluster.clone(), nodes });
        }
    }
    // After a fault the cluster's own moves are not the plan's to declare.
    if state.faults == 0 {
        let groups = undeclared_interruptions(state, step, before, &states);
        if !groups.is_empty() {
            return Some(Broken::UndeclaredInterruption { groups });
        }
    }
    None
}

/// The backup that a service pack's first step of no return rests on: as old as policy allows, at most.
fn stale_evidence(state: &State, step: &Step) -> Option<EvidenceKind> {
    let plan = state.run.plan();
    let installs = matches!(&step.action, Action::Install { release, .. } if *release == plan.payload.id);
    if !installs || !plan.payload.service_pack || !plan.payload.product.is_exchange() {
        return None;
    }
    let oldest = u64::from(plan.estate.policy.backup_age_max_hours) * 3_600_000;
    let found = plan.snapshot.evidence.iter().filter(|e| e.kind == EvidenceKind::FullBackup).map(|e| e.at);
    let attested = state.run.evidence().iter().filter(|e| e.kind == EvidenceKind::FullBackup).map(|e| e.at);
    let newest = found.chain(attested).max();
    let fresh = newest.is_some_and(|at| state.clock().0.saturating_sub(at.0) <= oldest);
    (!fresh).then_some(EvidenceKind::FullBackup)
}

/// All front-end servers have the release before the first back-end server gets it (E03-FE-FIRST, E00-FE-FIRST).
fn back_end_first(state: &State, step: &Step) -> Option<(ServerId, BTreeSet<ServerId>)> {
    let plan = state.run.plan();
    let Action::Install { node, release } = &step.action else { return None };
    let is_front_end = |s: &kaketsugi_estate::Server| s.roles.contains(&Role::FrontEnd);
    if *release != plan.payload.id
        || !plan.payload.front_ends_first
        || plan.estate.servers.get(node).is_some_and(is_front_end)
    {
        return None;
    }
    let meant =
        plan.estate.servers.iter().filter(|(_, s)| s.product == plan.payload.product && is_front_end(s));
    let behind: BTreeSet<ServerId> =
        meant.map(|(id, _)| id.clone()).filter(|id| !state.world().installed(id, release)).collect();
    (!behind.is_empty()).then(|| (node.clone(), behind))
}

/// Nodes of a cluster that carry nothing. One that is paused on Windows goes on with what it has.
fn out(
    world: &World,
    cluster: &ClusterId,
    seen: &ClusterSeen,
    nodes: impl Iterator<Item = ServerId>,
) -> BTreeSet<ServerId> {
    let carries = |state: NodeState| {
        state == NodeState::Online || state == NodeState::Standby && seen.kind == ClusterKind::Windows
    };
    nodes.filter(|n| !world.node_state(cluster, n).is_some_and(carries)).collect()
}

fn two_out(
    state: &State,
    cluster: &ClusterId,
    before: &World,
    after: &[&World],
) -> Option<BTreeSet<ServerId>> {
    let seen = state.run.plan().snapshot.clusters.get(cluster)?;
    // What was out when the plan was made isn't the run's doing.
    let ours = || seen.nodes.iter().filter(|(_, n)| n.state == NodeState::Online).map(|(id, _)| id.clone());
    let was = out(before, cluster, seen, ours());
    after
        .iter()
        .map(|w| out(w, cluster, seen, ours()))
        .find(|is| is.len() > 1 && is.difference(&was).next().is_some())
}

fn undeclared_interruptions(
    state: &State,
    step: &Step,
    before: &World,
    after: &[&World],
) -> BTreeSet<GroupId> {
    let mut cut = BTreeSet::new();
    for cluster in state.run.plan().snapshot.clusters.keys() {
        for group in before.serving(cluster) {
            let moved = |w: &&World| w.owner(cluster, &group) != before.owner(cluster, &group);
            if after.iter().any(|w| !w.serves(cluster, &group) || moved(w)) {
                cut.insert(group);
            }
        }
    }
    cut.retain(|g| !step.interrupts.iter().any(|i| i.group == *g));
    cut
}

/// What is not as it should be now that the run has ended.
pub(crate) fn goal(state: &State) -> Option<Broken> {
    let mut what = Vec::new();
    let plan = state.run.plan();
    let now = state.seen();
    for harm in state.world().harm() {
        what.push(harm.to_string());
    }
    // The settings of a run that began with an earlier plan are known to that run alone.
    if plan.parent.is_none() {
        for (node, setting) in state.world().settings_changed() {
            what.push(format!("{setting} on {node} is not as it was found"));
        }
    }
    if !state.restoring() {
        installed(state, &now, &mut what);
        restarted(plan, &now, &mut what);
        as_before(plan, &now, &mut what);
        optimized(plan, &now, &mut what);
        if plan.payload.group_upgrade {
            upgraded(state, &now, &mut what);
        }
    }
    (!what.is_empty()).then_some(Broken::GoalMissed { what })
}

fn installed(state: &State, now: &Snapshot, what: &mut Vec<String>) {
    let plan = state.run.plan();
    let meant = plan.estate.servers.iter().filter(|(_, s)| s.product == plan.payload.product);
    for (node, _) in meant {
        if !now.servers.get(node).is_some_and(|seen| seen.has(&plan.payload.id)) {
            what.push(format!("{} is not installed on {node}", plan.payload.id));
        }
    }
}

/// What is installed isn't in use before the restart that its installer asks for. A release of which the catalogue
/// says that it never asks has no step for it.
fn restarted(plan: &Plan, now: &Snapshot, what: &mut Vec<String>) {
    if plan.payload.restart == RestartNeed::Never {
        return;
    }
    let asks = |seen: &Snapshot, node| seen.servers.get(node).and_then(|s| s.restart_pending) == Some(true);
    for node in now.servers.keys().filter(|n| asks(now, n) && !asks(&plan.snapshot, n)) {
        what.push(format!("{node} still asks for a restart"));
    }
}

/// Where the product was when the plan was made, its optimizer was run after set-up (E55-PERFWIZ). What it sets reaches the
/// other nodes of a cluster with the group.
fn optimized(plan: &Plan, now: &Snapshot, what: &mut Vec<String>) {
    let groups = plan.snapshot.clusters.values().flat_map(|cluster| cluster.groups.values());
    let serving = groups.filter(|group| plan.payload.optimizer && group.role == GroupRole::Service);
    let owners: BTreeSet<&ServerId> = serving.filter_map(|group| group.owner.as_ref()).collect();
    for node in owners {
        if now.servers.get(node).and_then(|seen| seen.optimized) != Some(true) {
            what.push(format!("nothing shows that the Performance Optimizer was run on {node} after set-up"));
        }
    }
}

/// Nodes that were found paused while a patched one had databases that the new store has upgraded: they may take groups
/// again once they are patched.
fn held_back(plan: &Plan, cluster: &ClusterSeen) -> bool {
    let payload = &plan.payload;
    // A set-up that works in place may have been cut off after it had written there.
    let new = |state: &ReleaseState| state.is_whole() || payload.in_place && *state == ReleaseState::Partial;
    let has = |owner: &ServerId| {
        let seen = plan.snapshot.servers.get(owner);
        seen.and_then(|seen| seen.releases.get(&payload.id)).is_some_and(new)
    };
    let mut serving = cluster.groups.values().filter(|group| group.role == GroupRole::Service);
    cluster.kind == ClusterKind::Windows
        && payload.one_way
        && !payload.group_upgrade
        && serving.any(|group| group.owner.as_ref().is_some_and(has))
}

fn as_before(plan: &Plan, now: &Snapshot, what: &mut Vec<String>) {
    for (id, cluster) in &plan.snapshot.clusters {
        let Some(is) = now.clusters.get(id) else {
            what.push(format!("{id} can't be read"));
            continue;
        };
        // With nobody in it, a pool serves nobody; the plan brings it in.
        let pool_was_out = cluster.pool.as_ref().is_some_and(|pool| plan.snapshot.pool_is_out(pool));
        let held_back = held_back(plan, cluster);
        for (node, was) in cluster.nodes.iter().filter(|_| !pool_was_out) {
            let state = is.nodes.get(node).map(|n| n.state);
            if held_back && was.state == NodeState::Standby && state == Some(NodeState::Online) {
                continue;
            }
            if matches!(was.state, NodeState::Online | NodeState::Standby) && state != Some(was.state) {
                let is = state.map_or("not known".into(), |s| s.to_string());
                what.push(format!("{node} was {} and is {is}", was.state));
            }
        }
        for (name, group) in cluster.groups.iter().filter(|(_, g)| g.role == GroupRole::Service) {
            let Some(is) = is.groups.get(name) else {
                what.push(format!("{name} is gone"));
                continue;
            };
            let online = |r: &&kaketsugi_estate::ResourceSeen| r.state == ResourceState::Online;
            let lacks = group
                .resources
                .iter()
                .filter(online)
                .any(|r| !is.resources.iter().filter(online).any(|now| now.id == r.id));
            if lacks || group.state == GroupState::Online && is.state != GroupState::Online {
                what.push(format!("{name} is not online as it was"));
            }
        }
    }
}

fn upgraded(state: &State, now: &Snapshot, what: &mut Vec<String>) {
    // A hotfix leaves the build in the directory as it is.
    let to = &state.run.plan().payload.to_build;
    for cluster in now.clusters.values().filter(|c| to.is_some() && c.kind == ClusterKind::Windows) {
        for (name, group) in cluster.groups.iter().filter(|(_, g)| g.version.is_some()) {
            if group.version != *to {
                what.push(format!("{name} is not upgraded"));
            }
        }
    }
}

/// A stop that nothing brought about.
pub(crate) fn stopped_by_itself(state: &State) -> Option<Arc<Violation>> {
    let why = state.run.stopped()?.clone();
    Some(Arc::new(Violation {
        step: state.run.current().map(|s| s.id.clone()),
        broken: Broken::StopsByItself { why: Box::new(why) },
    }))
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn join<T: fmt::Display>(of: impl IntoIterator<Item = T>) -> String {
            of.into_iter().map(|x| x.to_string()).collect::<Vec<_>>().join(", ")
        }
        match self {
            Self::Harm { harm } => write!(f, "{harm}"),
            Self::StaleEvidence { evidence } => {
                write!(
                    f,
                    "a point of no return is passed without fresh evidence ({})",
                    words::evidence(*evidence)
                )
            }
            Self::QuorumLost { cluster } => write!(f, "{cluster} loses its quorum by the run's own action"),
            Self::TwoOut { cluster, nodes } => {
                write!(f, "{} of {cluster} are out at the same time by the run's own action", join(nodes))
            }
            Self::BackEndFirst { server, front_ends } => {
                write!(f, "{server} is upgraded before {}, which is in front of it", join(front_ends))
            }
            Self::UndeclaredInterruption { groups } => {
                write!(f, "users of {} are cut off, and the step doesn't say so", join(groups))
            }
            Self::UndeclaredExposure { node, groups } => {
                write!(f, "if {node} failed now, {} would be down, and the step doesn't say so", join(groups))
            }
            Self::FalseExposure { node, groups } => write!(
                f,
                "the step says that {} would be down if {node} failed, and that can't be",
                join(groups)
            ),
            Self::GoalMissed { what } => write!(f, "the run ends, but {}", join(what)),
            Self::NeverBegins { differences } => write!(f, "the run doesn't begin: {}", join(differences)),
            Self::StopsByItself { why } => {
                write!(f, "the run stops although nothing went wrong: {}", crate::words::stopped(why))
            }
            Self::NoProgress => f.write_str("the run neither stops nor goes on"),
            Self::IllegalRecord { why } => write!(f, "the run's journal can't go on: {why}"),
            Self::NoWayOn { why } => f.write_str(why),
            Self::Vacuous { what } => write!(f, "the check would prove nothing: {what}"),
        }
    }
}
