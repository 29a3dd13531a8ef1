//! Looks that cost a person a walk: what they are told, and how far one walk goes.

use std::collections::BTreeSet;
use std::time::Duration;

use kaketsugi_estate::{ServerId, Snapshot};
use kaketsugi_plan::{Answer, Step, StepId};
use kaketsugi_platform::Question;
use kaketsugi_run::Run;
use tokio::time::Instant;

use super::Driver;
use super::answer::question;
use super::since::Since;

/// For how long a look that a person carried stands for the next one. Nothing of this run was done since; what others
/// did would not be seen any sooner by an answer that has to be carried, too.
const YOUNG: Duration = Duration::from_secs(10 * 60);

/// A look that a person carried.
pub(super) struct Carried {
    at: Instant,
    servers: BTreeSet<ServerId>,
    health: bool,
    seen: Snapshot,
}

impl Carried {
    fn answers(&self, question: &Question<'_>) -> bool {
        let all = self.servers.is_empty();
        let covers = all || (!question.servers.is_empty() && question.servers.is_subset(&self.servers));
        covers && (self.health || !question.health) && self.at.elapsed() < YOUNG
    }
}

impl Driver<'_> {
    /// Whether a look for this step costs a person's time.
    pub(super) fn costs_a_person(&self, run: &Run, step: &StepId) -> bool {
        let Some(step) = run.plan().step(step) else { return false };
        self.platform.looks_cost_a_person(&question(run, step, None))
    }

    /// A look. None: it waits for a person who doesn't bring its answers, which is told.
    pub(super) async fn seen(&mut self, question: &Question<'_>, since: &mut Since) -> Option<Snapshot> {
        since.carried = None;
        // A look is as old as its first question.
        let at = Instant::now();
        let seen = self.platform.probe(question).await;
        if let Some(why) = self.platform.waits_for_person() {
            self.note(why);
            return None;
        }
        if self.platform.looks_cost_a_person(question) {
            since.carried = Some(Carried {
                at,
                servers: question.servers.clone(),
                health: question.health,
                seen: seen.clone(),
            });
        }
        self.tell_seen(&seen, since);
        Some(seen)
    }

    /// A look for a step. Where it costs a walk, the one that proved the step before may stand for it; never at a point of
    /// no return, and never for what it was looked at for already.
    pub(super) async fn seen_for(
        &mut self,
        step: &Step,
        question: &Question<'_>,
        since: &mut Since,
    ) -> Option<Snapshot> {
        let costs = self.platform.looks_cost_a_person(question);
        let carried = since.carried.as_ref().filter(|carried| costs && carried.answers(question));
        if let Some(carried) = carried.filter(|_| !step.point_of_no_return && !since.again()) {
            return Some(carried.seen.clone());
        }
        self.seen(question, since).await
    }
}

/// What a person who carries a look is told of it: what for, and what wasn't so the last time.
pub(super) fn why(run: &Run, step: &Step, last: Option<&Snapshot>) -> Vec<String> {
    let begun = run.state(&step.id).is_some_and(|s| s.open);
    let what = if begun { "is done" } else { "may begin" };
    let mut why = vec![format!("To see whether this {what}: {}.", step.title)];
    for (condition, answer) in last.map(|seen| run.awaited(seen)).unwrap_or_default() {
        why.push(match answer {
            Answer::Unknown => format!("At the last look this was not known: {condition}."),
            Answer::Yes | Answer::No => format!("At the last look this was not so yet: {condition}."),
        });
    }
    why
}
