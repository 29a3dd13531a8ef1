//! The main job on real machines: real updates go onto a real Pacemaker mail cluster while mail flows.

mod support;

use std::process::Stdio;
use std::time::{Duration, Instant};

use kaketsugi_lab::{Config, possible_for};
use kaketsugi_plan::{Interruption, Phase, Plan};
use kaketsugi_run::Record;
use kaketsugi_runner::Entry;
use support::{Bench, figure, wait};

/// Times, in milliseconds since the epoch, in which a run had declared that the mail group's users are cut off: from the
/// intent of an interrupting step to its outcome.
fn declared(plan: &Plan, entries: &[Entry]) -> Vec<(u64, u64)> {
    let interrupting =
        |id| plan.step(id).is_some_and(|s| s.interrupts.iter().any(|i| i.group.as_str() == "mail"));
    let mut windows = Vec::new();
    let mut open = None;
    for entry in entries {
        match &entry.record {
            Record::Intent { step, .. } if interrupting(step) => open = Some(entry.at.0),
            Record::Outcome { step, .. } if interrupting(step) => {
                windows.extend(open.take().map(|from| (from, entry.at.0)));
            }
            _ => {}
        }
    }
    windows
}

/// How often a plan interrupts a group.
fn moves(plan: &Plan, group: &str) -> usize {
    let begin =
        |i: &&Interruption| matches!(i.phase, Phase::Whole | Phase::Begins) && i.group.as_str() == group;
    plan.steps.iter().flat_map(|s| &s.interrupts).filter(begin).count()
}

fn rolling(bench: Bench, bare_moves: usize) {
    let config = bench.lab.facts().config.clone();
    let nodes = config.nodes;
    let before = bench.configuration("n1");

    let mut bare: Vec<u64> = Vec::new();
    for _ in 0..bare_moves {
        let client = bench.lab.mail_client().unwrap();
        std::thread::sleep(Duration::from_secs(2));
        bench.lab.move_group("mail").unwrap();
        let report = client.finish_after(Duration::from_secs(2)).unwrap();
        assert_eq!(report.lost, Vec::<String>::new());
        bare.push(report.longest_gap_ms());
    }
    bare.sort_unstable();

    bench.assert_discovered();
    let plan = bench.plan();
    // A node that carries a group has to be patched, and another one is free: once is enough, and as often as it must be.
    let groups: Vec<&str> = config.groups.iter().map(|g| g.name.as_str()).collect();
    for group in &groups {
        assert_eq!(moves(&plan, group), 1, "{group}");
    }
    let started: Vec<usize> = groups.iter().map(|group| bench.starts(group)).collect();

    let client = bench.lab.mail_client().unwrap();
    let begun = Instant::now();
    let mut child = bench.apply(&plan).stdout(Stdio::inherit()).stderr(Stdio::inherit()).spawn().unwrap();
    let code = wait(&mut child, Duration::from_secs(1500));
    assert_eq!(code, 0);
    let took = begun.elapsed();
    let report = client.finish_after(Duration::from_secs(3)).unwrap();

    assert_eq!(report.lost, Vec::<String>::new());
    assert!(report.accepted.len() > 100, "a client that sends nothing loses nothing");
    bench.assert_mended(&plan, &before);
    bench.assert_restarted(&plan);
    for (group, before) in groups.iter().zip(started) {
        assert!(before > 0, "a log that says nothing of {group} counts nothing");
        assert_eq!(
            bench.starts(group) - before,
            1,
            "{group}: moved more often than planned, says Pacemaker's log"
        );
    }
    let (run, entries) = bench.journal();
    assert!(run.finished());
    let windows = declared(&plan, &entries);
    assert_eq!(windows.len(), 1, "{windows:?}");
    for gap in &report.either {
        // A second of slack on either side: the client tries every 0.15 s and the journal is written before and after.
        let inside = windows.iter().any(|(from, to)| gap.from_ms + 1000 >= *from && gap.to_ms <= to + 1000);
        assert!(inside, "a gap outside every declared interruption: {gap:?}, declared {windows:?}");
    }
    figure(&format!("{nodes} nodes, whole run"), format!("{} s", took.as_secs()));
    figure(&format!("{nodes} nodes, mails accepted"), report.accepted.len());
    figure(&format!("{nodes} nodes, longest gap"), format!("{} ms", report.longest_gap_ms()));
    if let Some(median) = bare.get(bare.len() / 2) {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a test fit a float exactly")]
        let ratio = report.longest_gap_ms() as f64 / *median as f64;
        figure(&format!("{nodes} nodes, bare moves"), format!("{bare:?} ms"));
        figure(&format!("{nodes} nodes, longest gap against the median bare move"), format!("{ratio:.2}"));
    }
    bench.down();
}

#[test]
fn three_nodes() {
    if possible_for("three_nodes") {
        let policy = "restart = \"always\"\nsoak-seconds = 10";
        rolling(Bench::up(&Config::mail(3).with_web(), policy), 5);
    }
}

#[test]
fn two_nodes() {
    if possible_for("two_nodes") {
        // Restarted when the updates ask for it, as where nobody says otherwise; by an account that isn't root.
        let login = "user = \"admin\"\nbecome = true";
        rolling(Bench::up_as(&Config::mail(2), "soak-seconds = 10", login), 0);
    }
}
