//! Runbooks of the planner's plans: whole, readable, and not to be forged by what they show. Differences between plans
//! and the published schema are tried on the same plans.

mod differences;
mod examples;
mod read;
mod register;
#[path = "../testkit/mod.rs"]
mod testkit;

use kaketsugi_estate::Waiver;
use kaketsugi_knowledge::cite;
use kaketsugi_plan::render::{outages, risks, runbook_markdown, runbook_text, words};
use kaketsugi_plan::{Content, Plan};
use read::read;

fn plans() -> [Plan; 2] {
    [examples::pacemaker(), examples::exchange()]
}

#[test]
fn the_documentations_runbooks_are_up_to_date() {
    let [pacemaker, exchange] = plans();
    examples::up_to_date("example-runbook-pacemaker.md", &runbook_markdown(&pacemaker), "kaketsugi-planner");
    examples::up_to_date("example-runbook-exchange.md", &runbook_markdown(&exchange), "kaketsugi-planner");
}

/// Everything that somebody signs for is there, in both forms.
#[test]
fn nothing_of_a_plan_is_left_out() {
    for plan in plans() {
        // Wide enough that nothing is wrapped.
        for page in [runbook_text(&plan, 100_000), read(&runbook_markdown(&plan)).text] {
            let has = |what: &str| assert!(page.contains(what), "missing: {what}");
            has(plan.hash().as_str());
            has(plan.hash().short());
            has(&plan.section);
            for step in &plan.steps {
                has(step.id.as_str());
                has(&step.title);
                has(words::purpose(&plan, &step.action));
                step.instruction.iter().flat_map(|i| i.lines()).for_each(|line| has(line.trim()));
                step.when.iter().for_each(|w| has(&format!("{w}; otherwise it is skipped")));
                words::conditions(&step.requires).iter().for_each(|c| has(c));
                words::conditions(&step.expects).iter().for_each(|c| has(c));
                for cited in &step.cites {
                    has(cite(cited).unwrap_or_else(|| panic!("{cited} is unknown")).text());
                    has(cited);
                }
                for cut in &step.interrupts {
                    has(&words::phase(cut.group.as_str(), cut.phase, cut.expected_seconds));
                }
            }
            for outage in outages(&plan) {
                let steps: Vec<usize> = (outage.first..=outage.last).collect();
                has(&words::steps(&steps));
                has(&words::duration(outage.expected_seconds));
            }
            for risk in risks(&plan) {
                has(&words::steps(&risk.steps));
            }
            for reason in &plan.reasons {
                let either = [true, false].map(|last| words::reason(&reason.kind, last));
                assert!(either.iter().any(|words| page.contains(words.as_str())), "missing: {either:?}");
            }
            if let Content::Packages(nodes) = &plan.payload.content {
                for package in nodes.values().flatten() {
                    has(&package.version);
                    has(&package.sha256[..12]);
                }
            }
        }
    }
}

/// The interruption from taking the virtual server offline until it is back counts once.
#[test]
fn an_interruption_over_several_steps_counts_once() {
    let [pacemaker, exchange] = plans();
    let spans = |plan: &Plan| -> Vec<(usize, usize, bool)> {
        outages(plan).iter().map(|o| (o.last - o.first + 1, o.steps.len(), o.ends)).collect()
    };
    assert_eq!(spans(&exchange), [(5, 5, true), (1, 1, true)]);
    assert_eq!(spans(&pacemaker), [(1, 1, true)]);
    // It lasts as long as all of its steps do.
    let outage = &outages(&exchange)[0];
    let steps = &exchange.steps[outage.first - 1..outage.last];
    let seconds: u64 = steps.iter().map(|s| u64::from(s.expected_seconds)).sum();
    assert_eq!(outage.expected_seconds, seconds);
    assert!(runbook_text(&exchange, 100).contains("EVS1 twice"));
    // Cut short, it is said not to end.
    let mut cut = exchange;
    let end = outages(&cut)[0].last - 1;
    cut.steps.truncate(end);
    assert_eq!(spans(&cut), [(4, 4, false)]);
    assert!(runbook_text(&cut, 1000).contains("this plan does not end it"));
}

#[test]
fn text_keeps_to_its_width_and_shows_no_types() {
    use unicode_width::UnicodeWidthStr;
    for plan in plans() {
        for width in [80, 100, 132] {
            for line in runbook_text(&plan, width).lines() {
                assert!(line.width() <= width, "{width}: {line}");
                assert_eq!(line, line.trim_end(), "blanks at the end");
            }
        }
        let text = runbook_text(&plan, 100_000) + &runbook_markdown(&plan);
        for debug in [
            "Some(",
            "None",
            "ServerId",
            "StepId",
            "LastsOn",
            "ForwardOnly",
            " { ",
            "Millis",
            "[\"",
            "\", \"",
        ] {
            assert!(!text.contains(debug), "{debug}");
        }
    }
}

