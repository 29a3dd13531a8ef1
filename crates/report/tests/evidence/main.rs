//! Evidence reports of journals that were written by the rules, and what a stopped run says.

mod advice;
mod backups;
#[path = "../../../planner/tests/runbook/examples.rs"]
mod examples;
mod hostile;
#[path = "../../../planner/tests/runbook/read.rs"]
mod read;
mod script;
#[path = "../../../planner/tests/testkit/mod.rs"]
mod testkit;

use kaketsugi_estate::Millis;
use kaketsugi_plan::{Action, Plan};
use kaketsugi_report::{Basis, Course, Machines, Meta, Report, State, StepResult, report, report_with};
use kaketsugi_run::{Outcome, Why};
use script::{Script, if_asked};

const BROKEN: &str = "Preparing to unpack .../postfix_3.10.5-1~deb13u1_amd64.deb ...\n\
    Unpacking postfix (3.10.5-1~deb13u1) over (3.10.4-1~deb13u1) ...\n\
    Setting up postfix (3.10.5-1~deb13u1) ...\n\
    dpkg: error processing package postfix (--configure):\n \
    installed postfix package post-installation script subprocess returned error exit status 1\n\
    Errors were encountered while processing:\n postfix\n\
    E: Sub-process /usr/bin/dpkg returned an error code (1)\n";

fn installs(step: &kaketsugi_plan::Step) -> bool {
    matches!(step.action, Action::Install { .. })
}

/// A night on the three-node cluster: the first install fails, is mended, and the run goes on to its end.
fn a_night() -> Script {
    let mut script = Script::new(examples::pacemaker());
    script.until(installs);
    script.ends(Outcome::Failed { code: Some(100), output: BROKEN.into() });
    let step = script.step().id.clone();
    script.stops(Why::StepFailed { step, conditions: Vec::new() });
    script.resumes("postfix: the full disk below /var was freed");
    script.until(if_asked);
    script.skips();
    script.skips();
    script.finishes();
    script
}

fn meta(script: &Script) -> Meta {
    Meta {
        approved_by: Some(format!(
            "Sato Hanako (typed {} at the terminal)",
            script.run().plan().hash().short()
        )),
        made_at: Some(Millis(examples::SEEN_AT.0 + 890_000)),
        machines: Machines::Real,
        verdict: Some("lint: no objection; checker: no violation".into()),
    }
}

#[test]
fn the_documentations_report_is_up_to_date() {
    let script = a_night();
    let report = report_with(&script.run(), &script.entries, &meta(&script));
    examples::up_to_date("example-report.md", &report.markdown(), "kaketsugi-report");
}

#[test]
fn a_finished_run_is_told_whole() {
    let script = a_night();
    let run = script.run();
    let report = report_with(&run, &script.entries, &meta(&script));
    assert_eq!(report.state, State::Finished);
    assert_eq!((report.done, report.of), (run.plan().steps.len(), run.plan().steps.len()));
    assert!(report.left.is_empty(), "{:?}", report.left);

    let tries: Vec<(usize, usize)> =
        report.steps.iter().filter(|s| s.attempts.len() > 1).map(|s| (s.number, s.attempts.len())).collect();
    let [(number, 2)] = tries[..] else { panic!("{tries:?}") };
    let failed = &report.steps[number - 1];
    // Two attempts of 140 s as planned, ten minutes of mending between them.
    let usual = u64::from(run.plan().steps[number - 1].expected_seconds);
    assert_eq!(failed.seconds, Some(2 * usual + 600));
    let skipped: Vec<&str> = report
        .steps
        .iter()
        .filter(|s| s.result == StepResult::Skipped)
        .filter_map(|s| s.skipped_because.as_deref())
        .collect();
    assert_eq!(skipped, ["not so: n2 asks for a restart"; 2]);

    let cut = &report.interruptions[0];
    let Course::Over { from, to, seconds } = cut.course else { panic!("{:?}", cut.course) };
    assert_eq!((cut.first, seconds), (cut.last, cut.declared_seconds));
    assert_eq!(to.0 - from.0, seconds * 1000);

    assert_eq!(report.settings.len(), 3, "one timer on each node");
    assert!(report.settings.iter().all(|s| s.put_back.is_some() && s.captured.is_some()));
    let versions: Vec<(&str, usize, usize)> =
        report.versions.iter().map(|v| (v.of.as_str(), v.on.len(), v.proven_by.len())).collect();
    let everywhere = ["dovecot-core:amd64", "libssl3t64:amd64", "postfix:amd64"].map(|name| (name, 3, 3));
    assert_eq!(versions[..3], everywhere);
    assert_eq!(versions[3], ("rsync:amd64", 1, 1));
    assert_eq!(report.versions[3].after.as_deref(), Some("3.4.1+ds1-5+deb13u1"));

    let stop = &report.stops[0];
    assert_eq!(report.stops.len(), 1);
    let (step, of) = (failed.number, report.of);
    assert_eq!(
        stop.happened,
        format!(
            "Step {step} of {of} (Install Debian updates of 2026-03-01 on n2) failed with exit code 100."
        )
    );
    assert!(stop.diagnoses.iter().any(|d| d.title.contains("postfix")), "{:#?}", stop.diagnoses);
    assert!(stop.next.is_empty(), "somebody went on");

    // Everything is in the page as well.
    let page = read::read(&report.markdown());
    for step in &report.steps {
        assert!(page.text.contains(&step.title) && page.text.contains(step.id.as_str()), "{}", step.id);
    }
    for what in [
        "exit code 100",
        "postfix: the full disk below /var was freed",
        "Sato Hanako",
        run.plan().hash().as_str(),
    ] {
        assert!(page.text.contains(what), "{what}");
    }
    assert!(page.fenced.iter().any(|f| f.contains("post-installation script subprocess returned error")));
    let json: Report = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    assert_eq!(json, report);
}

