//! The report as data: what `--format json` gives, and what the Markdown is written from.

use std::collections::BTreeSet;

use kaketsugi_estate::{Millis, ServerId};
use kaketsugi_plan::PlanHash;
use kaketsugi_plan::render::words;
use kaketsugi_run::{Mode, Record, Run};
use kaketsugi_runner::Entry;
use serde::{Deserialize, Serialize};

use crate::basis::without_lock;
use crate::cutoff::{CutOff, cut_offs};
use crate::facts::{SettingLine, VersionLine, settings, versions};
use crate::stops::{Stop, stops};
use crate::trail::{StepLine, steps};
use crate::{Machines, Meta, left, next_steps};

/// Version of the report's form.
const FORM: u32 = 1;

/// The evidence report of a run. Times are milliseconds since 1970-01-01T00:00:00Z by the controller's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Version of this form.
    pub form: u32,
    /// The run's id.
    pub run: String,
    /// The estate's name.
    pub estate: String,
    /// The release's id.
    pub release: String,
    /// The release's name for people.
    pub release_title: String,
    /// The procedure that was followed.
    pub section: String,
    /// The plan's hash.
    pub plan: PlanHash,
    /// When the plan's snapshot was taken.
    pub snapshot_at: Millis,
    /// Who approved the plan; None: the journal doesn't say.
    pub approved_by: Option<String>,
    /// By when it was approved.
    pub approved_at: Option<Millis>,
    /// What lint and checker found, where the journal keeps it.
    pub verdict: Option<String>,
    /// What the machines are.
    pub machines: Machines,
    /// Servers that no command reaches: no lock was taken there.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub without_lock: BTreeSet<ServerId>,
    /// How the run stands.
    pub state: State,
    /// When it began.
    pub begun: Option<Millis>,
    /// When the last record was written.
    pub last: Option<Millis>,
    /// Steps that need nothing more.
    pub done: usize,
    /// Steps in all.
    pub of: usize,
    /// Each time somebody went on with the run.
    pub taken_over: Vec<TakenOver>,
    /// Evidence: brought with the estate, and attested during the run.
    pub evidence: Vec<EvidenceLine>,
    /// Every step.
    pub steps: Vec<StepLine>,
    /// Every planned interruption.
    pub interruptions: Vec<CutOff>,
    /// Every stop.
    pub stops: Vec<Stop>,
    /// Every setting that was captured.
    pub settings: Vec<SettingLine>,
    /// Versions before and after.
    pub versions: Vec<VersionLine>,
    /// What is not as it is meant to stay.
    pub left: Vec<String>,
    /// What to do next.
    pub next: Vec<String>,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing was changed.
    NotBegun,
    /// It is in work, or its controller is gone.
    InWork,
    /// It stopped, safe.
    Stopped,
    /// It was carried out to its end.
    Finished,
    /// It was given up, and what was changed beside the release is put back.
    Restored,
}

/// Somebody went on with a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenOver {
    /// When.
    pub at: Millis,
    /// The epoch since then.
    pub epoch: u64,
    /// Whether only settings were put back from then on.
    pub restore: bool,
    /// Whether a step that is never tried twice unasked was allowed once more.
    pub retry: bool,
    /// Why, in the administrator's words.
    pub reason: String,
}

/// A fact that somebody vouches for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceLine {
    /// Of what.
    pub what: String,
    /// When it came to be.
    pub at: Millis,
    /// Who says so.
    pub by: String,
    /// Whether it was attested during the run; otherwise it was brought along.
    pub during_run: bool,
}

/// The report of a run, from its journal's records.
#[must_use]
pub fn report(run: &Run, entries: &[Entry]) -> Report {
    report_with(run, entries, &Meta::default())
}

/// The report of a run, with what is known of it beside its records.
#[must_use]
pub fn report_with(run: &Run, entries: &[Entry], meta: &Meta) -> Report {
    let plan = run.plan();
    let steps = steps(plan, entries, meta);
    let (done, of) = run.progress();
    Report {
        form: FORM,
        run: run.token().run,
        estate: plan.estate.name.clone(),
        release: plan.payload.id.to_string(),
        release_title: plan.payload.title.clone(),
        section: plan.section.clone(),
        plan: plan.hash(),
        snapshot_at: plan.snapshot.taken_at,
        approved_by: meta.approved_by.clone(),
        approved_at: meta.made_at,
        verdict: meta.verdict.clone(),
        machines: meta.machines,
        without_lock: without_lock(plan, meta.machines),
        state: state(run),
        begun: entries.first().map(|e| e.at),
        last: entries.last().map(|e| e.at),
        done,
        of,
        taken_over: entries.iter().filter_map(taken_over).collect(),
        evidence: evidence(run, entries),
        interruptions: cut_offs(plan, &steps),
        stops: stops(run, entries),
        settings: settings(run, &steps),
        versions: versions(plan, &steps),
        left: left(run),
        next: next_steps(run),
        steps,
    }
}

fn state(run: &Run) -> State {
    match (run.finished(), run.mode()) {
        (true, Mode::Forward) => State::Finished,
        (true, Mode::Restore) => State::Restored,
        (false, _) if run.stopped().is_some() => State::Stopped,
        (false, _) if run.begun() => State::InWork,
        (false, _) => State::NotBegun,
    }
}

fn taken_over(entry: &Entry) -> Option<TakenOver> {
    match &entry.record {
        Record::Resumed { epoch, restore, retry, reason } => Some(TakenOver {
            at: entry.at,
            epoch: *epoch,
            restore: *restore,
            retry: *retry,
            reason: reason.clone(),
        }),
        _ => None,
    }
}

fn evidence(run: &Run, entries: &[Entry]) -> Vec<EvidenceLine> {
    let brought = run.plan().snapshot.evidence.iter().map(|e| EvidenceLine {
        what: words::evidence(e.kind).into(),
        at: e.at,
        by: e.by.clone(),
        during_run: false,
    });
    let attested = entries.iter().filter_map(|e| match &e.record {
        Record::Attested { evidence } => Some(EvidenceLine {
            what: words::evidence(evidence.kind).into(),
            at: evidence.at,
            by: evidence.by.clone(),
            during_run: true,
        }),
        _ => None,
    });
    brought.chain(attested).collect()
}
