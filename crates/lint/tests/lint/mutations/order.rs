//! Installs in the wrong place, too much out at once, and what doesn't come back.

use kaketsugi_estate::{NodeState, ReleaseState};
use kaketsugi_plan::{Action, Condition, Plan, RestartNeed};

use super::{Mutation, mutation};
use crate::kit::{
    at, cluster, copy_before, group, hotfix_plan, put_before, release, remove, server, service_pack,
    three_nodes,
};

pub(super) fn mutations() -> Vec<Mutation> {
    [installs(), outages(), returns(), restarts()].into_iter().flatten().collect()
}

fn installs() -> Vec<Mutation> {
    vec![
        mutation("install-on-carrier", "before the drain", three_nodes, |p| {
            put_before(p, "install/n1/1", "drain/n1/1")
        }),
        mutation("install-on-carrier", "before the groups have moved off", service_pack, |p| {
            put_before(p, "install/EXN1/1", "take-offline/EVS1/1");
        }),
        mutation("install-on-carrier", "the cluster group stays", service_pack, |p| {
            remove(p, "move/Cluster Group/1")
        }),
        mutation("install-service-state", "no stop", service_pack, |p| remove(p, "stop-service/EXN2/1")),
        mutation("install-service-state", "a start before the install", hotfix_plan, |p| {
            put_before(p, "start-service/EXN1/1", "install/EXN1/1");
        }),
        mutation("install-service-state", "the stop before the restart that undoes it", service_pack, |p| {
            put_before(p, "stop-service/EXN2/1", "restart/EXN2/1");
        }),
        mutation("install-undrained", "no drain of an empty node", three_nodes, |p| remove(p, "drain/n3/1")),
        mutation("install-unstaged", "never staged", three_nodes, |p| remove(p, "stage/n3/1")),
        mutation("install-unstaged", "the fix was never staged", service_pack, |p| remove(p, "stage/EXN1/1")),
        mutation("install-staged-late", "staged after the first drain", three_nodes, |p| {
            put_before(p, "stage/n3/1", "drain/n3/1");
        }),
        mutation("install-not-quiet", "never quiet", three_nodes, |p| {
            remove(p, "quiet/n2/1");
            remove(p, "put-back/n2/1");
        }),
        mutation("install-not-quiet", "failback is on", service_pack, |p| {
            put_before(p, "quiet/EXN2/1", "start-service/EXN2/1");
        }),
        mutation(
            "install-quiet-late",
            "the last node's timers run during the first drain",
            three_nodes,
            |p| {
                put_before(p, "quiet/n1/1", "drain/n1/1");
            },
        ),
        mutation("install-first", "no IIS fix", service_pack, |p| remove(p, "install/EXN2/1")),
        mutation("install-first", "the IIS fix last", service_pack, |p| {
            put_before(p, "install/EXN2/1", "restart/EXN2/2");
        }),
        mutation("install-first", "left out of the release", service_pack, |p| {
            p.payload.first.clear();
            remove(p, "install/EXN2/1");
        }),
        mutation("install-again", "twice", hotfix_plan, |p| {
            copy_before(p, "install/EXN2/1", "restart/EXN2/1", |_| ())
        }),
        mutation("install-half-done-first", "the half-done node last", three_nodes, |p| {
            let seen = p.snapshot.servers.get_mut(&server("n1")).unwrap();
            seen.releases.insert(release("debian-updates"), ReleaseState::Partial);
        }),
    ]
}

/// Another virtual server, which moves to the first one's node right after it.
fn second_server(plan: &mut Plan, storage_groups: Option<u32>) {
    let groups = &mut plan.snapshot.clusters.get_mut(&cluster()).unwrap().groups;
    let mut second = groups[&group("EVS1")].clone();
    second.storage_groups = storage_groups;
    groups.insert(group("EVS2"), second);
    let place = plan.steps.iter().position(|s| s.id.as_str() == "move/EVS1/1").unwrap();
    let mut step = plan.steps[place].clone();
    let Action::Move { group: moved, .. } = &mut step.action else { return };
    *moved = group("EVS2");
    step.id = kaketsugi_plan::StepId::new("move/EVS2/1");
    step.after = vec![plan.steps[place].id.clone()];
    plan.steps.insert(place + 1, step);
}

