//! What goes wrong at night, on real machines: the controller dies or freezes, a node loses its power, a package is
//! broken.

mod support;

use std::process::Stdio;
use std::time::Duration;

use kaketsugi_checker::Prediction;
use kaketsugi_estate::Snapshot;
use kaketsugi_lab::{Config, possible_for};
use kaketsugi_plan::{Action, StepId};
use kaketsugi_run::{Outcome, Record, Why};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{Bench, UNWELL, figure, until, wait};

const POLICY: &str = "restart = \"never\"\nsoak-seconds = 0";

/// The controller is killed with -9 after each record of its journal in turn, restarts of nodes included, and resumed
/// each time.
#[test]
fn controller_killed_after_each_record() {
    if !possible_for("controller_killed_after_each_record") {
        return;
    }
    let bench = Bench::up(&Config::mail(3).with_web(), "restart = \"always\"\nsoak-seconds = 0");
    let before = bench.configuration("n1");
    let plan = bench.plan();
    let started: Vec<usize> =
        plan.snapshot.servers.keys().map(|node| bench.package_runs(node.as_str()).0).collect();
    let client = bench.lab.mail_client().unwrap();
    let mut command = bench.apply(&plan);
    let mut killed = 0;
    let mut compared = Compared::default();
    loop {
        let output = command.env("KAKETSUGI_CRASH_AFTER", "1").output().unwrap();
        match output.status.code() {
            Some(0) => break,
            None => killed += 1,
            Some(code) => panic!("exit {code}\n{}", String::from_utf8_lossy(&output.stderr)),
        }
        assert!(killed < 400, "no end in sight");
        compared.look(&bench);
        command = bench.kaketsugi(&["resume", "last"]);
    }
    let report = client.finish_after(Duration::from_secs(2)).unwrap();
    assert_eq!(report.lost, Vec::<String>::new());
    bench.assert_mended(&plan, &before);
    bench.assert_restarted(&plan);
    let (run, entries) = bench.journal();
    assert!(run.finished());
    let records = entries
        .iter()
        .filter(|e| !matches!(e.record, Record::Resumed { .. } | Record::Locked { .. }))
        .count();
    assert!(killed + 1 >= records, "{killed} kills for {records} records");
    // The package manager was started once on each node, and came to its end: never beside itself.
    for (node, before) in plan.snapshot.servers.keys().zip(started) {
        assert_eq!(bench.package_runs(node.as_str()), (before + 1, before + 1), "{node}: starts and ends");
    }
    for entry in &entries {
        if let Record::Outcome { step, outcome, .. } = &entry.record {
            assert!(matches!(outcome, Outcome::Done { .. }), "{step}: {outcome:?}");
        }
        if let Record::Intent { step, attempt } = &entry.record
            && plan.step(step).is_some_and(|s| matches!(s.action, Action::Install { .. }))
        {
            assert_eq!(*attempt, 1, "{step} was begun again");
        }
    }
    let skipped = entries.iter().filter(|e| matches!(e.record, Record::When { answer: false, .. })).count();
    assert_eq!(compared.steps + skipped, plan.steps.len(), "compared after every step");
    assert_eq!(compared.differences, Vec::<String>::new(), "between the world and the real cluster");
    figure("controller killed with -9, times", killed);
    figure("world and real cluster compared after so many steps", compared.steps);
    figure("mails accepted meanwhile", report.accepted.len());
    bench.down();
}

/// How often a cluster that isn't as expected is looked at again, a second apart: it needs that long to come to rest.
const LOOKS_TO_REST: u32 = 30;

fn look(bench: &Bench) -> Snapshot {
    serde_json::from_str(&bench.look()).unwrap()
}

/// The world's word and the real cluster's, after every step.
#[derive(Default)]
struct Compared {
    prediction: Option<Prediction>,
    records: usize,
    steps: usize,
    differences: Vec<String>,
}

impl Compared {
    /// Compares when the journal's last records say that steps are done: nothing is in work then.
    fn look(&mut self, bench: &Bench) {
        let (run, entries) = bench.journal();
        let Some(start) = run.start() else { return };
        let prediction = self.prediction.get_or_insert_with(|| Prediction::new(run.plan(), start));
        let done: Vec<&StepId> = entries[self.records..]
            .iter()
            .filter_map(|entry| match &entry.record {
                Record::Outcome { step, outcome: Outcome::Done { .. }, .. }
                | Record::AlreadyDone { step } => Some(step),
                _ => None,
            })
            .collect();
        self.records = entries.len();
        let Some(step) = done.last() else { return };
        let seen = look(bench);
        for step in &done {
            // Whether an installer asks for a restart is its own affair.
            let node = run.plan().step(step).and_then(|s| s.action.node());
            let asked = node.and_then(|n| seen.servers[n].restart_pending) == Some(true);
            prediction.step(step, asked).unwrap();
        }
        // The world speaks of a cluster that has come to rest; a node that was just started is still on its way in.
        let mut differences = prediction.differences(&seen);
        for _ in 0..LOOKS_TO_REST {
            if differences.is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_secs(1));
            differences = prediction.differences(&look(bench));
        }
        self.differences.extend(differences.iter().map(|d| format!("after {step}: {d}")));
        self.steps += done.len();
    }
}

