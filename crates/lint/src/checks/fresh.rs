//! Does the snapshot allow a run at all, and does the estate still read as it did?

use kaketsugi_estate::{Estate, GroupState, NodeState, ReleaseState, ServerId, Trouble};
use kaketsugi_knowledge::{Force, rules};
use kaketsugi_plan::{Action, Plan};

use crate::objection::{Check, Cite, Found, Objection};
use crate::walk::Walk;

const UNREACHED: Check = Check {
    code: "fresh-unreached",
    asks: "Every server of the estate was looked at.",
    hint: "make the servers reachable, and the plan anew",
    rule: Cite::NONE,
    find: unreached,
};

const CHANGED: Check = Check {
    code: "fresh-estate-changed",
    asks: "The estate file still says what it said when the plan was made.",
    hint: "make the plan anew",
    rule: Cite::NONE,
    // Judged by `lint_against`: the plan alone can't tell.
    find: |_| Vec::new(),
};

pub(super) const CHECKS: &[Check] = &[
    UNREACHED,
    CHANGED,
    Check {
        code: "fresh-node-state",
        asks: "No node is in maintenance, unclean or on its way; one that is offline is brought back by the plan.",
        hint: "see to the node first, then make the plan anew",
        rule: Cite::debian("PCMK-FENCING"),
        find: node_states,
    },
    Check {
        code: "fresh-quorum",
        asks: "Every cluster has quorum.",
        hint: "restore the quorum first, then make the plan anew",
        rule: Cite::debian("VOTEQUORUM"),
        find: quorum,
    },
    Check {
        code: "fresh-trouble",
        asks: "Nothing stands in the way: no failed action, no fail-count, fencing in order.",
        hint: "clear the cause first (or allow it by policy, where policy can), then make the plan anew",
        rule: Cite::debian("PCMK-FAILCOUNT"),
        find: troubles,
    },
    Check {
        code: "fresh-group-state",
        asks: "No group has failed or is on its way.",
        hint: "wait until the group is still, or repair it, then make the plan anew",
        rule: Cite::NONE,
        find: group_states,
    },
    Check {
        code: "fresh-installer",
        asks: "No installer or package manager is at work that isn't ours; not knowing counts as yes.",
        hint: "wait until it has ended, then make the plan anew",
        rule: Cite::both("ALL-ONE-INSTALLER", "APT-GET"),
        find: installers,
    },
    Check {
        code: "fresh-waiver",
        asks: "Only recommended rules are waived, by name and with a reason.",
        hint: "take the waiver out of the policy; required rules can't be waived",
        rule: Cite::NONE,
        find: waivers,
    },
];

/// What [`crate::lint_against`] asks.
pub(crate) fn estate_unchanged(plan: &Plan, now: &Estate) -> Vec<Objection> {
    let was = &plan.estate;
    let changed = [
        ("the policy", was.policy != now.policy),
        ("the servers", was.servers != now.servers),
        ("the clusters", was.clusters != now.clusters),
        ("the files of releases", was.media != now.media),
        ("what a run logs in to beside the servers", was.access != now.access),
    ];
    let parts: Vec<&str> = changed.iter().filter(|(_, changed)| *changed).map(|(what, _)| *what).collect();
    if parts.is_empty() {
        return Vec::new();
    }
    let message = format!("{} changed in the estate file since the plan was made", parts.join(" and "));
    vec![CHANGED.object(plan, Found::plan(message))]
}

fn unreached(walk: &Walk<'_>) -> Vec<Found> {
    let seen = &walk.plan.snapshot.servers;
    let mut found: Vec<Found> = walk
        .plan
        .estate
        .servers
        .keys()
        .filter(|id| !seen.get(*id).is_some_and(|s| s.reached))
        .map(|id| {
            let why = seen.get(id).and_then(|s| s.unreached_why.as_deref()).unwrap_or("it wasn't looked at");
            Found::plan(format!("{id} didn't answer: {why}"))
        })
        .collect();
    for (id, cluster) in &walk.plan.estate.clusters {
        let Some(seen) = walk.seen(id) else {
            found.push(Found::plan(format!("the cluster {id} wasn't looked at")));
            continue;
        };
        for node in cluster.nodes.iter().filter(|n| !seen.nodes.contains_key(*n)) {
            found.push(Found::plan(format!("{node} isn't known to the cluster {id}")));
        }
        for node in seen.nodes.keys().filter(|n| !cluster.nodes.contains(n)) {
            found.push(Found::plan(format!("{node} is a node of {id} that the estate file doesn't name")));
        }
    }
    found
}

