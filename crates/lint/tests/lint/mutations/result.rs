//! Interruptions and exposures that aren't declared, or for nothing; goals that aren't reached.

use kaketsugi_estate::{Home, ServerId};
use kaketsugi_plan::{Condition, Content, Exposure, Interruption, Phase};

use super::{Mutation, mutation};
use crate::kit::{at, cluster, group, hotfix_plan, put_before, remove, server, service_pack, three_nodes};

pub(super) fn mutations() -> Vec<Mutation> {
    [declared(), exposed(), goals()].into_iter().flatten().collect()
}

fn interruption(phase: Phase) -> Interruption {
    Interruption { cluster: cluster(), group: group("mail"), phase, expected_seconds: 12 }
}

fn declared() -> Vec<Mutation> {
    vec![
        mutation("declared-missing", "a silent drain", three_nodes, |p| {
            at(p, "drain/n1/1").interrupts.clear()
        }),
        mutation("declared-missing", "a silent move", service_pack, |p| {
            at(p, "move/EVS1/2").interrupts.clear()
        }),
        mutation("declared-missing", "a group that goes home by itself", three_nodes, |p| {
            let seen = p.snapshot.clusters.get_mut(&cluster()).unwrap();
            seen.groups.get_mut(&group("mail")).unwrap().placement.scores.insert(server("n1"), 200);
        }),
        mutation("declared-false", "an empty node", three_nodes, |p| {
            at(p, "drain/n2/1").interrupts.push(interruption(Phase::Whole));
        }),
        mutation("declared-phase", "never ends", hotfix_plan, |p| {
            at(p, "bring-online/EVS1/1").interrupts.clear()
        }),
        mutation("declared-phase", "ends without a beginning", three_nodes, |p| {
            at(p, "readmit/n2/1").interrupts.push(interruption(Phase::Ends));
        }),
        mutation("declared-phase", "is over before the group is online", service_pack, |p| {
            at(p, "take-offline/EVS1/1").interrupts[0].phase = Phase::Whole;
        }),
        mutation("declared-phase", "begins twice", service_pack, |p| {
            at(p, "move/EVS1/1").interrupts[0].phase = Phase::Begins;
        }),
    ]
}

fn exposed() -> Vec<Mutation> {
    vec![
        mutation("exposure-missing", "the last owner", service_pack, |p| {
            at(p, "install/EXN2/2").exposes.clear()
        }),
        mutation("exposure-missing", "pinned to the only patched node", service_pack, |p| {
            at(p, "move/Cluster Group/1").exposes.clear();
        }),
        mutation("exposure-missing", "the quorum hangs on one more node", three_nodes, |p| {
            // Stopped for a while: after the stop, and before the start.
            at(p, "stop-service/n2/1").when = None;
            put_before(p, "install/n2/1", "restart/n2/1");
        }),
        mutation("exposure-false", "another node would take over", three_nodes, |p| {
            let exposure = Exposure { node: ServerId::new("n1").unwrap(), groups: vec![group("mail")] };
            at(p, "install/n2/1").exposes.push(exposure);
        }),
    ]
}

fn goals() -> Vec<Mutation> {
    vec![
        mutation("goal-group-offline", "the virtual server stays offline", hotfix_plan, |p| {
            remove(p, "bring-online/EVS1/1");
        }),
        mutation("goal-release", "a node is forgotten", three_nodes, |p| {
            for id in ["install", "stop-service", "restart", "start-service"] {
                remove(p, &format!("{id}/n3/1"));
            }
        }),
        mutation("goal-home", "policy wants it elsewhere", service_pack, |p| {
            p.estate.policy.home = Some(Home::Preferred);
            let entry = kaketsugi_estate::GroupEntry { preferred: vec![server("EXN2")], health: None };
            p.estate.clusters.get_mut(&cluster()).unwrap().groups.insert(group("EVS1"), entry);
        }),
        mutation("goal-home", "it isn't brought home", service_pack, |p| remove(p, "move/EVS1/2")),
        mutation("goal-configuration", "nobody looks", three_nodes, |p| {
            at(p, "verify/c1/1").expects.retain(|c| !matches!(c, Condition::ConfigurationAsBefore { .. }));
        }),
        mutation("goal-configuration", "looked at before the last change", three_nodes, |p| {
            put_before(p, "verify/c1/1", "readmit/n1/1");
        }),
        mutation("goal-trouble", "nobody looks", three_nodes, |p| {
            at(p, "verify/c1/1").expects.retain(|c| !matches!(c, Condition::NoTrouble { .. }));
        }),
        mutation("goal-nodes", "n2 stays out", three_nodes, |p| remove(p, "readmit/n2/1")),
        mutation(
            "goal-release",
            "a node that the release has packages for is left out of the steps",
            three_nodes,
            |p| {
                let Content::Packages(by_node) = &mut p.payload.content else { return };
                let packages = by_node[&server("n1")].clone();
                by_node.insert(server("n4"), packages);
                let other = p.estate.servers[&server("n1")].clone();
                p.estate.servers.insert(server("n4"), other);
            },
        ),
    ]
}
