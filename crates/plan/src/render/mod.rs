//! A plan as a runbook that people can read, discuss and sign: as text and as Markdown.
//!
//! Nothing here decides or leaves anything out: the summary is counted from the steps ([`outages`], [`risks`],
//! [`time`]), and every step, citation and interruption is named. [`page`] is the form that reports share, [`words`]
//! says each thing in one way.

mod chapters;
mod clean;
mod closing;
mod contents;
mod head;
mod markdown;
pub mod page;
mod policy;
mod steps;
mod tally;
mod text;
pub mod words;

pub(crate) use tally::undone;
pub use tally::{Outage, Risk, Time, by_hand, cut_off, exposed, outages, risks, time, who};

use crate::Plan;
use page::Page;

/// The runbook as text, wrapped at `width` columns.
#[must_use]
pub fn runbook_text(plan: &Plan, width: usize) -> String {
    runbook(plan).to_text(width)
}

/// The runbook as Markdown.
#[must_use]
pub fn runbook_markdown(plan: &Plan) -> String {
    runbook(plan).to_markdown()
}

/// What a plan is, what it costs users and its steps in a line each: the runbook for those who look on.
#[must_use]
pub fn summary_text(plan: &Plan, width: usize) -> String {
    let mut page = head::head(plan);
    head::summary(&mut page, plan);
    steps::glance(&mut page, plan);
    page.to_text(width)
}

/// The runbook: what it is, what it costs users, what is installed, why in this order, each step, what happens when
/// it stops, how it is approved, and what is cited.
fn runbook(plan: &Plan) -> Page {
    let mut page = head::head(plan);
    head::summary(&mut page, plan);
    contents::contents(&mut page, plan);
    head::order(&mut page, plan);
    policy::policy(&mut page, plan);
    steps::glance(&mut page, plan);
    steps::all(&mut page, plan);
    closing::when_it_stops(&mut page, plan);
    closing::approval(&mut page, plan);
    closing::cited(&mut page, plan);
    page
}
