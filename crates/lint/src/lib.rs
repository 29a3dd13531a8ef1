//! An independent judge of plans. It reads the plan alone, with bookkeeping of its own, and runs before every apply.
//!
//! Nothing here knows the planner or the world: what they get wrong together, this crate is to see. [`lint`] walks
//! the steps in their order, starting from the plan's snapshot, and keeps books (`ledger`): which nodes are out,
//! where groups may be, what is staged, quiet, installed. Every [`Check`] is a small function over that walk, with a
//! code of its own; all of them are listed by [`checks`], by topic:
//!
//! | topic | asks |
//! |---|---|
//! | `form` | is each step well made: id, order, actor, recovery, time-outs? |
//! | `proof` | does each step look before it acts, and prove that it is done? |
//! | `fresh` | does the snapshot allow a run at all? |
//! | `payload` | is the release what the catalogue says it is? |
//! | `install` | is every install on an empty, staged, quiet node, in the right state of the cluster service? |
//! | `outage` | is never more out than may be, and has every group somewhere to go? |
//! | `back` | does all come back: nodes, services, settings, trust in a patched node? |
//! | `restart` | is a node restarted exactly when it has to be? |
//! | `exchange` | the order of E03-CLU-01 to 14 |
//! | `upgrade` | virtual servers: one by one, under E03-EVS-CONDITIONS, never back |
//! | `evidence` | backups, notes, tests, protection |
//! | `declared` | is every interruption declared, and no other? |
//! | `exposure` | is every exposure declared, and no other? |
//! | `goal` | is everything at its goal after the last step? |
//!
//! A step with a `when` may be carried out or skipped: the plan is walked both ways.

mod checks;
mod ledger;
mod may_hold;
mod objection;
mod walk;

pub use objection::{Check, Objection, checks};

use kaketsugi_estate::Estate;
use kaketsugi_plan::Plan;

use crate::walk::Walk;

/// Judges a plan. Empty: nothing speaks against it.
#[must_use]
pub fn lint(plan: &Plan) -> Vec<Objection> {
    let mut objections = Vec::new();
    for answer in [true, false] {
        let walk = Walk::of(plan, answer);
        for check in checks() {
            for objection in check.judge(&walk) {
                // Both walks see most mistakes; the words may differ where the bookkeeping does.
                let known = |o: &Objection| o.code == objection.code && o.step == objection.step;
                if answer || !objections.iter().any(known) {
                    objections.push(objection);
                }
            }
        }
    }
    objections
}

/// Judges whether a plan still speaks of this estate: what the administrator wrote may have changed since the plan
/// was made. Evidence may be added at any time.
#[must_use]
pub fn lint_against(plan: &Plan, now: &Estate) -> Vec<Objection> {
    checks::fresh::estate_unchanged(plan, now)
}
