//! E03-CLU-01 to 15 in the wrong order, virtual servers upgraded wrongly, evidence left out.

use kaketsugi_estate::{Evidence, EvidenceKind, Millis, ResourceId, ResourceState};
use kaketsugi_plan::{Action, Condition, Plan};

use super::{Mutation, mutation};
use crate::kit::{
    at, chain, cluster, copy_before, group, hotfix_plan, of_55, of_2000, paused, put_before, remove, server,
    service_pack, with_connector,
};

pub(super) fn mutations() -> Vec<Mutation> {
    [order(), upgrades(), of_exchange_2000(), of_exchange_5_5(), of_the_connector(), evidence()]
        .into_iter()
        .flatten()
        .collect()
}

fn order() -> Vec<Mutation> {
    vec![
        mutation("exchange-offline-first", "an online move", service_pack, |p| {
            remove(p, "take-offline/EVS1/1")
        }),
        mutation("exchange-offline-first", "an online move for a hotfix", hotfix_plan, |p| {
            remove(p, "take-offline/EVS1/1");
        }),
        mutation("exchange-started-early", "07 before 06", service_pack, |p| {
            put_before(p, "start-service/EXN2/1", "take-offline/EVS1/1");
        }),
        mutation("exchange-online-on-old", "online before the move", service_pack, |p| {
            let Action::BringOnline { node, .. } = &mut at(p, "bring-online/EVS1/1").action else { return };
            *node = server("EXN1");
            put_before(p, "bring-online/EVS1/1", "move/EVS1/1");
        }),
        mutation("exchange-left-offline", "never online again", hotfix_plan, |p| {
            remove(p, "bring-online/EVS1/1")
        }),
        mutation("exchange-failover-proof", "no proof", service_pack, |p| remove(p, "move/EVS1/2")),
        mutation("exchange-failover-proof", "a move that may be skipped", hotfix_plan, |p| {
            let Action::Move { proof, .. } = &mut at(p, "move/EVS1/2").action else { return };
            *proof = false;
        }),
        mutation("exchange-failover-proof", "a move of an offline group", hotfix_plan, |p| {
            remove(p, "move/EVS1/2");
            let Action::Move { proof, .. } = &mut at(p, "move/EVS1/1").action else { return };
            *proof = true;
        }),
        mutation("exchange-version-look", "a node", service_pack, |p| remove(p, "verify/EXN1/1")),
        mutation("exchange-version-look", "the directory", service_pack, |p| {
            at(p, "verify/EVS1/1").expects.retain(|c| !matches!(c, Condition::GroupVersion { .. }));
        }),
    ]
}

fn of_exchange_2000() -> Vec<Mutation> {
    vec![
        mutation("upgrade-way-back", "no pause before the databases are upgraded", of_2000, |p| {
            remove(p, "pause/EXN1/1");
        }),
        mutation("upgrade-way-back", "let in again before its turn", of_2000, |p| {
            put_before(p, "readmit/EXN1/1", "stop-service/EXN1/1");
        }),
        mutation("back-not-readmitted", "paused for ever", of_2000, |p| remove(p, "readmit/EXN1/1")),
        mutation("upgrade-pinned", "back to the old store", of_2000, |p| {
            copy_before(p, "move/EVS1/1", "soak/EXN2/1", |step| {
                let Action::Move { to, .. } = &mut step.action else { return };
                *to = server("EXN1");
                step.expects.clear();
            });
        }),
        mutation("exchange-passive-first", "the active node first", of_2000, |p| {
            let Action::Install { node, .. } = &mut at(p, "install/EXN2/1").action else { return };
            *node = server("EXN1");
        }),
        mutation("proof-missing", "a pause that nobody looks at", of_2000, |p| {
            at(p, "pause/EXN1/1").expects.clear();
        }),
        mutation("proof-others-online", "a paused node that may be down", of_2000, |p| {
            let wanted = at(p, "stop-service/EXN2/1");
            for condition in &mut wanted.requires {
                if let Condition::OthersOnline { except, .. } = condition {
                    except.push(server("EXN1"));
                }
            }
        }),
    ]
}

