//! Does each step look before it acts, and prove that it is done?

use kaketsugi_estate::{GroupState, NodeState, ServerId};
use kaketsugi_plan::{Action, Condition, ServiceNeed, Step};

use crate::ledger::Service;
use crate::objection::{Check, Cite, Found};
use crate::walk::{Moment, Walk, has_files, names};

pub(super) const CHECKS: &[Check] = &[
    Check {
        code: "proof-missing",
        asks: "Every step's `expects` proves that what it does is done.",
        hint: "add the condition to `expects`; without it a step counts as done that did nothing",
        rule: Cite::NONE,
        find: expects,
    },
    Check {
        code: "proof-look-before",
        asks: "Every step that may do harm has the conditions that make it harmless in `requires`.",
        hint: "add the condition to `requires`; what the plan foresaw may not be what is there",
        rule: Cite::NONE,
        find: requires,
    },
    Check {
        code: "proof-others-online",
        asks: "No node leaves while another one is out.",
        hint: "require that all other nodes are online, but for those found in standby",
        rule: Cite::both("E03-CLU-ONE-NODE", "VOTEQUORUM"),
        find: others_online,
    },
    Check {
        code: "proof-contradiction",
        asks: "What a step expects can come true by it.",
        hint: "make the plan anew: the run would stop at this step for want of its proof",
        rule: Cite::NONE,
        find: contradictions,
    },
    Check {
        code: "proof-impossible",
        asks: "What a step requires can be true by the steps before it.",
        hint: "make the plan anew: the run would stop right before this step",
        rule: Cite::NONE,
        find: impossible,
    },
];

/// A condition that is wanted, and its words.
type Wanted<'p> = (&'static str, Box<dyn Fn(&Condition) -> bool + 'p>);

fn want<'p>(what: &'static str, test: impl Fn(&Condition) -> bool + 'p) -> Wanted<'p> {
    (what, Box::new(test))
}

fn missing(step: &Step, conditions: &[Condition], wanted: &[Wanted<'_>]) -> Option<Found> {
    let missing: Vec<&str> =
        wanted.iter().filter(|(_, test)| !conditions.iter().any(test)).map(|(what, _)| *what).collect();
    (!missing.is_empty())
        .then(|| Found::at(step, format!("it doesn't ask whether {}", missing.join("; nor whether "))))
}

fn expects(walk: &Walk<'_>) -> Vec<Found> {
    walk.plan
        .steps
        .iter()
        .filter_map(|step| missing(step, &step.expects, &proofs(walk, &step.action)))
        .collect()
}

fn proofs<'p>(walk: &Walk<'p>, action: &'p Action) -> Vec<Wanted<'p>> {
    use Condition as C;
    let pooled = |node: &ServerId| walk.start().nodes.get(node).is_some_and(|n| n.pool.is_some());
    match action {
        Action::Attest { evidence } => {
            vec![want(
                "there is the evidence",
                move |c| matches!(c, C::Evidence { kind, .. } if kind == evidence),
            )]
        }
        Action::Stage { node, release } => vec![want(
            "the files are there",
            move |c| matches!(c, C::Staged { node: n, release: r } if n == node && r == release),
        )],
        Action::Quiet { node } => {
            vec![want("the node is quiet", move |c| matches!(c, C::IsQuiet { node: n } if n == node))]
        }
        Action::PutBack { node } => {
            vec![want("the settings are back", move |c| matches!(c, C::PutBack { node: n } if n == node))]
        }
        Action::Drain { node, .. } if pooled(node) => vec![out(node)],
        Action::Drain { node, .. } => {
            vec![want("the node is empty", move |c| matches!(c, C::NodeEmpty { node: n, .. } if n == node))]
        }
        Action::Pause { node, .. } => vec![want("the node is paused", move |c| standby(c, node))],
        Action::Readmit { node, .. } => vec![want("the node is online", move |c| online(c, node))],
        Action::Move { group, to, .. } => vec![want(
            "the group has arrived",
            move |c| matches!(c, C::Owner { group: g, node: n, .. } if g == group && n == to),
        )],
        Action::TakeOffline { group, .. } => vec![want(
            "only the kept-online set is online",
            move |c| matches!(c, C::OnlyKeptOnline { group: g, .. } if g == group),
        )],
        Action::UpgradeGroup { group, .. } => vec![want(
            "the directory carries the new build",
            move |c| matches!(c, C::GroupVersion { group: g, .. } if g == group),
        )],
        Action::BringOnline { group, .. } => vec![want("the group is online as before", move |c| match c {
            C::GroupAsBefore { group: g, .. } | C::Group { group: g, state: GroupState::Online, .. } => {
                g == group
            }
            _ => false,
        })],
        Action::StopService { node, .. } => vec![want(
            "the cluster service is stopped",
            move |c| matches!(c, C::Service { node: n, running: false } if n == node),
        )],
        Action::StartService { node, .. } => vec![want(
            "the cluster service runs or the node is a member",
            move |c| matches!(c, C::Service { node: n, running: true } | C::NodeState { node: n, state: NodeState::Online | NodeState::Standby, .. } if n == node),
        )],
        Action::Install { node, release } => vec![want(
            "the release is whole",
            move |c| matches!(c, C::Installed { node: n, release: r } if n == node && r == release),
        )],
        Action::Optimize { node } => {
            vec![want("the optimizer was run", move |c| matches!(c, C::Optimized { node: n } if n == node))]
        }
        Action::Restart { node } => {
            let anew = want(
                "the node has started anew",
                move |c| matches!(c, C::Restarted { node: n } if n == node),
            );
            [Some(anew), pooled(node).then(|| out(node))].into_iter().flatten().collect()
        }
        Action::Soak { .. } | Action::Verify { .. } => vec![want("anything is as it should be", |_| true)],
    }
}

fn out(server: &ServerId) -> Wanted<'_> {
    want("the balancer gives the server no requests", move |c| standby(c, server))
}

