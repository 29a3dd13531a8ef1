//! A way through the exploration, in sentences.

use kaketsugi_estate::Snapshot;
use kaketsugi_plan::render::words::evidence as evidence_of;
use kaketsugi_plan::{Answer, Plan, StepId};
use kaketsugi_run::{Outcome, Record, Why};

use crate::faults::{Injected, Injection};

/// What a record says.
pub(crate) fn record(plan: &Plan, record: &Record) -> String {
    let title = |id: &StepId| match plan.step(id) {
        Some(step) => format!("`{id}` ({})", step.title),
        None => format!("`{id}`"),
    };
    match record {
        Record::Begun { .. } => "The run begins.".into(),
        Record::Resumed { .. } => "The run is resumed.".into(),
        Record::Locked { .. } => "The locks are taken.".into(),
        Record::When { step, answer: true } => format!("{} is due.", title(step)),
        Record::When { step, answer: false } => format!("{} isn't due and is skipped.", title(step)),
        Record::AlreadyDone { step } => format!("{} is done already.", title(step)),
        Record::StepBegun { step, .. } => format!("{}: its conditions hold.", title(step)),
        Record::Intent { step, attempt: 1 } => format!("{} is about to be carried out.", title(step)),
        Record::Intent { step, attempt } => {
            format!("{} is about to be carried out, for the {attempt}th time.", title(step))
        }
        Record::Outcome { step, outcome, .. } => match outcome {
            Outcome::Done { .. } => format!("{} is done.", title(step)),
            Outcome::Failed { .. } => format!("{} has failed.", title(step)),
            Outcome::Cancelled { why } => format!("{} is cancelled: {why}.", title(step)),
            Outcome::Lost { .. } => format!("{}: nobody knows how it ended.", title(step)),
        },
        Record::Attested { evidence } => format!("{} attests: {}.", evidence.by, evidence_of(evidence.kind)),
        Record::Stopped { why } => format!("The run stops: {}.", stopped(why)),
        Record::Finished => "The run is finished.".into(),
    }
}

/// Why a run stopped.
pub(crate) fn stopped(why: &Why) -> String {
    let unmet = |conditions: &[(kaketsugi_plan::Condition, kaketsugi_plan::Answer)]| {
        conditions.iter().map(|(c, a)| format!("“{c}”: {}", answer(*a))).collect::<Vec<_>>().join("; ")
    };
    match why {
        Why::NotReady { step, conditions } => {
            format!("conditions of `{step}` don't hold ({})", unmet(conditions))
        }
        Why::CannotDecide { step } => format!("whether `{step}` is due can't be told"),
        Why::StepFailed { step, conditions } if conditions.is_empty() => format!("`{step}` failed"),
        Why::StepFailed { step, conditions } => format!("`{step}` failed ({})", unmet(conditions)),
        Why::Stuck { step } => format!("`{step}` doesn't end"),
        Why::Silent { step, .. } => format!("the node doesn't answer while `{step}` is in work"),
        Why::StepLost { step } => format!("nobody knows how `{step}` ended"),
        Why::AsksBeforeRetry { step } => format!("`{step}` isn't tried again unasked"),
        Why::WaitsForPerson { step } => format!("`{step}` waits for a person"),
        Why::CannotBegin { step } => format!("the order for `{step}` doesn't get through to its node"),
        Why::LockHeld { by } => format!("the locks can't be taken: {by}"),
        Why::LocksLeft { by } => format!("the locks can't be given back: {by}"),
        Why::LockLost { by } => format!("the lock is no longer this run's: {by}"),
        Why::Interrupted => "it was told to".into(),
    }
}

fn answer(answer: Answer) -> &'static str {
    match answer {
        Answer::Yes => "it does",
        Answer::No => "it doesn't",
        Answer::Unknown => "nobody knows",
    }
}

/// What an injected fault says.
pub(crate) fn injected(injection: &Injection) -> String {
    match &injection.what {
        Injected::Estate(fault) => format!("FAULT: {fault}."),
        Injected::Way(_) => format!("FAULT: {}.", injection.kind),
        Injected::LongPause => "Two days pass.".into(),
    }
}

/// What is there, a sentence for each server and group.
pub(crate) fn there(snapshot: &Snapshot) -> Vec<String> {
    let mut sentences = Vec::new();
    for (id, server) in &snapshot.servers {
        let releases: Vec<_> = server.releases.iter().map(|(r, s)| format!("{r} is {s}")).collect();
        let service = server.cluster_service.map_or("unknown", |s| if s { "runs" } else { "is stopped" });
        let node = snapshot.clusters.values().find_map(|c| c.nodes.get(id));
        let state = node.map_or("not known".into(), |n| n.state.to_string());
        sentences.push(format!("{id} is {state}; {}; the cluster service {service}.", releases.join(", ")));
    }
    for (id, group) in snapshot.clusters.values().flat_map(|c| &c.groups) {
        let owner = group.owner.as_ref().map_or("nowhere", |o| o.as_str());
        let version = group.version.as_ref().map_or(String::new(), |v| format!(", version {v}"));
        sentences.push(format!("{id} is {} on {owner}{version}.", group.state));
    }
    for trouble in snapshot.clusters.values().flat_map(|c| &c.trouble) {
        sentences.push(format!("Trouble: {trouble}."));
    }
    sentences
}
