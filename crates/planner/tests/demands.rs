//! What administrators could have in their estates or demand of a plan, and must not be given: each is refused, by a finding
//! or by the judge's objection, and the rule that forbids it is cited.

mod testkit;

use std::collections::BTreeSet;

use kaketsugi_estate::*;
use kaketsugi_plan::{Action, Condition, Plan, Step};
use testkit::{Pacemaker, alone, exchange, id, pooled};

const SP2: &str = "exchange-2003-sp2";
const FRONT: &[Role] = &[Role::FrontEnd];

/// Two nodes, EVS1 and the cluster group on NODE1.
fn two(release: &str) -> Pacemaker {
    exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1")], release)
}

/// The estate as it is, and what is changed in it.
fn estate(mut kit: Pacemaker, change: impl FnOnce(&mut Pacemaker)) -> BTreeSet<String> {
    let before = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload);
    assert!(before.is_ok(), "it is refused without the change, too: {:?}", before.err());
    change(&mut kit);
    match kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload) {
        Ok(_) => BTreeSet::new(),
        Err(refused) => refused.findings.into_iter().flat_map(|f| f.cites).collect(),
    }
}

/// The plan as it is made, and what is demanded of it.
fn demand(kit: &Pacemaker, change: impl FnOnce(&mut Plan)) -> BTreeSet<String> {
    let right = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap();
    assert_eq!(kaketsugi_lint::lint(&right), [], "the plan is right before");
    let mut plan = right.clone();
    change(&mut plan);
    assert_ne!(plan, right, "nothing was demanded");
    // Links are mended, so that nothing but the demand is wrong.
    let ids: Vec<_> = plan.steps.iter().map(|s| s.id.clone()).collect();
    for (at, step) in plan.steps.iter_mut().enumerate() {
        step.after = at.checked_sub(1).map(|before| ids[before].clone()).into_iter().collect();
    }
    let said = kaketsugi_lint::lint(&plan).into_iter();
    said.flat_map(|o| [Some(o.code.to_string()), o.rule.map(str::to_owned)]).flatten().collect()
}

fn without(plan: &mut Plan, gone: impl Fn(&Action) -> bool) {
    plan.steps.retain(|step| !gone(&step.action));
}

fn unasked(plan: &mut Plan, kind: EvidenceKind) {
    let asks = |c: &Condition| matches!(c, Condition::Evidence { kind: k, .. } if *k == kind);
    without(plan, |action| matches!(action, Action::Attest { evidence } if *evidence == kind));
    plan.steps.iter_mut().for_each(|step| step.requires.retain(|c| !asks(c)));
}

fn place(plan: &Plan, wanted: impl Fn(&Action) -> bool) -> usize {
    plan.steps.iter().position(|step| wanted(&step.action)).unwrap()
}

/// Takes the first such step, and puts it before the first such other one.
fn before(plan: &mut Plan, wanted: impl Fn(&Action) -> bool, other: impl Fn(&Action) -> bool) {
    let from = place(plan, wanted);
    let step: Step = plan.steps.remove(from);
    let to = place(plan, other);
    plan.steps.insert(to, step);
}

fn installs(action: &Action, node: &str, release: &str) -> bool {
    matches!(action, Action::Install { node: n, release: r } if n.as_str() == node && r.as_str() == release)
}

fn attests(action: &Action, kind: EvidenceKind) -> bool {
    matches!(action, Action::Attest { evidence } if *evidence == kind)
}

fn servers(kit: &mut Pacemaker, change: impl Fn(&mut ServerSeen)) {
    kit.snapshot.servers.values_mut().for_each(change);
}

fn evs(kit: &mut Pacemaker, change: impl Fn(&mut GroupSeen)) {
    let groups = kit.snapshot.clusters.values_mut().flat_map(|c| c.groups.values_mut());
    groups.filter(|group| group.role == GroupRole::Service).for_each(change);
}

/// What is demanded, what forbids it, and what was cited.
type Row = (&'static str, &'static str, BTreeSet<String>);