fn standby(condition: &Condition, node: &ServerId) -> bool {
    matches!(condition, Condition::NodeState { node: n, state: NodeState::Standby, .. } if n == node)
}

fn online(condition: &Condition, node: &ServerId) -> bool {
    matches!(condition, Condition::NodeState { node: n, state: NodeState::Online, .. } if n == node)
}

fn requires(walk: &Walk<'_>) -> Vec<Found> {
    walk.moments().filter_map(|m| missing(m.step, &m.step.requires, &needs(walk, &m))).collect()
}

fn needs<'p>(walk: &Walk<'p>, m: &Moment<'_, 'p>) -> Vec<Wanted<'p>> {
    use Condition as C;
    let clustered = |node| m.before.cluster_of(node).is_some();
    let empty = |node: &'p ServerId| {
        want("no group is on the node", move |c| matches!(c, C::NodeEmpty { node: n, .. } if n == node))
    };
    let quorum = |node: &'p ServerId| {
        want(
            "the cluster keeps its quorum without the node",
            move |c| matches!(c, C::QuorumWithout { node: n, .. } if n == node),
        )
    };
    match &m.step.action {
        Action::Install { node, release } => {
            let mut wanted = vec![want(
                "no other installer runs",
                move |c| matches!(c, C::NoInstaller { node: n } if n == node),
            )];
            if walk.plan.payload.find(release).is_some_and(has_files) {
                wanted.push(want(
                    "the files are there",
                    move |c| matches!(c, C::Staged { node: n, release: r } if n == node && r == release),
                ));
            }
            let in_place = m.works_in_place(node);
            if in_place {
                let owned = |(key, _): (crate::ledger::Key<'p>, _)| {
                    want(
                        "the groups that stay there are there",
                        move |c| matches!(c, C::Owner { group, node: n, .. } if group == key.1 && n == node),
                    )
                };
                wanted.extend(m.before.groups_on(node).map(owned));
                wanted.extend(stays_paused(walk, m, node));
            } else if clustered(node) {
                wanted.push(empty(node));
            }
            if m.before.nodes.get(node).is_some_and(|n| n.pool.is_some()) {
                wanted.push(out(node));
            }
            let running = match walk.plan.payload.find(release).map(|p| p.service) {
                _ if in_place => Some(true),
                Some(ServiceNeed::Stopped) => Some(false),
                Some(ServiceNeed::Running) => Some(true),
                Some(ServiceNeed::Either) | None => None,
            };
            if let Some(wished) = running.filter(|_| clustered(node)) {
                wanted.push(want(
                    "the cluster service is in the state that the installer needs",
                    move |c| matches!(c, C::Service { node: n, running } if n == node && *running == wished),
                ));
            }
            wanted
        }
        Action::Optimize { node } if clustered(node) => {
            let owned = |(key, _): (crate::ledger::Key<'p>, _)| {
                want(
                    "the groups that it works for are there",
                    move |c| matches!(c, C::Owner { group, node: n, .. } if group == key.1 && n == node),
                )
            };
            m.before.groups_on(node).filter(|(_, g)| g.serves_users()).map(owned).collect()
        }
        Action::Drain { node, .. } if clustered(node) => vec![quorum(node)],
        Action::Move { to, .. } => {
            vec![want("the node that the group goes to is online", move |c| online(c, to))]
        }
        Action::StopService { node, .. } => vec![empty(node), quorum(node)],
        Action::Restart { node } if clustered(node) => vec![empty(node)],
        _ => Vec::new(),
    }
}

