//! Is each step well made?

use std::collections::{BTreeMap, BTreeSet};

use kaketsugi_estate::{ServerId, TransportKind};
use kaketsugi_knowledge::cite;
use kaketsugi_plan::{Action, Actor, Condition, Content, RULES_VERSION, Recovery, SCHEMA, Step};

use crate::objection::{Check, Cite, Found};
use crate::walk::Walk;

/// The longest that a machine may take for one step: a day. Beyond that nobody waits any more.
const MACHINE_SECONDS_MAX: u32 = 86_400;

/// The longest that a person may take for one step: a week.
const PERSON_SECONDS_MAX: u32 = 7 * 86_400;

pub(super) const CHECKS: &[Check] = &[
    Check {
        code: "form-version",
        asks: "The plan's form and rules are those of this program.",
        hint: "make the plan anew with this program",
        rule: Cite::NONE,
        find: version,
    },
    Check {
        code: "form-section",
        asks: "The plan names the section or procedure that it follows.",
        hint: "make the plan anew; a plan without its section can't be compared with the article",
        rule: Cite::exchange("ALL-NOTES-AND-SECTION"),
        find: section,
    },
    Check {
        code: "form-id",
        asks: "Step ids are unique and not empty.",
        hint: "give each step an id of its own: journal and approval speak of steps by id",
        rule: Cite::NONE,
        find: ids,
    },
    Check {
        code: "form-after",
        asks: "`after` names earlier steps.",
        hint: "let `after` name steps that stand earlier in the plan",
        rule: Cite::NONE,
        find: after,
    },
    Check {
        code: "form-order",
        asks: "The steps within one cluster have a total order.",
        hint: "let each step of a cluster follow, through `after`, the one before it in the same cluster",
        rule: Cite::NONE,
        find: total_order,
    },
    Check {
        code: "form-cite",
        asks: "Every rule that is cited exists.",
        hint: "cite a row of the register or a listed source",
        rule: Cite::NONE,
        find: cites,
    },
    Check {
        code: "form-actor",
        asks: "Machines do only what a machine can do.",
        hint: "let the operator do it, with an instruction",
        rule: Cite::NONE,
        find: actors,
    },
    Check {
        code: "form-instruction",
        asks: "A person is told what to do.",
        hint: "give the step the exact instruction",
        rule: Cite::NONE,
        find: instructions,
    },
    Check {
        code: "form-when",
        asks: "Nothing branches but a restart that may be asked for, and the stop before it.",
        hint: "decide it when the plan is made; only restarts wait for what an installer says",
        rule: Cite::NONE,
        find: whens,
    },
    Check {
        code: "form-recovery",
        asks: "What may be done after a crash fits the step: an installer is never started twice unasked.",
        hint: "`ask` for media and for virtual-server upgrades, `forward-only` for packages",
        rule: Cite::debian("DPKG"),
        find: recoveries,
    },
    Check {
        code: "form-no-return",
        asks: "Steps without a way back say so.",
        hint: "mark the step as a point of no return, so that evidence is looked at again right before it",
        rule: Cite::exchange("ALL-NO-UNINSTALL"),
        find: no_return,
    },
    Check {
        code: "form-timeout",
        asks: "Time-outs are longer than what is expected, and not endless.",
        hint: "between the expected time and a day (a week for a person)",
        rule: Cite::NONE,
        find: timeouts,
    },
    Check {
        code: "form-unreachable",
        asks: "Only a step that stops or restarts a node may lose sight of it, and of no other.",
        hint: "elsewhere a node that doesn't answer has to stop the run",
        rule: Cite::NONE,
        find: unreachable,
    },
];

fn version(walk: &Walk<'_>) -> Vec<Found> {
    let plan = walk.plan;
    let mut found = Vec::new();
    if plan.schema != SCHEMA {
        found.push(Found::plan(format!("the plan's form is version {}, known is {SCHEMA}", plan.schema)));
    }
    if plan.rules_version != RULES_VERSION {
        found.push(Found::plan(format!(
            "the plan was made for rules version {}, this is {RULES_VERSION}",
            plan.rules_version
        )));
    }
    found
}

fn section(walk: &Walk<'_>) -> Vec<Found> {
    if walk.plan.section.trim().is_empty() { vec![Found::plan("no section is named")] } else { Vec::new() }
}

fn ids(walk: &Walk<'_>) -> Vec<Found> {
    let mut seen = BTreeSet::new();
    walk.plan
        .steps
        .iter()
        .filter(|s| !seen.insert(&s.id) || s.id.as_str().trim().is_empty())
        .map(|s| Found::at(s, "another step has this id, or it is empty"))
        .collect()
}

fn after(walk: &Walk<'_>) -> Vec<Found> {
    let mut earlier = BTreeSet::new();
    let mut found = Vec::new();
    for step in &walk.plan.steps {
        for id in step.after.iter().filter(|id| !earlier.contains(id)) {
            found.push(Found::at(step, format!("it waits for {id}, which doesn't stand before it")));
        }
        earlier.insert(&step.id);
    }
    found
}

fn total_order(walk: &Walk<'_>) -> Vec<Found> {
    let ancestors = walk.ancestors();
    let mut last = BTreeMap::new();
    let mut found = Vec::new();
    for (index, step) in walk.plan.steps.iter().enumerate() {
        let Some(cluster) = walk.cluster_of(step) else { continue };
        if let Some(previous) = last.insert(cluster, index)
            && !ancestors[index].contains(&previous)
        {
            let previous = &walk.plan.steps[previous].id;
            found.push(Found::at(
                step,
                format!("it could run beside {previous}, in the same cluster {cluster}"),
            ));
        }
    }
    found
}

