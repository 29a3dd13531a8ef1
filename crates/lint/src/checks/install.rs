//! Is every install on an empty, staged, quiet node, in the right state of the cluster service?

use std::collections::BTreeSet;

use kaketsugi_estate::{ReleaseState, ServerId};
use kaketsugi_knowledge::{Fit, Installed};
use kaketsugi_plan::{Action, Payload, ServiceNeed};

use crate::ledger::{Group, Service, is_product_group};
use crate::objection::{Check, Cite, Found};
use crate::walk::{Moment, Walk, has_files, names};

pub(super) const CHECKS: &[Check] = &[
    Check {
        code: "install-on-carrier",
        asks: "Nothing is installed on a node that carries a group.",
        hint: "drain the node, or move its groups, before the install",
        rule: Cite::both("E03-CLU-02-EMPTY", "PCMK-STANDBY"),
        find: on_carrier,
    },
    Check {
        code: "install-service-state",
        asks: "The cluster service is in the state that the installer needs.",
        hint: "stop (or start) the cluster service right before the install",
        rule: Cite::both("E03-CLU-03-STOP", "PCMK-STANDBY"),
        find: service_state,
    },
    Check {
        code: "install-undrained",
        asks: "A node is kept free of groups for the time of the install: drained, or out of the cluster.",
        hint: "drain the node first: an empty node is given groups by the cluster at any time",
        rule: Cite::debian("PCMK-STANDBY"),
        find: undrained,
    },
    Check {
        code: "install-unstaged",
        asks: "The files are on the node, digests checked, before they are installed.",
        hint: "stage the release on the node",
        rule: Cite::NONE,
        find: unstaged,
    },
    Check {
        code: "install-staged-late",
        asks: "All nodes of a cluster are staged before the first one is drained, moved off or stopped.",
        hint: "stage every node first: what is missing is to be found while everything still runs",
        rule: Cite::NONE,
        find: staged_late,
    },
    Check {
        code: "install-not-quiet",
        asks: "Timers, unattended upgrades, failback and service starts are off before a node is stopped or patched.",
        hint: "quiet the node first",
        rule: Cite::both("E03-CLU-07-START", "POLICY-RC.D"),
        find: not_quiet,
    },
    Check {
        code: "install-quiet-late",
        asks: "All nodes of a cluster are quiet before the first one is drained, moved off or stopped.",
        hint: "quiet every node first: an update or a failback elsewhere would be a second thing out",
        rule: Cite::both("E03-CLU-07-START", "POLICY-RC.D"),
        find: quiet_late,
    },
    Check {
        code: "install-first",
        asks: "Releases that must come first are installed first.",
        hint: "install them on the drained node before the release",
        rule: Cite::exchange("E03-CLU-IIS-FIX"),
        find: first,
    },
    Check {
        code: "install-unfit",
        asks: "A release goes onto servers whose version it is made for.",
        hint: "choose a release that is newer than what is there, and install what it needs first",
        rule: Cite::NONE,
        find: unfit,
    },
    Check {
        code: "install-again",
        asks: "Nothing is installed twice, nor over something newer.",
        hint: "leave the node out: the release is there",
        rule: Cite::NONE,
        find: again,
    },
    Check {
        code: "install-half-done-first",
        asks: "A half-done node is completed before another one is touched.",
        hint: "let the half-done node be the first",
        rule: Cite::debian("DPKG"),
        find: half_done_first,
    },
];

fn on_carrier(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (m, node, release) in walk.all_installs().filter(|(m, node, _)| m.before.cluster_of(node).is_some()) {
        // Where it works in place, the product's own groups stay.
        let stays = |group: &Group<'_>| m.works_in_place(node) && is_product_group(walk.plan, group);
        let groups: Vec<_> =
            m.before.groups_on(node).filter(|(_, g)| !stays(g)).map(|((_, group), _)| group).collect();
        if !groups.is_empty() {
            found.push(Found::at(
                m.step,
                format!("{release} would be installed on {node} while it carries {}", names(groups)),
            ));
        }
    }
    found
}

fn service_state(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (m, node, release) in walk.all_installs() {
        let Some(books) = m.before.nodes.get(node).filter(|n| n.cluster.is_some()) else { continue };
        let need = match m.works_in_place(node) {
            true => Some(ServiceNeed::Running),
            false => walk.plan.payload.find(release).map(|p| p.service),
        };
        let why = match (need, books.service) {
            (Some(ServiceNeed::Stopped), Service::Running | Service::Starting) => {
                "has to be stopped, and may run"
            }
            (Some(ServiceNeed::Running), Service::Stopped) => "has to run, and is stopped",
            _ => continue,
        };
        found.push(Found::at(m.step, format!("for {release} the cluster service on {node} {why}")));
    }
    found
}

fn undrained(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (m, node, release) in walk.all_installs() {
        let Some(books) = m.before.nodes.get(node).filter(|n| n.cluster.is_some()) else { continue };
        // On Windows groups go nowhere by themselves while failback is off.
        let pacemaker = m.before.kind_of(node) == Some(kaketsugi_estate::ClusterKind::Pacemaker);
        if pacemaker && !books.standby && books.service != Service::Stopped {
            found.push(Found::at(
                m.step,
                format!("while {release} is installed the cluster may give {node} a group"),
            ));
        }
    }
    found
}

fn unstaged(walk: &Walk<'_>) -> Vec<Found> {
    walk.all_installs()
        .filter(|(m, node, release)| {
            walk.plan.payload.find(release).is_some_and(has_files)
                && !m.before.nodes.get(*node).is_some_and(|n| n.staged.contains(release))
        })
        .map(|(m, node, release)| {
            Found::at(m.step, format!("the files of {release} were never brought onto {node}"))
        })
        .collect()
}

