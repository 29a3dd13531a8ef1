//! Which backups can still be restored: by what runs have installed since they were made (E03-BACKUP-AFTER).

use std::collections::BTreeSet;

use kaketsugi_estate::{Estate, EvidenceKind, Millis, ServerId};
use kaketsugi_plan::{Action, Payload};
use kaketsugi_run::{Outcome, Record, Run};
use kaketsugi_runner::Entry;
use serde::Serialize;

/// A backup that somebody vouches for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backup {
    /// When it was made.
    pub at: Millis,
    /// Who says so.
    pub by: String,
    /// The run in which it was said; None: the estate file.
    pub run: Option<String>,
    /// What it is to each server of the estate.
    pub servers: Vec<Fit>,
}

/// What a backup is to one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fit {
    /// The server.
    pub server: ServerId,
    /// At what it was made: a release that a run had installed, or the version that one had found. None: not known.
    pub made_at: Option<String>,
    /// What the server is at now, as far as runs tell.
    pub now: Option<String>,
    /// Whether it can be restored there online as it is now. None: not known.
    pub restorable: Option<bool>,
}

/// The backups that an estate's runs and its file tell of, oldest first. Runs of other estates are left out; what was
/// installed without this program isn't known here.
#[must_use]
pub fn backups(estate: &Estate, runs: &[(Run, Vec<Entry>)]) -> Vec<Backup> {
    let mut runs: Vec<&(Run, Vec<Entry>)> =
        runs.iter().filter(|(run, _)| run.plan().estate.name == estate.name).collect();
    runs.sort_by_key(|(_, entries)| entries.first().map(|entry| entry.at));
    let levels: Vec<(ServerId, Level)> =
        estate.servers.keys().map(|server| (server.clone(), Level::of(server, &runs))).collect();
    let mut backups: Vec<Backup> = Vec::new();
    for (at, by, run) in told(estate, &runs) {
        let fit = |(server, level): &(ServerId, Level)| level.fit(server, at);
        backups.push(Backup { at, by, run, servers: levels.iter().map(fit).collect() });
    }
    backups
}

/// When, by whom, in which run.
type Said = (Millis, String, Option<String>);

fn told(estate: &Estate, runs: &[&(Run, Vec<Entry>)]) -> BTreeSet<Said> {
    let is_backup = |kind| matches!(kind, EvidenceKind::FullBackup | EvidenceKind::BackupAfter);
    let mut said: BTreeSet<Said> = BTreeSet::new();
    for (run, entries) in runs {
        for entry in entries {
            let Record::Attested { evidence } = &entry.record else { continue };
            if is_backup(evidence.kind) {
                said.insert((evidence.at, evidence.by.clone(), Some(run.token().run.clone())));
            }
        }
    }
    let of_file = estate.evidence.iter().filter(|entry| is_backup(entry.kind));
    said.extend(of_file.map(|entry| (entry.at, entry.by.clone(), None)));
    said
}

/// What databases are like was changed: by a release that a run installed, or by somebody between two runs.
#[derive(Debug)]
struct Change {
    title: String,
    begun: Millis,
    /// None: it was begun, and no run has seen its end.
    done: Option<Millis>,
}

/// The course of one server.
#[derive(Debug)]
struct Level {
    /// Before any of the changes.
    first: Option<String>,
    changes: Vec<Change>,
}

impl Level {
    fn of(server: &ServerId, runs: &[&(Run, Vec<Entry>)]) -> Self {
        let version = |run: &Run| run.plan().snapshot.servers.get(server)?.version.clone();
        let mut changes: Vec<Change> = Vec::new();
        // What the run before found there, how many changes there were then, and its last moment.
        let mut before: Option<(String, usize, Millis)> = None;
        for (run, entries) in runs {
            let found = version(run);
            let (Some(first), Some(last)) = (entries.first(), entries.last()) else { continue };
            if let (Some((was, count, until)), Some(is)) = (&before, &found)
                && was != is
                && *count == changes.len()
            {
                changes.push(Change { title: is.clone(), begun: *until, done: Some(first.at) });
            }
            before = found.map(|found| (found, changes.len(), last.at)).or(before);
            for entry in entries {
                let (step, done) = match &entry.record {
                    Record::Intent { step, .. } => (step, false),
                    Record::Outcome { step, outcome: Outcome::Done { .. }, .. } => (step, true),
                    _ => continue,
                };
                let action = run.plan().step(step).map(|step| &step.action);
                let Some(Action::Install { node, release }) = action else { continue };
                let Some(payload) = run.plan().payload.find(release) else { continue };
                if node != server || !changes_databases(payload) {
                    continue;
                }
                // Tried again, it is the same change.
                let open =
                    changes.last_mut().filter(|last| last.done.is_none() && last.title == payload.title);
                match (open, done) {
                    (Some(last), true) => last.done = Some(entry.at),
                    (Some(_), false) => {}
                    (None, done) => changes.push(Change {
                        title: payload.title.clone(),
                        begun: entry.at,
                        done: done.then_some(entry.at),
                    }),
                }
            }
        }
        Self { first: runs.iter().find_map(|(run, _)| version(run)), changes }
    }

    /// How many changes were whole at a moment; None: one was under way.
    fn at(&self, moment: Millis) -> Option<usize> {
        let begun = self.changes.iter().filter(|change| change.begun <= moment);
        begun
            .map(|change| change.done.is_some_and(|done| done <= moment))
            .try_fold(0, |count, whole| whole.then_some(count + 1))
    }

    fn name(&self, count: usize) -> Option<String> {
        match count.checked_sub(1) {
            Some(last) => self.changes.get(last).map(|change| change.title.clone()),
            None => self.first.clone(),
        }
    }

    fn fit(&self, server: &ServerId, made: Millis) -> Fit {
        let (then, now) = (self.at(made), self.at(Millis(u64::MAX)));
        let made_at = then.and_then(|count| self.name(count));
        let restorable = match (then, now) {
            (Some(then), Some(now)) => made_at.is_some().then_some(then == now),
            // What is half there is nothing that was there before.
            (Some(_), None) => Some(false),
            (None, _) => None,
        };
        Fit { server: server.clone(), made_at, now: now.and_then(|count| self.name(count)), restorable }
    }
}

/// Whether older online backups can't be restored once a release is there: service packs, and fixes of the store.
fn changes_databases(payload: &Payload) -> bool {
    let of_catalogue = || kaketsugi_knowledge::releases().resolve(payload.id.as_str());
    payload.product.is_exchange()
        && (payload.service_pack || of_catalogue().is_some_and(|release| release.changes_store))
}