fn outages() -> Vec<Mutation> {
    vec![
        mutation("outage-two-nodes", "n3 before n2 is back", three_nodes, |p| {
            put_before(p, "drain/n3/1", "readmit/n2/1");
        }),
        mutation("outage-two-nodes", "EXN1 stopped before EXN2 runs", service_pack, |p| {
            put_before(p, "stop-service/EXN1/1", "start-service/EXN2/1");
        }),
        mutation("outage-two-nodes", "n3 before it is sure that n2 is back", three_nodes, |p| {
            put_before(p, "start-service/n2/1", "install/n3/1");
        }),
        mutation("outage-quorum", "two of three stopped", three_nodes, |p| {
            put_before(p, "start-service/n2/1", "verify/c1/1");
        }),
        mutation("outage-quorum", "two nodes that need both votes", three_nodes, |p| {
            let seen = p.snapshot.clusters.get_mut(&cluster()).unwrap();
            seen.nodes.remove(&server("n3"));
            seen.quorum.two_node = false;
        }),
        mutation("outage-stop-on-carrier", "the virtual server still there", service_pack, |p| {
            put_before(p, "stop-service/EXN1/1", "move/EVS1/1");
        }),
        mutation("outage-stop-on-carrier", "the cluster group still there", hotfix_plan, |p| {
            put_before(p, "move/Cluster Group/1", "put-back/EXN1/1");
        }),
        mutation("outage-nowhere", "no other owner", three_nodes, |p| {
            let seen = p.snapshot.clusters.get_mut(&cluster()).unwrap();
            seen.groups.get_mut(&group("mail")).unwrap().placement.scores.retain(|n, _| *n == server("n1"));
        }),
        mutation("outage-move-target", "a node that is stopped", service_pack, |p| {
            remove(p, "start-service/EXN2/1");
        }),
        mutation("outage-move-target", "a node that can't own it", service_pack, |p| {
            let seen = p.snapshot.clusters.get_mut(&cluster()).unwrap();
            seen.groups.get_mut(&group("EVS1")).unwrap().placement.scores.remove(&server("EXN2"));
        }),
        mutation("outage-move-target", "online on the old node", service_pack, |p| {
            let Action::BringOnline { node, .. } = &mut at(p, "bring-online/EVS1/1").action else { return };
            *node = server("EXN1");
        }),
    ]
}

fn returns() -> Vec<Mutation> {
    vec![
        mutation("back-not-readmitted", "n1 stays in standby", three_nodes, |p| remove(p, "readmit/n1/1")),
        mutation("back-not-readmitted", "a later plan forgets what the run drained", three_nodes, |p| {
            p.parent = Some(p.hash());
            found_in_standby(p);
            remove(p, "drain/n3/1");
            remove(p, "readmit/n3/1");
        }),
        mutation("back-readmit-early", "before its service was started", three_nodes, |p| {
            put_before(p, "readmit/n2/1", "start-service/n2/1");
        }),
        mutation("back-readmit-early", "before it is patched", three_nodes, |p| {
            put_before(p, "readmit/n2/1", "install/n2/1");
        }),
        mutation("outage-room", "four storage groups beside one", hotfix_plan, |p| second_server(p, Some(4))),
        mutation("outage-room", "nobody has counted", service_pack, |p| second_server(p, None)),
        mutation("outage-while-offline", "the next node while users wait", hotfix_plan, |p| {
            put_before(p, "bring-online/EVS1/1", "stop-service/EXN1/1");
            put_before(p, "stop-service/EXN1/1", "bring-online/EVS1/1");
        }),
        mutation("back-standby-lifted", "somebody put n3 there", three_nodes, found_in_standby),
        mutation("back-not-started", "EXN1 stays stopped", service_pack, |p| {
            remove(p, "start-service/EXN1/1")
        }),
        mutation("back-not-put-back", "n1 stays quiet", three_nodes, |p| remove(p, "put-back/n1/1")),
        mutation("back-not-put-back", "put back too early", three_nodes, |p| {
            put_before(p, "put-back/n1/1", "restart/n1/1");
        }),
        mutation("back-not-put-back", "failback is on while EXN1 is patched", service_pack, |p| {
            put_before(p, "put-back/EXN2/1", "install/EXN1/2");
        }),
        mutation("back-health-gate", "nobody looks after the drain", three_nodes, |p| {
            at(p, "drain/n1/1").expects.retain(|c| !matches!(c, Condition::Healthy { .. }));
        }),
        mutation("back-soak", "no soak", three_nodes, |p| remove(p, "soak/n2/1")),
        mutation("back-soak", "too short", three_nodes, |p| {
            let Action::Soak { seconds, .. } = &mut at(p, "soak/n2/1").action else { return };
            *seconds = 1;
        }),
        mutation("back-soak", "a node that isn't back is watched", three_nodes, |p| {
            put_before(p, "soak/n2/1", "readmit/n2/1");
        }),
        mutation("back-soak", "an old node is watched", three_nodes, |p| {
            let Action::Soak { node, .. } = &mut at(p, "soak/n2/1").action else { return };
            *node = server("n1");
        }),
    ]
}

fn found_in_standby(plan: &mut kaketsugi_plan::Plan) {
    let seen = plan.snapshot.clusters.get_mut(&cluster()).unwrap();
    seen.nodes.get_mut(&server("n3")).unwrap().state = NodeState::Standby;
}

fn restarts() -> Vec<Mutation> {
    vec![
        mutation("restart-missing", "none", three_nodes, |p| remove(p, "restart/n2/1")),
        mutation("restart-missing", "only after the node joined again", three_nodes, |p| {
            put_before(p, "restart/n2/1", "drain/n3/1");
        }),
        mutation("restart-missing", "none after the IIS fix", service_pack, |p| remove(p, "restart/EXN1/1")),
        mutation("restart-conditional", "the IIS fix only if asked", service_pack, |p| {
            at(p, "restart/EXN1/1").when = Some(Condition::RestartPending { node: server("EXN1") });
        }),
        mutation("restart-unasked", "in any case", three_nodes, |p| at(p, "restart/n2/1").when = None),
        mutation("restart-unasked", "the release never asks", three_nodes, |p| {
            p.payload.restart = RestartNeed::Never
        }),
        mutation("restart-stack-running", "corosync is cut off", three_nodes, |p| {
            remove(p, "stop-service/n2/1")
        }),
    ]
}
