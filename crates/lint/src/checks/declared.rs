//! Is every interruption declared, and no other?

use std::collections::{BTreeMap, BTreeSet};

use kaketsugi_plan::{Interruption, Phase, Step};

use crate::ledger::Key;
use crate::objection::{Check, Cite, Found};
use crate::walk::Walk;

pub(super) const CHECKS: &[Check] = &[
    Check {
        code: "declared-missing",
        asks: "Every step that cuts a serving group's users off says so.",
        hint: "declare the interruption: an approval covers only what is declared",
        rule: Cite::NONE,
        find: missing,
    },
    Check {
        code: "declared-false",
        asks: "No interruption is declared where nobody is cut off.",
        hint: "take the declaration away; users would be warned for nothing",
        rule: Cite::NONE,
        find: false_ones,
    },
    Check {
        code: "declared-phase",
        asks: "An interruption that spans several steps begins, lasts and ends in this order.",
        hint: "`begins` where users are cut off, `ends` where they are served again, `whole` for both in one step",
        rule: Cite::NONE,
        find: phases,
    },
];

fn declared<'p>(step: &'p Step) -> impl Iterator<Item = (Key<'p>, &'p Interruption)> {
    step.interrupts.iter().map(|i| ((&i.cluster, &i.group), i))
}

fn opens(phase: Phase) -> bool {
    matches!(phase, Phase::Whole | Phase::Begins)
}

fn missing(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for m in walk.moments() {
        let said: BTreeSet<Key<'_>> =
            declared(m.step).filter(|(_, i)| opens(i.phase)).map(|(key, _)| key).collect();
        for key in m.disrupts(true).into_iter().filter(|key| !said.contains(key)) {
            found.push(Found::at(
                m.step,
                format!("the users of {} are cut off, and it doesn't say so", key.1),
            ));
        }
    }
    found
}

fn false_ones(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    // Where a `when` says no, less happens than was declared: that is as it should be.
    for m in walk.moments().filter(|_| walk.answer) {
        let may = m.disrupts(false);
        for (key, _) in declared(m.step).filter(|(key, i)| opens(i.phase) && !may.contains(key)) {
            found.push(Found::at(m.step, format!("it doesn't touch the users of {}, and says so", key.1)));
        }
    }
    found
}

fn phases(walk: &Walk<'_>) -> Vec<Found> {
    // A group that was found half-way, offline on purpose, is in the middle of its interruption; so is a pool that nobody
    // is in.
    let start = walk.start();
    let is_cut_off = |key: Key<'_>, found_offline| match start.pool_of(key) {
        Some(_) => !start.served(key),
        None => found_offline,
    };
    let mut open: BTreeMap<Key<'_>, Option<&Step>> = start
        .groups
        .iter()
        .filter(|(key, g)| is_cut_off(**key, g.offline))
        .map(|(key, _)| (*key, None))
        .collect();
    let mut found = Vec::new();
    for m in walk.moments() {
        for (key, interruption) in declared(m.step) {
            if !m.after.groups.contains_key(&key) {
                found.push(Found::at(m.step, format!("no group {} was seen in {}", key.1, key.0)));
                continue;
            }
            let served = m.after.served(key);
            let is_open = open.contains_key(&key);
            let why = match interruption.phase {
                Phase::Whole | Phase::Begins if is_open => Some("begins again before it has ended"),
                Phase::LastsOn | Phase::Ends if !is_open => Some("goes on or ends without having begun"),
                Phase::Whole | Phase::Ends if !served => Some("is said to end, and the group isn't online"),
                Phase::Begins if served => Some("is said to last on, and the group is online"),
                _ => None,
            };
            if let Some(why) = why {
                found.push(Found::at(m.step, format!("the interruption of {} {why}", key.1)));
            }
            match interruption.phase {
                Phase::Begins => _ = open.insert(key, Some(m.step)),
                Phase::Ends => _ = open.remove(&key),
                Phase::Whole | Phase::LastsOn => {}
            }
        }
    }
    for ((_, group), step) in open {
        let message = format!("the interruption of {group} never ends");
        found.push(step.map_or_else(|| Found::plan(message.clone()), |s| Found::at(s, message.clone())));
    }
    found
}