fn of_the_connector() -> Vec<Mutation> {
    vec![
        mutation("evidence-connector", "its set-up is left out", with_connector, |p| {
            remove(p, "attest/ConnectorUpgraded/1");
            p.steps.iter_mut().for_each(|step| step.requires.retain(|c| !upgraded(c)));
        }),
        mutation("evidence-connector", "nobody asks for it", with_connector, |p| {
            at(p, "install/EXN1/2").requires.retain(|c| !upgraded(c));
        }),
        mutation("evidence-connector", "a word about an earlier release", with_connector, |p| {
            remove(p, "attest/ConnectorUpgraded/1");
            let said = |kind| Evidence { kind, at: Millis(0), by: "ann".into() };
            p.snapshot.evidence.push(said(EvidenceKind::ConnectorUpgraded));
        }),
        mutation("evidence-connector-maps", "it is upgraded unsaved", with_connector, |p| {
            at(p, "attest/ConnectorUpgraded/1").requires.clear();
        }),
        mutation("evidence-never-comes", "nobody saves its maps", with_connector, |p| {
            remove(p, "attest/ConnectorMapsSaved/1");
        }),
    ]
}

fn upgraded(condition: &Condition) -> bool {
    matches!(condition, Condition::Evidence { kind: EvidenceKind::ConnectorUpgraded, .. })
}

fn of_exchange_5_5() -> Vec<Mutation> {
    vec![
        mutation("exchange-active-first", "the passive node first", of_55, |p| {
            let Action::Install { node, .. } = &mut at(p, "install/EXN1/1").action else { return };
            *node = server("EXN2");
        }),
        mutation("exchange-active-first", "the group moves before both are done", of_55, |p| {
            copy_before(p, "move/Cluster Group/2", "stop-service/EXN2/1", |step| {
                let Action::Move { group: g, to, .. } = &mut step.action else { return };
                (*g, *to) = (group("EVS1"), server("EXN2"));
            });
        }),
        mutation("exchange-optimizer", "left out", of_55, |p| remove(p, "optimize/EXN1/1")),
        mutation("exchange-optimizer", "before set-up", of_55, |p| {
            put_before(p, "optimize/EXN1/1", "install/EXN1/1");
        }),
        mutation("exchange-optimizer", "where nobody is", of_55, |p| {
            let Action::Optimize { node } = &mut at(p, "optimize/EXN1/1").action else { return };
            *node = server("EXN2");
        }),
        mutation("proof-missing", "an optimizer that nobody looks for", of_55, |p| {
            at(p, "optimize/EXN1/1").expects.retain(|c| !matches!(c, Condition::Optimized { .. }));
        }),
        mutation("declared-missing", "an optimizer that says nothing of users", of_55, |p| {
            at(p, "optimize/EXN1/1").interrupts.clear();
        }),
        mutation("evidence-extras", "left out", of_55, |p| remove(p, "attest/ExtrasUpdated/1")),
        mutation("evidence-extras", "before the last node", of_55, |p| {
            put_before(p, "attest/ExtrasUpdated/1", "install/EXN2/1");
        }),
        mutation("upgrade-way-back", "nothing keeps the group from the old version", of_55, |p| {
            remove(p, "pause/EXN2/1");
        }),
        mutation("install-on-carrier", "the cluster group stays, too", of_55, |p| {
            remove(p, "move/Cluster Group/1");
        }),
        mutation("proof-look-before", "the group may be elsewhere", of_55, |p| {
            at(p, "install/EXN1/1").requires.retain(|c| !matches!(c, Condition::Owner { .. }));
        }),
        mutation("proof-look-before", "the old node may take it", of_55, |p| {
            at(p, "install/EXN1/1").requires.retain(|c| *c != paused("EXN2"));
        }),
        mutation("proof-look-before", "the optimizer may run where nobody is", of_55, |p| {
            at(p, "optimize/EXN1/1").requires.retain(|c| !matches!(c, Condition::Owner { .. }));
        }),
        mutation("install-service-state", "with a stopped cluster service where users are", of_55, |p| {
            p.payload.in_place = false;
        }),
        mutation("proof-impossible", "a paused node that isn't", of_55, |p| {
            at(p, "readmit/EXN2/1").requires.push(paused("EXN1"));
        }),
    ]
}