/// Whatever the journal was cut to, a report can be written of it, and says no more than it holds.
#[test]
fn every_prefix_of_a_journal_has_its_report() {
    let mut whole = a_night();
    let exchange = {
        let mut script = Script::new(examples::exchange());
        script.finishes();
        script
    };
    whole.wait(1);
    for script in [&whole, &exchange] {
        for length in 0..=script.entries.len() {
            let run = script.prefix(length);
            let report = report(&run, &script.entries[..length]);
            let settled =
                |r: StepResult| matches!(r, StepResult::Done | StepResult::HeldAlready | StepResult::Skipped);
            assert_eq!(
                report.steps.iter().filter(|s| settled(s.result)).count(),
                run.progress().0,
                "{length}"
            );
            let in_work = report.steps.iter().filter(|s| s.result == StepResult::InWork).count();
            assert_eq!(in_work, run.states().filter(|(_, s)| s.open).count(), "{length}");
            assert_eq!(report.state == State::Finished, run.finished());
            assert!(
                report
                    .interruptions
                    .iter()
                    .all(|i| !run.finished() || matches!(i.course, Course::Over { .. }))
            );
            assert!(!report.next.is_empty());
            if length % 7 == 0 {
                assert_eq!(read::read(&report.markdown()).foreign, [""; 0]);
            }
        }
    }
}

/// Users of the virtual server are cut off from the first of five steps to the last.
#[test]
fn an_interruption_over_several_steps_is_measured_over_all() {
    let mut script = Script::new(examples::exchange());
    let plan = script.run().plan().clone();
    let outage = &kaketsugi_plan::render::outages(&plan)[0];
    let within = &plan.steps[outage.first - 1..outage.last];
    script.until(|s| s.id == within[2].id);
    let open = report(&script.run(), &script.entries);
    assert!(matches!(open.interruptions[0].course, Course::Open { .. }), "{:?}", open.interruptions[0]);
    assert!(matches!(open.interruptions[1].course, Course::NotReached));
    assert_eq!(open.versions[0].after, None, "NODE1 was not reached");
    assert!(open.left.contains(&"Users of EVS1 are cut off.".to_owned()), "{:?}", open.left);
    // An hour of nobody doing anything counts.
    script.wait(3600);
    script.finishes();
    let report = report(&script.run(), &script.entries);
    let took: u64 = within.iter().map(|s| u64::from(s.expected_seconds)).sum::<u64>() + 3600;
    assert!(matches!(report.interruptions[0].course, Course::Over { seconds, .. } if seconds == took));
}