fn estates() -> Vec<Row> {
    let of_55 = || two("exchange-5.5-sp4");
    let active_active = || exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1"), ("EVS2", "NODE2")], SP2);
    let of_2000 =
        || exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1"), ("EVS2", "NODE2")], "exchange-2000-sp3");
    vec![
        (
            "an installer runs already",
            "ALL-ONE-INSTALLER",
            estate(two(SP2), |kit| servers(kit, |s| s.installer_running = Some(true))),
        ),
        (
            "a service pack older than what is there",
            "ALL-NO-UNINSTALL",
            estate(two("exchange-2003-sp1"), |kit| {
                servers(kit, |s| {
                    s.version = Some("Version 6.5 (Build 7638.2: Service Pack 2)".into());
                    s.releases.values_mut().for_each(|state| *state = ReleaseState::Newer);
                    s.releases.insert(id("exchange-2003-sp1"), ReleaseState::Absent);
                });
            }),
        ),
        (
            "a hotfix for another service pack",
            "MS06-019",
            estate(two("exchange-2003-kb916803"), |kit| {
                servers(kit, |s| s.version = Some("Version 6.5 (Build 7226.6: Service Pack 1)".into()));
            }),
        ),
        (
            "a virtual server of Exchange 2000 on nodes of 2003",
            "E03-CLU-W2K-CLEAN",
            estate(two(SP2), |kit| evs(kit, |group| group.version = Some("6.0.6249.4".into()))),
        ),
        (
            "two virtual servers with more storage groups than a node's store runs",
            "E03-CLU-02-EMPTY",
            estate(active_active(), |kit| evs(kit, |group| group.storage_groups = Some(3))),
        ),
        (
            "the same of Exchange 2000",
            "E00-AA-CONSOLIDATE",
            estate(of_2000(), |kit| evs(kit, |group| group.storage_groups = Some(3))),
        ),
        (
            "a virtual server that only one node may own",
            "E03-CLU-MOVE-EVS",
            estate(two(SP2), |kit| {
                evs(kit, |g| g.placement.scores.retain(|node, _| node.as_str() == "NODE1"))
            }),
        ),
        ("a fix of 5.5 on a cluster", "KB271634", estate(of_55(), |kit| *kit = two("exchange-5.5-kb894689"))),
        (
            "three nodes of 5.5",
            "E55-CLU-ACTIVE-FIRST",
            estate(of_55(), |kit| {
                *kit = exchange(&["NODE1", "NODE2", "NODE3"], &[("EX", "NODE1")], "exchange-5.5-sp4");
            }),
        ),
        (
            "an optimizer of which nothing can be told",
            "E55-PERFWIZ",
            estate(of_55(), |kit| servers(kit, |s| s.optimized = None)),
        ),
        (
            "a connector of which nothing can be told",
            "E03-ADC",
            estate(two(SP2), |kit| servers(kit, |s| s.connector = None)),
        ),
        (
            "a cluster of 5.5 with groups on both nodes",
            "E55-CLU-ACTIVE-FIRST",
            estate(
                exchange(&["NODE1", "NODE2"], &[("EX", "NODE1"), ("B", "NODE1")], "exchange-5.5-sp4"),
                |kit| {
                    *kit =
                        exchange(&["NODE1", "NODE2"], &[("EX", "NODE1"), ("B", "NODE2")], "exchange-5.5-sp4");
                },
            ),
        ),
    ]
}