fn node_states(walk: &Walk<'_>) -> Vec<Found> {
    let started = |node: &ServerId| {
        walk.plan.steps.iter().any(|s| matches!(&s.action, Action::StartService { node: n, .. } if n == node))
    };
    let mut found = Vec::new();
    for (cluster, seen) in &walk.plan.snapshot.clusters {
        for (node, seen) in &seen.nodes {
            let why = match seen.state {
                NodeState::Maintenance => "is in maintenance",
                NodeState::Pending => "is on its way",
                NodeState::Unclean => "is unclean, to be fenced",
                NodeState::Offline if !started(node) => "is offline, and no step brings it back",
                NodeState::Online | NodeState::Standby | NodeState::Offline => continue,
            };
            found.push(Found::plan(format!("{node} of {cluster} {why}")));
        }
    }
    found
}

fn quorum(walk: &Walk<'_>) -> Vec<Found> {
    walk.plan
        .snapshot
        .clusters
        .iter()
        .filter(|(_, c)| c.quorum.has != Some(true))
        .map(|(id, _)| Found::plan(format!("{id} has no quorum, or it isn't known")))
        .collect()
}

fn troubles(walk: &Walk<'_>) -> Vec<Found> {
    let policy = &walk.plan.estate.policy;
    let payload = &walk.plan.payload;
    let clusters = walk
        .plan
        .snapshot
        .clusters
        .iter()
        .flat_map(|(id, c)| c.trouble.iter().map(move |t| (id.as_str(), None, t)));
    let servers = walk
        .plan
        .snapshot
        .servers
        .iter()
        .flat_map(|(id, s)| s.trouble.iter().map(move |t| (id.as_str(), Some(id), t)));
    let bears = |server: Option<&ServerId>, trouble: &Trouble| match trouble {
        Trouble::FencingDisabled => policy.allow_fencing_disabled,
        // A warning: a stop that times out leads to fencing, and the run stops then.
        Trouble::StopNearTimeout { .. } => true,
        Trouble::PackagesHeld { packages } => {
            server.is_some_and(|id| payload.packages(id).iter().all(|p| !packages.contains(&p.name)))
        }
        // What was begun and not completed is completed by this very release.
        Trouble::PackagesBroken { .. } => {
            server.is_some_and(|id| walk.found(id, &payload.id) == Some(ReleaseState::Partial))
        }
        _ => false,
    };
    clusters
        .chain(servers)
        .filter(|(_, server, trouble)| !bears(*server, trouble))
        .map(|(place, _, trouble)| Found::plan(format!("{place}: {trouble}")).cite(source(trouble)))
        .collect()
}

fn source(trouble: &Trouble) -> Option<&'static str> {
    Some(match trouble {
        Trouble::FailedAction { .. } | Trouble::FailCount { .. } => "PCMK-FAILCOUNT",
        Trouble::FencingPending { .. }
        | Trouble::FencingFailed { .. }
        | Trouble::FencingDisabled
        | Trouble::Unclean { .. } => "PCMK-FENCING",
        Trouble::NoQuorum => "VOTEQUORUM",
        Trouble::PackagesHeld { .. } => "APT-MARK",
        Trouble::PackagesBroken { .. } => "DPKG",
        Trouble::PackageLockHeld { .. } => "APT-GET",
        _ => return None,
    })
}

fn group_states(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (cluster, seen) in &walk.plan.snapshot.clusters {
        for (id, group) in &seen.groups {
            let why = match group.state {
                GroupState::Failed => "has failed",
                GroupState::Pending => "is on its way",
                GroupState::Online | GroupState::Partial | GroupState::Offline => continue,
            };
            found.push(Found::plan(format!("{id} in {cluster} {why}")));
        }
    }
    found
}

fn installers(walk: &Walk<'_>) -> Vec<Found> {
    let seen = &walk.plan.snapshot.servers;
    let mut nodes: Vec<&ServerId> = walk.all_installs().map(|(_, node, _)| node).collect();
    nodes.dedup();
    nodes
        .into_iter()
        .filter(|node| seen.get(*node).and_then(|s| s.installer_running) != Some(false))
        .map(|node| Found::plan(format!("an installer runs on {node}, or it isn't known that none does")))
        .collect()
}

fn waivers(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for waiver in &walk.plan.estate.policy.waivers {
        let rule = rules().get(&waiver.rule);
        let force = rule.map(|rule| match &walk.release {
            Some(release) => rule.force_for(release).unwrap_or(rule.force),
            None => rule.force,
        });
        let why = match force {
            None => "there is no such rule",
            Some(Force::Required) => "it is required",
            Some(Force::Recommended) if waiver.by.trim().is_empty() => "nobody is named",
            Some(Force::Recommended) if waiver.reason.trim().is_empty() => "no reason is given",
            Some(Force::Recommended) => continue,
        };
        found.push(Found::plan(format!("{} is waived, but {why}", waiver.rule)));
    }
    found
}