fn upgrades() -> Vec<Mutation> {
    vec![
        mutation("upgrade-not-asked", "after a hotfix", service_pack, |p| p.payload.group_upgrade = false),
        mutation("upgrade-missing", "left out", service_pack, |p| remove(p, "upgrade-group/EVS1/1")),
        mutation("upgrade-conditions", "the DTC", service_pack, |p| {
            at(p, "upgrade-group/EVS1/1").requires.retain(|c| !matches!(c, Condition::KindOnline { .. }));
        }),
        mutation("upgrade-conditions", "the kept-online set", service_pack, |p| {
            at(p, "upgrade-group/EVS1/1").requires.retain(|c| !matches!(c, Condition::OnlyKeptOnline { .. }));
        }),
        mutation("upgrade-conditions", "the node's release", service_pack, |p| {
            at(p, "upgrade-group/EVS1/1").requires.retain(|c| !matches!(c, Condition::Installed { .. }));
        }),
        mutation("upgrade-unpatched-node", "from the old node", service_pack, |p| {
            let Action::UpgradeGroup { node, .. } = &mut at(p, "upgrade-group/EVS1/1").action else { return };
            *node = server("EXN1");
        }),
        mutation("upgrade-while-online", "after it is online", service_pack, |p| {
            put_before(p, "bring-online/EVS1/1", "upgrade-group/EVS1/1");
        }),
        mutation("upgrade-parallel", "two at once", service_pack, |p| {
            copy_before(p, "upgrade-group/EVS1/1", "bring-online/EVS1/1", |s| {
                let Action::UpgradeGroup { group: id, .. } = &mut s.action else { return };
                *id = group("EVS2");
            });
            at(p, "upgrade-group/EVS1/1/copy").after.clear();
        }),
        mutation("upgrade-again", "twice", service_pack, |p| {
            copy_before(p, "upgrade-group/EVS1/1", "bring-online/EVS1/1", |_| ());
        }),
        mutation("upgrade-before-online", "online first", service_pack, |p| {
            put_before(p, "bring-online/EVS1/1", "upgrade-group/EVS1/1");
        }),
        mutation("back-resources", "its Information Store is forgotten", service_pack, |p| {
            brought_online(p).retain(|r| r.as_str() != "EVS1 IS");
        }),
        mutation("back-resources", "what was offline is brought online", service_pack, |p| {
            let id = ResourceId::new("POP3 (EVS1)").unwrap();
            brought_online(p).push(id.clone());
            let cluster = p.snapshot.clusters.get_mut(&cluster()).unwrap();
            let resources = &mut cluster.groups.get_mut(&group("EVS1")).unwrap().resources;
            let mut pop3 = resources.last().unwrap().clone();
            pop3.id = id;
            pop3.state = ResourceState::Offline;
            resources.push(pop3);
        }),
        mutation("upgrade-pinned", "back to the old node", service_pack, |p| {
            put_before(p, "move/EVS1/2", "install/EXN1/1");
        }),
    ]
}

fn brought_online(plan: &mut Plan) -> &mut Vec<ResourceId> {
    let expects = &mut at(plan, "bring-online/EVS1/1").expects;
    let found = expects.iter_mut().find_map(|c| match c {
        Condition::GroupAsBefore { online, .. } => Some(online),
        _ => None,
    });
    found.unwrap()
}

fn evidence() -> Vec<Mutation> {
    vec![
        mutation("evidence-backup", "no backup", service_pack, |p| {
            at(p, "install/EXN1/2")
                .requires
                .retain(|c| !matches!(c, Condition::Evidence { kind: EvidenceKind::FullBackup, .. }));
        }),
        mutation("evidence-backup-age", "a backup of any age", service_pack, |p| {
            backup_age(p, None);
        }),
        mutation("evidence-backup-age", "a backup that is too old", service_pack, |p| {
            backup_age(p, Some(25 * 3600));
        }),
        mutation("evidence-notes", "nobody read them", service_pack, |p| {
            remove(p, "attest/ReleaseNotesRead/1")
        }),
        mutation("evidence-notes", "read too late", service_pack, |p| {
            put_before(p, "attest/ReleaseNotesRead/1", "restart/EXN2/2");
        }),
        mutation("evidence-tried", "never tried", hotfix_plan, |p| remove(p, "attest/TriedInTest/1")),
        mutation("evidence-never-comes", "nobody makes the backup", service_pack, |p| {
            remove(p, "attest/FullBackup/1")
        }),
        mutation("evidence-backup-after", "no backup after", service_pack, |p| {
            remove(p, "attest/BackupAfter/1");
        }),
        mutation("evidence-backup-after", "a backup half-way", service_pack, |p| {
            put_before(p, "attest/BackupAfter/1", "install/EXN1/2");
            chain(p);
        }),
    ]
}

fn backup_age(plan: &mut kaketsugi_plan::Plan, age: Option<u64>) {
    for condition in &mut at(plan, "install/EXN2/2").requires {
        if let Condition::Evidence { kind: EvidenceKind::FullBackup, age_max_seconds } = condition {
            *age_max_seconds = age;
        }
    }
}