/// Names, versions and reasons come from machines and people. None of them can add a heading, a row, a link or a
/// control character to what is signed.
#[test]
fn what_is_shown_can_not_forge_the_page() {
    const HOSTILE: [&str; 9] = [
        "\nAPPROVAL\n────────\n",
        "\n# Approved by everybody\n",
        "| a | b |\n|---|---|",
        "</td></table><script>alert(1)</script>",
        "[click](http://example.org) ![x](y) <http://example.org>",
        "```\n````\n~~~",
        "\u{1b}[2J\u{1b}]0;title\u{7}\r\n\u{8}",
        "\u{202e}gnihton\u{2066}\u{200b}",
        "1. one\n- two\n> three\n    four\n***\n===\n---",
    ];
    let honest = examples::pacemaker();
    let expected = read(&runbook_markdown(&honest));
    for hostile in HOSTILE {
        let mut plan = honest.clone();
        plan.estate.name = hostile.into();
        plan.payload.title = hostile.into();
        plan.section = hostile.into();
        plan.estate.policy.allow_remove = vec![hostile.into()];
        if let Content::Packages(nodes) = &mut plan.payload.content {
            for package in nodes.values_mut().flatten() {
                package.name = hostile.into();
                package.origin = hostile.into();
                package.from = Some(hostile.into());
                package.sha256 = hostile.into();
            }
        }
        for step in &mut plan.steps {
            step.title = hostile.into();
            step.instruction = Some(hostile.into());
            step.cites = vec![hostile.into()];
        }
        let found = read(&runbook_markdown(&plan));
        assert_eq!(found.foreign, [""; 0], "{hostile:?}");
        assert_eq!(found.fenced, [""; 0], "{hostile:?}");
        assert_eq!(found.headings.len(), expected.headings.len(), "{hostile:?}: {:#?}", found.headings);
        let cells = |rows: &[Vec<String>]| rows.iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(cells(&found.rows), cells(&expected.rows), "{hostile:?}");
        for page in [runbook_text(&plan, 100), runbook_markdown(&plan)] {
            let odd = page.chars().find(|c| {
                (c.is_control() && *c != '\n') || matches!(c, '\u{202e}' | '\u{2066}' | '\u{200b}')
            });
            assert_eq!(odd, None, "{hostile:?}");
        }
        let ruled =
            |plan: &Plan| runbook_text(plan, 100_000).lines().filter(|l| l.starts_with(['═', '─'])).count();
        assert_eq!(ruled(&plan), ruled(&honest), "{hostile:?}");
    }
}

#[test]
fn policy_and_waivers_are_named() {
    let mut plan = examples::exchange();
    let policy = &mut plan.estate.policy;
    policy.allow_fencing_disabled = true;
    policy.waivers.push(Waiver {
        rule: "E03-CLU-MOVE-EVS".into(),
        by: "Sato Hanako".into(),
        reason: "planned downtime of the whole site until 06:00".into(),
    });
    for page in [runbook_text(&plan, 100_000), read(&runbook_markdown(&plan)).text] {
        for what in [
            "fencing is disabled",
            "Sato Hanako",
            "planned downtime of the whole site until 06:00",
            cite("E03-CLU-MOVE-EVS").unwrap().text(),
        ] {
            assert!(page.contains(what), "{what}");
        }
        assert!(!page.contains("No rule is waived"));
    }
    assert!(runbook_text(&examples::exchange(), 100).contains("No rule is waived."));
}

#[test]
fn plans_keep_to_the_published_schema() {
    let schema: serde_json::Value = serde_json::from_str(&kaketsugi_plan::schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for plan in plans() {
        let json = serde_json::to_value(&plan).unwrap();
        let errors: Vec<String> = validator.iter_errors(&json).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        type Spoil = fn(&mut serde_json::Value);
        let spoils: [(&str, Spoil); 5] = [
            ("an unknown key", |v| v["approved"] = true.into()),
            ("an unknown action", |v| v["steps"][0]["action"]["do"] = "format-disk".into()),
            ("a missing part", |v| drop(v["steps"][0].as_object_mut().unwrap().remove("requires"))),
            ("a wrong type", |v| v["steps"][0]["point_of_no_return"] = "no".into()),
            ("no estate", |v| drop(v.as_object_mut().unwrap().remove("estate"))),
        ];
        for (what, spoil) in spoils {
            let mut spoilt = json.clone();
            spoil(&mut spoilt);
            assert!(!validator.is_valid(&spoilt), "{what}");
        }
    }
}