/// Nodes with the older version that run and are kept from taking what the install begins to change: by this plan, or by
/// whoever had paused them before.
fn stays_paused<'p>(walk: &Walk<'p>, m: &Moment<'_, 'p>, node: &'p ServerId) -> Vec<Wanted<'p>> {
    let Some(cluster) = m.before.cluster_of(node).filter(|_| walk.plan.payload.one_way) else {
        return Vec::new();
    };
    let old = m.before.cluster_nodes(cluster).filter(|(id, books)| {
        *id != node && !m.before.patched(id) && books.standby && books.service == Service::Running
    });
    old.map(|(id, _)| want("the nodes with the older version stay paused", move |c| standby(c, id))).collect()
}

fn others_online(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for m in walk.moments() {
        let (Action::Drain { cluster, node } | Action::StopService { cluster, node }) = &m.step.action else {
            continue;
        };
        // A server that stands alone has no others.
        if m.before.cluster_of(node).is_none() {
            continue;
        }
        // Nodes that were found in standby may be named as well, and those that this plan has paused, where it asks
        // whether they are there.
        let asked_for = |id: &ServerId| m.step.requires.iter().any(|c| standby(c, id));
        let allowed = |id: &ServerId| {
            id == node
                || asked_for(id)
                || walk
                    .seen(cluster)
                    .and_then(|c| c.nodes.get(id))
                    .is_some_and(|n| n.state != NodeState::Online)
        };
        let asked = m.step.requires.iter().find_map(|c| match c {
            Condition::OthersOnline { cluster: c, except } if c == cluster => Some(except),
            _ => None,
        });
        match asked {
            None => found.push(Found::at(
                m.step,
                format!("it doesn't ask whether all nodes of {cluster} but {node} are online"),
            )),
            Some(except) => {
                let others: Vec<&ServerId> = except.iter().filter(|id| !allowed(id)).collect();
                if !others.is_empty() {
                    found.push(Found::at(
                        m.step,
                        format!("it would go on while {} may be out", names(others)),
                    ));
                }
            }
        }
    }
    found
}

fn contradictions(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for m in walk.moments() {
        for condition in m.step.expects.iter().filter(|c| !m.after.may_hold(c)) {
            found.push(Found::at(m.step, format!("after it, it can't be that {condition}")));
        }
    }
    found
}

fn impossible(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for m in walk.moments() {
        for condition in m.step.requires.iter().filter(|c| !m.before.may_hold(c)) {
            found.push(Found::at(m.step, format!("before it, it can't be that {condition}")));
        }
    }
    found
}
