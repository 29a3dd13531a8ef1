//! Right plans, written by hand: what the lint must accept, and what mutations break.

#![expect(clippy::unwrap_used, reason = "a testkit: a broken fixture is to fail loudly")]

mod alone;
mod estates;
mod of_2000;
mod of_55;
mod script;

use kaketsugi_estate::{EvidenceKind, ReleaseState};
use kaketsugi_plan::{Action, Condition, Plan, Step};

pub(crate) use alone::{alone, alone_half_done, balanced};
pub(crate) use estates::{cluster, exchange, group, hotfix, pacemaker, packages, release, server, sp2};
pub(crate) use of_55::{of_55, paused};
pub(crate) use of_2000::of_2000;
use script::Script;

/// Three nodes of a Pacemaker cluster, the mail group on n1; each is patched while it is drained.
pub(crate) fn three_nodes() -> Plan {
    let (estate, snapshot) = pacemaker();
    let mut s = Script::new(estate, snapshot, packages());
    let nodes = ["n1", "n2", "n3"];
    for node in nodes {
        s.stage(node, "debian-updates");
    }
    for node in nodes {
        s.quiet(node);
    }
    for node in ["n2", "n3"] {
        s.drain(node, &[]);
        one_node(&mut s, node);
    }
    s.drain("n1", &[("mail", "n2")]);
    s.soak("n2", 60);
    one_node(&mut s, "n1");
    for node in nodes {
        s.put_back(node);
    }
    s.verify_cluster();
    s.done("rolling update of a Pacemaker cluster")
}

fn one_node(s: &mut Script, node: &str) {
    s.install(node, "debian-updates");
    s.stop(node, true);
    // Two of three votes are left: one more failure would cost the quorum.
    for other in ["n1", "n2", "n3"] {
        if other != node {
            s.exposed(other, &["mail"]);
        }
    }
    s.restart(node, true);
    s.start(node);
    s.safe();
    s.readmit(node);
}

/// Exchange Server 2003 Service Pack 2 on two nodes, EVS1 and the cluster group on EXN1.
pub(crate) fn service_pack() -> Plan {
    let (estate, snapshot) = exchange("6.5.7226.6");
    let mut s = Script::new(estate, snapshot, sp2());
    s.attest_service_pack();
    for node in ["EXN1", "EXN2"] {
        s.stage(node, "windows-2003-kb831464");
        s.stage(node, "exchange-2003-sp2");
        s.quiet(node);
    }
    s.install("EXN2", "windows-2003-kb831464");
    s.restart("EXN2", false);
    s.stop("EXN2", false);
    s.exposed("EXN1", &["EVS1"]);
    s.install("EXN2", "exchange-2003-sp2");
    s.restart("EXN2", true);
    s.take_offline("EVS1");
    s.safe();
    s.start("EXN2");
    s.move_offline("EVS1", "EXN2");
    s.upgrade("EVS1", "EXN2");
    s.bring_online("EVS1", "EXN2");
    // Upgraded, it can't go back to EXN1 until EXN1 is patched (E03-CLU-11-PINNED).
    s.exposed("EXN2", &["EVS1"]);
    s.move_group("Cluster Group", "EXN2");
    s.soak("EXN2", 60);
    s.install("EXN1", "windows-2003-kb831464");
    s.restart("EXN1", false);
    s.stop("EXN1", false);
    s.install("EXN1", "exchange-2003-sp2");
    s.restart("EXN1", true);
    s.start("EXN1");
    s.safe();
    s.prove("EVS1", "EXN1");
    exchange_end(&mut s, true);
    s.attest(EvidenceKind::BackupAfter);
    s.done("KB 328839, Exchange Server 2003, clustered servers")
}

