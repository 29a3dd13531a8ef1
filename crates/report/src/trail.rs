//! What became of each step: attempts with their times, outputs and ends.

use std::collections::BTreeMap;

use kaketsugi_estate::Millis;
use kaketsugi_plan::render::{who, words};
use kaketsugi_plan::{Plan, Step, StepId};
use kaketsugi_run::{Outcome, Record};
use kaketsugi_runner::Entry;
use serde::{Deserialize, Serialize};

use crate::basis::{Basis, basis};
use crate::{Machines, Meta};

/// A step of the plan, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepLine {
    /// Its number in the plan, from 1.
    pub number: usize,
    /// Its name.
    pub id: StepId,
    /// What it does.
    pub title: String,
    /// Who does it.
    pub who: String,
    /// What became of it.
    pub result: StepResult,
    /// When it began: all that it requires held then.
    pub begun: Option<Millis>,
    /// When it was proven done, failed, or was found not to be needed.
    pub ended: Option<Millis>,
    /// Seconds between the two.
    pub seconds: Option<u64>,
    /// Why it was skipped.
    pub skipped_because: Option<String>,
    /// Conditions that held when it began.
    pub checked: Vec<String>,
    /// Conditions that proved it done.
    pub proven: Vec<String>,
    /// Attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// What "done" rests on; None while it isn't.
    pub rests_on: Option<Basis>,
    /// Rules and articles.
    pub cites: Vec<String>,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepResult {
    /// Carried out and proven.
    Done,
    /// What proves it done held already; nothing was run.
    HeldAlready,
    /// Its condition was answered with no.
    Skipped,
    /// It failed.
    Failed,
    /// A person said it can't be done, or it was never begun.
    Cancelled,
    /// It was begun, and how it ended isn't known.
    Lost,
    /// It was begun, and its end is not in the journal.
    InWork,
    /// The run didn't come to it.
    NotReached,
}

/// One attempt at a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counts from 1.
    pub number: u32,
    /// When it was ordered.
    pub begun: Millis,
    /// When its end was recorded.
    pub ended: Option<Millis>,
    /// How it ended; None: its end is not in the journal.
    pub end: Option<Ended>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Ended {
    /// Proven.
    Done {
        /// Exit code, where there was one.
        code: Option<u32>,
        /// Output, as the journal has it.
        output: String,
    },
    /// Not so.
    Failed {
        /// Exit code, where there was one.
        code: Option<u32>,
        /// Output, as the journal has it.
        output: String,
    },
    /// It was not done.
    Cancelled {
        /// Why, in a person's words or ours.
        why: String,
    },
    /// Its end can't be known.
    Lost {
        /// Output, as the journal has it.
        output: String,
    },
}

impl StepResult {
    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::HeldAlready => "held already",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Cancelled => "not done",
            Self::Lost => "lost",
            Self::InWork => "in work",
            Self::NotReached => "not reached",
        }
    }
}

impl Ended {
    /// Output and exit code, where there are any.
    pub(crate) fn output(&self) -> (Option<u32>, &str) {
        match self {
            Self::Done { code, output } | Self::Failed { code, output } => (*code, output),
            Self::Lost { output } => (None, output),
            Self::Cancelled { why } => (None, why),
        }
    }

    fn result(&self) -> StepResult {
        match self {
            Self::Done { .. } => StepResult::Done,
            Self::Failed { .. } => StepResult::Failed,
            Self::Cancelled { .. } => StepResult::Cancelled,
            Self::Lost { .. } => StepResult::Lost,
        }
    }
}

impl From<&Outcome> for Ended {
    fn from(outcome: &Outcome) -> Self {
        match outcome.clone() {
            Outcome::Done { code, output } => Self::Done { code, output },
            Outcome::Failed { code, output } => Self::Failed { code, output },
            Outcome::Cancelled { why } => Self::Cancelled { why },
            Outcome::Lost { output } => Self::Lost { output },
        }
    }
}

/// What the journal holds of one step.
#[derive(Debug, Default)]
struct Trail {
    when: Option<(Millis, bool)>,
    held: Option<Millis>,
    begun: Option<Millis>,
    attempts: Vec<Attempt>,
    attested_by: Option<String>,
}

/// Every step of a plan, and what became of it.
pub(crate) fn steps(plan: &Plan, entries: &[Entry], meta: &Meta) -> Vec<StepLine> {
    let mut trails: BTreeMap<&StepId, Trail> = BTreeMap::new();
    let mut attested = None;
    for Entry { at, record, .. } in entries {
        match record {
            Record::When { step, answer } => trails.entry(step).or_default().when = Some((*at, *answer)),
            Record::AlreadyDone { step } => trails.entry(step).or_default().held = Some(*at),
            Record::StepBegun { step, .. } => {
                let trail = trails.entry(step).or_default();
                trail.begun.get_or_insert(*at);
                // What was found done before is done anew.
                trail.held = None;
            }
            Record::Intent { step, attempt } => {
                let attempt = Attempt { number: *attempt, begun: *at, ended: None, end: None };
                trails.entry(step).or_default().attempts.push(attempt);
            }
            // A person's word comes right before the outcome of the step that asked for it.
            Record::Attested { evidence } => attested = Some(evidence.by.clone()),
            Record::Outcome { step, attempt, outcome } => {
                let trail = trails.entry(step).or_default();
                trail.attested_by = attested.take();
                if let Some(open) = trail.attempts.iter_mut().rfind(|a| a.number == *attempt) {
                    open.ended = Some(*at);
                    open.end = Some(Ended::from(outcome));
                }
            }
            Record::Begun { .. }
            | Record::Resumed { .. }
            | Record::Locked { .. }
            | Record::Stopped { .. }
            | Record::Finished => {}
        }
    }
    let line = |(index, step): (usize, &Step)| {
        self::line(plan, meta.machines, index + 1, step, trails.remove(&step.id).unwrap_or_default())
    };
    plan.steps.iter().enumerate().map(line).collect()
}

fn line(plan: &Plan, machines: Machines, number: usize, step: &Step, trail: Trail) -> StepLine {
    let last = trail.attempts.last();
    let result = match (trail.when, trail.held, last) {
        (Some((_, false)), ..) => StepResult::Skipped,
        (_, Some(_), _) => StepResult::HeldAlready,
        (_, None, Some(Attempt { end: Some(end), .. })) => end.result(),
        (_, None, Some(Attempt { end: None, .. })) => StepResult::InWork,
        (_, None, None) => StepResult::NotReached,
    };
    let ended = match result {
        StepResult::Skipped => trail.when.map(|(at, _)| at),
        StepResult::HeldAlready => trail.held,
        _ => last.and_then(|a| a.ended),
    };
    let begun = trail.begun.or_else(|| trail.attempts.first().map(|a| a.begun));
    let done = matches!(result, StepResult::Done | StepResult::HeldAlready);
    StepLine {
        number,
        id: step.id.clone(),
        title: step.title.clone(),
        who: words::actor(who(plan, step)).into(),
        result,
        begun,
        ended,
        seconds: begun.zip(ended).map(|(from, to)| to.0.saturating_sub(from.0).div_ceil(1000)),
        skipped_because: step
            .when
            .as_ref()
            .filter(|_| result == StepResult::Skipped)
            .map(|when| format!("not so: {when}")),
        checked: if trail.begun.is_some() { words::conditions(&step.requires) } else { Vec::new() },
        proven: if done { words::conditions(&step.expects) } else { Vec::new() },
        rests_on: done.then(|| basis(plan, machines, step, trail.attested_by)),
        attempts: trail.attempts,
        cites: step.cites.clone(),
    }
}
