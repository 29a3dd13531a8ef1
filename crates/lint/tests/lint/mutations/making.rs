//! Steps that are badly made, snapshots that forbid a run, releases that aren't what the catalogue says.

use kaketsugi_estate::{
    EvidenceKind, GroupState, NodeState, Product, ReleaseState, RestartPolicy, Trouble, Waiver,
};
use kaketsugi_plan::{Actor, Condition, Content, Recovery, RestartNeed, ServiceNeed, StepId};

use super::{Mutation, mutation};
use crate::kit::{at, cluster, group, hotfix_plan, release, remove, server, service_pack, three_nodes};

pub(super) fn mutations() -> Vec<Mutation> {
    [form(), proof(), fresh(), payload()].into_iter().flatten().collect()
}

fn form() -> Vec<Mutation> {
    vec![
        mutation("form-version", "unknown form", three_nodes, |p| p.schema += 1),
        mutation("form-version", "unknown rules", three_nodes, |p| p.rules_version += 1),
        mutation("form-section", "no section", service_pack, |p| p.section.clear()),
        mutation("form-id", "an id twice", three_nodes, |p| p.steps[1].id = p.steps[0].id.clone()),
        mutation("form-after", "waits for a later step", three_nodes, |p| {
            let last = p.steps[9].id.clone();
            p.steps[2].after.push(last);
        }),
        mutation("form-after", "waits for nothing known", three_nodes, |p| {
            p.steps[2].after.push(StepId::new("x"))
        }),
        mutation("form-order", "a step beside another one", three_nodes, |p| {
            at(p, "drain/n3/1").after.clear()
        }),
        mutation("form-cite", "a rule that isn't there", service_pack, |p| {
            at(p, "install/EXN1/2").cites.push("E03-CLU-99".into());
        }),
        mutation("form-actor", "a machine upgrades", service_pack, |p| {
            at(p, "upgrade-group/EVS1/1").actor = Actor::Machine;
        }),
        mutation("form-actor", "a machine attests", service_pack, |p| {
            at(p, "attest/FullBackup/1").actor = Actor::Machine;
        }),
        mutation("form-actor", "a machine without a command", service_pack, |p| {
            at(p, "install/EXN2/2").actor = Actor::Machine;
        }),
        mutation("form-instruction", "nothing is told", service_pack, |p| {
            at(p, "upgrade-group/EVS1/1").instruction = Some(" ".into());
        }),
        mutation("form-when", "an install that may be skipped", three_nodes, |p| {
            at(p, "install/n1/1").when = Some(Condition::RestartPending { node: server("n1") });
        }),
        mutation("form-when", "a start that is skipped after the restart", three_nodes, |p| {
            at(p, "start-service/n2/1").when = Some(Condition::RestartPending { node: server("n2") });
        }),
        mutation("form-when", "asks another node", three_nodes, |p| {
            at(p, "restart/n2/1").when = Some(Condition::RestartPending { node: server("n3") });
        }),
        mutation("form-recovery", "an installer twice", hotfix_plan, |p| {
            at(p, "install/EXN2/1").recovery = Recovery::Redo;
        }),
        mutation("form-recovery", "an upgrade twice", service_pack, |p| {
            at(p, "upgrade-group/EVS1/1").recovery = Recovery::Redo;
        }),
        mutation("form-no-return", "a silent service pack", service_pack, |p| {
            at(p, "install/EXN2/2").point_of_no_return = false;
        }),
        mutation("form-no-return", "a silent upgrade", service_pack, |p| {
            at(p, "upgrade-group/EVS1/1").point_of_no_return = false;
        }),
        mutation("form-timeout", "less than expected", three_nodes, |p| {
            at(p, "install/n2/1").timeout_seconds = 5
        }),
        mutation("form-timeout", "endless", three_nodes, |p| {
            at(p, "install/n2/1").timeout_seconds = u32::MAX
        }),
        mutation("form-unreachable", "an install out of sight", three_nodes, |p| {
            at(p, "install/n2/1").unreachable.push(server("n2"));
        }),
        mutation("form-unreachable", "another node out of sight", three_nodes, |p| {
            at(p, "restart/n2/1").unreachable.push(server("n3"));
        }),
    ]
}