fn cites(walk: &Walk<'_>) -> Vec<Found> {
    let steps = walk.plan.steps.iter().flat_map(|step| {
        let unknown = step.cites.iter().filter(|id| cite(id).is_none());
        unknown.map(move |id| Found::at(step, format!("it cites {id}, which nothing is known of")))
    });
    let payload = walk.plan.payload.cites.iter().filter(|id| cite(id).is_none());
    steps
        .chain(payload.map(|id| Found::plan(format!("the release cites {id}, which nothing is known of"))))
        .collect()
}

fn actors(walk: &Walk<'_>) -> Vec<Found> {
    let estate = &walk.plan.estate;
    let unreached =
        |id: &ServerId| estate.servers.get(id).is_some_and(|s| s.transport == TransportKind::Operator);
    let why = |step: &Step| -> Option<String> {
        let about = step.action.cluster().and_then(|id| estate.clusters.get(id));
        let nodes = step.action.node().into_iter().chain(about.into_iter().flat_map(|c| &c.nodes));
        if let Some(node) = nodes.into_iter().find(|n| unreached(n)).filter(|_| !step.action.only_looks()) {
            return Some(format!("no command reaches {node}; a person does it"));
        }
        match &step.action {
            Action::Attest { .. } => Some("a machine can't attest anything".into()),
            Action::UpgradeGroup { .. } => {
                Some("no command is known that upgrades a virtual server; a person does it".into())
            }
            Action::Install { release, .. }
                if walk
                    .plan
                    .payload
                    .find(release)
                    .is_some_and(|p| matches!(p.content, Content::Media(_)) && p.command.is_none()) =>
            {
                Some(format!("no command that installs {release} may be run by a machine"))
            }
            _ => None,
        }
    };
    walk.plan
        .steps
        .iter()
        .filter(|s| s.actor == Actor::Machine)
        .filter_map(|s| Some(Found::at(s, why(s)?)))
        .collect()
}

fn instructions(walk: &Walk<'_>) -> Vec<Found> {
    walk.plan
        .steps
        .iter()
        .filter(|s| s.actor == Actor::Operator)
        .filter(|s| s.instruction.as_deref().is_none_or(|text| text.trim().is_empty()))
        .map(|s| Found::at(s, "a person is to do it, and isn't told what"))
        .collect()
}

fn whens(walk: &Walk<'_>) -> Vec<Found> {
    let fits = |step: &Step, when: &Condition| match (&step.action, when) {
        (
            Action::Restart { node } | Action::StopService { node, .. },
            Condition::RestartPending { node: asked },
        ) => node == asked,
        _ => false,
    };
    walk.plan
        .steps
        .iter()
        .filter_map(|s| Some((s, s.when.as_ref()?)))
        .filter(|(step, when)| !fits(step, when))
        .map(|(step, when)| Found::at(step, format!("it is skipped unless {when}")))
        .collect()
}

fn recoveries(walk: &Walk<'_>) -> Vec<Found> {
    let why = |step: &Step| match (&step.action, step.recovery) {
        (Action::Install { .. }, Recovery::Redo | Recovery::Undo) => {
            Some("an install whose end isn't known would be begun again unasked")
        }
        (Action::UpgradeGroup { .. }, Recovery::Redo | Recovery::Undo) => {
            Some("a virtual-server upgrade whose end isn't known would be begun again unasked")
        }
        (_, Recovery::Undo) if step.point_of_no_return => Some("a point of no return can't be taken back"),
        _ => None,
    };
    walk.plan.steps.iter().filter_map(|s| Some(Found::at(s, why(s)?))).collect()
}

fn no_return(walk: &Walk<'_>) -> Vec<Found> {
    let one_way = |step: &Step| match &step.action {
        Action::Install { release, .. } => walk.plan.payload.find(release).is_none_or(|p| p.one_way),
        Action::UpgradeGroup { .. } => true,
        _ => false,
    };
    walk.plan
        .steps
        .iter()
        .filter(|s| one_way(s) && !s.point_of_no_return)
        .map(|s| Found::at(s, "there is no way back after it, and it doesn't say so"))
        .collect()
}

fn timeouts(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for step in &walk.plan.steps {
        let max = if step.actor == Actor::Operator { PERSON_SECONDS_MAX } else { MACHINE_SECONDS_MAX };
        let least = match step.action {
            Action::Soak { seconds, .. } => step.expected_seconds.max(seconds),
            _ => step.expected_seconds,
        };
        if step.timeout_seconds == 0 || step.timeout_seconds < least || step.timeout_seconds > max {
            found.push(Found::at(
                step,
                format!(
                    "it counts as stuck after {} s; {least} s are expected, {max} s are the most",
                    step.timeout_seconds
                ),
            ));
        }
    }
    found
}

fn unreachable(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for step in &walk.plan.steps {
        let may = match &step.action {
            Action::Restart { node }
            | Action::StopService { node, .. }
            | Action::StartService { node, .. } => Some(node),
            _ => None,
        };
        for node in step.unreachable.iter().filter(|n| Some(*n) != may) {
            found.push(Found::at(step, format!("{node} may vanish during it without anybody noticing")));
        }
    }
    found
}