/// A hotfix on the same cluster, whose nodes have the IIS fix: the same path without the virtual-server upgrade.
pub(crate) fn hotfix_plan() -> Plan {
    let (estate, mut snapshot) = exchange("6.5.7638.2");
    for server in snapshot.servers.values_mut() {
        server.releases.insert(release("windows-2003-kb831464"), ReleaseState::Installed);
    }
    let mut s = Script::new(estate, snapshot, hotfix());
    s.attest(EvidenceKind::TriedInTest);
    for node in ["EXN1", "EXN2"] {
        s.stage(node, "exchange-2003-kb916803");
        s.quiet(node);
    }
    s.stop("EXN2", false);
    s.exposed("EXN1", &["EVS1"]);
    s.install("EXN2", "exchange-2003-kb916803");
    s.restart("EXN2", true);
    s.take_offline("EVS1");
    s.safe();
    s.start("EXN2");
    s.move_offline("EVS1", "EXN2");
    s.bring_online("EVS1", "EXN2");
    s.move_group("Cluster Group", "EXN2");
    s.soak("EXN2", 60);
    s.stop("EXN1", false);
    s.exposed("EXN2", &["EVS1"]);
    s.install("EXN1", "exchange-2003-kb916803");
    s.restart("EXN1", true);
    s.start("EXN1");
    s.safe();
    s.prove("EVS1", "EXN1");
    exchange_end(&mut s, false);
    s.done("KB 328839, Exchange Server 2003, clustered servers")
}

fn exchange_end(s: &mut Script, upgraded: bool) {
    for node in ["EXN1", "EXN2"] {
        s.put_back(node);
    }
    s.verify_group("EVS1", upgraded);
    for node in ["EXN1", "EXN2"] {
        s.verify_node(node);
    }
    s.verify_cluster();
}

/// The step with this id.
pub(crate) fn at<'a>(plan: &'a mut Plan, id: &str) -> &'a mut Step {
    plan.steps.iter_mut().find(|s| s.id.as_str() == id).unwrap_or_else(|| panic!("no step {id}"))
}

/// Takes a step out, and closes the gap.
pub(crate) fn remove(plan: &mut Plan, id: &str) {
    at(plan, id);
    plan.steps.retain(|s| s.id.as_str() != id);
    chain(plan);
}

/// Puts a step right before another one.
pub(crate) fn put_before(plan: &mut Plan, id: &str, other: &str) {
    let from = plan.steps.iter().position(|s| s.id.as_str() == id).unwrap();
    let step = plan.steps.remove(from);
    let to = plan.steps.iter().position(|s| s.id.as_str() == other).unwrap();
    plan.steps.insert(to, step);
    chain(plan);
}

/// Adds a copy of a step right before another one, doing something else.
pub(crate) fn copy_before(plan: &mut Plan, id: &str, other: &str, change: impl FnOnce(&mut Step)) {
    let mut step = at(plan, id).clone();
    step.id = kaketsugi_plan::StepId::new(format!("{id}/copy"));
    change(&mut step);
    let to = plan.steps.iter().position(|s| s.id.as_str() == other).unwrap();
    plan.steps.insert(to, step);
    chain(plan);
}

/// The same service pack where EXN2 has the Active Directory Connector.
pub(crate) fn with_connector() -> Plan {
    use EvidenceKind::{ConnectorMapsSaved, ConnectorUpgraded};
    let mut plan = service_pack();
    plan.snapshot.servers.get_mut(&server("EXN2")).unwrap().connector = Some(true);
    for kind in [ConnectorMapsSaved, ConnectorUpgraded] {
        let evidence = Condition::Evidence { kind, age_max_seconds: None };
        copy_before(&mut plan, "attest/TriedInTest/1", "stage/EXN1/1", |step| {
            step.id = kaketsugi_plan::StepId::new(format!("attest/{kind:?}/1"));
            (step.action, step.expects) = (Action::Attest { evidence: kind }, vec![evidence.clone()]);
        });
        let own = plan.payload.id.clone();
        for step in &mut plan.steps {
            let installs = matches!(&step.action, Action::Install { release, .. } if *release == own);
            step.requires.extend(installs.then(|| evidence.clone()));
        }
    }
    let maps = Condition::Evidence { kind: ConnectorMapsSaved, age_max_seconds: None };
    at(&mut plan, "attest/ConnectorUpgraded/1").requires.push(maps);
    plan
}

/// Each step after the one before.
pub(crate) fn chain(plan: &mut Plan) {
    let ids: Vec<_> = plan.steps.iter().map(|s| s.id.clone()).collect();
    for (index, step) in plan.steps.iter_mut().enumerate() {
        step.after = index.checked_sub(1).map(|before| ids[before].clone()).into_iter().collect();
    }
}