fn proof() -> Vec<Mutation> {
    vec![
        mutation("proof-missing", "nothing proves the install", three_nodes, |p| {
            at(p, "install/n2/1").expects.clear()
        }),
        mutation("proof-missing", "another node proves it", three_nodes, |p| {
            at(p, "install/n2/1").expects =
                vec![Condition::Installed { node: server("n3"), release: release("debian-updates") }];
        }),
        mutation("proof-missing", "a look at nothing", three_nodes, |p| at(p, "verify/c1/1").expects.clear()),
        mutation("proof-look-before", "an install that doesn't look", three_nodes, |p| {
            at(p, "install/n2/1").requires.clear();
        }),
        mutation("proof-look-before", "other installers", service_pack, |p| {
            at(p, "install/EXN1/2").requires.retain(|c| !matches!(c, Condition::NoInstaller { .. }));
        }),
        mutation("proof-look-before", "the cluster service", service_pack, |p| {
            at(p, "install/EXN1/2").requires.retain(|c| !matches!(c, Condition::Service { .. }));
        }),
        mutation("proof-look-before", "the quorum", three_nodes, |p| {
            at(p, "drain/n2/1").requires.retain(|c| !matches!(c, Condition::QuorumWithout { .. }));
        }),
        mutation("proof-look-before", "a stop on a full node", service_pack, |p| {
            at(p, "stop-service/EXN2/1").requires.retain(|c| !matches!(c, Condition::NodeEmpty { .. }));
        }),
        mutation("proof-others-online", "the others aren't looked at", three_nodes, |p| {
            at(p, "drain/n2/1").requires.retain(|c| !matches!(c, Condition::OthersOnline { .. }));
        }),
        mutation("proof-others-online", "another one may be out", three_nodes, |p| {
            for condition in &mut at(p, "drain/n2/1").requires {
                if let Condition::OthersOnline { except, .. } = condition {
                    except.push(server("n3"));
                }
            }
        }),
        mutation("proof-contradiction", "expected on a drained node", three_nodes, |p| {
            at(p, "install/n2/1").expects.push(Condition::Owner {
                cluster: cluster(),
                group: group("mail"),
                node: server("n2"),
            });
        }),
        mutation("proof-contradiction", "expected to be online in standby", three_nodes, |p| {
            at(p, "start-service/n2/1").expects.push(Condition::NodeState {
                cluster: cluster(),
                node: server("n2"),
                state: NodeState::Online,
            });
        }),
        mutation("proof-impossible", "healthy while it is offline", hotfix_plan, |p| {
            at(p, "move/EVS1/1")
                .requires
                .push(Condition::Healthy { cluster: cluster(), group: group("EVS1") });
        }),
        mutation("proof-impossible", "all others online while one is stopped", hotfix_plan, |p| {
            at(p, "take-offline/EVS1/1")
                .requires
                .push(Condition::OthersOnline { cluster: cluster(), except: Vec::new() });
        }),
    ]
}

fn fresh() -> Vec<Mutation> {
    vec![
        mutation("fresh-unreached", "no answer", three_nodes, |p| {
            p.snapshot.servers.get_mut(&server("n2")).unwrap().reached = false;
        }),
        mutation("fresh-unreached", "a node that isn't written down", three_nodes, |p| {
            p.estate.clusters.get_mut(&cluster()).unwrap().nodes.pop();
        }),
        mutation("fresh-node-state", "maintenance", three_nodes, |p| {
            node_state(p, "n3", NodeState::Maintenance)
        }),
        mutation("fresh-node-state", "unclean", three_nodes, |p| node_state(p, "n3", NodeState::Unclean)),
        mutation("fresh-quorum", "not known", three_nodes, |p| {
            p.snapshot.clusters.get_mut(&cluster()).unwrap().quorum.has = None;
        }),
        mutation("fresh-trouble", "fencing disabled", three_nodes, |p| trouble(p, Trouble::FencingDisabled)),
        mutation("fresh-trouble", "maintenance mode", three_nodes, |p| trouble(p, Trouble::MaintenanceMode)),
        mutation("fresh-trouble", "a fail-count", three_nodes, |p| {
            trouble(p, Trouble::FailCount { resource: "store".into(), node: "n2".into(), count: 1 });
        }),
        mutation("fresh-trouble", "held packages of the release", three_nodes, |p| {
            let held = Trouble::PackagesHeld { packages: vec!["dovecot-core".into()] };
            p.snapshot.servers.get_mut(&server("n2")).unwrap().trouble.push(held);
        }),
        mutation("fresh-group-state", "a failed group", three_nodes, |p| {
            let seen = p.snapshot.clusters.get_mut(&cluster()).unwrap();
            seen.groups.get_mut(&group("mail")).unwrap().state = GroupState::Failed;
        }),
        mutation("fresh-installer", "an installer runs", service_pack, |p| {
            p.snapshot.servers.get_mut(&server("EXN1")).unwrap().installer_running = Some(true);
        }),
        mutation("fresh-installer", "nobody knows", service_pack, |p| {
            p.snapshot.servers.get_mut(&server("EXN2")).unwrap().installer_running = None;
        }),
        mutation("fresh-waiver", "a required rule is waived", service_pack, |p| {
            waive(p, "E03-BACKUP", "Kim")
        }),
        mutation("fresh-waiver", "nobody waives", service_pack, |p| waive(p, "E03-CLU-MOVE-EVS", "")),
        mutation("fresh-waiver", "an unknown rule is waived", service_pack, |p| waive(p, "E03-NONE", "Kim")),
    ]
}

