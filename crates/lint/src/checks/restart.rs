//! Is a node restarted exactly when it has to be?

use kaketsugi_estate::{ClusterKind, RestartPolicy};
use kaketsugi_plan::{Action, Payload, RestartNeed};

use crate::ledger::Service;
use crate::objection::{Check, Cite, Found};
use crate::walk::{Moment, Walk};

pub(super) const CHECKS: &[Check] = &[
    Check {
        code: "restart-missing",
        asks: "After an install that may ask for a restart there is one, before the node goes on.",
        hint: "add the restart after the install; with `when` it is skipped unless it is asked for",
        rule: Cite::both("E03-CLU-05-REBOOT", "REBOOT-REQUIRED"),
        find: missing,
    },
    Check {
        code: "restart-conditional",
        asks: "A restart that is due in any case doesn't wait for being asked for.",
        hint: "take the `when` away",
        rule: Cite::both("E03-CLU-IIS-FIX", "REBOOT-REQUIRED"),
        find: conditional,
    },
    Check {
        code: "restart-unasked",
        asks: "No node is restarted that nobody wants restarted.",
        hint: "skip it unless the installer or the system asks, or let policy say `always`",
        rule: Cite::both("ALL-CLU-NO-REBOOT", "REBOOT-REQUIRED"),
        find: unasked,
    },
    Check {
        code: "restart-stack-running",
        asks: "The cluster stack is stopped before a restart: a node that leaves in good order is never fenced.",
        hint: "stop the cluster service right before the restart",
        rule: Cite::debian("PCMK-STOP-FAILURE"),
        find: stack_running,
    },
];

/// What the plan owes after the install of a release.
fn need(payload: &Payload, policy: RestartPolicy) -> RestartNeed {
    match (payload.restart, policy) {
        (RestartNeed::Always, _) | (RestartNeed::IfAsked, RestartPolicy::Always) => RestartNeed::Always,
        (RestartNeed::IfAsked, RestartPolicy::IfAsked) => RestartNeed::IfAsked,
        (RestartNeed::Never, _) | (RestartNeed::IfAsked, RestartPolicy::Never) => RestartNeed::Never,
    }
}

/// Installs of a release with what is owed after them, and the restart that follows, in the plan as it is written.
fn pairs<'w, 'p>(walk: &'w Walk<'p>) -> Vec<(Moment<'w, 'p>, RestartNeed, Option<&'p kaketsugi_plan::Step>)> {
    let policy = walk.plan.estate.policy.restart;
    let mut pairs = Vec::new();
    for (m, node, release) in walk.all_installs() {
        let Some(payload) = walk.plan.payload.find(release) else { continue };
        let mut restart = None;
        for step in &walk.plan.steps[m.index + 1..] {
            match &step.action {
                Action::Restart { node: n } if n == node => {
                    restart = Some(step);
                    break;
                }
                // Nothing may be built on an install whose restart is still owed.
                Action::Install { node: n, .. }
                | Action::StartService { node: n, .. }
                | Action::Readmit { node: n, .. }
                    if n == node =>
                {
                    break;
                }
                _ => {}
            }
        }
        pairs.push((m, need(payload, policy), restart));
    }
    pairs
}

fn missing(walk: &Walk<'_>) -> Vec<Found> {
    pairs(walk)
        .into_iter()
        .filter(|(_, need, restart)| *need != RestartNeed::Never && restart.is_none())
        .map(|(m, ..)| Found::at(m.step, "nothing restarts the node after it before the node is used again"))
        .collect()
}

fn conditional(walk: &Walk<'_>) -> Vec<Found> {
    pairs(walk)
        .into_iter()
        .filter(|(_, need, _)| *need == RestartNeed::Always)
        .filter_map(|(m, _, restart)| {
            let restart = restart.filter(|r| r.when.is_some())?;
            Some(Found::at(restart, format!("it is due after {} in any case", m.step.id)))
        })
        .collect()
}

fn unasked(walk: &Walk<'_>) -> Vec<Found> {
    let pairs = pairs(walk);
    walk.plan
        .steps
        .iter()
        .filter(|s| matches!(s.action, Action::Restart { .. }))
        .filter(|step| {
            let need =
                pairs.iter().find(|(.., restart)| restart.is_some_and(|r| r.id == step.id)).map(|p| p.1);
            match need {
                Some(RestartNeed::Always) => false,
                Some(RestartNeed::IfAsked) => step.when.is_none(),
                Some(RestartNeed::Never) | None => true,
            }
        })
        .map(|step| Found::at(step, "neither release nor policy wants this restart"))
        .collect()
}

fn stack_running(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for m in walk.moments() {
        let Action::Restart { node } = &m.step.action else { continue };
        let runs = m.before.nodes.get(node).is_some_and(|n| n.service != Service::Stopped);
        if runs && m.before.kind_of(node) == Some(ClusterKind::Pacemaker) {
            found.push(Found::at(m.step, format!("the cluster stack on {node} would be cut off by it")));
        }
    }
    found
}
