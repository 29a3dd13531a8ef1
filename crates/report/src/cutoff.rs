//! Interruptions as they were planned, and as they were.

use kaketsugi_estate::{ClusterId, GroupId, Millis};
use kaketsugi_plan::Plan;
use kaketsugi_plan::render::outages;
use serde::{Deserialize, Serialize};

use crate::trail::{StepLine, StepResult};

/// A planned interruption, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutOff {
    /// The group's cluster.
    pub cluster: ClusterId,
    /// The group.
    pub group: GroupId,
    /// Number of the step with which it begins.
    pub first: usize,
    /// Number of the step with which it ends.
    pub last: usize,
    /// How long it was expected to be, in seconds.
    pub declared_seconds: u64,
    /// What became of it.
    #[serde(flatten)]
    pub course: Course,
}

/// What became of a planned interruption. Times are as the controller saw them: from the order that cuts users off to
/// the proof that they are served again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "course")]
pub enum Course {
    /// It began and ended.
    Over {
        /// From.
        from: Millis,
        /// To.
        to: Millis,
        /// Between the two.
        seconds: u64,
    },
    /// It began, and that it ended is not in the journal.
    Open {
        /// From.
        from: Millis,
    },
    /// Nothing was done that cuts users off.
    DidNotHappen,
    /// The run didn't come to it.
    NotReached,
}

/// Every planned interruption of a run.
pub(crate) fn cut_offs(plan: &Plan, steps: &[StepLine]) -> Vec<CutOff> {
    let course = |first: usize, last: usize| {
        // What interrupts is an attempt; a step that held already or was skipped did nothing.
        let within = steps.get(first - 1..last).unwrap_or_default();
        let from = within.iter().find_map(|s| s.attempts.first()).map(|a| a.begun);
        let Some(end) = within.last() else { return Course::NotReached };
        let proven = matches!(end.result, StepResult::Done | StepResult::HeldAlready);
        match (from, end.ended.filter(|_| proven)) {
            (Some(from), Some(to)) => {
                Course::Over { from, to, seconds: to.0.saturating_sub(from.0).div_ceil(1000) }
            }
            (Some(from), None) => Course::Open { from },
            (None, Some(_)) => Course::DidNotHappen,
            (None, None) => Course::NotReached,
        }
    };
    outages(plan)
        .into_iter()
        .map(|outage| CutOff {
            course: course(outage.first, outage.last),
            cluster: outage.cluster,
            group: outage.group,
            first: outage.first,
            last: outage.last,
            declared_seconds: outage.expected_seconds,
        })
        .collect()
}
