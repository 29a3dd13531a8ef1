//! Shows what comes of a plan under faults and crashes, before any of its commands is run on a machine.
//!
//! The real run machine (`kaketsugi_run`) is driven with a world (`kaketsugi_world`) as its environment: what it wants
//! is answered with what the world shows, what it begins becomes commands to the world. There is no second
//! interpreter of plans here. Every way is explored: whether an installer asks for a restart or not, one fault at
//! every step, before, amid and after its work, and a crash of the controller after every record and between them.
//!
//! | question | module |
//! |---|---|
//! | what does an action do in the world's words? | `translate` |
//! | how does the host, or a person, answer what the machine wants? | `host`, `person` |
//! | what can go wrong here? | `faults`, `kinds` |
//! | may this be ordered; is the goal reached? | `rules` |
//! | does the plan do what it says when nothing goes wrong? | `walk` |
//! | what can come of it when something does? | `explore` |
//! | which ends can be reached from where? | `ledger` |
//! | what is found, in words? | `verdict`, `words` |
//! | does a real cluster do what the world says? | `prediction` |
//!
//! Bounds: see [`Bounds`]. What is beyond them is said, never passed over ([`Outcome::OverBound`]).

mod coverage;
mod explore;
mod faults;
mod host;
mod kinds;
mod ledger;
mod person;
mod prediction;
mod rules;
mod scene;
mod state;
mod translate;
mod verdict;
mod walk;
mod words;

use std::sync::Arc;

use kaketsugi_estate::Snapshot;
use kaketsugi_plan::Plan;

pub use coverage::{Cell, Coverage, Empty, Ending, Row};
pub use kinds::{FaultKind, Moment};
pub use prediction::Prediction;
pub use rules::{Broken, Violation};
pub use verdict::{Bounds, Outcome, Trace, Verdict};

/// Makes a new plan from what a stopped run left behind. `Ok(None)`: nothing is left to do.
pub type Replan<'a> = dyn Fn(&Snapshot) -> Result<Option<Plan>, String> + 'a;

/// Explores a plan within bounds.
#[must_use]
pub fn check(plan: &Plan, bounds: &Bounds) -> Verdict {
    check_on(plan, bounds, None)
}

/// The same, and from wherever a stopped run has been restored a new plan is made and walked too: it has to lead to the
/// goal.
#[must_use]
pub fn check_with(plan: &Plan, bounds: &Bounds, replan: &Replan<'_>) -> Verdict {
    check_on(plan, bounds, Some(replan))
}

/// How many states and transitions a plan has when they are explored in another order than [`check`] does; the same, or
/// states are taken for one that don't go on alike. None: the plan doesn't do what it says.
#[must_use]
pub fn count_depth_first(plan: &Plan, bounds: &Bounds) -> Option<(usize, usize)> {
    let walked = walk::walk(&Arc::new(plan.clone())).ok()?;
    Some(explore::depth_first(bounds, &walked))
}

fn check_on(plan: &Plan, bounds: &Bounds, replan: Option<&Replan<'_>>) -> Verdict {
    let plan = Arc::new(plan.clone());
    match walk::walk(&plan) {
        Ok(walked) => explore::explore(&plan, bounds, &walked, replan),
        Err(verdict) => *verdict,
    }
}
