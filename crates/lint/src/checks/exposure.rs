//! Is every exposure declared, and no other?
//!
//! A group is exposed while one node's failure would take it down: because no other node can carry it, or because
//! the failure costs the cluster its quorum. While a step is carried out, either side of it may be the case; what is
//! so on both sides must be declared, what is so on one side may be.

use std::collections::BTreeSet;

use kaketsugi_estate::{GroupId, ServerId};
use kaketsugi_plan::Action;

use crate::ledger::{Key, Ledger, Service};
use crate::objection::{Check, Cite, Found};
use crate::walk::{Moment, Walk, names};

pub(super) const CHECKS: &[Check] = &[
    Check {
        code: "exposure-missing",
        asks: "A group that one node's failure would take down is declared exposed.",
        hint: "declare the exposure: an approval covers only what is declared",
        rule: Cite::both("E03-CLU-MOVE-EVS", "VOTEQUORUM"),
        find: missing,
    },
    Check {
        code: "exposure-false",
        asks: "No exposure is declared where another node would take over.",
        hint: "take the declaration away",
        rule: Cite::NONE,
        find: false_ones,
    },
];

type Pair<'p> = (&'p ServerId, Key<'p>);

/// Which groups would be down if which node failed. `darkly`: what isn't certain counts against the estate.
fn exposed<'p>(walk: &Walk<'p>, books: &Ledger<'p>, darkly: bool) -> BTreeSet<Pair<'p>> {
    let mut exposed = BTreeSet::new();
    for (cluster, seen) in &walk.plan.snapshot.clusters {
        let runs = |service: Service| service == Service::Running || !darkly && service == Service::Starting;
        let members: Vec<&'p ServerId> =
            books.cluster_nodes(cluster).filter(|(_, n)| runs(n.service)).map(|(id, _)| id).collect();
        for failing in &members {
            let quorate = Ledger::quorate(seen, members.len() - 1);
            for (key, group) in books.groups.iter().filter(|(key, g)| key.0 == cluster && g.serving) {
                // One that runs where it could not start (a virtual server that isn't upgraded, on a node that was
                // patched under it) is down after any failure, as far as can be told.
                let stuck = group.at.iter().any(|node| !books.fits(group, node));
                let here = match darkly {
                    true => group.at.contains(failing) || stuck,
                    false => group.owner() == Some(failing),
                };
                let takes_over = |id: &&&'p ServerId| {
                    id != &failing
                        && group.score(id).is_some()
                        && books.nodes.get(**id).is_some_and(|n| !n.standby)
                        && books.fits(group, id)
                };
                if !quorate || here && !members.iter().any(|id| takes_over(&id)) {
                    exposed.insert((*failing, *key));
                }
            }
        }
    }
    let pools: BTreeSet<_> = books.nodes.values().filter_map(|n| n.pool).collect();
    for pool in pools {
        let answering = books.answering(pool);
        let [last] = answering.iter().collect::<Vec<_>>()[..] else { continue };
        exposed.extend(
            books.groups.keys().filter(|key| books.pool_of(**key) == Some(pool)).map(|key| (*last, *key)),
        );
    }
    exposed
}

fn is_idle(m: &Moment<'_, '_>) -> bool {
    m.step.action.only_looks()
        || matches!(m.step.action, Action::Stage { .. } | Action::Quiet { .. } | Action::PutBack { .. })
}

fn said<'p>(m: &Moment<'_, 'p>) -> BTreeSet<Pair<'p>> {
    // A group is one of the node's own cluster, or one of those that its pool serves.
    let key = |node: &ServerId, group: &GroupId| {
        let found = m.before.nodes.get(node)?;
        let known = m.before.groups.keys().filter(|key| key.1 == group);
        known.copied().find(|key| match found.pool {
            Some(pool) => m.before.pool_of(*key) == Some(pool),
            None => Some(key.0) == found.cluster,
        })
    };
    m.step
        .exposes
        .iter()
        .flat_map(|e| e.groups.iter().filter_map(move |g| Some((&e.node, key(&e.node, g)?))))
        .collect()
}

fn missing(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for m in walk.moments().filter(|m| !is_idle(m)) {
        let (before, after) = (exposed(walk, m.before, false), exposed(walk, m.after, false));
        let said = said(&m);
        let silent: Vec<String> = before
            .intersection(&after)
            .filter(|pair| m.before.groups[&pair.1].serves_users() && !said.contains(*pair))
            .map(|(node, (_, group))| format!("{group} if {node} fails"))
            .collect();
        if !silent.is_empty() {
            found.push(Found::at(m.step, format!("it doesn't say what would be down: {}", names(silent))));
        }
    }
    found
}

fn false_ones(walk: &Walk<'_>) -> Vec<Found> {
    if !walk.answer {
        return Vec::new();
    }
    // What is exposed only where nothing asks for a restart is declared as well.
    let unasked = Walk::of(walk.plan, false);
    let mut found = Vec::new();
    for m in walk.moments() {
        let may: BTreeSet<Pair<'_>> = [walk.around(m.index), unasked.around(m.index)]
            .into_iter()
            .flatten()
            .flat_map(|books| exposed(walk, books, true))
            .collect();
        let wrong: Vec<String> = said(&m)
            .into_iter()
            .filter(|pair| !may.contains(pair))
            .map(|(node, (_, group))| format!("{group} if {node} fails"))
            .collect();
        if !wrong.is_empty() {
            found.push(Found::at(m.step, format!("it says would be down what would not: {}", names(wrong))));
        }
    }
    found
}
