//! Servers that stand alone: what is different where nothing takes over, and the order of front ends and back ends.

use kaketsugi_estate::{EvidenceKind, GroupState};
use kaketsugi_plan::{Condition, Phase};

use super::{Mutation, mutation};
use crate::kit::{alone, alone_half_done, at, balanced, group, put_before, remove};

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
        mutation("exchange-pool-together", "one in before the other is upgraded", balanced, |p| {
            put_before(p, "readmit/FE1/1", "install/FE2/1");
        }),
        mutation("exchange-pool-together", "one that is never taken out", balanced, |p| {
            remove(p, "drain/FE2/1");
            remove(p, "readmit/FE2/1");
        }),
        mutation("exchange-pool-together", "each by itself", balanced, |p| {
            put_before(p, "drain/FE2/1", "install/FE2/1");
        }),
        mutation("declared-missing", "a pool that nobody is told of", balanced, |p| {
            at(p, "drain/FE2/1").interrupts.clear();
        }),
        mutation("declared-missing", "a pool of which half is told", balanced, |p| {
            at(p, "drain/FE2/1").interrupts.truncate(1);
        }),
        mutation("declared-false", "users cut off while another server serves them", balanced, |p| {
            let begins = at(p, "drain/FE2/1").interrupts.clone();
            at(p, "drain/FE1/1").interrupts = begins;
        }),
        mutation("declared-phase", "cut off although one is in again", balanced, |p| {
            at(p, "readmit/FE1/1").interrupts.iter_mut().for_each(|i| i.phase = Phase::LastsOn);
        }),
        mutation("back-not-readmitted", "one that stays out", balanced, |p| remove(p, "readmit/FE2/1")),
        mutation("exposure-missing", "the last one in", balanced, |p| {
            remove(p, "drain/FE2/1");
            remove(p, "readmit/FE2/1");
        }),
        mutation("exposure-false", "one of two that serve", balanced, |p| {
            let exposes = at(p, "drain/FE2/1").exposes.clone();
            at(p, "stage/FE1/1").exposes = exposes;
        }),
        mutation("proof-missing", "nobody asks the balancer", balanced, |p| {
            at(p, "drain/FE1/1").expects.clear()
        }),
        mutation("proof-missing", "nobody asks the balancer after a restart", balanced, |p| {
            at(p, "restart/FE1/1").expects.retain(|c| matches!(c, Condition::Restarted { .. }));
        }),
        mutation(
            "proof-look-before",
            "an installer that doesn't ask whether anybody is sent there",
            balanced,
            |p| {
                at(p, "install/FE1/1").requires.retain(|c| !matches!(c, Condition::NodeState { .. }));
            },
        ),
        mutation("fresh-group-state", "services that have failed", alone, |p| {
            let unit = p.snapshot.clusters.values_mut().next().unwrap();
            unit.groups.values_mut().for_each(|g| g.state = GroupState::Failed);
        }),
    ]
}
