//! Whether a condition can be true by the books. What the books don't know may be so.

use kaketsugi_estate::{ClusterId, GroupId, GroupState, NodeState, ServerId, Setting};
use kaketsugi_plan::Condition;

use crate::ledger::{Ledger, Service};

impl Ledger<'_> {
    /// Whether a condition can be true now. No: a run that asks for it stops there.
    pub(crate) fn may_hold(&self, condition: &Condition) -> bool {
        match condition {
            Condition::NodeState { node, state, .. } => self.may_be(node, *state),
            Condition::NodeEmpty { node, .. } => !self.groups.values().any(|g| g.owner() == Some(node)),
            Condition::Service { node, running } => self.node(node, |n| match n.service {
                Service::Running => *running,
                Service::Stopped => !*running,
                Service::Starting => true,
            }),
            Condition::QuorumWithout { cluster, node } => {
                self.plan.snapshot.clusters.get(cluster).is_some_and(|seen| {
                    let up = |id: &ServerId, service| id != node && service != Service::Stopped;
                    Self::quorate(
                        seen,
                        self.cluster_nodes(cluster).filter(|(id, n)| up(id, n.service)).count(),
                    )
                })
            }
            Condition::OthersOnline { cluster, except } => self
                .cluster_nodes(cluster)
                .all(|(id, _)| except.contains(id) || self.may_be(id, NodeState::Online)),
            Condition::Owner { cluster, group, node } => {
                self.groups.get(&(cluster, group)).is_some_and(|g| g.at.contains(node))
            }
            Condition::Group { cluster, group, state: GroupState::Online }
            | Condition::Healthy { cluster, group } => self.serves(cluster, group),
            Condition::GroupAsBefore { cluster, group, online } => {
                online.is_empty() || self.serves(cluster, group)
            }
            Condition::OnlyKeptOnline { cluster, group } => !self.serves(cluster, group),
            Condition::GroupVersion { cluster, group, build } => self
                .groups
                .get(&(cluster, group))
                .is_some_and(|g| g.upgraded || g.seen.version.as_ref() == Some(build)),
            Condition::Installed { node, release } => self.node(node, |n| n.installed.contains(release)),
            Condition::Staged { node, release } => self.node(node, |n| n.staged.contains(release)),
            Condition::IsQuiet { node } => self.node(node, |n| n.quiet || !self.has_settings(node)),
            Condition::PutBack { node } => self.node(node, |n| !n.quiet),
            Condition::Reached { .. }
            | Condition::Group { .. }
            | Condition::KindOnline { .. }
            | Condition::Optimized { .. }
            | Condition::NoInstaller { .. }
            | Condition::RestartPending { .. }
            | Condition::Restarted { .. }
            | Condition::NoTrouble { .. }
            | Condition::ConfigurationAsBefore { .. }
            | Condition::Evidence { .. } => true,
        }
    }

    fn node(&self, node: &ServerId, test: impl Fn(&crate::ledger::Node<'_>) -> bool) -> bool {
        self.nodes.get(node).is_some_and(test)
    }

    fn may_be(&self, node: &ServerId, state: NodeState) -> bool {
        self.node(node, |n| match state {
            NodeState::Online => n.service != Service::Stopped && !n.standby,
            NodeState::Standby => n.service != Service::Stopped && n.standby,
            NodeState::Offline => n.service != Service::Running,
            NodeState::Maintenance | NodeState::Pending | NodeState::Unclean => false,
        })
    }

    fn serves(&self, cluster: &ClusterId, group: &GroupId) -> bool {
        self.groups.get(&(cluster, group)).is_some_and(|g| g.serving)
    }

    /// Whether there is anything on a server that the run keeps quiet.
    pub(crate) fn has_settings(&self, node: &ServerId) -> bool {
        let seen = self.plan.snapshot.servers.get(node);
        seen.is_some_and(|s| s.settings.keys().any(|setting| *setting != Setting::Standby))
    }
}
