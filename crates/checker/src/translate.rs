//! An action of a plan, in the world's words.

use std::collections::BTreeSet;

use kaketsugi_estate::{ClusterId, GroupId, ReleaseState, ResourceId, ResourceState, ServerId};
use kaketsugi_plan::{Action, Baseline, Condition, Content, Payload, Plan, ServiceNeed, Step};
use kaketsugi_world::{Command, ReleaseFacts};

/// What the world must know of the plan's releases.
pub(crate) fn releases(payload: &Payload) -> Vec<ReleaseFacts> {
    let facts = |p: &Payload| ReleaseFacts {
        id: p.id.clone(),
        one_way: p.one_way,
        group_upgrade: p.group_upgrade,
        build: p.to_build.clone(),
        service: match p.service {
            ServiceNeed::Stopped => Some(false),
            ServiceNeed::Running => Some(true),
            ServiceNeed::Either => None,
        },
        resumable: matches!(p.content, Content::Packages(_)),
        from_stage: !matches!(&p.content, Content::Media(media) if media.is_empty()),
        stops_product: !p.of_system,
        alike_in_pools: p.alike_in_pools,
        in_place: p.in_place,
        optimizer: p.optimizer,
    };
    payload.first.iter().flat_map(releases).chain([facts(payload)]).collect()
}

/// How an attempt at a step differs from the first one, and what is known beside the plan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt<'a> {
    /// What was captured when the run began.
    pub(crate) start: Option<&'a Baseline>,
    /// Counts from 1.
    pub(crate) number: u32,
    /// Whether an administrator said that it may be tried again.
    pub(crate) agreed: bool,
    /// Whether the installer asks for a restart, this time.
    pub(crate) restart_asked: bool,
}

/// The commands of a step, in their order. Empty: it only looks.
pub(crate) fn commands(plan: &Plan, step: &Step, attempt: Attempt<'_>) -> Vec<Command> {
    match &step.action {
        Action::Attest { .. } | Action::Soak { .. } | Action::Verify { .. } => Vec::new(),
        Action::Stage { node, release } => {
            vec![Command::Stage { node: node.clone(), release: release.clone() }]
        }
        Action::Quiet { node } => vec![Command::Quiet { node: node.clone() }],
        // On Windows the same command pauses the node.
        Action::Drain { cluster, node } | Action::Pause { cluster, node } => {
            vec![Command::Standby { cluster: cluster.clone(), node: node.clone() }]
        }
        Action::Readmit { cluster, node } => {
            vec![Command::Unstandby { cluster: cluster.clone(), node: node.clone() }]
        }
        Action::Move { cluster, group, to, .. } => {
            vec![Command::MoveGroup { cluster: cluster.clone(), group: group.clone(), to: to.clone() }]
        }
        Action::TakeOffline { cluster, group } => {
            vec![Command::TakeOffline { cluster: cluster.clone(), group: group.clone() }]
        }
        Action::UpgradeGroup { cluster, group, node } => vec![Command::UpgradeGroup {
            cluster: cluster.clone(),
            group: group.clone(),
            from: node.clone(),
            release: plan.payload.id.clone(),
        }],
        Action::BringOnline { cluster, group, .. } => vec![Command::BringOnline {
            cluster: cluster.clone(),
            group: group.clone(),
            resources: online(plan, step, cluster, group),
        }],
        Action::StopService { node, .. } => vec![Command::StopService { node: node.clone() }],
        Action::StartService { node, .. } => vec![Command::StartService { node: node.clone() }],
        Action::Install { node, release } => {
            let packages =
                plan.payload.find(release).is_some_and(|p| matches!(p.content, Content::Packages(_)));
            // Whoever approved a plan that begins with a half-installed node has agreed to its completion.
            let found = plan.snapshot.servers.get(node).and_then(|s| s.releases.get(release));
            let planned = attempt.number == 1 && found == Some(&ReleaseState::Partial);
            let install = Command::Install {
                node: node.clone(),
                release: release.clone(),
                restart_asked: attempt.restart_asked,
                agreed: planned || attempt.agreed && attempt.number > 1,
            };
            if packages && (planned || attempt.number > 1) {
                vec![Command::ConfigurePackages { node: node.clone() }, install]
            } else {
                vec![install]
            }
        }
        Action::Optimize { node } => vec![Command::Optimize { node: node.clone() }],
        Action::Restart { node } => vec![Command::Restart { node: node.clone() }],
        Action::PutBack { node } => vec![Command::PutBack {
            node: node.clone(),
            settings: attempt.start.and_then(|s| s.settings.get(node)).cloned().unwrap_or_default(),
        }],
    }
}

/// What is to be online in a group: what the step proves itself by, else what was online when the plan was made.
fn online(plan: &Plan, step: &Step, cluster: &ClusterId, group: &GroupId) -> BTreeSet<ResourceId> {
    let said = step.expects.iter().find_map(|c| match c {
        Condition::GroupAsBefore { group: g, online, .. } if g == group => {
            Some(online.iter().cloned().collect())
        }
        _ => None,
    });
    said.unwrap_or_else(|| {
        let seen = plan.snapshot.clusters.get(cluster).and_then(|c| c.groups.get(group));
        seen.map(|g| {
            g.resources.iter().filter(|r| r.state == ResourceState::Online).map(|r| r.id.clone()).collect()
        })
        .unwrap_or_default()
    })
}

/// The node on which a step's work runs, so that it ends with the node's power. None: the cluster or a person does it.
pub(crate) fn home(action: &Action) -> Option<&ServerId> {
    match action {
        Action::Stage { node, .. }
        | Action::Quiet { node }
        | Action::StopService { node, .. }
        | Action::StartService { node, .. }
        | Action::Install { node, .. }
        | Action::Optimize { node }
        | Action::Restart { node }
        | Action::PutBack { node } => Some(node),
        _ => None,
    }
}
