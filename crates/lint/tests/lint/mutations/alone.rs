//! Servers that stand alone: what is different where nothing takes over, and the order of front ends and back ends.

use kaketsugi_estate::{EvidenceKind, GroupState};
use kaketsugi_plan::{Condition, Phase};

use super::{Mutation, mutation};
use crate::kit::{alone, alone_half_done, at, group, put_before, remove};

pub(super) fn mutations() -> Vec<Mutation> {
    vec![
        mutation("exchange-front-ends-first", "the back end first", alone, |p| {
            put_before(p, "install/BE1/1", "install/FE1/1");
        }),
        mutation("exchange-front-ends-first", "no front end at all", alone, |p| remove(p, "install/FE1/1")),
        mutation("declared-missing", "an installer that says nothing of its users", alone, |p| {
            at(p, "install/BE1/1").interrupts.clear();
        }),
        mutation("declared-missing", "a restart that says nothing of its users", alone, |p| {
            at(p, "restart/BE1/1").interrupts.clear();
        }),
        mutation("declared-false", "users of another server", alone, |p| {
            at(p, "install/BE1/1").interrupts[0].group = group("FE1");
            at(p, "install/BE1/1").interrupts[0].cluster = "FE1".parse().unwrap();
        }),
        mutation("declared-phase", "cut off for longer than the installer is at work", alone, |p| {
            at(p, "install/BE1/1").interrupts[0].phase = Phase::Begins;
        }),
        mutation("declared-phase", "a half-done server said to be cut off anew", alone_half_done, |p| {
            at(p, "install/FE1/1").interrupts[0].phase = Phase::Whole;
        }),
        mutation("install-unstaged", "never staged", alone, |p| remove(p, "stage/BE1/1")),
        mutation("restart-missing", "no restart where one may be asked for", alone, |p| {
            remove(p, "restart/BE1/1")
        }),
        mutation("evidence-backup", "no backup", alone, |p| {
            at(p, "install/BE1/1")
                .requires
                .retain(|c| !matches!(c, Condition::Evidence { kind: EvidenceKind::FullBackup, .. }));
        }),
        mutation("back-health-gate", "nobody looks whether users are served again", alone, |p| {
            remove(p, "verify/FE1/1")
        }),
        mutation("exchange-version-look", "nobody looks at the version in the end", alone, |p| {
            remove(p, "verify/BE1/2");
        }),
        mutation("goal-group-offline", "users who were cut off stay so", alone_half_done, |p| {
            remove(p, "install/FE1/1");
        }),
        mutation("fresh-group-state", "services that have failed", alone, |p| {
            let unit = p.snapshot.clusters.values_mut().next().unwrap();
            unit.groups.values_mut().for_each(|g| g.state = GroupState::Failed);
        }),
    ]
}
