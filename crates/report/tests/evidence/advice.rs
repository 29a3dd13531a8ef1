//! What a stopped run says, for every reason that there is.

use kaketsugi_plan::{Action, Answer, Condition, Recovery};
use kaketsugi_report::next_steps;
use kaketsugi_run::{Outcome, Why};

use crate::script::{ID, Script};
use crate::{BROKEN, examples, installs};

/// A run of the Exchange cluster that stops before, in, or after the first install.
fn stopped(outcome: Option<Outcome>, why: impl Fn(kaketsugi_plan::StepId) -> Why) -> Vec<String> {
    let mut script = Script::new(examples::exchange());
    script.until(installs);
    let step = script.step().id.clone();
    if let Some(outcome) = outcome {
        script.ends(outcome);
    }
    script.stops(why(step));
    next_steps(&script.run())
}

#[test]
fn every_reason_has_words_and_a_way_on() {
    let by = || "held by run 20260101-000000-aaaaaa, epoch 3".to_owned();
    let failed = || Some(Outcome::Failed { code: Some(1603), output: "…".into() });
    let lost = || Some(Outcome::Lost { output: String::new() });
    let backup = Condition::Evidence {
        kind: kaketsugi_estate::EvidenceKind::FullBackup,
        age_max_seconds: Some(86_400),
    };
    let not_ready = |step| Why::NotReady {
        step,
        conditions: vec![
            (backup.clone(), Answer::No),
            (Condition::NoInstaller { node: "NODE2".parse().unwrap() }, Answer::Unknown),
        ],
    };
    let cases: [(Vec<String>, &[&str]); 13] = [
        (stopped(None, |_| Why::LockHeld { by: by() }), &["epoch 3", "kaketsugi unlock", "--reason"]),
        (
            stopped(None, not_ready),
            &[
                "(Install Exchange Server 2003 Service Pack 2 on NODE2) could not begin",
                "does not hold: there is a full backup",
                "could not be learned: no other installer",
                "Do not kill an installer",
                "Nothing was begun in this step",
                "a new kaketsugi plan asks for it again",
            ],
        ),
        (stopped(None, |step| Why::CannotDecide { step }), &["could not be learned", "NODE2 answers"]),
        (stopped(None, |step| Why::CannotBegin { step }), &["does not get through", "NODE2 answers"]),
        (
            stopped(failed(), |step| Why::StepFailed { step, conditions: Vec::new() }),
            &["failed with exit code 1603", "kaketsugi report", "never tried twice unasked", "--retry"],
        ),
        (
            stopped(Some(Outcome::Cancelled { why: "Sato: the media are broken".into() }), |step| {
                Why::StepFailed { step, conditions: Vec::new() }
            }),
            &["was not done: Sato: the media are broken"],
        ),
        (
            stopped(None, |step| Why::Stuck { step }),
            &["after 12 h its end is not in sight", "Do not start an installer"],
        ),
        (
            stopped(None, |step| Why::Silent { step, seconds: 180 }),
            &["has not answered for 3 min", "Switch it on", "resume"],
        ),
        (
            stopped(lost(), |step| Why::StepLost { step }),
            &["can't be known", "as after a power cut", "--retry"],
        ),
        (stopped(failed(), |step| Why::AsksBeforeRetry { step }), &["never tried twice unasked", "--retry"]),
        (stopped(None, |step| Why::WaitsForPerson { step }), &["waits for a person", "To be done: On NODE2"]),
        (stopped(None, |_| Why::Interrupted), &["was told to stop", "goes on by itself on its node"]),
        (stopped(None, |_| Why::LockLost { by: by() }), &["no longer this run's", "leave this one alone"]),
    ];
    for (lines, expected) in cases {
        let text = lines.join("\n");
        for what in expected {
            assert!(text.contains(what), "missing: {what}\n{text}");
        }
        let outdated = text.contains("has grown too old");
        assert_eq!(text.contains(&format!("kaketsugi resume {ID}")), !outdated, "{text}");
        assert!(text.starts_with("Stopped, safe"), "{text}");
        assert!(lines.iter().all(|l| !l.contains('\n')), "{text}");
        for debug in ["Some(", "None", " { ", "StepId", "Unknown", "NotReady"] {
            assert!(!text.contains(debug), "{debug}\n{text}");
        }
        assert!(text.contains("What to do next:\n  1. "), "{text}");
    }
}

/// What may be done after a failure goes by the step's own recovery class.
#[test]
fn the_way_on_goes_by_the_steps_recovery() {
    for (recovery, expected) in [
        (Recovery::Redo, "does no harm twice"),
        (Recovery::Undo, "taken back first"),
        (Recovery::ForwardOnly, "unpacked packages are configured"),
        (Recovery::Ask, "never tried twice unasked"),
    ] {
        let mut plan = examples::pacemaker();
        plan.steps.iter_mut().filter(|s| installs(s)).for_each(|s| s.recovery = recovery);
        let mut script = Script::new(plan);
        script.until(installs);
        script.ends(Outcome::Failed { code: Some(100), output: BROKEN.into() });
        let step = script.step().id.clone();
        script.stops(Why::StepFailed { step, conditions: Vec::new() });
        let text = next_steps(&script.run()).join("\n");
        assert!(text.contains(expected), "{text}");
        // The finding names the package and the line.
        assert!(
            text.contains("script of package postfix failed")
                && text.contains("installed postfix package post-"),
            "{text}"
        );
    }
}

/// What is not as it was is said while the run is stopped, and no longer when it is finished.
#[test]
fn what_was_left_behind_is_said() {
    let mut script = Script::new(examples::pacemaker());
    assert!(!next_steps(&script.run()).join("\n").contains("As it stands"), "nothing was changed yet");
    script.until(installs);
    script.stops(Why::Interrupted);
    let text = next_steps(&script.run()).join("\n");
    assert!(text.contains("n2 was put into standby"), "{text}");
    for node in ["n1", "n2", "n3"] {
        assert!(
            text.contains(&format!("Timers, service starts and failback on {node} are held back")),
            "{text}"
        );
    }
    script.resumes("").finishes();
    let text = next_steps(&script.run()).join("\n");
    let of = script.run().plan().steps.len();
    assert_eq!(text, format!("All {of} steps are done.\nThe evidence: kaketsugi report {ID}"));

    // What was put back by a step is no longer said.
    let mut script = Script::new(examples::pacemaker());
    script.until(|s| matches!(&s.action, Action::Drain { node, .. } if node.as_str() == "n3"));
    let text = next_steps(&script.run()).join("\n");
    assert!(!text.contains("n2 was put into standby") && !text.contains("cluster service on n2"), "{text}");
    assert!(text.contains("Timers, service starts and failback on n2 are held back"), "{text}");

    let mut script = Script::new(examples::pacemaker());
    script.until(|s| matches!(&s.action, Action::Drain { node, .. } if node.as_str() == "n1"));
    script.begins();
    let text = next_steps(&script.run()).join("\n");
    assert!(text.contains("Users of mail may be cut off"), "{text}");
    assert!(text.starts_with("The run is in work, or its controller is gone"), "{text}");
}
