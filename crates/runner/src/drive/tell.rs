//! What a driver tells those who look on.

use kaketsugi_estate::Snapshot;
use kaketsugi_plan::{Answer, Step, StepId};
use kaketsugi_run::{Event, GroupLine, Run, Want, What};

use super::Driver;
use super::since::Since;
use crate::clock::now;

/// So many conditions are named of those that are waited for.
const NAMED_MAX: usize = 3;

impl Driver<'_> {
    /// The run turns to another step.
    pub(super) fn announce(&self, run: &Run, want: &Want, since: &mut Since) {
        let Some(step) = want.step().filter(|step| since.announced.as_ref() != Some(*step)) else { return };
        since.announced = Some(step.clone());
        since.told = None;
        let plan = run.plan();
        let Some(number) = plan.steps.iter().position(|s| s.id == *step) else { return };
        let Some(it) = plan.steps.get(number) else { return };
        self.emit(What::StepInWork {
            step: step.clone(),
            title: it.title.clone(),
            actor: it.actor,
            number: number + 1,
            of: plan.steps.len(),
            expected_seconds: it.expected_seconds,
        });
    }

    /// Groups, and nodes that don't answer, where that has changed.
    pub(super) fn tell_seen(&self, seen: &Snapshot, since: &mut Since) {
        for (node, server) in &seen.servers {
            let changed = if server.reached {
                since.unreached.remove(node)
            } else {
                since.unreached.insert(node.clone())
            };
            if changed {
                self.emit(What::Reach { node: node.clone(), reached: server.reached });
            }
        }
        let groups = groups(seen);
        if !groups.is_empty() && groups != since.groups {
            since.groups.clone_from(&groups);
            self.emit(What::Groups { groups });
        }
    }

    /// What the step waits for.
    pub(super) fn tell_awaited(&self, run: &Run, step: &Step, seen: &Snapshot, since: &mut Since) {
        let awaited = run.awaited(seen);
        if awaited.is_empty() {
            return;
        }
        let mut named: Vec<String> = awaited
            .iter()
            .take(NAMED_MAX)
            .map(|(condition, answer)| match answer {
                Answer::Unknown => format!("{condition} (not known)"),
                Answer::Yes | Answer::No => condition.to_string(),
            })
            .collect();
        if awaited.len() > NAMED_MAX {
            named.push(format!("and {} more", awaited.len() - NAMED_MAX));
        }
        self.tell_doing(&step.id, format!("waits until: {}", named.join("; ")), since);
    }

    /// What the step is at, when it isn't what was told last.
    pub(super) fn tell_doing(&self, step: &StepId, doing: String, since: &mut Since) {
        if since.told.as_ref() != Some(&doing) {
            since.told = Some(doing.clone());
            self.emit(What::Progress { step: step.clone(), doing });
        }
    }

    /// Something worth telling, when it isn't what was told last.
    pub(super) fn tell_once(&self, since: &mut Since, text: String) {
        if since.told.as_ref() != Some(&text) {
            since.told = Some(text.clone());
            self.note(text);
        }
    }

    pub(super) fn note(&self, text: String) {
        self.emit(What::Note { text });
    }

    pub(super) fn emit(&self, what: What) {
        (self.events)(Event { at: now(), what });
    }
}

fn groups(seen: &Snapshot) -> Vec<GroupLine> {
    let of = |(cluster, c): (&kaketsugi_estate::ClusterId, &kaketsugi_estate::ClusterSeen)| {
        let cluster = cluster.clone();
        let line = move |(group, g): (&kaketsugi_estate::GroupId, &kaketsugi_estate::GroupSeen)| GroupLine {
            cluster: cluster.clone(),
            group: group.clone(),
            owner: g.owner.clone(),
            state: g.state,
            healthy: g.healthy,
        };
        c.groups.iter().map(line).collect::<Vec<_>>()
    };
    seen.clusters.iter().flat_map(of).collect()
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
