//! The main job on real machines: real updates go onto a real Pacemaker mail cluster while mail flows.

mod support;

use std::process::Stdio;
use std::time::{Duration, Instant};

use kaketsugi_lab::{Config, possible_for};
use kaketsugi_plan::Phase;
use kaketsugi_run::Record;
use kaketsugi_runner::Entry;
use support::{Bench, figure, wait};

/// Times, in milliseconds since the epoch, in which a run had declared that users are cut off: from the intent of
/// an interrupting step to its outcome.
fn declared(plan: &kaketsugi_plan::Plan, entries: &[Entry]) -> Vec<(u64, u64)> {
    let interrupting = |id| plan.step(id).is_some_and(|s| !s.interrupts.is_empty());
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

fn rolling(nodes: u8, bare_moves: usize, policy: &str) {
    let bench = Bench::up(&Config::mail(nodes), policy);
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
    let moves: usize = plan
        .steps
        .iter()
        .flat_map(|s| &s.interrupts)
        .filter(|i| matches!(i.phase, Phase::Whole | Phase::Begins))
        .count();
    // One node carries mail and another is free: once is enough, and as often as it must be.
    assert_eq!(moves, 1);

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
        rolling(3, 5, "restart = \"always\"\nsoak-seconds = 10");
    }
}

#[test]
fn two_nodes() {
    if possible_for("two_nodes") {
        // Restarted when the updates ask for it, as where nobody says otherwise.
        rolling(2, 0, "soak-seconds = 10");
    }
}
