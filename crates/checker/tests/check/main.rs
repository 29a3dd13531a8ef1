#![expect(clippy::unwrap_used, dead_code, reason = "x")]
mod testkit;
use kaketsugi_checker::{Bounds, Outcome, check};
use kaketsugi_plan::ServiceNeed;
#[test]
fn probe() {
    let max: usize = std::env::var("MAX").unwrap().parse().unwrap();
    let only = std::env::var("ONLY").unwrap_or_default();
    for (name, plan) in [
        ("hf", testkit::exchange("exchange-2003-kb916803")),
        ("2", testkit::debian(&["n1", "n2"], ServiceNeed::Stopped)),
        ("sp", testkit::exchange("exchange-2003-sp2")),
        ("3", testkit::debian(&["n1", "n2", "n3"], ServiceNeed::Either)),
        ("4", testkit::debian(&["n1", "n2", "n3", "n4"], ServiceNeed::Either)),
        ("5", testkit::debian(&["n1", "n2", "n3", "n4", "n5"], ServiceNeed::Either)),
        ("8", testkit::debian(&["n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8"], ServiceNeed::Either)),
    ] {
        if !only.is_empty() && only != name {
            continue;
        }
        let begun = std::time::Instant::now();
        let verdict = check(&plan, &Bounds { states_max: max, ..Bounds::default() });
        println!(
            "{name}: {} steps, {} states {} transitions {:?}",
            plan.steps.len(),
            verdict.states,
            verdict.transitions,
            begun.elapsed()
        );
        match &verdict.outcome {
            Outcome::Violation(trace) => println!("{trace}"),
            other => println!("{other:?}"),
        }
        println!(
            "faults {} crashes {} ends {:?}",
            verdict.coverage.faults(),
            verdict.coverage.crashes(),
            verdict.coverage.ends()
        );
        if std::env::var("TABLE").is_ok() {
            for (step, kind, moment, cell) in verdict.coverage.cells() {
                if cell.empty.is_none() {
                    println!(
                        "{step} {kind} {moment}: {} {} {:?} {:?}",
                        cell.places, cell.crashes, cell.ends, cell.ends_with_crashes
                    );
                }
            }
        }
    }
}