fn demands() -> Vec<Row> {
    let sp2 = two(SP2);
    let two_fronts = |release| alone(&[("BE1", &[]), ("FE1", FRONT)], release);
    let of_2000 = two("exchange-2000-sp3");
    let of_55 = two("exchange-5.5-sp4");
    let mut with_connector = two(SP2);
    servers(&mut with_connector, |s| s.connector = Some(true));
    let balanced = pooled(alone(&[("FE1", FRONT), ("FE2", FRONT)], SP2), "owa", &["FE1", "FE2"], &[]);
    let last_first = |plan: &mut Plan, release: &str| {
        before(plan, |a| installs(a, "BE1", release), |a| installs(a, "FE1", release));
    };
    vec![
        ("a back end before its front end", "E03-FE-FIRST", demand(&two_fronts(SP2), |p| last_first(p, SP2))),
        (
            "a back end of 2000 before its front end",
            "E00-FE-FIRST",
            demand(&two_fronts("exchange-2000-sp3"), |p| last_first(p, "exchange-2000-sp3")),
        ),
        (
            "a service pack onto a node that holds the cluster group",
            "E03-CLU-02-EMPTY",
            demand(&sp2, |p| {
                without(p, |a| matches!(a, Action::Move { group, .. } if group.as_str() == "Cluster Group"));
            }),
        ),
        ("no backup", "E03-BACKUP", demand(&sp2, |p| unasked(p, EvidenceKind::FullBackup))),
        ("no backup, of 2000", "E00-BACKUP", demand(&of_2000, |p| unasked(p, EvidenceKind::FullBackup))),
        ("no backup, of 5.5", "E55-BACKUP", demand(&of_55, |p| unasked(p, EvidenceKind::FullBackup))),
        (
            "release notes that nobody has read",
            "E03-RELEASE-NOTES",
            demand(&sp2, |p| unasked(p, EvidenceKind::ReleaseNotesRead)),
        ),
        (
            "straight into production",
            "ALL-TEST-FIRST",
            demand(&sp2, |p| unasked(p, EvidenceKind::TriedInTest)),
        ),
        ("with antivirus on", "ALL-AV-OFF", demand(&sp2, |p| unasked(p, EvidenceKind::ProtectionOff))),
        (
            "no backup afterwards",
            "E03-BACKUP-AFTER",
            demand(&sp2, |p| without(p, |a| attests(a, EvidenceKind::BackupAfter))),
        ),
        (
            "with the cluster service running",
            "E03-CLU-03-STOP",
            demand(&sp2, |p| without(p, |a| matches!(a, Action::StopService { .. }))),
        ),
        (
            "both nodes at once",
            "E03-CLU-ONE-NODE",
            demand(&sp2, |p| {
                before(
                    p,
                    |a| matches!(a, Action::StopService { node, .. } if node.as_str() == "NODE1"),
                    |a| installs(a, "NODE2", SP2),
                );
            }),
        ),
        (
            "a virtual server upgraded while it is online",
            "E03-EVS-CONDITIONS",
            demand(&sp2, |p| without(p, |a| matches!(a, Action::TakeOffline { .. }))),
        ),
        (
            "a virtual server upgraded from an old node",
            "E03-CLU-ADMIN-NODE",
            demand(&sp2, |p| {
                for step in &mut p.steps {
                    if let Action::UpgradeGroup { node, .. } = &mut step.action {
                        *node = id("NODE1");
                    }
                }
            }),
        ),
        (
            "a virtual server that is never upgraded",
            "E03-CLU-TWO-STAGES",
            demand(&sp2, |p| without(p, |a| matches!(a, Action::UpgradeGroup { .. }))),
        ),
        (
            "no proof of fail-over",
            "E03-CLU-14-FAILOVER",
            demand(&sp2, |p| without(p, |a| matches!(a, Action::Move { proof: true, .. }))),
        ),
        (
            "a virtual server back on the old node",
            "E03-CLU-11-PINNED",
            demand(&sp2, |p| {
                let at = place(p, |a| matches!(a, Action::BringOnline { .. }));
                let mut back = p.steps[place(p, |a| matches!(a, Action::Move { proof: true, .. }))].clone();
                back.id = kaketsugi_plan::StepId::new("back");
                if let Action::Move { to, .. } = &mut back.action {
                    *to = id("NODE1");
                }
                back.expects.clear();
                p.steps.insert(at + 1, back);
            }),
        ),
        (
            "a pool that serves with two versions",
            "E03-FE-TOGETHER",
            demand(&balanced, |p| {
                before(
                    p,
                    |a| matches!(a, Action::Readmit { node, .. } if node.as_str() == "FE1"),
                    |a| installs(a, "FE2", SP2),
                );
            }),
        ),
        (
            "the active node of 2000 first",
            "E00-AP-PASSIVE-FIRST",
            demand(&of_2000, |p| {
                before(
                    p,
                    |a| installs(a, "NODE1", "exchange-2000-sp3"),
                    |a| installs(a, "NODE2", "exchange-2000-sp3"),
                );
            }),
        ),
        (
            "a way back to the old store of 2000",
            "E00-AP-STORE-UPGRADE",
            demand(&of_2000, |p| without(p, |a| matches!(a, Action::Pause { .. }))),
        ),
        (
            "the passive node of 5.5 first",
            "E55-CLU-ACTIVE-FIRST exchange-active-first",
            demand(&of_55, |p| {
                before(
                    p,
                    |a| installs(a, "NODE2", "exchange-5.5-sp4"),
                    |a| installs(a, "NODE1", "exchange-5.5-sp4"),
                );
            }),
        ),
        (
            "5.5 without its optimizer",
            "E55-PERFWIZ",
            demand(&of_55, |p| without(p, |a| matches!(a, Action::Optimize { .. }))),
        ),
        (
            "5.5 without a word about its components",
            "E55-EXTRAS",
            demand(&of_55, |p| without(p, |a| attests(a, EvidenceKind::ExtrasUpdated))),
        ),
        (
            "an old Active Directory Connector",
            "E03-ADC",
            demand(&with_connector, |p| unasked(p, EvidenceKind::ConnectorUpgraded)),
        ),
        (
            "a connector whose maps nobody has saved",
            "E03-ADC-MAPS",
            demand(&with_connector, |p| unasked(p, EvidenceKind::ConnectorMapsSaved)),
        ),
    ]
}

#[test]
fn each_is_refused_and_the_rule_is_cited() {
    let (estates, demands) = (estates(), demands());
    assert!(estates.len() + demands.len() >= 37, "{} and {}", estates.len(), demands.len());
    let mut wrong = Vec::new();
    for (what, rule, cited) in estates.into_iter().chain(demands) {
        // The rule, and where another check cites it too, the code of the one that is meant.
        if !rule.split(' ').all(|rule| cited.contains(rule)) {
            wrong.push(format!("{what}: {rule} isn't cited, but {cited:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
