//! Judges conditions against what probes saw. The same function answers for the real run, the checker and the lint's
//! counter-examples: it is part of the trusted base.

use std::collections::BTreeMap;

use kaketsugi_estate::{
    ClusterId, ClusterSeen, GroupId, GroupSeen, GroupState, Millis, NodeState, ResourceState, ServerId,
    ServerSeen, Snapshot,
};

use crate::{Answer, Baseline, Condition};

/// What is to be remembered of a snapshot when a run begins.
#[must_use]
pub fn baseline(snapshot: &Snapshot) -> Baseline {
    Baseline {
        configurations: snapshot
            .clusters
            .iter()
            .filter_map(|(id, c)| Some((id.clone(), c.configuration.clone()?)))
            .collect(),
        settings: snapshot.servers.iter().map(|(id, s)| (id.clone(), s.settings.clone())).collect(),
        ..baseline_of_step(snapshot)
    }
}

/// What is to be remembered of a snapshot when a step begins: settings and configurations are the run's.
#[must_use]
pub fn baseline_of_step(snapshot: &Snapshot) -> Baseline {
    let boots = snapshot.servers.iter().filter_map(|(id, s)| Some((id.clone(), s.boot.clone()?))).collect();
    Baseline { boots, at: snapshot.taken_at, ..Baseline::default() }
}

/// Judges one condition. `start` is what was captured when the *run* began, `begun` when the *step* did; None: it
/// would begin now.
#[must_use]
pub fn judge(condition: &Condition, now: &Snapshot, start: &Baseline, begun: Option<&Baseline>) -> Answer {
    let eye = Eye { now };
    match condition {
        Condition::Reached { node } => Answer::known(now.servers.get(node).map(|s| s.reached)),
        Condition::NodeState { cluster, node, state } => {
            Answer::known(eye.cluster(cluster).and_then(|c| c.nodes.get(node)).map(|n| n.state == *state))
        }
        Condition::NodeEmpty { cluster, node } => eye.node_empty(cluster, node),
        Condition::Service { node, running } => {
            Answer::known(eye.server(node).and_then(|s| s.cluster_service).map(|r| r == *running))
        }
        Condition::QuorumWithout { cluster, node } => eye.quorum_without(cluster, node),
        Condition::OthersOnline { cluster, except } => Answer::known(
            eye.cluster(cluster)
                .map(|c| c.nodes.iter().all(|(id, n)| except.contains(id) || n.state == NodeState::Online)),
        ),
        Condition::Owner { cluster, group, node } => {
            Answer::known(eye.group(cluster, group).and_then(|g| g.owner.as_ref()).map(|o| o == node))
        }
        Condition::Group { cluster, group, state } => {
            Answer::known(eye.group(cluster, group).map(|g| g.state == *state))
        }
        Condition::GroupAsBefore { cluster, group, online } => {
            Answer::known(eye.group(cluster, group).map(|g| {
                g.resources.iter().all(|r| online.contains(&r.id) == (r.state == ResourceState::Online))
                    && online.iter().all(|id| g.resources.iter().any(|r| r.id == *id))
            }))
        }
        Condition::Healthy { cluster, group } => Answer::known(
            eye.group(cluster, group).map(|g| g.healthy.unwrap_or(true) && g.state == GroupState::Online),
        ),
        Condition::OnlyKeptOnline { cluster, group } => Answer::known(
            eye.group(cluster, group)
                .map(|g| g.resources.iter().all(|r| (r.state == ResourceState::Online) == r.kept_online)),
        ),
        Condition::KindOnline { cluster, kind } => Answer::known(eye.cluster(cluster).map(|c| {
            c.groups
                .values()
                .flat_map(|g| &g.resources)
                .any(|r| r.kind == *kind && r.state == ResourceState::Online)
        })),
        Condition::GroupVersion { cluster, group, build } => {
            Answer::known(eye.group(cluster, group).and_then(|g| g.version.as_ref()).map(|v| v == build))
        }
        Condition::Installed { node, release } => Answer::known(
            eye.server(node).and_then(|s| s.releases.get(release)).map(|state| state.is_whole()),
        ),
        Condition::Optimized { node } => Answer::known(eye.server(node).and_then(|s| s.optimized)),
        Condition::Staged { node, release } => {
            Answer::known(eye.server(node).map(|s| s.staged.contains(release)))
        }
        Condition::NoInstaller { node } => {
            Answer::known(eye.server(node).and_then(|s| s.installer_running).map(|r| !r))
        }
        Condition::RestartPending { node } => Answer::known(eye.server(node).and_then(|s| s.restart_pending)),
        Condition::Restarted { node } => {
            let boot = eye.server(node).and_then(|s| s.boot.as_ref());
            let before = begun.map_or(boot, |b| b.boots.get(node));
            Answer::known(boot.zip(before).map(|(is, was)| is != was))
        }
        Condition::IsQuiet { node } => {
            Answer::known(eye.server(node).map(|s| s.settings.iter().all(|(k, v)| is_quiet(k, v))))
        }
        Condition::PutBack { node } => Answer::known(match (eye.server(node), start.settings.get(node)) {
            (Some(s), Some(captured)) => Some(captured.iter().all(|(k, v)| s.settings.get(k) == Some(v))),
            _ => None,
        }),
        Condition::NoTrouble { cluster } => Answer::known(eye.cluster(cluster).map(|c| c.trouble.is_empty())),
        Condition::ConfigurationAsBefore { cluster } => Answer::known(
            match (
                eye.cluster(cluster).and_then(|c| c.configuration.as_ref()),
                start.configurations.get(cluster),
            ) {
                (Some(is), Some(was)) => Some(is == was),
                _ => None,
            },
        ),
        Condition::Evidence { kind, age_max_seconds } => {
            let newest = now.evidence.iter().filter(|e| e.kind == *kind).map(|e| e.at).max();
            let at_begin = begun.map_or(now.taken_at, |b| b.at);
            Answer::known(Some(newest.is_some_and(|at| young_enough(at, at_begin, *age_max_seconds))))
        }
    }
}