#[test]
fn what_a_claim_rests_on_is_said() {
    fn rests(plan: Plan, machines: Machines) -> Vec<Basis> {
        let mut script = Script::new(plan);
        script.finishes();
        let report = report_with(&script.run(), &script.entries, &Meta { machines, ..Meta::default() });
        let mut kinds: Vec<Basis> = report.steps.into_iter().filter_map(|s| s.rests_on).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    }
    let word = Basis::Word { who: Some("Sato Hanako".into()) };
    assert_eq!(rests(examples::pacemaker(), Machines::Real), [Basis::Probe]);
    assert_eq!(rests(examples::pacemaker(), Machines::Emulated), [Basis::Emulation]);
    // Over the operator transport all is what people do, and the answers that they carry.
    let by_hand = [word.clone(), Basis::Carried, Basis::PersonAndCarried];
    assert_eq!(rests(examples::exchange(), Machines::Real), by_hand);
    let mut over_ssh = examples::exchange();
    for server in over_ssh.estate.servers.values_mut() {
        server.transport = kaketsugi_estate::TransportKind::Ssh;
    }
    assert_eq!(rests(over_ssh.clone(), Machines::Real), [Basis::Probe, word.clone(), Basis::PersonAndProbe]);
    let emulated = [Basis::Emulation, word, Basis::PersonAndEmulation];
    assert_eq!(rests(over_ssh, Machines::Emulated), emulated);

    let script = Script::new(examples::pacemaker());
    let page = |machines| {
        report_with(&script.run(), &script.entries, &Meta { machines, ..Meta::default() }).markdown()
    };
    assert!(page(Machines::Emulated).contains("this was a rehearsal"));
    assert!(!page(Machines::Real).contains("No lock was taken"));
    let script = Script::new(examples::exchange());
    let carried = |machines| {
        report_with(&script.run(), &script.entries, &Meta { machines, ..Meta::default() }).markdown()
    };
    assert!(
        carried(Machines::Real).contains("No lock was taken on `NODE1`, `NODE2`: only people acted there.")
    );
    assert!(!carried(Machines::Emulated).contains("No lock was taken"));
    assert!(page(Machines::NotSaid).contains("does not say whether the machines are real"));
    assert!(!page(Machines::Real).contains("rehearsal"));
}

/// A run that was given up is not called finished, and says what it put back and what it never came to.
#[test]
fn a_run_that_was_given_up_says_so() {
    let mut script = Script::new(examples::pacemaker());
    script.until(installs);
    script.done();
    script.stops(Why::Interrupted);
    script.restores();
    let report = report(&script.run(), &script.entries);
    assert_eq!(report.state, State::Restored);
    assert!(report.done < report.of && report.left.is_empty(), "{:?}", report.left);
    assert!(report.settings.iter().all(|s| s.put_back.is_some()));
    // The last look at the versions was never taken; the install's own proof is all there is.
    let patched: Vec<&str> = report.versions[0].on.iter().map(|s| s.as_str()).collect();
    assert_eq!((patched, report.versions[0].after.is_some()), (vec!["n1", "n3"], false));
    assert!(report.versions.iter().any(|v| v.after.is_some() && v.on.len() == 1), "{:#?}", report.versions);
    assert!(report.interruptions.iter().all(|i| i.course == Course::NotReached));
    let text = report.next.join("\n");
    assert!(
        text.contains("was not carried out to its end") && text.contains("what was installed stays"),
        "{text}"
    );
    assert!(report.markdown().contains("Given up after"));
    assert!(report.markdown().contains("given up, to put back only: given up"));
}

/// Who approved is kept in the journal, on disk, and nobody can approve afterwards.
#[test]
fn the_journal_keeps_who_approved() {
    use kaketsugi_runner::{Journal, Note};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.kaketsugi");
    let plan = examples::pacemaker();
    let mut journal = Journal::create(&path, script::ID, &plan, Millis(1_000)).unwrap();
    assert_eq!(Meta::of(&journal).unwrap(), Meta { made_at: Some(Millis(1_000)), ..Meta::default() });
    journal.note(Note::ApprovedBy, "Sato Hanako").unwrap();
    journal.note(Note::Machines, Machines::Emulated.as_str()).unwrap();
    journal.note(Note::ApprovedBy, "somebody else").unwrap();
    drop(journal);
    let (journal, run, entries) = Journal::open(&path).unwrap();
    let meta = Meta::of(&journal).unwrap();
    assert_eq!(meta.approved_by.as_deref(), Some("Sato Hanako"));
    assert_eq!(meta.machines, Machines::Emulated);
    let report = report_with(&run, &entries, &meta);
    assert_eq!(report.state, State::NotBegun);
    assert!(report.markdown().contains("by Sato Hanako, 1970-01-01T00:00:01Z"));
}
