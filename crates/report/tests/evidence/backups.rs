//! Which backups can still be restored, after runs of which we know what they did.

use kaketsugi_estate::{EvidenceEntry, EvidenceKind, Millis};
use kaketsugi_plan::{Action, Plan};
use kaketsugi_report::{Backup, backups};
use kaketsugi_run::Run;
use kaketsugi_runner::Entry;

use crate::script::Script;
use crate::testkit;

const OLD: &str = "Version 6.5 (Build 7226.6: Service Pack 1)";

/// The service pack onto two servers that stand alone.
fn plan() -> Plan {
    let mut kit = testkit::alone(&[("EXCH1", &[]), ("EXCH2", &[])], "exchange-2003-sp2");
    for seen in kit.snapshot.servers.values_mut() {
        seen.version = Some(OLD.into());
    }
    kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap()
}

fn told(script: &Script) -> (Run, Vec<Entry>) {
    (script.run(), script.entries.clone())
}

fn restorable(backup: &Backup) -> Vec<Option<bool>> {
    backup.servers.iter().map(|fit| fit.restorable).collect()
}

/// When one is attested: how long the runs of the script take is no matter.
fn attested(script: &Script, at: Millis) -> EvidenceEntry {
    assert!(script.entries.iter().any(|entry| entry.at <= at));
    EvidenceEntry { kind: EvidenceKind::FullBackup, at, by: "ann".into() }
}

#[test]
fn what_was_made_before_the_service_pack_is_of_no_use_after_it() {
    let plan = plan();
    let mut script = Script::new(plan.clone());
    let installs = |node: &'static str| move |step: &kaketsugi_plan::Step| matches!(&step.action, Action::Install { node: n, .. } if n.as_str() == node);
    // Before the first install both are as they were.
    script.until(installs("EXCH1"));
    let [before] = &backups(&plan.estate, &[told(&script)])[..] else { panic!("one was attested") };
    assert_eq!(restorable(before), [Some(true), Some(true)]);
    assert_eq!(before.servers[0].made_at.as_deref(), Some(OLD));

    // Amid it, nobody can say what one would hold that was made now; the one of before is of no use there.
    script.begins();
    script.wait(60);
    let amid = attested(&script, script.entries.last().unwrap().at);
    let mut estate = plan.estate.clone();
    estate.evidence.push(amid);
    let [before, amid] = &backups(&estate, &[told(&script)])[..] else { panic!("two") };
    assert_eq!(restorable(before), [Some(false), Some(true)]);
    assert_eq!(restorable(amid), [None, Some(true)]);

    // After all of it the one that the run has asked for is the one that counts.
    let mut script = Script::new(plan.clone());
    script.finishes();
    let all = backups(&plan.estate, &[told(&script)]);
    let each: Vec<_> = all.iter().map(restorable).collect();
    assert_eq!(each, [[Some(false), Some(false)], [Some(true), Some(true)]]);
    assert_eq!(all[1].servers[0].made_at.as_deref(), Some(plan.payload.title.as_str()));

    // Another estate's runs say nothing of this one.
    let mut other = plan.estate.clone();
    other.name = "other".into();
    assert_eq!(backups(&other, &[told(&script)]), []);
}

/// A hotfix that leaves the store as it is changes no database.
#[test]
fn a_hotfix_of_something_else_changes_nothing() {
    let kit = testkit::alone(&[("EXCH1", &[])], "exchange-2003-kb916803");
    let mut plan = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap();
    plan.estate.evidence.push(EvidenceEntry {
        kind: EvidenceKind::FullBackup,
        at: plan.snapshot.taken_at,
        by: "ann".into(),
    });
    plan.snapshot.servers.values_mut().for_each(|seen| seen.version = Some(OLD.into()));
    let changes = kaketsugi_knowledge::releases().resolve(plan.payload.id.as_str()).unwrap().changes_store;
    let mut script = Script::new(plan.clone());
    script.finishes();
    let all = backups(&plan.estate, &[told(&script)]);
    assert_eq!(all[0].servers[0].restorable, Some(!changes));
}

/// Between two runs somebody installed something by hand.
#[test]
fn what_was_installed_between_two_runs_is_noticed() {
    let plan = plan();
    let mut first = Script::new(plan.clone());
    first.until(|step| matches!(step.action, Action::Install { .. }));
    let mut second = plan.clone();
    second.snapshot.taken_at.0 += 86_400_000;
    for seen in second.snapshot.servers.values_mut() {
        seen.version = Some("Version 6.5 (Build 7638.2: Service Pack 2)".into());
    }
    let second = Script::new(second);
    let all = backups(&plan.estate, &[told(&second), told(&first)]);
    let [before] = &all[..] else { panic!("{all:?}") };
    assert_eq!(restorable(before), [Some(false), Some(false)]);
    assert!(before.servers[0].now.as_deref().unwrap().contains("7638.2"));
}