fn staged_late(walk: &Walk<'_>) -> Vec<Found> {
    late(walk, |action| matches!(action, Action::Stage { .. }))
}

fn quiet_late(walk: &Walk<'_>) -> Vec<Found> {
    late(walk, |action| matches!(action, Action::Quiet { .. }))
}

/// Steps of a kind that come after something in their cluster was taken out.
fn late(walk: &Walk<'_>, kind: impl Fn(&Action) -> bool) -> Vec<Found> {
    let mut found = Vec::new();
    for m in walk.moments().filter(|m| kind(&m.step.action)) {
        let cluster = walk.cluster_of(m.step);
        let first = walk.first(|f| takes_something_out(f) && walk.cluster_of(f.step) == cluster);
        if let Some(first) = first.filter(|f| f.index < m.index && cluster.is_some()) {
            found.push(Found::at(
                m.step,
                format!("it comes after {}, which takes something out already", first.step.id),
            ));
        }
    }
    found
}

/// Whether a step takes a node or a group of users out, for however short a time.
pub(super) fn takes_something_out(m: &Moment<'_, '_>) -> bool {
    match &m.step.action {
        // Users notice nothing of the quorum's moves.
        Action::Move { cluster, group, .. } => {
            m.before.groups.get(&(cluster, group)).is_none_or(Group::serves_users)
        }
        action => matches!(
            action,
            Action::Drain { .. }
                | Action::TakeOffline { .. }
                | Action::StopService { .. }
                | Action::Install { .. }
                | Action::Optimize { .. }
                | Action::Restart { .. }
        ),
    }
}

fn not_quiet(walk: &Walk<'_>) -> Vec<Found> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for m in walk.moments() {
        let (Action::Install { node, .. } | Action::StopService { node, .. } | Action::Restart { node }) =
            &m.step.action
        else {
            continue;
        };
        let quiet = m.before.nodes.get(node).is_some_and(|n| n.quiet);
        if !quiet && m.before.has_settings(node) && seen.insert(node) {
            found.push(Found::at(
                m.step,
                format!("{node} isn't quiet: something else may act on it meanwhile"),
            ));
        }
    }
    found
}

fn first(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (m, node) in walk.installs() {
        let there =
            |id: &str| m.before.nodes.get(node).is_some_and(|n| n.installed.iter().any(|r| r.as_str() == id));
        let frozen = walk.plan.payload.first.iter().map(|p| p.id.as_str().to_owned());
        let os = walk.plan.estate.servers.get(node).and_then(|s| match s.os {
            kaketsugi_estate::Os::Windows2003 => Some("windows-2003"),
            kaketsugi_estate::Os::WindowsNt4 => Some("windows-nt4"),
            kaketsugi_estate::Os::Windows2000 => Some("windows-2000"),
            kaketsugi_estate::Os::Debian => None,
        });
        let listed = walk
            .release
            .iter()
            .flat_map(|r| &r.prerequisites)
            .filter(|p| os.is_some_and(|os| p.holds_on(os)))
            .map(|p| p.release.as_str().to_owned());
        let missing: BTreeSet<String> = frozen.chain(listed).filter(|id| !there(id)).collect();
        if !missing.is_empty() {
            found.push(Found::at(m.step, format!("{} must be on {node} before it", names(missing))));
        }
    }
    found
}

fn unfit(walk: &Walk<'_>) -> Vec<Found> {
    let Some(release) = &walk.release else { return Vec::new() };
    let whole = |node: &ServerId| walk.found(node, &walk.plan.payload.id) != Some(ReleaseState::Partial);
    let mut found = Vec::new();
    for (m, node) in walk.installs().filter(|(_, node)| whole(node)) {
        let version = walk.plan.snapshot.servers.get(node).and_then(|s| s.version.as_deref());
        let build = version.and_then(|v| v.parse().ok());
        let installed = Installed { product: &release.product, build, hotfixes: BTreeSet::new() };
        let has = version.unwrap_or("an unknown version");
        let why = match release.fits(&installed) {
            Fit::Older { .. } => "it is older than what is there",
            Fit::NeedsFirst(_) => "it needs another release first",
            Fit::Unknown => "whether it fits can't be said",
            Fit::Installable | Fit::AlreadyInstalled | Fit::WrongProduct => continue,
        };
        found.push(Found::at(
            m.step,
            format!("{} would be installed on {node}, which has {has}: {why}", release.id),
        ));
    }
    found
}

fn again(walk: &Walk<'_>) -> Vec<Found> {
    walk.all_installs()
        .filter(|(m, node, release)| m.before.nodes.get(*node).is_some_and(|n| n.installed.contains(release)))
        .map(|(m, node, release)| {
            Found::at(m.step, format!("{release}, or something newer, is on {node} already"))
        })
        .collect()
}

fn half_done_first(walk: &Walk<'_>) -> Vec<Found> {
    fn all(payload: &Payload) -> Vec<&Payload> {
        std::iter::once(payload).chain(payload.first.iter().flat_map(all)).collect()
    }
    let releases = all(&walk.plan.payload);
    let partial =
        |node: &ServerId| releases.iter().any(|p| walk.found(node, &p.id) == Some(ReleaseState::Partial));
    let mut found = Vec::new();
    let mut whole_seen: Vec<(&ServerId, _)> = Vec::new();
    for (m, node) in walk.installs() {
        let cluster = m.before.cluster_of(node);
        if !partial(node) {
            whole_seen.push((node, cluster));
        } else if let Some((other, _)) = whole_seen.iter().find(|(_, c)| *c == cluster && cluster.is_some()) {
            found.push(Found::at(m.step, format!("{node} is half-done, and {other} is patched before it")));
        }
    }
    found
}