fn young_enough(at: Millis, now: Millis, age_max_seconds: Option<u64>) -> bool {
    // Evidence "from the future" is a clock that is wrong somewhere; it proves nothing about age.
    age_max_seconds.is_none_or(|max| {
        at.0 <= now.0.saturating_add(300_000) && now.0.saturating_sub(at.0) <= max.saturating_mul(1000)
    })
}

/// The value that a setting has while the run keeps other hands off a node.
fn is_quiet(setting: &kaketsugi_estate::Setting, value: &kaketsugi_estate::SettingValue) -> bool {
    use kaketsugi_estate::Setting;
    match setting {
        // A unit that is merely not active would be started by a restart of the node.
        Setting::Unit(_) => value.as_deref().is_none_or(|v| {
            !v.contains("active=active") && (v.ends_with(" held") || !v.contains("enabled=enabled"))
        }),
        Setting::PolicyRcD => value.as_deref().is_some_and(|v| v.starts_with("kaketsugi")),
        Setting::Service(_) => value.as_deref().is_none_or(|v| !v.contains("running")),
        Setting::Failback(_) => value.as_deref().is_none_or(|v| v == "0"),
        // Standby is changed by steps of their own.
        Setting::Standby => true,
    }
}

struct Eye<'a> {
    now: &'a Snapshot,
}

impl<'a> Eye<'a> {
    fn server(&self, node: &ServerId) -> Option<&'a ServerSeen> {
        self.now.servers.get(node).filter(|s| s.reached)
    }

    fn cluster(&self, cluster: &ClusterId) -> Option<&'a ClusterSeen> {
        self.now.clusters.get(cluster)
    }

    fn group(&self, cluster: &ClusterId, group: &GroupId) -> Option<&'a GroupSeen> {
        self.cluster(cluster)?.groups.get(group)
    }

    fn node_empty(&self, cluster: &ClusterId, node: &ServerId) -> Answer {
        let Some(cluster) = self.cluster(cluster) else { return Answer::Unknown };
        cluster.groups.values().fold(Answer::Yes, |answer, group| {
            answer.and(match &group.owner {
                Some(owner) => Answer::known(Some(owner != node)),
                // A Pacemaker group that runs nowhere has no owner; a group on its way may be anywhere.
                None if group.state == GroupState::Offline => Answer::Yes,
                None => Answer::Unknown,
            })
        })
    }

    fn quorum_without(&self, cluster: &ClusterId, node: &ServerId) -> Answer {
        let Some(cluster) = self.cluster(cluster) else { return Answer::Unknown };
        if cluster.quorum.has != Some(true) {
            return Answer::known(cluster.quorum.has);
        }
        let votes = votes(&cluster.nodes);
        let left = cluster
            .nodes
            .iter()
            .filter(|(id, n)| *id != node && matches!(n.state, NodeState::Online | NodeState::Standby))
            .count();
        let enough = match cluster.kind {
            // votequorum(5): two_node makes one vote of two enough, as long as the cluster is up.
            kaketsugi_estate::ClusterKind::Pacemaker if cluster.quorum.two_node && votes == 2 => left >= 1,
            kaketsugi_estate::ClusterKind::Pacemaker => left > votes / 2,
            // Server clusters of Windows 2000 and 2003 arbitrate a quorum disk: one node that has it is enough.
            kaketsugi_estate::ClusterKind::Windows => left >= 1,
            // One server by itself has nobody to be outvoted by.
            kaketsugi_estate::ClusterKind::StandAlone => true,
        };
        Answer::known(Some(enough))
    }
}

fn votes(nodes: &BTreeMap<ServerId, kaketsugi_estate::NodeSeen>) -> usize {
    nodes.len()
}