/// A controller frozen amid a step; another one finishes the run after `unlock`; the first, thawed, does nothing.
#[test]
fn controller_frozen_and_thawed() {
    if !possible_for("controller_frozen_and_thawed") {
        return;
    }
    let bench = Bench::up(&Config::mail(2), POLICY);
    let before = bench.configuration("n1");
    let plan = bench.plan();
    let mut frozen = bench.apply(&plan).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    until("an install is in work", Duration::from_secs(300), || in_work(&bench, "install"));
    let pid = Pid::from_raw(i32::try_from(frozen.id()).unwrap());
    kill(pid, Signal::SIGSTOP).unwrap();

    bench.want(0, &["unlock", "last", "--reason", "the controller hangs"]);
    bench.want(0, &["resume", "last"]);
    bench.assert_mended(&plan, &before);
    let (run, entries) = bench.journal();
    assert!(run.finished());

    kill(pid, Signal::SIGCONT).unwrap();
    let code = wait(&mut frozen, Duration::from_secs(120));
    assert_ne!(code, 0, "the thawed controller takes nothing for its own");
    let (_, after) = bench.journal();
    assert_eq!(entries, after, "and adds nothing to the journal");
    bench.assert_mended(&plan, &before);
    bench.down();
}

/// A node loses its power during its install: the run stops, safe, and says what is next; `resume` completes.
#[test]
fn power_cut_during_an_install() {
    if !possible_for("power_cut_during_an_install") {
        return;
    }
    let bench = Bench::up(&Config::mail(2), POLICY);
    let before = bench.configuration("n1");
    let plan = bench.plan();
    let client = bench.lab.mail_client().unwrap();
    let node = plan
        .steps
        .iter()
        .find_map(
            |s| if let Action::Install { node, .. } = &s.action { Some(node.to_string()) } else { None },
        )
        .unwrap();
    let child = bench.apply(&plan).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    until("packages are being unpacked", Duration::from_secs(300), || {
        in_work(&bench, "install")
            && bench
                .lab
                .exec(&node, "grep -c ' unpack ' /var/log/dpkg.log || true")
                .is_ok_and(|n| n.trim() != "0")
    });
    bench.lab.power_off(&node).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains(&node) && said.contains("resume"), "{said}");
    let (run, _) = bench.journal();
    assert!(matches!(run.stopped(), Some(Why::Silent { .. })), "{:?}", run.stopped());

    bench.lab.power_on(&node).unwrap();
    until("the node answers", Duration::from_secs(120), || bench.lab.exec(&node, "true").is_ok());
    bench.want(0, &["resume", "last"]);
    let report = client.finish_after(Duration::from_secs(2)).unwrap();
    assert_eq!(report.lost, Vec::<String>::new());
    bench.assert_mended(&plan, &before);
    bench.down();
}

/// A deliberately broken package: the run stops after the first node, the service is up elsewhere, the finding names
/// the package and the log line.
#[test]
fn a_broken_package() {
    if !possible_for("a_broken_package") {
        return;
    }
    let bench = Bench::up(&Config::mail(3), POLICY);
    let owner = bench.lab.owner("mail").unwrap();
    bench.lab.repository().add_broken("postfix", "the-thread-is-torn").unwrap();
    let plan = bench.plan();
    let client = bench.lab.mail_client().unwrap();
    let output = bench.apply(&plan).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("postfix") && said.contains("the-thread-is-torn"), "{said}");
    let report = client.finish_after(Duration::from_secs(2)).unwrap();
    assert_eq!(report.lost, Vec::<String>::new());
    assert_eq!(report.either, [], "the service never noticed");
    assert_eq!(bench.lab.owner("mail").unwrap(), owner);
    let (_, entries) = bench.journal();
    let installs = entries
        .iter()
        .filter(|e| matches!(&e.record, Record::Intent { step, .. } if step.as_str().starts_with("install")))
        .count();
    assert_eq!(installs, 1, "no second node was touched");
    bench.down();
}

/// The updates don't do the users good: after the move onto the patched node they aren't served. The run stops, the node
/// that they came from isn't touched, and `restore` puts back everything but the patch.
#[test]
fn users_that_are_not_served_after_a_move() {
    if !possible_for("users_that_are_not_served_after_a_move") {
        return;
    }
    let bench = Bench::up(&Config::mail(2), &format!("{POLICY}\nstep-timeout-seconds = 60"));
    let before = bench.configuration("n1");
    let plan = bench.plan();
    let carrier = bench.lab.owner("mail").unwrap();
    let patched = if carrier == "n1" { "n2" } else { "n1" };
    let runs = [&*carrier, patched].map(|node| bench.package_runs(node));
    let child = bench.apply(&plan).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    until("the group is on its way", Duration::from_secs(600), || {
        in_work(&bench, &format!("drain/{carrier}"))
    });
    std::fs::write(bench.path(UNWELL), "").unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("health") && said.contains("mail") && said.contains("restore"), "{said}");
    assert_ne!(bench.lab.owner("mail").unwrap(), carrier);
    assert_eq!(bench.package_runs(&carrier), runs[0], "{carrier} was not touched");

    std::fs::remove_file(bench.path(UNWELL)).unwrap();
    bench.want(0, &["restore", "last"]);
    bench.assert_put_back(&plan, &before);
    assert!(bench.want(0, &["status"]).contains("put back"));
    // What was installed stays, and nothing more was.
    assert_eq!(bench.package_runs(&carrier), runs[0]);
    assert_eq!(bench.package_runs(patched), (runs[1].0 + 1, runs[1].1 + 1));
    bench.down();
}

/// Whether the youngest run has a step of this name in work.
fn in_work(bench: &Bench, name: &str) -> bool {
    let Ok((_, run, _)) = kaketsugi_runner::Store::new(bench.path("runs")).open("last") else { return false };
    run.states().any(|(step, state)| step.id.as_str().starts_with(name) && state.open)
}
