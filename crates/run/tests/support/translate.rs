//! An action of a plan in the world's words: what the tests' hosts do for it.

use std::collections::BTreeMap;

use kaketsugi_plan::{Action, Baseline, Condition, Content, Payload, Plan, ServiceNeed, Step};
use kaketsugi_world::{Command, ReleaseFacts, World};

/// The world that a plan was made from, with what it must know of the release.
pub fn world(plan: &Plan) -> World {
    World::with_releases(&plan.snapshot, releases(&plan.payload))
}

fn releases(payload: &Payload) -> Vec<ReleaseFacts> {
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
    payload.first.iter().map(facts).chain([facts(payload)]).collect()
}

/// The commands of an attempt at a step. Every install asks for a restart, so that runs are as long as they can be.
pub fn commands(plan: &Plan, step: &Step, attempt: u32, start: &Baseline) -> Vec<Command> {
    let command = match &step.action {
        Action::Attest { .. } | Action::Soak { .. } | Action::Verify { .. } => return Vec::new(),
        Action::Stage { node, release } => Command::Stage { node: node.clone(), release: release.clone() },
        Action::Quiet { node } => Command::Quiet { node: node.clone() },
        Action::Drain { cluster, node } | Action::Pause { cluster, node } => {
            Command::Standby { cluster: cluster.clone(), node: node.clone() }
        }
        Action::Readmit { cluster, node } => {
            Command::Unstandby { cluster: cluster.clone(), node: node.clone() }
        }
        Action::Move { cluster, group, to, .. } => {
            Command::MoveGroup { cluster: cluster.clone(), group: group.clone(), to: to.clone() }
        }
        Action::TakeOffline { cluster, group } => {
            Command::TakeOffline { cluster: cluster.clone(), group: group.clone() }
        }
        Action::UpgradeGroup { cluster, group, node } => Command::UpgradeGroup {
            cluster: cluster.clone(),
            group: group.clone(),
            from: node.clone(),
            release: plan.payload.id.clone(),
        },
        Action::BringOnline { cluster, group, .. } => {
            let resources = step.expects.iter().find_map(|c| match c {
                Condition::GroupAsBefore { online, .. } => Some(online.iter().cloned().collect()),
                _ => None,
            });
            Command::BringOnline {
                cluster: cluster.clone(),
                group: group.clone(),
                resources: resources.expect("the step says what was online"),
            }
        }
        Action::StopService { node, .. } => Command::StopService { node: node.clone() },
        Action::StartService { node, .. } => Command::StartService { node: node.clone() },
        Action::Install { node, release } => {
            let install = Command::Install {
                node: node.clone(),
                release: release.clone(),
                restart_asked: true,
                agreed: attempt > 1,
            };
            let packages = plan.payload.packages(node);
            if attempt > 1 && !packages.is_empty() {
                return vec![Command::ConfigurePackages { node: node.clone() }, install];
            }
            install
        }
        Action::Optimize { node } => Command::Optimize { node: node.clone() },
        Action::Restart { node } => Command::Restart { node: node.clone() },
        Action::PutBack { node } => {
            let settings = start.settings.get(node).cloned().unwrap_or_else(BTreeMap::new);
            Command::PutBack { node: node.clone(), settings }
        }
    };
    vec![command]
}