fn node_state(plan: &mut kaketsugi_plan::Plan, node: &str, state: NodeState) {
    plan.snapshot.clusters.get_mut(&cluster()).unwrap().nodes.get_mut(&server(node)).unwrap().state = state;
}

fn trouble(plan: &mut kaketsugi_plan::Plan, trouble: Trouble) {
    plan.snapshot.clusters.get_mut(&cluster()).unwrap().trouble.push(trouble);
}

fn waive(plan: &mut kaketsugi_plan::Plan, rule: &str, by: &str) {
    let waiver = Waiver { rule: rule.into(), by: by.into(), reason: "no window".into() };
    plan.estate.policy.waivers.push(waiver);
}

fn payload() -> Vec<Mutation> {
    vec![
        mutation("payload-catalogue", "a way back that isn't", service_pack, |p| p.payload.one_way = false),
        mutation("payload-catalogue", "the service may run", hotfix_plan, |p| {
            p.payload.service = ServiceNeed::Either
        }),
        mutation("payload-catalogue", "no restart asked for", hotfix_plan, |p| {
            p.payload.restart = RestartNeed::Never
        }),
        mutation("payload-stack", "pacemaker while it runs", three_nodes, |p| {
            let Content::Packages(by_node) = &mut p.payload.content else { return };
            by_node.get_mut(&server("n1")).unwrap()[0].name = "pacemaker".into();
        }),
        mutation("payload-digest", "half a digest", three_nodes, |p| {
            let Content::Packages(by_node) = &mut p.payload.content else { return };
            by_node.get_mut(&server("n1")).unwrap()[0].sha256.truncate(32);
        }),
        mutation("payload-digest", "media without a digest", hotfix_plan, |p| {
            let Content::Media(media) = &mut p.payload.content else { return };
            media[0].sha256.clear();
        }),
        mutation("payload-foreign", "another release", three_nodes, |p| {
            let kaketsugi_plan::Action::Install { release: id, .. } = &mut at(p, "install/n2/1").action
            else {
                return;
            };
            *id = release("something-else");
        }),
        mutation("payload-foreign", "another product", three_nodes, |p| {
            p.estate.servers.get_mut(&server("n2")).unwrap().product = Product::Exchange2003;
        }),
        // What a snapshot says of releases, and what policy says of restarts, is judged with the order of the steps.
        mutation("install-again", "it is there already", three_nodes, |p| {
            let seen = p.snapshot.servers.get_mut(&server("n2")).unwrap();
            seen.releases.insert(release("debian-updates"), ReleaseState::Newer);
        }),
        mutation("install-unfit", "a newer one is there", service_pack, |p| {
            let seen = p.snapshot.servers.get_mut(&server("EXN2")).unwrap();
            seen.version = Some("Version 8.3 (Build 83.6)".into());
        }),
        mutation("install-unfit", "its service pack is missing", hotfix_plan, |p| {
            let seen = p.snapshot.servers.get_mut(&server("EXN2")).unwrap();
            seen.version = Some("Version 6.5 (Build 7226.6: Service Pack 1)".into());
        }),
        mutation("install-unfit", "nobody knows what is there", service_pack, |p| {
            p.snapshot.servers.get_mut(&server("EXN1")).unwrap().version = None;
        }),
        mutation("restart-conditional", "policy says always", three_nodes, |p| {
            p.estate.policy.restart = RestartPolicy::Always;
        }),
        mutation("restart-unasked", "policy says never", three_nodes, |p| {
            p.estate.policy.restart = RestartPolicy::Never;
        }),
        mutation("evidence-protection", "no evidence, no matter what is attested", service_pack, |p| {
            remove(p, "attest/ProtectionOff/1");
            at(p, "install/EXN2/2")
                .requires
                .retain(|c| !matches!(c, Condition::Evidence { kind: EvidenceKind::ProtectionOff, .. }));
        }),
    ]
}
