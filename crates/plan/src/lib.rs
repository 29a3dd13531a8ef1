//! Plan, step, action, condition: the words of a procedure. Nothing here decides what a plan should be.
//!
//! A plan is immutable and named by the hash of its canonical JSON ([`Plan::hash`]); its snapshot and policy travel
//! in it. Conditions are judged by [`judge`] against a [`Snapshot`](kaketsugi_estate::Snapshot), with three answers:
//! yes, no, unknown.

mod action;
mod condition;
pub mod diff;
mod finding;
mod hash;
mod judge;
mod payload;
mod plan;
pub mod render;
mod schema;
mod step;

pub use action::{Action, Actor, Target};
pub use condition::{Answer, Baseline, Condition};
pub use finding::Finding;
pub use hash::PlanHash;
pub use judge::{baseline, baseline_of_step, judge};
pub use payload::{Content, Media, Package, Payload, RestartNeed, ServiceNeed};
pub use plan::{Plan, RULES_VERSION, Reason, ReasonKind, SCHEMA};
pub use schema::schema;
pub use step::{Exposure, Interruption, Phase, Recovery, Step, StepId};
