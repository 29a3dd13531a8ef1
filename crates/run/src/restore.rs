//! Putting back what a run changed beside the patch, without going on with the patch.
//!
//! What was installed stays. Groups stay where they are: a group comes online on the node that has it, where its
//! version allows that.

use kaketsugi_estate::{
    ClusterId, GroupId, GroupRole, NodeState, ReleaseId, ReleaseState, ServerId, Snapshot,
};
use kaketsugi_plan::{Action, Answer, Condition, Step};

use crate::Run;

impl Run {
    /// Whether the step at this place puts back what another one changed, or may have changed.
    pub(crate) fn has_to_close(&self, place: usize) -> bool {
        let changed = |other: &usize| {
            self.steps.at(*other).is_some_and(|s| s.attempts > 0 || (s.settled && !s.skipped()))
        };
        self.steps.opened_by(place).iter().any(changed)
    }

    /// Whether a condition is about what a step puts back. The others speak of the way forward: where groups are, at
    /// which version, and that nothing else is the matter.
    pub(crate) fn matters_in_restore(step: &Step, condition: &Condition) -> bool {
        match condition {
            Condition::Owner { .. }
            | Condition::GroupVersion { .. }
            | Condition::OthersOnline { .. }
            | Condition::NoTrouble { .. } => false,
            Condition::Healthy { group, .. } => {
                matches!(&step.action, Action::BringOnline { group: own, .. } if own == group)
            }
            _ => true,
        }
    }

    /// The answer to a condition right before a step that puts something back; None where `judge` has it.
    pub(crate) fn judge_in_restore(
        &self,
        step: &Step,
        condition: &Condition,
        seen: &Snapshot,
    ) -> Option<Answer> {
        match condition {
            // An old node may carry groups as it did before, a new one too; a half-patched one may not. In a pool only
            // servers of one version may serve together, and what a new one has opened isn't for an old one.
            Condition::Installed { node, release } => {
                Some(Answer::known(release_on(seen, node, release).map(|state| match state {
                    ReleaseState::Installed | ReleaseState::Newer => true,
                    ReleaseState::Partial => false,
                    ReleaseState::Absent => {
                        !self.differs_in_pool(step, node, release, seen) && !self.newer_has_opened(step, seen)
                    }
                })))
            }
            Condition::GroupVersion { cluster, group, build } => {
                Some(self.version_fits(seen, cluster, group, build))
            }
            _ if !Self::matters_in_restore(step, condition) => Some(Answer::Yes),
            _ => None,
        }
    }

    /// Whether a server without a release would serve beside one with it, once a step has brought a server into its pool:
    /// it is the one, and another has it and is in, or the other way round.
    fn differs_in_pool(&self, step: &Step, without: &ServerId, release: &ReleaseId, seen: &Snapshot) -> bool {
        let Action::Readmit { node: comes, .. } = &step.action else { return false };
        let Some((_, pool)) = self.plan.estate.pool_of(comes) else { return false };
        let is_in = |server: &ServerId| {
            let unit = self.plan.estate.cluster_of(server).and_then(|(id, _)| seen.clusters.get(id));
            unit.is_some_and(|unit| unit.nodes.get(server).is_some_and(|n| n.state == NodeState::Online))
        };
        let has = |server: &ServerId| seen.servers.get(server).is_some_and(|found| found.has(release));
        match without == comes {
            true => pool.servers.iter().any(|mate| is_in(mate) && has(mate)),
            false => is_in(without) && has(comes),
        }
    }

    /// Whether a node that this run paused would take groups again whose data a newer version has opened meanwhile, or may
    /// have: a group on a node that isn't seen to have the old one, or that nobody can place; and set-up that works where
    /// the group is has begun in this run.
    fn newer_has_opened(&self, step: &Step, seen: &Snapshot) -> bool {
        let Action::Readmit { cluster, node } = &step.action else { return false };
        let pauses =
            |other: &Step| matches!(&other.action, Action::Pause { node: paused, .. } if paused == node);
        let payload = &self.plan.payload;
        if !payload.one_way || !self.plan.steps.iter().any(pauses) {
            return false;
        }
        // Set-up that works where the group is may have written its data before it was cut off, and before anything of it
        // can be seen on its node.
        let old = |owner: &ServerId| match release_on(seen, owner, &payload.id) {
            Some(ReleaseState::Absent) => !(payload.in_place && self.was_begun_on(owner)),
            Some(ReleaseState::Partial) => !payload.in_place,
            Some(ReleaseState::Installed | ReleaseState::Newer) | None => false,
        };
        let groups = seen.clusters.get(cluster).into_iter().flat_map(|found| found.groups.values());
        groups
            .filter(|group| group.role == GroupRole::Service)
            .any(|group| group.owner.as_ref().is_none_or(|owner| !old(owner)))
    }

    /// Whether this run gave the order to install its release on a node.
    fn was_begun_on(&self, node: &ServerId) -> bool {
        self.steps.known().any(|(place, state)| {
            let action = self.plan.steps.get(place).map(|step| &step.action);
            let installs = |action: &Action| {
                matches!(action, Action::Install { node: on, release } if on == node && *release == self.plan.payload.id)
            };
            state.attempts > 0 && action.is_some_and(installs)
        })
    }

    /// Whether a group's version is that of the node that has it (E03-CLU-11-PINNED): the new one on a patched node,
    /// another one elsewhere.
    fn version_fits(&self, seen: &Snapshot, cluster: &ClusterId, group: &GroupId, build: &str) -> Answer {
        let Some(group) = seen.clusters.get(cluster).and_then(|c| c.groups.get(group)) else {
            return Answer::Unknown;
        };
        let (Some(owner), Some(version)) = (&group.owner, &group.version) else { return Answer::Unknown };
        Answer::known(release_on(seen, owner, &self.plan.payload.id).map(|state| {
            let new = version == build;
            match state {
                ReleaseState::Absent => !new,
                ReleaseState::Installed | ReleaseState::Newer => new,
                ReleaseState::Partial => false,
            }
        }))
    }
}

fn release_on(seen: &Snapshot, node: &ServerId, release: &ReleaseId) -> Option<ReleaseState> {
    seen.servers.get(node).filter(|s| s.reached)?.releases.get(release).copied()
}

/// Whether an action puts something back.
pub(crate) fn closes(action: &Action) -> bool {
    matches!(
        action,
        Action::Readmit { .. }
            | Action::PutBack { .. }
            | Action::StartService { .. }
            | Action::BringOnline { .. }
    )
}

/// Whether `closing` puts back what `action` changed.
pub(crate) fn opens(action: &Action, closing: &Action) -> bool {
    match (action, closing) {
        (Action::Drain { node, .. } | Action::Pause { node, .. }, Action::Readmit { node: other, .. })
        | (Action::Quiet { node }, Action::PutBack { node: other })
        | (Action::StopService { node, .. }, Action::StartService { node: other, .. }) => node == other,
        (Action::TakeOffline { group, .. }, Action::BringOnline { group: other, .. }) => group == other,
        _ => false,
    }
}
