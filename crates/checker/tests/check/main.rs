//! Plans that are right, and plans that were broken on purpose.
#![expect(clippy::unwrap_used, reason = "a test that can't make its plan has failed")]

mod testkit;

use kaketsugi_checker::{Bounds, Outcome, check};
use kaketsugi_plan::ServiceNeed;

#[test]
fn probe() {
    for (name, plan) in [
        ("3", testkit::debian(&["n1", "n2", "n3"], ServiceNeed::Either)),
        ("2", testkit::debian(&["n1", "n2"], ServiceNeed::Stopped)),
        ("sp", testkit::exchange("exchange-2003-sp2")),
        ("hf", testkit::exchange("exchange-2003-kb916803")),
    ] {
        let begun = std::time::Instant::now();
        let verdict = check(&plan, &Bounds::default());
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
    }
}
