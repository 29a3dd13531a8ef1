//! Is the release what the catalogue says it is?

use std::collections::BTreeSet;

use kaketsugi_estate::{ClusterKind, ServerId};
use kaketsugi_knowledge::{ClusterServiceState, Restart};
use kaketsugi_plan::{Action, Content, Payload, RestartNeed, ServiceNeed};

use crate::objection::{Check, Cite, Found};
use crate::walk::Walk;

pub(super) const CHECKS: &[Check] = &[
    Check {
        code: "payload-catalogue",
        asks: "The frozen release is no laxer than its catalogue entry.",
        hint: "make the plan anew from the catalogue",
        rule: Cite::exchange("KB328839"),
        find: catalogue,
    },
    Check {
        code: "payload-stack",
        asks: "An update of the cluster stack itself is installed with the stack stopped.",
        hint: "let the release need the cluster service stopped",
        rule: Cite::debian("PCMK-STANDBY"),
        find: stack,
    },
    Check {
        code: "payload-digest",
        asks: "Everything that will be installed has a SHA-256.",
        hint: "freeze the release again; what isn't named by its digest may be anything",
        rule: Cite::debian("APT-GET"),
        find: digests,
    },
    Check {
        code: "payload-foreign",
        asks: "Only the plan's release and what comes first are installed, on servers of the release's product.",
        hint: "make the plan anew",
        rule: Cite::NONE,
        find: foreign,
    },
];

fn catalogue(walk: &Walk<'_>) -> Vec<Found> {
    let payload = &walk.plan.payload;
    let Some(release) = &walk.release else { return Vec::new() };
    let laxer = [
        ("it is for another product", release.product != payload.product.as_str()),
        ("it is a service pack", release.kind.is_service_pack() && !payload.service_pack),
        ("there is no way back from it", release.one_way.is && !payload.one_way),
        ("virtual servers are upgraded after it", release.needs_group_upgrade() && !payload.group_upgrade),
        (
            "it needs the cluster service stopped",
            release.cluster_service() == ClusterServiceState::Stopped
                && payload.service != ServiceNeed::Stopped,
        ),
        (
            "it needs the cluster service running",
            release.cluster_service() == ClusterServiceState::Running
                && payload.service != ServiceNeed::Running,
        ),
        (
            "the node is restarted after it in any case",
            release.restart == Restart::Always && payload.restart != RestartNeed::Always,
        ),
        (
            "it may ask for a restart",
            release.restart == Restart::IfAsked && payload.restart == RestartNeed::Never,
        ),
        (
            "it brings another build",
            release.kind.is_service_pack() && release.to_build.map(|b| b.to_string()) != payload.to_build,
        ),
    ];
    laxer
        .iter()
        .filter(|(_, laxer)| *laxer)
        .map(|(what, _)| {
            Found::plan(format!("the catalogue says of {}: {what}; the plan doesn't", payload.id))
        })
        .collect()
}

fn stack(walk: &Walk<'_>) -> Vec<Found> {
    let payload = &walk.plan.payload;
    let Content::Packages(by_node) = &payload.content else { return Vec::new() };
    let Some(profile) = walk.profile(ClusterKind::Pacemaker) else { return Vec::new() };
    if payload.service == ServiceNeed::Stopped {
        return Vec::new();
    }
    let clustered = |node: &ServerId| walk.start().cluster_of(node).is_some();
    let names: BTreeSet<&str> = by_node
        .iter()
        .filter(|(node, _)| clustered(node))
        .flat_map(|(_, packages)| packages)
        .map(|p| p.name.as_str())
        .filter(|name| profile.is_stack_package(name))
        .collect();
    names
        .into_iter()
        .map(|name| {
            Found::plan(format!("{name} belongs to the cluster stack, which would run while it is replaced"))
        })
        .collect()
}

fn digests(walk: &Walk<'_>) -> Vec<Found> {
    fn all<'p>(payload: &'p Payload, found: &mut Vec<(&'p str, &'p str)>) {
        match &payload.content {
            Content::Packages(by_node) => {
                found.extend(by_node.values().flatten().map(|p| (p.name.as_str(), p.sha256.as_str())));
            }
            Content::Media(media) => found.extend(media.iter().map(|m| (m.path.as_str(), m.sha256.as_str()))),
        }
        payload.first.iter().for_each(|first| all(first, found));
    }
    let mut files = Vec::new();
    all(&walk.plan.payload, &mut files);
    let whole = |digest: &str| digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
    files
        .into_iter()
        .filter(|(_, digest)| !whole(digest))
        .map(|(name, digest)| Found::plan(format!("`{digest}` is no SHA-256 for {name}")))
        .collect()
}

fn foreign(walk: &Walk<'_>) -> Vec<Found> {
    let payload = &walk.plan.payload;
    let mut found = Vec::new();
    for step in &walk.plan.steps {
        let (Action::Install { node, release } | Action::Stage { node, release }) = &step.action else {
            continue;
        };
        if payload.find(release).is_none() {
            found.push(Found::at(step, format!("{release} isn't what this plan is for")));
        }
        match walk.plan.estate.servers.get(node) {
            None => found.push(Found::at(step, format!("{node} isn't in the estate"))),
            Some(server) if server.product != payload.product => {
                found.push(Found::at(
                    step,
                    format!("{node} runs {}, the release is for {}", server.product, payload.product),
                ));
            }
            Some(_) => {}
        }
    }
    found
}
