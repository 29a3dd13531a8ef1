//! What each node and the person were told, in order, against the document; and that the whole run did what it is for.

use std::time::Duration;

use kaketsugi_plan::Action;
use kaketsugi_run::{Outcome, Record};

use crate::kit::{Event, Script, Setup, Site, Terminal, attend};

/// Plans and applies at a terminal, with a person who does what they are asked.
fn carry_out(site: &Site) {
    let plan = site.plan();
    assert_eq!(site.told(), Vec::<String>::new(), "planning changes nothing");
    let mut terminal = Terminal::start(site.apply(&plan));
    let code = attend(site, &plan, &mut terminal);
    assert_eq!(code, 0, "{}", terminal.text());
    site.assert_mended();
}

#[test]
fn a_service_pack_with_the_evs_on_node_1() {
    let setup = Setup { fix: [false; 2], ..Setup::service_pack("NODE1") };
    let Some(site) = Site::with_directory(setup) else { return };
    // What it is before: the document's own two examples are the versions before and after.
    assert_eq!(site.serial(), "Version 6.5 (Build 7226.6: Service Pack 1)");
    assert_eq!(site.registry(), [(7226, 1); 2]);
    carry_out(&site);
    Script::read(include_str!("transcripts/sp2-evs-on-node1.txt")).check(&site.told());
    assert_eq!(site.serial(), "Version 6.5 (Build 7638.2: Service Pack 2)");
    assert_eq!(site.registry(), [(7638, 2); 2]);
    verified(&site);
}

#[test]
fn a_service_pack_with_the_evs_on_node_2() {
    let setup = Setup { asks_for_restart: [true; 2], ..Setup::service_pack("NODE2") };
    let Some(site) = Site::with_directory(setup) else { return };
    carry_out(&site);
    Script::read(include_str!("transcripts/sp2-evs-on-node2.txt")).check(&site.told());
    assert_eq!(site.serial(), "Version 6.5 (Build 7638.2: Service Pack 2)");
    assert_eq!(site.registry(), [(7638, 2); 2]);
    verified(&site);
}

#[test]
fn a_hotfix_with_the_evs_on_node_1() {
    let site = Site::new(Setup::hotfix("NODE1"));
    carry_out(&site);
    Script::read(include_str!("transcripts/hotfix-evs-on-node1.txt")).check(&site.told());
    verified(&site);
}

#[test]
fn a_hotfix_with_the_evs_on_node_2() {
    let setup = Setup { fix: [true, false], asks_for_restart: [true, false], ..Setup::hotfix("NODE2") };
    let site = Site::new(setup);
    carry_out(&site);
    Script::read(include_str!("transcripts/hotfix-evs-on-node2.txt")).check(&site.told());
    verified(&site);
}

/// While somebody is asked, the live view draws nothing over the question and what is being typed.
#[test]
fn a_question_stays_on_the_screen() {
    let site = Site::new(Setup::hotfix("NODE1"));
    let plan = site.plan();
    let mut terminal = Terminal::start(site.apply(&plan));
    let Event::Asked(_) = terminal.next(Duration::from_secs(60)) else { panic!("{}", terminal.text()) };
    std::thread::sleep(Duration::from_millis(50));
    let asked = terminal.written();
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(terminal.written(), asked, "{}", terminal.text());
    assert!(terminal.text().trim_end().ends_with("and the reason:"), "{}", terminal.text());
}

/// By the journal: fail-over was proven by a move that was really carried out, after both nodes were patched
/// (E03-CLU-14-FAILOVER, step 17), and versions were looked at after it on every node and in the directory
/// (E03-CLU-15-VERSION, step 18).
fn verified(site: &Site) {
    let (run, entries) = site.journal();
    assert!(run.finished());
    let at = |wanted: &dyn Fn(&Action) -> bool| -> Vec<usize> {
        let settled = |record: &Record| match record {
            Record::Outcome { step, outcome: Outcome::Done { .. }, .. } => Some(step.clone()),
            Record::AlreadyDone { step, .. } => Some(step.clone()),
            _ => None,
        };
        let wants = |id| run.plan().step(&id).is_some_and(|s| wanted(&s.action));
        entries
            .iter()
            .enumerate()
            .filter(|(_, e)| settled(&e.record).is_some_and(wants))
            .map(|(n, _)| n)
            .collect()
    };
    let installed = at(&|action| matches!(action, Action::Install { .. }));
    let proofs = at(&|action| matches!(action, Action::Move { proof: true, .. }));
    let looked = at(&|action| matches!(action, Action::Verify { .. }));
    assert_eq!(proofs.len(), 1);
    let proof = &entries[proofs[0]].record;
    assert!(matches!(proof, Record::Outcome { .. }), "a proof is carried out, not found: {proof:?}");
    assert!(installed.iter().all(|i| *i < proofs[0]));
    assert_eq!(looked.len(), 4, "the virtual server, two nodes, the cluster");
    assert!(looked.iter().all(|l| *l > proofs[0]));
}
